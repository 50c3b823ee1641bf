"""Every update rule, each as in its paper; `rule.py` turns it into a compiled kernel.

In the rules `x` is a parameter θ and `g` its gradient; other names are the hyperparameters in
`defaults`, running powers such as `beta1_t` (β₁ᵗ), the step `t` from 1, and state slots, which
start at zero unless `initial` says otherwise.

Conventions
-----------
Libraries differ in where epsilon stands, in the bias correction and in defaults. `convention=`
chooses both formula and defaults:

- "book" (default): *Deep Learning from Scratch* (Saitoh, 2016) for the rules it has, else the
  rule's own paper; in its style: 1e-7 beside the root where a paper has no epsilon, and Adam's
  bias correction folded into the rate. One default is the course's and not the book's: RMSProp
  keeps 0.95 (the book's repository 0.99).
- "torch" (2.13), "keras" (3), "optax" (0.2): what these libraries compute, to the last bits.
  Optax has no default rate; ours is the book's.
"""

from __future__ import annotations

from numpy import copysign, sign, sqrt

from optviz.optimizers.base import Optimizer
from optviz.optimizers.hyper import amount, at_most_zero, share, tiny
from optviz.optimizers.schedule_free import ScheduleFree, ScheduleFreeAdamW
from optviz.optimizers.searches import Armijo, ConjugateGradient, Newton, Polyak, Wolfe
from optviz.optimizers.whole_arrays import LAMB, LARS, BarzilaiBorwein, Prodigy


class SGD(Optimizer):
    """Gradient descent: a step against the gradient.

    θ ← θ − η·g  (Robbins and Monro, 1951).

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    convention : str
        "book", "torch", "keras", "optax": the same formula, different defaults.

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("sphere", ov.SGD(lr=0.25), start=(1, 2), steps=1).points[-1]
    array([0.5, 1. ])
    """

    defaults = {
        "book": {"lr": 0.01},
        "torch": {"lr": 0.001},
        "keras": {"lr": 0.01},
        "optax": {"lr": 0.01},
    }
    equation = "θ ← θ − η g"

    @staticmethod
    def descent(x, g, lr):
        return x - lr * g

    rules = dict.fromkeys(defaults, descent)


class Momentum(Optimizer):
    """Heavy-ball momentum: a velocity that the gradient accelerates.

    book, keras: v ← μv − ηg, θ ← θ + v (the book's equations 6.3 and 6.4);
    torch, optax: b ← μb + g, θ ← θ − ηb. They differ only when the rate changes. Polyak (1964).

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    momentum : float in [0, 1)
        The share μ of the velocity that is carried over.
    convention : str
        "book", "torch", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("sphere", ov.Momentum(lr=0.25), start=(1, 2), steps=2).points[-1]
    array([-0.2, -0.4])
    """

    defaults = {
        "book": {"lr": 0.01, "momentum": share(0.9)},
        "torch": {"lr": 0.001, "momentum": 0.9},
        "keras": {"lr": 0.01, "momentum": 0.9},
        "optax": {"lr": 0.01, "momentum": 0.9},
    }
    equation = "v ← μ v − η g,  θ ← θ + v"

    @staticmethod
    def velocity(x, g, v, lr, momentum):
        v = momentum * v - lr * g
        return x + v, v

    @staticmethod
    def trace(x, g, b, lr, momentum):
        b = momentum * b + g
        return x - lr * b, b

    rules = {"book": velocity, "torch": trace, "keras": velocity, "optax": trace}


class Nesterov(Optimizer):
    """Nesterov's momentum, rewritten so that the gradient is taken at θ.

    book, keras: v ← μv − ηg, θ ← θ + μv − ηg; torch, optax: b ← μb + g, θ ← θ − η(g + μb).
    Nesterov (1983); Bengio, Boulanger-Lewandowski and Pascanu (2013), equation 7.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    momentum : float in [0, 1)
        The share μ of the velocity that is carried over.
    convention : str
        "book", "torch", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("sphere", ov.Nesterov(lr=0.25), start=(1, 2), steps=1).points[-1]
    array([0.05, 0.1 ])
    """

    defaults = Momentum.defaults
    equation = "v ← μ v − η g,  θ ← θ + μ v − η g"

    @staticmethod
    def velocity(x, g, v, lr, momentum):
        v = momentum * v - lr * g
        return x + momentum * v - lr * g, v

    @staticmethod
    def trace(x, g, b, lr, momentum):
        b = momentum * b + g
        return x - lr * (g + momentum * b), b

    rules = {"book": velocity, "torch": trace, "keras": velocity, "optax": trace}


