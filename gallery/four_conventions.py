"""The same Adam in four libraries: with a large epsilon they part."""

import optviz as ov

runs = [
    ov.minimize("himmelblau", ov.Adam(lr=0.3, eps=5.0, convention=name), steps=60)
    for name in ("book", "torch", "keras", "optax")
]
ov.save(ov.plot(runs), "four_conventions.png", dpi=120)
