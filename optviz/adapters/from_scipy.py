"""The methods of `scipy.optimize.minimize` as optimizers of ours."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from optviz.adapters.making import class_of, is_number, told
from optviz.optimizers.foreign import Foreign
from optviz.optimizers.walker import Ground, Walker
from optviz.shared.text import did_you_mean, listed

Array = NDArray[Any]

#: Those that need no more than a gradient; and that need none.
METHODS = ("BFGS", "CG", "L-BFGS-B", "Newton-CG", "TNC", "SLSQP", "trust-constr")
WITHOUT_GRADIENT = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA")


class Scipy(Walker, Foreign):
    """One of SciPy's; see `optviz.adapters.scipy`."""

    library: ClassVar[str] = "scipy"
    method: ClassVar[str] = ""

    def walk(self, ground: Ground, x: Array, steps: int) -> tuple[Array, NDArray[np.int64]]:
        """Its iterations, as its callback tells them."""
        from scipy.optimize import minimize

        points, counts = [x.copy()], [0]

        def told_of(place: Array, *_: Any) -> None:
            points.append(np.array(place, dtype=float))
            counts.append(ground.evaluations)

        jac = ground.gradient if self.method in METHODS else None
        # TNC counts evaluations: its way is cut where it has so many steps.
        most = {} if self.method == "TNC" else {"maxiter": steps}
        options = {**self.fixed, **self.settings(self.hyper_vector()), **most}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # that it has not converged yet is what is shown
            try:
                minimize(ground.f, x, jac=jac, method=self.method, callback=told_of,
                         options=options)  # fmt: skip
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"scipy's {self.method}: {type(error).__name__}: {error}"
                ) from None
        return np.array(points[: steps + 1]), np.array(counts[: steps + 1])


def adapted(method: str, options: Mapping[str, Any]) -> Foreign:
    """What `optviz.adapters.scipy` returns."""
    known = {name.lower(): name for name in (*METHODS, *WITHOUT_GRADIENT)}
    if not isinstance(method, str) or method.lower() not in known:
        hint = did_you_mean(str(method), known.values())
        raise ValueError(f"scipy has no method {method!r}{hint} that needs no more than a "
                         f"gradient; it has {listed(known.values())}")  # fmt: skip
    name = known[method.lower()]
    usual = _options(name)
    if "maxiter" in options:
        raise ValueError("maxiter is the number of steps here: give steps")
    if unknown := [key for key in options if key not in usual]:
        hint = did_you_mean(unknown[0], usual)
        raise ValueError(f"scipy's {name} has no option {unknown[0]!r}{hint}; it has "
                         f"{listed(usual)}")  # fmt: skip
    plain = {k: v for k, v in usual.items() if is_number(v)}
    return class_of(Scipy, f"Scipy{name}", options, rate="", numbers=plain,
                    origin=f"scipy:{name}", library=told("scipy"), method=name)  # fmt: skip


def _options(method: str) -> dict[str, Any]:
    """The options of a method with their defaults."""
    from scipy import optimize

    modules = [getattr(optimize, name) for name in dir(optimize) if name.startswith("_")]
    found = {key.lower().replace("_", ""): value for module in modules if inspect.ismodule(module)
             for key, value in vars(module).items() if key.startswith("_minimize_")}  # fmt: skip
    makes = found.get(f"minimize{method.lower().replace('-', '')}")
    if makes is None:
        return {}
    hidden = {"fun", "x0", "args", "jac", "hess", "hessp", "bounds", "callback", "constraints",
              "maxiter", "disp", "iprint", "workers"}  # fmt: skip
    return {p.name: p.default for p in inspect.signature(makes).parameters.values()
            if p.name not in hidden and p.kind is p.POSITIONAL_OR_KEYWORD}  # fmt: skip
