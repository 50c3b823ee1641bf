"""All rules of the book convention in plain numbers, as their papers' pseudo-code has them.

Written for these tests from the papers, with their symbols, not from `optviz.optimizers`. Each
takes the step t from 1, the parameter, its gradient g and a dict of what it remembers, all 0 at
first, and returns the new parameter. Where a paper has no ε (or another place for it), the book
convention adds 1e-7 to the root, as the book's code does; where a paper corrects the bias of the
divisor, it is folded into the rate, again as the book's code does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from math import fsum, sqrt

Memory = defaultdict[str, float]
Arrays = dict[str, list[float]]


def sgd(t, W, g, s: Memory, lr):
    """Saitoh (2016), equation 6.1."""
    return W - lr * g


def momentum(t, W, g, s: Memory, lr, momentum):
    """Saitoh (2016), equations 6.3 and 6.4, with α = 0.9."""
    s["v"] = momentum * s["v"] - lr * g
    return W + s["v"]


def nesterov(t, Theta, g, s: Memory, lr, momentum):
    """Bengio, Boulanger-Lewandowski and Pascanu (2013), equations 6 and 7: Θ = θ + μv.

    θₜ = θₜ₋₁ + vₜ, so that Θₜ = Θₜ₋₁ − μₜ₋₁vₜ₋₁ + μₜvₜ + vₜ.
    """
    before, s["v"] = s["v"], momentum * s["v"] - lr * g
    return Theta - momentum * before + momentum * s["v"] + s["v"]


def adagrad(t, W, g, s: Memory, lr, eps):
    """Saitoh (2016), equations 6.5 and 6.6."""
    s["h"] += g * g
    return W - lr * g / (sqrt(s["h"]) + eps)


def rmsprop(t, W, g, s: Memory, lr, decay, eps):
    """Tieleman and Hinton (2012), slide 29 of lecture 6: MeanSquare = 0.9 MeanSquare + 0.1 g²."""
    s["MeanSquare"] = decay * s["MeanSquare"] + (1 - decay) * g * g
    return W - lr * g / (sqrt(s["MeanSquare"]) + eps)


def adadelta(t, x, g, s: Memory, lr, decay, eps):
    """Zeiler (2012), algorithm 1 and equation 9: RMS[z] = √(E[z²] + ε); the factor lr is ours."""
    s["E[g²]"] = decay * s["E[g²]"] + (1 - decay) * g * g
    delta = -sqrt(s["E[Δx²]"] + eps) / sqrt(s["E[g²]"] + eps) * g
    s["E[Δx²]"] = decay * s["E[Δx²]"] + (1 - decay) * delta * delta
    return x + lr * delta


def _moments(g, s: Memory, beta1, beta2) -> tuple[float, float]:
    """The first lines of Kingma and Ba (2015), algorithm 1."""
    s["m"] = beta1 * s["m"] + (1 - beta1) * g
    s["v"] = beta2 * s["v"] + (1 - beta2) * g * g
    return s["m"], s["v"]


def _alpha_t(t, alpha, beta1, beta2) -> float:
    """Kingma and Ba (2015), end of section 2: αₜ = α √(1 − β₂ᵗ)/(1 − β₁ᵗ)."""
    return alpha * sqrt(1 - beta2**t) / (1 - beta1**t)


def adam(t, theta, g, s: Memory, lr, beta1, beta2, eps):
    """Kingma and Ba (2015), end of section 2: θ ← θ − αₜ m/(√v + ε̂)."""
    m, v = _moments(g, s, beta1, beta2)
    return theta - _alpha_t(t, lr, beta1, beta2) * m / (sqrt(v) + eps)


def adamax(t, theta, g, s: Memory, lr, beta1, beta2, eps):
    """Kingma and Ba (2015), algorithm 2, which has no ε."""
    s["m"] = beta1 * s["m"] + (1 - beta1) * g
    s["u"] = max(beta2 * s["u"], abs(g))
    return theta - lr / (1 - beta1**t) * s["m"] / (s["u"] + eps)


def nadam(t, theta, g, s: Memory, lr, beta1, beta2, eps, momentum_decay):
    """Dozat (2015), Incorporating Nesterov Momentum into Adam, the report's algorithm: ĝ, m̂, n̂, m̄.

    μₜ = μ(1 − ½·0.96^(t/250)), so that momentum_decay is 1/250. Here n̂ keeps its ε outside.
    """

    def mu(i):
        return beta1 * (1 - 0.5 * 0.96 ** (i * momentum_decay))

    product = 1.0
    for i in range(1, t + 1):
        product *= mu(i)
    g_hat = g / (1 - product)
    s["m"] = beta1 * s["m"] + (1 - beta1) * g
    m_hat = s["m"] / (1 - product * mu(t + 1))
    s["n"] = beta2 * s["n"] + (1 - beta2) * g * g
    n_hat = s["n"] / (1 - beta2**t)
    m_bar = (1 - mu(t)) * g_hat + mu(t + 1) * m_hat
    return theta - lr * m_bar / (sqrt(n_hat) + eps)


def amsgrad(t, x, g, s: Memory, lr, beta1, beta2, eps):
    """Reddi, Kale and Kumar (2018), algorithm 2, with Adam's αₜ for its own."""
    m, v = _moments(g, s, beta1, beta2)
    s["v̂"] = max(s["v̂"], v)
    return x - _alpha_t(t, lr, beta1, beta2) * m / (sqrt(s["v̂"]) + eps)


