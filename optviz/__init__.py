"""optviz: see what optimizers do, and measure it.

    >>> import optviz as ov
    >>> t = ov.minimize("bowl", ov.Adam(lr=0.3), steps=100)
    >>> t.points.shape, bool(t.values[-1] < t.values[0])
    ((101, 2), True)

Names are imported when they are first used: `import optviz` takes a few milliseconds. They stand
in `__init__.pyi`, once, for type checkers and for the loader alike.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
# What the stub imports for its types alone is none of them.
__all__ = [name for name in __all__ if name != "CatalogueModule"] + ["__version__"]


def __dir__() -> list[str]:
    return sorted(__all__)
