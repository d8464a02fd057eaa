"""Products of an atom's features with weights of its element: what makes messages many-body."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sharvin_models.structures.angular_coupling import block, coupling


class ElementMix(nn.Module):
    """Channels mixed by a matrix of the atom's element for every l.

    Parameters
    ----------
    l_max, channels, n_species : int
    terms : int
        Number of such results that are added up, which their spread at the start allows for.
    """

    def __init__(self, l_max: int, channels: int, n_species: int, terms: int = 1) -> None:
        super().__init__()
        self.n_species = n_species
        self.weights = spread(l_max + 1, n_species * channels, channels, fan_in=channels * terms)

    def forward(self, values: Tensor, species: Tensor) -> Tensor:
        """[(l_max + 1)², channels, n] to the same shape; `species` [n_species, n] is one where an atom is of the element."""
        mixed = torch.cat([weight @ values[block(order)] for order, weight in enumerate(self.weights)])
        return of_element(mixed, species)


class ElementProduct(nn.Module):
    """Products of two sets of irreps, channel by channel, the paths weighted by channel and by the atom's element.

    Parameters
    ----------
    l_max : int
        Of both factors.
    l_out : int
        Of the result.
    channels, n_species : int
    square : bool
        The factors are equal.
    """

    left: Tensor
    right: Tensor

    def __init__(self, l_max: int, l_out: int, channels: int, n_species: int, square: bool) -> None:
        super().__init__()
        found = coupling(l_max, l_max, l_out, square)
        self.paths = found.paths
        begin = 0
        for order, paths in enumerate(found.paths):
            size = 2 * order + 1
            rows = found.matrix[begin : begin + paths * size]
            self.register_buffer(f"coefficients_{order}", rows.view(paths, -1), persistent=False)
            begin += paths * size
        self.register_buffer("left", found.left, persistent=False)
        self.register_buffer("right", found.right, persistent=False)
        self.weights = nn.ParameterList(spread(n_species, channels, paths, fan_in=paths) for paths in found.paths)

    def forward(self, first: Tensor, second: Tensor, species: Tensor) -> Tensor:
        """[(l_max + 1)², channels, n], twice, to [(l_out + 1)², channels, n]."""
        n_species, channels = self.weights[0].shape[:2]
        weighted = []
        for order, weight in enumerate(self.weights):
            coefficients = self.get_buffer(f"coefficients_{order}")
            weighted.append((weight @ coefficients).view(n_species, channels, 2 * order + 1, -1))
        matrices = torch.cat(weighted, 2).transpose(0, 1).flatten(1, 2)
        products = first.index_select(0, self.left) * second.index_select(0, self.right)
        coupled = torch.bmm(matrices, products.transpose(0, 1))
        size = coupled.shape[1] // n_species
        parts = coupled.view(channels, n_species, size, -1).permute(2, 1, 0, 3)
        return of_element(parts.flatten(1, 2), species)


def of_element(values: Tensor, species: Tensor) -> Tensor:
    """Of results for every element [components, n_species · channels, n] that of the atom's own, [components, channels, n]."""
    n_species, n = species.shape
    if n_species == 1:  # padding has features of zero already
        return values
    return (values.view(len(values), n_species, -1, n) * species[:, None]).sum(1)


def spread(*shape: int, fan_in: int) -> nn.Parameter:
    """A parameter that holds its standard deviation, from which it is drawn later."""
    return nn.Parameter(torch.full(shape, 1.0 / math.sqrt(fan_in), dtype=torch.float64))
