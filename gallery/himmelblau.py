"""Himmelblau's four minima: the same start, different ends."""

import optviz as ov

rates = ["sgd:lr=0.012", "momentum:lr=0.01", "adagrad:lr=1.5", "adam:lr=0.3", "lion:lr=0.15"]
runs = ov.race("himmelblau", rates, start=(-0.6, -1), steps=80)
ov.save(ov.plot(runs), "himmelblau.png", dpi=120)
