"""Marks, styles and numbers tell what they should: no zigzag hidden, no star covered, no log axis
without numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import optviz as ov
from optviz.render import frame, style, theme
from optviz.render.ticks import label_log
from tests.pictures import part_of, parts_of
from tests.test_studies import numbers_of

LIGHT = theme.THEMES["light"]


@settings(max_examples=12, phases=(Phase.explicit, Phase.generate))
@given(st.integers(2, 3000), st.floats(0.5, 0.99))
def test_marks_of_a_zigzag_lie_on_both_its_sides(steps: int, overshoot: float) -> None:
    # Each step of gradient descent takes y to −overshoot y: it changes sides.
    f = ov.function("x**2/200 + y**2", bounds=((-9, 9), (-5, 5)))
    t = ov.minimize(f, ov.SGD(lr=(1 + overshoot) / 2), start=(-8, 3), steps=steps)
    (line,) = [ln for ln in part_of(ov.plot(t, curve=False, size=(400, 300)), "map").lines
               if isinstance(ln.get_markevery(), list)]  # fmt: skip
    sides = np.sign(line.get_ydata()[line.get_markevery()])
    moving = np.abs(line.get_ydata()[line.get_markevery()]) > 0
    flips = (sides[1:] != sides[:-1])[moving[1:] & moving[:-1]]
    assert flips.all()
    if steps <= frame.FEW:
        assert list(line.get_markevery()) == list(range(steps + 1))


def test_line_styles_of_rates_tell_paths_and_marks_tell_coordinates() -> None:
    runs = ov.race("beale", ["adam:lr=0.1", "adam:lr=0.3", "sgd:lr=0.01"], steps=20)
    figure = ov.plot(runs, curve="rate")
    map_, curve = part_of(figure, "map"), part_of(figure, "curve")
    for stroke in style.strokes(runs, LIGHT):
        (drawn,) = [ln for ln in lines_of_all(map_, stroke.color)
                    if isinstance(ln.get_markevery(), list)]  # fmt: skip
        x, y = lines_of_all(curve, stroke.color)
        assert styles(x) == styles(y) == styles(drawn)
        assert x.get_markerfacecolor() == stroke.color
        assert y.get_markerfacecolor() == LIGHT.paper
    assert len({styles(ln) for ln in curve.lines}) == 2
    assert "hollow" in curve.get_title(loc="left")


def lines_of_all(axes: Axes, color: str) -> list[Any]:
    return [line for line in axes.lines if line.get_color() == color]


def styles(line: Line2D) -> str:
    """Dashes in units of the line's width."""
    offset, dash = line._unscaled_dash_pattern  # type: ignore[attr-defined]
    return f"{offset} {dash}"


@pytest.mark.parametrize("layout_", ["race", "panels"])
def test_a_star_and_the_ends_below_it_are_both_seen(layout_: str) -> None:
    rates = {"adam": 0.3, "momentum": 0.1, "sgd": 0.3}
    runs = [ov.minimize("sphere", ov.optimizers[n](lr=r), steps=300) for n, r in rates.items()]
    figure = ov.plot(runs, layout=layout_)
    colors = [s.color for s in style.strokes(runs, LIGHT)]
    for k, axes in enumerate(parts_of(figure, "map")):
        (star,) = [ln for ln in axes.lines if ln.get_marker() == "*"]
        ends = [ln for ln in axes.lines if len(ln.get_xdata()) == 1 and ln.get_color() in colors]
        assert len(ends) == (3 if layout_ == "race" else 1)
        sizes = [ln.get_markersize() for ln in ends]
        # The later is above the earlier, and smaller; the star is above all, and smaller still.
        assert sizes == sorted(set(sizes), reverse=True)
        assert all(star.get_zorder() > ln.get_zorder() for ln in ends)
        assert min(sizes) > star.get_markersize()
        image = pixels_of(figure)
        seen = {tuple(p) for p in around(image, axes, (0.0, 0.0), 16).reshape(-1, 3)}
        for color in (*(colors if layout_ == "race" else colors[k : k + 1]), "#FFC83D"):
            assert tuple(round(255 * c) for c in to_rgb(color)) in seen


def pixels_of(figure: Figure) -> Any:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]


def around(image: Any, axes: Axes, point: tuple[float, float], half: int) -> Any:
    x, y = axes.transData.transform(point).round().astype(int)
    y = image.shape[0] - y
    return image[y - half : y + half, x - half : x + half]


@given(st.floats(-12, 12), st.floats(0.02, 14), st.integers(40, 700))
@settings(max_examples=30, phases=(Phase.explicit, Phase.generate), deadline=None)
def test_a_log_axis_has_two_numbers_whatever_it_spans(
    low: float, decades: float, high: int
) -> None:
    figure = Figure(figsize=(3, high / 100), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.3, 0.1, 0.6, 0.8))
    axes.set_yscale("log")
    axes.set_ylim(10**low, 10 ** (low + decades))
    axes.minorticks_off()
    label_log(axes.yaxis)
    assert numbers_of(axes.yaxis) >= 2
    texts = [label.get_text() for label in axes.get_yticklabels() if label.get_text()]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("steps", [1, 5, 30])
@pytest.mark.parametrize("kind", ["gap", "gradient", "step", "rate", "distance"])
def test_curves_have_two_numbers(kind: str, steps: int) -> None:
    runs = ov.race("bowl", ["sgd:lr=0.1", "adam:lr=0.2"], steps=steps)
    assert numbers_of(part_of(ov.plot(runs, curve=kind), "curve").yaxis) >= 2
