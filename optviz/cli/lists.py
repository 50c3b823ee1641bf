"""`optviz list`: the catalogues as tables that wrap at words, and one of their entries in full."""

from __future__ import annotations

import inspect
import re
import shutil
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from optviz.functions.base import Function
from optviz.functions.families import FAMILIES
from optviz.optimizers.base import Optimizer
from optviz.shared.text import did_you_mean, listed, number, readable, rounded
from optviz.studies.catalogue import LISTED

GAP = "  "
#: A column is no narrower than this for a word's sake: a longer one is cut.
LONGEST_WORD = 40
#: In a narrower terminal a table goes without the last of four columns or more.
WIDE = 120
#: A space at which no line is broken.
FIRM = "\N{NO-BREAK SPACE}"


def show(what: str) -> None:
    """Print the table of a catalogue, or what is known of one entry.

    Raises
    ------
    ValueError
        If nothing has this name.
    """
    from optviz.data import datasets
    from optviz.functions import functions
    from optviz.optimizers import optimizers

    width = shutil.get_terminal_size((80, 24)).columns
    name = what.strip().lower().replace("_", "-")
    if what in TABLES:
        lines = table(*TABLES[what](), width)
    elif name in optimizers:
        lines = _optimizer(optimizers[name], width)
    elif name in functions:
        lines = _function(functions[name], width)
    elif name in LISTED:
        lines = [f"{name}: {LISTED[name].summary}", f"optviz {name} --help tells all its options."]
    elif name in datasets:
        heads, rows = _data()
        lines = [*table(heads, [row for row in rows if row[0].partition(":")[0] == name], width),
                 "", f"optviz train --data {rows[list(datasets).index(name)][0]}"]  # fmt: skip
    else:
        hint = did_you_mean(what, [*TABLES, *optimizers, *functions, *LISTED, *datasets])
        raise ValueError(
            f"nothing is called {what[:40]!r}{hint}: list takes {listed(TABLES)}, or the name of "
            "one of them"
        )
    print("\n".join(lines))


# -- tables ------------------------------------------------------------------------------------


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Columns side by side within `width`, each wrapped at its words.

    >>> table(["name", "what it does"], [["adam", "walks on and on"]], 16)
    ['name  what it', '      does', 'adam  walks on', '      and on']
    """
    if len(heads) > 3 and width < WIDE:
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    cells = [list(column) for column in zip(heads, *rows, strict=True)]
    widths = _widths(cells, width - len(GAP) * (len(cells) - 1))
    lines = []
    for row in zip(*cells, strict=True):
        wrapped = [_wrapped(text, w) for text, w in zip(row, widths, strict=True)]
        for k in range(max(map(len, wrapped))):
            parts = [column[k] if k < len(column) else "" for column in wrapped]
            padded = [p + " " * (w - _length(p)) for p, w in zip(parts, widths, strict=True)]
            lines.append(GAP.join(padded).replace(FIRM, " ").rstrip())
    return lines


def _widths(cells: Sequence[Sequence[str]], room: int) -> list[int]:
    """Of each column: what it wants, or less for the widest, but room for its longest word."""
    wanted = [max(map(_length, column)) for column in cells]
    words = [max(_length(w) for text in column for w in text.split(" ")) for column in cells]
    least = [min(w, LONGEST_WORD) for w in words]
    while sum(wanted) > room and (wide := [k for k in range(len(cells)) if wanted[k] > least[k]]):
        wanted[max(wide, key=lambda k: wanted[k])] -= 1
    return wanted


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of whole words; `textwrap` would count the hat of m̂ as a place."""
    lines = [""]
    for word in text.split(" "):
        begun = f"{lines[-1]} {word}" if lines[-1] else word
        if _length(begun) <= width:
            lines[-1] = begun
            continue
        lines += [word] if lines[-1] else []
        lines[-1] = lines[-1] or word
        while _length(lines[-1]) > width:
            fits = max(k for k in range(len(lines[-1]) + 1) if _length(lines[-1][:k]) <= width)
            lines[-1:] = lines[-1][:fits], lines[-1][fits:]
    return lines


def _length(text: str) -> int:
    """So many places in a terminal: the hat of m̂ takes none."""
    return sum(not unicodedata.combining(character) for character in text)


def _firm(text: str) -> str:
    """Each part between ",  " in one piece, if that is not too long."""
    parts = re.split(r",\s\s+", text)
    return ", ".join(p.replace(" ", FIRM) if _length(p) <= LONGEST_WORD else p for p in parts)


def _optimizers() -> tuple[list[str], list[list[str]]]:
    from optviz.optimizers import optimizers

    rows = []
    for name, kind in optimizers.items():
        defaults = ", ".join(f"{k}={v:g}" for k, v in kind().hyper.items())
        rows.append([name, _firm(kind.equation), defaults, listed(kind.defaults)])
    return ["name", "rule", "defaults (book)", "conventions"], rows


