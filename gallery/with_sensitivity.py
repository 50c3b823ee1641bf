"""Two tuned paths, and below them what every other rate would have done."""

import optviz as ov

runs = ov.race("beale", ["momentum", "adam"])
strip = ov.sensitivity("beale", [t.optimizer for t in runs])
ov.save(ov.plot(runs, strip=strip), "with_sensitivity.png", dpi=120)
