"""The course's function x²/20 + y² as a surface: flat along x, steep along y."""

import optviz as ov

ov.save(ov.plot([], on="bowl", view="surface"), "bowl_surface.png", dpi=120)
