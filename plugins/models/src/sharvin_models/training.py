"""Training of a network with one number as output: Adam, learning-rate schedule, early stopping, the best epoch kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.errors import InputError, RunError
from torch import Tensor, nn
from torch.nn import functional

from sharvin_models.configs import TrainingOptions

WARM_UP = 0.1
"""Share of the steps over which the learning rate of `one_cycle` rises linearly."""

_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "huber": functional.huber_loss,
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
}


def train(
    network: nn.Module,
    predict: Callable[[NDArray[np.int64]], Tensor],
    targets: NDArray[np.float64],
    validation_error: Callable[[], float],
    options: TrainingOptions,
    rng: np.random.Generator,
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
        Mean absolute error of the network as it is, called after every epoch.
    options : TrainingOptions
    rng : numpy.random.Generator
        Orders the samples.

    Returns
    -------
    train_error, validation_error : list of float
        Mean absolute errors, one value an epoch; the training one is in standardised units and taken during the epoch.

    Raises
    ------
    RunError
        If the training error is no longer finite.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    batches = math.ceil(len(targets) / options.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _schedule(options, options.epochs * batches))
    loss = _LOSSES[options.loss]
    curve: tuple[list[float], list[float]] = ([], [])
    best, best_epoch, best_state = math.inf, 0, None
    for epoch in range(options.epochs):
        error = 0.0
        for batch in np.array_split(rng.permutation(len(targets)), batches):
            predicted = predict(batch)
            expected = torch.from_numpy(targets[batch]).to(predicted)
            optimizer.zero_grad()
            loss(predicted, expected).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), options.gradient_clip)
            optimizer.step()
            schedule.step()
            error += float((predicted.detach() - expected).abs().sum())
        curve[0].append(error / len(targets))
        if not math.isfinite(curve[0][-1]):
            raise RunError(f"the training error is not finite in epoch {epoch + 1}; lower learning_rate.")
        curve[1].append(validation_error())
        if curve[1][-1] < best:
            best, best_epoch = curve[1][-1], epoch
            best_state = {name: value.clone() for name, value in network.state_dict().items()}
        if epoch - best_epoch >= options.patience:
            break
    if best_state is not None:
        network.load_state_dict(best_state)
    return curve


def _schedule(options: TrainingOptions, n_steps: int) -> Callable[[int], float]:
    """Factor of the learning rate at each step."""
    return (lambda step: 1.0) if options.schedule == "constant" else (lambda step: one_cycle(step, n_steps))


def one_cycle(step: int, n_steps: int) -> float:
    """Factor of the largest learning rate: linear warm-up, then half a cosine down to zero."""
    warm_up = max(1, int(WARM_UP * n_steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / max(1, n_steps - warm_up)))


def device_of(options: TrainingOptions, name: str) -> torch.device:
    """Where the regressor `name` computes.

    Raises
    ------
    InputError
        If `device` is ``cuda`` and there is none.
    """
    if options.device == "cuda" and not torch.cuda.is_available():
        raise InputError(f"{name}: device is cuda but torch finds no GPU; set device: auto or cpu.")
    gpu = options.device == "cuda" or (options.device == "auto" and torch.cuda.is_available())
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