def _functions() -> tuple[list[str], list[list[str]]]:
    from optviz.functions import functions

    rows = []
    for f in functions.values():
        lowest = "none" if f.minimum is None else rounded(f.minimum, 6)
        rows.append([f.name, readable(f.formula), _domain(f), lowest, f.source])
    return ["name", "f(x, y)", "domain", "f*", "source"], rows


def _studies() -> tuple[list[str], list[list[str]]]:
    rows = [[name, entry.chapter, entry.summary] for name, entry in LISTED.items()]
    return ["name", "chapter", "what it shows"], rows


def _families() -> tuple[list[str], list[list[str]]]:
    """What there is in n dimensions."""
    rows = [
        [family.example, listed(f"{key}={number(v)}" for key, v in family.settings.items()),
         family.source]
        for family in FAMILIES.values()
    ]  # fmt: skip
    return ["in n dimensions", "settings", "source"], rows


def _data() -> tuple[list[str], list[list[str]]]:
    """What `--data` takes."""
    from optviz.data import datasets

    rows = []
    for name, maker in datasets.items():
        parameters = inspect.signature(maker).parameters
        told = ["seed=0" if key == "rng" else key if p.default in (None, p.empty) else
                f"{key}={str(p.default).lower() if isinstance(p.default, bool) else p.default}"
                for key, p in parameters.items() if key != "path"]  # fmt: skip
        summary = inspect.cleandoc(maker.__doc__ or "").partition("\n\n")[0]
        summary = summary.replace("\n", " ").replace("`", "")
        rows.append([f"{name}:PATH" if "path" in parameters else name, listed(told), summary])
    return ["name", "settings", "what it is"], rows


#: What can be listed.
TABLES: Mapping[str, Callable[[], tuple[list[str], list[list[str]]]]] = {
    "optimizers": _optimizers,
    "functions": _functions,
    "families": _families,
    "studies": _studies,
    "data": _data,
}


# -- one of them -------------------------------------------------------------------------------


def _optimizer(kind: type[Optimizer], width: int) -> list[str]:
    """Rule, equation, source; hyperparameters by convention, and their ranges."""
    told, _, _ = inspect.cleandoc(kind.__doc__ or "").partition("\n\nParameters")
    heads = ["hyperparameter", *kind.defaults, "range"]
    names = dict.fromkeys(name for table in kind.defaults.values() for name in table)
    rows = []
    for name in names:
        ranged = next(
            kind.hyperparameters(c)[name] for c in kind.defaults if name in kind.defaults[c]
        )
        values = [
            _default(defaults[name]) if name in defaults else "–"
            for defaults in kind.defaults.values()
        ]
        rows.append([name, *values, ranged.expected])
    name = kind.__name__.lower()
    call = (
        (f"{name}:{kind.rate_name}=0.1", f"{kind.rate_name}=0.1") if kind.rate_name else (name, "")
    )
    return [
        kind.__name__, "", told, "", f"rule (book): {kind.equation}", "",
        *table(heads, rows, max(width, WIDE)), "",
        *([*table(["as all have", "range"], _around(), max(width, WIDE)), ""]
          if kind.takes_wrappers else []),
        f"optviz plot {call[0]}      or in Python: ov.{kind.__name__}({call[1]})",
    ]  # fmt: skip


def _around() -> list[list[str]]:
    """Each setting of a wrapper, off unless it is given, and its range."""
    from optviz.optimizers.wrappers import WRAPPERS

    return [
        [name, hyper.expected] for wrapper in WRAPPERS.values()
        for name, hyper in wrapper.settings.items()
    ]  # fmt: skip


def _default(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else number(float(str(value)))


def _function(f: Function, width: int) -> list[str]:
    """Formula, domain, start, minima, source."""
    minima = [f"({rounded(x, 9)}, {rounded(y, 9)})" for x, y in f.minima]
    lowest = "none" if f.minimum is None else f"{rounded(f.minimum, 9)} at {listed(minima)}"
    start = f"({rounded(f.start[0])}, {rounded(f.start[1])})"
    rows = [
        ["f(x, y)", readable(f.formula)], ["to type", f.formula], ["domain", _domain(f)],
        ["start", start], ["f*", lowest], ["source", f.source],
    ]  # fmt: skip
    return [*table([f.title, ""], rows, width), "", f"optviz plot adam --on {f.name}"]


def _domain(f: Function) -> str:
    sides = (f"[{rounded(a)},{FIRM}{rounded(b)}]" for a, b in f.bounds)
    return f"{FIRM}× ".join(sides)
