"""The mechanism: from one frozen class come a command, a Python call, a specification, a replay.

A study declares its settings as typed fields with range, default and help (kinds that several
share are in `settings.py`), and says what it does in up to five methods:

- `run(progress)` computes a result, a frozen dataclass of arrays;
- `draw(result, sheet)` puts it on paper, and never computes;
- `film(result)`, if it moves;
- `finding(result)` tells in one line what this run showed;
- `table(result)` says what its numbers are, if the result does not (see `shared/table.py`).

Pydantic checks the settings, however they arrive, and its errors are put into our words here; the
command line is built from the same fields in `cli/commands.py`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import shlex
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

import optviz
from optviz.functions.base import Function
from optviz.functions.catalogue import function, function_text
from optviz.functions.families import is_family
from optviz.optimizers.foreign import Foreign
from optviz.optimizers.parse import names_class
from optviz.runs.entry import Entry
from optviz.shared.settings import parse_whole
from optviz.shared.spec import SpecError
from optviz.shared.table import Table, Tabular, html_of
from optviz.shared.text import did_you_mean, listed, number
from optviz.studies.catalogue import LISTED
from optviz.studies.settings import (
    THEMES,
    Bounds,
    Counts,
    Dpi,
    Font,
    Fps,
    Frame,
    On,
    Option,
    Size,
    Subtitle,
    Theme,
    Title,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optviz.render.film import Film
    from optviz.render.sheet import Sheet

Progress = Callable[..., None]

#: Of the specification inside a file; it changes when older files could be misread.
FORMAT = 1
#: What an untrusted specification may hold.
MAX_TEXT, MAX_ITEMS = 1000, 100
#: Of Python code.
MAX_LINE = 85


def _on_a_sheet(draw: Callable[..., None]) -> Callable[..., Figure]:
    """`draw` with a new sheet unless one is given; the figure carries the study."""

    @functools.wraps(draw)
    def drawn(self: Study, result: Any, sheet: Sheet | None = None) -> Figure:
        from optviz.render import output

        sheet = self.sheet(result) if sheet is None else sheet
        draw(self, result, sheet)
        sheet.finish()
        setattr(sheet.figure, output.STUDY, self)
        setattr(sheet.figure, output.SHOWS, sheet.finding)
        return sheet.figure

    return drawn


class Study(BaseModel):
    """The base of all studies; see the module.

    Attributes
    ----------
    name
        That of its command.
    natural
        Width and height in pixels of a picture whose size is not given.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False,
        validate_default=True,
    )  # fmt: skip

    name: ClassVar[str]
    natural: ClassVar[tuple[int, int]] = (960, 600)
    #: Example command lines for the help, without "optviz".
    examples: ClassVar[tuple[str, ...]] = ()
    #: Which settings count only beside others.
    counts: ClassVar[tuple[Counts, ...]] = ()
    #: The command whose pictures move if these do not, or the other way round.
    counterpart: ClassVar[str] = ""

    size: Size = None
    theme: Theme = "light"
    title: Title = None
    subtitle: Subtitle = None
    font: Font = 1.0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        homes = {entry.home.partition(":")[2]: name for name, entry in LISTED.items()}
        cls.name = homes.get(cls.__name__, cls.__name__)
        if "draw" in cls.__dict__:
            setattr(cls, "draw", _on_a_sheet(cls.__dict__["draw"]))  # noqa: B010

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise ValueError(_refusal(error, type(self))) from None

    @classmethod
    def checked(cls, **settings: Any) -> Self:
        """A study from settings in any of the forms that its fields read."""
        return cls(**settings)

    @model_validator(mode="before")
    @classmethod
    def _plain_numbers(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """NumPy's numbers as Python's; True is no number, whatever Python says."""
        out = {}
        for name, given in settings.items():
            field = cls.model_fields.get(name)
            value = given.item() if getattr(given, "shape", None) == () else given
            kind = None if field is None else kind_of(field)
            if field and kind in (int, float) and isinstance(value, bool):
                raise ValueError(f"{name} must be {expected(field)}, not {value!r}")
            if isinstance(value, bytes):
                raise ValueError(f"{name} must be a text, not {value[:40]!r}")
            if isinstance(value, str):
                value = _plain_text(name, value, kind)
            out[name] = value
        return out

    # -- what a study does ---------------------------------------------------------------------

    def run(self, progress: Progress | None = None) -> Any:
        """Compute the result; `progress(done, total)` is called along the way."""
        raise NotImplementedError

    def finding(self, result: Any) -> str:
        """What this run showed, in one line; computed, never written in advance."""
        return ""

    def table(self, result: Any) -> Table:
        """The numbers that the picture shows, with the specification of this study and its finding.

        Those that the result says itself; of one that says none, its rows of numbers side by side.

        Raises
        ------
        ValueError
            If they are not of one length.
        """
        if isinstance(result, Tabular):
            found = result.table()
        else:
            found = Table({k: v for k, v in vars(result).items() if getattr(v, "ndim", 0) == 1})
        told = {"finding": finding} if (finding := self.finding(result)) else {}
        return dataclasses.replace(found, about={**json.loads(self.to_json()), **told})

    def sheet(self, result: Any) -> Sheet:
        """An empty sheet for a picture of `result`, with its finding."""
        return self.sheet_of(self.size, result)

    def sheet_of(self, size: tuple[int, int] | None, result: Any) -> Sheet:
        """The sheet at a size in pixels, or at the natural one."""
        from optviz.render.sheet import Sheet

        return Sheet(
            size or self.natural, self.theme, self.finding(result), size is None, title=self.title,
            subtitle=self.subtitle, scale=self.font,
            transparent=getattr(self, "transparent", False),
        )  # fmt: skip

    def settings(self) -> dict[str, Any]:
        """Every setting by name."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    # -- what counts ---------------------------------------------------------------------------

    def idle(self) -> dict[str, str]:
        """The settings that change nothing here, and for each what would make it count."""
        return {
            name: rule.refusal(name)
            for rule in reversed(self.counts) if not rule.when(self) for name in rule.names.split()
        }  # fmt: skip

    def refuse_idle(self, given: Iterable[str]) -> Self:
        """The study itself, if all that somebody asked for counts.

        Raises
        ------
        ValueError
            If one of the settings `given` asks for something that this study passes over.
        """
        idle, rest = self.idle(), {r: rule.idle for rule in self.counts for r in rule.names.split()}
        for name in given:
            nothing = default_text(type(self), name) if rest.get(name) is None else rest[name]
            if name in idle and self.texts()[name] != nothing:
                raise ValueError(idle[name])
        return self

    # -- its text ------------------------------------------------------------------------------

    def texts(self) -> dict[str, Any]:
        """Every setting as JSON has it."""
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        """The specification: ASCII JSON in one line."""
        head = {"optviz": optviz.__version__, "format": FORMAT, "study": self.name}
        others = {"libraries": found} if (found := self.libraries()) else {}
        return json.dumps({**head, **others, **self.texts()})

    def libraries(self) -> dict[str, str]:
        """The versions of other libraries whose optimizers take part."""
        found: dict[str, str] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            for item in value if isinstance(value, list | tuple) else [value]:
                runner = getattr(item, "runner", None)
                if isinstance(runner, Foreign):
                    library, _, version = runner.library.partition(" ")
                    found[library] = version
        return found

    def command(self) -> str:
        """The command line that makes this study again."""
        words = ["optviz", self.name]
        named, idle = [], self.idle()
        for name, value in self.texts().items():
            field, option = type(self).model_fields[name], option_of(type(self).model_fields[name])
            if value == default_text(type(self), name) or name in idle:
                continue
            if option.positional:
                words += value if isinstance(value, list) else [value]
            else:
                named += _words(name, value, field, option)
        return shlex.join([*words, *named])

    def python(self) -> str:
        """The Python code that makes its picture again.

        >>> import optviz as ov
        >>> print(ov.study("plot", optimizers=["adam:lr=0.1"], on="beale").python())
        import optviz as ov
        <BLANKLINE>
        s = ov.study("plot", on="beale", optimizers=["adam:lr=0.1"])
        ov.save(s, "plot.png")
        """
        idle = self.idle()
        told = [
            f"{name}={_literal(value)}" for name, value in self.texts().items()
            if value != default_text(type(self), name) and name not in idle
        ]  # fmt: skip
        call = ", ".join([f'"{self.name}"', *told])
        if len(call) > MAX_LINE:
            call = "".join(f"\n    {part}," for part in [f'"{self.name}"', *told]) + "\n"
        suffix = "png" if isinstance(self, Drawn) else "gif"
        return f'import optviz as ov\n\ns = ov.study({call})\nov.save(s, "{self.name}.{suffix}")'

    def __repr__(self) -> str:
        """The command line: only what differs from the defaults."""
        return f"<study: {self.command()}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_of(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """A study from JSON data that nobody vouches for: types are strict, texts are bounded.

        Raises
        ------
        SpecError
            If anything in it is not what it should be.
        """
        for name, value in data.items():
            field = cls.model_fields.get(name)
            if field is None:
                raise SpecError(f"unknown field {name!r}{did_you_mean(name, cls.model_fields)}")
            _check_untrusted(name, value, field)
        theme = data.get("theme", "light")
        if theme not in THEMES and not theme.startswith("{"):
            raise SpecError(
                f"theme must be one of {listed(THEMES)}, or an object of colours, not {theme!r}"
            )
        try:
            return cls(**data)
        except SpecError:
            raise
        except ValueError as error:
            raise SpecError(str(error)) from None

    def __getattr__(self, name: str) -> Any:
        # What moves only, or stands still, has one of both.
        other = {"draw": ("moves", "film"), "film": ("does not move", "draw")}.get(name)
        if other is not None:
            raise AttributeError(f"{self.name} {other[0]}: use {other[1]}(result)")
        return super().__getattr__(name)  # type: ignore[misc]


class Drawn(Study):
    """A study with a still picture."""

    dpi: Dpi = 200
    transparent: Annotated[bool, Field(description="No paper behind the picture.")] = False

    def draw(self, result: Any, sheet: Sheet | None = None) -> Figure:
        """Put `result` on the sheet, a new one unless given; the figure."""
        raise NotImplementedError


class Filmed(Study):
    """A study that moves."""

    fps: Fps = 25
    frame: Frame = None

    def is_page(self) -> bool:
        """Whether its film can be an HTML page too."""
        return False

    def film(self, result: Any) -> Film:
        """The film of `result`."""
        raise NotImplementedError


class OnFunction(Study):
    """A study that runs on a function of the plane."""

    #: Whether it can show paths in n dimensions.
    in_space: ClassVar[bool] = False

    on: On = "bowl"  # type: ignore[assignment]
    bounds: Bounds = None

    @model_validator(mode="before")
    @classmethod
    def _parts_of_function(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Bounds and start of a Function that was changed become settings of their own."""
        f = settings.get("on")
        if not isinstance(f, Function):
            return settings
        is_own = f._python is not None or not f.is_plane
        known = f if is_own else function(function_text(f))
        # A function alone has no path that would start.
        is_alone = settings.get("optimizers", True) in ((), [])
        parts = ("bounds",) if is_alone else ("bounds", "start")
        own: dict[str, Any] = {
            name: getattr(f, name) for name in (parts if f.is_plane else ())
            if name in cls.model_fields and getattr(f, name) != getattr(known, name)
        }  # fmt: skip
        given = {name: value for name, value in settings.items() if value is not None}
        return {**settings, **own, **given, "on": known}

    @model_validator(mode="after")
    def _fits(self) -> OnFunction:
        if not self.f.is_plane and not self.in_space:
            raise ValueError(
                f"{self.name} shows a plane, and {self.f.name} has {self.f.n} coordinates: paths "
                "there are shown by plot and animate, a plane of it is ov.slice(f, origin, u, v)"
            )
        if self.f.is_constant:
            raise ValueError(f"{self.f.name} is the same everywhere: there is nothing to go down")
        return self

    @functools.cached_property
    def f(self) -> Function:
        """The function, with the bounds and the start of this study."""
        start = getattr(self, "start", None)
        # Of several starts the first is the function's.
        first = start[0] if start and isinstance(start[0], tuple) else start
        return function(self.on, bounds=self.bounds, start=first)


# -- what a field says ------------------------------------------------------------------------


def kind_of(field: FieldInfo) -> Any:
    """The type of a field, without None."""
    arms = [arm for arm in typing.get_args(field.annotation) if arm is not type(None)]
    is_optional = type(None) in typing.get_args(field.annotation)
    return arms[0] if is_optional and len(arms) == 1 else field.annotation


def option_of(field: FieldInfo) -> Option:
    """How a field stands on the command line."""
    # The last one: a study's own stands behind that of the kind of setting.
    return next((m for m in reversed(field.metadata) if isinstance(m, Option)), Option())


def default_text(cls: type[Study], name: str) -> Any:
    """A field's default as JSON has it: every study works as it is."""
    return _defaults(cls).get(name)


@functools.cache
def _defaults(cls: type[Study]) -> Mapping[str, Any]:
    return cls().texts()


def expected(field: FieldInfo) -> str:
    """What a field takes, in words: "a whole number from 1 to 60"."""
    kind = kind_of(field)
    if typing.get_origin(kind) is Literal:
        return f"one of {listed(typing.get_args(kind))}"
    if kind is bool:
        return "true or false"
    if kind not in (int, float):
        return "a text"
    what = "a whole number" if kind is int else "a number"
    low, high = _end(field, "ge"), _end(field, "le")
    above, below = _end(field, "gt"), _end(field, "lt")
    match low, high, above, below:
        case (None, None, None, None):
            return what
        case (None, None, a, None):
            return f"{what} > {_count(a)}"
        case (a, None, None, None):
            return f"{what} ≥ {_count(a)}"
        case (a, None, None, b):
            return f"{what} from {_count(a)} to below {_count(b)}"
        case (a, b, None, None):
            return f"{what} from {_count(a)} to {_count(b)}"
        case (None, None, a, b):
            return f"{what} above {_count(a)} and below {_count(b)}"
    return f"{what} above {_count(above)} and up to {_count(high)}"


def _end(field: FieldInfo, name: str) -> Any:
    return next((getattr(m, name) for m in field.metadata if hasattr(m, name)), None)


def _count(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else number(value)


def _plain_text(name: str, value: str, kind: Any) -> str:
    """A text without control characters; a number's with an ordinary minus sign, and 1e3 as 1000
    where it is a whole one."""
    text = " ".join(value.splitlines()).replace("\t", " ")
    if not text.isprintable():
        raise ValueError(f"{name} must be a text without control characters, not {value[:40]!r}")
    if kind not in (int, float):
        return text
    text = text.replace("−", "-").strip()
    try:
        return str(parse_whole(text)) if kind is int else text
    except ValueError:
        return text


def _words(name: str, value: Any, field: FieldInfo, option: Option) -> list[str]:
    """A setting on the command line."""
    flag = option.name or f"--{name.replace('_', '-')}"
    if isinstance(value, list):
        return [word for item in value for word in _flagged(flag, str(item))]
    if value in dict(option.flags):
        return [dict(option.flags)[value]]
    if kind_of(field) is bool:
        return [flag if value else flag.replace("--", "--no-", 1)]
    return _flagged(flag, number(value) if isinstance(value, float) else str(value))


def _literal(value: Any) -> str:
    """JSON's value as Python has it, its texts in double quotes."""
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _flagged(flag: str, text: str) -> list[str]:
    """A flag and its value, in one word where the value would pass for a flag."""
    return [f"{flag}={text}"] if text.startswith("-") else [flag, text]


def _refusal(error: ValidationError, cls: type[Study]) -> str:
    """The first of pydantic's complaints, in our words."""
    # A name that is not known may be the one that is missing.
    first, *_ = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "value_error":
        why = str(first["ctx"]["error"])
        return why.replace("this must be", f"{name} must be", 1) if name else why
    if first["type"] == "extra_forbidden":
        known = list(cls.model_fields)
        return f"{cls.name} has no {name!r}{did_you_mean(name, known)}; it has {listed(known)}"
    return f"{name} must be {expected(cls.model_fields[name])}, not {_shown(first['input'])}"


def _shown(value: Any) -> str:
    """What was given, the same words whether it came as a text or as a number."""
    if isinstance(value, str):
        try:
            value = int(value) if value.lstrip("+-").isdigit() else float(value)
        except ValueError:
            return repr(value)[:60]
    return number(value) if isinstance(value, float) else repr(value)[:60]


def _check_untrusted(name: str, value: Any, field: FieldInfo) -> None:
    """JSON's types and nothing else; no function in Python, no control characters, no megabytes."""
    kind = kind_of(field)
    if value is None:
        return
    if kind in (int, float, bool):
        fits = type(value) is kind or (kind is float and type(value) is int)
        if not fits:
            raise SpecError(f"{name} must be {expected(field)}, not {value!r}"[:200])
        return
    items = value if isinstance(value, list) else [value]
    if len(items) > MAX_ITEMS:
        raise SpecError(f"{name} must be a list of at most {MAX_ITEMS}")
    for item in items:
        if not isinstance(item, str) or len(item) > MAX_TEXT or not item.isprintable():
            raise SpecError(f"{name} must be a text of at most {MAX_TEXT:,} characters")
        if kind is Function and ":" in item and not is_family(item):
            raise SpecError(
                f"{name} {item!r} is a Python function: only names and formulas can be replayed"
            )
        if (kind is Entry or Entry in typing.get_args(kind)) and names_class(item):
            raise SpecError(
                f"{name} {item!r} is a Python class: only the catalogue's can be replayed"
            )
