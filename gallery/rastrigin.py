"""Rastrigin's egg carton: who is trapped, and where."""

import optviz as ov

runs = ov.race("rastrigin", ["sgd", "momentum", "rmsprop", "adam"], steps=150)
ov.save(ov.plot(runs), "rastrigin.png", dpi=120)
