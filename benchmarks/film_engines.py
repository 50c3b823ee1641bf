"""Engines that write films of one race on Beale's function, and some pictures of the gallery."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.task import Engine

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

    from optviz.render.animate import Stage

    mpl.rcParams["animation.ffmpeg_path"] = imageio_ffmpeg.get_ffmpeg_exe()
    stage = Stage(animation)
    for _, artist in stage.moving:
        artist.set_animated(False)
    for text in [*stage.names, stage.counter]:
        text.set_animated(False)
    steps = animation.steps_shown
    movie = FuncAnimation(
        stage.sheet.figure, lambda k: stage.pose(steps[k]), frames=len(steps), blit=False
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
