"""The specification of a picture: everything that makes it again, as JSON and as a command.

A specification read from a file is untrusted. It is data, checked field by field against types
and bounds; formulas in it pass the checked parser when they are used, and a Python function or
an optimizer that is not in the catalogue cannot be named.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optviz
from optviz._text import listed, number
from optviz.base import Optimizer
from optviz.functions import Bounds, Function, function_text, functions
from optviz.optimizers import optimizers
from optviz.render.curves import CURVES
from optviz.render.style import THEMES
from optviz.sweeps import MAX_COUNT, Axis, Sweep
from optviz.trajectory import MAX_STEPS, Trajectory

MAX_JSON = 200_000
MAX_RUNS = 100
KINDS = ("plot", "animate", "explain", "basins", "sensitivity", "phase")
VIEWS = ("contour", "surface", "field", "steps")
LAYOUTS = ("race", "panels")


class SpecError(ValueError):
    """A specification that was refused; the message names the field."""


@dataclass(frozen=True)
class Run:
    """One trajectory: what `minimize` was given."""

    optimizer: str
    start: tuple[float, float]
    steps: int
    noise: float = 0.0
    seed: int | None = None
    tol: float = 0.0
    box: bool = False
    runs: int = 1
    remark: str = ""


@dataclass(frozen=True)
class Spec:
    """A picture or a film.

    Attributes
    ----------
    kind
        The command that makes it.
    function, bounds
        A name in the catalogue or a formula, and the part of the plane that is shown.
    runs
        One entry for each path.
    grid
        Of a picture that a sweep made: what was swept, and over which values.
    view, layout, curve, theme, size, dpi, fps, steps_per_frame, turn, sensitivity
        As for `plot` and `animate`; an fps of 0 is a still picture.
    version
        The optviz that made it.
    """

    kind: str
    function: str
    bounds: Bounds
    runs: tuple[Run, ...]
    grid: tuple[Axis, ...] = ()
    view: str = "contour"
    layout: str = "race"
    curve: str = "gap"
    theme: str = "light"
    size: tuple[int, int] | None = None
    dpi: int = 200
    fps: int = 0
    steps_per_frame: int = 1
    turn: float = 0.0
    sensitivity: bool = False
    version: str = optviz.__version__

    @classmethod
    def of(
        cls,
        kind: str,
        trajectories: Sequence[Trajectory],
        *,
        f: Function | None = None,
        **options: Any,
    ) -> Spec:
        """The specification of trajectories (or of `f` alone) and of how they are shown."""
        f = f or trajectories[0].function
        runs = tuple(
            Run(
                _optimizer_text(t.optimizer),
                t.start,
                t.steps,
                t.noise,
                t.seed,
                t.tol,
                t.box,
                1 if t.band is None else t.band.runs,
                t.remark,
            )
            for t in trajectories
        )
        return cls(kind, function_text(f), f.bounds, runs, **options)

    @classmethod
    def of_sweeps(
        cls,
        kind: str,
        sweeps: Sequence[Sweep],
        remarks: Sequence[str],
        grid: Sequence[Axis],
        **options: Any,
    ) -> Spec:
        """The specification of what `sweeps` over `grid` show."""
        f = sweeps[0].function
        runs = tuple(
            Run(_optimizer_text(s.optimizer), f.start if kind == "basins" else _first_start(s),
                s.steps, s.noise, s.seed, s.tol, False,
                len(s.starts) if kind == "sensitivity" else 1, remark)
            for s, remark in zip(sweeps, remarks, strict=True)
        )  # fmt: skip
        return cls(kind, function_text(f), f.bounds, runs, tuple(grid), **options)

    def to_json(self) -> str:
        """ASCII JSON in one line."""
        return json.dumps({"optviz": self.version, **_without_version(self)})

    def _grid_words(self) -> list[str]:
        """The options of a picture that a sweep made."""
        match self.kind, self.grid:
            case "basins", (x, y):
                return ["--size", f"{x.count}x{y.count}"]
            case "sensitivity", (rates,):
                return ["--rates", f"{number(rates.low)},{number(rates.high)}"]
            case "phase", (x, y):
                return ["--x", _axis_text(x), "--y", _axis_text(y)]
        return []

    @classmethod
    def from_json(cls, text: str) -> Spec:
        """Read and check a specification.

        Raises
        ------
        SpecError
            If anything in it is not what it should be.
        """
        if len(text) > MAX_JSON:
            raise SpecError(f"a specification has at most {MAX_JSON:,} characters")
        try:
            data = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise SpecError(f"this is no JSON: {error}") from None
        if not isinstance(data, dict) or "optviz" not in data:
            raise SpecError("this is no specification of optviz")
        fields = {f.name for f in dataclasses.fields(cls)} - {"version"}
        if unknown := data.keys() - fields - {"optviz"}:
            raise SpecError(f"unknown field {listed(sorted(unknown))}")
        if missing := {"kind", "function", "bounds", "runs"} - data.keys():
            raise SpecError(f"it lacks {listed(sorted(missing))}")
        checked = {name: _CHECKS[name](name, data[name]) for name in fields & data.keys()}
        return cls(**checked, version=_text("optviz", data["optviz"], 40))

    def command(self) -> str:
        """The command line that makes the picture (paths of one start and seed)."""
        words = ["optviz", self.kind, *(run.optimizer for run in self.runs)]
        words += ["--on", self.function]
        f = functions.get(self.function)
        if f is None or f.bounds != self.bounds:
            (x0, x1), (y0, y1) = self.bounds
            words.append("--bounds=" + ",".join(number(v) for v in (x0, x1, y0, y1)))
        if self.runs:
            first = self.runs[0]
            if self.kind != "basins":
                words += [f"--start={number(first.start[0])},{number(first.start[1])}"]
            words += ["--steps", str(first.steps)]
            words += ["--noise", number(first.noise)] if first.noise else []
            words += ["--seed", str(first.seed)] if first.noise else []
            option = "--starts" if self.kind == "sensitivity" else "--runs"
            words += [option, str(first.runs)] if first.runs > 1 else []
            words += ["--tol", number(first.tol)] if self.kind == "basins" else []
        words += self._grid_words()
        words += (
            []
            if self.view == "contour"
            else ["--first-steps" if self.view == "steps" else f"--{self.view}"]
        )
        words += ["--sensitivity"] if self.sensitivity else []
        words += ["--layout", self.layout] if self.layout != "race" else []
        words += ["--curve", self.curve] if self.curve != "gap" else []
        words += ["--theme", self.theme] if self.theme != "light" else []
        words += ["--size", f"{self.size[0]}x{self.size[1]}"] if self.size else []
        words += ["--turn", number(self.turn)] if self.turn else []
        words += ["--fps", str(self.fps)] if self.fps else []
        words += ["--dpi", str(self.dpi)] if self.dpi != 200 and not self.fps else []
        return shlex.join(words)


def _first_start(s: Sweep) -> tuple[float, float]:
    return float(s.starts[0, 0]), float(s.starts[0, 1])


def _axis_text(axis: Axis) -> str:
    """The axis as the command line takes it (but for the number of its values)."""
    return f"{axis.name}={number(axis.low)},{number(axis.high)}{',log' if axis.log else ''}"


def _optimizer_text(optimizer: Optimizer) -> str:
    """The optimizer's text; a user's own class never passes for one of the catalogue."""
    is_known = optimizers.get(optimizer.name) is type(optimizer)
    return optimizer.spec() if is_known else f"own.{optimizer.spec()}"


def _without_version(spec: Spec) -> dict[str, Any]:
    data = dataclasses.asdict(spec)
    del data["version"]
    return data


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed")


# -- one check for each type of field -------------------------------------------------------


def _text(name: str, value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise SpecError(f"{name} must be a text of at most {longest} characters")
    return value


def _choice(known: Sequence[str]) -> Any:
    def check(name: str, value: Any) -> str:
        if value not in known:
            raise SpecError(f"{name} must be one of {listed(known)}")
        return str(value)

    return check


def _whole(low: int, high: int) -> Any:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise SpecError(f"{name} must be a whole number from {low} to {high}")
        return value

    return check


def _real(name: str, value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and abs(value) <= 1e100 and math.isfinite(value)):
        raise SpecError(f"{name} must be a finite number")
    return float(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SpecError(f"{name} must be true or false")
    return value


def _pair(name: str, value: Any, check: Any) -> tuple[Any, Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise SpecError(f"{name} must be a pair")
    return check(name, value[0]), check(name, value[1])


def _function(name: str, value: Any) -> str:
    text = _text(name, value, 1000)
    if ":" in text:
        raise SpecError(
            f"{name} {text!r} is a Python function: only names and formulas can be replayed"
        )
    return text


def _bounds(name: str, value: Any) -> Bounds:
    x, y = _pair(name, value, lambda n, v: _pair(n, v, _real))
    return x, y


def _size(name: str, value: Any) -> tuple[int, int] | None:
    return None if value is None else _pair(name, value, _whole(1, 7680))


def _runs(name: str, value: Any) -> tuple[Run, ...]:
    if not isinstance(value, list) or len(value) > MAX_RUNS:
        raise SpecError(f"{name} must be a list of at most {MAX_RUNS}")
    return tuple(_run(f"{name}[{k}]", entry) for k, entry in enumerate(value))


def _run(name: str, value: Any) -> Run:
    checks: Mapping[str, Any] = {
        "optimizer": lambda n, v: _text(n, v, 1000),
        "start": lambda n, v: _pair(n, v, _real),
        "steps": _whole(1, MAX_STEPS),
        "noise": _real,
        "seed": lambda n, v: None if v is None else _whole(0, 2**63)(n, v),
        "tol": _real,
        "box": _flag,
        "runs": _whole(1, 1000),
        "remark": lambda n, v: _text(n, v, 100),
    }
    if not isinstance(value, dict):
        raise SpecError(f"{name} must be an object")
    if unknown := value.keys() - checks.keys():
        raise SpecError(f"{name} has the unknown field {listed(sorted(unknown))}")
    if missing := {"optimizer", "start", "steps"} - value.keys():
        raise SpecError(f"{name} lacks {listed(sorted(missing))}")
    return Run(**{key: checks[key](f"{name}.{key}", entry) for key, entry in value.items()})


def _grid(name: str, value: Any) -> tuple[Axis, ...]:
    if not isinstance(value, list) or len(value) > 2:
        raise SpecError(f"{name} must be a list of at most two axes")
    return tuple(_axis(f"{name}[{k}]", entry) for k, entry in enumerate(value))


def _axis(name: str, value: Any) -> Axis:
    checks: Mapping[str, Any] = {
        "name": lambda n, v: _text(n, v, 100), "low": _real, "high": _real,
        "count": _whole(2, MAX_COUNT), "log": _flag,
    }  # fmt: skip
    if not isinstance(value, dict) or value.keys() != checks.keys():
        raise SpecError(f"{name} must be an object with {listed(checks)}")
    try:
        return Axis(**{key: check(f"{name}.{key}", value[key]) for key, check in checks.items()})
    except SpecError:
        raise
    except ValueError as error:
        raise SpecError(f"{name}: {error}") from None


_CHECKS: Mapping[str, Any] = {
    "kind": _choice(KINDS),
    "function": _function,
    "bounds": _bounds,
    "runs": _runs,
    "grid": _grid,
    "view": _choice(VIEWS),
    "layout": _choice(LAYOUTS),
    "curve": _choice(tuple(CURVES)),
    "theme": _choice(tuple(THEMES)),
    "size": _size,
    "dpi": _whole(20, 600),
    "fps": _whole(0, 100),
    "steps_per_frame": _whole(1, MAX_STEPS),
    "turn": _real,
    "sensitivity": _flag,
}
