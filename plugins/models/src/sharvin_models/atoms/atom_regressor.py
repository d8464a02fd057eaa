"""What ``fc_maxpool`` and ``transformer`` share: a network on the rows of a structure's atoms.

Memory. Rows are read where they are, in memory, in files or computed on demand, each structure once a step; a fit holds nothing
but the caller's samples, the network and the rows of one batch. float32 rows in memory are not copied.

Every structure is predicted by itself, so its prediction does not depend on the others, bit for bit, and there is no padding.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import asdict
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.samples import Dataset, FeatureRows, Features, Prediction, Samples
from torch import Tensor

from sharvin_models.atoms.configs import AtomOptions
from sharvin_models.atoms.row_network import RowNetwork
from sharvin_models.training.inputs import require_datasets, require_features, require_finite, structure_of
from sharvin_models.training.saved_model import Arrays
from sharvin_models.training.standardisation import TargetScale, common_scale, mean_and_inverse_spread_of
from sharvin_models.training.trained_regressor import LearningProblem, TrainedRegressor

KINDS = ("per_atom",)

O = TypeVar("O", bound=AtomOptions)  # noqa: E741


class AtomRegressor(TrainedRegressor[O, RowNetwork, FeatureRows], Generic[O]):
    """Network from the rows of a structure's atoms to one number; kind ``per_atom``.

    Parameters
    ----------
    options : AtomOptions
    """

    def __init__(self, options: O) -> None:
        super().__init__(options)
        self._targets = TargetScale()

    @abstractmethod
    def _build(self, mean: NDArray[np.float64], inverse_spread: NDArray[np.float64]) -> RowNetwork:
        """Network of the options with undefined weights."""

    def predict(self, samples: Samples) -> Prediction:
        """See :meth:`TrainedRegressor.predict`; rows are read once, so what is not finite shows in its prediction."""
        prediction = super().predict(samples)
        require_finite(prediction.mean, self.name)
        return prediction

    def _problem(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> LearningProblem[RowNetwork, FeatureRows]:
        samples, validation_samples = require_datasets(data, validation, self.name, KINDS)
        mean, inverse_spread = mean_and_inverse_spread_of(self._read(samples, i).values for i in range(len(samples)))
        if self.options.feature_scale == "common":
            inverse_spread = common_scale(inverse_spread)
        given = self.options.target_scale
        self._targets = TargetScale.standard(data.targets) if given == "standard" else TargetScale(0.0, given)
        network = self._build(mean, inverse_spread)
        network.initialise(rng)
        network.to(self._device)

        def predict(batch: NDArray[np.int64]) -> Tensor:
            rows, heights = zip(*(self._tensors(samples, int(index)) for index in batch), strict=True)
            return network(rows, heights if self._asks_heights else None)  # type: ignore[no-any-return]

        targets = self._targets.standardised(data.targets)
        return LearningProblem(network, predict, targets, self._targets.target_spread, validation_samples)

    def _inputs(self, network: RowNetwork, samples: Samples) -> FeatureRows:
        return require_features(samples, self.name, KINDS, len(network.mean))

    def _predict(self, network: RowNetwork, inputs: FeatureRows) -> NDArray[np.float64]:
        outputs = (network.alone(*self._tensors(inputs, index)) for index in range(len(inputs)))
        return self._targets.restored(np.array([float(output) for output in outputs], dtype=np.float64))

    def _scales(self) -> tuple[dict[str, Any], Arrays]:
        return asdict(self._targets), {}

    def _rebuilt(self, description: dict[str, Any], arrays: Arrays) -> RowNetwork:
        self._targets = TargetScale(description["target_mean"], description["target_spread"])
        return self._build(arrays["mean"], arrays["inverse_spread"])

    @property
    def _asks_heights(self) -> bool:
        """Whether the network needs to know where the atoms are."""
        return False

    def _read(self, features: FeatureRows, index: int) -> Features:
        """One structure, checked to have what the network asks for."""
        structure = structure_of(features, index, self.name)
        if self._asks_heights and structure.heights_A is None:
            raise InputError(
                f"{self.name}: features of this descriptor do not say where their atoms are; take one that does, such as soap, "
                "or let all atoms attend to each other (attention: softmax, attention_reach_A: null)."
            )
        return structure

    def _tensors(self, features: FeatureRows, index: int) -> tuple[Tensor, Tensor | None]:
        """Rows, float32[n_atoms, size], and heights, float64[n_atoms], of one structure."""
        structure = self._read(features, index)
        rows = np.ascontiguousarray(structure.values, dtype=np.float32)
        with warnings.catch_warnings():
            # Rows may be read-only (a memory map); torch warns of writes, and nothing here writes.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            heights = torch.from_numpy(structure.heights_A).to(self._device) if self._asks_heights else None
            return torch.from_numpy(rows).to(self._device), heights
