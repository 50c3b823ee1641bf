"""Engines for whole suites: ours beside optimagic's `run_benchmark` and benchopt's.

Each is called by its own public entry point, in one process, on the same copies of the same
functions from the same starts, with the same rules at the same rates and as many steps. Nothing is
tuned, and nothing ends early. What is compared before timing is every run at every mark that ours
keeps.

Where there is a choice, peers get what favours them: their copies are made before time runs, their
functions are plain Python, which is quicker than NumPy for so few numbers.
"""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Numbers = Sequence[float]

PROBLEMS = ("beale", "rosenbrock", "himmelblau", "rastrigin", "rosenbrock:n=10")
#: No run diverges with these.
RATES = {"sgd": 1e-4, "adam": 1e-2}
STEPS, SEEDS = 500, 10
CELLS = len(PROBLEMS) * len(RATES) * SEEDS


# -- functions and rules of the peers -------------------------------------------------------------


def _beale(place: Numbers) -> float:
    x, y = place
    return float(sum((c - x + x * y**k) ** 2 for k, c in ((1, 1.5), (2, 2.25), (3, 2.625))))


def _beale_slope(place: Numbers) -> Numbers:
    x, y = place
    dx = dy = 0.0
    for k, c in ((1, 1.5), (2, 2.25), (3, 2.625)):
        r = c - x + x * y**k
        dx += 2 * r * (y**k - 1)
        dy += 2 * r * k * x * y ** (k - 1)
    return dx, dy


def _himmelblau(place: Numbers) -> float:
    x, y = place
    return (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2


def _himmelblau_slope(place: Numbers) -> Numbers:
    x, y = place
    u, v = x * x + y - 11, x + y * y - 7
    return 4 * x * u + 2 * v, 2 * u + 4 * y * v


def _rosenbrock(place: Numbers) -> float:
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(place))


def _rosenbrock_slope(place: Numbers) -> Numbers:
    out = [0.0] * len(place)
    for k, (a, b) in enumerate(pairwise(place)):
        r = b - a * a
        out[k] -= 400 * a * r + 2 * (1 - a)
        out[k + 1] += 200 * r
    return out


def _rastrigin(place: Numbers) -> float:
    return sum(10 + a * a - 10 * math.cos(2 * math.pi * a) for a in place)


def _rastrigin_slope(place: Numbers) -> Numbers:
    return [2 * a + 20 * math.pi * math.sin(2 * math.pi * a) for a in place]


FORMULAS: dict[str, tuple[Callable[[Numbers], float], Callable[[Numbers], Numbers]]] = {
    "beale": (_beale, _beale_slope),
    "himmelblau": (_himmelblau, _himmelblau_slope),
    "rastrigin": (_rastrigin, _rastrigin_slope),
    "rosenbrock": (_rosenbrock, _rosenbrock_slope),
}


@dataclass(frozen=True)
class Copy:
    """A function of z, shifted and turned as optviz does: x = turn z + shift."""

    formula: Callable[[Numbers], float]
    slope: Callable[[Numbers], Numbers]
    lowest: float
    start: Real
    turn: Real
    shift: Real

    def value(self, z: Real) -> float:
        return self.formula((self.turn @ z + self.shift).tolist())

    def gradient(self, z: Real) -> Real:
        return np.asarray(self.slope((self.turn @ z + self.shift).tolist()) @ self.turn)

    def both(self, z: Real) -> tuple[float, Real]:
        x = (self.turn @ z + self.shift).tolist()
        return self.formula(x), np.asarray(self.slope(x) @ self.turn)


@functools.cache
def copy_of(text: str, seed: int) -> Copy:
    import optviz as ov
    from optviz.runs.trials import copies

    f = ov.function(text)
    made = copies(f, [seed])
    assert f.minimum is not None
    formulas = FORMULAS[text.partition(":")[0]]
    return Copy(*formulas, f.minimum, made.starts[0], made.turns[0], made.shifts[0])


def stepper(rule: str) -> Callable[[Real, Real], Real]:
    """From a point and its gradient to the next; Adam as Kingma and Ba have it, and PyTorch."""
    lr, beta1, beta2 = RATES[rule], 0.9, 0.999
    if rule == "sgd":
        return lambda x, g: x - lr * g
    m: Any = 0.0
    v: Any = 0.0
    t = 0

    def adam(x: Real, g: Real) -> Real:
        nonlocal m, v, t
        t += 1
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        return np.asarray(x - lr / (1 - beta1**t) * m / (np.sqrt(v / (1 - beta2**t)) + 1e-8))

    return adam


@functools.cache
def marks() -> list[int]:
    """The steps at which ours keeps a run, and so at which all are compared."""
    from optviz.runs.trials import marks_of

    return [int(mark) for mark in marks_of(STEPS)]


def next_mark(mark: int) -> int:
    return next((later for later in marks() if later > mark), STEPS)


def relative(curve: Callable[[str, str, int], Any]) -> list[Any]:
    """The curves (marks,) of all runs as ours keeps them: f − f* relative to its first value."""
    out = []
    for text in PROBLEMS:
        for rule in RATES:
            for seed in range(SEEDS):
                above = np.asarray(curve(text, rule, seed)) - copy_of(text, seed).lowest
                out.append((above / above[0]).tolist())
    return out


# -- engines --------------------------------------------------------------------------------------


