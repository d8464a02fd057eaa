"""Training of a network on structures: Adam with warm-up and cosine decay, early stopping, the best epoch kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.errors import RunError
from torch import Tensor
from torch.nn import functional

from sharvin_models.atom_network import AtomNetwork
from sharvin_models.configs import FcMaxpoolOptions

WARM_UP = 0.1
"""Share of the steps over which the learning rate rises linearly."""

_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"huber": functional.huber_loss, "mse": functional.mse_loss}


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """``structure(i)`` gives the float32[n_atoms, size] rows of structure i; ``targets`` float64[n] are standardised."""

    structure: Callable[[int], Tensor]
    targets: NDArray[np.float64]


def train(
    network: AtomNetwork,
    data: TrainingSet,
    validation_error: Callable[[], float],
    options: FcMaxpoolOptions,
    rng: np.random.Generator,
) -> tuple[list[float], list[float]]:
    """Train in place and leave the network at its epoch of smallest validation error.

    Parameters
    ----------
    network : AtomNetwork
    data : TrainingSet
    validation_error : callable
        Mean absolute error of the network as it is, called after every epoch.
    options : FcMaxpoolOptions
    rng : numpy.random.Generator
        Orders the structures.

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
    batches = math.ceil(len(data.targets) / options.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _learning_rate(step, options.epochs * batches))
    curve: tuple[list[float], list[float]] = ([], [])
    best, best_epoch, best_state = math.inf, 0, None
    for epoch in range(options.epochs):
        error = 0.0
        for batch in np.array_split(rng.permutation(len(data.targets)), batches):
            error += _step(network, data, batch, optimizer, options)
            schedule.step()
        curve[0].append(error / len(data.targets))
        if not math.isfinite(curve[0][-1]):
            raise RunError(f"fc_maxpool: the training error is not finite in epoch {epoch + 1}; lower learning_rate.")
        curve[1].append(validation_error())
        if curve[1][-1] < best:
            best, best_epoch = curve[1][-1], epoch
            best_state = {name: value.clone() for name, value in network.state_dict().items()}
        if epoch - best_epoch >= options.patience:
            break
    if best_state is not None:
        network.load_state_dict(best_state)
    return curve


def _learning_rate(step: int, n_steps: int) -> float:
    """Factor of the largest learning rate: linear warm-up, then half a cosine down to zero."""
    warm_up = max(1, int(WARM_UP * n_steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / max(1, n_steps - warm_up)))


def _step(
    network: AtomNetwork,
    data: TrainingSet,
    batch: NDArray[np.int64],
    optimizer: torch.optim.Optimizer,
    options: FcMaxpoolOptions,
) -> float:
    """One gradient step; returns the sum of absolute errors before it."""
    predicted = network([data.structure(int(index)) for index in batch])
    targets = torch.from_numpy(data.targets[batch]).to(predicted)
    loss = _LOSSES[options.loss](predicted, targets)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), options.gradient_clip)
    optimizer.step()
    return float((predicted.detach() - targets).abs().sum())
