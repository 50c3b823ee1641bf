"""Settings in text: `key=value,key=value`, as they follow a name and a colon."""

from __future__ import annotations

from collections.abc import Collection

from optviz.shared.text import did_you_mean, listed


def parse_settings(what: str, text: str, known: Collection[str] | None = None) -> dict[str, str]:
    """The values by key, as texts.

    Raises
    ------
    ValueError
        If a part has no `=`, or a key is not `known` or given twice; the message begins with
        `what`.

    Examples
    --------
    >>> parse_settings("sgd", "lr=cosine(0.1,200), convention=torch")
    {'lr': 'cosine(0.1,200)', 'convention': 'torch'}
    """
    values: dict[str, str] = {}
    for part in split_outside_brackets(text):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ValueError(f"{what}: write settings as key=value, not {part!r}")
        if known is not None and key not in known:
            takes = f"it takes {listed(known)}" if known else "it takes no settings"
            raise ValueError(f"{what} has no setting {key!r}{did_you_mean(key, known)}: {takes}")
        if key in values:
            raise ValueError(f"{what}: {key} is given twice")
        values[key] = value
    return values


def parse_number(what: str, text: str) -> float:
    """A number from its text.

    Raises
    ------
    ValueError
        If it is none; the message begins with `what`.
    """
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{what} must be a number, not {text.strip()[:40]!r}") from None


def split_outside_brackets(text: str) -> list[str]:
    """Split at the commas that no bracket encloses.

    >>> split_outside_brackets("a=f(1,2),b=3")
    ['a=f(1,2)', 'b=3']
    """
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts if text.strip() else []
