"""Training of a network with one number as output: Adam, learning-rate schedule, early stopping, the best epoch kept.

Everything that chance decides comes from one NumPy generator. Layers that drop values draw from torch's own, which is seeded
anew for every epoch from the NumPy one and given back as it was; so a checkpoint needs the state of the NumPy generator alone.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.errors import InputError, RunError
from sharvin.runs.fit_progress import FitProgress, fingerprint_of
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

from sharvin_models.training.checkpoint import TrainingState, Weights, array_of, checkpoint_of, state_of
from sharvin_models.training.configs import MACHINE, TrainingOptions

WARM_UP = 0.1
"""Share of the steps over which the learning rate of `one_cycle` rises linearly."""

Targets = NDArray[np.float64]


def train(
    network: nn.Module,
    predict: Callable[[NDArray[np.int64]], Tensor],
    targets: Targets,
    validation_error: Callable[[], float],
    options: TrainingOptions,
    rng: np.random.Generator,
    *,
    unit: float = 1.0,
    folder: Path | None = None,
    validation_targets: Targets | None = None,
) -> tuple[list[float], list[float]]:
    """Train in place and leave the network at its epoch of smallest validation error.

    Parameters
    ----------
    network : torch.nn.Module
    predict : callable
        Predictions of the network, float32[n], for the training samples of the given indices, int64[n].
    targets : float64[n_samples]
        Standardised.
    validation_error : callable
        Mean absolute error of the network as it is, called after every epoch, in evaluation mode.
    options : TrainingOptions
    rng : numpy.random.Generator
        Orders the samples.
    unit : float
        Unit of the standardised targets, for ``metrics.jsonl``.
    folder : Path or None
        Where the progress is kept; see :class:`sharvin.protocols.ResumableRegressor`. A checkpoint there is gone on from.
    validation_targets : float64[n] or None
        Tell the checkpoint of this fit from those of others.

    Returns
    -------
    train_error, validation_error : list of float
        Mean absolute errors, one value per epoch; the training one is in standardised units and taken during the epoch.

    Raises
    ------
    RunError
        If the training or validation error is not finite.
    StoreError
        If the checkpoint in `folder` is damaged, of another version, or of another fit.
    """
    optimizer = _optimizer(network, options)
    progress, state = None, TrainingState()
    if folder is not None:
        progress = FitProgress(folder, _fingerprint(network, targets, validation_targets, options, rng))
        found = progress.restore(rng)
        state = state if found is None else state_of(found, network, optimizer)
    curves = state.curves
    begin = time.monotonic() - curves.seconds
    while curves.epochs < options.epochs and curves.epochs - 1 - (state.best_epoch or 0) < options.patience:
        error, rate = _epoch(network, predict, targets, options, rng, optimizer, state)
        _validate(network, validation_error, state)
        curves.train_error.append(error)
        curves.add_line(epochs=options.epochs, learning_rate=rate, seconds=time.monotonic() - begin, unit=unit)
        if progress is not None:
            progress.save(checkpoint_of(state, network, optimizer), rng)
    if state.best:
        network.load_state_dict(state.best)
    return curves.train_error, curves.validation_error


def _fingerprint(
    network: nn.Module, targets: Targets, validation_targets: Targets | None, options: TrainingOptions, rng: np.random.Generator
) -> str:
    """Hash of what a training depends on: the initial weights tell the seed, and the standardisation tells the features."""
    arrays = [(name, array_of(value)) for name, value in network.state_dict().items()]
    arrays += [("targets", targets), ("validation targets", np.empty(0) if validation_targets is None else validation_targets)]
    return fingerprint_of(options.model_dump(mode="json", exclude=MACHINE), rng, arrays)


def _optimizer(network: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    method = torch.optim.AdamW if options.optimizer == "adamw" else torch.optim.Adam
    return method(network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)


def _epoch(
    network: nn.Module,
    predict: Callable[[NDArray[np.int64]], Tensor],
    targets: Targets,
    options: TrainingOptions,
    rng: np.random.Generator,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
) -> tuple[float, float]:
    """One pass through the training set; mean absolute error and last learning rate."""
    loss = _loss(options)
    batches = math.ceil(len(targets) / options.batch_size)
    device = next(network.parameters()).device
    error = 0.0
    network.train()
    with _torch_generator(device, rng):
        for batch in np.array_split(rng.permutation(len(targets)), batches):
            factor = rate_factor(options, state.steps, options.epochs * batches, state.curves.validation_error)
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * factor
            with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "mixed"):
                predicted = predict(batch)
            predicted = predicted.float()
            expected = torch.from_numpy(targets[batch]).to(predicted)
            optimizer.zero_grad()
            loss(predicted, expected).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), options.gradient_clip)
            optimizer.step()
            state.steps += 1
            average_weights(network, options.averaging, state)
            error += float((predicted.detach() - expected).abs().sum())
    _require_finite(error, "training", state)
    return error / len(targets), options.learning_rate * factor


def _loss(options: TrainingOptions) -> Callable[[Tensor, Tensor], Tensor]:
    if options.loss == "huber":
        return lambda predicted, expected: functional.huber_loss(predicted, expected, delta=options.huber_delta)
    return functional.mse_loss if options.loss == "mse" else functional.l1_loss


def average_weights(network: nn.Module, keep: float, state: TrainingState) -> None:
    """Moving average of the weights, short at first so that the initial ones are soon forgotten."""
    if not keep:
        return
    update = get_ema_multi_avg_fn(min(keep, (1.0 + state.steps) / (10.0 + state.steps)))
    if not state.average:
        state.average = copy_of(network)
    weights = dict(network.named_parameters())
    update([state.average[name] for name in weights], [value.detach() for value in weights.values()], None)


def _validate(network: nn.Module, validation_error: Callable[[], float], state: TrainingState) -> None:
    """Add the validation error, of the averaged weights where there are any, and keep the weights if it is the smallest."""
    network.eval()
    trained = copy_of(network) if state.average else {}
    if trained:
        network.load_state_dict(state.average)
    error = validation_error()
    _require_finite(error, "validation", state)
    state.curves.validation_error.append(error)
    best = math.inf if state.best_epoch is None else state.curves.validation_error[state.best_epoch]
    if error < best:
        state.best_epoch, state.best = state.curves.epochs - 1, copy_of(network)
    if trained:
        network.load_state_dict(trained)


def _require_finite(error: float, name: str, state: TrainingState) -> None:
    if not math.isfinite(error):
        raise RunError(
            f"the {name} error is not finite in epoch {state.curves.epochs + 1}; lower learning_rate, "
            "or find the features that are not finite."
        )


def copy_of(network: nn.Module) -> Weights:
    """Values of a network's weights and constants as they are now."""
    return {name: value.clone() for name, value in network.state_dict().items()}


