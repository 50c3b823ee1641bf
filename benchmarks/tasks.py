"""What is measured. Each engine is a function that returns work to time and a result to compare.

An engine runs in a process of its own (`worker.py`): thread pools of two libraries in one
process spoil both. Setting up, compiling and warming up are not timed; results are compared
before any time is believed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import network_engines as networks
from benchmarks import sweep_engines as sweeps

#: Returns (work, result): `work()` is timed, `result()` is compared with ours.
Engine = Callable[[], tuple[Callable[[], Any], Callable[[], Any]]]

PATH_STEPS = 100_000
#: Eager engines take the same time for every step; this many are enough to tell.
EAGER_STEPS = 10_000
CHECKED = (10, 100, 1000, 5000)
LR = 0.001


@dataclass(frozen=True)
class Task:
    """Engines that do the same work; ours is called "optviz"."""

    title: str
    engines: dict[str, Engine]
    #: The least ratio (peer's time : ours) that we mean to reach, by engine.
    goals: dict[str, float]
    repeats: int = 5
    #: Peers' results must be this close to ours (relative).
    tolerance: float = 1e-9
    #: How many units of work one call does, where engines differ.
    units: dict[str, int] = field(default_factory=dict)


# -- one path -------------------------------------------------------------------------------


def path_optviz() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import optviz as ov

    optimizer = ov.Adam(lr=LR, convention="torch")

    def work() -> Any:
        t = ov.minimize("rosenbrock", optimizer, steps=PATH_STEPS)
        return t.points, t.values

    return work, lambda: work()[0][list(CHECKED)].tolist()


def path_jax() -> tuple[Callable[[], Any], Callable[[], Any]]:
    os.environ["JAX_ENABLE_X64"] = "1"
    import jax
    import jax.numpy as jnp

    def f(p: Any) -> Any:
        return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2

    value_and_gradient = jax.value_and_grad(f)

    def step(carry: Any, t: Any) -> Any:
        p, m, v, b1, b2 = carry
        value, g = value_and_gradient(p)
        b1, b2 = b1 * 0.9, b2 * 0.999
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        new = p - LR * (m / (1 - b1)) / (jnp.sqrt(v / (1 - b2)) + 1e-8)
        return (new, m, v, b1, b2), (p, value)

    @jax.jit
    def scan(p: Any) -> Any:
        zero = jnp.zeros(2)
        return jax.lax.scan(step, (p, zero, zero, 1.0, 1.0), jnp.arange(PATH_STEPS))

    start = jnp.array([-1.2, 1.0])

    def work() -> Any:
        return jax.block_until_ready(scan(start))

    return work, lambda: np.asarray(work()[1][0])[list(CHECKED)].tolist()


def path_torch() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import torch

    torch.set_num_threads(1)  # faster than two for tensors of two numbers

    def work() -> Any:
        p = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.Adam([p], lr=LR)
        points = np.empty((EAGER_STEPS + 1, 2))
        points[0] = p.detach().numpy()
        for t in range(EAGER_STEPS):
            optimizer.zero_grad()
            loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
            loss.backward()
            optimizer.step()
            points[t + 1] = p.detach().numpy()
        return points

    return work, lambda: work()[list(CHECKED)].tolist()


def path_course() -> tuple[Callable[[], Any], Callable[[], Any]]:
    from tests.reference.book import Adam

    def work() -> Any:
        optimizer = Adam(lr=LR)
        params = {"x": np.array(-1.2), "y": np.array(1.0)}
        points = np.empty((EAGER_STEPS + 1, 2))
        points[0] = params["x"], params["y"]
        for t in range(EAGER_STEPS):
            x, y = params["x"], params["y"]
            grads = {"x": -400 * x * (y - x**2) - 2 * (1 - x), "y": 200 * (y - x**2)}
            optimizer.update(params, grads)
            points[t + 1] = params["x"], params["y"]
        return points

    return work, lambda: work()[list(CHECKED)].tolist()


# -- updates --------------------------------------------------------------------------------

SMALL = {"W1": (20, 20), "b1": (20,), "W2": (20, 30), "b2": (30,), "W3": (30, 20), "b3": (20,),
         "W4": (20, 16), "b4": (10,)}  # fmt: skip
UPDATES = 5  # before results are compared


def arrays(shapes: dict[str, tuple[int, ...]]) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(0)
    params = {k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()}
    grads = {k: rng.normal(size=s).astype(np.float32) for k, s in shapes.items()}
    return params, grads


def some(params: dict[str, Any]) -> list[float]:
    return [float(v) for key in sorted(params) for v in np.asarray(params[key]).reshape(-1)[:5]]


def update_optviz(shapes: dict[str, tuple[int, ...]]) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import optviz as ov

        params, grads = arrays(shapes)
        optimizer = ov.Adam(lr=LR, convention="torch")
        return lambda: optimizer.update(params, grads), lambda: some(params)

    return engine


def update_torch(shapes: dict[str, tuple[int, ...]], fused: bool) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import torch

        torch.set_num_threads(2)
        params, grads = arrays(shapes)
        tensors = {k: torch.nn.Parameter(torch.tensor(v)) for k, v in params.items()}
        for k, p in tensors.items():
            p.grad = torch.tensor(grads[k])
        options = {"fused": True} if fused else {}
        optimizer = torch.optim.Adam(tensors.values(), lr=LR, **options)
        return optimizer.step, lambda: some({k: v.detach().numpy() for k, v in tensors.items()})

    return engine


def update_optax(shapes: dict[str, tuple[int, ...]]) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import jax
        import optax

        params, grads = (
            {k: jax.numpy.asarray(v) for k, v in tree.items()} for tree in arrays(shapes)
        )
        optimizer = optax.adam(LR)

        def one(params: Any, state: Any, grads: Any) -> Any:
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        step = jax.jit(one, donate_argnums=(0, 1))
        held = [params, optimizer.init(params)]

        def work() -> None:
            held[:] = jax.block_until_ready(step(*held, grads))

        return work, lambda: some(held[0])

    return engine


# -- animations -----------------------------------------------------------------------------

FIVE = ("sgd:lr=0.012", "momentum:lr=0.002", "adagrad:lr=0.8", "rmsprop:lr=0.05", "adam:lr=0.1")


def film(optimizers: tuple[str, ...]) -> Any:
    import optviz as ov

    return ov.animate(ov.race("beale", optimizers, steps=199), size=(800, 600))


def film_optviz(optimizers: tuple[str, ...], suffix: str) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        animation = film(optimizers)
        path = Path(tempfile.mkdtemp()) / f"a{suffix}"
        return lambda: animation.save(path), lambda: frames_of(path)

    return engine


def film_matplotlib(optimizers: tuple[str, ...], suffix: str) -> Engine:
    """`FuncAnimation.save` of the very same figure and artists."""

    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        animation = film(optimizers)
        path = Path(tempfile.mkdtemp()) / f"a{suffix}"
        return lambda: func_animation(animation, path), lambda: frames_of(path)

    return engine


def func_animation(animation: Any, path: Path) -> None:
    """Save one of our films by Matplotlib's own way."""
    import imageio_ffmpeg
    import matplotlib as mpl
    from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter

    from optviz.render.animate import _Stage

    mpl.rcParams["animation.ffmpeg_path"] = imageio_ffmpeg.get_ffmpeg_exe()
    stage = _Stage(animation)
    for _, artist in stage.moving:
        artist.set_animated(False)
    for text in [*stage.names, stage.counter]:
        text.set_animated(False)
    steps = animation.steps_shown
    movie = FuncAnimation(
        stage.frame.figure, lambda k: stage.pose(steps[k]), frames=len(steps), blit=False
    )
    movie.save(path, writer=FFMpegWriter(fps=25) if path.suffix == ".mp4" else PillowWriter(fps=25))


