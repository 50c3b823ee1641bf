"""The command that opens a page in the browser, and serves it until the page is closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from optviz.cli.commands import StudyCommand, params_of, settings_of
from optviz.explorer.opening import serve
from optviz.explorer.usual import USUAL, check
from optviz.studies.plot import PlotStudy

#: What the page has places for: the settings of `plot` that it begins with.
FIELDS = (
    "optimizers", "on", "bounds", "start", "steps", "noise", "seed", "curve", "theme",
    "vary", "preset",
)  # fmt: skip
HELP = """Try optimizers on a page in the browser.

Sliders for every setting, a start that follows the mouse, basins and rates computed behind. What
is on the page is a command line, Python code and a picture that replays. The page is served to
this machine alone; Ctrl-C ends it, and so does closing it for a minute.

\b
optviz explore sgd:lr=0.9 momentum adam --on beale
optviz explore --picture race.png
"""


def explore_command() -> click.Command:
    """The command, its settings those of `plot`."""
    fields = PlotStudy.model_fields
    params = [param for name in FIELDS for param in params_of(PlotStudy, name, fields[name])]
    own: list[click.Parameter] = [
        click.Option(["--picture"], metavar="FILE", type=click.Path(path_type=Path),
                     help="Begin with what made a picture of paths."),
        click.Option(["--port"], type=click.IntRange(0, 65535), default=0, metavar="N",
                     help="Where to listen; a free port unless given."),
        click.Option(["--idle"], type=click.FloatRange(1, 1e6), default=60.0, metavar="SECONDS",
                     help="End so long after the page was closed; 60 unless given."),
        click.Option(["--browser/--no-browser"], default=True, help="Open the page."),
    ]  # fmt: skip
    return StudyCommand(
        "explore", params=[*params, *own], callback=_run, help=HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )  # fmt: skip


def _run(picture: Path | None, port: int, idle: float, browser: bool, **words: Any) -> None:
    given = settings_of(PlotStudy, words)
    study = _of_picture(picture, given) if picture is not None else _of_words(given)
    check(study)
    serve(study, port=port, idle=idle, opens=browser)


def _of_words(given: dict[str, Any]) -> PlotStudy:
    if not given.get("optimizers") and "preset" not in given and "vary" not in given:
        given["optimizers"] = USUAL
    return PlotStudy(**given).refuse_idle(given)


def _of_picture(picture: Path, given: dict[str, Any]) -> PlotStudy:
    """What made a picture of paths, be it a still or a film."""
    from optviz.studies.files import read_study

    if given:
        raise ValueError(f"--picture says all: leave {', '.join(sorted(given))} out")
    found = read_study(picture)
    if found.name not in ("plot", "animate"):
        raise ValueError(f"{picture.name} is a picture of {found.name}, and the page shows paths")
    shared = {k: v for k, v in found.texts().items() if k in PlotStudy.model_fields}
    return PlotStudy.from_data(shared)
