"""Products of an atom's features, and mixes of them, with weights of its element: what makes messages many-body."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sharvin_models.structures.angular_coupling import coupling


class ElementMix(nn.Module):
    """Channels mixed by a matrix of the atom's element for every l.

    Parameters
    ----------
    l_max, channels, n_species : int
    terms : int
        Number of such results that are added up, which their spread at the start allows for.
    """

    order: Tensor

    def __init__(self, l_max: int, channels: int, n_species: int, terms: int = 1) -> None:
        super().__init__()
        self.weights = spread(l_max + 1, n_species * channels, channels, fan_in=channels * terms)
        self.register_buffer("order", order_of_components(l_max), persistent=False)

    def forward(self, values: Tensor, species: Tensor) -> Tensor:
        """[(l_max + 1)², channels, n] to the same shape; `species` [n_species, n] is one where an atom is of the element."""
        return of_element(torch.bmm(self.weights.index_select(0, self.order), values), species)


class ElementProduct(nn.Module):
    """Products of two sets of irreps, channel by channel, the paths weighted by channel and by the atom's element.

    Parameters
    ----------
    first, second, out : int
        Largest l of the two factors and of the result.
    channels, n_species : int
    square : bool
        The factors are equal.
    """

    left: Tensor
    right: Tensor
    coefficients: Tensor

    def __init__(self, first: int, second: int, out: int, channels: int, n_species: int, *, square: bool = False) -> None:
        super().__init__()
        found = coupling(first, second, out, square)
        self.size = (out + 1) ** 2
        coefficients = torch.zeros(sum(found.paths), self.size, len(found.left), dtype=torch.float64)
        path = row = 0
        for order, paths in enumerate(found.paths):
            components = slice(order**2, (order + 1) ** 2)
            for _ in range(paths):
                # the spread of all paths to one l together
                coefficients[path, components] = found.matrix[row : row + 2 * order + 1] / math.sqrt(paths)
                path, row = path + 1, row + 2 * order + 1
        self.register_buffer("coefficients", coefficients.flatten(1), persistent=False)
        self.register_buffer("left", found.left, persistent=False)
        self.register_buffer("right", found.right, persistent=False)
        self.weights = spread(channels, n_species, sum(found.paths), fan_in=1)

    def forward(self, first: Tensor, second: Tensor, species: Tensor) -> Tensor:
        """[(first + 1)², channels, n] and [(second + 1)², channels, n] to [(out + 1)², channels, n]."""
        return self.coupled(first.index_select(0, self.left) * second.index_select(0, self.right), species)

    def coupled(self, products: Tensor, species: Tensor) -> Tensor:
        """Products of components [n_products, channels, n], ordered as `left` and `right`, to [(out + 1)², channels, n]."""
        channels, n_species, n_paths = self.weights.shape
        matrices = (self.weights.view(-1, n_paths) @ self.coefficients).view(channels, n_species * self.size, -1)
        parts = torch.bmm(matrices, products.transpose(0, 1)).view(channels, n_species, self.size, -1)
        return of_element(parts.permute(2, 1, 0, 3).flatten(1, 2), species)


def of_element(values: Tensor, species: Tensor) -> Tensor:
    """Of results for every element [components, n_species · channels, n] that of the atom's own, [components, channels, n]."""
    n_species, n = species.shape
    if n_species == 1:  # padding has features of zero already
        return values
    return (values.view(len(values), n_species, -1, n) * species[:, None]).sum(1)


def order_of_components(l_max: int) -> Tensor:
    """The l of every component, int64[(l_max + 1)²]."""
    return torch.repeat_interleave(torch.arange(l_max + 1), 2 * torch.arange(l_max + 1) + 1)


def spread(*shape: int, fan_in: int) -> nn.Parameter:
    """A parameter that holds its standard deviation, from which it is drawn later."""
    return nn.Parameter(torch.full(shape, 1.0 / math.sqrt(fan_in), dtype=torch.float64))
