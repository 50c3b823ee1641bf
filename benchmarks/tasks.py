"""What is measured: the tasks, their engines, the ratios that we mean to reach.

Setting up, compiling and warming up are not timed; results are compared before any time is
believed. How it is measured stands in `rounds.py`.
"""

from __future__ import annotations

import sys

from benchmarks import adapter_engines as adapters
from benchmarks import course_engines as course
from benchmarks import film_engines as films
from benchmarks import image_engines as images
from benchmarks import landscape_engines as landscapes
from benchmarks import network_engines as networks
from benchmarks import path_engines as paths
from benchmarks import process_engines as processes
from benchmarks import suite_engines as suites
from benchmarks import suite_peers as whole_suites
from benchmarks import sweep_engines as sweeps
from benchmarks import update_engines as updates
from benchmarks.floor_engine import floor
from benchmarks.process_engines import process
from benchmarks.task import OURS, Engine, Task, uncompared

PATH = {
    "path": Task(
        "one path, Adam on Rosenbrock, every point recorded",
        {OURS: paths.path_optviz, "JAX (jit of scan, x64)": paths.path_jax,
         "PyTorch (eager)": paths.path_torch, "the course's classes": paths.path_course},
        {"JAX (jit of scan, x64)": 1.3, "PyTorch (eager)": 1000.0, "the course's classes": 100.0},
        unit="step",
        per_call=paths.STEPS,
        per_call_of=dict.fromkeys(("PyTorch (eager)", "the course's classes"), paths.EAGER_STEPS),
        # The course's epsilon stands elsewhere; the others agree to rounding.
        tolerance=1e-3,
    ),
}  # fmt: skip

UPDATES = {
    "update-100k": Task(
        "Adam's update of 100,000 float32 parameters",
        {OURS: updates.update_optviz(updates.HUNDRED),
         "PyTorch (fused)": updates.update_torch(updates.HUNDRED, fused=True),
         "optax (jit)": updates.update_optax(updates.HUNDRED)},
        {"PyTorch (fused)": 2.5},
        warm_calls=updates.UPDATES,
        tolerance=1e-4,
    ),
    "update-10M": Task(
        "Adam's update of 10,000,000 float32 parameters",
        {OURS: updates.update_optviz(updates.TEN_MILLION),
         "PyTorch (fused)": updates.update_torch(updates.TEN_MILLION, fused=True),
         "optax (jit)": updates.update_optax(updates.TEN_MILLION)},
        {"PyTorch (fused)": 0.95, "optax (jit)": 0.9},
        warm_calls=updates.UPDATES,
        tolerance=1e-4,
    ),
    "update-dict": Task(
        "Adam's update of 8 small arrays (2,000 numbers)",
        {OURS: updates.update_optviz(updates.SMALL),
         "PyTorch (default)": updates.update_torch(updates.SMALL, fused=False),
         "PyTorch (fused)": updates.update_torch(updates.SMALL, fused=True),
         "optax (jit)": updates.update_optax(updates.SMALL)},
        {"PyTorch (default)": 6.0},
        warm_calls=updates.UPDATES,
        tolerance=1e-4,
    ),
}  # fmt: skip


def of(engines: dict[str, Engine], goals: dict[str, float]) -> dict[str, float]:
    """The goals that tasks share, for the engines that this one has."""
    return {engine: goal for engine, goal in goals.items() if engine in engines}


FLOOR = "its square roots and divisions alone"


def sweep(name: str, goal: float, others: dict[str, Engine]) -> Task:
    """100,000 starts on one function."""
    jax = "JAX (jit of vmap, x64)"
    engines = {OURS: sweeps.sweep_optviz(name), jax: sweeps.sweep_jax(name), **others}
    return Task(
        f"100,000 starts × 200 steps of Adam on {name.capitalize()}",
        engines,
        of(engines, {jax: goal, "PyTorch (batched)": 15.0, FLOOR: 0.75}),
        unit="step and start",
        per_call=sweeps.STARTS * sweeps.STEPS,
        # About the kink in the middle of Ackley's function steps amplify rounding.
        tolerance=1e-3 if name == "ackley" else 1e-6,
    )  # fmt: skip