class AdaGrad(Optimizer):
    """A rate per coordinate that shrinks with the gradients seen so far.

    book: h ← h + g², θ ← θ − η·g/(√h + ε) (the book's equations 6.5 and 6.6);
    torch: the same, with the rate η/(1 + (t − 1)·lr_decay); keras, optax: h starts at 0.1 and
    the divisor is √(h + ε). Duchi, Hazan and Singer (2011).

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    lr_decay : float ≥ 0, only in "torch"
    initial_accumulator : float ≥ 0, not in "book"
        Where h starts.
    convention : str
        "book", "torch", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("sphere", ov.AdaGrad(lr=0.5), start=(1, 2), steps=1)
    >>> t.points[-1].round(6)  # the first step is η in each coordinate
    array([0.5, 1.5])
    """

    defaults = {
        "book": {"lr": 0.01, "eps": tiny(1e-7)},
        "torch": {"lr": 0.01, "eps": 1e-10, "lr_decay": amount(0), "initial_accumulator": 0.0},
        "keras": {"lr": 0.001, "eps": 1e-7, "initial_accumulator": amount(0.1)},
        "optax": {"lr": 0.01, "eps": 1e-7, "initial_accumulator": 0.1},
    }
    initial = {"h": "initial_accumulator"}
    equation = "h ← h + g²,  θ ← θ − η g / (√h + ε)"

    @staticmethod
    def book(x, g, h, lr, eps):
        h = h + g**2
        return x - lr * g / (sqrt(h) + eps), h

    @staticmethod
    def torch(x, g, h, lr, eps, lr_decay, t):
        h = h + g**2
        rate = lr / (1 + (t - 1) * lr_decay)
        return x - rate * g / (sqrt(h) + eps), h

    @staticmethod
    def keras(x, g, h, lr, eps):
        h = h + g**2
        return x - lr * g / sqrt(h + eps), h

    @staticmethod
    def optax(x, g, h, lr, eps):
        h = h + g**2
        return x - (lr * g / sqrt(h + eps) if h > 0 else 0), h

    rules = {"book": book, "torch": torch, "keras": keras, "optax": optax}


class RMSProp(Optimizer):
    """AdaGrad that forgets: a running mean of squared gradients instead of their sum.

    book: h ← ρh + (1 − ρ)g², θ ← θ − η·g/(√h + ε), without bias correction; ρ is 0.95 unless
    given, the course's number, where the book's repository has 0.99.
    torch: the same divisor, with optional momentum b ← μb + g/d, θ ← θ − ηb;
    keras, optax: divisor √(h + ε), b ← μb + η·g/d, θ ← θ − b. Centred, the variance h − ḡ²
    stands for h. Tieleman and Hinton (2012), lecture 6e; Graves (2013), equations 38-45.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    decay : float in [0, 1)
        The share ρ of the running mean that is kept.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    momentum : float in [0, 1), not in "book"
    centered : bool, not in "book"
    convention : str
        "book", "torch", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("sphere", ov.RMSProp(lr=0.1, decay=0.75), start=(1, 2), steps=1)
    >>> t.points[-1].round(6)  # without bias correction the first step is η/√(1 − ρ)
    array([0.8, 1.8])
    """

    defaults = {
        "book": {"lr": 0.01, "decay": share(0.95), "eps": tiny(1e-7)},
        "torch": {"lr": 0.01, "decay": 0.99, "eps": 1e-8, "momentum": share(0), "centered": False},
        "keras": {"lr": 0.001, "decay": 0.9, "eps": 1e-7, "momentum": 0.0, "centered": False},
        "optax": {"lr": 0.01, "decay": 0.9, "eps": 1e-8, "momentum": 0.0, "centered": False},
    }
    equation = "h ← ρ h + (1−ρ) g²,  θ ← θ − η g / (√h + ε)"

    @staticmethod
    def book(x, g, h, lr, decay, eps):
        h = decay * h + (1 - decay) * g**2
        return x - lr * g / (sqrt(h) + eps), h

    @staticmethod
    def torch(x, g, h, mean, b, lr, decay, eps, momentum, centered):
        h = decay * h + (1 - decay) * g**2
        mean = decay * mean + (1 - decay) * g
        variance = h - mean**2 if centered > 0 else h
        b = momentum * b + g / (sqrt(variance) + eps)
        return x - lr * b, h, mean, b

    @staticmethod
    def epsilon_in_root(x, g, h, mean, b, lr, decay, eps, momentum, centered):
        h = decay * h + (1 - decay) * g**2
        mean = decay * mean + (1 - decay) * g
        variance = h - mean**2 if centered > 0 else h
        b = momentum * b + lr * g / sqrt(variance + eps)
        return x - b, h, mean, b

    rules = {"book": book, "torch": torch, "keras": epsilon_in_root, "optax": epsilon_in_root}


