"""What momentum does, step by step: most of each step was decided before."""

import optviz as ov

ov.save(ov.plot(ov.explain("bowl", ov.Momentum(lr=0.1))), "explain_momentum.png", dpi=120)
