"""Products of features of angular momenta: coupling coefficients, and the learnt mix of their paths.

Components of all l up to some largest one lie in one dimension, l² + l + m in e3nn's order, and have the parity (−1)^l. Paths
l1 ⊗ l2 → l3 with l1 + l2 + l3 even keep it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from e3nn import o3  # type: ignore[import-untyped]
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class CouplingCoefficients:
    """Coupling coefficients of two sets of irreps to a third.

    Parameters
    ----------
    matrix : float64[n_rows, n_products]
        Rows are ordered by l3, path and m3.
    left, right : int64[n_products]
        Components of the two factors whose product a column belongs to.
    paths : list of int
        Number of paths to every l3.
    """

    matrix: Tensor
    left: Tensor
    right: Tensor
    paths: list[int]


def coupling(first: int, second: int, out: int, square: bool = False) -> CouplingCoefficients:
    """Coefficients of Wigner's 3j symbols times √(2 l3 + 1).

    Parameters
    ----------
    first, second, out : int
        Largest l of the two factors and of the result.
    square : bool
        The factors are equal, so products and paths that differ by their order are one.
    """
    pairs = torch.cartesian_prod(torch.arange((first + 1) ** 2), torch.arange((second + 1) ** 2))
    rows: list[Tensor] = []
    count: list[int] = []
    for l3 in range(out + 1):
        paths = [(a, b) for a in range(first + 1) for b in range(a if square else 0, second + 1)]
        paths = [(a, b) for a, b in paths if abs(a - b) <= l3 <= a + b and (a + b + l3) % 2 == 0]
        count.append(len(paths))
        for a, b in paths:
            rows.append(torch.zeros(2 * l3 + 1, (first + 1) ** 2, (second + 1) ** 2, dtype=torch.float64))
            coefficients = o3.wigner_3j(a, b, l3, dtype=torch.float64) * math.sqrt(2 * l3 + 1)
            rows[-1][:, block(a), block(b)] = coefficients.permute(2, 0, 1)
    matrix = torch.cat(rows)
    if square:
        matrix = (matrix + matrix.mT).tril().mT - torch.diag_embed(matrix.diagonal(dim1=1, dim2=2))
        pairs = pairs[pairs[:, 0] <= pairs[:, 1]]
    return CouplingCoefficients(matrix[:, pairs[:, 0], pairs[:, 1]], pairs[:, 0].clone(), pairs[:, 1].clone(), count)


class AngularCoupling(nn.Module):
    """Products of two sets of irreps to irreps: coupling coefficients, then a linear mix of paths and channels.

    Parameters
    ----------
    first, second, out : int
        Largest l of the two factors and of the result. Paths with l1 + l2 + l3 even keep the parity (−1)^l.
    channels : int
    square : bool
        The factors are equal, so products and paths that differ by their order are one.
    """

    matrix: Tensor
    left: Tensor
    right: Tensor

    def __init__(self, first: int, second: int, out: int, channels: int, square: bool = False) -> None:
        super().__init__()
        found = coupling(first, second, out, square)
        self.paths = found.paths
        self.register_buffer("matrix", found.matrix, persistent=False)
        self.register_buffer("left", found.left, persistent=False)
        self.register_buffer("right", found.right, persistent=False)
        self.mix = nn.ParameterList(torch.empty(paths, channels, channels) for paths in self.paths)

    def forward(self, products: Tensor) -> Tensor:
        """Products of components [n_products, n, channels], ordered as `left` and `right`, to [(out + 1)², n, channels]."""
        _, n, channels = products.shape
        coupled = self.matrix.to(products.dtype) @ products.flatten(1)
        result, begin = [], 0
        for l3, (paths, weight) in enumerate(zip(self.paths, self.mix, strict=True)):
            size = 2 * l3 + 1
            part = coupled[begin : begin + size * paths].view(paths, size * n, channels)
            result.append(torch.bmm(part, weight).sum(0).view(size, n, channels))
            begin += size * paths
        return torch.cat(result)


def block(order: int) -> slice:
    """Components of one angular momentum."""
    return slice(order * order, (order + 1) ** 2)
