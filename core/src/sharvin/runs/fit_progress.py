"""Progress of a fit in a folder: ``checkpoint.safetensors`` to go on from, and ``metrics.jsonl``, one line per epoch.

The checkpoint is one file, so it is whole or not there: named arrays, and in its header the state of the generator, the learning
curves and the lines of metrics. Its fingerprint is that of everything a fit depends on; the checkpoint of another fit is refused.
Safetensors is a format without code in it, and reading it needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from sharvin.errors import InputError, StoreError
from sharvin.runs.atomic import remove, write_bytes
from sharvin.runs.digests import digest_of, digest_of_array

FORMAT = 2
CHECKPOINT = "checkpoint.safetensors"
METRICS = "metrics.jsonl"

Arrays = dict[str, NDArray[Any]]


@dataclass
class LearningCurves:
    """Errors after each epoch of a fit, and the lines of ``metrics.jsonl`` that tell of them."""

    train_error: list[float] = field(default_factory=list)
    validation_error: list[float] = field(default_factory=list)
    lines: list[dict[str, float]] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """Epochs whose validation error is known."""
        return len(self.validation_error)

    @property
    def seconds(self) -> float:
        """How long the epochs took."""
        return self.lines[-1]["seconds"] if self.lines else 0.0

    def add_line(self, *, epochs: int, seconds: float, unit: float = 1.0, **others: float) -> None:
        """Add the line of the last epoch, whose errors are noted already.

        Parameters
        ----------
        epochs : int
            At most, of the whole fit.
        seconds : float
            Since the fit began.
        unit : float
            Unit of `train_error`.
        others : float
            What else the line tells of the epoch, by name.
        """
        line = {"epoch": self.epochs, "epochs": epochs, "train_mae": self.train_error[-1] * unit}
        line |= {"validation_mae": self.validation_error[-1], **others, "seconds": seconds}
        self.lines.append(line)


@dataclass(frozen=True)
class Checkpoint:
    """Where a fit stands after an epoch, besides its generator.

    Parameters
    ----------
    curves : LearningCurves
    arrays : dict of str to array
        Such as weights; any shape and type of number.
    numbers : dict
        What else the fit goes on with, as JSON can hold it.
    """

    curves: LearningCurves
    arrays: Arrays
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FitProgress:
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

    def save(self, checkpoint: Checkpoint, rng: np.random.Generator) -> None:
        """Leave a checkpoint, in place of the one before, and add the last line of metrics."""
        curves = checkpoint.curves
        state = json.dumps({"curves": vars(curves), "numbers": checkpoint.numbers, "generator": _plain_state(rng)})
        arrays = {name: np.asarray(array, order="C") for name, array in checkpoint.arrays.items()}
        header = {"format": str(FORMAT), "fingerprint": self.fingerprint, "state": state, "digest": _digest(state, arrays)}
        write_bytes(self.folder / CHECKPOINT, save(arrays, header))
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(curves.lines[-1]) + "\n")

    def restore(self, rng: np.random.Generator) -> Checkpoint | None:
        """Checkpoint of the fit, with `rng` as it was then; None where there is none.

        ``metrics.jsonl`` then holds the lines of its epochs and no others.

        Raises
        ------
        StoreError
            If the checkpoint is damaged, of another format, or of another fit.
        """
        found = self._read(rng)
        lines = [] if found is None else found.curves.lines
        write_bytes(self.folder / METRICS, "".join(json.dumps(line) + "\n" for line in lines).encode())
        return found

    def _read(self, rng: np.random.Generator) -> Checkpoint | None:
        path = self.folder / CHECKPOINT
        for other in sorted(self.folder.glob("checkpoint.*")):
            if other != path:
                raise StoreError(f"another version has left the checkpoint {other}; remove it to train from the start.")
        if not path.exists():
            return None
        header, arrays = _header_and_arrays(path)
        if header.get("fingerprint") != self.fingerprint:
            raise StoreError(
                f"the checkpoint {path} belongs to a fit with other options, data or seed; remove it, or train in another folder."
            )
        state = json.loads(header["state"])
        rng.bit_generator.state = state["generator"]
        return Checkpoint(LearningCurves(**state["curves"]), arrays, state["numbers"])


def _header_and_arrays(path: Path) -> tuple[dict[str, str], Arrays]:
    """Content of a checkpoint of this format; StoreError if it is damaged or of another one."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise StoreError(f"the checkpoint {path} is damaged ({error}); remove it to train from the start.") from None
    if header.get("format") != str(FORMAT):
        raise StoreError(
            f"the checkpoint {path} has format {header.get('format')}, and this version reads {FORMAT}; "
            "remove it to train from the start."
        )
    if header.get("digest") != _digest(header.get("state", ""), arrays):
        raise StoreError(f"the checkpoint {path} is damaged (it is not as it was written); remove it to train from the start.")
    return header, arrays


def _digest(state: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    return digest_of({"state": state, "arrays": {name: digest_of_array(array) for name, array in arrays.items()}})


def forget_damaged(folder: Path) -> list[Path]:
    """Remove checkpoints anywhere below a folder that are damaged or of another format, and return their paths."""
    found = []
    for path in sorted(folder.rglob(CHECKPOINT)):
        try:
            _header_and_arrays(path)
        except StoreError:
            remove(path)
            found.append(path)
    return found


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


def fingerprint_of(options: Mapping[str, Any], rng: np.random.Generator, arrays: Iterable[tuple[str, NDArray[Any]]]) -> str:
    """Hash of what a fit depends on, 40 hexadecimal digits.

    Parameters
    ----------
    options : mapping
        What JSON can hold.
    rng : numpy.random.Generator
        As the fit starts.
    arrays : iterable of (str, array)
        Initial weights, samples, targets, in a fixed order; held one at a time.
    """
    contents = [[name, digest_of_array(array)] for name, array in arrays]
    return digest_of({"options": options, "generator": _plain_state(rng), "arrays": contents})


def _plain_state(rng: np.random.Generator) -> Any:
    """State of a generator as JSON can hold it; some kinds have arrays in theirs."""
    return json.loads(json.dumps(rng.bit_generator.state, default=np.ndarray.tolist))
