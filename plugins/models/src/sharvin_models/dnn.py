"""Regressor ``dnn``: a fully connected network on the on-site energies of a wire.

Li, Lu and Zhai, Phys. Rev. B 102, 064205 (2020): three hidden layers of equal width, 20, 60, 150 and 600 neurons for grids of
3×3, 5×5, 10×10 and 20×20 sites, 3000 for 40×40.
"""

from __future__ import annotations

from torch import Tensor, nn

from sharvin_models.configs import DnnOptions
from sharvin_models.image_regressor import ImageRegressor
from sharvin_models.layers import Dense


class Dnn(ImageRegressor[DnnOptions]):
    """Fully connected layers on all sites of the grid; kind ``image``.

    Parameters
    ----------
    options : DnnOptions
    """

    name = "dnn"

    def _build(self, shape: tuple[int, int]) -> nn.Module:
        return _Network(shape[0] * shape[1], self.options)


class _Network(nn.Module):
    def __init__(self, size: int, options: DnnOptions) -> None:
        super().__init__()
        self.dense = Dense(size, options.hidden, options.activation)

    def forward(self, images: Tensor) -> Tensor:
        return self.dense(images.flatten(1))  # type: ignore[no-any-return]
