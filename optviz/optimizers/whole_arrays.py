"""Rules that look at a whole array, or at all arrays: their sums are totals (see `rule.py`).

On a function the point is the one array. Of a network each weight matrix and each bias is an array
of its own for `total`, and all of them are one for `grand_total`.
"""

from __future__ import annotations

from numpy import sqrt

from optviz.optimizers.base import Optimizer
from optviz.optimizers.hyper import amount, positive, share, tiny
from optviz.optimizers.rule import grand_total, total


class LARS(Optimizer):
    """Momentum whose rate in each array follows the ratio of the weights' norm to the gradient's.

    r = κ‖θ‖/(‖g‖ + λ‖θ‖), v ← μv + η·r·(g + λθ), θ ← θ − v; optax: r = κ‖θ‖/‖g + λθ‖.
    Where a norm is 0, r is 1. You, Gitman and Ginsburg (2017), Large Batch Training of
    Convolutional Networks, algorithm 1. On a function, whose origin means nothing, steps shrink
    near the origin all the same: that is the method.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The global rate, the paper's γ.
    momentum : float in [0, 1)
        The share μ of the velocity that is carried over.
    weight_decay : float ≥ 0
        The paper's β, our λ.
    trust : float > 0
        The trust coefficient κ, the paper's η.
    convention : str
        "book", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> opt = ov.LARS(lr=0.5, trust=1.0, weight_decay=0)
    >>> ov.minimize("sphere", opt, start=(3, 4), steps=1).points[-1]  # half of ‖θ‖ = 5
    array([1.5, 2. ])
    """

    defaults = {
        "book": {
            "lr": 1.0, "momentum": share(0.9), "weight_decay": amount(0.0005, 1e-5, 1),
            "trust": positive(0.001),
        },
        "optax": {"lr": 1.0, "momentum": 0.9, "weight_decay": 0.0, "trust": 0.001},
    }  # fmt: skip
    equation = "r = κ‖θ‖/(‖g‖ + λ‖θ‖),  v ← μ v + η r (g + λ θ),  θ ← θ − v"

    @staticmethod
    def book(x, g, v, lr, momentum, weight_decay, trust):
        size = sqrt(total(x**2))
        slope = sqrt(total(g**2))
        r = trust * size / (slope + weight_decay * size) if size > 0 and slope > 0 else 1
        v = momentum * v + lr * r * (g + weight_decay * x)
        return x - v, v

    @staticmethod
    def optax(x, g, v, lr, momentum, weight_decay, trust):
        g = g + weight_decay * x
        size = sqrt(total(x**2))
        slope = sqrt(total(g**2))
        v = momentum * v + lr * (trust * size / slope if size > 0 and slope > 0 else 1) * g
        return x - v, v

    rules = {"book": book, "optax": optax}


