"""The command line. It parses and prints; each command imports what it needs inside.

Bad input ends with one line on standard error and exit code 2; the machine's faults (a full
disk, a read-only folder) with 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optviz.cli.console import (
    EpochTable,
    import_meanwhile,
    refuse,
    say_written,
    show_progress,
    show_steps,
)

if TYPE_CHECKING:
    from optviz.functions.catalogue import Function
    from optviz.render.plot import Study
    from optviz.runs.trajectory import Trajectory

app = typer.Typer(
    name="optviz",
    help="See what optimizers do, and measure it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class View(StrEnum):
    """What `plot` shows."""

    contour = "contour"
    surface = "surface"
    field = "field"
    steps = "steps"


class Curve(StrEnum):
    """What stands beside a map."""

    gap = "gap"
    distance = "distance"
    gradient = "gradient"
    step = "step"
    rate = "rate"
    none = "none"


class Layout(StrEnum):
    """One map for all, or one for each."""

    race = "race"
    panels = "panels"


class Theme(StrEnum):
    """The colours of a picture."""

    light = "light"
    dark = "dark"
    print_ = "print"


class Catalogue(StrEnum):
    """What `list` lists."""

    optimizers = "optimizers"
    functions = "functions"


Optimizers = Annotated[
    list[str],
    typer.Argument(
        metavar="OPTIMIZER...",
        help="NAME or NAME:key=value,key=value; without lr= the rate is tuned.",
        autocompletion=lambda incomplete: _complete("optimizers", incomplete),
    ),
]
On = Annotated[
    str,
    typer.Option(
        help="A function's name, a formula in x and y, or module:function.",
        autocompletion=lambda incomplete: _complete("functions", incomplete),
    ),
]
Steps = Annotated[int, typer.Option(help="Steps of each path.")]
Start = Annotated[str | None, typer.Option(metavar="X,Y", help="Where the paths begin.")]
Bounds = Annotated[
    str | None, typer.Option(metavar="X0,X1,Y0,Y1", help="The part of the plane that is shown.")
]
Noise = Annotated[float, typer.Option(help="Standard deviation of noise on the gradient.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of everything random.")]
Size = Annotated[str | None, typer.Option(metavar="WxH", help="Pixels, such as 800x600.")]
Tune = Annotated[bool, typer.Option("--tune", help="Tune every rate, also those that are given.")]
Dpi = Annotated[int, typer.Option(help="Dots per inch; a size is meant at 100.")]
Themes = Annotated[Theme, typer.Option(help="Colours for a page, a dark page, or paper.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Open = Annotated[bool, typer.Option("--open", help="Show the file when it is written.")]


@app.command()
def animate(
    optimizers: Optimizers,
    on: On = "bowl",
    steps: Steps = 100,
    start: Start = None,
    bounds: Bounds = None,
    noise: Noise = 0.0,
    seed: Seed = 0,
    tune: Tune = False,
    layout: Annotated[Layout, typer.Option(help="One map, or one for each.")] = Layout.race,
    size: Size = None,
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 25,
    duration: Annotated[
        float | None, typer.Option(help="Seconds, without the last frame's hold.")
    ] = None,
    surface: Annotated[bool, typer.Option("--surface", help="In three dimensions.")] = False,
    turn: Annotated[float, typer.Option(help="Degrees that the camera turns.")] = 0.0,
    theme: Themes = Theme.light,
    output: Output = None,
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Animate optimizers on a function (GIF, MP4, WebM, WebP, APNG or HTML).

    optviz animate adam

    optviz animate adam:lr=0.3 momentum:lr=0.1 --on beale --steps 200 -o race.mp4
    """
    from optviz.render import encode

    path = _target(output, optimizers, on, ".gif", [*encode.FORMATS, ".html"])
    pixels = _size(size)
    runs = _runs(optimizers, on, steps, start, bounds, noise, seed, quiet, tuned=tune)
    from optviz.render.animate import animate as make
    from optviz.render.animate import lasting

    film = make(
        runs, size=pixels, fps=fps, layout=layout.value, theme=theme.value, turn=turn,
        view="surface" if surface or turn else "contour",
    )  # fmt: skip
    if duration is not None:
        film = lasting(film, duration)
    if pixels is not None and (padded := encode.padded_size(path, pixels)) != pixels:
        text = f"{path.suffix[1:]} takes even sides: {padded[0]}x{padded[1]} instead of {size}"
        print(text, file=sys.stderr)
    with show_progress(f"writing {path.name}", quiet) as progress:
        film.save(path, progress=progress)
    say_written(path, quiet, open_)


