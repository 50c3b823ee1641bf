"""Labels in words: numbered by their order, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.shared.text import did_you_mean, listed


def is_words(labels: Any) -> bool:
    """Whether these are labels in words: a row of texts.

    >>> is_words(["cat", "dog"]), is_words(np.array(["cat"], dtype=object)), is_words([0, 1])
    (True, True, False)
    """
    if isinstance(labels, str | bytes):
        return False
    kind = getattr(getattr(labels, "dtype", None), "kind", "O")
    if kind not in "OUT":
        return False
    if isinstance(labels, np.ndarray) and labels.ndim != 1:
        return False
    values = labels if isinstance(labels, Sequence) else np.asarray(labels, dtype=object).ravel()
    return len(values) > 0 and all(isinstance(value, str) for value in values)


def numbered(words: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as numbers, and their names: in the order of numbers if they are (10 after 9).

    >>> numbered(["dog", "cat", "dog"])
    (array([1, 0, 1]), ('cat', 'dog'))
    """
    classes = tuple(sorted({str(word) for word in words}))
    try:
        numbers = np.array([float(name) for name in classes])
    except ValueError:
        pass  # names, in the order of the alphabet
    else:
        classes = tuple(classes[k] for k in np.argsort(numbers, kind="stable"))
    return places(words, classes), classes


def places(words: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """The number of each word among the classes.

    Raises
    ------
    ValueError
        If there is a word that is none of them.
    """
    place = {name: k for k, name in enumerate(classes)}
    for word in words:
        if str(word) not in place:
            hint = did_you_mean(str(word), classes)
            raise ValueError(f"no class is called {str(word)[:40]!r}{hint}; there are "
                             f"{listed(classes)}")  # fmt: skip
    return np.array([place[str(word)] for word in words], dtype=np.int64)