@contextmanager
def _torch_generator(device: torch.device, rng: np.random.Generator) -> Iterator[None]:
    """Seed torch's generator inside the block by the next number of `rng`, which is not taken from it."""
    gpu = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(gpu):
        torch.manual_seed(int(copy.deepcopy(rng).integers(2**63)))
        yield


def rate_factor(options: TrainingOptions, step: int, n_steps: int, validation_error: Sequence[float]) -> float:
    """Factor of the largest learning rate in a step.

    Parameters
    ----------
    options : TrainingOptions
    step, n_steps : int
        From 0; of the whole training.
    validation_error : sequence of float
        Of the epochs done, for the schedule `plateau`.
    """
    if options.schedule == "one_cycle":
        return one_cycle(step, n_steps)
    if options.schedule == "cosine":
        return half_cosine(step, n_steps)
    return plateau(validation_error, options.plateau_epochs) if options.schedule == "plateau" else 1.0


def one_cycle(step: int, n_steps: int) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    warm_up = max(1, int(WARM_UP * n_steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return half_cosine(step - warm_up, max(1, n_steps - warm_up))


def half_cosine(step: int, n_steps: int) -> float:
    """From 1 down to 0."""
    return 0.5 * (1.0 + math.cos(math.pi * step / n_steps))


def plateau(validation_error: Sequence[float], patience: int) -> float:
    """Half for every `patience` epochs in a row without a new smallest error."""
    best, waited, factor = math.inf, 0, 1.0
    for error in validation_error:
        best, waited = (error, 0) if error < best else (best, waited + 1)
        if waited == patience:
            factor, waited = 0.5 * factor, 0
    return factor


def device_of(options: TrainingOptions, name: str) -> torch.device:
    """Where the regressor `name` computes.

    Raises
    ------
    InputError
        If `device` is ``cuda`` or `precision` is ``mixed`` and there is no GPU.
    """
    if options.device == "cuda" and not torch.cuda.is_available():
        raise InputError(f"{name}: device is cuda but torch finds no GPU; set device: auto or cpu.")
    gpu = options.device == "cuda" or (options.device == "auto" and torch.cuda.is_available())
    if options.precision == "mixed" and not gpu:
        raise InputError(f"{name}: precision is mixed, which slows training down on a CPU; set precision: single, or use a GPU.")
    return torch.device("cuda" if gpu else "cpu")


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with this many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
