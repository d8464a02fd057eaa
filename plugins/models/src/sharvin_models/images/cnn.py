"""Regressor ``cnn``: convolutions on the grid of on-site energies of a wire, then fully connected layers.

The default is the network of Li, Lu and Zhai, Phys. Rev. B 102, 064205 (2020): three convolutions of 16 kernels of 2×2 sites with
stride 2, one fully connected layer of 1024 neurons, ReLU.
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional

from sharvin_models.images.configs import CnnOptions
from sharvin_models.images.image_regressor import ImageRegressor
from sharvin_models.images.pair_correlations import PairCorrelations
from sharvin_models.training.layers import ACTIVATIONS, Convolution, Dense, ResidualBlock


class Cnn(ImageRegressor[CnnOptions]):
    """Convolutions, optional average pooling, fully connected layers; kind ``image``.

    Parameters
    ----------
    options : CnnOptions
    """

    name = "cnn"

    def _build(self, shape: tuple[int, int]) -> nn.Module:
        return _ConvolutionalNetwork(shape, self.options)


class _ConvolutionalNetwork(nn.Module):
    def __init__(self, shape: tuple[int, int], options: CnnOptions) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[options.activation]
        self.convolutions = nn.ModuleList()
        self.blocks = nn.ModuleList()
        channels, (length, width) = 1, shape
        for layer in options.convolutions:
            self.convolutions.append(Convolution(channels, layer.channels, layer.kernel, layer.stride))
            self.blocks.append(
                nn.ModuleList(ResidualBlock(layer.channels, options.activation) for _ in range(layer.residual_blocks))
            )
            channels, length, width = layer.channels, ceil(length / layer.stride), ceil(width / layer.stride)
        self.pool = max(length, width) if options.pool == "global" else options.pool
        size = channels * ceil(length / self.pool) * ceil(width / self.pool)
        self.pairs = PairCorrelations(shape, options.pair_reach, options.pair_powers) if options.pair_reach else None
        pair_features = self.pairs.size if self.pairs else 0
        self.dense = Dense(size + pair_features, options.dense, options.activation)

    def forward(self, images: Tensor) -> Tensor:
        """Output in standardised units, float32[n]."""
        grid = images.unsqueeze(1)
        for convolution, blocks in zip(self.convolutions, self.blocks, strict=True):
            grid = self.activation(convolution(grid))
            assert isinstance(blocks, nn.ModuleList)
            for block in blocks:
                grid = block(grid)
        if self.pool > 1:
            grid = functional.avg_pool2d(grid, self.pool, ceil_mode=True, count_include_pad=False)
        inputs = torch.cat([grid.flatten(1), self.pairs(images)], dim=1) if self.pairs else grid.flatten(1)
        return self.dense(inputs)  # type: ignore[no-any-return]