def suite_optviz() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import optviz as ov

    texts = (f"sgd:lr={RATES['sgd']}", f"adam:convention=torch,lr={RATES['adam']}")
    suite = ov.bench.Suite("speed", PROBLEMS, texts, seeds=SEEDS, steps=STEPS)

    def work() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            return ov.bench.run(suite, Path(folder) / "speed.sqlite", workers=1)

    def result() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "speed.sqlite"
            ov.bench.run(suite, store, workers=1)
            curves = ov.bench.load(store).curves
        return np.concatenate([part.reshape(-1, len(marks())) for part in curves]).tolist()

    return work, result


def suite_optimagic() -> tuple[Callable[[], Any], Callable[[], Any]]:
    from optimagic.benchmarking.run_benchmark import run_benchmark

    algorithm = _optimagic_algorithm()
    problems = {
        f"{text} {seed}": {
            "inputs": {"fun": copy.value, "fun_and_jac": copy.both, "params": copy.start},
            "noise_free_fun": copy.value, "noisy": False, "info": {},
            "solution": {"params": None, "value": copy.lowest},
        }
        for text in PROBLEMS for seed in range(SEEDS) for copy in [copy_of(text, seed)]
    }  # fmt: skip
    options = {rule: {"algorithm": algorithm, "algo_options": {"rule": rule}} for rule in RATES}

    def work() -> Any:
        return run_benchmark(
            problems, options, n_cores=1, error_handling="raise", max_criterion_evaluations=STEPS
        )

    def result() -> Any:
        found = work()
        return relative(
            lambda text, rule, seed: found[f"{text} {seed}", rule]["criterion_history"][marks()]
        )

    return work, result


def _optimagic_algorithm() -> Any:
    """optimagic has neither plain gradient descent nor Adam; a class with its decorator is how it
    takes new ones. It asks for f at every point, as ours does for the lowest f so far."""
    import optimagic as om
    from optimagic.optimization.algorithm import Algorithm, InternalOptimizeResult
    from optimagic.typing import AggregationLevel

    @om.mark.minimizer(
        name="first_order", solver_type=AggregationLevel.SCALAR, is_available=True,
        is_global=False, needs_jac=True, needs_hess=False, needs_bounds=False,
        supports_parallelism=False, supports_bounds=False, supports_infinite_bounds=False,
        supports_linear_constraints=False, supports_nonlinear_constraints=False,
    )  # fmt: skip
    @dataclass(frozen=True)
    class FirstOrder(Algorithm):
        rule: str = "sgd"
        stopping_maxiter: int = STEPS

        def _solve_internal_problem(self, problem: Any, x0: Real) -> Any:
            x, step = x0, stepper(self.rule)
            for _ in range(self.stopping_maxiter):
                _, g = problem.fun_and_jac(x)
                x = step(x, g)
            return InternalOptimizeResult(x=x, fun=problem.fun(x))

    return FirstOrder


#: A benchmark as benchopt wants it: a folder of files, each with a class of a fixed name.
BENCHOPT = {
    "objective.py": """
from benchopt import BaseObjective


class Objective(BaseObjective):
    name = "value"

    def set_data(self, copy):
        self.copy = copy

    def get_objective(self):
        return {"copy": self.copy}

    def get_one_result(self):
        return {"x": self.copy.start}

    def evaluate_result(self, x):
        return {"value": self.copy.value(x)}
""",
    "datasets/copies.py": """
from benchopt import BaseDataset

from benchmarks.suite_peers import PROBLEMS, SEEDS, copy_of


class Dataset(BaseDataset):
    name = "copies"
    parameters = {"problem": list(PROBLEMS), "seed": list(range(SEEDS))}

    def get_data(self):
        return {"copy": copy_of(self.problem, self.seed)}
""",
    # Sampled where ours keeps its runs; the last mark is the run's end.
    "solvers/first_order.py": """
from benchopt import BaseSolver
from benchopt.stopping_criterion import NoCriterion

from benchmarks.suite_peers import RATES, next_mark, stepper


class Solver(BaseSolver):
    name = "first-order"
    parameters = {"rule": list(RATES)}
    sampling_strategy = "callback"
    stopping_criterion = NoCriterion(strategy="callback")

    def get_next(self, stop_val):
        return next_mark(stop_val)

    def set_objective(self, copy):
        self.copy = copy

    def run(self, callback):
        self.x, step = self.copy.start, stepper(self.rule)
        while callback():
            self.x = step(self.x, self.copy.gradient(self.x))

    def get_result(self):
        return {"x": self.x}
""",
}


def suite_benchopt() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Without its cache, which would be more work, and sampled by a callback: its other strategy
    runs a solver anew for every point of its curve. It notes the machine and versions with every
    run, which takes longer than the run, and has no option that forgoes it."""
    import benchopt
    import pandas as pd

    home = tempfile.TemporaryDirectory()  # it lives as long as `run`
    for name, text in BENCHOPT.items():
        path = Path(home.name) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for text in PROBLEMS:
        for seed in range(SEEDS):
            copy_of(text, seed)

    def run(folder: str) -> Any:
        return benchopt.run_benchmark(
            home.name, max_runs=len(marks()) - 1, n_jobs=1, no_cache=True, plot_result=False,
            display=False, html=False, show_progress=False,
            output_file=str(Path(folder) / "runs.parquet"),
        )  # fmt: skip

    def work() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            return run(folder)

    def result() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            rows = pd.read_parquet(run(folder))
        keys = ["p_dataset_problem", "p_solver_rule", "p_dataset_seed"]
        found = dict(iter(rows.groupby(keys)))
        for part in found.values():
            assert part["stop_val"].tolist() == marks()
        return relative(lambda *key: found[key]["objective_value"].to_numpy())

    return work, result
