"""The network: training that goes on while one looks, and stops when one asks no more.

What a page sends are the settings of `hidden-units`; after so many epochs the network is the one
that this study has. A page has two places, so that two settings train side by side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optviz.nn.network import Network
from optviz.nn.run import Run
from optviz.render.ground import ground_of, hues
from optviz.render.theme import THEMES, Theme
from optviz.runs.entry import Entry
from optviz.studies.hidden_units import HiddenUnitsStudy

Real = NDArray[np.float64]
Answer = tuple[dict[str, Any], dict[str, NDArray[Any]]]

#: Networks at the same time.
PLACES = 2
#: Points along each side of a unit's map, and of the answer's.
UNIT, ANSWER = 40, 100
#: Milliseconds of training for one answer, so that pictures follow each other like a film's.
SLICE = 20.0
BINS = 24
#: Values of a setting that is swept, and seeds of each.
MAX_VALUES, MAX_SEEDS, MAX_EPOCHS = 12, 5, 2000


@dataclass
class Trained:
    """A network in training."""

    study: HiddenUnitsStudy
    network: Network
    run: Run
    #: The grids' points as the network takes them, of units and of the answer.
    places: tuple[Any, Any]
    #: Of the samples, as it takes them.
    samples: Any
    theme: Theme
    seconds: float = 0.0

    @classmethod
    def begin(cls, settings: Mapping[str, Any]) -> Trained:
        """Before the first epoch."""
        study = HiddenUnitsStudy.from_data(settings)
        task = study.task
        network, train = study.begun()
        entry: Entry = study.optimizer
        entry.optimizer.kernel(np.float32)  # one that walks by itself says why it has none
        run = task.begin(network, entry.optimizer)
        places = tuple(task.places(*task.axes(points)) for points in (UNIT, ANSWER))
        theme = THEMES.get(study.theme, THEMES["light"])
        given = task.inputs(train, train.x)
        return cls(study, network, run, (places[0], places[1]), given, theme)

    @property
    def epochs(self) -> int:
        """So far."""
        return len(self.run.rows)

    def train(self, epochs: int | None, milliseconds: float) -> None:
        """So many epochs, or as many as the time allows; one at least."""
        began, most = time.perf_counter(), self.epochs + (epochs or 10**9)
        while self.epochs < most and not self.has_diverged:
            self.run.epoch()
            if time.perf_counter() - began > milliseconds / 1e3:
                break
        self.seconds += time.perf_counter() - began

    @property
    def has_diverged(self) -> bool:
        """Whether a loss or a weight is no number any more."""
        return bool(self.run.rows) and not np.isfinite(self.run.rows[-1][0])


class Networks:
    """The places of one page."""

    def __init__(self) -> None:
        self._places: list[Trained | None] = [None] * PLACES

    def begin(self, place: int, settings: Mapping[str, Any]) -> Answer:
        """A network at its beginning, in one of the places; its data, and what it answers."""
        self._check(place)
        made = Trained.begin(settings)
        self._places[place] = made
        study, task = made.study, made.study.task
        train, test = task.shares()
        x, y = task.axes(ANSWER)
        colors = hues(len(train.classes))
        told = {
            "bounds": [[x[0], x[-1]], [y[0], y[-1]]], "classes": train.classes, "colors": colors,
            "features": study.features, "hidden": study.hidden, "settings": study.texts(),
            "parameters": int(made.network.parameters.size), "samples": len(train),
            "command": study.command(),
        }  # fmt: skip
        arrays: dict[str, NDArray[Any]] = {
            "train": np.asarray(train.x, np.float32), "train.y": train.y.astype(np.int32),
            "test": np.asarray(test.x, np.float32), "test.y": test.y.astype(np.int32),
            "given": _bytes(np.asarray(made.places[0], float)),
        }  # fmt: skip
        head, seen = self.look(place)
        return {**head, **told}, {**seen, **arrays}

    def train(
        self, place: int, epochs: int | None, milliseconds: float, have: int = 0
    ) -> Answer:  # fmt: skip
        """Go on, and look; of the curves a page `have` so many epochs."""
        made = self._at(place)
        if epochs is not None and not 1 <= epochs <= 10**6:
            raise ValueError(f"epochs must be from 1 to 1,000,000, not {epochs}")
        made.train(epochs, milliseconds if epochs is None else 10_000.0)
        return self.look(place, have)

    def dress(self, place: int, theme: str, have: int) -> Answer:
        """Look at it in other colours."""
        if theme not in THEMES:
            raise ValueError(f"theme must be one of {', '.join(THEMES)}, not {theme[:40]!r}")
        self._at(place).theme = THEMES[theme]
        return self.look(place, have)

    def look(self, place: int, have: int = 0) -> Answer:
        """What the network is now: answers, units, weights, curves, histograms, gradients."""
        made = self._at(place)
        network, study, run = made.network, made.study, made.run
        *units, _ = study.answers(network, made.places[0])
        with np.errstate(all="ignore"):
            *_, answer = study.answers(network, made.places[1])
        colors = hues(answer.shape[1])
        ground = ground_of(answer.reshape(ANSWER, ANSWER, -1), colors, made.theme.paper)
        arrays: dict[str, NDArray[Any]] = {
            "answer": np.round(255 * ground[::-1]).astype(np.uint8),
            "curves": np.array([row[:5] for row in run.rows[have:]], float).reshape(-1, 5),
        }
        for k, values in enumerate(units):
            arrays[f"units{k}"] = _bytes(values)
        weights = [v for name, v in network.views().items() if name.endswith("/W")]
        slopes = [v for name, v in network.views(network.gradients).items() if name.endswith("/W")]
        taken = study.answers(network, made.samples)[:-1]
        for k, w in enumerate(weights):
            arrays[f"weights{k}"] = np.asarray(w, np.float32)
        for k, values in enumerate(taken):
            arrays[f"histogram{k}"] = _histogram(values)
        done = made.epochs * len(run.targets)
        last = run.rows[-1] if run.rows else None
        return {
            "place": place, "epochs": made.epochs, "steps": run.steps,
            "rate": done / made.seconds if made.seconds else None, "diverged": made.has_diverged,
            "accuracy": None if last is None else [last[2], last[4]],
            "gradients": [_norm(g) for g in slopes], "sizes": [_norm(w) for w in weights],
            "ranges": [[float(v.min()), float(v.max())] for v in taken],
        }, arrays  # fmt: skip

    def _at(self, place: int) -> Trained:
        self._check(place)
        made = self._places[place]
        if made is None:
            raise ValueError(f"nothing trains in place {place} yet")
        return made

    @staticmethod
    def _check(place: int) -> None:
        if not 0 <= place < PLACES:
            raise ValueError(f"there are the places 0 to {PLACES - 1}, not {place}")


def swept(
    settings: Mapping[str, Any], name: str, values: list[str], epochs: int, seeds: int,
    progress: Callable[..., None],
) -> Answer:  # fmt: skip
    """For each value of a setting, and each of some seeds, what the test says at the end.

    A setting is one of `hidden-units`, or `lr` of the optimizer.
    """
    if not 1 <= len(values) <= MAX_VALUES:
        raise ValueError(f"give 1 to {MAX_VALUES} values, such as 0.001, 0.01, not {len(values)}")
    if not (1 <= epochs <= MAX_EPOCHS and 1 <= seeds <= MAX_SEEDS):
        raise ValueError(f"a sweep has from 1 to {MAX_EPOCHS:,} epochs and {MAX_SEEDS} seeds")
    base = HiddenUnitsStudy.from_data(settings)
    losses, right = np.full((len(values), seeds), np.nan), np.full((len(values), seeds), np.nan)
    texts = base.texts()
    for k, value in enumerate(values):
        for seed in range(seeds):
            made = Trained.begin({**texts, **_with(base, name, value), "seed": seed})
            while made.epochs < epochs and not made.has_diverged:
                made.run.epoch()
                progress(made.epochs, epochs)
            if not made.has_diverged:
                losses[k, seed], right[k, seed] = made.run.rows[-1][3:5]
    return {
        "setting": name, "values": values, "epochs": epochs, "seeds": seeds,
    }, {"losses": losses, "accuracy": right}  # fmt: skip


def _with(study: HiddenUnitsStudy, name: str, value: str) -> dict[str, Any]:
    """A setting with another value, as a specification has it."""
    entry: Entry = study.optimizer
    if name == "lr":
        rate = entry.optimizer.rate_name
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"lr must be a number, not {value[:40]!r}") from None
        return {"optimizer": entry.optimizer.fresh(**{rate: number}).spec()}
    if name not in HiddenUnitsStudy.model_fields:
        raise ValueError(f"there is no setting {name[:40]!r} to be swept")
    usual = study.texts()[name]
    try:
        kind = type(usual) if isinstance(usual, int | float) else str
        read = {"true": True, "false": False}[value] if kind is bool else kind(value)
    except (KeyError, ValueError):
        raise ValueError(f"{name} cannot be {value[:40]!r}") from None
    return {name: read}


def _bytes(values: Real) -> NDArray[np.uint8]:
    """(units, points) from −largest to largest of each unit: 0 is 128, no number 0."""
    with np.errstate(all="ignore"):
        largest = np.nanmax(np.abs(values), axis=0, initial=1e-12)
        share = 128 + 127 * values / largest
    return np.where(np.isfinite(share), np.clip(np.round(share), 1, 255), 0).T.astype(np.uint8)


def _histogram(values: Real) -> NDArray[np.float64]:
    """The share of a layer's answers in each of so many bins between the least and the largest."""
    seen = values[np.isfinite(values)]
    if not seen.size:
        return np.zeros(BINS)
    counts, _ = np.histogram(seen, BINS)
    return np.asarray(counts / seen.size)


def _norm(values: Any) -> float:
    """The root of the mean square: layers of different sizes can be compared."""
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean(np.square(np.asarray(values, float)))))
