"""Regressor ``fc_maxpool``: the network of :mod:`sharvin_models.atom_network`, trained by :mod:`sharvin_models.training`.

Memory. float32 features are read in place: a fit holds nothing but the caller's arrays and the network (features of
another type are converted once, a copy). Every structure is passed through the network by itself, so its prediction does not
depend on the others in the batch, bit for bit, and there is no padding.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.samples import Dataset, Features, Prediction, Samples
from torch import Tensor

from sharvin_models.atom_network import AtomNetwork
from sharvin_models.configs import FcMaxpoolOptions
from sharvin_models.inputs import require_datasets, require_features
from sharvin_models.saved_model import load_model, save_model
from sharvin_models.standardisation import common_scale, mean_and_inverse_spread
from sharvin_models.training import device_of, threads, train

NAME = "fc_maxpool"
VERSION = 1
KINDS = ("per_atom",)


class FcMaxpool:
    """Fully connected layers on every atom, maximum over atoms, dense head; kind ``per_atom``.

    Parameters
    ----------
    options : FcMaxpoolOptions

    Raises
    ------
    InputError
        If `device` is ``cuda`` and there is none.
    """

    def __init__(self, options: FcMaxpoolOptions) -> None:
        self.options = options
        self._device = device_of(options, NAME)
        self._network: AtomNetwork | None = None
        self._target_mean, self._target_spread = 0.0, 1.0

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
        """
        samples, validation_samples = require_datasets(data, validation, NAME, KINDS)
        mean, inverse_spread = mean_and_inverse_spread(samples.values)
        if self.options.feature_scale == "common":
            inverse_spread = common_scale(inverse_spread)
        self._target_mean = float(data.targets.mean())
        self._target_spread = float(data.targets.std()) or 1.0
        self._network = network = AtomNetwork(mean, inverse_spread, self.options.atom_layers, self.options.head_layers)
        network.initialise(rng)
        network.to(self._device)
        rows, validation_rows = _RowsOf(samples, self._device), _RowsOf(validation_samples, self._device)
        scaled = (data.targets - self._target_mean) / self._target_spread

        def predict(batch: NDArray[np.int64]) -> Tensor:
            return network([rows(int(index)) for index in batch])  # type: ignore[no-any-return]

        def validation_error() -> float:
            return float(np.abs(self._predict(network, validation_rows) - validation.targets).mean())

        with threads(self.options.threads):
            train_error, curve = train(network, predict, scaled, validation_error, self.options, rng)
        return {"train_mae": [error * self._target_spread for error in train_error], "validation_mae": curve}

    def predict(self, samples: Samples) -> Prediction:
        """Predictions in the order of the samples, without standard deviation.

        Raises
        ------
        InputError
            Before a fit or a load, or if the features differ in kind or size from the training's.
        """
        if self._network is None:
            raise InputError("fc_maxpool: there is no model yet; fit or load one before predicting.")
        features = require_features(samples, NAME, KINDS, len(self._network.mean))
        with threads(self.options.threads):
            return Prediction(self._predict(self._network, _RowsOf(features, self._device)))

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` into an existing folder.

        Raises
        ------
        InputError
            If there is no model yet.
        """
        if self._network is None:
            raise InputError("fc_maxpool: there is no model yet; fit one before saving.")
        description = {
            "options": self.options.model_dump(mode="json"),
            "target_mean": self._target_mean,
            "target_spread": self._target_spread,
        }
        arrays = {name: value.cpu().numpy() for name, value in self._network.state_dict().items()}
        save_model(folder, NAME, VERSION, description, arrays)

    def load(self, folder: Path) -> None:
        """Become the saved model, its options included, except `threads` and `device`, which are this machine's.

        Raises
        ------
        InputError
            If the folder holds no fc_maxpool model of this version.
        """
        description, arrays = load_model(folder, NAME, VERSION)
        here = {"threads": self.options.threads, "device": self.options.device}
        self.options = FcMaxpoolOptions.model_validate({**description["options"], **here})
        network = AtomNetwork(arrays["mean"], arrays["inverse_spread"], self.options.atom_layers, self.options.head_layers)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        self._network = network.to(self._device)
        self._target_mean, self._target_spread = description["target_mean"], description["target_spread"]

    @torch.no_grad()
    def _predict(self, network: AtomNetwork, rows: _RowsOf) -> NDArray[np.float64]:
        pooled = (network.embed(rows(index)).amax(0, keepdim=True) for index in range(len(rows)))
        scaled = np.array([float(network.read_out(structure)) for structure in pooled], dtype=np.float64)
        return self._target_mean + self._target_spread * scaled


class _RowsOf:
    """Tensor of the rows of one structure, shared with the features where type and device allow it."""

    def __init__(self, features: Features, device: torch.device) -> None:
        self._device = device
        self._features = features
        with warnings.catch_warnings():
            # Features may be read-only (a memory map); torch warns of writes, and nothing here writes.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            self._values = torch.from_numpy(np.ascontiguousarray(features.values, dtype=np.float32))

    def __len__(self) -> int:
        return len(self._features)

    def __call__(self, index: int) -> Tensor:
        offsets = self._features.offsets
        assert offsets is not None
        return self._values[int(offsets[index]) : int(offsets[index + 1])].to(self._device)
