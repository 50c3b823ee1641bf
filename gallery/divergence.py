"""Too fast: beyond 2/λ gradient descent leaves, and the picture says when."""

import optviz as ov

runs = [ov.minimize("bowl", ov.SGD(lr=lr), steps=60) for lr in (0.5, 0.95, 1.02, 1.2)]
ov.save(ov.plot(runs), "divergence.png", dpi=120)
