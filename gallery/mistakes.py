"""The worst mistakes of a network that was trained too slowly, the one it is surest of first."""

import optviz as ov

ov.save(ov.study("mistakes", optimizer="sgd:lr=0.03", epochs=10), "mistakes.png", dpi=120)
