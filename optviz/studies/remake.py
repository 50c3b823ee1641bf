"""A picture made again from its specification."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from matplotlib.figure import Figure

from optviz.functions.catalogue import Function, function
from optviz.nn.comparison import compare
from optviz.optimizers.parse import parse_optimizer
from optviz.render import encode, metadata, output
from optviz.render.animate import animate
from optviz.render.explain import ExplainFilm, explain_figure
from optviz.render.fields import SpecError, read_json
from optviz.render.film import Film
from optviz.render.plot import plot
from optviz.render.spec import Run, Spec
from optviz.render.train_spec import KIND, TrainSpec
from optviz.runs.race import ensemble
from optviz.runs.trajectory import Trajectory, minimize
from optviz.shared.text import listed
from optviz.studies.basins import basins
from optviz.studies.explain import take_apart
from optviz.studies.phase import phase
from optviz.studies.sensitivity import sensitivity, strip_of

#: Kinds of pictures that sweeps make.
SWEPT = ("basins", "sensitivity", "phase")


def read_spec(path: str | Path) -> Spec | TrainSpec:
    """The specification inside a picture.

    Raises
    ------
    SpecError
        If there is none, or it is damaged.
    OSError
        If the file cannot be read.
    """
    data = read_json(metadata.read(Path(path)))
    return TrainSpec.from_data(data) if data.get("kind") == KIND else Spec.from_data(data)


def make(spec: Spec | TrainSpec) -> Figure | Film:
    """Run what the specification says and draw it: the same path, to the bit.

    Raises
    ------
    ValueError
        If it names what does not exist, or noise without a seed.
    """
    if isinstance(spec, TrainSpec):
        return _trained(spec)
    f = function(spec.function, bounds=spec.bounds)
    if spec.kind == "animate" and not spec.fps:
        raise SpecError("a film needs fps")
    if spec.kind in SWEPT:
        return _swept(f, spec)
    runs = [_run(f, run) for run in spec.runs]
    if spec.kind == "explain":
        return _explained(runs, spec)
    if spec.kind == "animate":
        return animate(
            runs, size=spec.size, fps=spec.fps, steps_per_frame=spec.steps_per_frame,
            layout=spec.layout, theme=spec.theme, view=spec.view, turn=spec.turn,
        )  # fmt: skip
    return plot(
        runs, on=f, view=spec.view, layout=spec.layout, curve=spec.curve, size=spec.size,
        theme=spec.theme, strip=strip_of(runs) if spec.sensitivity else None,
    )  # fmt: skip


def _swept(f: Function, spec: Spec) -> Figure:
    if not spec.runs:
        raise SpecError(f"{spec.kind} needs at least one run")
    first = spec.runs[0]
    optimizers = [parse_optimizer(run.optimizer) for run in spec.runs]
    size, steps, seed = spec.size, first.steps, first.seed or 0
    match spec.kind, spec.grid:
        case "basins", (x, y):
            made = basins(
                function(f, start=first.start), optimizers, size=(x.count, y.count), steps=steps,
                tol=first.tol, noise=first.noise, rng=seed,
            )  # fmt: skip
            remarks = tuple(run.remark for run in spec.runs)
            return plot(dataclasses.replace(made, remarks=remarks), size=size, theme=spec.theme)
        case "sensitivity", rates if len(rates) <= 1:
            scan = sensitivity(
                f, optimizers, rates=rates[0] if rates else None, start=first.start,
                starts=first.runs, steps=steps, noise=first.noise, rng=seed,
            )  # fmt: skip
            return plot(scan, size=size, theme=spec.theme)
        case "phase", (x, y) if len(optimizers) == 1:
            diagram = phase(f, optimizers[0], x, y, start=first.start, steps=steps)
            return plot(diagram, size=size, theme=spec.theme)
    raise SpecError(f"the axes and runs do not make a picture of the kind {spec.kind}")


def _trained(spec: TrainSpec) -> Figure:
    s = spec.setup
    # Every field but those that have names of their own.
    rest = {field.name: getattr(s, field.name) for field in dataclasses.fields(s)}
    return plot(compare(rest.pop("data"), spec.optimizers, **rest), size=spec.size,
                theme=spec.theme)  # fmt: skip


def _explained(runs: list[Trajectory], spec: Spec) -> Figure | Film:
    if len(runs) != 1:
        raise SpecError("an explanation has one run")
    e = take_apart(runs[0])
    if spec.fps:
        return ExplainFilm(e, spec.size, spec.fps, spec.theme)
    return explain_figure(e, size=spec.size, theme=spec.theme)


def _run(f: Function, run: Run) -> Trajectory:
    if run.noise and run.seed is None:
        raise SpecError("its noise had no seed: this path cannot be made again")
    optimizer = parse_optimizer(run.optimizer)
    if run.runs > 1:
        t = ensemble(
            f, optimizer, runs=run.runs, noise=run.noise, rng=run.seed or 0, start=run.start,
            steps=run.steps,
        )  # fmt: skip
    else:
        t = minimize(
            f, optimizer, start=run.start, steps=run.steps, noise=run.noise, rng=run.seed,
            tol=run.tol, box=run.box,
        )  # fmt: skip
    return dataclasses.replace(t, remark=run.remark)


def replay(path: str | Path, to: str | Path | None = None) -> Path:
    """Make the picture in `path` again, as `to` (beside the original unless given).

    Raises
    ------
    ValueError, OSError
        If the file has no sound specification, or `to` cannot be written.
    """
    path = Path(path)
    spec = read_spec(path)
    target = Path(to) if to is not None else path.with_name(f"{path.stem}-again{path.suffix}")
    formats = [*encode.FORMATS, ".html"] if spec.fps else list(output.STILL)
    if target.suffix.lower() not in formats:
        raise SpecError(f"{path.name} makes one of {listed(formats)}, not {target.suffix!r}")
    output.check_target(target, formats)
    made = make(spec)
    if isinstance(made, Film):
        return made.save(target)
    return output.save(made, target, dpi=spec.dpi)
