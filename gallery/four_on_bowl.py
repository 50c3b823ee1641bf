"""The course's comparison: four optimizers, its rates, 30 steps."""

import optviz as ov

runs = ov.race(
    "bowl", ["sgd:lr=0.95", "momentum:lr=0.1", "adagrad:lr=1.5", "adam:lr=0.3"], steps=30
)
ov.save(ov.plot(runs, layout="panels"), "four_on_bowl.png", dpi=120)
