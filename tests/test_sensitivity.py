"""Sensitivity scans: where a rate works, how well, and the picture of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optviz as ov
from optviz.studies.plot import strip_study
from tests.catalogue import RULES
from tests.pictures import clashes, legend_of, part_of, words_of

FIVE = ["sgd", "momentum", "nesterov", "adam", "rmsprop:decay=0.9,convention=torch"]


def test_gradient_descent_works_below_two_over_the_largest_curvature() -> None:
    """On the bowl λmax = 2, so the border is lr = 1, where a run neither falls nor rises."""
    rates = ov.Axis("lr", 0.05, 2.0, 40)
    s = ov.sensitivity("bowl", ov.SGD(), rates=rates, steps=200)
    np.testing.assert_array_equal(s.rates, rates.values)
    border = np.isclose(s.rates, 1.0)
    assert border.sum() == 1
    np.testing.assert_array_equal(s.works(0)[~border], s.rates[~border] < 1)


def test_gaps_are_quantiles_of_the_runs_themselves() -> None:
    s = ov.sensitivity("beale", "adam", steps=30, starts=11)
    assert s.gaps.shape == (1, 3, 61)
    f, (scan,) = ov.function("beale"), s.sweeps
    for k in (5, 30, 45):
        runs = [
            ov.minimize("beale", ov.Adam(lr=float(s.rates[k])), start=start, steps=30)
            for start in scan.starts
        ]
        values = [np.inf if t.left_at() else t.values[-1] for t in runs]
        assert s.gaps[0, 1, k] == sorted(values)[5] - f.minimum
        assert s.gaps[0, 0, k] == sorted(values)[1] - f.minimum
        assert s.gaps[0, 2, k] == sorted(values)[9] - f.minimum
    assert s.first_gap == np.median(f(*scan.starts.T))


@settings(max_examples=12)
@given(
    names=st.lists(st.sampled_from(list(RULES)), min_size=1, max_size=3),
    f=st.sampled_from(["bowl", "beale", "saddle"]), noise=st.sampled_from([0.0, 0.5]),
    starts=st.integers(1, 20),
)  # fmt: skip
def test_quantiles_are_ordered_and_the_best_rate_works(names, f, noise, starts) -> None:
    s = ov.sensitivity(f, names, steps=12, starts=starts, noise=noise)
    assert s.gaps.shape == (len(names), 3, s.rates.shape[-1])
    assert not np.isnan(s.gaps).any()
    assert (s.gaps[:, 0] <= s.gaps[:, 1]).all()
    assert (s.gaps[:, 1] <= s.gaps[:, 2]).all()
    for k in range(len(names)):
        works, best = s.works(k), s.best(k)
        if works.any():
            assert works[best]
            assert s.gaps[k, 1, best] == s.gaps[k, 1, works].min()


def test_leaving_is_a_failure_and_shown_as_one() -> None:
    """McCormick falls on outside its bounds: runs that left once won there with f − f* = −300."""
    s = ov.sensitivity("mccormick", ["momentum", "sgd"], starts=5)
    f = s.function
    for k, scan in enumerate(s.sweeps):
        for j in range(0, len(s.rates), 6):
            ends, first = [], []
            for start in scan.starts:
                t = ov.minimize(f, scan.optimizer.fresh(lr=float(s.rates[j])), start=start)
                ends.append(np.inf if t.left_at() is not None else t.values[-1])
                first.append(t.values[0])
            gaps = sorted(max(v - f.minimum, 0) for v in ends)
            assert s.gaps[k, 1, j] == gaps[2]
            good = sum(a <= b for a, b in zip(ends, first, strict=True))
            assert s.works(k)[j] == (good >= 0.9 * 5)
        assert np.isfinite(s.gaps[k, 1, s.best(k)])
    left = [(scan.left > 0).any() for scan in s.sweeps]
    assert all(left)


def test_nine_of_ten_runs_are_enough_and_eight_are_not() -> None:
    """On 10 and on 5 starts, of which as many fail as a rate near the border lets."""
    s = ov.sensitivity("himmelblau", "sgd", starts=10, steps=20,
                       rates=ov.Axis("lr", 0.005, 0.05, 80, log=True))  # fmt: skip
    first = s.function(*s.sweeps[0].starts.T)
    good = np.array([
        sum(v <= f and not left for v, f, left in zip(row, first, gone, strict=True))
        for row, gone in zip(s.sweeps[0].values, s.sweeps[0].left, strict=True)
    ])  # fmt: skip
    np.testing.assert_array_equal(s.works(0), good >= 9)
    assert {5, 6, 7, 8} & set(good.tolist())  # there are rates between


def test_the_range_grows_until_the_best_is_inside() -> None:
    """On Goldstein-Price plain descent needs rates below 1e-5."""
    s = ov.sensitivity("goldstein-price", "sgd")
    assert s.rates[0] < 1e-5
    assert not s.is_at_edge(0)
    assert 0 < s.best(0) < len(s.rates) - 1
    narrow = ov.sensitivity("goldstein-price", "sgd",
                            rates=ov.Axis("lr", 1e-7, 1e-6, 9, log=True))  # fmt: skip
    assert narrow.is_at_edge(0)
    assert "best lr = 1e−06 (at the edge)" in legend_of(ov.plot(narrow))[0]


def test_without_a_lowest_value_leaving_is_no_failure() -> None:
    s = ov.sensitivity("saddle", "sgd", starts=4)
    assert (s.gaps >= 0).all()
    assert (s.sweeps[0].left > 0).any()
    figure = ov.plot(s)
    assert "f − lowest inside ≤ 0" in legend_of(figure)[0]
    assert figure.axes[0].get_ylabel().startswith("f − lowest inside")
    assert "no f*: the lowest value on a grid" in words_of(figure)


def test_the_same_seed_the_same_scan() -> None:
    a, b, c = (ov.sensitivity("beale", "sgd", noise=0.1, rng=rng, steps=9) for rng in (3, 3, 4))
    np.testing.assert_array_equal(a.gaps, b.gaps)
    assert not np.array_equal(a.gaps, c.gaps)
    assert not np.array_equal(a.sweeps[0].starts, c.sweeps[0].starts)
    np.testing.assert_array_equal(a.sweeps[0].starts[0], ov.function("beale").start)


def test_a_schedule_keeps_its_shape() -> None:
    s = ov.sensitivity("bowl", ov.SGD(lr=ov.schedules.LinearWarmup(9, ov.schedules.Constant(1.0))),
                       steps=40, starts=1)  # fmt: skip
    k = 30
    lr = ov.schedules.LinearWarmup(9, ov.schedules.Constant(float(s.rates[k])))
    t = ov.minimize("bowl", ov.SGD(lr=lr), steps=40)
    assert s.gaps[0, 1, k] == pytest.approx(t.values[-1], rel=1e-9)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"optimizers": []}, "at least one optimizer"),
        ({"optimizers": "adm"}, "did you mean 'adam'"),
        ({"starts": 0}, "starts must be a whole number from 1 to 10,000, not 0"),
        ({"starts": 2.5}, "starts must be a whole number from 1 to 10,000, not 2.5"),
        ({"start": (99, 0)}, "outside bowl's domain"),
        ({"steps": 0}, "steps must be"),
        ({"noise": -1}, "noise must be"),
        ({"rng": "abc"}, "rng must be"),
        ({"rates": ov.Axis("lr", 0, 1, 3)}, "lr must be a positive number, not 0.0"),
        ({"rates": [0.1, 1]}, r"rates must be LOW,HIGH or an Axis.*not \[0.1, 1\]"),
        ({"rates": ov.Axis("beta1", 0.1, 0.9, 3)}, "rates must be an Axis"),
    ],
)
def test_refusals(kwargs, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.sensitivity(**{"f": "bowl", "optimizers": "sgd", **kwargs})


# -- the picture ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scans() -> dict[int, ov.Sensitivity]:
    return {n: ov.sensitivity("rosenbrock", FIVE[:n], steps=50, starts=8) for n in (1, 2, 5)}


def test_the_picture_is_the_data(scans) -> None:
    s = scans[2]
    figure = ov.plot(s)
    axes, strip = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_ylabel() == "f − f* after 50 steps"
    assert strip.get_xlabel() == "learning rate"
    for k in range(2):
        curve = axes.lines[2 * k]
        shown = np.asarray(curve.get_ydata())
        drawn = ~np.isnan(shown)
        np.testing.assert_array_equal(curve.get_xdata(), s.rates)
        np.testing.assert_array_equal(shown[drawn], s.gaps[k, 1][drawn])
        assert (s.gaps[k, 1][~drawn] > 100 * s.first_gap).all()
        best = s.rates[s.best(k)]
        assert axes.lines[2 * k + 1].get_xdata() == [best]
        assert legend_of(figure)[k].startswith(f"{('SGD', 'Momentum')[k]}  best lr = {best:.3g}")
    words = words_of(figure)
    for said in ("SGD and Momentum on Rosenbrock: the choice of a rate", "61 rates × 8 starts",
                 "band from 10 % to 90 %", "50 steps", "book convention"):  # fmt: skip
        assert said in words


@pytest.mark.parametrize(("count", "theme"), [(1, "light"), (2, "dark"), (5, "print")])
@pytest.mark.parametrize("size", [None, (480, 400), (640, 900), (1920, 1080)])
def test_nothing_overlaps_or_leaves_the_page(scans, size, count: int, theme: str) -> None:
    assert clashes(ov.plot(scans[count], size=size, theme=theme)) == []


def test_a_size_too_small_is_refused_with_one_that_does(scans) -> None:
    with pytest.raises(ValueError, match=r"400x300 leaves no room.*give about 400x360"):
        ov.plot(scans[5], size=(400, 300))
    assert clashes(ov.plot(scans[5], size=(400, 360))) == []


@pytest.mark.parametrize(
    ("f", "rates"), [("saddle", None), ("bowl", (5, 20)), ("log(x) + y**2", None)]
)
def test_endless_functions_and_rates_that_all_fail_make_pictures(f: str, rates) -> None:
    axis = None if rates is None else ov.Axis("lr", *rates, 9, log=True)
    figure = ov.plot(ov.sensitivity(f, "sgd", rates=axis, steps=60, starts=4))
    assert clashes(figure) == []
    assert np.isfinite([axes.get_ylim() for axes in figure.axes]).all()
    assert ("no rate from 5 to 20 works" in legend_of(figure)[0]) == (rates is not None)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("size", [None, (640, 900)])
def test_the_strip_below_paths(count: int, size) -> None:
    specs = ["sgd:lr=0.3", "momentum:lr=linearwarmup(5,constant(0.05))", "adam:lr=0.3",
             "rmsprop:lr=0.1", "adagrad:lr=1"][:count]  # fmt: skip
    runs = ov.race("bowl", specs, steps=30)
    figure = ov.plot(runs, strip=strip_study(runs).run(), size=size)
    assert clashes(figure) == []
    strip = part_of(figure, "strip")
    assert strip.get_xlabel().startswith("learning rate")
    marked = [line.get_xdata()[0] for line in strip.lines
              if line.get_linestyle() == "--" and line.get_ydata() == [0, 1]]  # fmt: skip
    assert marked == [0.3, 0.05, 0.3, 0.1, 1.0][:count]


def test_a_strip_of_other_optimizers_is_refused() -> None:
    runs = ov.race("bowl", ["sgd:lr=0.1"], steps=5)
    other = ov.sensitivity("bowl", "adam", steps=5, starts=1)
    # The scan takes the place of the rate; its starts are another matter.
    same = ov.sensitivity("bowl", "sgd:lr=0.7", steps=5)
    assert part_of(ov.plot(runs, strip=same), "strip")
    for differ, says in (
        ({"starts": 9}, "its starts is 9, the paths' 64"),
        ({"steps": 6}, "its steps is 6, the paths' 5"),
        ({"noise": 0.1}, "its noise is 0.1, the paths' 0.0"),
        ({"optimizers": "sgd:lr=step(0.1,2)"}, "its optimizers is"),
    ):
        scan = ov.sensitivity("bowl", **{"optimizers": "sgd", "steps": 5, **differ})
        with pytest.raises(ValueError, match=says):
            ov.plot(runs, strip=scan)
    with pytest.raises(ValueError, match="strip must be what sensitivity returned, not 3"):
        ov.plot(runs, strip=3)
    with pytest.raises(ValueError, match=r"other runs: .*'adam.*'sgd:lr=0.1'"):
        ov.plot(runs, strip=other)
    with pytest.raises(ValueError, match="goes with contour or field, not surface"):
        ov.plot(runs, strip=strip_study(runs).run(), view="surface")
