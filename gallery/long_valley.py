"""A long valley, 100 times as steep across as along: plain descent crawls."""

import optviz as ov

valley = ov.function("x**2/100 + y**2", bounds=((-10, 10), (-4, 4)), start=(-9, 3))
runs = ov.race(valley, ["sgd", "momentum", "nesterov", "adagrad", "adam"], steps=120)
ov.animate(runs).save("long_valley.gif")
