"""Methods that look at the function's value or at its Hessian, and not at one gradient a step.

They walk on functions only: of a network they would want the loss of all rows in every step.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.optimizers.hyper import amount, positive, share
from optviz.optimizers.walker import Ground, Walker
from optviz.shared.checks import as_real

Array = NDArray[np.float64]

#: Shorter than this, a step is not tried again.
SHORTEST = 1e-20
#: Where the largest component of the gradient is no larger, a search is over.
FLAT = amount(1e-10)


class Search(Walker):
    """One of ours: a place follows from the one before it.

    A search for a shorter step that finds none stays where it is.
    """

    def places(self, ground: Ground, x: Array) -> Iterator[Array]:
        """One place after the other."""
        raise NotImplementedError

    def walk(self, ground: Ground, x: Array, steps: int) -> tuple[Array, NDArray[np.int64]]:
        """See `Walker`."""
        points, counts = [x.copy()], [0]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that no step was found is to be seen
            for place in self.places(ground, x):
                points.append(place.copy())
                counts.append(ground.evaluations)
                if len(points) > steps or not np.isfinite(place).all():
                    break
        return np.array(points), np.array(counts)

    def kernel_source(self) -> str:
        """What a run depends on besides the settings: the text of its module."""
        return inspect.getsource(sys.modules[type(self).__module__])

    def is_flat(self, g: Array) -> bool:
        """Whether there is nothing left to do."""
        return bool(np.abs(g).max(initial=0.0) <= float(self.flat))


def backtracked(
    ground: Ground, x: Array, f: float, along: Array, slope: float, rate: float, c1: float,
    shrink: float,
) -> tuple[Array, float, float]:  # fmt: skip
    """The first x + rate · along, with ever smaller rates, that lies below the line of Armijo's
    condition, f there, and the rate; 0 where no rate does.

    `slope` is that along `along`. Nocedal and Wright (2006), algorithm 3.1.
    """
    while rate * np.abs(along).max() > SHORTEST * max(1.0, np.abs(x).max()):
        place = x + rate * along
        there = ground.f(place)
        if there <= f + c1 * rate * slope:
            return place, there, rate
        rate *= shrink
    return x, f, 0.0


class Polyak(Search):
    """Gradient descent with the rate that would reach the lowest value if f were straight.

    η = κ(f(θ) − f*)/‖g‖², θ ← θ − ηg; f* is that of the function, which must be known.
    Polyak (1969), Minimization of Unsmooth Functionals, equation 8; Polyak (1987), Introduction to
    Optimization, section 5.3.2.

    Parameters
    ----------
    factor : float > 0
        κ; in (0, 2) distances to the minimum of a convex function fall.
    flat : float ≥ 0
        The run is over where no component of the gradient is larger.

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("sphere", ov.Polyak(), start=(1, 2), steps=1).points[-1]
    array([0.5, 1. ])
    """

    defaults = {"factor": positive(1.0), "flat": FLAT}
    rate_name = ""
    equation = "η = κ (f(θ) − f*) / ‖g‖²,  θ ← θ − η g"

    def places(self, ground: Ground, x: Array) -> Iterator[Array]:
        """See `Search`."""
        if ground.lowest is None:
            raise ValueError("polyak's rate is made of f*, and this function's is not known")
        while not self.is_flat(g := ground.gradient(x)):
            x = x - self.factor * (ground.f(x) - ground.lowest) / (g @ g) * g
            yield x


class Armijo(Search):
    """Gradient descent that halves its rate until the value has fallen enough.

    η starts at `lr` in every step and shrinks until f(θ − ηg) ≤ f(θ) − c₁η‖g‖².
    Armijo (1966); Nocedal and Wright (2006), Numerical Optimization, algorithm 3.1.

    Parameters
    ----------
    lr : float > 0
        The largest rate.
    c1 : float in [0, 1)
        The share of the fall along the slope that is asked for.
    shrink : float in [0, 1)
        The factor of a rate that was too large.
    flat : float ≥ 0
        The run is over where no component of the gradient is larger.

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("sphere", ov.Armijo(lr=1), start=(1, 2), steps=1).points[-1]  # 1 leads across
    array([0., 0.])
    """

    defaults = {"lr": 1.0, "c1": share(1e-4), "shrink": share(0.5), "flat": FLAT}
    equation = "η = lr · shrinkᵏ with the first k for which  f(θ − ηg) ≤ f(θ) − c₁ η ‖g‖²"

    def places(self, ground: Ground, x: Array) -> Iterator[Array]:
        """See `Search`."""
        f = ground.f(x)
        while not self.is_flat(g := ground.gradient(x)):
            x, f, _ = backtracked(ground, x, f, -g, -float(g @ g), self.lr, self.c1, self.shrink)
            yield x


class Wolfe(Search):
    """Gradient descent with a rate after which the slope has flattened as well.

    η with f(θ − ηg) ≤ f(θ) − c₁η‖g‖² and ∣⟨g(θ − ηg), g⟩∣ ≤ c₂‖g‖², the strong Wolfe conditions.
    Wolfe (1969); Nocedal and Wright (2006), algorithms 3.5 and 3.6, as SciPy's `line_search` has
    them.

    Parameters
    ----------
    c1 : float in [0, 1)
        The share of the fall along the slope that is asked for.
    c2 : float in [0, 1)
        The share of the slope that may be left, larger than c1: 0.1 searches nearly to the lowest
        point of the line.
    flat : float ≥ 0
        The run is over where no component of the gradient is larger.

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("bowl", ov.Wolfe(), steps=20)
    >>> bool((t.values[1:] < t.values[:-1]).all())  # it never goes up
    True
    """

    defaults = {"c1": share(1e-4), "c2": share(0.9), "flat": FLAT}
    rate_name = ""
    equation = "θ ← θ − η g  with  f ≤ f(θ) − c₁ η ‖g‖²  and  |slope| ≤ c₂ ‖g‖²  there"

    def _set(self, name: str, value: Any) -> None:
        before = self._hyper.get(name)
        super()._set(name, value)
        c1, c2 = (as_real(self._hyper.get(key, end)) for key, end in (("c1", 0.0), ("c2", 1.0)))
        if not c1 < c2:
            if before is not None:
                self._hyper[name] = before
            raise ValueError(f"Wolfe: c2 must be larger than c1 = {c1:g}, not {c2:g}")

    def places(self, ground: Ground, x: Array) -> Iterator[Array]:
        """See `Search`."""
        from scipy.optimize import line_search

        f, before = ground.f(x), None
        g = ground.gradient(x)
        while not self.is_flat(g):
            rate, _, _, there, _, _ = line_search(
                ground.f, ground.gradient, x, -g, g, f, before, c1=self.c1, c2=self.c2
            )
            if rate is not None:
                x, f, before = x - rate * g, there, f
                g = ground.gradient(x)
            yield x


class Newton(Search):
    """The step to the lowest point of the parabola that touches f.

    θ ← θ − η(H + τI)⁻¹g with the Hessian H. Damped, τ is 0 where H is positive definite (no
    eigenvalue below 10⁻⁸ of the largest), and else makes the lowest eigenvalue 10⁻³ of the largest,
    so that it never heads for a saddle, and η = 1 is halved as in `Armijo`; otherwise τ = 0 and
    η = 1, and it goes to whatever stationary point is near.
    Nocedal and Wright (2006), sections 3.3 and 3.4 (equation 3.43).

    Parameters
    ----------
    damped : bool
        Whether it goes downhill.
    c1 : float in [0, 1)
        The share of the fall along the slope that is asked for.
    flat : float ≥ 0
        The run is over where no component of the gradient is larger.

    Examples
    --------
    >>> import optviz as ov
    >>> ov.minimize("bowl", ov.Newton(), start=(-7, 2), steps=9).points  # one step on a quadratic
    array([[-7.,  2.],
           [ 0.,  0.]])
    """

    defaults = {"damped": True, "c1": share(1e-4), "flat": FLAT}
    rate_name = ""
    equation = "θ ← θ − η (H + τ I)⁻¹ g"

    def places(self, ground: Ground, x: Array) -> Iterator[Array]:
        """See `Search`."""
        f = ground.f(x) if self.damped else np.nan
        while not self.is_flat(g := ground.gradient(x)):
            hessian = ground.hessian(x)
            if not np.isfinite(hessian).all():
                yield np.full_like(x, np.nan)
                return
            if self.damped:
                values = np.linalg.eigvalsh(hessian)
                size = max(np.abs(values).max(), np.finfo(float).tiny)
                if values[0] < 1e-8 * size:
                    hessian = hessian + (1e-3 * size - values[0]) * np.eye(len(x))
            try:
                along = -np.linalg.solve(hessian, g)
            except np.linalg.LinAlgError:  # flat in some direction: nowhere to go
                yield np.full_like(x, np.nan)
                return
            if self.damped:
                x, f, _ = backtracked(ground, x, f, along, float(g @ along), 1.0, self.c1, 0.5)
            else:
                x = x + along
            yield x


class ConjugateGradient(Search):
    """Directions that do not undo each other; on a quadratic in n dimensions n steps are enough.

    p ← −g + βp with β = max(0, ⟨g, g − gₜ₋₁⟩/⟨gₜ₋₁, gₜ₋₁⟩), θ ← θ + ηp with η = −⟨g, p⟩/⟨p, Hp⟩,
    halved as in `Armijo` where f is no quadratic. Where the curvature along p is not positive, η
    begins at 1, and p is −g again where it does not lead downhill. Hestenes and Stiefel (1952);
    Polak and Ribière (1969); Shewchuk (1994), An Introduction to the Conjugate Gradient Method,
    section 14.

    Parameters
    ----------
    c1 : float in [0, 1)
        The share of the fall along the slope that is asked for.
    flat : float ≥ 0
        The run is over where no component of the gradient is larger.

    Examples
    --------
    >>> import optviz as ov
    >>> t = ov.minimize("bowl", ov.ConjugateGradient(), start=(-7, 2), steps=9)
    >>> len(t.points), bool(t.values[-1] < 1e-20)
    (3, True)
    """

    defaults = {"c1": share(1e-4), "flat": FLAT}
    rate_name = ""
    equation = "p ← −g + β p,  θ ← θ − ⟨g, p⟩/⟨p, H p⟩ p"

    def places(self, ground: Ground, x: Array) -> Iterator[Array]:
        """See `Search`."""
        f, g = ground.f(x), ground.gradient(x)
        p = -g
        while not self.is_flat(g):
            curvature = p @ ground.hessian(x) @ p
            rate = -(g @ p) / curvature if curvature > 0 else 1.0
            x, f, rate = backtracked(ground, x, f, p, float(g @ p), rate, self.c1, 0.5)
            yield x
            before, g = g, ground.gradient(x)
            p = -g + max(0.0, g @ (g - before) / (before @ before)) * p
            if not g @ p < 0 or rate == 0:
                p = -g