#: Where the function is a polynomial, Adam's own operations are the limit.
LIMIT = {FLOOR: floor(sweeps.STARTS, sweeps.STEPS)}
SWEEPS = {
    "sweep-rosenbrock": sweep(
        "rosenbrock", 3.0, {"PyTorch (batched)": sweeps.sweep_torch("rosenbrock"), **LIMIT}
    ),
    "sweep-himmelblau": sweep("himmelblau", 3.0, LIMIT),
    "sweep-beale": sweep("beale", 3.0, LIMIT),
    "sweep-rastrigin": sweep("rastrigin", 10.0, {}),
    "sweep-ackley": sweep("ackley", 10.0, {}),
    "sweep-threads": Task(
        "1,000,000 starts × 200 steps on Rosenbrock, two threads against one",
        {OURS: sweeps.sweep_optviz("rosenbrock", 1_000_000),
         "optviz, 1 thread": sweeps.sweep_optviz("rosenbrock", 1_000_000, threads=1)},
        {"optviz, 1 thread": 1.8},
    ),
    "sweep-linear": Task(
        "10,000,000 starts × 500 steps on Rosenbrock, against 10,000",
        {OURS: sweeps.sweep_optviz("rosenbrock", 10_000_000, 500),
         "optviz, 10,000 starts": uncompared(sweeps.sweep_optviz("rosenbrock", 10_000, 500))},
        {"optviz, 10,000 starts": 0.87},
        unit="start",
        per_call=10_000_000,
        per_call_of={"optviz, 10,000 starts": 10_000},
        rounds=7,
    ),
    "basins": Task(
        "basins of Himmelblau, 1,000 × 1,000 starts, at most 1,000 steps of Adam",
        {OURS: sweeps.basins_optviz(True), "optviz, no early leaving": sweeps.basins_optviz(False)},
        {"optviz, no early leaving": 2.0},
        tolerance=0.0,
    ),
    "basins-command": Task(
        "a second `optviz basins adam --on himmelblau --size 1000x1000`, whole process",
        {OURS: process(*processes.BASINS),
         "its sweep alone, warm": sweeps.basins_compute,
         "Matplotlib, imshow alone": process(sys.executable, "-c", processes.IMSHOW),
         "NumPy script": process(sys.executable, "-c", processes.NUMPY)},
        # At most one and a half times its compute.
        {"its sweep alone, warm": 1 / 1.5, "Matplotlib, imshow alone": 0.5, "NumPy script": 20.0},
        rounds=5,
    ),
}  # fmt: skip


def training(batch: int) -> Task:
    """The course's network at one size of batch."""
    engines = {OURS: networks.train_optviz(batch), "PyTorch (eager)": networks.train_torch(batch)}
    if batch <= 128:
        engines["PyTorch (compile)"] = networks.train_torch(batch, compiled=True)
        engines["Keras (JAX)"] = networks.train_keras(batch)
    return Task(
        f"training 784-300-100-10, batch norm, dropout 0.3, Adam, batch {batch}",
        engines,
        of(engines, {"PyTorch (eager)": 1.7, "PyTorch (compile)": 2.0, "Keras (JAX)": 1.5}),
        unit="sample",
        per_call=networks.SAMPLES,
        tolerance=2e-3,
    )


NETWORKS = {
    **{f"train-{batch}": training(batch) for batch in (32, 128, 512)},
    "train-floor": Task(
        "the same at batch 128, against its matrix products alone",
        {OURS: networks.train_optviz(128), "matrix products": networks.matrix_products(128)},
        {"matrix products": 0.65},
        unit="sample",
        per_call=networks.SAMPLES,
    ),
    "train-sklearn": Task(
        "784-300-100-10 without batch norm and dropout, Adam, batch 128",
        {OURS: networks.train_optviz(128, batch_norm=False, dropout=0.0),
         "scikit-learn (MLPClassifier)": networks.train_sklearn(128)},
        {"scikit-learn (MLPClassifier)": 2.5},
        unit="sample",
        per_call=networks.SAMPLES,
    ),
    "train-tiny": Task(
        "the decision boundary's 2-20-3-1 on 200 points, full batch",
        {OURS: networks.tiny_optviz, "PyTorch (eager)": networks.tiny_torch},
        {"PyTorch (eager)": 4.0},
        unit="step",
        per_call=networks.TINY_STEPS,
        tolerance=1e-4,
    ),
    "train-text": Task(
        "the text network 10,000-16-16-1, sparse, batch 512",
        {OURS: networks.text_optviz, "PyTorch (dense)": networks.text_torch},
        {"PyTorch (dense)": 3.0},
        unit="sample",
        per_call=networks.TEXT_SAMPLES,
        tolerance=1e-3,
    ),
}  # fmt: skip

IMAGES = {
    "train-conv": Task(
        "training the lab's convolutional network on 28 × 28 images, Adam, batch 100",
        {OURS: images.train_optviz,
         "PyTorch (eager)": images.train_torch(channels_last=False),
         "PyTorch (eager, channels_last)": images.train_torch(channels_last=True),
         "matrix products": images.matrix_products},
        {"PyTorch (eager)": 1.5, "PyTorch (eager, channels_last)": 1.0, "matrix products": 0.65},
        unit="step",
        per_call=images.STEPS,
        tolerance=2e-3,
    ),
}  # fmt: skip

COURSE = {
    "bn-grid": Task(
        "bn-grid: 32 networks of 5 × 100 units, 20 epochs on 1,000 samples",
        {OURS: course.bn_grid_optviz, "PyTorch (eager)": course.bn_grid_torch},
        {"PyTorch (eager)": 2.5},
        unit="network",
        per_call=32,
        rounds=7,
        tolerance=1e-3,
    ),
    "regularise": Task(
        "regularise: six networks on 12,000 texts of 10,000 words, 5 epochs each",
        {OURS: course.regularise_optviz, "Keras (JAX)": course.regularise_keras},
        {"Keras (JAX)": 2.0},
        unit="epoch",
        per_call=6 * course.EPOCHS,
        rounds=5,
        tolerance=1e-3,
    ),
}  # fmt: skip


