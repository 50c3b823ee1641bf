"""The colours of a picture: three themes with names, and themes of one's own."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from optviz.shared.text import did_you_mean, listed


@dataclass(frozen=True)
class Theme:
    """The colours of a picture."""

    name: str
    paper: str
    ink: str
    quiet: str
    faint: str
    #: From the lowest value to the highest: one quiet hue.
    ground: tuple[str, str]
    surface: tuple[str, str]
    isoline: str
    star: str
    #: One per optimizer, everywhere. Every pair is at least ΔE 15 apart for normal, deutan and
    #: protan vision alike (a test measures it).
    optimizers: Mapping[str, str]

    @property
    def is_dark(self) -> bool:
        """Whether its ink is lighter than its paper."""
        from matplotlib.colors import to_rgb

        return sum(to_rgb(self.ink)) > sum(to_rgb(self.paper))


_ON_WHITE = {
    "sgd": "#000000",
    "momentum": "#0072B2",
    "adagrad": "#009E73",
    "rmsprop": "#CC79A7",
    "adam": "#D55E00",
    "nesterov": "#52B8FC",
    "adadelta": "#5CC569",
    "adamax": "#5A2503",
    "nadam": "#626EFE",
    "amsgrad": "#5C1258",
    "adamw": "#A4542E",
    "radam": "#1515F1",
    "lion": "#623741",
    "ftrl": "#370697",
    "adan": "#EB2762",
    "lars": "#9D3B76",
    "lamb": "#EB00C4",
    "schedulefree": "#D8B100",
    "schedulefreeadamw": "#764E3B",
    "prodigy": "#8927C4",
    "barzilaiborwein": "#149DFF",
    "polyak": "#62C489",
    "armijo": "#9DB1D8",
    "wolfe": "#FF764E",
    "newton": "#0000C4",
    "conjugategradient": "#4E4EFF",
}
_ON_BLACK = {
    "sgd": "#F2F2F2",
    "momentum": "#4DA3FF",
    "adagrad": "#1FC99A",
    "rmsprop": "#F09BD0",
    "adam": "#FF7A2E",
    "nesterov": "#FDE462",
    "adadelta": "#A1FD96",
    "adamax": "#AD5940",
    "nadam": "#7936F7",
    "amsgrad": "#BF079F",
    "adamw": "#BB4206",
    "radam": "#FBEC06",
    "lion": "#8D5267",
    "ftrl": "#7545CF",
    "adan": "#FF3BD8",
    "lars": "#B16262",
    "lamb": "#EBFFD8",
    "schedulefree": "#FFB162",
    "schedulefreeadamw": "#763B3B",
    "prodigy": "#6200C4",
    "barzilaiborwein": "#27C4FF",
    "polyak": "#14EB9D",
    "armijo": "#9D899D",
    "wolfe": "#EB8962",
    "newton": "#00EBFF",
    "conjugategradient": "#0076B1",
}

THEMES = {
    "light": Theme(
        "light", "#FFFFFF", "#1F2328", "#6A737D", "#D6DCE2", ("#DCE6F0", "#FBFCFD"),
        ("#C4D6E8", "#F4F7FA"), "#9FB2C4", "#FFC83D", _ON_WHITE,
    ),
    "dark": Theme(
        "dark", "#0D1117", "#E6EDF3", "#9AA5B1", "#2A323C", ("#22334A", "#10161E"),
        ("#2B4261", "#182230"), "#41566F", "#FFD666", _ON_BLACK,
    ),
    # For paper: no grey behind the paths, darker lines.
    "print": Theme(
        "print", "#FFFFFF", "#000000", "#333333", "#CCCCCC", ("#FFFFFF", "#FFFFFF"),
        ("#E4E4E4", "#FAFAFA"), "#8C8C8C", "#FFFFFF", _ON_WHITE,
    ),
}  # fmt: skip


def theme_of(name: str) -> Theme:
    """The theme of that name, or of an object of colours in JSON (see `theme_text`).

    Raises
    ------
    ValueError
        If it is neither.
    """
    if name in THEMES:
        return THEMES[name]
    own = json.loads(theme_text(name))
    base = THEMES[own.pop("base")]
    pairs = {key: tuple(value) for key, value in own.items() if key in ("ground", "surface")}
    optimizers = {**base.optimizers, **own.pop("optimizers", {})}
    return replace(base, **{**own, **pairs, "name": name, "optimizers": optimizers})


def theme_text(given: str) -> str:
    """A theme of one's own as JSON in one line, checked, from such a text or from a file.

    A TOML or JSON file with `base` (light, dark or print; light unless told) and any of the colours
    `paper`, `ink`, `quiet`, `faint`, `isoline`, `star`, of the pairs `ground` and `surface` (from
    the lowest value to the highest), and `optimizers`, a table of names and colours.

    Raises
    ------
    ValueError
        If it is neither the one nor the other, or a key or a colour is not known.

    >>> theme_text('{"paper": "ivory"}')
    '{"base": "light", "paper": "#FFFFF0"}'
    """
    known = [field.name for field in fields(Theme) if field.name != "name"]
    data = {"base": "light", **_theme_data(given)}
    for key, value in data.items():
        if key == "base":
            if value not in THEMES:
                raise ValueError(
                    f"a theme's base must be {listed(THEMES)}, not {str(value)[:40]!r}"
                )
        elif key == "optimizers" and isinstance(value, dict):
            data[key] = {str(name)[:40]: hex_of(str(color)) for name, color in value.items()}
        elif key in ("ground", "surface") and isinstance(value, list) and len(value) == 2:
            data[key] = [hex_of(str(color)) for color in value]
        elif key in known and isinstance(value, str):
            data[key] = hex_of(value)
        else:
            hint = did_you_mean(key, known) or f"; it has {listed(['base', *known])}"
            raise ValueError(f"a theme has no {str(key)[:40]!r} = {str(value)[:40]!r}{hint}")
    return json.dumps(data)


def _theme_data(given: str) -> dict[str, Any]:
    try:
        if given.startswith("{"):
            data = json.loads(given)
        else:
            text = Path(given).read_text(encoding="utf-8")
            data = tomllib.loads(text) if given.endswith(".toml") else json.loads(text)
    except OSError:
        raise ValueError(
            f"theme must be one of {listed(THEMES)}, or a file of colours, not {given!r}"
        ) from None
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        why = str(error).splitlines()[0][:80]
        raise ValueError(f"the theme {given[:40]!r} cannot be read: {why}") from None
    if not isinstance(data, dict):
        raise ValueError(f"the theme {given[:40]!r} must be a table of colours")
    return data


def hex_of(color: str) -> str:
    """A colour that Matplotlib knows, as "#0072B2".

    Raises
    ------
    ValueError
        If it knows none of that name.
    """
    from matplotlib.colors import to_hex

    try:
        return to_hex(color).upper()
    except ValueError:
        raise ValueError(
            f"color must be a name such as teal, or #0072B2, not {color[:40]!r}"
        ) from None


def shade(color: str, share: float, theme: Theme) -> str:
    """A colour mixed with the paper's: several runs of one optimizer are shades of its hue.

    >>> shade("#000000", 0.0, THEMES["light"]), shade("#000000", 1.0, THEMES["light"])
    ('#000000', '#8C8C8C')
    """
    ends = [[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in (color, theme.paper)]
    mixed = [round(a + 0.55 * share * (b - a)) for a, b in zip(*ends, strict=True)]
    return "#" + "".join(f"{v:02X}" for v in mixed)
