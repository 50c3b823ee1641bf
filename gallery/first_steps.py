"""The first step from everywhere: SGD's length follows the slope, Adam's does not."""

import optviz as ov

rates = ["sgd:lr=0.01", "momentum:lr=0.01", "rmsprop:lr=0.1", "adam:lr=0.4"]
runs = ov.race("himmelblau", rates, steps=40)
ov.save(ov.plot(runs, view="steps"), "first_steps.png", dpi=110)
