"""Whole processes: from a command to its file, interpreter and imports included."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from benchmarks.task import Engine, nothing

ANIMATE = (sys.executable, "-m", "optviz", "animate", "adam")
HELP = (sys.executable, "-m", "optviz", "--help")
BASINS = (
    sys.executable, "-m", "optviz", "basins", "adam", "--on", "himmelblau", "--size", "1000x1000",
)  # fmt: skip


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


IMSHOW = """
import numpy as np
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(6.4, 6.4), dpi=200)
axes.imshow(np.random.default_rng(0).random((1000, 1000)))
figure.savefig("image.png")
"""

NUMPY = """
import numpy as np
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

axis = (np.arange(1000) + 0.5) / 100 - 5
x, y = (a.ravel().copy() for a in np.meshgrid(axis, axis))
mx, my, vx, vy = np.zeros((4, x.size))
for t in range(1, 1001):
    a, b = x**2 + y - 11, x + y**2 - 7
    gx, gy = 4 * x * a + 2 * b, 2 * a + 4 * y * b
    if np.all(gx**2 + gy**2 <= 1e-12):
        break
    rate = 1.0 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    mx, my = 0.9 * mx + 0.1 * gx, 0.9 * my + 0.1 * gy
    vx, vy = 0.999 * vx + 0.001 * gx**2, 0.999 * vy + 0.001 * gy**2
    x -= rate * mx / (np.sqrt(vx) + 1e-7)
    y -= rate * my / (np.sqrt(vy) + 1e-7)
minima = [(3, 2), (-2.805118, 3.131312), (-3.77931, -3.283186), (3.584428, -1.848127)]
reached = np.argmin([(x - a) ** 2 + (y - b) ** 2 for a, b in minima], axis=0)
figure, axes = plt.subplots(figsize=(6.4, 6.4), dpi=200)
axes.imshow(reached.reshape(1000, 1000), origin="lower")
figure.savefig("image.png")
"""


def process(*command: str) -> Engine:
    def engine() -> tuple[Callable[[], Any], Callable[[], Any]]:
        folder = tempfile.mkdtemp()

        def work() -> None:
            done = subprocess.run(
                command, cwd=folder, check=False, capture_output=True, text=True,
                stdin=subprocess.DEVNULL,  # ours is the pipe that asks
            )  # fmt: skip
            if done.returncode:
                raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()[-500:]}")

        return work, nothing

    return engine
