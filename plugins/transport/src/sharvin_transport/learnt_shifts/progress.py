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
_FEW = 5
"""Validation structures that are too few to tell steps from each other."""


@dataclass
class FitState:
    """Where a fit stands after a step.

    Parameters
    ----------
    weights, best : float64[m]
        Those of now, and those that are kept: of the least validation error or, where there are fewer than five validation
        structures, the last ones whose error is not greater than that by more than the standard error of the difference. Two
        labels, say, cannot tell steps from each other.
    least : float64[n_validation]
        Errors in G0 of the validation structures at the weights of the least validation error.
    normal, slope : float64[m, m], float64[m]
        Normal equations of the structures of earlier steps; empty where every step takes all structures.
    table : str
        The table that was chosen; empty where there was no choice.
    damping : float
        Weight of the prior against changes of the weights, relative to that against the weights.
    waited : int
        Steps since the validation error was least.
    over : bool
        Whether further steps would change nothing.
    """

    weights: Floats
    best: Floats
    least: Floats
    normal: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    slope: Floats = field(default_factory=lambda: np.zeros(0))
    table: str = ""
    curves: LearningCurves = field(default_factory=LearningCurves)
    damping: float = 0.1
    waited: int = 0
    over: bool = False

    def add(self, train_mae: float, errors: Floats) -> None:
        """Note the errors of a step whose weights are in place already, those of the validation structures one by one."""
        more = errors - self.least
        if more.mean() < 0.0:
            self.least, self.waited = errors, 0
        else:
            self.waited += 1
        allowed = np.inf if len(more) == 1 else more.std(ddof=1) / np.sqrt(len(more)) if len(more) < _FEW else 0.0
        if more.mean() <= allowed:
            self.best = self.weights
        self.curves.train_error.append(train_mae)
        self.curves.validation_error.append(float(errors.mean()))

    def checkpoint(self) -> Checkpoint:
        """Checkpoint of this state."""
        arrays = {name: getattr(self, name) for name in ("weights", "best", "least", "normal", "slope")}
        names = ("table", "damping", "waited", "over")
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
