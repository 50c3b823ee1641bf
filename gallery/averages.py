"""Gradient descent under noise goes on dancing; the mean of its points does not."""

import optviz as ov

names = ["sgd:lr=0.5", "sgd:lr=0.5,swa=20"]
runs = ov.race("bowl", names, noise=0.5, steps=200, rng=1)
ov.save(ov.plot(runs), "averages.png", dpi=80)
