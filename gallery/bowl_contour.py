"""The same as contours: log-spaced levels, equal axes."""

import optviz as ov

ov.save(ov.plot([], on="bowl"), "bowl_contour.png", dpi=120)
