"""Progress of a training in a folder: ``checkpoint.safetensors`` to go on from, and ``metrics.jsonl``, a line an epoch.

The checkpoint is one file, so that it is whole or not there: arrays of the weights, of the best epoch, of the moving average and
of the optimiser, and in its header the state of the generator, the learning curves and the lines of metrics. Its fingerprint is
that of everything a fit depends on; the checkpoint of another fit is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from sharvin.errors import InputError, StoreError
from sharvin.runs.atomic import atomically, write_bytes
from torch import Tensor, nn

FORMAT = 1
CHECKPOINT = "checkpoint.safetensors"
METRICS = "metrics.jsonl"

Weights = dict[str, Tensor]


@dataclass
class TrainingState:
    """Where a training stands after an epoch, besides its network, optimiser and generator."""

    train_error: list[float] = field(default_factory=list)
    validation_error: list[float] = field(default_factory=list)
    lines: list[dict[str, float]] = field(default_factory=list)
    """Lines of ``metrics.jsonl``."""
    steps: int = 0
    best_epoch: int | None = None
    best: Weights = field(default_factory=dict)
    """Weights of the best epoch."""
    average: Weights = field(default_factory=dict)
    """Moving average of the weights, where there is one."""

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.validation_error)


@dataclass(frozen=True)
class Progress:
    """Checkpoint and metrics of one fit in a folder.

    Parameters
    ----------
    folder : Path
        Exists.
    fingerprint : str
        Of :func:`fingerprint_of`.
    """

    folder: Path
    fingerprint: str

    def save(self, state: TrainingState, network: nn.Module, optimizer: torch.optim.Optimizer, rng: np.random.Generator) -> None:
        """Leave a checkpoint, in place of the one before, and add the last line of metrics."""
        groups: dict[str, Mapping[str, Tensor]] = {
            "weights": network.state_dict(),
            "best": state.best,
            "average": state.average,
            **_optimizer_arrays(network, optimizer),
        }
        arrays = {f"{group}/{name}": _array(value) for group, values in groups.items() for name, value in values.items()}
        header = {
            "train_error": state.train_error,
            "validation_error": state.validation_error,
            "lines": state.lines,
            "steps": state.steps,
            "best_epoch": state.best_epoch,
            "generator": rng.bit_generator.state,
        }
        identity = {"format": str(FORMAT), "fingerprint": self.fingerprint}
        metadata = {**identity, "state": json.dumps(header, default=np.ndarray.tolist)}
        atomically(self.folder / CHECKPOINT, lambda temporary: save_file(arrays, temporary, metadata))
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(state.lines[-1]) + "\n")

    def restore(self, network: nn.Module, optimizer: torch.optim.Optimizer, rng: np.random.Generator) -> TrainingState:
        """Go back to the checkpoint, if there is one; ``metrics.jsonl`` then holds the lines of its epochs and no others.

        Raises
        ------
        StoreError
            If the checkpoint is damaged, of another format, or of another fit.
        """
        found = self._read()
        state = TrainingState() if found is None else _restored(*found, network, optimizer, rng)
        write_bytes(self.folder / METRICS, "".join(json.dumps(line) + "\n" for line in state.lines).encode())
        return state

    def _read(self) -> tuple[dict[str, Any], dict[str, Weights]] | None:
        path = self.folder / CHECKPOINT
        groups: dict[str, Weights] = {}
        try:
            with safe_open(path, framework="numpy") as file:
                header = file.metadata() or {}
                for key in file.keys():  # noqa: SIM118 - not a mapping
                    group, _, name = key.partition("/")
                    groups.setdefault(group, {})[name] = torch.from_numpy(file.get_tensor(key))
        except FileNotFoundError:
            return None
        except SafetensorError as error:
            raise StoreError(f"the checkpoint {path} is damaged ({error}); remove it to train from the start.") from None
        if header.get("format") != str(FORMAT):
            raise StoreError(
                f"the checkpoint {path} has format {header.get('format')}, and this version reads {FORMAT}; "
                "remove it to train from the start."
            )
        if header.get("fingerprint") != self.fingerprint:
            raise StoreError(
                f"the checkpoint {path} belongs to a fit with other options, data or seed; remove it, or train in another folder."
            )
        return json.loads(header["state"]), groups


def require_folder(folder: Path) -> Path:
    """Return the folder in which a fit is to keep its progress.

    Raises
    ------
    InputError
        If there is none.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder} to keep the progress of a fit in; create it first.")
    return folder


def fingerprint_of(options: Mapping[str, Any], network: nn.Module, arrays: list[NDArray[Any]], rng: np.random.Generator) -> str:
    """Hash of what a fit depends on.

    Parameters
    ----------
    options : mapping
        What JSON can hold.
    network : torch.nn.Module
        As it starts: its weights tell the seed, and its standardisation the features.
    arrays : list of array
        Targets of the training and of the validation set.
    rng : numpy.random.Generator
        As the training starts.
    """
    found = hashlib.sha256(json.dumps([options, rng.bit_generator.state], sort_keys=True, default=np.ndarray.tolist).encode())
    for name, value in network.state_dict().items():
        found.update(f"{name}{list(value.shape)}".encode())
        found.update(_array(value).tobytes())
    for array in arrays:
        found.update(str(len(array)).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _optimizer_arrays(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Weights]:
    groups: dict[str, Weights] = {}
    for name, parameter in network.named_parameters():
        for key, value in optimizer.state[parameter].items():
            groups.setdefault(f"optimizer.{key}", {})[name] = value
    return groups


def _restored(
    header: dict[str, Any],
    groups: dict[str, Weights],
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> TrainingState:
    network.load_state_dict(groups["weights"])
    for group, values in groups.items():
        owner, _, key = group.partition(".")
        if owner == "optimizer":
            for name, parameter in network.named_parameters():
                # Adam counts its steps on the CPU, wherever the weights are.
                optimizer.state[parameter][key] = values[name] if key == "step" else values[name].to(parameter.device)
    rng.bit_generator.state = header.pop("generator")
    device = next(network.parameters()).device
    best, average = ({name: value.to(device) for name, value in groups.get(key, {}).items()} for key in ("best", "average"))
    return TrainingState(**header, best=best, average=average)


def _array(value: Tensor) -> NDArray[Any]:
    return np.ascontiguousarray(value.detach().cpu().numpy())