class AdaDelta(Optimizer):
    """RMSProp whose rate is the running size of its own steps.

    h ← ρh + (1 − ρ)g², δ = √(u + ε)/√(h + ε)·g, u ← ρu + (1 − ρ)δ², θ ← θ − ηδ.
    Zeiler (2012), algorithm 1 (where η is 1). All conventions share the formula.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The factor η.
    decay : float in [0, 1)
        The share ρ of both running means that is kept.
    eps : float ≥ 0
        Sets the size of the first steps.
    convention : str
        "book", "torch", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("sphere", ov.AdaDelta(), start=(1, 2), steps=1)
    >>> t.points[-1].round(4)  # it starts slowly: by √(ε/(1 − ρ)) in each coordinate
    array([0.9955, 1.9955])
    """

    defaults = {
        "book": {"lr": 1.0, "decay": share(0.95), "eps": tiny(1e-6)},
        "torch": {"lr": 1.0, "decay": 0.9, "eps": 1e-6},
        "keras": {"lr": 0.001, "decay": 0.95, "eps": 1e-7},
        "optax": {"lr": 1.0, "decay": 0.9, "eps": 1e-6},
    }
    equation = "h ← ρ h + (1−ρ) g²,  δ = √(u+ε)/√(h+ε) g,  u ← ρ u + (1−ρ) δ²,  θ ← θ − η δ"

    @staticmethod
    def zeiler(x, g, h, u, lr, decay, eps):
        h = decay * h + (1 - decay) * g**2
        delta = sqrt(u + eps) / sqrt(h + eps) * g
        u = decay * u + (1 - decay) * delta**2
        return x - lr * delta, h, u

    rules = dict.fromkeys(defaults, zeiler)


