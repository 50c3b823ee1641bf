"""What Adam does, step by step: an own rate for each coordinate."""

import optviz as ov

ov.animate(ov.explain("bowl", ov.Adam(lr=0.5), steps=10)).save("explain_adam.gif")
