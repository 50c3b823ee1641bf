"""Momentum on a bowl, measured: fastest where both eigenvalues are critically damped."""

import optviz as ov

ov.save(ov.plot(ov.phase("bowl", "momentum")), "phase_diagram.png", dpi=120)
