"""What ``dnn`` and ``cnn`` share: a network on standardised images of on-site energies.

Memory. Images stay where they are, whatever their type; each batch is gathered from them and turned into float32. A fit holds
nothing but the caller's arrays, the network and one batch.

Every prediction comes from a batch of one fixed size, filled up with empty images: the arithmetic of a sample is then the same,
bit for bit, whatever its company. With `symmetries`, the outputs for all transformed images are added in ascending order, so
that the prediction of a transformed image is the same bits, too.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.samples import Dataset, Images, Samples
from torch import Tensor, nn

from sharvin_models.images.configs import ImageOptions
from sharvin_models.images.mean_energy_scale import MeanEnergyScale
from sharvin_models.images.pair_correlations import PairCorrelations
from sharvin_models.images.symmetries import combinations_of, transform, transform_at_random
from sharvin_models.training.inputs import require_image_datasets, require_images
from sharvin_models.training.layers import initialise
from sharvin_models.training.saved_model import Arrays
from sharvin_models.training.trained_regressor import LearningProblem, TrainedRegressor

_FIELDS = ("knots", "centre", "spread")
BATCH = 64
"""Images in a batch of predictions."""

CALIBRATION = 4096
"""Images, the first of the training set, from which the spread of pair correlations is taken."""

O = TypeVar("O", bound=ImageOptions)  # noqa: E741


class ImageRegressor(TrainedRegressor[O, nn.Module, Images], Generic[O]):
    """Network from an image to one number; kind ``image``.

    Parameters
    ----------
    options : ImageOptions
    """

    def __init__(self, options: O) -> None:
        super().__init__(options)
        self._shape = (0, 0)
        self._image_mean, self._image_spread = 0.0, 1.0
        self._energy_scale = MeanEnergyScale.constant(np.zeros(1))

    @abstractmethod
    def _build(self, shape: tuple[int, int]) -> nn.Module:
        """Network of the options with undefined weights, float32[n, L, W] → float32[n]."""

    def _problem(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> LearningProblem[nn.Module, Images]:
        images, validation_images = require_image_datasets(data, validation, self.name)
        self._image_mean, self._image_spread = _mean_and_spread(images.values)
        energies = self._mean_energies(images)
        self._energy_scale = self._fit_energy_scale(energies, data.targets)
        centre, spread = self._energy_scale(energies)
        unit = float(spread.mean())
        weights = torch.from_numpy((spread / unit).astype(np.float32)).to(self._device)
        self._shape = (images.values.shape[1], images.values.shape[2])
        network = self._build(self._shape)
        initialise(network, rng)
        network.to(self._device)
        for layer in network.modules():
            if isinstance(layer, PairCorrelations):
                layer.standardise(self._standard(self._tensor(images.values[:CALIBRATION])))

        def predict(batch: NDArray[np.int64]) -> Tensor:
            tensor = self._tensor(images.values[batch])
            outputs = network(self._standard(transform_at_random(tensor, self.options.symmetries, rng)))
            return outputs * weights[torch.from_numpy(batch)]  # type: ignore[no-any-return]

        return LearningProblem(network, predict, (data.targets - centre) / unit, unit, validation_images)

    def _inputs(self, network: nn.Module, samples: Samples) -> Images:
        return require_images(samples, self.name, self._shape)

    def _predict(self, network: nn.Module, inputs: Images) -> NDArray[np.float64]:
        group = combinations_of(self.options.symmetries)
        scaled = np.empty((len(group), len(inputs)))
        for begin in range(0, len(inputs), BATCH):
            values = inputs.values[begin : begin + BATCH]
            batch = torch.zeros((BATCH, *self._shape), device=self._device)
            batch[: len(values)] = self._tensor(values)
            for row, element in enumerate(group):
                output = network(self._standard(transform(batch, element)))
                scaled[row, begin : begin + BATCH] = output[: len(values)].cpu().numpy()
        centre, spread = self._energy_scale(self._mean_energies(inputs))
        return centre + spread * np.sort(scaled, axis=0).mean(axis=0)  # type: ignore[no-any-return]

    def _scales(self) -> tuple[dict[str, Any], Arrays]:
        description = {"shape": list(self._shape), "image_mean": self._image_mean, "image_spread": self._image_spread}
        return description, {f"baseline.{field}": getattr(self._energy_scale, field) for field in _FIELDS}

    def _rebuilt(self, description: dict[str, Any], arrays: Arrays) -> nn.Module:
        self._shape = (description["shape"][0], description["shape"][1])
        self._image_mean, self._image_spread = description["image_mean"], description["image_spread"]
        self._energy_scale = MeanEnergyScale(*(arrays.pop(f"baseline.{field}") for field in _FIELDS))
        return self._build(self._shape)

    def _fit_energy_scale(self, energies: NDArray[np.float64], targets: NDArray[np.float64]) -> MeanEnergyScale:
        if self.options.baseline == "none":
            return MeanEnergyScale.constant(targets)
        return MeanEnergyScale.fit(energies, targets, median=self.options.loss != "mse")

    def _mean_energies(self, images: Images) -> NDArray[np.float64]:
        """What centre and spread depend on, float64[n]; sorted sums, so that reflected images have the same bits."""
        if self.options.baseline == "none":
            return np.zeros(len(images))
        parts = [np.sort(block.reshape(len(block), -1), axis=1).mean(axis=1) for block in _blocks(images.values)]
        return np.concatenate([np.empty(0), *parts])

    def _tensor(self, values: NDArray[np.floating]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(self._device)

    def _standard(self, images: Tensor) -> Tensor:
        return (images - self._image_mean) / self._image_spread


def _mean_and_spread(values: NDArray[np.floating]) -> tuple[float, float]:
    """Mean and standard deviation over all sites of all images, read in blocks; the spread is 1 if nothing varies."""
    count, first, second = 0, 0.0, 0.0
    for block in _blocks(values):
        count += block.size
        first += float(block.sum())
        second += float(np.square(block).sum())
    mean = first / count
    return mean, float(np.sqrt(max(second / count - mean**2, 0.0))) or 1.0


def _blocks(values: NDArray[np.floating]) -> Iterator[NDArray[np.float64]]:
    for begin in range(0, len(values), 1024):
        yield values[begin : begin + 1024].astype(np.float64)
