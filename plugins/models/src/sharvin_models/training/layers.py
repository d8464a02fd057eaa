"""Layers of the networks, and how their weights are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "silu": functional.silu,
    "tanh": torch.tanh,
    "elu": functional.elu,
    "gelu": functional.gelu,
}

WEIGHT_VARIANCE = 1.0 / 3.0
"""fan_in times the variance of the initial weights: smaller than what keeps the spread of the signal, so that a network starts
smooth; it then follows noise later."""


class Dense(nn.Module):
    """Fully connected layers with an activation between them and one number as output, float32[n, size] → float32[n]."""

    def __init__(self, size: int, hidden: Sequence[int], activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        widths = [size, *hidden, 1]
        # Uninitialised: torch's own initialisation would draw from the global random state.
        layers = (nn.utils.skip_init(nn.Linear, a, b) for a, b in pairwise(widths))  # type: ignore[no-untyped-call]
        self.layers = nn.ModuleList(layers)

    def forward(self, values: Tensor) -> Tensor:
        """Output of the last layer, float32[n]."""
        *hidden, last = self.layers
        for layer in hidden:
            values = self.activation(layer(values))
        return last(values).squeeze(-1)  # type: ignore[no-any-return]


class Convolution(nn.Module):
    """Convolution whose output has ceil(sites/stride) sites, zeros around the grid where that needs them."""

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.kernel: nn.Conv2d = nn.utils.skip_init(  # type: ignore[no-untyped-call]
            nn.Conv2d, channels_in, channels, kernel, stride
        )

    def forward(self, grid: Tensor) -> Tensor:
        """float32[n, channels_in, L, W] → float32[n, channels, ⌈L/stride⌉, ⌈W/stride⌉]."""
        length, width = (self._padding(size) for size in grid.shape[-2:])
        if length or width:
            half = (width // 2, width - width // 2, length // 2, length - length // 2)
            grid = functional.pad(grid, half)
        return self.kernel(grid)  # type: ignore[no-any-return]

    def _padding(self, size: int) -> int:
        outputs = math.ceil(size / self.stride)
        return max(0, (outputs - 1) * self.stride + self.kernel.kernel_size[0] - size)


class ResidualBlock(nn.Module):
    """x + conv(activation(conv(x))) with 3×3 kernels; the identity before training."""

    def __init__(self, channels: int, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.first = Convolution(channels, channels, 3, 1)
        self.second = Convolution(channels, channels, 3, 1)

    def forward(self, grid: Tensor) -> Tensor:
        """float32[n, channels, L, W] of the same shape."""
        return grid + self.second(self.activation(self.first(grid)))  # type: ignore[no-any-return]


@torch.no_grad()
def initialise(network: nn.Module, rng: np.random.Generator) -> None:
    """Draw normal weights, and uniform biases, which spread the kinks; close residual blocks."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            fan_in = layer.weight[0].numel()
            scale = math.sqrt(WEIGHT_VARIANCE / fan_in)
            layer.weight.copy_(torch.from_numpy(rng.normal(scale=scale, size=tuple(layer.weight.shape))))
            assert layer.bias is not None
            layer.bias.copy_(torch.from_numpy(rng.uniform(-1.0, 1.0, len(layer.bias)) / math.sqrt(fan_in)))
    for block in network.modules():
        if isinstance(block, ResidualBlock):
            nn.init.zeros_(block.second.kernel.weight)
            nn.init.zeros_(block.second.kernel.bias)  # type: ignore[arg-type]
