"""How much the choice of the learning rate matters, from one optimizer to the next."""

import optviz as ov

scan = ov.sensitivity("rosenbrock", ["sgd", "momentum", "adagrad", "rmsprop", "adam"], steps=200)
ov.save(ov.plot(scan), "sensitivity.png", dpi=120)
