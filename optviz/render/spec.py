"""The specification of a picture: everything that makes it again, as JSON and as a command.

A specification read from a file is untrusted. It is data, checked field by field against types
and bounds; formulas in it pass the checked parser when they are used, and a Python function or
an optimizer that is not in the catalogue cannot be named.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optviz
from optviz.functions.catalogue import Bounds, Function, function_text, functions
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import is_of_catalogue
from optviz.render.curves import CURVES
from optviz.render.fields import (
    MAX_RUNS,
    SpecError,
    check_flag,
    check_real,
    check_size,
    check_text,
    one_of,
    pair,
    read_json,
    whole,
)  # fmt: skip
from optviz.render.style import THEMES
from optviz.runs.axis import MAX_COUNT, Axis
from optviz.runs.sweep import Sweep
from optviz.runs.trajectory import MAX_STEPS, Trajectory
from optviz.shared.text import listed, number

KINDS = ("plot", "animate", "explain", "basins", "sensitivity", "phase")
VIEWS = ("contour", "surface", "field", "steps")
LAYOUTS = ("race", "panels")


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
                optimizer_text(t.optimizer),
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
            Run(optimizer_text(s.optimizer), _floats(f.start if kind == "basins" else s.starts[0]),
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
        return cls.from_data(read_json(text))

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Spec:
        """Check what `read_json` read."""
        fields = {f.name for f in dataclasses.fields(cls)} - {"version"}
        if unknown := data.keys() - fields - {"optviz"}:
            raise SpecError(f"unknown field {listed(sorted(unknown))}")
        if missing := {"kind", "function", "bounds", "runs"} - data.keys():
            raise SpecError(f"it lacks {listed(sorted(missing))}")
        checked = {name: _CHECKS[name](name, data[name]) for name in fields & data.keys()}
        return cls(**checked, version=check_text("optviz", data["optviz"], 40))

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


def _floats(point: Sequence[Any]) -> tuple[float, float]:
    """As JSON reads them again: 0 and 0.0 are different texts."""
    return float(point[0]), float(point[1])


def _axis_text(axis: Axis) -> str:
    """The axis as the command line takes it (but for the number of its values)."""
    return f"{axis.name}={number(axis.low)},{number(axis.high)}{',log' if axis.log else ''}"


def optimizer_text(optimizer: Optimizer) -> str:
    """The optimizer's text; a user's own class never passes for one of the catalogue."""
    text = optimizer.spec()
    return text if is_of_catalogue(optimizer) else f"own.{text}"


def _without_version(spec: Spec) -> dict[str, Any]:
    data = dataclasses.asdict(spec)
    del data["version"]
    return data


# -- one check for each field -----------------------------------------------------------------


def _function(name: str, value: Any) -> str:
    text = check_text(name, value, 1000)
    if ":" in text:
        raise SpecError(
            f"{name} {text!r} is a Python function: only names and formulas can be replayed"
        )
    return text


def _bounds(name: str, value: Any) -> Bounds:
    x, y = pair(name, value, lambda n, v: pair(n, v, check_real))
    return x, y


def _runs(name: str, value: Any) -> tuple[Run, ...]:
    if not isinstance(value, list) or len(value) > MAX_RUNS:
        raise SpecError(f"{name} must be a list of at most {MAX_RUNS}")
    return tuple(_run(f"{name}[{k}]", entry) for k, entry in enumerate(value))


def _run(name: str, value: Any) -> Run:
    checks: Mapping[str, Any] = {
        "optimizer": lambda n, v: check_text(n, v, 1000),
        "start": lambda n, v: pair(n, v, check_real),
        "steps": whole(1, MAX_STEPS),
        "noise": check_real,
        "seed": lambda n, v: None if v is None else whole(0, 2**63)(n, v),
        "tol": check_real,
        "box": check_flag,
        "runs": whole(1, 1000),
        "remark": lambda n, v: check_text(n, v, 100),
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
        "name": lambda n, v: check_text(n, v, 100), "low": check_real, "high": check_real,
        "count": whole(2, MAX_COUNT), "log": check_flag,
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
    "kind": one_of(KINDS),
    "function": _function,
    "bounds": _bounds,
    "runs": _runs,
    "grid": _grid,
    "view": one_of(VIEWS),
    "layout": one_of(LAYOUTS),
    "curve": one_of(tuple(CURVES)),
    "theme": one_of(tuple(THEMES)),
    "size": check_size,
    "dpi": whole(20, 600),
    "fps": whole(0, 100),
    "steps_per_frame": whole(1, MAX_STEPS),
    "turn": check_real,
    "sensitivity": check_flag,
}