class Adam(Optimizer):
    """Momentum over gradients, divided by their running size.

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², then
    torch, optax: θ ← θ − η·m̂/(√v̂ + ε) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ);
    book, keras: θ ← θ − η√(1 − β₂ᵗ)/(1 − β₁ᵗ)·m/(√v + ε), the same but for the scale of ε.
    Kingma and Ba (2015), algorithm 1, and the end of its section 2.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    beta1, beta2 : float in [0, 1)
        The shares of the running means of g and g² that are kept.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    convention : str
        "book", "torch", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("sphere", ov.Adam(lr=0.1), start=(1, 2), steps=1)
    >>> t.points[-1].round(5)  # the first step is η in each coordinate
    array([0.9, 1.9])
    """

    defaults = {
        "book": {"lr": 0.001, "beta1": share(0.9), "beta2": share(0.999), "eps": tiny(1e-7)},
        "torch": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
        "keras": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7},
        "optax": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    }
    equation = "m ← β₁m + (1−β₁) g,  v ← β₂v + (1−β₂) g²,  θ ← θ − η m̂ / (√v̂ + ε)"

    @staticmethod
    def folded(x, g, m, v, lr, beta1, beta2, eps, beta1_t, beta2_t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        rate = lr * sqrt(1 - beta2_t) / (1 - beta1_t)
        return x - rate * m / (sqrt(v) + eps), m, v

    @staticmethod
    def corrected(x, g, m, v, lr, beta1, beta2, eps, beta1_t, beta2_t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        # Algorithm 1 with both sides of the fraction times √(1 − β₂ᵗ): v̂ needs no division.
        root = sqrt(1 - beta2_t)
        return x - lr * root / (1 - beta1_t) * m / (sqrt(v) + eps * root), m, v

    rules = {"book": folded, "torch": corrected, "keras": folded, "optax": corrected}


class Adamax(Optimizer):
    """Adam with the largest recent gradient (the infinity norm) as the divisor.

    m ← β₁m + (1 − β₁)g, u ← max(β₂u, abs(g)), θ ← θ − η/(1 − β₁ᵗ)·m/(u + ε);
    torch, optax: ε is added to abs(g) instead. Kingma and Ba (2015), algorithm 2.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    beta1, beta2 : float in [0, 1)
        The share of the running mean, and of the running maximum, that is kept.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    convention : str
        "book", "torch", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("sphere", ov.Adamax(lr=0.1), start=(1, 2), steps=1)
    >>> t.points[-1].round(5)
    array([0.9, 1.9])
    """

    defaults = {
        "book": {"lr": 0.002, "beta1": share(0.9), "beta2": share(0.999), "eps": tiny(1e-7)},
        "torch": {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
        "keras": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7},
        "optax": {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    }
    equation = "m ← β₁m + (1−β₁) g,  u ← max(β₂u, |g|),  θ ← θ − η/(1−β₁ᵗ) m/(u + ε)"

    @staticmethod
    def epsilon_beside(x, g, m, u, lr, beta1, beta2, eps, beta1_t):
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g))
        return x - lr / (1 - beta1_t) * m / (u + eps), m, u

    @staticmethod
    def epsilon_within(x, g, m, u, lr, beta1, beta2, eps, beta1_t):
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g) + eps)
        return x - lr / (1 - beta1_t) * m / u, m, u

    rules = {
        "book": epsilon_beside,
        "torch": epsilon_within,
        "keras": epsilon_beside,
        "optax": epsilon_within,
    }


