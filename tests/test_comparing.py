"""What people compare: rates and other settings of one optimizer, starts, and paths by name."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

import optviz as ov
from optviz.render import style, theme
from optviz.render.animate import Stage
from optviz.runs.entry import Entry, variations
from optviz.shared.settings import parse_settings, quoted
from optviz.shared.spec import SpecError
from optviz.studies import files
from tests.pictures import legend_of, words_of
from tests.test_pictures import part_of

LIGHT = theme.THEMES["light"]


def brightness(color: str) -> int:
    return sum(int(color[k : k + 2], 16) for k in (1, 3, 5))


# -- text -------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_any_text_is_read_back_from_its_quotes(text: str) -> None:
    assert parse_settings("adam", f"lr=0.1,label={quoted(text)},beta1=0.5") == {
        "lr": "0.1", "label": text, "beta1": "0.5"}  # fmt: skip


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=4), st.lists(st.floats(0, 0.9),
       min_size=1, max_size=4))  # fmt: skip
def test_variations_are_the_product(rates: list[float], betas: list[float]) -> None:
    text = f"adam:lr={','.join(map(repr, rates))},beta1={','.join(map(repr, betas))}"
    read = [entry.optimizer.hyper for entry in Entry.read_all(text)]
    assert [(h["lr"], h["beta1"]) for h in read] == list(itertools.product(rates, betas))
    plain = [f"adam:lr={a!r},beta1={b!r}" for a, b in itertools.product(rates, betas)]
    assert variations(text) == plain


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"optimizers": ["adam:" + ",".join(["lr=0.1"] + ["0.2"] * 20)]}, "21 variations"),
        ({"optimizers": ["adam:lr=0.1"], "vary": "lr=0.1,0.2"}, "has its lr already"),
        ({"optimizers": ["adam"], "vary": "0.1,0.2"}, "KEY=VALUE"),
        ({"optimizers": ["adam"], "vary": "gamma=0.1,0.2"}, "has no 'gamma'"),
        ({"optimizers": [], "vary": "lr=0.1,0.2"}, "needs at least one optimizer"),
        ({"optimizers": ["adam:color=tael"]}, "teal, or #0072B2, not 'tael'"),
        ({"preset": "book"}, "preset must be course"),
        ({"start": ["1,2", "3"]}, "start must be"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(words, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        ov.study("plot", **words)
    assert "\n" not in str(refused.value)


def test_a_remark_with_a_comma_is_replayed() -> None:
    t = ov.minimize("bowl", ov.Adam(lr=0.1), steps=5)
    t = dataclasses.replace(t, remark="best of 61, at the edge", label='my "own", = (twice')
    study = ov.plot(t).optviz_study
    again = files.from_json(study.to_json())
    assert again == study
    (made,) = again.run().trajectories
    assert (made.remark, made.label) == (t.remark, t.label)


# -- settings of one optimizer ----------------------------------------------------------------


@settings(max_examples=10)
@given(st.permutations([0.05, 0.1, 0.3, 0.6]), st.sampled_from(["lr", "momentum"]))
def test_shades_follow_the_number_that_differs(values: list[float], key: str) -> None:
    runs = [ov.minimize("bowl", ov.Momentum(**{"lr": 0.1, key: v}), steps=5) for v in values]
    strokes = style.strokes(runs, LIGHT)
    order = np.argsort(values)
    shades = [brightness(strokes[k].color) for k in order]
    assert shades == sorted(shades, reverse=True)
    assert len(set(shades)) == len(values)
    # The largest has the optimizer's own colour, and each is named by what differs.
    assert strokes[order[-1]].color == LIGHT.optimizers["momentum"]
    assert [s.name for s in strokes] == [f"{key} = {v:g}" for v in values]
    legend = legend_of(ov.plot(runs))
    assert all(f"{key} = {v:g}" in text for v, text in zip(values, legend, strict=False))


def test_rates_stand_at_the_ends_on_the_map_and_the_curve() -> None:
    rates = [0.01, 0.2, 0.9]
    study = ov.study("plot", optimizers="sgd:lr=0.01,0.2,0.9", steps=20, start="-7,2")
    runs = study.run().trajectories
    for t, rate in zip(runs, rates, strict=True):
        np.testing.assert_array_equal(
            t.points, ov.minimize("bowl", ov.SGD(lr=rate), start=(-7, 2), steps=20).points
        )
    figure = study.draw(study.run())
    texts = part_of(figure, "curve").texts
    assert [text.get_text() for text in texts] == ["lr = 0.01", "lr = 0.2", "lr = 0.9"]
    on_map = {text.get_text(): text for text in part_of(figure, "map").texts}
    assert set(on_map) == {"lr = 0.01", "lr = 0.2", "lr = 0.9"}
    for t, name in zip(runs, on_map, strict=True):
        np.testing.assert_array_equal(on_map[name].xy, t.points[-1])
    assert "SGD with lr = 0.9 is lowest after 20 steps" in study.finding(study.run())


def test_vary_is_the_same_as_to_write_it_out() -> None:
    short = ov.study("plot", optimizers=["adam:lr=0.3", "nadam:lr=0.1"], vary="beta1=0,0.9")
    texts = ["adam:lr=0.3,beta1=0", "adam:lr=0.3,beta1=0.9", "nadam:lr=0.1,beta1=0",
             "nadam:lr=0.1,beta1=0.9"]  # fmt: skip
    long = ov.study("plot", optimizers=texts)
    assert [e.optimizer.hyper for e in short.optimizers] == [
        e.optimizer.hyper for e in long.optimizers
    ]
    assert files.from_json(short.to_json()) == short
    names = [s.name for s in style.strokes(short.run().trajectories, LIGHT)]
    assert names == ["Adam beta1 = 0", "Adam beta1 = 0.9", "Nadam beta1 = 0", "Nadam beta1 = 0.9"]


def test_the_course_s_preset_is_the_book_s_picture() -> None:
    study = ov.study("plot", preset="course")
    runs = study.run().trajectories
    expected = [ov.SGD(lr=0.95), ov.Momentum(lr=0.1), ov.AdaGrad(lr=1.5), ov.Adam(lr=0.3)]
    for t, optimizer in zip(runs, expected, strict=True):
        np.testing.assert_array_equal(
            t.points, ov.minimize("bowl", optimizer, start=(-7, 2), steps=30).points
        )
    assert files.from_json(study.to_json()) == study
    assert ov.study("plot", preset="course", steps=12).steps == 12


# -- starts -----------------------------------------------------------------------------------


def test_several_starts_are_compared() -> None:
    starts = [(-7.0, 2.0), (3.0, 4.0)]
    study = ov.study("plot", optimizers=["sgd:lr=0.3", "adam:lr=0.3"], start=starts, steps=30)
    result = study.run()
    wanted = [(o, start) for o in (ov.SGD(lr=0.3), ov.Adam(lr=0.3)) for start in starts]
    for t, (optimizer, start) in zip(result.trajectories, wanted, strict=True):
        np.testing.assert_array_equal(
            t.points, ov.minimize("bowl", optimizer, start=start, steps=30).points
        )
    figure = study.draw(result)
    curve, map_ = part_of(figure, "curve"), part_of(figure, "map")
    assert [t.get_text() for t in curve.texts] == [
        f"{name} from {at}" for name in ("SGD", "Adam") for at in ("(−7, 2)", "(3, 4)")
    ]
    marked = {text.get_text(): tuple(text.xy) for text in map_.texts}
    assert marked == {"(−7, 2)": (-7, 2), "(3, 4)": (3, 4)}
    # Neither start is told as that of all.
    assert "start (" not in words_of(figure)
    assert all("from (" in text for text in legend_of(figure)[:4])
    assert files.from_json(study.to_json()) == study


def test_a_rate_is_tuned_once_for_all_starts() -> None:
    runs = ov.race("himmelblau", "momentum", start=[(0, 0), (4, -4)], steps=20)
    tuned = ov.tune("himmelblau", ov.Momentum(), start=(0, 0), steps=20).best
    assert [t.optimizer.lr for t in runs] == [tuned.lr] * 2


# -- names and colours ------------------------------------------------------------------------


def test_labels_and_colours_are_those_that_were_given() -> None:
    study = ov.study("plot", optimizers=['adam:lr=0.3,label="costs $5, $6",color=teal', "sgd:lr=1"])
    figure = study.draw(study.run())
    (named, plain) = part_of(figure, "curve").texts
    assert named.get_text() == "costs $5, $6"
    assert not named.get_parse_math()
    assert (named.get_color(), plain.get_color()) == ("#008080", LIGHT.optimizers["sgd"])
    assert legend_of(figure)[0] == "costs $5, $6: Adam  lr = 0.3"
    t = ov.minimize("bowl", ov.SGD(lr=0.1), steps=5, label="mine")
    assert t.label == "mine"
    assert [s.name for s in style.strokes([t], LIGHT)] == ["mine"]


def test_a_legend_has_the_rate_and_what_is_no_default() -> None:
    runs = [ov.minimize("bowl", o, steps=3) for o in (ov.Adam(), ov.Nadam(lr=0.1, beta1=0.5))]
    assert legend_of(ov.plot(runs))[:2] == ["Adam  lr = 0.001", "Nadam  lr = 0.1, beta1 = 0.5"]


def test_only_what_differs_is_said_of_a_path_alone() -> None:
    runs = ov.race("bowl", ["sgd:lr=0.1", "adam:lr=0.2,steps=7"], steps=20, tol=1e-3)
    study = ov.plot(runs).optviz_study
    assert [entry.text for entry in study.optimizers] == ["sgd:lr=0.1", "adam:lr=0.2,steps=7"]


def test_noise_of_a_generator_is_told_as_unseeded() -> None:
    for rng, says in ((np.random.default_rng(3), "σ = 0.5, unseeded"), (3, "σ = 0.5, seed 3")):
        t = ov.minimize("bowl", ov.SGD(lr=0.1), steps=3, noise=0.5, rng=rng)
        assert says in words_of(ov.plot(t))
    assert "σ" not in words_of(ov.plot(ov.minimize("bowl", ov.SGD(lr=0.1), steps=3)))


def test_without_paths_there_is_a_map_and_no_word_of_paths() -> None:
    figure = ov.plot([], on="bowl")
    assert [axes.get_label() for axes in figure.axes] == ["map", "bar"]
    assert "mark" not in words_of(figure)
    film = ov.animate(ov.minimize("bowl", ov.SGD(lr=0.1), steps=3))
    assert "a mark every" not in words_of(Stage(film).sheet.figure)


# -- looks ------------------------------------------------------------------------------------


def test_titles_and_letters_are_those_that_were_asked_for() -> None:
    t = ov.minimize("bowl", ov.Adam(lr=0.3), steps=20)
    usual = ov.plot(t, size=(800, 600))
    figure = ov.plot(t, size=(800, 600), title="costs $5, $6", subtitle="week $3$", font=1.5)
    title, finding, below, *_ = figure.texts
    assert (title.get_text(), below.get_text()) == ("costs $5, $6", "week $3$")
    assert not any(text.get_parse_math() for text in (title, finding, below))
    assert finding.get_text() == usual.texts[1].get_text()
    sizes = [f.legends[0].get_texts()[0].get_fontsize() for f in (usual, figure)]
    assert sizes[1] == pytest.approx(1.5 * sizes[0])
    again = files.from_json(figure.optviz_study.to_json())
    assert again.draw(again.run()).texts[0].get_text() == "costs $5, $6"
    with pytest.raises(ValueError, match="has no 'titel'"):
        ov.plot(t, titel="x")


@pytest.mark.parametrize("count", [2, 5, 30])
def test_isolines_are_as_many_as_asked_for(count: int) -> None:
    figure = ov.plot(ov.minimize("beale", ov.Adam(lr=0.1), steps=9), levels=count)
    lines = [c for c in part_of(figure, "map").collections if not c.filled]
    assert len(lines[0].levels) == count


def test_transparent_pictures_have_no_paper(tmp_path: Path) -> None:
    study = ov.study("plot", optimizers="adam:lr=0.3", steps=9, transparent=True)
    with Image.open(ov.save(study, tmp_path / "a.png")) as image:
        assert image.getpixel((3, 3))[3] == 0
        assert image.getextrema()[3] == (0, 255)
    with pytest.raises(ValueError, match=r"\.jpg cannot be transparent"):
        ov.save(study, tmp_path / "a.jpg")
    assert not (tmp_path / "a.jpg").exists()


def test_a_theme_of_one_s_own_travels_with_its_picture(tmp_path: Path) -> None:
    source = tmp_path / "mine.toml"
    source.write_text('base = "dark"\npaper = "#102030"\n[optimizers]\nadam = "orange"\n')
    study = ov.study("plot", optimizers="adam:lr=0.3", steps=9, theme=str(source))
    path = ov.save(study, tmp_path / "a.png")
    source.unlink()
    assert ov.replay(path).read_bytes() == path.read_bytes()
    with Image.open(path) as image:
        assert image.convert("RGB").getpixel((3, 3)) == (0x10, 0x20, 0x30)
    (name,) = part_of(study.draw(study.run()), "curve").texts
    assert name.get_color() == "#FFA500"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"papre": "red"}', "did you mean 'paper'"),
        ('{"paper": "tael"}', "teal, or #0072B2"),
        ('{"paper": 3}', "has no 'paper' = '3'"),
        ('{"ground": ["red"]}', "has no 'ground'"),
        ('{"base": "grey"}', "base must be light, dark, print"),
        ("{", "cannot be read"),
        ("grey", "light, dark, print, or a file of colours"),
    ],
)
def test_bad_themes_are_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        ov.study("plot", theme=text)
    assert "\n" not in str(refused.value)


def test_a_specification_reads_no_file_of_colours(tmp_path: Path) -> None:
    source = tmp_path / "mine.json"
    source.write_text('{"paper": "red"}')
    data = {**json.loads(ov.study("plot").to_json()), "theme": str(source)}
    with pytest.raises(SpecError, match="an object of colours"):
        files.from_json(json.dumps(data))


# -- axes of one's own ------------------------------------------------------------------------


def test_nothing_but_the_axes_is_drawn_into() -> None:
    figure = Figure(figsize=(9, 4))
    left, middle, right = figure.subplots(1, 3)
    right.plot([1, 2], [3, 4])
    runs = ov.race("beale", ["adam:lr=0.1,0.3", "sgd:lr=0.01"], steps=30)
    with mpl.rc_context({"font.size": 7}):
        assert (
            ov.plot(runs, axes={"map": left, "curve": middle}, font=2, curve="gradient") is figure
        )
    assert figure.axes == [left, middle, right]
    assert (figure.texts, figure.legends, len(right.lines)) == ([], [], 1)
    assert left.get_title() == middle.get_title(loc="left") == ""
    for t in runs:
        assert any(np.array_equal(line.get_xydata(), t.points) for line in left.lines)
    assert len(left.get_legend_handles_labels()[1]) == len(runs)
    heights = [line.get_ydata() for line in middle.lines]
    for t, drawn in zip(runs, heights, strict=True):
        norms = [np.hypot(*t.function.gradient(*p)) for p in t.points]
        np.testing.assert_allclose(drawn, norms)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"axes": 3}, "axes must be Matplotlib's Axes"),
        ({"axes": {"mpa": 1}}, "axes must be Matplotlib's Axes"),
        ({"size": (400, 300)}, "size is for a picture of ours"),
        ({"title": "x"}, "title is for a picture of ours"),
        ({"layout": "panels"}, "layout is for a picture of ours"),
        ({"view": "surface"}, "contour or field"),
    ],
)
def test_what_axes_of_one_s_own_cannot_have_is_refused(words, says: str) -> None:
    t = ov.minimize("bowl", ov.SGD(lr=0.1), steps=3)
    with pytest.raises(ValueError, match=says):
        ov.plot(t, **{"axes": Figure().add_subplot(), **words})


def test_every_curve_has_its_name_where_it_ends() -> None:
    runs = ov.race("bowl", ["sgd:lr=0.1", "adam:lr=0.2,steps=30", "lion:lr=0.05,steps=70"],
                   steps=100)  # fmt: skip
    texts = part_of(ov.plot(runs), "curve").texts
    assert [text.get_text() for text in texts] == ["SGD", "Adam", "Lion"]
    for t, text in zip(runs[1:], texts[1:], strict=True):
        assert text.xy == (t.steps, t.values[-1])
    assert "100 steps" not in words_of(ov.plot(runs))
    assert ["100 steps" in text for text in legend_of(ov.plot(runs))[:3]] == [True, False, False]
