"""The course's comparison of optimizers, on handwritten digits: medians and bands of five runs."""

import optviz as ov

optimizers = ["sgd:lr=0.1", "momentum:lr=0.05", "adagrad:lr=0.05", "rmsprop:lr=0.001", "adam"]
ov.save(ov.plot(ov.nn.compare("digits", optimizers, runs=5)), "training.png", dpi=120)
