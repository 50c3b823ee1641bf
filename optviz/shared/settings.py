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
    >>> parse_settings("sgd", 'label="mine, again"')
    {'label': 'mine, again'}
    """
    values: dict[str, str] = {}
    outside = "".join(text.split('"')[::2])
    if outside.count("(") != outside.count(")"):
        raise ValueError(f"{what}: a bracket is not closed in {text!r:.60}")
    for part in split_outside_brackets(text):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ValueError(f"{what}: write settings as key=value, not {part!r}")
        if known is not None and key not in known:
            takes = f"it takes {listed(known)}" if known else "it takes no settings"
            raise ValueError(f"{what} has no setting {key!r}{did_you_mean(key, known)}: {takes}")
        if key in values:
            raise ValueError(f"{what}: {key} is given twice")
        values[key] = _unquoted(value)
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


def parse_whole(text: str) -> int:
    """A whole number from its text, also as people write large ones.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> parse_whole("1000"), parse_whole("1_000"), parse_whole("1e3")
    (1000, 1000, 1000)
    """
    try:
        return int(text)
    except ValueError:
        value = float(text)
    if not value.is_integer():
        raise ValueError(f"{text!r} is no whole number")
    return int(value)


def quoted(text: str) -> str:
    """A text as a value that `parse_settings` reads back: in quotes if it must be.

    >>> quoted("mine"), quoted('best of 61, at the edge')
    ('mine', '"best of 61, at the edge"')
    """
    plain = text and text == text.strip() and not set(text) & set(',()="')
    return text if plain else '"' + text.replace('"', '""') + '"'


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1].replace('""', '"') if is_quoted else value


def split_outside_brackets(text: str) -> list[str]:
    """Split at the commas that neither brackets nor double quotes enclose.

    >>> split_outside_brackets('a=f(1,2),b="3, 4"')
    ['a=f(1,2)', 'b="3, 4"']
    """
    parts, depth, is_quoted = [""], 0, False
    for character in text:
        is_quoted ^= character == '"'
        if not is_quoted:
            depth += (character == "(") - (character == ")")
        if character == "," and depth == 0 and not is_quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts if text.strip() else []
