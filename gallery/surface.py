"""Paths on the surface of the three-hump camel."""

import optviz as ov

camel = ov.function("three-hump-camel", bounds=((-2.2, 2.2), (-2, 2)), start=(-1.3, 1.6))
runs = ov.race(camel, ["sgd:lr=0.02", "momentum:lr=0.02", "adam:lr=0.1"], steps=80)
ov.save(ov.plot(runs, view="surface"), "surface.png", dpi=120)