@app.command()
def plot(
    optimizers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[OPTIMIZER]...",
            help="NAME or NAME:key=value,…; none to draw the function alone.",
            autocompletion=lambda incomplete: _complete("optimizers", incomplete),
        ),
    ] = None,
    on: On = "bowl",
    steps: Steps = 100,
    start: Start = None,
    bounds: Bounds = None,
    noise: Noise = 0.0,
    seed: Seed = 0,
    tune: Tune = False,
    surface: Annotated[bool, typer.Option("--surface", help="In three dimensions.")] = False,
    field: Annotated[bool, typer.Option("--field", help="With arrows along −∇f.")] = False,
    first_steps: Annotated[
        bool, typer.Option("--first-steps", help="The first step from each point of a grid.")
    ] = False,
    curve: Annotated[Curve, typer.Option(help="What stands beside the map.")] = Curve.gap,
    runs: Annotated[int, typer.Option(help="With noise: the median of so many runs.")] = 1,
    layout: Annotated[Layout, typer.Option(help="One map, or one for each.")] = Layout.race,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="With a strip: what other rates would have done.")
    ] = False,
    size: Size = None,
    dpi: Dpi = 200,
    theme: Themes = Theme.light,
    output: Output = None,
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Draw paths on a function's contours (PNG, SVG, PDF or JPG).

    optviz plot sgd adam --on rosenbrock

    optviz plot --on "sin(x)*cos(y) + x**2/10" --surface -o hills.png
    """
    from optviz.render import output as out
    from optviz.render.plot import plot as make
    from optviz.studies.sensitivity import strip_of

    views = [View.surface] * surface + [View.field] * field + [View.steps] * first_steps
    if len(views) > 1:
        raise ValueError("--surface, --field and --first-steps are views: choose one")
    names = optimizers or []
    path = _target(output, names, on, ".png", out.STILL)
    pixels = _size(size)
    made = _runs(names, on, steps, start, bounds, noise, seed, quiet, runs, tune)
    view = views[0] if views else View.contour
    figure = make(
        made, on=None if made else _function(on, bounds, None), view=view.value,
        layout=layout.value, curve=curve.value, size=pixels, theme=theme.value,
        strip=strip_of(made) if sensitivity and made else None,
    )  # fmt: skip
    out.save(figure, path, dpi=dpi)
    say_written(path, quiet, open_)


@app.command()
def explain(
    optimizer: Annotated[
        str,
        typer.Argument(
            metavar="OPTIMIZER",
            help="NAME or NAME:key=value,…; without lr= the rate is tuned.",
            autocompletion=lambda incomplete: _complete("optimizers", incomplete),
        ),
    ],
    on: On = "bowl",
    steps: Annotated[int, typer.Option(help="Steps to explain, at most 60.")] = 12,
    start: Start = None,
    bounds: Bounds = None,
    noise: Noise = 0.0,
    seed: Seed = 0,
    size: Size = None,
    dpi: Dpi = 200,
    fps: Annotated[int, typer.Option(help="Frames a second, if it is a film.")] = 2,
    theme: Themes = Theme.light,
    output: Output = None,
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Take each step of an optimizer apart, as a picture or a film.

    optviz explain momentum --on bowl --steps 12

    optviz explain adam -o adam-explained.gif
    """
    from optviz.render import encode
    from optviz.render import output as out

    formats = [*out.STILL, *(suffix for suffix in encode.FORMATS if suffix not in out.STILL)]
    path = _target(output, [f"{optimizer.partition(':')[0]}-explained"], on, ".png", formats)
    pixels = _size(size)
    (run,) = _runs([optimizer], on, steps, start, bounds, noise, seed, quiet)
    from optviz.render.explain import ExplainFilm, explain_figure
    from optviz.studies.explain import take_apart

    e = take_apart(run)
    if path.suffix.lower() in out.STILL:
        out.save(explain_figure(e, size=pixels, theme=theme.value), path, dpi=dpi)
    else:
        with show_progress(f"writing {path.name}", quiet) as progress:
            ExplainFilm(e, pixels, fps, theme.value).save(path, progress=progress)
    say_written(path, quiet, open_)


