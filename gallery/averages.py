"""Gradient descent under noise goes on dancing; an average of its points does not."""

import optviz as ov

names = ["sgd:lr=0.5", "sgd:lr=0.5,swa=50", "sgd:lr=0.5,lookahead=10", "sgd:lr=cosine(0.5,300)"]
runs = ov.race("bowl", names, noise=0.5, steps=300, rng=1)
ov.save(ov.plot(runs), "averages.png", dpi=80)