class Nadam(Optimizer):
    """Adam with Nesterov's look ahead.

    m and v as Adam; book, torch, keras: μₜ = β₁(1 − ½·0.96^(ψt)), Pₜ = μ₁⋯μₜ,
    m̂ = μₜ₊₁m/(1 − Pₜμₜ₊₁) + (1 − μₜ)g/(1 − Pₜ), v̂ = v/(1 − β₂ᵗ), θ ← θ − η·m̂/(√v̂ + ε);
    optax: μ is β₁ throughout. Dozat (2015, 2016), Incorporating Nesterov Momentum into Adam.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    beta1, beta2 : float in [0, 1)
        The shares of the running means of g and g² that are kept.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    momentum_decay : float ≥ 0, not in "optax"
        ψ, how fast μₜ rises towards β₁.
    convention : str
        "book", "torch", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("sphere", ov.Nadam(lr=0.1, convention="optax"), start=(1, 2), steps=1)
    >>> t.points[-1].round(4)  # (β₁ + 1 + β₁)/(1 + β₁) times η
    array([0.8526, 1.8526])
    """

    defaults = {
        "book": {**Adamax.defaults["book"], "momentum_decay": amount(0.004)},
        "torch": {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum_decay": 0.004},
        "keras": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "momentum_decay": 1.0},
        "optax": {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    }
    # The product P is the same for all coordinates, but must be remembered: a slot does that.
    initial = {"P": 1.0}
    equation = "m, v as Adam,  m̂ = μₜ₊₁m/(1−Pₜμₜ₊₁) + (1−μₜ)g/(1−Pₜ),  θ ← θ − η m̂ / (√v̂ + ε)"

    @staticmethod
    def scheduled(x, g, m, v, P, lr, beta1, beta2, eps, momentum_decay, beta2_t, t):
        mu = beta1 * (1 - 0.5 * 0.96 ** (momentum_decay * t))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** (momentum_decay * (t + 1)))
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        P = P * mu
        m_hat = mu_next * m / (1 - P * mu_next) + (1 - mu) * g / (1 - P)
        v_hat = v / (1 - beta2_t)
        return x - lr * m_hat / (sqrt(v_hat) + eps), m, v, P

    @staticmethod
    def constant(x, g, m, v, lr, beta1, beta2, eps, beta1_t, beta2_t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = beta1 / (1 - beta1_t * beta1) * m + (1 - beta1) / (1 - beta1_t) * g
        v_hat = v / (1 - beta2_t)
        return x - lr * m_hat / (sqrt(v_hat) + eps), m, v

    rules = {"book": scheduled, "torch": scheduled, "keras": scheduled, "optax": constant}


class AMSGrad(Optimizer):
    """Adam whose divisor never shrinks.

    m and v as Adam; book, keras: s ← max(s, v), θ ← θ − η√(1 − β₂ᵗ)/(1 − β₁ᵗ)·m/(√s + ε);
    torch: s is corrected after the maximum, θ ← θ − η·m̂/(√(s/(1 − β₂ᵗ)) + ε);
    optax: before it, s ← max(s, v̂). Reddi, Kale and Kumar (2018), algorithm 2 (which has no bias
    correction).

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    beta1, beta2 : float in [0, 1)
        The shares of the running means of g and g² that are kept.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    convention : str
        "book", "torch", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("sphere", ov.AMSGrad(lr=0.1), start=(1, 2), steps=1)
    >>> t.points[-1].round(5)
    array([0.9, 1.9])
    """

    defaults = Adam.defaults
    equation = "m, v as Adam,  s ← max(s, v),  θ ← θ − η m̂ / (√ŝ + ε)"

    @staticmethod
    def folded(x, g, m, v, s, lr, beta1, beta2, eps, beta1_t, beta2_t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        s = max(s, v)
        rate = lr * sqrt(1 - beta2_t) / (1 - beta1_t)
        return x - rate * m / (sqrt(s) + eps), m, v, s

    @staticmethod
    def corrected_after(x, g, m, v, s, lr, beta1, beta2, eps, beta1_t, beta2_t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        s = max(s, v)
        return x - lr / (1 - beta1_t) * m / (sqrt(s / (1 - beta2_t)) + eps), m, v, s

    @staticmethod
    def corrected_before(x, g, m, v, s, lr, beta1, beta2, eps, beta1_t, beta2_t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        s = max(s, v / (1 - beta2_t))
        return x - lr / (1 - beta1_t) * m / (sqrt(s) + eps), m, v, s

    rules = {
        "book": folded,
        "torch": corrected_after,
        "keras": folded,
        "optax": corrected_before,
    }


class AdamW(Optimizer):
    """Adam with weight decay beside the gradient instead of in it.

    torch, keras: θ ← θ(1 − ηλ), then Adam's step; book, optax: θ ← θ − η(Adam's direction + λθ),
    which is the same but for rounding. Loshchilov and Hutter (2019), algorithm 2, whose α is 1
    here, so that the decay in a step is ηλ, as in all libraries.

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
        "book", "torch", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> opt = ov.AdamW(lr=0.1, weight_decay=0.5)
    >>> ov.minimize("sphere", opt, start=(1, 2), steps=1).points[-1].round(5)
    array([0.85, 1.8 ])
    """

    defaults = {
        "book": {**Adam.defaults["book"], "weight_decay": amount(0.01, 1e-5, 1)},
        "torch": {**Adam.defaults["torch"], "weight_decay": 0.01},
        "keras": {**Adam.defaults["keras"], "weight_decay": 0.004},
        "optax": {**Adam.defaults["optax"], "weight_decay": 0.0001},
    }
    equation = "m, v as Adam,  θ ← θ − η (m̂ / (√v̂ + ε) + λ θ)"

    @staticmethod
    def folded(x, g, m, v, lr, beta1, beta2, eps, weight_decay, beta1_t, beta2_t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        rate = lr * sqrt(1 - beta2_t) / (1 - beta1_t)
        return x * (1 - lr * weight_decay) - rate * m / (sqrt(v) + eps), m, v

    @staticmethod
    def corrected(x, g, m, v, lr, beta1, beta2, eps, weight_decay, beta1_t, beta2_t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        root = sqrt(1 - beta2_t)
        step = lr * root / (1 - beta1_t) * m / (sqrt(v) + eps * root)
        return x * (1 - lr * weight_decay) - step, m, v

    rules = {"book": folded, "torch": corrected, "keras": folded, "optax": corrected}


class RAdam(Optimizer):
    """Adam that waits with its divisor until enough gradients were seen to trust it.

    ρ∞ = 2/(1 − β₂) − 1, ρₜ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ); above a threshold
    θ ← θ − η·r·m̂·√(1 − β₂ᵗ)/(√v + ε), r = √((ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ)); else
    θ ← θ − η·m̂. The threshold is ρₜ > 4 in book (the paper's), > 5 in torch, ≥ 5 in optax, which
    adds ε to √v̂. Liu et al. (2020), algorithm 2.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    beta1, beta2 : float in [0, 1)
        The shares of the running means of g and g² that are kept.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    convention : str
        "book", "torch", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("sphere", ov.RAdam(lr=0.1), start=(1, 2), steps=1)
    >>> t.points[-1].round(5)  # the first steps are momentum's
    array([0.8, 1.6])
    """

    defaults = {name: Adam.defaults[name] for name in ("book", "torch", "optax")}
    equation = "m, v as Adam,  θ ← θ − η rₜ m̂ / (√v̂ + ε)  if ρₜ > 4  else  θ − η m̂"

    @staticmethod
    def book(x, g, m, v, lr, beta1, beta2, eps, beta1_t, beta2_t, t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2_t / (1 - beta2_t)
        p = (rho - 4) * (rho - 2) / rho
        p_inf = (rho_inf - 4) * (rho_inf - 2) / rho_inf
        r = sqrt(p / p_inf) if rho > 4 else 0.0
        scale = r * sqrt(1 - beta2_t) / (sqrt(v) + eps) if rho > 4 else 1
        return x - lr / (1 - beta1_t) * m * scale, m, v

    @staticmethod
    def torch(x, g, m, v, lr, beta1, beta2, eps, beta1_t, beta2_t, t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2_t / (1 - beta2_t)
        p = (rho - 4) * (rho - 2) / rho
        p_inf = (rho_inf - 4) * (rho_inf - 2) / rho_inf
        r = sqrt(p / p_inf) if rho > 5 else 0.0
        scale = r * sqrt(1 - beta2_t) / (sqrt(v) + eps) if rho > 5 else 1
        return x - lr / (1 - beta1_t) * m * scale, m, v

    @staticmethod
    def optax(x, g, m, v, lr, beta1, beta2, eps, beta1_t, beta2_t, t):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2_t / (1 - beta2_t)
        p = (rho - 4) * (rho - 2) / rho
        p_inf = (rho_inf - 4) * (rho_inf - 2) / rho_inf
        r = sqrt(p / p_inf) if rho >= 5 else 0.0
        scale = r / (sqrt(v / (1 - beta2_t)) + eps) if rho >= 5 else 1
        return x - lr / (1 - beta1_t) * m * scale, m, v

    rules = {"book": book, "torch": torch, "optax": optax}


class Lion(Optimizer):
    """The sign of a momentum: every coordinate moves by the same amount.

    c = β₁m + (1 − β₁)g, θ ← θ − η(sign(c) + λθ), m ← β₂m + (1 − β₂)g.
    Chen et al. (2023), Symbolic Discovery of Optimization Algorithms, algorithm 2.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η; a third to a tenth of Adam's is usual.
    beta1, beta2 : float in [0, 1)
        How much of the momentum the step, and the next momentum, are made of.
    weight_decay : float ≥ 0, not in "keras"
        λ.
    convention : str
        "book", "keras", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("sphere", ov.Lion(lr=0.5), start=(1, 2), steps=1).points[-1]
    array([0.5, 1.5])
    """

    defaults = {
        "book": {"lr": 0.0001, "beta1": share(0.9), "beta2": share(0.99), "weight_decay": 0.0},
        "keras": {"lr": 0.001, "beta1": 0.9, "beta2": 0.99},
        "optax": {
            "lr": 0.0001,
            "beta1": 0.9,
            "beta2": 0.99,
            "weight_decay": amount(0.001, 1e-5, 1),
        },
    }
    equation = "θ ← θ − η (sign(β₁m + (1−β₁) g) + λ θ),  m ← β₂m + (1−β₂) g"

    @staticmethod
    def decayed(x, g, m, lr, beta1, beta2, weight_decay):
        c = beta1 * m + (1 - beta1) * g
        m = beta2 * m + (1 - beta2) * g
        return x - lr * (sign(c) + weight_decay * x), m

    @staticmethod
    def plain(x, g, m, lr, beta1, beta2):
        c = beta1 * m + (1 - beta1) * g
        m = beta2 * m + (1 - beta2) * g
        return x - lr * sign(c), m

    rules = {"book": decayed, "keras": plain, "optax": decayed}


class FTRL(Optimizer):
    """Follow the regularised leader: sparse weights, a rate per coordinate.

    σ = (√(n + g²) − √n)/η, z ← z + g − σθ, n ← n + g², and θ is 0 where abs(z) ≤ λ₁, else
    −(z − sign(z)λ₁)/((β + √n)/η + λ₂). McMahan et al. (2013), Ad Click Prediction, algorithm 1.
    keras: n starts at 0.1, nᵖ stands for √n, λ₂ counts twice, and a shrinkage may join in.
    Its steps are drawn towards 0, not towards the start: that is the method, not an error.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The paper's α, our η.
    beta : float ≥ 0
        Keeps the first steps small.
    l1, l2 : float ≥ 0
        The penalties λ₁ and λ₂.
    lr_power : float ≤ 0, only in "keras"
        −p.
    initial_accumulator, l2_shrinkage : float ≥ 0, only in "keras"
    convention : str
        "book", "keras".

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("sphere", ov.FTRL(lr=0.5), start=(1, 2), steps=1).points[-1].round(4)
    array([0.3333, 1.2   ])
    """

    defaults = {
        "book": {"lr": 0.1, "beta": amount(1, 0, 0.99), "l1": amount(0), "l2": amount(0)},
        "keras": {
            "lr": 0.001, "beta": 0.0, "l1": 0.0, "l2": 0.0, "lr_power": at_most_zero(-0.5),
            "initial_accumulator": amount(0.1), "l2_shrinkage": amount(0),
        },
    }  # fmt: skip
    initial = {"n": "initial_accumulator"}
    divides_by_rate = True
    equation = "z ← z + g − (√(n+g²) − √n)/η θ,  n ← n + g²,  θ ← −shrink(z, λ₁)/((β+√n)/η + λ₂)"

    @staticmethod
    def mcmahan(x, g, z, n, lr, beta, l1, l2):
        sigma = (sqrt(n + g**2) - sqrt(n)) / lr
        z = z + g - sigma * x
        n = n + g**2
        # No division where z is not beyond λ₁: with β = 0 and no gradient yet, it would be by 0.
        w = (z - copysign(l1, z)) / ((beta + sqrt(n)) / lr + l2) if abs(z) > l1 else 0
        return -w, z, n

    @staticmethod
    def keras(x, g, z, n, lr, beta, l1, l2, lr_power, l2_shrinkage):
        before = sqrt(n) if lr_power == -0.5 else n ** (-lr_power)
        n = n + g**2
        after = sqrt(n) if lr_power == -0.5 else n ** (-lr_power)
        z = z + g + 2 * l2_shrinkage * x - (after - before) / lr * x
        shrunk = z - copysign(l1, z) if abs(z) > l1 else 0
        return -shrunk / (after / lr + 2 * (l2 + beta / (2 * lr))), z, n

    rules = {"book": mcmahan, "keras": keras}


class Adan(Optimizer):
    """Nesterov's momentum without a second place for the gradient: means of g and of its changes.

    With d = g − gₜ₋₁: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)d, n ← β₃n + (1 − β₃)(g + β₂d)²,
    all three corrected as Adam's, θ ← (θ − η·(m̂ + β₂v̂)/(√n̂ + ε))/(1 + ηλ).
    optax: 1 − β₂ stands where β₂ is a factor, the divisor is √(n̂ + ε₀) + ε, and the decay is
    θ ← θ − η·(… + λθ). Xie, Zhou, Li, Lin and Yan (2022), Adan, algorithm 1, whose β are the shares
    of what is new, and which starts from the first gradient where the authors' code, and ours,
    correct the means.

    Parameters
    ----------
    lr : float > 0 or Schedule
        The rate η.
    beta1, beta2, beta3 : float in [0, 1)
        The shares of the three running means that are kept.
    eps : float ≥ 0
        Keeps the divisor away from zero.
    weight_decay : float ≥ 0
        λ.
    eps_root : float ≥ 0, only in "optax"
        ε₀.
    convention : str
        "book", "optax".

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("sphere", ov.Adan(lr=0.1), start=(1, 2), steps=1).points[-1].round(5)
    array([0.9, 1.9])
    """

    defaults = {
        "book": {
            "lr": 0.001, "beta1": share(0.98), "beta2": share(0.92), "beta3": share(0.99),
            "eps": tiny(1e-8), "weight_decay": amount(0.0, 1e-5, 1),
        },
        "optax": {
            "lr": 0.001, "beta1": 0.98, "beta2": 0.92, "beta3": 0.99, "eps": 1e-8,
            "weight_decay": 0.0, "eps_root": tiny(1e-8),
        },
    }  # fmt: skip
    equation = (
        "m, v, n: means of g, d = g − gₜ₋₁, (g + β₂d)²,  "
        "θ ← (θ − η (m̂ + β₂v̂) / (√n̂ + ε)) / (1 + η λ)"
    )

    @staticmethod
    def book(x, g, m, v, n, before, lr, beta1, beta2, beta3, eps, weight_decay,
             beta1_t, beta2_t, beta3_t, t):  # fmt: skip
        d = g - before if t > 1 else 0
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * d
        n = beta3 * n + (1 - beta3) * (g + beta2 * d) ** 2
        ahead = m / (1 - beta1_t) + beta2 * v / (1 - beta2_t)
        step = lr * ahead / (sqrt(n / (1 - beta3_t)) + eps)
        return (x - step) / (1 + lr * weight_decay), m, v, n, g

    @staticmethod
    def optax(x, g, m, v, n, before, lr, beta1, beta2, beta3, eps, weight_decay, eps_root,
              beta1_t, beta2_t, beta3_t, t):  # fmt: skip
        d = g - before if t > 1 else 0
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * d
        n = beta3 * n + (1 - beta3) * (g + (1 - beta2) * d) ** 2
        ahead = m / (1 - beta1_t) + (1 - beta2) * v / (1 - beta2_t)
        direction = ahead / (sqrt(n / (1 - beta3_t) + eps_root) + eps)
        return x - lr * (direction + weight_decay * x), m, v, n, g

    rules = {"book": book, "optax": optax}


#: Every optimizer by its name on the command line.
optimizers: dict[str, type[Optimizer]] = {
    kind.__name__.lower(): kind
    for kind in (
        SGD,
        Momentum,
        Nesterov,
        AdaGrad,
        RMSProp,
        AdaDelta,
        Adam,
        Adamax,
        Nadam,
        AMSGrad,
        AdamW,
        RAdam,
        Lion,
        FTRL,
        Adan,
        LARS,
        LAMB,
        ScheduleFree,
        ScheduleFreeAdamW,
        Prodigy,
        BarzilaiBorwein,
        Polyak,
        Armijo,
        Wolfe,
        Newton,
        ConjugateGradient,
    )
}
