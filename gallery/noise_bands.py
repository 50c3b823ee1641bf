"""Thirty noisy runs each: the median and the band between 10 % and 90 %."""

import optviz as ov

runs = ov.race("bowl", ["sgd:lr=0.3", "adam:lr=0.5"], steps=60, noise=1.0, rng=0, runs=30)
ov.save(ov.plot(runs), "noise_bands.png", dpi=120)
