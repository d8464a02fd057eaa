"""Regressor ``dnn``: a fully connected network on the on-site energies of a wire.

Li, Lu and Zhai, Phys. Rev. B 102, 064205 (2020): three hidden layers of equal width, 20, 60, 150 and 600 neurons for grids of
3×3, 5×5, 10×10 and 20×20 sites, 3000 for 40×40.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sharvin_models.images.configs import DnnOptions
from sharvin_models.images.image_regressor import ImageRegressor
from sharvin_models.images.pair_correlations import PairCorrelations
from sharvin_models.training.layers import Dense


class Dnn(ImageRegressor[DnnOptions]):
    """Fully connected layers on all sites of the grid, on their pair correlations, or both; kind ``image``.

    Parameters
    ----------
    options : DnnOptions
    """

    name = "dnn"

    def _build(self, shape: tuple[int, int]) -> nn.Module:
        return _DenseNetwork(shape, self.options)


class _DenseNetwork(nn.Module):
    def __init__(self, shape: tuple[int, int], options: DnnOptions) -> None:
        super().__init__()
        self.sites = options.sites
        self.pairs = PairCorrelations(shape, options.pair_reach, options.pair_powers) if options.pair_reach else None
        pair_features = self.pairs.size if self.pairs else 0
        size = pair_features + (shape[0] * shape[1] if self.sites else 0)
        self.dense = Dense(size, options.hidden, options.activation)

    def forward(self, images: Tensor) -> Tensor:
        """Output in standardised units, float32[n]."""
        inputs = [images.flatten(1)] if self.sites else []
        if self.pairs is not None:
            inputs.append(self.pairs(images))
        return self.dense(torch.cat(inputs, dim=1))  # type: ignore[no-any-return]
