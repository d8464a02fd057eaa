"""Where the training of a network stands, and how a checkpoint of :mod:`sharvin.runs.fit_progress` holds it.

Its arrays are named after what they belong to: ``weights/…``, ``best/…``, ``average/…``, and one group for each quantity that the
optimiser keeps of a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.runs.fit_progress import Checkpoint, LearningCurves
from torch import Tensor, nn

Weights = dict[str, Tensor]


@dataclass
class TrainingState:
    """Where a training stands after an epoch, besides its network, optimiser and generator."""

    curves: LearningCurves = field(default_factory=LearningCurves)
    steps: int = 0
    best_epoch: int | None = None
    best: Weights = field(default_factory=dict)
    """Weights of the best epoch."""
    average: Weights = field(default_factory=dict)
    """Moving average of the weights, where there is one."""


def checkpoint_of(state: TrainingState, network: nn.Module, optimizer: torch.optim.Optimizer) -> Checkpoint:
    """Checkpoint of a training."""
    groups: dict[str, Mapping[str, Tensor]] = {
        "weights": network.state_dict(),
        "best": state.best,
        "average": state.average,
        **_optimizer_arrays(network, optimizer),
    }
    arrays = {f"{group}/{name}": array_of(value) for group, values in groups.items() for name, value in values.items()}
    return Checkpoint(state.curves, arrays, {"steps": state.steps, "best_epoch": state.best_epoch})


def state_of(checkpoint: Checkpoint, network: nn.Module, optimizer: torch.optim.Optimizer) -> TrainingState:
    """State of a training that goes on from a checkpoint; network and optimiser become what they were."""
    groups: dict[str, Weights] = {}
    for key, array in checkpoint.arrays.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = torch.from_numpy(array)
    network.load_state_dict(groups["weights"])
    for group, values in groups.items():
        owner, _, key = group.partition(".")
        if owner == "optimizer":
            for name, parameter in network.named_parameters():
                # Adam counts its steps on the CPU, wherever the weights are.
                optimizer.state[parameter][key] = values[name] if key == "step" else values[name].to(parameter.device)
    device = next(network.parameters()).device
    best, average = ({name: value.to(device) for name, value in groups.get(key, {}).items()} for key in ("best", "average"))
    return TrainingState(checkpoint.curves, best=best, average=average, **checkpoint.numbers)


def array_of(value: Tensor) -> NDArray[Any]:
    """Content of a tensor, wherever it is."""
    return np.asarray(value.detach().cpu().numpy())


def _optimizer_arrays(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Weights]:
    groups: dict[str, Weights] = {}
    for name, parameter in network.named_parameters():
        for key, value in optimizer.state[parameter].items():
            groups.setdefault(f"optimizer.{key}", {})[name] = value
    return groups
