"""Where a network changes its mind about three spirals, and the points that it was judged by."""

import optviz as ov

ov.save(ov.study("boundary", data="spirals:n=600,arms=3", epochs=100), "boundary.png", dpi=120)
