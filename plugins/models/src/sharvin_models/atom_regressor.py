"""What ``fc_maxpool`` and ``transformer`` share: a network on the rows of a structure's atoms, its training and its file.

Memory. Rows are read where they are, in memory, in files or computed on demand, each structure once a step; a fit holds nothing
but the caller's samples, the network and the rows of one batch. float32 rows in memory are not copied.

Every structure is predicted by itself, so its prediction does not depend on the others, bit for bit, and there is no padding.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.samples import Dataset, FeatureRows, Features, Prediction, Samples
from torch import Tensor

from sharvin_models.checkpoint import require_folder
from sharvin_models.configs import AtomOptions
from sharvin_models.inputs import require_datasets, require_features, require_finite, structure_of
from sharvin_models.row_network import RowNetwork
from sharvin_models.saved_model import load_model, save_model
from sharvin_models.standardisation import common_scale, mean_and_inverse_spread_of
from sharvin_models.training import MACHINE, device_of, threads, train

KINDS = ("per_atom",)

O = TypeVar("O", bound=AtomOptions)  # noqa: E741


class AtomRegressor(ABC, Generic[O]):
    """Network from the rows of a structure's atoms to one number; kind ``per_atom``.

    Parameters
    ----------
    options : AtomOptions

    Raises
    ------
    InputError
        If `device` is ``cuda`` or `precision` is ``mixed`` and there is no GPU.
    """

    name: ClassVar[str]
    version: ClassVar[int]

    def __init__(self, options: O) -> None:
        self.options = options
        self._device = device_of(options, self.name)
        self._network: RowNetwork | None = None
        self._target_mean, self._target_spread = 0.0, 1.0
        self._folder: Path | None = None

    @abstractmethod
    def _build(self, mean: NDArray[np.float64], inverse_spread: NDArray[np.float64]) -> RowNetwork:
        """Network of the options with undefined weights."""

    def keep_progress(self, folder: Path) -> None:
        """Leave checkpoints and metrics of fits in this folder; see :class:`sharvin.protocols.ResumableRegressor`.

        Raises
        ------
        InputError
            If there is no such folder.
        """
        self._folder = require_folder(folder)

    def fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        """Learn; equal data and an equal state of `rng` give an equal model, bit for bit, on one kind of machine.

        Parameters
        ----------
        data, validation : Dataset
            The validation set chooses the epoch that is kept.
        rng : numpy.random.Generator
            Draws the initial weights and the order of the structures.

        Returns
        -------
        dict
            ``train_mae`` (during the epoch) and ``validation_mae`` (after it) in the unit of the targets, one value an epoch.

        Raises
        ------
        InputError
            If a set is empty, a target or feature is not finite, or the two sets do not fit together.
        RunError
            If training diverges.
        StoreError
            If the folder of :meth:`keep_progress` holds a checkpoint of another fit.
        """
        samples, validation_samples = require_datasets(data, validation, self.name, KINDS)
        mean, inverse_spread = mean_and_inverse_spread_of(self._read(samples, i).values for i in range(len(samples)))
        if self.options.feature_scale == "common":
            inverse_spread = common_scale(inverse_spread)
        self._standardise_targets(data.targets)
        network = self._build(mean, inverse_spread)
        network.initialise(rng)
        network.to(self._device)

        def predict(batch: NDArray[np.int64]) -> Tensor:
            rows, heights = zip(*(self._tensors(samples, int(index)) for index in batch), strict=True)
            return network(rows, heights if self._asks_heights else None)  # type: ignore[no-any-return]

        def validation_error() -> float:
            return float(np.abs(self._predict(network, validation_samples) - validation.targets).mean())

        scaled = (data.targets - self._target_mean) / self._target_spread
        with threads(self.options.threads):
            train_error, curve = train(
                network,
                predict,
                scaled,
                validation_error,
                self.options,
                rng,
                unit=self._target_spread,
                folder=self._folder,
                validation_targets=validation.targets,
            )
        self._network = network.eval()
        return {"train_mae": [error * self._target_spread for error in train_error], "validation_mae": curve}

    def predict(self, samples: Samples) -> Prediction:
        """Predictions in the order of the samples, without standard deviation.

        Raises
        ------
        InputError
            Before a fit or a load, or if the features differ in kind or size from the training's, or are not finite.
        """
        if self._network is None:
            raise InputError(f"{self.name}: there is no model yet; fit or load one before predicting.")
        features = require_features(samples, self.name, KINDS, len(self._network.mean))
        with threads(self.options.threads):
            return Prediction(require_finite(self._predict(self._network, features), self.name))

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` into an existing folder.

        Raises
        ------
        InputError
            If there is no model yet.
        """
        if self._network is None:
            raise InputError(f"{self.name}: there is no model yet; fit one before saving.")
        description = {
            "options": self.options.model_dump(mode="json"),
            "target_mean": self._target_mean,
            "target_spread": self._target_spread,
        }
        arrays = {name: value.cpu().numpy() for name, value in self._network.state_dict().items()}
        save_model(folder, self.name, self.version, description, arrays)

    def load(self, folder: Path) -> None:
        """Become the saved model, its options included, except `threads` and `device`, which are this machine's.

        Raises
        ------
        InputError
            If the folder holds no model of this regressor and version.
        """
        description, arrays = load_model(folder, self.name, self.version)
        here = self.options.model_dump(include=MACHINE)
        self.options = type(self.options).model_validate({**description["options"], **here})
        network = self._build(arrays["mean"], arrays["inverse_spread"])
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        self._network = network.to(self._device).eval()
        self._target_mean, self._target_spread = description["target_mean"], description["target_spread"]

    def _standardise_targets(self, targets: NDArray[np.float64]) -> None:
        if self.options.target_scale == "standard":
            self._target_mean, self._target_spread = float(targets.mean()), float(targets.std()) or 1.0
        else:
            self._target_mean, self._target_spread = 0.0, self.options.target_scale

    @torch.no_grad()
    def _predict(self, network: RowNetwork, features: FeatureRows) -> NDArray[np.float64]:
        outputs = (network.alone(*self._tensors(features, index)) for index in range(len(features)))
        scaled = np.array([float(output) for output in outputs], dtype=np.float64)
        return self._target_mean + self._target_spread * scaled

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
