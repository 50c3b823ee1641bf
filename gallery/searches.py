"""Methods that look at f or its Hessian: a step of theirs is dear, and goes far."""

import optviz as ov

names = ["sgd", "polyak", "armijo", "wolfe", "newton", "conjugate-gradient"]
runs = ov.race("rosenbrock", names, start=(-1.2, 1), steps=40)
ov.save(ov.plot(runs), "searches.png", dpi=80)