def adamw(t, theta, g, s: Memory, lr, beta1, beta2, eps, weight_decay):
    """Loshchilov and Hutter (2019), algorithm 2, line 12: θ ← θ − ηₜ(α m̂/(√v̂ + ε) + λθ).

    With their α = 1, so that the rate is the schedule's ηₜ and the decay is ηₜλ, as in libraries.
    """
    m, v = _moments(g, s, beta1, beta2)
    direction = _alpha_t(t, 1.0, beta1, beta2) * m / (sqrt(v) + eps)
    return theta - lr * (direction + weight_decay * theta)


def radam(t, theta, g, s: Memory, lr, beta1, beta2, eps):
    """Liu et al. (2020), algorithm 2."""
    rho_inf = 2 / (1 - beta2) - 1
    m, v = _moments(g, s, beta1, beta2)
    m_hat = m / (1 - beta1**t)
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    if rho > 4:
        l = sqrt(1 - beta2**t) / (sqrt(v) + eps)  # noqa: E741
        r = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
        return theta - lr * r * m_hat * l
    return theta - lr * m_hat


def lion(t, theta, g, s: Memory, lr, beta1, beta2, weight_decay):
    """Chen et al. (2023), algorithm 2."""
    c = beta1 * s["m"] + (1 - beta1) * g
    sign = (c > 0) - (c < 0)
    s["m"] = beta2 * s["m"] + (1 - beta2) * g
    return theta - lr * (sign + weight_decay * theta)


def ftrl(t, w, g, s: Memory, lr, beta, l1, l2):
    """McMahan et al. (2013), algorithm 1: first what a round learns, then the next round's w."""
    sigma = (sqrt(s["n"] + g * g) - sqrt(s["n"])) / lr
    s["z"] += g - sigma * w
    s["n"] += g * g
    z = s["z"]
    if abs(z) <= l1:
        return 0.0
    return -(z - (1 if z > 0 else -1) * l1) / ((beta + sqrt(s["n"])) / lr + l2)


def adan(t, theta, g, s: Memory, lr, beta1, beta2, beta3, eps, weight_decay):
    """Xie et al. (2022), algorithm 1, whose betas are 1 − ours; means corrected as Adam's."""
    b1, b2, b3 = 1 - beta1, 1 - beta2, 1 - beta3
    change = g - s["g"] if t > 1 else 0.0
    s["m"] = (1 - b1) * s["m"] + b1 * g
    s["v"] = (1 - b2) * s["v"] + b2 * change
    s["n"] = (1 - b3) * s["n"] + b3 * (g + (1 - b2) * change) ** 2
    s["g"] = g
    eta = lr / (sqrt(s["n"] / (1 - beta3**t)) + eps)
    way = s["m"] / (1 - beta1**t) + (1 - b2) * s["v"] / (1 - beta2**t)
    return (1 + weight_decay * lr) ** -1 * (theta - eta * way)


def schedulefree(t, y, g, s: Memory, lr, beta, weight_decay):
    """Defazio et al. (2024), equations 2 to 4; x is their average, c of algorithm 1."""
    x, z = (s["x"], s["z"]) if t > 1 else (y, y)
    s["sum"] += lr**2
    c = lr**2 / s["sum"]
    s["z"] = z - lr * (g + weight_decay * y)
    s["x"] = (1 - c) * x + c * s["z"]
    return (1 - beta) * s["z"] + beta * s["x"]


def schedulefreeadamw(t, y, g, s: Memory, lr, beta1, beta2, eps, weight_decay):
    """Defazio et al. (2024), algorithm 1, with a corrected v."""
    s["v"] = beta2 * s["v"] + (1 - beta2) * g**2
    way = g / (sqrt(s["v"] / (1 - beta2**t)) + eps)
    return schedulefree(t, y, way, s, lr, beta1, weight_decay)


#: By the names of the command line.
RULES: dict[str, Callable[..., float]] = {
    rule.__name__: rule
    for rule in (
        sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, adamax, nadam, amsgrad, adamw,
        radam, lion, ftrl, adan, schedulefree, schedulefreeadamw,
    )
}  # fmt: skip


# -- rules of whole arrays: lists of numbers ------------------------------------------------------


