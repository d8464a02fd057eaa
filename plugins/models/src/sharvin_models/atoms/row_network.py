r"""A network on the rows of a structure's atoms, which standardises them itself.

Standardisation :math:`z = (x - \mu)/s` is folded into the first layer, :math:`W z + b = (W/s)\,x + (b - (W/s)\,\mu)`, so
features are read where they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


class RowNetwork(nn.Module, ABC):
    """One number per structure, in standardised units.

    Parameters
    ----------
    mean, inverse_spread : float64[size]
        Standardisation of the features.
    """

    mean: Tensor
    inverse_spread: Tensor

    def __init__(self, mean: NDArray[np.float64], inverse_spread: NDArray[np.float64]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("inverse_spread", torch.from_numpy(inverse_spread.astype(np.float32)))

    @abstractmethod
    def initialise(self, rng: np.random.Generator) -> None:
        """Draw the weights."""

    @abstractmethod
    def forward(self, structures: Sequence[Tensor], heights: Sequence[Tensor] | None = None) -> Tensor:
        """Predictions of structures, float32[n].

        Each is given by the float32[n_atoms, size] rows of its atoms and, where the network asks for them, by their heights along
        the wire in Å, float64[n_atoms].
        """

    @abstractmethod
    def alone(self, rows: Tensor, heights: Tensor | None = None) -> Tensor:
        """Prediction of one structure, float32[1]."""

    def standardised(self, layer: nn.Linear, rows: Tensor) -> Tensor:
        """The layer on standardised rows."""
        weight = layer.weight * self.inverse_spread
        return functional.linear(rows, weight, layer.bias - weight @ self.mean)
