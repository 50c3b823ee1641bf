"""Whether a run converges, and by what factor a step, from the slopes that it met.

What is estimated is the factor ρ by which the gradient shrinks a step in the long run. A lowest
value proves nothing: Adam falls by ten powers of ten and jumps back. So a run is judged by what
comes last, by the largest slope that is still to come,

    M_k = max over all steps from the k-th window on of |∂f/∂xᵢ|,

which can only fall, and which falls for ever only if the run converges.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

#: What becomes of a run. `RETURNS`: it rises again, or goes on swinging. `UNTOLD`: it falls, but
#: too little, or too unsteadily for a rate.
CONVERGES, RETURNS, DIVERGES, UNTOLD = 1, 0, -1, -2

WINDOWS = 64
#: A run still falls if M loses more than this (in its logarithm) in the last half of the steps.
FALLS = 0.05
#: Slopes rise again by more than this factor after a first part of the steps: they return.
REBOUND, SETTLED = 100.0, 0.05
#: Who does not fall in the last half of the steps and turns so often there goes on swinging; who
#: turns less may be on its way along a valley.
SWINGS = 3
#: Growth by this factor over the whole run, and still going on, is no swing any more.
GROWTH = 10.0
#: The two halves of what is fitted agree in log ρ within this factor.
AGREE = 2.0


def window_begins(steps: int) -> Sequence[int]:
    """The first steps of up to 64 windows: single ones at first, where fast runs are over soon; the
    last are a tenth of all."""
    return [int(t) for t in np.unique(np.floor(np.geomspace(1, steps + 1, WINDOWS + 1)[:-1]))]


def long_run(peaks: Real, begins: Sequence[int], floor: float) -> tuple[Real, NDArray[np.int8]]:
    """The factor a step and the outcome of each run.

    Parameters
    ----------
    peaks : ndarray (..., windows)
        The largest |∂f/∂xᵢ| in each window, of runs that did not diverge.
    begins
        The first step of each window.
    floor : float
        Below it slopes are rounding only: the fit ends there.

    Returns
    -------
    rates : ndarray (...)
        From the half of the way (in powers of ten) to its end; nan unless the run converges.
    outcomes : ndarray (...) of int8

    Examples
    --------
    >>> begins = window_begins(500)
    >>> halves = 0.5 ** (np.array(begins) - 1.0)
    >>> rate, outcome = long_run(halves, begins, floor=1e-12)
    >>> round(float(rate), 6), int(outcome)
    (0.5, 1)
    """
    at = np.asarray(begins, dtype=float)
    floor = max(floor, np.finfo(float).tiny)
    slopes = np.log(np.clip(peaks, floor, np.finfo(float).max))
    ahead = np.maximum.accumulate(slopes[..., ::-1], axis=-1)[..., ::-1]
    rates, is_steady = _rates(ahead, at, np.log(floor))

    first = int(np.searchsorted(at, SETTLED * at[-1]))
    settled = slopes[..., first:]
    rebound = (settled - np.minimum.accumulate(settled, axis=-1)).max(axis=-1)
    middle = int(np.searchsorted(at, at[-1] / 2))
    later, fall = slopes[..., middle:], ahead[..., middle] - ahead[..., -1]
    dips = (ahead[..., first:] - settled).max(axis=-1)
    arrived = ahead[..., -1] <= np.log(floor)
    grows = (slopes[..., -1] > slopes[..., 0] + np.log(GROWTH)) & (
        slopes[..., -1] > slopes[..., :-3].max(axis=-1, initial=-np.inf) + np.log(2)
    )
    outcomes = np.select(
        [
            grows,
            rebound > np.log(REBOUND),
            arrived | (fall > np.maximum(dips, FALLS)),
            (fall <= FALLS) & (_turns(later) >= SWINGS),
        ],
        [DIVERGES, RETURNS, np.where(is_steady & (rates < 1), CONVERGES, UNTOLD), RETURNS],
        UNTOLD,
    )
    return np.where(outcomes == CONVERGES, rates, np.nan), outcomes.astype(np.int8)


def _turns(slopes: Real) -> NDArray[np.int64]:
    """How often rising and falling change."""
    changes = np.diff(slopes, axis=-1)
    signs = np.sign(np.where(np.abs(changes) > 1e-3, changes, 0))
    turned = signs[..., 1:] * signs[..., :-1] < 0
    return np.asarray(turned.sum(axis=-1), np.int64)


def _rates(ahead: Real, at: Real, floor: float) -> tuple[Real, NDArray[np.bool_]]:
    """exp of the slope of `ahead` = log M over the second half of its way, and whether its two
    halves agree."""

    def at_step(k: NDArray[np.intp]) -> Real:
        return np.asarray(np.take_along_axis(ahead, k[..., None], axis=-1)[..., 0])

    def fitted(a: NDArray[np.intp], b: NDArray[np.intp]) -> Real:
        return np.asarray((at_step(b) - at_step(a)) / (at[b] - at[a]))

    def first_below(level: Real) -> NDArray[np.intp]:
        return np.asarray(np.minimum((ahead > level[..., None]).sum(axis=-1), last), np.intp)

    last = np.maximum((ahead > floor).sum(axis=-1) - 1, 0)
    top, end = ahead[..., 0], at_step(last)
    half = np.minimum(first_below((top + end) / 2), np.maximum(last - 1, 0))
    quarter = first_below(top / 4 + 3 * end / 4)
    with np.errstate(invalid="ignore", divide="ignore"):
        early, late = fitted(half, quarter), fitted(quarter, last)
        # Too few windows for two halves: a nan, which does not disagree.
        unsteady = np.maximum(early / late, late / early) > AGREE
        # Nothing but the first slope is above the floor: the minimum was hit at once.
        rates = np.where(last > 0, np.exp(fitted(half, last)), 0.0)
    return rates, ~unsteady
