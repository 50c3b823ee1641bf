"""Slips of a user in Python: each has one line that says what was wrong and what would do."""

from __future__ import annotations

import json
import re
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import sympy

import optviz as ov
from optviz.optimizers.rule import RuleError

PATH = ov.minimize("bowl", ov.SGD(lr=0.1), steps=5)


class NoValue(ov.Optimizer):
    defaults = {"lr": 0.1}

    @staticmethod
    def rule(x, g, lr):
        return None


def state_of_json() -> Any:
    optimizer = ov.Adam()
    optimizer.update({"a": np.ones(2)}, {"a": np.ones(2)})
    return json.loads(optimizer.state_json())


X, Y = sympy.symbols("x y")
SLIPS: dict[str, tuple[Any, str]] = {
    "a sympy function": (lambda: ov.function(sympy.Function("F")(X) + Y**2),
                         "the expression has a function F that SymPy does not know"),
    "label": (lambda: ov.minimize("bowl", ov.SGD(), steps=2, label=5), "label must be a text"),
    "a flag for a rate": (lambda: ov.SGD(lr=True), "lr must be a positive number, not True"),
    "complex values": (lambda: ov.function(np.ones((4, 4)) * 1j), "not complex numbers"),
    "equal values": (lambda: ov.function(np.ones((4, 4))), "are all one number"),
    "edit": (lambda: ov.animate(PATH, edit="x"), "edit must be a function of the figure"),
    "n of the plane": (lambda: ov.function("bowl:n=5"),
                       "bowl is a function of two coordinates and takes no n="),
    "axes for panels": (lambda: ov.plot(ov.explain("bowl", "sgd:lr=0.1", steps=2), axes=plt.axes()),
                        "axes= takes paths: a picture of explain has panels of its own"),
    "a state from JSON": (lambda: ov.Adam().load_state_dict(state_of_json()),
                          "give the text to load_state_json"),
    "the same twice": (lambda: ov.study("plot", surface=True, view="field"),
                       "surface and view say the same: give one of them"),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_each_has_its_line(name: str) -> None:
    call, told = SLIPS[name]
    with pytest.raises(ValueError, match=re.escape(told)):
        call()


def test_a_folder_that_is_not_there_is_named() -> None:
    for write in (lambda: PATH.to_csv("/nowhere/a.csv"),
                  lambda: ov.nn.MLP((2, 2)).save("/nowhere/a.npz")):  # fmt: skip
        with pytest.raises(FileNotFoundError, match=r"^the folder /nowhere does not exist: create"):
            write()


def test_a_rule_that_returns_none_says_so() -> None:
    with pytest.raises(RuleError, match=r"NoValue.rule: a rule returns the new values, not None"):
        NoValue().update({"a": np.ones(2)}, {"a": np.ones(2)})


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_stepped_in_place() -> None:
    given = np.matrix([[1.0, 2.0]])
    ov.SGD(lr=0.1).update({"a": given}, {"a": np.matrix([[1.0, 1.0]])})
    np.testing.assert_allclose(given, [[0.9, 1.9]])


@pytest.mark.parametrize("n", [None, 2])
def test_a_slip_in_a_gradient_is_raised_and_not_a_divergence(n: int | None) -> None:
    """`1/0` and `math.log(-1)` are places without a value; all else is a slip."""

    def broken(*point: Any) -> Any:
        raise NameError("slip")

    f = (lambda p: float(p @ p)) if n else (lambda x, y: x * x + y * y)
    with pytest.raises(NameError, match="slip"):
        ov.minimize(ov.function(f, n=n, gradient=broken, check=False), ov.SGD(lr=0.1), steps=3)
    outside = ov.function(f, n=n, gradient=lambda *p: 1 / 0, check=False)
    assert ov.minimize(outside, ov.SGD(lr=0.1), steps=3).diverged_at is not None


def test_settings_go_by_the_names_of_options_too() -> None:
    assert ov.study("plot", surface=True) == ov.study("plot", view="surface")
    assert ov.study("train", optimizer="adam") == ov.study("train", optimizers="adam")
    with pytest.raises(AttributeError, match=r"animate moves: use film\(result\)"):
        ov.study("animate").draw(None)
    with pytest.raises(AttributeError, match=r"train does not move: use draw\(result\)"):
        ov.study("train").film(None)


def test_values_come_as_lists_and_as_data_frames() -> None:
    rows = [[0.0, 1, 4], [1, 2, 5], [4, 5, 8]]
    wanted = ov.function(np.array(rows))
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    for given in (rows, pandas.DataFrame(rows)):
        assert ov.function(given)(1.5, 1.0) == wanted(1.5, 1.0)


def test_what_a_notebook_shows_is_plotted_too() -> None:
    tuning = ov.tune("bowl", ov.SGD(), steps=20)
    line = ov.plot(tuning, size=(500, 300)).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([tuning.rates, tuning.scores]))
    sweep = ov.sweep("bowl", ov.SGD(), over={"lr": [0.01, 0.1, 1]}, steps=20)
    assert ov.plot(sweep).axes[0].get_label() == "runs"


def test_races_and_paths_stand_side_by_side() -> None:
    race = ov.race("bowl", ["sgd:lr=0.1", "adam:lr=0.3"], steps=5)
    assert len(ov.plot([race, ov.minimize("bowl", ov.Momentum(), steps=5)]).axes[0].lines) >= 3


def test_an_empty_subtitle_is_none() -> None:
    texts = [text.get_text() for text in ov.plot(PATH, subtitle="").texts]
    assert not any("x^{2}" in text for text in texts)
    assert any("x^{2}" in text.get_text() for text in ov.plot(PATH).texts)


def test_a_grid_in_the_users_settings_stays_out() -> None:
    with mpl.rc_context({"axes.grid": True}):
        figure = ov.plot(PATH)
    figure.canvas.draw()
    for axes in figure.axes:
        if axes.get_label() in ("map", "bar"):
            lines = [*axes.get_xgridlines(), *axes.get_ygridlines()]
            assert not any(line.get_visible() for line in lines), axes.get_label()


def test_ends_that_differ_by_rounding_are_equally_low() -> None:
    f = ov.function("x**2 + y**2 + 1e-3")
    ends = [1e-3, 1e-3 * (1 + 1e-15)]
    paths = [ov.Trajectory.from_points([(1.0, 0.0), (end, 0.0)], on=f, label=name)
             for name, end in zip("ab", ends, strict=True)]  # fmt: skip
    told = " ".join(text.get_text() for text in ov.plot(paths).texts)
    assert "a and b are equally low after 1 step:" in told
    apart = [paths[0], ov.Trajectory.from_points([(1, 0), (1.1e-3, 0)], on=f, label="b")]
    assert "a is lowest" in " ".join(text.get_text() for text in ov.plot(apart).texts)


def test_a_plane_says_what_it_is_in_a_line() -> None:
    told = repr(ov.slice("rosenbrock:n=3", np.zeros(3), 0, 1))
    assert told.startswith("<")
    assert len(told) < 160