@app.command()
def basins(
    optimizers: Optimizers,
    on: On = "himmelblau",
    steps: Annotated[int, typer.Option(help="Steps of each run, at most.")] = 1000,
    bounds: Bounds = None,
    tol: Annotated[float, typer.Option(help="A gradient's norm at which a run is done.")] = 1e-6,
    noise: Noise = 0.0,
    seed: Seed = 0,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Starts across and down, a pixel each.")
    ] = None,
    dpi: Dpi = 200,
    theme: Themes = Theme.light,
    output: Output = None,
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Map which minimum each start reaches, and how fast (PNG, SVG, PDF or JPG).

    optviz basins adam momentum --on himmelblau
    """
    from optviz.render import output as out
    from optviz.studies.basins import basins as compute

    path = _target(output, ["basins", *optimizers], on, ".png", out.STILL)
    f = _prepared(optimizers, on, bounds, None, quiet)
    grid = None if size is None else _pixels(size)
    import_meanwhile("optviz.render.plot")
    with show_progress("running", quiet) as progress:
        made = compute(
            f, optimizers, size=grid, steps=steps, tol=tol, noise=noise, rng=seed,
            progress=progress,
        )  # fmt: skip
    _save(made, path, None, theme, dpi, quiet, open_)


@app.command()
def sensitivity(
    optimizers: Optimizers,
    on: On = "bowl",
    steps: Steps = 100,
    start: Start = None,
    bounds: Bounds = None,
    rates: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="The range of the rates.")
    ] = None,
    starts: Annotated[int, typer.Option(help="Starts around the start.")] = 64,
    noise: Noise = 0.0,
    seed: Seed = 0,
    size: Size = None,
    dpi: Dpi = 200,
    theme: Themes = Theme.light,
    output: Output = None,
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Show how far optimizers get with each of many learning rates.

    optviz sensitivity adam rmsprop --on rosenbrock
    """
    from optviz.render import output as out
    from optviz.runs.axis import parse_axis
    from optviz.studies.sensitivity import sensitivity as compute

    path = _target(output, ["sensitivity", *optimizers], on, ".png", out.STILL)
    pixels = _size(size)
    f = _prepared(optimizers, on, bounds, start, quiet)
    axis = None if rates is None else parse_axis(f"lr={rates},log", 61)
    with show_progress("running", quiet) as progress:
        made = compute(
            f, optimizers, rates=axis, start=f.start, starts=starts, steps=steps, noise=noise,
            rng=seed, progress=progress,
        )  # fmt: skip
    _save(made, path, pixels, theme, dpi, quiet, open_)


