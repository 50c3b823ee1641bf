"""The same as a field: −∇f hardly ever points at the minimum."""

import optviz as ov

ov.save(ov.plot([], on="bowl", view="field"), "bowl_field.png", dpi=120)
