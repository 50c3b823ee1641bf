"""The loss of a network on planes through the space of its parameters."""

from optviz.landscapes.landscape import Landscape, landscape

__all__ = ["Landscape", "landscape"]
