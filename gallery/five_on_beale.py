"""The classic race on Beale's function, every rate tuned with the same budget."""

import optviz as ov

runs = ov.race("beale", ["sgd", "momentum", "adagrad", "rmsprop", "adam"], steps=200)
ov.animate(runs).save("five_on_beale.gif")
