"""Rosenbrock's bent valley: finding it is easy, following it is not."""

import optviz as ov

runs = ov.race("rosenbrock", ["sgd", "momentum", "rmsprop", "adam"], steps=300)
ov.save(ov.plot(runs), "rosenbrock.png", dpi=120)