def three_pictures(save_film: Callable[[Any, Path], Any]) -> Engine:
    """Three of the gallery: two films and a still, computed and drawn."""

    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        import optviz as ov

        folder = Path(tempfile.mkdtemp())
        valley = ov.function("x**2/100 + y**2", bounds=((-10, 10), (-4, 4)), start=(-9, 3))

        def work() -> None:
            names = ["sgd", "momentum", "adagrad", "rmsprop", "adam"]
            save_film(ov.animate(ov.race("beale", names, steps=200)), folder / "a.gif")
            names = ["sgd", "momentum", "nesterov", "adagrad", "adam"]
            save_film(ov.animate(ov.race(valley, names, steps=199)), folder / "b.gif")
            runs = ov.race("rosenbrock", ["sgd", "momentum", "rmsprop", "adam"], steps=300)
            ov.plot(runs).savefig(folder / "c.png", dpi=120)

        return work, lambda: [*frames_of(folder / "a.gif"), *frames_of(folder / "b.gif")]

    return engine


def frames_of(path: Path) -> list[float]:
    """Three frames' mean brightness: the same picture, whatever the codec."""
    if path.suffix == ".mp4":
        import av

        with av.open(str(path)) as file:
            frames = [f.to_ndarray(format="rgb24") for f in file.decode(video=0)]
    else:
        from PIL import Image, ImageSequence

        with Image.open(path) as image:
            frames = [np.array(f.convert("RGB")) for f in ImageSequence.Iterator(image)]
    return [float(frames[k].mean()) for k in (0, 100, 199)]