def _norm(a: list[float]) -> float:
    return sqrt(fsum(x * x for x in a))


def _inner(a: list[float], b: list[float]) -> float:
    return fsum(x * y for x, y in zip(a, b, strict=True))


def lars(t, w, g, s: Arrays, lr, momentum, weight_decay, trust):
    """You, Gitman and Ginsburg (2017), algorithm 1."""
    v = s.get("v", [0.0] * len(w))
    size, slope = _norm(w), _norm(g)
    local = trust * size / (slope + weight_decay * size) if size and slope else 1.0
    s["v"] = [momentum * vi + lr * local * (gi + weight_decay * wi)
              for vi, gi, wi in zip(v, g, w, strict=True)]  # fmt: skip
    return [wi - vi for wi, vi in zip(w, s["v"], strict=True)]


def lamb(t, x, g, s: Arrays, lr, beta1, beta2, eps, weight_decay):
    """You et al. (2020), algorithm 2."""
    zeros = [0.0] * len(x)
    m, v = s.get("m", zeros), s.get("v", zeros)
    m = s["m"] = [beta1 * a + (1 - beta1) * b for a, b in zip(m, g, strict=True)]
    v = s["v"] = [beta2 * a + (1 - beta2) * b * b for a, b in zip(v, g, strict=True)]
    r = [a / (1 - beta1**t) / (sqrt(b / (1 - beta2**t)) + eps) + weight_decay * xi
         for a, b, xi in zip(m, v, x, strict=True)]  # fmt: skip
    phi, length = _norm(x), _norm(r)
    ratio = phi / length if phi and length else 1.0
    return [xi - lr * ratio * ri for xi, ri in zip(x, r, strict=True)]


def prodigy(t, x, g, s: Arrays, lr, beta1, beta2, eps, weight_decay, d0, d_coef):
    """Mishchenko and Defazio (2024), algorithm 4, as it stands there: with d², and no d₀."""
    if t == 1:
        zeros = [0.0] * len(x)
        s.update(x0=list(x), m=zeros, v=zeros, s=zeros, d=[d0], r=[0.0])
    (d,), (r,) = s["d"], s["r"]
    root = sqrt(beta2)
    s["m"] = [beta1 * a + (1 - beta1) * d * b for a, b in zip(s["m"], g, strict=True)]
    s["v"] = [beta2 * a + (1 - beta2) * d * d * b * b for a, b in zip(s["v"], g, strict=True)]
    away = [a - b for a, b in zip(s["x0"], x, strict=True)]
    r = root * r + lr * d * d * _inner(g, away)
    s["s"] = [root * a + lr * d * d * b for a, b in zip(s["s"], g, strict=True)]
    size = fsum(abs(a) for a in s["s"])
    if not size:
        return list(x)
    new = max(d, d_coef * r / size)
    s["d"], s["r"] = [new], [r]
    return [xi - lr * d * (a / (sqrt(b) + new * eps) + weight_decay * xi)
            for xi, a, b in zip(x, s["m"], s["v"], strict=True)]  # fmt: skip


def barzilaiborwein(t, x, g, s: Arrays, lr, short):
    """Barzilai and Borwein (1988), equations 5 and 6."""
    rate = lr
    if t > 1:
        dx = [a - b for a, b in zip(x, s["x"], strict=True)]
        dg = [a - b for a, b in zip(g, s["g"], strict=True)]
        if (along := _inner(dx, dg)) > 0:
            rate = along / _inner(dg, dg) if short else _inner(dx, dx) / along
    s["x"], s["g"] = list(x), list(g)
    return [a - rate * b for a, b in zip(x, g, strict=True)]


#: By the names of the command line.
WHOLE: dict[str, Callable[..., list[float]]] = {
    rule.__name__: rule for rule in (lars, lamb, prodigy, barzilaiborwein)
}


def whole_path(
    name: str, start: Iterable[float], gradients: Iterable[Iterable[float]], **settings: float
) -> list[list[float]]:
    """An array under given gradients, its start first; `lr` may be a function of t − 1."""
    rate = settings.pop("lr")
    memory: Arrays = {}
    out = [list(start)]
    for t, g in enumerate(gradients, 1):
        lr = rate(t - 1) if callable(rate) else rate
        out.append(WHOLE[name](t, out[-1], list(g), memory, lr=lr, **settings))
    return out


def path(name: str, start: float, gradients: Iterable[float], **settings: float) -> list[float]:
    """One parameter under given gradients, its start first; `lr` may be a function of t − 1."""
    rate = settings.pop("lr")
    memory: Memory = defaultdict(float)
    out = [start]
    for t, g in enumerate(gradients, 1):
        lr = rate(t - 1) if callable(rate) else rate
        out.append(RULES[name](t, out[-1], g, memory, lr=lr, **settings))
    return out
