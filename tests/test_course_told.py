"""What studies of networks say of data that they cannot learn from, and of their findings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optviz as ov
from optviz.shared.text import percent
from optviz.studies.lookup import studies
from optviz.studies.study import Study

#: Studies of a data set, by what data their own are.
ON_DATA = [name for name in studies if "data" in studies[name].model_fields]


def table(path: Path, labels: Any) -> str:
    rows = np.random.default_rng(0).normal(size=(len(labels), 2)).round(3)
    path.write_text("a,b,label\n" + "".join(
        f"{a},{b},{label}\n" for (a, b), label in zip(rows, labels, strict=True)))  # fmt: skip
    return str(path)


@pytest.mark.parametrize("name", ON_DATA)
def test_one_class_is_nothing_to_tell_apart(name: str, tmp_path: Path) -> None:
    data = table(tmp_path / "same.csv", ["x"] * 40)
    with pytest.raises(ValueError, match="all samples are of the class 'x'"):
        ov.study(name, data=data).run()


@pytest.mark.parametrize("name", ON_DATA)
def test_measurements_are_no_classes(name: str, tmp_path: Path) -> None:
    data = table(tmp_path / "heights.csv", np.linspace(1.5, 2.1, 40).round(4))
    with pytest.raises(ValueError, match=r"most of its 40 labels stand once.*label=COLUMN"):
        ov.study(name, data=data).run()


@pytest.mark.parametrize("name", ["few-samples", "bn-inference", "boundaries", "covariate-shift"])
def test_small_data_need_no_settings(name: str, tmp_path: Path) -> None:
    """Half of them train, or less."""
    data = table(tmp_path / "small.csv", ["x", "y"] * 40)
    settings = {"epochs": 1, **({"runs": 1} if "runs" in studies[name].model_fields else {})}
    study = ov.study(name, data=data, **settings)
    result = study.run()
    if name == "few-samples":
        assert result.sizes.tolist() == [10, 20, 40]
    elif name == "bn-inference":
        assert (result.samples, result.tested, result.sizes[-1]) == (40, 40, 32)
    else:
        assert np.shape(result.samples)[:1] == (40,) or result.samples == 40


def test_a_square_larger_than_the_images_is_refused() -> None:
    with pytest.raises(ValueError, match="window must be at most 8, the images' smaller side"):
        ov.study("conv", window=9, epochs=1).run()


def test_shares_are_never_rounded_to_none_or_all() -> None:
    assert [percent(v, 0) for v in (0, 0.004, 0.5, 0.996, 1)] == [
        "0 %", "< 1 %", "50 %", "> 99 %", "100 %",
    ]  # fmt: skip
    for share in np.random.default_rng(0).uniform(size=200):
        said = percent(share)
        assert said.strip("<> %") not in ("0.0", "100.0")
        assert abs(float(said.strip("<> %")) - 100 * share) <= 0.1


def heading(study: Study, result: Any) -> list[str]:
    figure = study.draw(result)  # type: ignore[attr-defined]
    return [text.get_text() for text in figure.texts]


def test_a_long_finding_has_two_lines_in_a_narrow_picture() -> None:
    """Its words are all there, in letters that are no smaller than need be."""
    study = ov.study("fit", units=(1, 4), steps=5, runs=1, size="700x520")
    result = study.run()
    told = study.finding(result)
    lines = [text for text in heading(study, result) if text and text in told]
    assert len(lines) == 2
    assert " ".join(lines) == told
    wide = ov.study("fit", units=(1, 4), steps=5, runs=1, size="2400x900")
    assert told in heading(wide, result)


def test_a_film_says_that_its_finding_is_of_the_end() -> None:
    study = ov.study("hidden-units", epochs=2, size="500x400")
    film = study.film(study.run())
    said: list[str] = []
    film = type(film)(**{**vars(film), "edit": lambda figure: said.extend(
        text.get_text() for text in figure.texts)})  # fmt: skip
    next(iter(film.frames()))
    assert any(text.startswith("At the end: One threshold") for text in said)


def test_vanishing_tells_of_what_is_drawn() -> None:
    """After training, if there is one: the same numbers as in the last of the lines."""
    study = ov.study("vanishing", depth=6, units=20, steps=3, activations=("relu",),
                     inits=("he", "normal:std=0.01"))  # fmt: skip
    result = study.run()
    told = study.finding(result)
    frame = result.to_pandas()
    last = frame[frame.step == 3].pivot(index="init", columns="layer", values="backward")
    ratio = last[1] / last[6]
    assert "through 6 layers after 3 steps" in told
    best = np.log(ratio).abs().idxmin()
    assert told.endswith(f"best kept by relu {best}, first layer by last {ratio[best]:.2g}")