# -- whole processes ------------------------------------------------------------------------

FUNC_ANIMATION = """
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter

lr, beta1, beta2, steps = 1.0, 0.9, 0.999, 100
p, m, v = np.array([-7.0, 2.0]), np.zeros(2), np.zeros(2)
path = [p.copy()]
for t in range(1, steps + 1):
    g = np.array([p[0] / 10, 2 * p[1]])
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    p -= lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + 1e-7)
    path.append(p.copy())
path = np.array(path)
values = path[:, 0] ** 2 / 20 + path[:, 1] ** 2
figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.08), dpi=100)
x, y = np.meshgrid(np.linspace(-8, 8, 320), np.linspace(-5, 5, 200))
z = x**2 / 20 + y**2
levels = np.geomspace(0.012, z.max(), 15)
left.contourf(x, y, z, levels=[0, *levels], cmap="Blues_r")
left.contour(x, y, z, levels=levels, linewidths=0.6)
left.set_aspect("equal")
left.plot(0, 0, "*")
(line,) = left.plot([], [])
(dot,) = left.plot([], [], "o")
right.set_yscale("log")
right.set_xlim(0, steps)
right.set_ylim(values.min(), values.max())
(curve,) = right.plot([], [])

def draw(k):
    line.set_data(*path[: k + 1].T)
    dot.set_data(*path[k : k + 1].T)
    curve.set_data(np.arange(k + 1), values[: k + 1])

FuncAnimation(figure, draw, frames=steps + 1).save("adam.gif", writer=PillowWriter(fps=25))
"""


def process(*command: str) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        folder = tempfile.mkdtemp()

        def work() -> None:
            subprocess.run(command, cwd=folder, check=True, capture_output=True)

        return work, list

    return engine


HUNDRED, TEN_MILLION = {"w": (100_000,)}, {"w": (10_000_000,)}

