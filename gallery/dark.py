"""A dark page: the same colours, lighter."""

import optviz as ov

runs = ov.race("booth", ["sgd", "momentum", "adam"], start=(-8, 8), steps=60)
ov.animate(runs, theme="dark").save("dark.gif")
