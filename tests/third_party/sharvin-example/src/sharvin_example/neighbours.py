"""Nearest-neighbour regression over the summed features of a structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sharvin import Dataset, Features, Prediction

from sharvin_example.configs import NeighboursOptions


class NeighboursRegressor:
    """Mean of the most similar training structures, weighted by inverse distance; their spread is the uncertainty."""

    def __init__(self, options: NeighboursOptions) -> None:
        self._count = options.count
        self._known = np.zeros((0, 0))
        self._targets = np.zeros(0)

    def fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        """Remember the training structures."""
        self._known, self._targets = _structures(data.samples), data.targets
        return {"validation_mae": [float(np.abs(self.predict(validation.samples).mean - validation.targets).mean())]}

    def predict(self, samples: Features) -> Prediction:
        """Weighted mean and standard deviation of the neighbours' targets."""
        distances = cdist(_structures(samples), self._known)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, : self._count]
        weights = 1 / (np.take_along_axis(distances, nearest, axis=1) + 1e-12)
        weights /= weights.sum(axis=1, keepdims=True)
        targets = self._targets[nearest]
        mean = (weights * targets).sum(axis=1)
        return Prediction(mean, np.sqrt((weights * (targets - mean[:, None]) ** 2).sum(axis=1)))

    def save(self, folder: Path) -> None:
        """Write the training structures."""
        np.savez(folder / "neighbours.npz", known=self._known, targets=self._targets)

    def load(self, folder: Path) -> None:
        """Read them back."""
        with np.load(folder / "neighbours.npz") as saved:
            self._known, self._targets = saved["known"], saved["targets"]


def _structures(samples: Features) -> NDArray[np.float64]:
    """Sums over atoms, float64[n, size]; rows are sorted first, so that the order of atoms cannot change a single bit."""
    rows = (np.sort(samples.rows(i).astype(np.float64), axis=0) for i in range(len(samples)))
    return np.array([one.sum(axis=0) for one in rows])
