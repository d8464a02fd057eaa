"""Gaussian process regression over the mean features of a structure.

k(x, y) = exp(−|x − y|²/2ℓ²); mean = kᵀ (K + σ²)⁻¹ y, variance = 1 − kᵀ (K + σ²)⁻¹ k (Rasmussen and Williams, *Gaussian Processes
for Machine Learning*, 2006, eqs. 2.23–2.24).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist
from sharvin import Dataset, Prediction
from sharvin.errors import InputError
from sharvin.samples import FeatureRows, Samples

from plugin_package.configs import PartNameOptions


class PartName:
    """Gaussian process; it states its uncertainty."""

    def __init__(self, options: PartNameOptions) -> None:
        self._options = options
        self._state: dict[str, NDArray[np.float64]] = {}

    def fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        """Solve for the weights of the training structures."""
        x = _structure_means(data.samples)
        scale = np.maximum(x.std(axis=0), 1e-12)
        centre, spread = data.targets.mean(), max(float(data.targets.std()), 1e-12)
        self._state = {"x": x / scale, "scale": scale, "y": (data.targets - centre) / spread, "unit": np.array([centre, spread])}
        error = np.abs(self.predict(validation.samples).mean - validation.targets).mean()
        return {"validation_mae": [float(error)]}

    def predict(self, samples: Samples) -> Prediction:
        """Mean and standard deviation of the process, one structure at a time."""
        state = self._state
        centre, spread = state["unit"]
        known = self._kernel(state["x"], state["x"]) + self._options.noise**2 * np.eye(len(state["x"]))
        factor = cho_factor(known)
        cross = self._kernel(_structure_means(samples) / state["scale"], state["x"])
        mean = cross @ cho_solve(factor, state["y"])
        variance = 1 - np.einsum("ij,ji->i", cross, cho_solve(factor, cross.T))
        return Prediction(centre + spread * mean, spread * np.sqrt(np.maximum(variance, 0)))

    def save(self, folder: Path) -> None:
        """Write the training structures and scales."""
        state = self._state
        np.savez(folder / "process.npz", x=state["x"], scale=state["scale"], y=state["y"], unit=state["unit"])

    def load(self, folder: Path) -> None:
        """Read them back."""
        with np.load(folder / "process.npz") as saved:
            self._state = dict(saved)

    def _kernel(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        distance = np.asarray(cdist(one, other, "sqeuclidean"), dtype=np.float64)
        return np.asarray(np.exp(-distance / (2 * self._options.length**2 * one.shape[1])))


def _structure_means(samples: Samples) -> NDArray[np.float64]:
    """Mean over the atoms of each structure, float64[n, size]."""
    if not isinstance(samples, FeatureRows):
        raise InputError("part_name learns from features: name a descriptor that gives them.")
    return np.array([samples.rows(i).astype(np.float64).mean(axis=0) for i in range(len(samples))])
