"""What users see without asking for a change: each small case of each study, stroke by stroke.

`tests/reference/pictures/` has them as text. A difference is a change that somebody sees: make it
on purpose, by `python -m tests.test_drawn [STUDY ...]`, read what the difference says, and look at
the picture.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from optviz.studies.lookup import studies
from optviz.studies.study import Drawn, Filmed
from tests.strokes import differences, grey, strokes
from tests.test_studies import CASES, SMALL, result_of, small

FOLDER = Path(__file__).parent / "reference" / "pictures"


def told(name: str, k: int) -> list[str]:
    """The picture, three frames of the film, and the numbers of a case."""
    study, result = small(name, k), result_of(name, k)
    lines = [f"matplotlib {matplotlib.__version__}", f"finding {study.finding(result)}"]
    if isinstance(study, Drawn):
        lines += ["== drawn", *strokes(study.draw(result))]
    if isinstance(study, Filmed) and getattr(study, "steps", True):
        film, figures = study.film(result), list[Figure]()
        dataclasses.replace(film, edit=figures.append).frame(0)
        lines += [f"== film of {len(film)} at {film.fps}", *strokes(figures[0])]
        for frame in (len(film) // 2, len(film) - 1):
            lines += [f"== frame {frame}", *grey(film.frame(frame))]
    lines += ["== table"]
    for column, values in study.table(result).columns.items():
        lines.append(f"column {column}: {summary(values)}")
    return lines


def summary(values: object) -> str:
    """Of numbers how many, how many are finite, least, mean and most; of words the first."""
    array = np.asarray(values)
    if array.dtype.kind not in "iufb":
        return f"{array.size}, {array.ravel()[:3].tolist()}"
    real = array.astype(float)[np.isfinite(array.astype(float))]
    ends = [real.min(), real.mean(), real.max()] if real.size else []
    return f"{array.size}, {real.size} finite\t" + " ".join(f"{v:.4e}" for v in ends)


@pytest.mark.parametrize(("name", "k"), CASES)
def test_what_is_drawn_is_what_it_was(name: str, k: int) -> None:
    kept = FOLDER / f"{name}-{k}.txt"
    assert kept.exists(), f"look at the picture, then: python -m tests.test_drawn {name}"
    known = kept.read_text(encoding="utf-8").splitlines()
    now = told(name, k)
    # Another Matplotlib may set its letters a little otherwise; words and colours stay.
    near = 1.01 if known[0] == now[0] else 1e9
    assert differences(known[1:], now[1:], near) == []


def test_every_picture_that_is_kept_is_of_a_study() -> None:
    wanted = {f"{name}-{k}.txt" for name, cases in SMALL.items() for k in range(len(cases))}
    assert {path.name for path in FOLDER.iterdir()} == wanted


if __name__ == "__main__":
    for name in sys.argv[1:] or list(studies):
        for k in range(len(SMALL[name])):
            text = "\n".join(told(name, k)) + "\n"
            (FOLDER / f"{name}-{k}.txt").write_text(text, encoding="utf-8")
