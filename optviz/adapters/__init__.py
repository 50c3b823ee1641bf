"""Other libraries' optimizers in our pictures, and ours in other libraries' programs.

Each function imports its library when it is called; what it returns goes wherever an optimizer of
ours goes. In text, and so on the command line, it is `torch:Adam:lr=0.1`, `optax:adam`,
`keras:Adam`, `scipy:BFGS`.
"""

from __future__ import annotations

from typing import Any

from optviz.optimizers.base import Optimizer
from optviz.optimizers.foreign import Foreign

__all__ = ["as_optax", "as_torch", "callable", "keras", "optax", "scipy", "torch"]


def torch(optimizer: Any, **settings: Any) -> Foreign:
    """An optimizer of PyTorch, or of anybody for PyTorch.

    Parameters
    ----------
    optimizer
        A class such as `torch.optim.Adam`, its name in `torch.optim`, or a function that makes one
        from a list of parameters.
    settings
        What the class takes besides the parameters: `lr=0.1`, `betas=(0.8, 0.99)`. Numbers can be
        tuned and swept.

    Raises
    ------
    ValueError
        If PyTorch is not installed, there is no such optimizer, it refuses the settings, or its
        step wants to evaluate the function itself (`LBFGS`).
    """
    from optviz.adapters.from_torch import adapted

    return adapted(optimizer, settings)


def optax(transformation: Any, **settings: Any) -> Foreign:
    """A gradient transformation of optax, or of anybody for optax.

    Parameters
    ----------
    transformation
        A `GradientTransformation`, or what makes one: `optax.adam`, or its name. Only in the second
        case are there settings that can be tuned.
    settings
        What makes it: `learning_rate=0.1`.

    Raises
    ------
    ValueError
        If optax is not installed, or it is none.
    """
    from optviz.adapters.from_optax import adapted

    return adapted(transformation, settings)


def keras(optimizer: Any, **settings: Any) -> Foreign:
    """An optimizer of Keras 3, in its backend.

    Parameters
    ----------
    optimizer
        An optimizer such as `keras.optimizers.Adam(0.1)`, a class, or its name.
    settings
        Of the class.

    Raises
    ------
    ValueError
        If Keras or its backend is not installed, or it is none.
    """
    from optviz.adapters.from_keras import adapted

    return adapted(optimizer, settings)


def scipy(method: str, **options: Any) -> Foreign:
    """A method of `scipy.optimize.minimize`; a step is one of its iterations.

    Parameters
    ----------
    method
        "BFGS", "CG", "L-BFGS-B", "Newton-CG", "TNC", "SLSQP", "trust-constr", "Nelder-Mead",
        "Powell".
    options
        Of the method, such as `gtol=1e-8`.

    Raises
    ------
    ValueError
        If there is no such method.
    """
    from optviz.adapters.from_scipy import adapted

    return adapted(method, options)


def callable(update: Any, **settings: Any) -> Foreign:
    """Any optimizer with `update(params, grads)`, which changes arrays in a dict in place.

    Parameters
    ----------
    update
        A function; an object with a method `update`, copied for each run; or a class, made anew for
        each run.
    settings
        Of the class.

    Raises
    ------
    ValueError
        If it is nothing of the kind.

    Examples
    --------
    >>> import optviz as ov
    >>> class Halves:
    ...     def __init__(self, lr=0.1):
    ...         self.lr = lr
    ...     def update(self, params, grads):
    ...         for key in params:
    ...             params[key] -= self.lr / 2 * grads[key]
    >>> t = ov.minimize("bowl", ov.adapters.callable(Halves, lr=0.4), steps=3)
    >>> t.points[-1].round(3).tolist()
    [-6.588, 0.432]
    >>> ov.minimize("bowl", ov.SGD(lr=0.2), steps=3).points[-1].round(3).tolist()
    [-6.588, 0.432]
    """
    from optviz.adapters.from_callable import adapted

    return adapted(update, settings)


def as_torch(params: Any, optimizer: str | Optimizer) -> Any:
    """One of ours as a `torch.optim.Optimizer`.

    It has parameter groups with settings of their own, closures, `state_dict`, and obeys
    PyTorch's schedulers. Parameters are stepped where they lie: nothing is copied.

    Parameters
    ----------
    params
        Tensors of float32 or float64 on the CPU, or groups of them, as PyTorch's take them:
        `model.parameters()`, `[{"params": …, "lr": 0.1}]`.
    optimizer
        Or its text. A schedule of its own is obeyed as well.

    Raises
    ------
    ValueError
        If PyTorch is not installed, a parameter is none of these, or a setting does not fit.
    """
    from optviz.adapters.to_torch import adapted

    return adapted(params, optimizer)


def as_optax(optimizer: str | Optimizer) -> Any:
    """One of ours as an `optax.GradientTransformation`, whose `update` needs the parameters.

    It works under `jit` and `vmap` through a callback, which runs the compiled kernel on the host.

    Raises
    ------
    ValueError
        If optax is not installed, or an array is neither float32 nor float64.
    """
    from optviz.adapters.to_optax import adapted

    return adapted(optimizer)
