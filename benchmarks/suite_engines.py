"""Engines for cells of the optimizer suite: the same copies, starts and rates, one run at a time as
people write it in PyTorch.

What is compared before timing is where runs with two fixed rates end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PROBLEMS = ("beale", "rosenbrock", "himmelblau", "rastrigin")
OPTIMIZERS = ("sgd", "adam:convention=torch")
STEPS, SEEDS, CONFIGURATIONS, TUNING_SEEDS = 500, 10, 30, 3
CELLS = len(PROBLEMS) * len(OPTIMIZERS) * (CONFIGURATIONS * TUNING_SEEDS + SEEDS)
#: A loop takes the same time for every run; this many of each problem and optimizer tell.
PEER_SEEDS = 2
PEER_CELLS = len(PROBLEMS) * len(OPTIMIZERS) * PEER_SEEDS
RATES = {"sgd": 1e-5, "adam:convention=torch": 0.01}


def cells_optviz() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import optviz as ov
    from optviz.bench.problems import problem
    from optviz.optimizers.parse import parse_optimizer

    suite = ov.bench.Suite(
        "speed", PROBLEMS, OPTIMIZERS, configurations=CONFIGURATIONS, tuning_seeds=TUNING_SEEDS,
        seeds=SEEDS, steps=STEPS,
    )  # fmt: skip

    def work() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            return ov.bench.run(suite, Path(folder) / "speed.sqlite", workers=1)

    def result() -> Any:
        ends = []
        for text in PROBLEMS:
            for name, rate in RATES.items():
                (curves,) = problem(text).runs(parse_optimizer(name), [{"lr": rate}], [0, 1], STEPS)
                ends.append(curves.values[:, -1].tolist())
        return ends

    return work, result


def cells_torch() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import torch

    import optviz as ov
    from optviz.runs.trials import copies

    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    formulas: dict[str, Callable[[Any, Any], Any]] = {
        "beale": lambda x, y: (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2
        + (2.625 - x + x * y**3) ** 2,
        "rosenbrock": lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
        "himmelblau": lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
        "rastrigin": lambda x, y: 20 + x**2 - 10 * torch.cos(2 * torch.pi * x) + y**2
        - 10 * torch.cos(2 * torch.pi * y),
    }  # fmt: skip
    made = {text: copies(ov.function(text), range(PEER_SEEDS)) for text in PROBLEMS}
    kinds = dict(zip(OPTIMIZERS, (torch.optim.SGD, torch.optim.Adam), strict=True))

    def run(text: str, name: str, seed: int) -> list[float]:
        parts = made[text]
        turn, shift = torch.tensor(parts.turns[seed]), torch.tensor(parts.shifts[seed])
        z = torch.tensor(parts.starts[seed], requires_grad=True)
        optimizer = kinds[name]([z], lr=RATES[name])
        values = []
        for _ in range(STEPS):
            x = turn @ z + shift
            value = formulas[text](x[0], x[1])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            values.append(float(value))
        x = turn @ z + shift
        values.append(float(formulas[text](x[0], x[1])))
        return values

    def work() -> Any:
        return [[run(text, name, seed) for seed in range(PEER_SEEDS)]
                for text in PROBLEMS for name in OPTIMIZERS]  # fmt: skip

    def result() -> Any:
        lowest = np.repeat([ov.function(text).minimum for text in PROBLEMS], len(OPTIMIZERS))
        values = np.array(work()) - lowest[:, None, None]
        return (values[:, :, -1] / values[:, :, 0]).tolist()

    return work, result
