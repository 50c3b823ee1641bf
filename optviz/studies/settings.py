"""The kinds of settings that studies are made of, each with its one text form.

A study's fields are annotated with these. What stands on the command line and in a specification
is the same text, and what Python hands over may be an object as well; all of it passes here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo

from optviz.functions.base import Bounds as _Bounds
from optviz.functions.base import Function
from optviz.functions.catalogue import function, function_text
from optviz.optimizers.parse import OF_PATH
from optviz.runs.axis import Axis, parse_axis
from optviz.runs.entry import Entry
from optviz.runs.trajectory import MAX_STEPS, parse_point
from optviz.shared.checks import check_whole, is_whole
from optviz.shared.settings import parse_whole
from optviz.shared.text import number

#: Pixels that can be read, and held.
MIN_SIZE, MAX_SIZE = (320, 240), (7680, 4320)
#: The themes that have a name; `render/style.py` has their colours.
THEMES = ("light", "dark", "print")
#: Rates of a scan, and values along the axes of a phase diagram, unless told.
RATES = 61
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Option:
    """How a setting stands on the command line, where that is not plain from its type.

    Attributes
    ----------
    metavar
        What stands for the value in the help.
    completes
        The catalogue whose names complete it: "optimizers", "functions" or "data".
    name
        Another name than the field's.
    many
        It may be given several times.
    positional
        It stands without a name.
    flags
        Words that are flags of their own: `{"surface": "--surface"}`.
    """

    metavar: str = ""
    completes: str = ""
    name: str = ""
    many: bool = False
    positional: bool = False
    flags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Counts:
    """When some settings of a study count at all; elsewhere they would be passed over in silence.

    Attributes
    ----------
    names
        The settings, as `"seed"` or `"tol box"`.
    only
        In words: "with noise".
    when
        Whether they count in a study.
    instead
        What would do: "add --noise 0.1".
    idle
        The value that asks for nothing, if it is not the default.
    """

    names: str
    only: str
    when: Callable[[Any], object]
    instead: str
    idle: Any = None

    def refusal(self, name: str) -> str:
        """Why a setting that was given changes nothing."""
        return f"{name} counts only {self.only}: {self.instead}"


def _read_function(value: Any) -> Any:
    return value if isinstance(value, Function) else function(value)


def _read_point(value: Any) -> Any:
    if isinstance(value, str):
        return parse_point(value)
    count = max(2, len(value)) if hasattr(value, "__len__") else 2
    return _floats(value, count, "two numbers x,y")


def _read_points(value: Any) -> Any:
    if value is None:
        return None
    is_several = _is_row(value) and all(isinstance(v, str) or _is_row(v) for v in value)
    return tuple(_read_point(v) for v in (value if is_several else [value])) or None


def _floats(values: Any, count: int, what: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(v) for v in values)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"this must be {what}, not {values!r}")
    return numbers


def _read_bounds(value: Any) -> Any:
    if value is None:
        return None
    flat: Any = value
    if isinstance(value, str):
        flat = value.replace("−", "-").split(",")
    elif _is_row(value) and all(map(_is_row, value)):
        flat = [end for pair in value for end in pair]
    x0, x1, y0, y1 = _floats(flat, 4, "four numbers x0,x1,y0,y1")
    return (x0, x1), (y0, y1)


def _is_row(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str)


def _read_pair_of_pixels(value: Any) -> Any:
    if value is None:
        return None
    sides = list(value) if _is_row(value) else str(value).lower().replace("×", "x").split("x")
    is_pair = len(sides) == 2 and all(str(v).isascii() and str(v).isdigit() for v in sides)
    if not is_pair:
        raise ValueError(f"size must be WIDTHxHEIGHT in pixels, such as 800x600, not {value!r}")
    return int(str(sides[0])[:9]), int(str(sides[1])[:9])


def check_size(value: Any) -> Any:
    """A size in pixels that can be read and held, or None.

    Raises
    ------
    ValueError
        If it cannot.
    """
    size = _read_pair_of_pixels(value)
    if size is None:
        return None
    (w0, h0), (w1, h1) = MIN_SIZE, MAX_SIZE
    if not (w0 <= size[0] <= w1 and h0 <= size[1] <= h1):
        raise ValueError(
            f"size must lie between {w0}x{h0} and {w1}x{h1} pixels, not {size[0]}x{size[1]}"
        )
    return size


def seed_of(rng: Any) -> int | None:
    """The seed that a Python call takes as `rng`.

    Raises
    ------
    ValueError
        If it is none.
    """
    if rng is not None:
        check_whole("rng", rng, 0, MAX_SEED)
    return rng  # type: ignore[no-any-return]


def _read_whole_numbers(value: Any, info: ValidationInfo) -> Any:
    try:
        if isinstance(value, str):
            return tuple(parse_whole(part) for part in value.split(","))
        if value is not None and not all(map(is_whole, value)):
            raise ValueError
        return None if value is None else tuple(map(int, value))
    except (TypeError, ValueError):
        raise ValueError(
            f"{info.field_name} must be sizes such as 64,100,100,10, not {value!r}"
        ) from None


def _read_numbers(value: Any, info: ValidationInfo) -> Any:
    try:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(map(float, [parts] if isinstance(parts, int | float) else parts))
    except (TypeError, ValueError):
        raise ValueError(
            f"{info.field_name} must be numbers such as 0,0.01, not {value!r}"
        ) from None


def _read_words(value: Any) -> Any:
    return tuple(value.split(",")) if isinstance(value, str) else value


def _read_theme(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(
            f"theme must be one of light, dark, print, or a file of colours, not {value!r}"
        )
    if value in THEMES:
        return value
    from optviz.render.theme import theme_text

    return theme_text(value)


def _read_rates(value: Any) -> Any:
    if value is None or isinstance(value, Axis):
        if value is not None and value.name != "lr":
            raise ValueError(f'rates must be an Axis("lr", ...), not {value!r}')
        return value
    if not isinstance(value, str):
        raise ValueError(f'rates must be LOW,HIGH or an Axis("lr", ...), not {value!r}')
    text = value if value.count(",") > 1 else f"{value},log"
    try:
        return parse_axis(f"lr={text}", RATES)
    except ValueError as error:
        if "NAME=" not in str(error):
            raise
        raise ValueError(f"rates must be LOW,HIGH[,log][,COUNT], not {value!r}") from None


def _read_axis(value: Any) -> Any:
    if isinstance(value, Axis):
        return axis_text(value)
    if not isinstance(value, str):
        raise ValueError(f"an axis is NAME, NAME=LOW,HIGH[,log][,COUNT] or an Axis, not {value!r}")
    if "=" in value:
        parse_axis(value, 2)
    return value.strip()


def axis_text(axis: Axis) -> str:
    """The axis as `parse_axis` reads it again."""
    log = ",log" if axis.log else ""
    return f"{axis.name}={number(axis.low)},{number(axis.high)}{log},{axis.count}"


def _rates_text(axis: Axis | None) -> str | None:
    return None if axis is None else axis_text(axis).removeprefix("lr=")


def _point_text(point: tuple[float, ...] | None) -> str | None:
    return None if point is None else ",".join(number(v) for v in point)


def _points_text(points: tuple[tuple[float, ...], ...] | None) -> list[Any] | str | None:
    """One point is a text, as where there can be only one."""
    texts = [_point_text(point) for point in points or ()]
    return texts if len(texts) > 1 else texts[0] if texts else None


def _bounds_text(bounds: _Bounds | None) -> str | None:
    return None if bounds is None else ",".join(number(v) for pair in bounds for v in pair)


def _size_text(size: tuple[int, int] | None) -> str | None:
    return None if size is None else f"{size[0]}x{size[1]}"


def _texts(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.text for entry in entries]


def _without_own(value: Any) -> Any:
    """Optimizers where there are no paths: what a path has of its own would change nothing."""
    for entry in value if isinstance(value, tuple) else (value,):
        if own := [key for key in OF_PATH if key in entry.own]:
            raise ValueError(
                f"{entry.text}: {own[0]} is a path's own, and here are no single paths: leave it "
                f"out, or give {own[0]} for all where there is such an option"
            )
    return value


On = Annotated[
    Function, BeforeValidator(_read_function), PlainSerializer(function_text),
    Option("FUNCTION", completes="functions"),
    Field(description="A function's name, a formula in x and y, or module:function."),
]  # fmt: skip
Start = Annotated[
    tuple[float, ...] | None,
    BeforeValidator(lambda v: None if v is None else _read_point(v)),
    PlainSerializer(_point_text), Option("X,Y"),
    Field(description="Where the paths begin."),
]  # fmt: skip
Starts = Annotated[
    tuple[tuple[float, ...], ...] | None, BeforeValidator(_read_points),
    PlainSerializer(_points_text),
    Option("X,Y", many=True),
    Field(description="Where the paths begin; may be repeated, to compare starts."),
]  # fmt: skip
Bounds = Annotated[
    _Bounds | None, BeforeValidator(_read_bounds), PlainSerializer(_bounds_text),
    Option("X0,X1,Y0,Y1"), Field(description="The part of the plane that is shown."),
]  # fmt: skip
Size = Annotated[
    tuple[int, int] | None, BeforeValidator(check_size), PlainSerializer(_size_text),
    Option("WxH"), Field(description="Pixels, such as 800x600."),
]  # fmt: skip


def _read_frame(given: Any) -> Any:
    """A frame's number as text, or "last"."""
    if given is None:
        return None
    text = str(given).strip().replace("−", "-")
    if isinstance(given, bool) or not re.fullmatch(r"last|-?\d{1,9}", text):
        raise ValueError(f"frame must be a whole number or last, not {str(given)[:40]!r}")
    return text