TASKS = {
    "path": Task(
        "one path, Adam on Rosenbrock, every point recorded (per step)",
        {"optviz": path_optviz, "JAX (jit of scan, x64)": path_jax, "PyTorch (eager)": path_torch,
         "the course's classes": path_course},
        {"JAX (jit of scan, x64)": 1.0, "PyTorch (eager)": 1000.0, "the course's classes": 100.0},
        repeats=15,
        # The course's epsilon stands elsewhere; the others agree to rounding.
        tolerance=1e-3,
        units={"optviz": PATH_STEPS, "JAX (jit of scan, x64)": PATH_STEPS,
               "PyTorch (eager)": EAGER_STEPS, "the course's classes": EAGER_STEPS},
    ),
    "update-100k": Task(
        "Adam's update of 100,000 float32 parameters",
        {"optviz": update_optviz(HUNDRED), "PyTorch (fused)": update_torch(HUNDRED, fused=True),
         "optax (jit)": update_optax(HUNDRED)},
        {"PyTorch (fused)": 2.5},
        repeats=3000,
        tolerance=1e-4,
    ),
    "update-10M": Task(
        "Adam's update of 10,000,000 float32 parameters",
        {"optviz": update_optviz(TEN_MILLION),
         "PyTorch (fused)": update_torch(TEN_MILLION, fused=True),
         "optax (jit)": update_optax(TEN_MILLION)},
        {"PyTorch (fused)": 0.95, "optax (jit)": 0.9},
        repeats=60,
        tolerance=1e-4,
    ),
    "update-dict": Task(
        "Adam's update of 8 small arrays (2,000 numbers)",
        {"optviz": update_optviz(SMALL), "PyTorch (default)": update_torch(SMALL, fused=False),
         "PyTorch (fused)": update_torch(SMALL, fused=True), "optax (jit)": update_optax(SMALL)},
        {"PyTorch (default)": 6.0},
        repeats=3000,
        tolerance=1e-4,
    ),
    **{
        f"sweep-{name}": Task(
            f"100,000 starts × 200 steps of Adam on {name.capitalize()} (a step and start)",
            {"optviz": sweeps.sweep_optviz(name), "JAX (jit of vmap, x64)": sweeps.sweep_jax(name)}
            | ({"PyTorch (batched)": sweeps.sweep_torch(name)} if name == "rosenbrock" else {}),
            {"JAX (jit of vmap, x64)": goal, "PyTorch (batched)": 15.0},
            repeats=7,
            # About the kink in the middle of Ackley's function steps amplify rounding.
            tolerance=1e-3 if name == "ackley" else 1e-6,
            units=dict.fromkeys(
                ("optviz", "JAX (jit of vmap, x64)", "PyTorch (batched)"),
                sweeps.STARTS * sweeps.STEPS,
            ),
        )
        for name, goal in (("rosenbrock", 3.0), ("himmelblau", 3.0), ("beale", 3.0),
                           ("rastrigin", 10.0), ("ackley", 10.0))
    },
    "sweep-threads": Task(
        "1,000,000 starts × 200 steps on Rosenbrock, two threads against one",
        {"optviz": sweeps.sweep_optviz("rosenbrock", 1_000_000),
         "optviz, 1 thread": sweeps.sweep_optviz("rosenbrock", 1_000_000, threads=1)},
        {"optviz, 1 thread": 1.8},
    ),
    "sweep-linear": Task(
        "10,000,000 starts × 500 steps on Rosenbrock (a start), against 10,000",
        {"optviz": sweeps.sweep_optviz("rosenbrock", 10_000_000, 500),
         "optviz, 10,000 starts": sweeps.sweep_optviz("rosenbrock", 10_000, 500)},
        {"optviz, 10,000 starts": 0.87},
        repeats=3,
        units={"optviz": 10_000_000, "optviz, 10,000 starts": 10_000},
        # Other starts in another number: there is nothing to compare.
        tolerance=np.inf,
    ),
    "basins": Task(
        "basins of Himmelblau, 1,000 × 1,000 starts, at most 1,000 steps of Adam",
        {"optviz": sweeps.basins_optviz(True),
         "optviz, no early leaving": sweeps.basins_optviz(False)},
        {"optviz, no early leaving": 2.0},
        repeats=3,
        tolerance=0.0,
    ),
    "basins-command": Task(
        "a second `optviz basins adam --on himmelblau --size 1000x1000`, whole process",
        {"optviz": process(*sweeps.BASINS_COMMAND),
         "Matplotlib, imshow alone": process(sys.executable, "-c", sweeps.IMSHOW),
         "NumPy script": process(sys.executable, "-c", sweeps.NUMPY)},
        {"Matplotlib, imshow alone": 0.5, "NumPy script": 20.0},
        repeats=3,
    ),
    **{
        f"train-{batch}": Task(
            f"training 784-300-100-10, batch norm, dropout 0.3, Adam, batch {batch} (a sample)",
            {"optviz": networks.train_optviz(batch), "PyTorch (eager)": networks.train_torch(batch)}
            | ({} if batch > 128 else {
                "PyTorch (compile)": networks.train_torch(batch, compiled=True),
                "Keras (JAX)": networks.train_keras(batch)}),
            {"PyTorch (eager)": 2.5 if batch <= 128 else 1.9, "PyTorch (compile)": 2.0,
             "Keras (JAX)": 1.5},
            repeats=5,
            tolerance=2e-3,
            units=dict.fromkeys(
                ("optviz", "PyTorch (eager)", "PyTorch (compile)", "Keras (JAX)"),
                networks.SAMPLES,
            ),
        )
        for batch in (32, 128, 512)
    },
    "train-floor": Task(
        "the same at batch 128, against its matrix products alone (a sample)",
        {"optviz": networks.train_optviz(128, compared=False),
         "matrix products": networks.matrix_products(128)},
        {"matrix products": 0.65},
        units=dict.fromkeys(("optviz", "matrix products"), networks.SAMPLES),
    ),
    "train-sklearn": Task(
        "784-300-100-10 without batch norm and dropout, Adam, batch 128 (a sample)",
        {"optviz": networks.train_optviz(128, batch_norm=False, dropout=0.0, compared=False),
         "scikit-learn (MLPClassifier)": networks.train_sklearn(128)},
        {"scikit-learn (MLPClassifier)": 2.5},
        units=dict.fromkeys(("optviz", "scikit-learn (MLPClassifier)"), networks.SAMPLES),
    ),
    "train-tiny": Task(
        "the decision boundary's 2-20-3-1 on 200 points, full batch (a step)",
        {"optviz": networks.tiny_optviz, "PyTorch (eager)": networks.tiny_torch},
        {"PyTorch (eager)": 4.0},
        tolerance=1e-4,
        units=dict.fromkeys(("optviz", "PyTorch (eager)"), networks.TINY_STEPS),
    ),
    "train-text": Task(
        "the text network 10,000-16-16-1, sparse, batch 512 (a sample)",
        {"optviz": networks.text_optviz, "PyTorch (dense)": networks.text_torch},
        {"PyTorch (dense)": 3.0},
        repeats=3,
        tolerance=1e-3,
        units=dict.fromkeys(("optviz", "PyTorch (dense)"), networks.TEXT_SAMPLES),
    ),
    "gif": Task(
        "200 frames at 800 × 600 to GIF",
        {"optviz": film_optviz(FIVE[-1:], ".gif"),
         "FuncAnimation": film_matplotlib(FIVE[-1:], ".gif")},
        {"FuncAnimation": 12.0},
        repeats=3,
        tolerance=0.01,
    ),
    "mp4": Task(
        "200 frames at 800 × 600 to MP4",
        {"optviz": film_optviz(FIVE[-1:], ".mp4"),
         "FuncAnimation": film_matplotlib(FIVE[-1:], ".mp4")},
        {"FuncAnimation": 12.0},
        repeats=3,
        tolerance=0.01,
    ),
    "webp": Task(
        "200 frames at 800 × 600 to animated WebP",
        {"optviz": film_optviz(FIVE[-1:], ".webp"),
         "FuncAnimation": film_matplotlib(FIVE[-1:], ".webp")},
        {"FuncAnimation": 12.0},
        repeats=2,
        tolerance=0.01,
    ),
    "gallery": Task(
        "three pictures of the gallery (two films, one still)",
        {"optviz": three_pictures(lambda film, path: film.save(path)),
         "FuncAnimation, savefig": three_pictures(func_animation)},
        {"FuncAnimation, savefig": 8.0},
        repeats=1,
        tolerance=0.01,
    ),
    "race-gif": Task(
        "a race of five with curves, 200 frames, to GIF",
        {"optviz": film_optviz(FIVE, ".gif"), "FuncAnimation": film_matplotlib(FIVE, ".gif")},
        {"FuncAnimation": 10.0},
        repeats=2,
        tolerance=0.01,
    ),
    "command": Task(
        "a second `optviz animate adam`, whole process",
        {"optviz": process(sys.executable, "-m", "optviz", "animate", "adam"),
         "FuncAnimation script": process(sys.executable, "-c", FUNC_ANIMATION)},
        {"FuncAnimation script": 5.0},
        repeats=5,
    ),
    "help": Task(
        "`optviz --help`, whole process",
        {"optviz": process(sys.executable, "-m", "optviz", "--help"),
         "import typer": process(sys.executable, "-c", "import typer")},
        {"import typer": 1 / 3},
        repeats=20,
    ),
}  # fmt: skip
