"""Where each start goes: the basins of Himmelblau's four minima."""

import optviz as ov

ov.save(ov.plot(ov.basins("himmelblau", ["adam:lr=0.3", "momentum:lr=0.006"])), "basins.png")