@app.command()
def phase(
    optimizer: Annotated[
        str,
        typer.Argument(
            metavar="OPTIMIZER",
            help="NAME or NAME:key=value,…",
            autocompletion=lambda incomplete: _complete("optimizers", incomplete),
        ),
    ],
    on: On = "bowl",
    x: Annotated[str, typer.Option(help="NAME or NAME=LOW,HIGH[,log]: what varies across.")] = "lr",
    y: Annotated[str, typer.Option(help="The same: what varies upwards.")] = "momentum",
    steps: Annotated[int, typer.Option(help="Steps of each run, at most.")] = 1000,
    start: Start = None,
    bounds: Bounds = None,
    size: Size = None,
    dpi: Dpi = 200,
    theme: Themes = Theme.light,
    output: Output = None,
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Map how fast an optimizer converges over two of its hyperparameters.

    optviz phase momentum --on bowl --x lr --y momentum
    """
    from optviz.render import output as out
    from optviz.studies.phase import phase as compute

    path = _target(output, ["phase", optimizer], on, ".png", out.STILL)
    pixels = _size(size)
    f = _prepared([optimizer], on, bounds, start, quiet)
    with show_progress("running", quiet) as progress:
        made = compute(f, optimizer, x, y, start=f.start, steps=steps, progress=progress)
    _save(made, path, pixels, theme, dpi, quiet, open_)


@app.command()
def train(
    data: Annotated[
        str,
        typer.Option(
            help="A data set's name, NAME:key=value, or a file.",
            autocompletion=lambda incomplete: _complete("data", incomplete),
        ),
    ] = "digits",
    optimizer: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME or NAME:key=value; several are compared. adam:lr=0.001 unless given.",
            autocompletion=lambda incomplete: _complete("optimizers", incomplete),
        ),
    ] = None,
    layers: Annotated[
        str | None, typer.Option(metavar="N,N,…", help="All sizes; two hidden layers of 100.")
    ] = None,
    activation: Annotated[str, typer.Option(help="Such as relu, tanh or sigmoid.")] = "relu",
    batch_norm: Annotated[bool, typer.Option(help="Before each activation.")] = True,
    dropout: Annotated[float, typer.Option(help="The share that is dropped.")] = 0.2,
    init: Annotated[
        str, typer.Option(help="Such as he, xavier, orthogonal, normal:std=0.01")
    ] = "he",
    l1: Annotated[float, typer.Option(help="Penalty on the sum of absolute weights.")] = 0.0,
    l2: Annotated[float, typer.Option(help="Penalty on half the sum of squares.")] = 0.0,
    weight_decay: Annotated[float, typer.Option(help="Decoupled decay of the weights.")] = 0.0,
    epochs: Annotated[int, typer.Option(help="Epochs, at most.")] = 30,
    batch_size: Annotated[int, typer.Option(help="Samples in a batch.")] = 64,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without progress.")
    ] = None,
    runs: Annotated[int, typer.Option(help="Repetitions: medians and bands.")] = 1,
    seed: Seed = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="An .npz to go on from after a break.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="An .npz for the last network.")] = None,
    size: Size = None,
    dpi: Dpi = 200,
    theme: Themes = Theme.light,
    output: Output = None,
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Train a network, print a table, and draw its curves; or compare optimizers.

    optviz train

    optviz train --data digits --optimizer sgd:lr=0.1 --optimizer adagrad --runs 5
    """
    from optviz.nn.comparison import compare
    from optviz.render import output as out

    names = optimizer or ["adam:lr=0.001"]
    place = data.partition(":")[0].replace("/", "-").replace("\\", "-")
    path = _target(output, ["train", *names], Path(place).stem, ".png", out.STILL)
    if save is not None:
        out.check_target(save, [".npz"])
    pixels = _size(size)
    table = EpochTable(len(names) * runs, quiet)
    with show_steps(quiet) as progress:
        made = compare(
            data, names, layers=_sizes(layers), runs=runs, seed=seed, checkpoint=checkpoint,
            progress=progress, on_epoch=table.epoch, epochs=epochs, batch_size=batch_size,
            activation=activation, batch_norm=batch_norm, dropout=dropout, init=init, l1=l1, l2=l2,
            weight_decay=weight_decay, patience=patience,
        )  # fmt: skip
    table.end(made)
    if save is not None:
        made.network.save(save)
    _save(made, path, pixels, theme, dpi, quiet, open_)


@app.command()
def spec(file: Annotated[Path, typer.Argument(help="A picture that optviz made.")]) -> None:
    """Print what made a picture: as JSON, and as a command line."""
    from optviz.studies.remake import read_spec

    found = read_spec(file)
    print(found.to_json())
    print(found.command())


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A picture that optviz made.")],
    output: Output = None,
    quiet: Quiet = False,
    open_: Open = False,
) -> None:
    """Make a picture again from the specification inside it."""
    from optviz.studies.remake import replay as again

    say_written(again(file, output), quiet, open_)


