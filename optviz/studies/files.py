"""Studies and pictures on disk: written with what made them inside, read again, made again."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optviz.render import encode, metadata, output
from optviz.render.film import ONE_FRAME, Film
from optviz.shared.checks import as_path, check_whole
from optviz.shared.hint import Hint
from optviz.shared.spec import SpecError, read_json
from optviz.shared.table import SUFFIXES, check_suffix
from optviz.shared.text import did_you_mean, listed
from optviz.studies.catalogue import LISTED
from optviz.studies.lookup import studies
from optviz.studies.study import FORMAT, Drawn, Filmed, Progress, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: What is said of a film whose figure had an `edit`.
EDITED = "edited by hand: what is made again is without the edit"


def save(
    what: Study | Figure | Film, path: str | Path, *, dpi: int | None = None,
    progress: Progress | None = None,
) -> Path:  # fmt: skip
    """Write a picture; the suffix of `path` chooses the format.

    What optviz made carries its specification into the file, so that `optviz replay` can make it
    again.

    Parameters
    ----------
    what
        A study, which is run and drawn; a figure; or a film.
    path
        Where to; the folder must exist.
    dpi
        Dots per inch of a still, 20 to 600; the study's, or 200, unless given.
    progress
        Called with frames (or runs) done and in all.

    Returns
    -------
    Path
        The file: complete, or as it was before.

    Raises
    ------
    ValueError, OSError
        For an unknown suffix, a missing folder, or one that cannot be written.
    """
    if isinstance(what, Study):
        check_formats(what, path)
        if dpi is not None:
            what = type(what)(**{**what.settings(), "dpi": dpi})
        return write(what, what.run(progress), path, progress)
    if isinstance(what, Film):
        return what.save(path, progress=progress)
    if not hasattr(what, "savefig"):
        raise ValueError(f"save takes a study, a figure or a film, not {type(what).__name__}")
    if dpi is not None:
        check_whole("dpi", dpi, 20, 600)
    made: Study | None = getattr(what, output.STUDY, None)
    dots = 200 if dpi is None else dpi
    if isinstance(made, Drawn):
        dots = made.dpi if dpi is None else dpi
        made = made.model_copy(update={"dpi": dots})
    return output.save_figure(
        what, path, dpi=dots, spec="" if made is None else made.to_json()
    )  # fmt: skip


def write(study: Study, result: Any, path: str | Path, progress: Progress | None = None) -> Path:
    """Draw or film what a study found, as the suffix asks."""
    target = check_formats(study, path)
    if isinstance(study, Drawn) and target.suffix.lower() in output.STILL and not _frame_of(study):
        return save(study.draw(result), target)
    assert isinstance(study, Filmed)
    return study.film(result).save(target, frame=study.frame, progress=progress)


def formats_of(study: Study) -> list[str]:
    """The suffixes that a study's picture may have, the usual one first."""
    if _frame_of(study):
        return list(ONE_FRAME)
    stills = list(output.STILL) if isinstance(study, Drawn) else []
    films = list(encode.FORMATS) if isinstance(study, Filmed) else []
    pages = [".html"] if isinstance(study, Filmed) and study.is_page() else []
    return list(dict.fromkeys([*stills, *films, *pages]))


def _frame_of(study: Study) -> str | None:
    """The frame of its film that alone is wanted."""
    return study.frame if isinstance(study, Filmed) else None


def check_formats(study: Study, path: str | Path) -> Path:
    """The path, if the study can be written there."""
    suffix, other = as_path("the file", path).suffix.lower(), study.counterpart
    if other and suffix not in formats_of(study) and suffix in formats_of(studies[other]()):
        kind, another = ("film", "still") if isinstance(study, Filmed) else ("still", "film")
        raise ValueError(
            f"{suffix} is for a {another}, and {study.name} makes a {kind}: optviz {other} "
            f"writes it; or name the file with one of {listed(formats_of(study))}"
        )
    if getattr(study, "transparent", False) and suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(f"{suffix} cannot be transparent: write .png, .svg or .pdf")
    return output.check_target(path, formats_of(study))


def refuse_idle(study: Study, path: Path, given: Iterable[str]) -> None:
    """Refuse what was given for a film where a still is written, and the other way round.

    Raises
    ------
    ValueError
        With what would do.
    """
    if _frame_of(study):
        return
    is_still = isinstance(study, Drawn) and path.suffix.lower() in output.STILL
    if is_still and "fps" in given:
        raise ValueError(f"fps counts only for a film: name the file .gif, not {path.suffix}")
    if not is_still and "dpi" in given:
        raise ValueError(f"dpi counts only for a still: name the file .png, not {path.suffix}")


def check_table(path: str | Path) -> Path:
    """The path, if numbers can be written there: `Study.table(result).save(path)`."""
    return check_suffix(output.check_target(path, SUFFIXES))


def read_study(path: str | Path) -> Study:
    """The study inside a picture.

    Raises
    ------
    SpecError
        If there is none, or it is damaged.
    OSError
        If the file cannot be read.
    """
    return from_json(metadata.read(as_path("the file", path)))


def is_edited(path: str | Path) -> bool:
    """Whether the figure in a file was changed by hand after optviz drew it."""
    return bool(read_json(metadata.read(as_path("the file", path))).get("edited"))


def from_json(text: str) -> Study:
    """A study from its specification, which nobody vouches for.

    Raises
    ------
    SpecError
        If anything in it is not what it should be.
    """
    data = read_json(text)
    head = {
        name: data.pop(name, None)
        for name in ("optviz", "format", "study", "edited", "finding", "libraries")
    }
    if head["format"] is None:
        raise SpecError("this file was made before files had a format number: draw it anew")
    if head["format"] != FORMAT:
        raise SpecError(
            f"this file has the format {str(head['format'])[:20]!r}, and this optviz reads {FORMAT}"
        )
    name = str(head["study"])
    if name not in LISTED:
        known = f"{did_you_mean(name[:40], LISTED)}; there are {listed(LISTED)}"
        raise SpecError(f"no study is called {name[:40]!r}{known}")
    return studies[name].from_data(data)


def _compare_libraries(path: Path, study: Study) -> None:
    """Say where another version of a library made a picture."""
    then = read_json(metadata.read(path)).get("libraries")
    for name, here in study.libraries().items():
        there = str(then.get(name))[:40] if isinstance(then, dict) else "an unknown version"
        if there != here:
            warnings.warn(f"{path.name} was made with {name} {there}, and here is {here}: digits "
                          "may differ", Hint, stacklevel=3)  # fmt: skip


def replay(
    path: str | Path, to: str | Path | None = None, *, progress: Progress | None = None
) -> Path:
    """Make the picture in `path` again, as `to` (beside the original unless given).

    Raises
    ------
    ValueError, OSError
        If the file has no sound specification, or `to` cannot be written.
    """
    study, path = read_study(path), Path(path)
    if is_edited(path):
        warnings.warn(f"{path.name} was {EDITED}", Hint, stacklevel=2)
    if getattr(study, "noise", 0) and getattr(study, "seed", 0) is None:
        raise SpecError("its noise had no seed: this path cannot be made again")
    _compare_libraries(path, study)
    target = Path(to) if to is not None else path.with_name(f"{path.stem}-again{path.suffix}")
    if target.suffix.lower() not in formats_of(study):
        known = listed(formats_of(study))
        raise SpecError(f"{path.name} makes one of {known}, not {target.suffix!r}")
    check_formats(study, target)
    return write(study, study.run(progress), target, progress)
