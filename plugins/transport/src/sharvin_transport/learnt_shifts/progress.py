"""Progress of a fit of ``learnt_shifts`` in a folder: ``checkpoint.npz`` to go on from, a line of ``metrics.jsonl`` per step."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import StoreError
from sharvin.frames import Frames
from sharvin.runs.atomic import write_bytes
from sharvin.samples import Dataset

Floats = NDArray[np.float64]
FORMAT = 1
CHECKPOINT = "checkpoint.npz"
METRICS = "metrics.jsonl"


@dataclass
class FitState:
    """Where a fit stands after a step: weights float64[m], those of the best step, and the learning curves."""

    weights: Floats
    best: Floats = field(default_factory=lambda: np.zeros(0))
    train_mae: list[float] = field(default_factory=list)
    validation_mae: list[float] = field(default_factory=list)
    lines: list[dict[str, float]] = field(default_factory=list)
    """Of ``metrics.jsonl``."""
    damping: float = 1.0
    """Weight of the prior against changes of the weights, relative to that against the weights."""

    def add(self, train_mae: float, validation_mae: float) -> None:
        """Note the errors of a step whose weights are in place already."""
        if not self.validation_mae or validation_mae < min(self.validation_mae):
            self.best = self.weights
        self.train_mae.append(train_mae)
        self.validation_mae.append(validation_mae)


@dataclass(frozen=True)
class FitProgress:
    """Checkpoint and metrics of one fit in a folder that exists."""

    folder: Path
    fingerprint: str

    @classmethod
    def of(
        cls, folder: Path | None, options: Mapping[str, Any], sets: Sequence[Dataset], rng: np.random.Generator
    ) -> FitProgress | None:
        """Progress of a fit with these options, structures, targets and generator; None without a folder."""
        if folder is None:
            return None
        content = json.dumps([options, rng.bit_generator.state], sort_keys=True, default=np.ndarray.tolist)
        found = hashlib.sha256(content.encode())
        for one in sets:
            found.update(f"{len(one)}".encode() + np.ascontiguousarray(one.targets).tobytes())
            if isinstance(one.samples, Frames):
                for frame in one.samples:
                    for array in (frame.numbers, frame.positions, frame.cell, frame.pbc):
                        found.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return cls(folder, found.hexdigest())

    def save(self, state: FitState, rng: np.random.Generator) -> None:
        """Leave a checkpoint, in place of the one before, and add the last line of metrics."""
        header = {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "train_mae": state.train_mae,
            "validation_mae": state.validation_mae,
            "lines": state.lines,
            "damping": state.damping,
            "generator": rng.bit_generator.state,
        }
        archive = io.BytesIO()
        np.savez(archive, weights=state.weights, best=state.best, header=np.array(json.dumps(header, default=np.ndarray.tolist)))
        write_bytes(self.folder / CHECKPOINT, archive.getvalue())
        with (self.folder / METRICS).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(state.lines[-1]) + "\n")

    def restore(self, fresh: FitState, rng: np.random.Generator) -> FitState:
        """Go back to the checkpoint, if there is one; ``metrics.jsonl`` then holds the lines of its steps and no others.

        Raises
        ------
        StoreError
            If the checkpoint is damaged, of another format, or of another fit.
        """
        state = self._read(rng) or fresh
        write_bytes(self.folder / METRICS, "".join(json.dumps(line) + "\n" for line in state.lines).encode())
        return state

    def _read(self, rng: np.random.Generator) -> FitState | None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                header, weights, best = json.loads(str(file["header"])), file["weights"], file["best"]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise StoreError(f"the checkpoint {path} is damaged ({error}); remove it to train from the start.") from None
        if header.get("format") != FORMAT or header.get("fingerprint") != self.fingerprint:
            raise StoreError(
                f"the checkpoint {path} belongs to another version, or to a fit with other options, data or seed; remove it, or "
                "train in another folder."
            )
        rng.bit_generator.state = header["generator"]
        return FitState(weights, best, header["train_mae"], header["validation_mae"], header["lines"], header["damping"])