@app.command()
def gallery(
    only: Annotated[
        list[str] | None, typer.Option(help="A picture's name; may be repeated.")
    ] = None,
    scripts: Annotated[Path, typer.Option("--from", help="The folder of scripts.")] = Path(
        "gallery"
    ),
    out: Annotated[
        Path | None, typer.Option(help="Where to; beside the scripts unless given.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Build the gallery's pictures: those that have changed, or those named."""
    from optviz.cli.gallery import build

    folder = out or scripts
    with show_progress("building", quiet) as progress:
        written = build(scripts, folder, only=only or (), progress=progress)
    if not quiet:
        for path in [*written, folder / "README.md", folder / "index.html"]:
            print(path)


@app.command("list")
def list_(
    what: Annotated[Catalogue, typer.Argument(help="Which catalogue.")] = Catalogue.optimizers,
) -> None:
    """List the optimizers or functions, with their formulas."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    if what is Catalogue.optimizers:
        from optviz.optimizers.catalogue import optimizers

        for column in ("name", "rule", "defaults (book)", "conventions"):
            table.add_column(column, overflow="fold")
        for name, kind in optimizers.items():
            o = kind()
            defaults = ", ".join(f"{k}={v:g}" for k, v in o.defaults["book"].items())
            table.add_row(name, kind.equation, defaults, ", ".join(o.conventions))
    else:
        from optviz.functions.catalogue import functions
        from optviz.shared.text import rounded

        for column in ("name", "f(x, y)", "domain", "f*", "source"):
            table.add_column(column, overflow="fold")
        for f in functions.values():
            domain = " × ".join(f"[{rounded(a)}, {rounded(b)}]" for a, b in f.bounds)
            lowest = "none" if f.minimum is None else rounded(f.minimum, 6)
            table.add_row(f.name, _readable(f.formula), domain, lowest, f.source)
    Console(markup=False, highlight=False, soft_wrap=False).print(table)


@app.command()
def version() -> None:
    """Print the versions of optviz and of what it stands on."""
    import platform
    from importlib.metadata import version as of

    from optviz import __version__

    print(f"optviz {__version__}")
    print(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in ("numpy", "numba", "matplotlib", "sympy", "pillow", "av"):
        print(f"{name} {of(name)}")


# -- from words to objects ------------------------------------------------------------------


def _runs(
    optimizers: list[str],
    on: str,
    steps: int,
    start: str | None,
    bounds: str | None,
    noise: float,
    seed: int,
    quiet: bool,
    repeats: int = 1,
    tuned: bool = False,
) -> list[Trajectory]:
    """The trajectories that the words describe; everything is checked before anything runs."""
    if not optimizers:
        return []
    from optviz.runs.race import race

    f = _prepared(optimizers, on, bounds, start, quiet)
    with show_progress("running", quiet) as progress:
        return race(
            f, optimizers, start=f.start, steps=steps, noise=noise, rng=seed, runs=repeats,
            tuned=tuned, progress=progress,
        )  # fmt: skip


def _prepared(
    optimizers: list[str], on: str, bounds: str | None, start: str | None, quiet: bool
) -> Function:
    """The function, when all words have been understood; says so if this will compile first."""
    from optviz.compiled import jit
    from optviz.optimizers.parse import parse_optimizer

    for text in optimizers:
        parse_optimizer(text)
    f = _function(on, bounds, start)
    if jit.is_cold() and not quiet:
        print("first run: compiling for this machine, once (a few seconds)", file=sys.stderr)
    return f


def _save(
    made: Study, path: Path, size: tuple[int, int] | None, theme: Theme, dpi: int, quiet: bool,
    open_: bool,
) -> None:  # fmt: skip
    """Draw a result and write it."""
    from optviz.render import output as out
    from optviz.render.plot import plot as draw

    out.save(draw(made, size=size, theme=theme.value), path, dpi=dpi)
    say_written(path, quiet, open_)


def _function(on: str, bounds: str | None, start: str | None) -> Function:
    from optviz.functions.catalogue import function
    from optviz.runs.trajectory import parse_point

    box = None
    if bounds is not None:
        try:
            x0, x1, y0, y1 = (float(v) for v in bounds.replace("−", "-").split(","))
        except ValueError:
            raise ValueError(f"bounds must be four numbers x0,x1,y0,y1, not {bounds!r}") from None
        box = ((x0, x1), (y0, y1))
    return function(on, bounds=box, start=None if start is None else parse_point(start))


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    from optviz.render.compose import check_size

    return check_size(_pixels(text))


def _sizes(text: str | None) -> list[int] | None:
    """The sizes of a network's layers."""
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"layers must be sizes such as 64,100,100,10, not {text!r}") from None


def _pixels(text: str) -> tuple[int, int]:
    width, x, height = text.lower().replace("×", "x").partition("x")
    if not (x and width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise ValueError(f"size must be WIDTHxHEIGHT in pixels, such as 800x600, not {text!r}")
    return int(width[:9]), int(height[:9])


def _target(
    output: Path | None, optimizers: list[str], on: str, suffix: str, formats: Iterable[str]
) -> Path:
    """The checked path of the output, named after the words unless given."""
    from optviz.render.output import check_target

    if output is None:
        names = "-".join(text.partition(":")[0].strip().lower() for text in optimizers[:5])
        place = on if on.replace("-", "").replace("_", "").isalnum() else "formula"
        stem = "-on-".join(part for part in (names, place.lower()) if part)
        output = Path(f"{stem}{suffix}")
    return check_target(output, formats)


def _readable(formula: str) -> str:
    """A formula for the terminal: `x²` for `x**2`."""
    for digit, raised in zip("23456", "²³⁴⁵⁶", strict=True):
        formula = formula.replace(f"**{digit}", raised)
    return formula.replace("*", "·")


def _complete(catalogue: str, incomplete: str) -> list[str]:
    from optviz.data.catalogue import datasets
    from optviz.functions.catalogue import functions
    from optviz.optimizers.catalogue import optimizers

    catalogues: dict[str, Iterable[str]] = {
        "optimizers": optimizers, "functions": functions, "data": datasets,
    }  # fmt: skip
    names = catalogues[catalogue]
    return [name for name in names if name.startswith(incomplete.lower())]


def main() -> None:
    """The entry point: every failure that is not ours becomes one line."""
    try:
        code = app(standalone_mode=False) or 0
        if code == 130:
            raise KeyboardInterrupt
        sys.exit(code)
    except KeyboardInterrupt:
        refuse("interrupted", 130)
    except ValueError as error:
        refuse(str(error))
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        refuse(f"{error.strerror or error}{where}", 1)
    except Exception as error:
        # The command-line parser's own exceptions, whichever package they are defined in.
        if type(error).__name__ == "Abort":
            refuse("interrupted", 130)
        if hasattr(error, "format_message"):
            message = error.format_message()
            if not message:
                sys.exit(2)  # the help was printed instead
            refuse(f"{message} (see optviz --help)", 2)
        raise
