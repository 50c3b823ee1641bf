"""Test functions, one line of maths each; also the mapping from name to function.

>>> import optviz as ov
>>> ov.functions["bowl"].formula
'x**2/20 + y**2'
"""

from optviz.functions.base import Bounds, Function
from optviz.functions.catalogue import function, function_text, functions
from optviz.functions.space import SpaceFunction
from optviz.shared.catalogue import make_catalogue

__all__ = ["Bounds", "Function", "SpaceFunction", "function", "function_text", "functions"]

make_catalogue(__name__, functions)
