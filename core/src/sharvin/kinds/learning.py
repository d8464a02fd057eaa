"""Contracts of descriptors and regressors: from structures to features, and from features to a property."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sharvin.frames import Frames
    from sharvin.samples import Dataset, Features, Images, Prediction, Samples


@runtime_checkable
class Descriptor(Protocol):
    """Features of structures."""

    @property
    def size(self) -> int:
        """Number of features in a row."""
        ...

    def describe(self, frames: Frames) -> Features | Images:
        """Features of all frames, in their order."""
        ...


@dataclass(frozen=True, eq=False)
class FeatureDerivatives:
    """How the rows of one frame change when its atoms move: a sparse matrix of the pairs that are not zero by locality.

    Parameters
    ----------
    rows : int64[n_pairs]
        Row of the frame's features.
    atoms : int64[n_pairs]
        Atom that moves, its periodic images with it; no pair of row and atom occurs twice.
    values : float32 or float64 [n_pairs, 3, size]
        Derivative of the row with respect to the position of the atom, in the features' unit per Å.
    """

    rows: NDArray[np.int64]
    atoms: NDArray[np.int64]
    values: NDArray[np.floating]


@runtime_checkable
class DifferentiableDescriptor(Descriptor, Protocol):
    """A descriptor that knows how its features change with the positions; optional."""

    def derivatives(self, frames: Frames) -> Iterator[FeatureDerivatives]:
        """Derivatives of each frame's features, in order, one frame in memory at a time."""
        ...


@runtime_checkable
class Regressor(Protocol):
    """Structure-to-property model."""

    def fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        """Learn; returns learning curves by name (``train_mae``, ``validation_mae`` …), one value per epoch."""
        ...

    def predict(self, samples: Samples) -> Prediction:
        """Predictions in the order of the samples, each independent of the others."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `load` needs into an existing folder (arrays as safetensors or .npz, the rest as JSON)."""
        ...

    def load(self, folder: Path) -> None:
        """Become the saved model; its predictions are then identical."""
        ...


@runtime_checkable
class ResumableRegressor(Regressor, Protocol):
    """A regressor whose fit takes long enough to be interrupted; optional."""

    def keep_progress(self, folder: Path) -> None:
        """From now on a fit works with this existing folder.

        After every epoch the fit leaves a checkpoint there, of which it needs no more than the last, and appends one line to
        ``metrics.jsonl``: ``epoch`` (from 1), ``epochs`` (at most), ``train_mae``, ``validation_mae`` in the unit of the targets,
        ``learning_rate``, ``seconds`` since the fit began. A fit that finds a checkpoint of its own options and data goes on from
        there and ends with the same model, bit for bit, as one that was never interrupted.
        """
        ...
