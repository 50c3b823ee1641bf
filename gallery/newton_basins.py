"""Newton's method goes to whatever stationary point is near; damped, it goes downhill."""

import optviz as ov

b = ov.basins("himmelblau", ["newton:damped=false", "newton"], size=(110, 110), steps=60)
ov.save(ov.plot(b), "newton_basins.png", dpi=120)
