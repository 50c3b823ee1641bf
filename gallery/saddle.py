"""A saddle, entered almost on its ridge: SGD sticks, the others escape."""

import optviz as ov

rates = ["sgd:lr=0.04", "momentum:lr=0.01", "adagrad:lr=0.3", "rmsprop:lr=0.03", "adam:lr=0.05"]
ov.animate(ov.race("saddle", rates, steps=100)).save("saddle.gif")
