"""Rates of one optimizer: too small creeps, too large zigzags."""

import optviz as ov

runs = ov.race("bowl", "sgd:lr=0.05,0.2,0.5,0.95", steps=30)
ov.save(ov.plot(runs), "rates.png", dpi=120)
