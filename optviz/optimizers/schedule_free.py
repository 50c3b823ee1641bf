"""Rules that average their own points instead of letting the rate fall.

The gradient is taken at y, between the fast iterate z and the average; what a run has come to, and
what pictures show, is the average. In a program of one's own `Optimizer.evaluation` gives it.
"""

from __future__ import annotations

from numpy import sqrt

from optviz.optimizers.base import Optimizer
from optviz.optimizers.hyper import amount, share, tiny


class ScheduleFree(Optimizer):
    """Gradient descent whose answer is a running mean of its points; the rate needs no schedule.

    z ← z − η(g + λy), x̄ ← x̄ + c(z − x̄) with c = ηₜ²/Σηᵢ² (1/t where η is constant),
    y ← (1 − β)z + βx̄, where g is the gradient at y. Defazio et al. (2024), The Road Less Scheduled,
    equations 2 to 4, and algorithm 1 for c. The picture shows x̄.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η; a schedule may warm up, and need not fall.
    beta : float in [0, 1)
        How near to the average the gradient is taken.
    weight_decay : float ≥ 0
        λ, at y.

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("sphere", ov.ScheduleFree(lr=0.25), start=(1, 2), steps=1).points[-1]
    array([0.5, 1. ])
    """

    defaults = {"lr": 1.0, "beta": share(0.9), "weight_decay": amount(0.0, 1e-5, 1)}
    comes_to = "average"
    equation = "z ← z − η g(y),  x̄ ← x̄ + (z − x̄)/t,  y ← (1−β) z + β x̄"

    @staticmethod
    def rule(y, g, z, average, weights, lr, beta, weight_decay, t):
        z = y if t == 1 else z
        average = y if t == 1 else average
        weights = weights + lr**2
        z = z - lr * (g + weight_decay * y)
        c = lr**2 / weights if weights > 0 else 0
        average = average + c * (z - average)
        return z + beta * (average - z), z, average, weights


class ScheduleFreeAdamW(Optimizer):
    """AdamW whose answer is a running mean of its points; the rate needs no schedule.

    v ← β₂v + (1 − β₂)g², z ← z − η(g/(√v̂ + ε) + λy), and x̄ and y as in `ScheduleFree` with β₁.
    Defazio et al. (2024), The Road Less Scheduled, algorithm 1; that √(1 − β₂ᵗ) stands in v̂ and not
    in the rate is as in the authors' code. The picture shows x̄.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η; a schedule may warm up, and need not fall.
    beta1 : float in [0, 1)
        How near to the average the gradient is taken.
    beta2 : float in [0, 1)
        The share of the running mean of g² that is kept.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    weight_decay : float ≥ 0
        λ, at y.

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("sphere", ov.ScheduleFreeAdamW(lr=0.1), start=(1, 2), steps=1)
    >>> t.points[-1].round(5)
    array([0.9, 1.9])
    """

    defaults = {
        "lr": 0.0025, "beta1": share(0.9), "beta2": share(0.999), "eps": tiny(1e-8),
        "weight_decay": amount(0.0, 1e-5, 1),
    }  # fmt: skip
    comes_to = "average"
    equation = "v as Adam,  z ← z − η g(y) / (√v̂ + ε),  x̄ ← x̄ + (z − x̄)/t,  y ← (1−β₁) z + β₁ x̄"

    @staticmethod
    def rule(y, g, v, z, average, weights, lr, beta1, beta2, eps, weight_decay, beta2_t, t):
        z = y if t == 1 else z
        average = y if t == 1 else average
        weights = weights + lr**2
        v = beta2 * v + (1 - beta2) * g**2
        z = z - lr * (g / (sqrt(v / (1 - beta2_t)) + eps) + weight_decay * y)
        c = lr**2 / weights if weights > 0 else 0
        average = average + c * (z - average)
        return z + beta1 * (average - z), v, z, average, weights
