"""Training: shuffled mini-batches, validation, early stopping, records and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optviz.compiled.threads import one_blas_thread
from optviz.data.dataset import is_sparse
from optviz.data.labels import is_words, numbered
from optviz.nn.checkpoint import Checkpoint
from optviz.nn.hints import divergence_hint, scale_hint, warn
from optviz.nn.model import Model
from optviz.nn.records import RECORDS, History, Records
from optviz.nn.run import Run
from optviz.optimizers.base import Optimizer
from optviz.optimizers.parse import as_optimizer
from optviz.shared.checks import as_real, check_amounts, check_count, generator
from optviz.shared.text import did_you_mean, listed

__all__ = ["History", "fit"]

Array = NDArray[Any]
Trained = TypeVar("Trained", bound=Model)


def fit(
    network: Trained,
    x: ArrayLike,
    y: ArrayLike,
    optimizer: str | Optimizer,
    *,
    epochs: int = 5,
    batch_size: int = 128,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    patience: int | None = None,
    restore_best: bool = True,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
    record: Sequence[str] = (),
    record_every: int = 1,
    callbacks: Iterable[Callable[[Trained, History], Any]] = (),
    progress: Callable[[int, int, float, float], None] | None = None,
    checkpoint: str | Path | None = None,
    rng: Any = None,
    hints: bool = True,
) -> History:
    """Train a network in place.

    Parameters
    ----------
    network
        Its parameters are changed, by one call of the optimizer's kernel a step.
    x : array or CSR matrix (n, inputs)
    y
        Targets as the network's loss wants them; classes may be words (`network.classes`).
    optimizer
        Or text such as "adam:lr=0.01". Steps on with the state that it has. A `weight_decay` of
        its own falls on the weights only (see `Network`): biases and batch normalisation do not
        decay.
    epochs, batch_size : int ≥ 1
        Each epoch uses every row once, in a new order; the last batch may be smaller.
    validation : (x, y), optional
        Evaluated after each epoch.
    patience : int, optional
        Stop when the validation loss has not fallen for so many epochs.
    restore_best : bool
        With patience: end with the parameters of the best epoch.
    weight_decay : float ≥ 0
        Decoupled (Loshchilov and Hutter, ICLR 2019): weights shrink by rate · weight_decay of
        themselves in each step, whatever the optimizer.
    clip_norm : float > 0, optional
        A gradient whose norm is larger is scaled to it.
    record, record_every
        Which of `RECORDS` to keep, after every so many steps. Activations are those of the first
        256 rows of x, at evaluation.
    callbacks
        Called with the network and the history so far after each epoch; one that returns True
        ends the training.
    progress
        Called after each step with steps done, steps in all, loss and rate.
    checkpoint
        A file (.npz) written after each epoch, in one step. If it exists, training goes on from
        it, and ends as it would have without a break. It must be of the same run.
    rng
        Seed or generator of the order of the rows.
    hints : bool
        Warn (`TrainingHint`) if x is far from unit scale, or the loss ends at no number or far
        above that of guessing.

    Raises
    ------
    ValueError
        For arguments out of range, data that do not fit, or another run's checkpoint; nothing has
        been changed then.
    """
    before = network.classes
    try:
        if is_words(y) and not before:
            words: Any = y
            network.classes = numbered(words)[1]
        run, file = _begun(
            network, x, y, optimizer, epochs, batch_size, validation, patience, restore_best,
            weight_decay, clip_norm, record, record_every, progress, checkpoint, rng,
        )  # fmt: skip
    except BaseException:
        network.classes = before
        raise
    has_threads = any(layer.has_threads for layer in network.layers)
    with one_blas_thread() if has_threads else nullcontext():
        while not run.is_over():
            run.epoch()
            stops = [callback(network, run.history()) for callback in callbacks]
            run.is_stopped |= any(isinstance(s, bool | np.bool_) and bool(s) for s in stops)
            if file is not None:
                file.write()
        run.finish()
    history = run.history()
    if hints:
        lost = divergence_hint(network, run.targets, history, run.held_out is not None)
        for text in filter(None, (scale_hint(network, run.x), lost)):
            warn(text)
    return history


def begin(
    network: Model, x: ArrayLike, y: ArrayLike, optimizer: str | Optimizer, *,
    batch_size: int = 128, validation: tuple[ArrayLike, ArrayLike] | None = None, rng: Any = None,
) -> Run:  # fmt: skip
    """The training that `fit` makes, before its first epoch, to be gone on with epoch by epoch:
    `run.epoch()`, `run.history()`.

    Raises
    ------
    ValueError
        As `fit`.
    """
    run, _ = _begun(network, x, y, optimizer, 10**9, batch_size, validation, None, False, 0.0, None,
                    (), 1, None, None, rng)  # fmt: skip
    return run


def _begun(
    network: Model, x: ArrayLike, y: ArrayLike, optimizer: str | Optimizer, epochs: int,
    batch_size: int, validation: Any, patience: int | None, restore_best: bool, weight_decay: float,
    clip_norm: float | None, record: Sequence[str], record_every: int, progress: Any,
    checkpoint: str | Path | None, rng: Any,
) -> tuple[Run, Checkpoint | None]:  # fmt: skip
    """Everything checked: a run at its beginning, or where its checkpoint left it."""
    inputs, targets = _prepared(network, x, y)
    held_out = None if validation is None else _held_out(network, validation)
    optimizer = as_optimizer(optimizer)
    record = (record,) if isinstance(record, str) else record
    _check(epochs, batch_size, patience, weight_decay, clip_norm, record, record_every, held_out)
    run = Run(
        network, optimizer, inputs, targets, held_out, generator(rng), int(epochs),
        int(batch_size), patience, restore_best, float(weight_decay), clip_norm,
        Records(network, tuple(record), int(record_every), inputs), progress,
    )  # fmt: skip
    file = None if checkpoint is None else Checkpoint(Path(checkpoint), run)
    if file is not None:
        file.resume()
    return run, file


def _prepared(network: Model, x: ArrayLike, y: ArrayLike) -> tuple[Any, Array]:
    inputs = network.check_inputs(x)
    targets = network.check_targets(y, inputs.shape[0])
    if not is_sparse(inputs) and inputs.dtype.kind == "f":
        inputs = np.ascontiguousarray(inputs, network.dtype)
    return inputs, targets


def _held_out(network: Model, validation: Any) -> tuple[Any, Array]:
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise ValueError("validation must be a pair (x, y)")
    try:
        return _prepared(network, *validation)
    except ValueError as error:
        raise ValueError(f"validation: {error}") from None


def _check(
    epochs: int, batch_size: int, patience: int | None, weight_decay: float,
    clip_norm: float | None, record: Sequence[str], record_every: int, held_out: object,
) -> None:  # fmt: skip
    wholes = {"epochs": epochs, "batch_size": batch_size, "record_every": record_every}
    if patience is not None:
        wholes["patience"] = patience
    for name, value in wholes.items():
        check_count(name, value)
    if patience is not None and held_out is None:
        raise ValueError("patience needs validation data: give validation=(x, y)")
    check_amounts(weight_decay=weight_decay)
    if clip_norm is not None and not as_real(clip_norm) > 0:
        raise ValueError(f"clip_norm must be a number > 0, not {clip_norm!r}")
    if unknown := [name for name in record if name not in RECORDS]:
        hint = did_you_mean(str(unknown[0]), RECORDS)
        raise ValueError(f"record has no {listed(unknown)}{hint}; there are {listed(RECORDS)}")