def landscape(sizes: tuple[int, ...], goal: float) -> Task:
    """The loss of a network on a grid through its parameters."""
    peer, layers = "PyTorch (functional_call)", "-".join(map(str, sizes))
    side = landscapes.SIDE
    return Task(
        f"loss landscape of {layers} on {landscapes.SAMPLES:,} samples, {side} × {side} points",
        {OURS: landscapes.grid_optviz(sizes), peer: landscapes.grid_torch(sizes)},
        {peer: goal},
        unit="point",
        per_call=side**2,
        per_call_of={peer: side * landscapes.PEER_ROWS},
        tolerance=1e-4,
    )  # fmt: skip


LANDSCAPES = {
    "landscape": landscape((784, 100, 10), 10.0),
    "landscape-deep": landscape((784, 300, 100, 10), 3.0),
}


SUITES = {
    "bench-cells": Task(
        "cells of the suite: four functions, SGD and Adam, 30 configurations, 500 steps",
        {OURS: suites.cells_optviz, "PyTorch (loop)": suites.cells_torch},
        {"PyTorch (loop)": 50.0},
        unit="cell",
        per_call=suites.CELLS,
        per_call_of={"PyTorch (loop)": suites.PEER_CELLS},
        rounds=7,
        tolerance=1e-5,
    ),
    "bench-suite": Task(
        "a suite of five functions, SGD and Adam at given rates, ten seeds, 500 steps",
        {OURS: whole_suites.suite_optviz, "optimagic": whole_suites.suite_optimagic,
         "benchopt": whole_suites.suite_benchopt},
        {"optimagic": 5.0, "benchopt": 5.0},
        unit="cell",
        per_call=whole_suites.CELLS,
        rounds=7,
        # The store keeps float32 of f − f* relative to its first value.
        tolerance=1e-6,
    ),
}  # fmt: skip


ADAPTERS = {
    "as-torch": Task(
        "Adam as a PyTorch optimizer, 1,000,000 float32 parameters",
        {OURS: adapters.step_million(adapters.ours),
         "PyTorch (fused)": adapters.step_million(adapters.fused)},
        {"PyTorch (fused)": 1.0},
        warm_calls=5,
        tolerance=1e-4,
    ),
    "trace": Task(
        "a traced loop in PyTorch, 784-300-100-10, batch 128, every step kept",
        {OURS: adapters.loop(True), "PyTorch (not traced)": adapters.loop(False)},
        {"PyTorch (not traced)": 0.95},
        unit="step",
        per_call=adapters.STEPS,
    ),
}  # fmt: skip


def film(title: str, optimizers: tuple[str, ...], suffix: str) -> Task:
    """Our film of a race, and Matplotlib's of the very same figure."""
    return Task(
        title,
        {OURS: films.film_optviz(optimizers, suffix),
         "FuncAnimation": films.film_matplotlib(optimizers, suffix)},
        {"FuncAnimation": 12.0},
        rounds=5,
        tolerance=0.01,
    )  # fmt: skip


FILMS = {
    "gif": film("200 frames at 800 × 600 to GIF", films.FIVE[-1:], ".gif"),
    "mp4": film("200 frames at 800 × 600 to MP4", films.FIVE[-1:], ".mp4"),
    "webp": film("200 frames at 800 × 600 to animated WebP", films.FIVE[-1:], ".webp"),
    "gallery": Task(
        "three pictures of the gallery (two films, one still)",
        {OURS: films.three_pictures(lambda film, path: film.save(path)),
         "FuncAnimation, savefig": films.three_pictures(films.func_animation)},
        {"FuncAnimation, savefig": 8.0},
        rounds=3,
        tolerance=0.01,
    ),
    "race-gif": film("a race of five with curves, 200 frames, to GIF", films.FIVE, ".gif"),
}  # fmt: skip

PROCESSES = {
    "command": Task(
        "a second `optviz animate adam`, whole process",
        {OURS: process(*processes.ANIMATE),
         "FuncAnimation script": process(sys.executable, "-c", processes.FUNC_ANIMATION)},
        {"FuncAnimation script": 5.0},
        rounds=7,
    ),
    "help": Task(
        "`optviz --help`, whole process",
        {OURS: process(*processes.HELP),
         "import click": process(sys.executable, "-c", "import click")},
        # What it was when Typer parsed the command line.
        {"import click": 0.22},
    ),
}  # fmt: skip

TASKS = (
    PATH
    | UPDATES
    | SWEEPS
    | NETWORKS
    | IMAGES
    | COURSE
    | LANDSCAPES
    | SUITES
    | ADAPTERS
    | FILMS
    | PROCESSES
)