GridSize = Annotated[
    tuple[int, int] | None, BeforeValidator(_read_pair_of_pixels), PlainSerializer(_size_text),
    Option("WxH"), Field(description="Starts across and down, a pixel each."),
]  # fmt: skip
Entries = Annotated[
    tuple[Entry, ...], BeforeValidator(Entry.read_all), PlainSerializer(_texts),
    Option("OPTIMIZER...", completes="optimizers", positional=True),
    Field(description="NAME or NAME:key=value,key=value; without lr= the rate is tuned."),
]  # fmt: skip
OneEntry = Annotated[
    Entry, BeforeValidator(Entry.read), PlainSerializer(lambda entry: entry.text),
    Option("OPTIMIZER", completes="optimizers", positional=True),
    Field(description="NAME or NAME:key=value,…; without lr= the rate is tuned."),
]  # fmt: skip
#: Where no single paths are recorded.
NoPaths = AfterValidator(_without_own)
#: What a network learns with.
Learner = Annotated[
    OneEntry, NoPaths, Option("OPTIMIZER", completes="optimizers", name="--optimizer"),
    Field(description="NAME or NAME:key=value; without lr= the convention's own rate."),
]  # fmt: skip
Rates = Annotated[
    Axis | None, BeforeValidator(_read_rates), PlainSerializer(_rates_text), Option("LOW,HIGH"),
    Field(description="The range of the rates."),
]  # fmt: skip
AxisSetting = Annotated[
    str, BeforeValidator(_read_axis), Option("NAME[=LOW,HIGH[,log]]"),
]  # fmt: skip
Words = Annotated[
    tuple[str, ...], BeforeValidator(_read_words),
    PlainSerializer(",".join), Option("NAME,NAME,…"),
]  # fmt: skip
Sizes = Annotated[
    tuple[int, ...] | None, BeforeValidator(_read_whole_numbers),
    PlainSerializer(lambda sizes: None if sizes is None else ",".join(map(str, sizes))),
    Option("N,N,…"),
]  # fmt: skip
Numbers = Annotated[
    tuple[float, ...], BeforeValidator(_read_numbers),
    PlainSerializer(lambda values: ",".join(map(number, values))), Option("X,X,…"),
]  # fmt: skip
Steps = Annotated[int, Field(ge=1, le=MAX_STEPS, description="Steps of each path.")]
Noise = Annotated[
    float, Field(ge=0, description="Standard deviation of noise on the gradient.")
]  # fmt: skip
Tol = Annotated[float, Field(ge=0, description="A gradient's norm at which a run is done.")]
Seed = Annotated[
    int | None, Field(ge=0, le=MAX_SEED, description="Seed of everything random.")
]  # fmt: skip
Fps = Annotated[int, Field(ge=1, le=100, description="Frames a second.")]
Frame = Annotated[
    str | None, BeforeValidator(_read_frame), Option("N|last"),
    Field(description="One frame as a still: 0 is the first, −1 or last the last."),
]  # fmt: skip
Dpi = Annotated[int, Field(ge=20, le=600, description="Dots per inch; a size is meant at 100.")]
Theme = Annotated[
    str, BeforeValidator(_read_theme), Option("light|dark|print|FILE", completes="themes"),
    Field(description="Colours for a page, a dark page, paper, or of a TOML or JSON file."),
]  # fmt: skip
Title = Annotated[str | None, Field(max_length=200, description="Instead of the picture's own.")]
Subtitle = Annotated[
    str | None, Field(max_length=200, description="Instead of the formula below the title.")
]  # fmt: skip
Font = Annotated[
    float, Field(ge=0.5, le=3, description="Letters and lines so many times as large, for slides.")
]  # fmt: skip
