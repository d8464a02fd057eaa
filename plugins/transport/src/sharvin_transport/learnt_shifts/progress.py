"""Where a fit of ``learnt_shifts`` stands, and how a checkpoint of :mod:`sharvin.runs.fit_progress` holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sharvin.frames import Frames
from sharvin.runs.fit_progress import Checkpoint, LearningCurves
from sharvin.samples import Dataset

Floats = NDArray[np.float64]


@dataclass
class FitState:
    """Where a fit stands after a step: weights float64[m], those of the best step, and the learning curves in G0."""

    weights: Floats
    best: Floats = field(default_factory=lambda: np.zeros(0))
    curves: LearningCurves = field(default_factory=LearningCurves)
    damping: float = 1.0
    """Weight of the prior against changes of the weights, relative to that against the weights."""

    def add(self, train_mae: float, validation_mae: float) -> None:
        """Note the errors of a step whose weights are in place already."""
        if validation_mae < min(self.curves.validation_error, default=np.inf):
            self.best = self.weights
        self.curves.train_error.append(train_mae)
        self.curves.validation_error.append(validation_mae)

    def checkpoint(self) -> Checkpoint:
        """Checkpoint of this state."""
        return Checkpoint(self.curves, {"weights": self.weights, "best": self.best}, {"damping": self.damping})

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> FitState:
        """State that a checkpoint holds."""
        arrays = checkpoint.arrays
        return cls(arrays["weights"], arrays["best"], checkpoint.curves, checkpoint.numbers["damping"])


def arrays_of(sets: Sequence[Dataset]) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Targets and structures of sets, which tell the fit to them from others."""
    for one in sets:
        yield "targets", one.targets
        if isinstance(one.samples, Frames):
            for frame in one.samples:
                yield from ((name, getattr(frame, name)) for name in ("numbers", "positions", "cell", "pbc"))
