"""Tuning, races and ensembles, from their raw runs by plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

import optviz as ov
from optviz.render import curves
from optviz.runs import tuning
from optviz.runs.tuning import jittered_starts
from tests.catalogue import RULES
from tests.pictures import legend_of, words_of

# -- the choice of a rate -------------------------------------------------------------------


def score(f, optimizer, starts, steps: int, noise: float = 0.0) -> float:
    """The objective as the docstring of `Tuning.scores` has it."""
    (x0, x1), (y0, y1) = f.bounds
    total = []
    for k, start in enumerate(starts):
        rng = np.random.default_rng([tuning.SEED, k])
        t = ov.minimize(f, optimizer, start=start, steps=steps, noise=noise, rng=rng)
        inside = [x0 <= x <= x1 and y0 <= y <= y1 for x, y in t.points]
        stays = inside.index(False) if False in inside else len(inside)
        gaps = [max((v - f.minimum) / (t.values[0] - f.minimum), 1e-12) for v in t.values[:stays]]
        gained, missing = float(np.sum(np.log10(gaps))), steps + 1 - stays
        total.append((max(gained, 0.0) + missing if missing else gained) / (steps + 1))
    return float(np.mean(total))


@pytest.mark.parametrize("noise", [0.0, 0.7])
@pytest.mark.parametrize(
    ("name", "optimizer"),
    [("beale", ov.Momentum()), ("himmelblau", ov.SGD()), ("bowl", ov.Adam(beta1=0.5)),
     ("mccormick", ov.RMSProp())],
)  # fmt: skip
def test_scores_are_those_of_a_plain_loop(name: str, optimizer, noise: float) -> None:
    f = ov.function(name)
    found = ov.tune(f, optimizer, steps=25, starts=5, noise=noise)
    starts = jittered_starts(f, None, 5, 0)
    low, high = np.array(f.bounds).T
    away = (starts - f.start) / (high - low)
    assert (away[0] == 0).all()
    assert (np.abs(away) <= 0.05).all()
    assert (away[1:].min(axis=0) < 0).all()
    assert (away[1:].max(axis=0) > 0).all()
    for k in range(0, 61, 4):
        expected = score(f, optimizer.fresh(lr=found.rates[k]), starts, 25, noise)
        assert found.scores[k] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert found.best.lr == found.rates[np.argmin(found.scores)]


@settings(max_examples=10)
@given(
    name=st.sampled_from(list(RULES)), f=st.sampled_from(["bowl", "eggholder", "booth"]),
    budget=st.integers(2, 80),
)  # fmt: skip
def test_everybody_has_the_same_number_of_rates_of_three_digits(name, f, budget) -> None:
    found = ov.tune(f, ov.optimizers[name](), steps=10, starts=2, budget=budget)
    assert len(found.rates) == len(found.scores) == budget
    assert (np.diff(found.rates) >= 0).all()
    for rate in found.rates:
        assert float(f"{rate:.3g}") == rate
    assert found.remark.startswith(f"best of {budget}")
    assert found.is_at_edge == (found.best.lr in (found.rates[0], found.rates[-1]))
    assert ("at the edge" in found.remark) == found.is_at_edge


def test_the_best_rate_is_inside_the_range() -> None:
    """Plain descent on Goldstein-Price needs 4e-6, AdaDelta on Booth some hundred: with a range
    from 1e-4 to 100 the one diverged at step 3, and the other ended at the edge."""
    found = ov.tune("goldstein-price", ov.SGD())
    assert found.best.lr < 1e-5
    assert not found.is_at_edge
    assert ov.minimize("goldstein-price", found.best).left_at() is None
    assert ov.tune("booth", ov.AdaDelta()).best.lr > 200
    # Nobody needs a rate on a plane: all are as good, and the first is the edge.
    assert ov.tune("0*x", ov.SGD()).is_at_edge


def test_a_rate_under_noise_is_tuned_under_noise() -> None:
    """0.794 was chosen without: its median gap is ten times that of 0.2."""
    kwargs = {"steps": 300, "noise": 1.0}
    calm, noisy = ov.tune("bowl", ov.SGD(), steps=300), ov.tune("bowl", ov.SGD(), **kwargs)
    assert noisy.best.lr < 0.6 * calm.best.lr

    def mean_log_gap(rate: float) -> float:
        runs = [ov.minimize("bowl", ov.SGD(lr=rate), rng=k, **kwargs) for k in range(30)]
        return float(np.mean([np.log10(t.values).mean() for t in runs]))

    assert mean_log_gap(noisy.best.lr) < mean_log_gap(calm.best.lr)
    (t,) = ov.race("bowl", ["sgd"], rng=0, **kwargs)
    assert t.optimizer.lr == noisy.best.lr
    assert "lowest mean log10(f − f*) of 16 starts with other noise" in words_of(ov.plot(t))


def test_long_runs_are_tuned_on_as_many_steps_or_say_so() -> None:
    assert ov.tune("bowl", ov.SGD(), steps=5000, budget=2, starts=1).steps == 5000
    cut = ov.tune("bowl", ov.SGD(), steps=30_000, budget=2, starts=1)
    assert cut.steps == 20_000
    (t,) = ov.race("bowl", ["adagrad"], steps=20_001)
    assert "over their first 20,000 steps" in words_of(ov.plot(t))
    (t,) = ov.race("bowl", ["adagrad"], steps=300)
    assert "over their first" not in words_of(ov.plot(t))


def test_the_small_print_is_true_where_numbers_were_tuned_over() -> None:
    runs = ov.race("bowl", ["sgd:lr=0.1"], steps=20, tuned=True)
    assert "best of 61 rates" in words_of(ov.plot(runs))
    assert "without a number" not in words_of(ov.plot(runs))


def test_a_rate_that_leaves_is_worse_than_to_stay() -> None:
    """However early its gains: on McCormick a leap out of the bounds is lower than any minimum."""
    f = ov.function("mccormick")
    found = ov.tune(f, ov.Momentum())
    left = [ov.minimize(f, ov.Momentum(lr=r)).left_at() is not None for r in found.rates]
    alone = ov.tune(f, ov.Momentum(), starts=1)
    gone = [ov.minimize(f, ov.Momentum(lr=r)).left_at() is not None for r in alone.rates]
    assert any(gone)
    assert any(left)
    assert (alone.scores[gone] > 0).all()


# -- races ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rng", [None, 3, np.random.default_rng(3)])
def test_all_have_the_same_noise(rng) -> None:
    a, b, c = ov.race("bowl", ["sgd:lr=0.1", "sgd:lr=0.1", "momentum:lr=0.1,momentum=0"],
                      noise=0.5, steps=20, rng=rng)  # fmt: skip
    np.testing.assert_array_equal(a.points, b.points)
    np.testing.assert_allclose(a.points, c.points, rtol=1e-12)
    assert a.seed == b.seed is not None
    again = ov.minimize("bowl", ov.SGD(lr=0.1), noise=0.5, steps=20, rng=a.seed)
    np.testing.assert_array_equal(again.points, a.points)


def test_races_without_a_seed_differ() -> None:
    a, b = (ov.race("bowl", ["sgd:lr=0.1"], noise=0.5, steps=5)[0] for _ in range(2))
    assert not np.array_equal(a.points, b.points)


def test_other_seeds_are_other_ensembles() -> None:
    one, two = (
        ov.race("bowl", ["sgd:lr=0.1"], noise=0.5, steps=5, runs=3, rng=k)[0] for k in (1, 2)
    )
    assert not np.array_equal(one.points, two.points)
    raw = [ov.minimize("bowl", ov.SGD(lr=0.1), noise=0.5, steps=5,
                       rng=np.random.default_rng([2, k])).points for k in range(3)]  # fmt: skip
    np.testing.assert_array_equal(two.band.paths, raw)


# -- ensembles ------------------------------------------------------------------------------


def curve_of(kind: str, f, t: ov.Trajectory, steps: int) -> np.ndarray:
    """A curve of one run, infinite after it diverged, by plain loops."""
    out = np.full(steps if kind == "step" else steps + 1, np.inf)
    for k, (x, y) in enumerate(t.points):
        if kind == "gap":
            out[k] = f(x, y) - f.minimum
        elif kind == "distance":
            out[k] = min(np.hypot(x - a, y - b) for a, b in f.minima)
        elif kind == "gradient":
            out[k] = np.hypot(*f.gradient(x, y))
        elif k:
            out[k - 1] = np.hypot(*(t.points[k] - t.points[k - 1]))
    return out


def by_hand(column: np.ndarray, share: float) -> float:
    """A quantile between two order statistics."""
    ordered = sorted(column)
    at = share * (len(ordered) - 1)
    low, high = ordered[int(at)], ordered[min(int(at) + 1, len(ordered) - 1)]
    return low if at == int(at) or low == high else low + (at - int(at)) * (high - low)


@pytest.mark.parametrize("kind", ["gap", "distance", "gradient", "step"])
@pytest.mark.parametrize(("name", "lr", "runs"), [("bowl", 0.3, 9), ("himmelblau", 0.004, 10)])
def test_curves_are_medians_of_curves(kind: str, name: str, lr: float, runs: int) -> None:
    """Not the curve of the median path, which is much too low: noise cancels in it."""
    f, steps = ov.function(name), 40
    t = ov.ensemble(f, ov.SGD(lr=lr), runs=runs, noise=2.0, steps=steps, rng=5)
    raw = [ov.minimize(f, ov.SGD(lr=lr), noise=2.0, steps=steps,
                       rng=np.random.default_rng([5, k])) for k in range(runs)]  # fmt: skip
    table = np.array([curve_of(kind, f, r, steps) for r in raw])
    n = curves.visible(t)
    ((low, median, high),) = curves.bands(kind, f, t)
    (drawn,) = curves.series(kind, f, t)
    np.testing.assert_array_equal(drawn, median)
    for share, row in ((0.1, low), (0.5, median), (0.9, high)):
        expected = [by_hand(column, share) for column in table.T][: len(row)]
        np.testing.assert_allclose(row, expected, rtol=1e-9)
    assert len(median) in (n, n - 1)
    figure = ov.plot(t, curve=kind)
    line = next(a for a in figure.axes if a.get_xlabel() == "step").lines[0]
    np.testing.assert_array_equal(line.get_ydata(), drawn)


@pytest.mark.parametrize("runs", [10, 11, 40])
def test_diverged_runs_count_as_infinitely_bad(runs: int) -> None:
    """Descent on x⁴ + y² from where noise decides whether it overflows."""
    f = ov.function("x**4/4 + y**2/2", bounds=((-9, 9), (-9, 9)), start=(3, 1))
    kwargs = {"noise": 6.0, "steps": 60}
    raw = [ov.minimize(f, ov.SGD(lr=0.2), rng=np.random.default_rng([0, k]), **kwargs)
           for k in range(runs)]  # fmt: skip
    lost = [t.diverged_at for t in raw if t.diverged_at is not None]
    t = ov.ensemble(f, ov.SGD(lr=0.2), runs=runs, rng=0, **kwargs)
    assert 0 < len(lost) < runs
    n = len(t.points)
    for k in range(n):
        column = np.array([r.values[k] if k < len(r.values) else np.inf for r in raw])
        for row, share in zip(t.band.values[:, k], (0.1, 0.5, 0.9), strict=True):
            assert row == pytest.approx(by_hand(column, share), rel=1e-12)
        alive = [r.points[k] for r in raw if k < len(r.points)]
        np.testing.assert_allclose(t.points[k], np.median(alive, axis=0), rtol=1e-12)
        assert 2 * len(alive) > runs
    assert t.band.diverged == sum(len(r.points) < n for r in raw)
    if n <= 60:
        assert t.diverged_at == n
        assert 2 * sum(len(r.points) > n for r in raw) <= runs
    if t.band.diverged:
        said = f"up to {t.band.diverged} of {runs} diverged, counted as infinite"
        assert said in words_of(ov.plot(t))


def test_the_end_that_is_told_is_the_median_of_the_ends() -> None:
    study = ov.study("plot", optimizers="sgd:lr=0.3", noise=0.5, runs=20, steps=30, curve="step")
    result = study.run()
    ends = [float(ov.function("bowl")(*p[-1])) for p in result.trajectories[0].band.paths]
    assert f"f − f* = {np.median(ends):.2g}" in study.finding(result)
    assert legend_of(study.draw(result))[0].startswith("SGD  lr = 0.3")


def test_a_path_that_ends_early_says_so() -> None:
    """After how many steps somebody is lowest is not how many there might have been."""
    t = ov.minimize("beale", ov.Newton(), steps=100)
    assert t.converged_at is not None
    study = ov.study("plot", optimizers=["sgd:lr=0.001", "newton"], on="beale", steps=100)
    race = study.run()
    told = study.finding(race)
    assert told == f"Newton is lowest (ended at step {t.converged_at}): f − f* below 1e−16"
    figure = study.draw(race)
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert any(f"ended at step {t.converged_at}" in text for text in texts)
    # Its name stands where its curve leaves the axis.
    (axes,) = (a for a in figure.axes if a.get_label() == "curve")
    (name,) = (a for a in axes.texts if a.get_text() == "Newton")
    assert name.xy[0] == t.converged_at
    assert name.xy[1] == axes.get_ylim()[0]
    alone = ov.study("plot", optimizers=["newton"], on="six-hump-camel", start=(0, 0))
    assert "(ended at step 0)" in alone.finding(alone.run())


def test_what_stands_around_is_told_where_rates_are_scanned() -> None:
    study = ov.study("sensitivity", optimizers=["adam:clip_norm=0.5", "sgd"], on="beale", starts=4)
    result = study.run()
    assert "Adam clip_norm = 0.5: " in study.finding(result)
    texts = [text.get_text() for text in study.draw(result).findobj(Text)]
    assert any(text.startswith("Adam clip_norm = 0.5  best lr") for text in texts)
    many = ov.study("sensitivity", optimizers=["adam", "sgd", "momentum", "rmsprop"], starts=4)
    found = many.run()
    counts = {s.optimizer.name: int(found.works(k).sum()) for k, s in enumerate(found.sweeps)}
    most, fewest = max(counts.values()), min(counts.values())
    told = many.finding(found)
    assert f"({most}), fewest for" in told
    assert told.endswith(f"({fewest})")
