"""Where an optimizer begins decides where it ends: four starts on Himmelblau."""

import optviz as ov

starts = [(-1, 0.5), (0.5, -1), (1, 1), (-0.5, -1.5)]
runs = ov.race("himmelblau", "momentum:lr=0.005", start=starts, steps=80)
ov.save(ov.plot(runs), "starts.png", dpi=120)