class LAMB(Optimizer):
    """AdamW whose step in each array is as long as η times the norm of its weights.

    r = m̂/(√v̂ + ε) + λθ with Adam's m̂ and v̂, θ ← θ − η·‖θ‖/‖r‖·r; where a norm is 0, the ratio
    is 1. You et al. (2020), Large Batch Optimization for Deep Learning, algorithm 2 with φ the
    identity.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    beta1, beta2 : float in [0, 1)
        The shares of the running means of g and g² that are kept.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    weight_decay : float ≥ 0
        λ.
    convention : str
        "book", "optax": the same formula, different defaults.

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("sphere", ov.LAMB(lr=0.1, weight_decay=0), start=(3, 4), steps=1)
    >>> t.points[-1].round(4)  # by 0.1 ‖θ‖ = 0.5 along Adam's direction, the diagonal
    array([2.6464, 3.6464])
    """

    defaults = {
        "book": {
            "lr": 0.001, "beta1": share(0.9), "beta2": share(0.999), "eps": tiny(1e-6),
            "weight_decay": amount(0.01, 1e-5, 1),
        },
        "optax": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6, "weight_decay": 0.0},
    }  # fmt: skip
    equation = "r = m̂ / (√v̂ + ε) + λ θ,  θ ← θ − η ‖θ‖/‖r‖ r"

    @staticmethod
    def trusting(x, g, m, v, lr, beta1, beta2, eps, weight_decay, beta1_t, beta2_t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = m / (1 - beta1_t) / (sqrt(v / (1 - beta2_t)) + eps) + weight_decay * x
        size = sqrt(total(x**2))
        length = sqrt(total(r**2))
        return x - lr * (size / length if size > 0 and length > 0 else 1) * r, m, v

    rules = dict.fromkeys(defaults, trusting)


class Prodigy(Optimizer):
    """Adam that finds its own rate: d, a lower bound of the distance to the solution, grows.

    β₃ = √β₂, N ← β₃N + (d/d₀)·dη·⟨g, θ₀ − θ⟩, m ← β₁m + (1 − β₁)dg, v ← β₂v + (1 − β₂)d²g²,
    s ← β₃s + (d/d₀)·dη·g, d' = max(d, κN/‖s‖₁), θ ← θ − dη(m/(√v + d'ε) + λθ), d ← d'; sums are
    over all arrays. Mishchenko and Defazio (2024), Prodigy, algorithm 4, N and s
    divided by d₀ as in the authors' code, so that neither vanishes.

    Parameters
    ----------
    lr : float > 0 or Schedule
        A factor of the rate that is found; 1 unless there is a reason.
    beta1, beta2 : float in [0, 1)
        The shares of the running means of g and g² that are kept.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    weight_decay : float ≥ 0
        λ.
    d0 : float > 0
        The first guess of the distance; too small does no harm, too large does.
    d_coef : float > 0
        κ, a factor of what is found.

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("bowl", ov.Prodigy(), steps=300).values[-1] < 1e-3  # no rate was given
    np.True_
    """

    defaults = {
        "lr": 1.0, "beta1": share(0.9), "beta2": share(0.999), "eps": tiny(1e-8),
        "weight_decay": amount(0.0, 1e-5, 1), "d0": positive(1e-6),
        "d_coef": positive(1.0),
    }  # fmt: skip
    # That d and N are the same for all coordinates, and remembered, a slot does as in Nadam.
    initial = {"d": "d0"}
    equation = "d ← max(d, κN/‖s‖₁),  m, v as Adam of d g,  θ ← θ − d η (m / (√v + d ε) + λ θ)"

    @staticmethod
    def rule(x, g, m, v, s, origin, d, N, lr, beta1, beta2, eps, weight_decay, d0, d_coef, t):
        origin = x if t == 1 else origin
        beta3 = sqrt(beta2)
        rate = d * lr
        N = beta3 * N + grand_total(d / d0 * rate * g * (origin - x))
        m = beta1 * m + (1 - beta1) * d * g
        v = beta2 * v + (1 - beta2) * d**2 * g**2
        s = beta3 * s + d / d0 * rate * g
        size = grand_total(abs(s))
        # Not `size > 0`: what is no number is to be seen in the parameters, and not to stop them.
        d = d if size == 0 else max(d, d_coef * N / size)
        step = 0 if size == 0 else rate * (m / (sqrt(v) + d * eps) + weight_decay * x)
        return x - step, m, v, s, origin, d, N


class BarzilaiBorwein(Optimizer):
    """Gradient descent with the rate that the last step would have wanted.

    With Δθ = θ − θₜ₋₁ and Δg = g − gₜ₋₁: η = ⟨Δθ, Δθ⟩/⟨Δθ, Δg⟩, or with `short` ⟨Δθ, Δg⟩/⟨Δg, Δg⟩,
    θ ← θ − ηg; the products are over all arrays together. Barzilai and Borwein (1988), Two-Point
    Step Size Gradient Methods, equations 6 and 5. The first step has the rate `lr`, and so has any
    after which the slope along the step has not risen (⟨Δθ, Δg⟩ ≤ 0), where the paper's formula
    would go uphill. Values need not fall
    in every step, and nothing but convexity promises that they ever do.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate where there is none to be found.
    short : bool
        Whether the shorter of the two rates is taken.

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("bowl", ov.BarzilaiBorwein(lr=0.1), steps=12)
    >>> t.values[-1] < 1e-9
    np.True_
    """

    defaults = {"lr": 0.01, "short": False}
    equation = "η = ⟨Δθ, Δθ⟩/⟨Δθ, Δg⟩,  θ ← θ − η g"

    @staticmethod
    def rule(x, g, place, slope, lr, short, t):
        along = grand_total((x - place) * (g - slope))
        long_rate = grand_total((x - place) ** 2) / along if along > 0 else lr
        short_rate = along / grand_total((g - slope) ** 2) if along > 0 else lr
        rate = short_rate if short > 0 else long_rate
        return x - (rate if t > 1 else lr) * g, x, g
