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
    """Where a fit stands after a step.

    Parameters
    ----------
    weights, best : float64[m]
        Those of now, and those with the least validation error.
    normal, slope : float64[m, m], float64[m]
        Normal equations of the structures of earlier steps; empty where every step takes all structures.
    table : str
        The table that was chosen; empty where there was no choice.
    start_mae : float
        Validation error in G0 before the first step.
    damping : float
        Weight of the prior against changes of the weights, relative to that against the weights.
    waited : int
        Steps since the validation error was least.
    over : bool
        Whether further steps would change nothing.
    """

    weights: Floats
    best: Floats
    start_mae: float
    normal: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    slope: Floats = field(default_factory=lambda: np.zeros(0))
    table: str = ""
    curves: LearningCurves = field(default_factory=LearningCurves)
    damping: float = 0.1
    waited: int = 0
    over: bool = False

    def add(self, train_mae: float, validation_mae: float) -> None:
        """Note the errors of a step whose weights are in place already."""
        if validation_mae < min(self.curves.validation_error, default=self.start_mae):
            self.best, self.waited = self.weights, 0
        else:
            self.waited += 1
        self.curves.train_error.append(train_mae)
        self.curves.validation_error.append(validation_mae)

    def checkpoint(self) -> Checkpoint:
        """Checkpoint of this state."""
        arrays = {"weights": self.weights, "best": self.best, "normal": self.normal, "slope": self.slope}
        names = ("start_mae", "table", "damping", "waited", "over")
        return Checkpoint(self.curves, arrays, {name: getattr(self, name) for name in names})

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> FitState:
        """State that a checkpoint holds."""
        return cls(curves=checkpoint.curves, **checkpoint.arrays, **checkpoint.numbers)


def arrays_of(sets: Sequence[Dataset]) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Targets, groups and structures of sets, which tell the fit to them from others."""
    for one in sets:
        yield "targets", one.targets
        yield "groups", one.groups
        if isinstance(one.samples, Frames):
            for frame in one.samples:
                yield from ((name, getattr(frame, name)) for name in ("numbers", "positions", "cell", "pbc"))
