"""What a kernel takes, as one line of text that stands beside it.

`void(real[::1], float64[:, ::1], int64)`: a vector, a matrix (both contiguous) and a number, in
Numba's own spelling. `real` is the type for which the kernel is compiled, and a signature in the
place of an argument is a pointer to a compiled function of that kind. Pointers, not dispatchers: a
loop that takes them is compiled once per machine, not once per kernel and process.
"""

from __future__ import annotations

import ast
import functools
from typing import Any


@functools.cache
def signature(text: str, dtype: str = "float64") -> Any:
    """The text as Numba understands it, for arrays of one type.

    >>> signature("void(real[:, ::1], float64)", "float32")
    (Array(float32, 2, 'C', False, aligned=True), float64) -> none
    """
    import numba

    def read(node: ast.expr) -> Any:
        match node:
            case ast.Name(name):
                return getattr(numba, dtype if name == "real" else name)
            case ast.Subscript(kind, ast.Slice() | ast.Tuple() as axes):
                count = len(axes.elts) if isinstance(axes, ast.Tuple) else 1
                return numba.types.Array(read(kind), count, "C")
            case ast.Call(returned, arguments):
                return read(returned)(*(argument(a) for a in arguments))
        raise TypeError(f"{text!r} is no signature")

    def argument(node: ast.expr) -> Any:
        found = read(node)
        return numba.types.FunctionType(found) if isinstance(node, ast.Call) else found

    return read(ast.parse(text, mode="eval").body)
