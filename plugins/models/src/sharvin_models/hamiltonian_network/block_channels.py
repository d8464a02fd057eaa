r"""Blocks between shells as irreducible representations: the Wigner-Eckart theorem, with parity.

A block between shells l₁ and l₂ is a sum of irreducible parts of angular momentum L = |l₁ − l₂|, …, l₁ + l₂, all of the
same parity
:math:`(-1)^{l_1+l_2}`,

.. math:: H_{l_1m_1,l_2m_2} = \sum_{LM} \sqrt{2L+1} \begin{pmatrix} l_1 & l_2 & L \\ m_1 & m_2 & M \end{pmatrix} c^{LM}_{l_1l_2},

in real harmonics; the matrix of this sum is orthogonal. Parts with l₁ + l₂ + L even are natural: they have the parity (−1)^L of a
spherical harmonic, and a two-centre integral consists of these alone. The others need the surroundings.

Axes and order: e3nn's harmonics have their polar axis along y, and its l = 1 is (x, y, z). Given the vector (y, z, x), its "x" is
our y, its polar "y" our z, and its "z" our x; then its components are y, z, x and xy, yz, 3z²−r², zx, x²−y², which is the
order of
:mod:`sharvin.crystals.orbital_basis`. So the one thing to do is to permute vectors with :data:`TO_E3NN`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from e3nn import o3  # type: ignore[import-untyped]
from numpy.typing import NDArray
from torch import Tensor

TO_E3NN = [1, 2, 0]
"""Components (y, z, x) of a vector (x, y, z)."""


@dataclass(frozen=True)
class Irreps:
    """All parts of one angular momentum and kind in the block of a pair of elements.

    Parameters
    ----------
    order : int
        L.
    natural : bool
        Whether the parity is (−1)^L.
    shells : tuple of (int, int)
        Numbers of the shells of the first and second element.
    """

    order: int
    natural: bool
    shells: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Components of all parts."""
        return len(self.shells) * (2 * self.order + 1)


class BlockChannels:
    """The parts of blocks between atoms with given shells.

    Parameters
    ----------
    first, second : sequence of int
        Angular momenta of the shells.
    """

    def __init__(self, first: Sequence[int], second: Sequence[int]) -> None:
        self.first, self.second = tuple(first), tuple(second)
        every: dict[tuple[bool, int], list[tuple[int, int]]] = {}
        for a, la in enumerate(self.first):
            for b, lb in enumerate(self.second):
                for order in range(abs(la - lb), la + lb + 1):
                    every.setdefault(((la + lb + order) % 2 == 1, order), []).append((a, b))
        self.irreps = tuple(Irreps(order, not odd, tuple(every[odd, order])) for odd, order in sorted(every))

    @property
    def rows(self) -> int:
        """Orbitals of the first atom."""
        return sum(2 * order + 1 for order in self.first)

    @property
    def columns(self) -> int:
        """Orbitals of the second atom."""
        return sum(2 * order + 1 for order in self.second)

    @cached_property
    def matrix(self) -> Tensor:
        """Orthogonal float64[rows · columns, components]: from the components of all parts to the elements of the block."""
        starts = [
            [sum(2 * order + 1 for order in shells[:n]) for n in range(len(shells))] for shells in (self.first, self.second)
        ]
        found = torch.zeros(self.rows, self.columns, self.rows * self.columns, dtype=torch.float64)
        place = 0
        for part in self.irreps:
            for a, b in part.shells:
                la, lb, size = self.first[a], self.second[b], 2 * part.order + 1
                rows = slice(starts[0][a], starts[0][a] + 2 * la + 1)
                columns = slice(starts[1][b], starts[1][b] + 2 * lb + 1)
                found[rows, columns, place : place + size] = wigner(la, lb, part.order)
                place += size
        return found.flatten(0, 1)

    @cached_property
    def shell_of_component(self) -> Tensor:
        """Number a · (shells of the second) + b of the pair of shells that each component belongs to, int64[components]."""
        numbers = [a * len(self.second) + b for part in self.irreps for a, b in part.shells for _ in range(2 * part.order + 1)]
        return torch.tensor(numbers, dtype=torch.int64)

    def shell_of_element(self, along_axes: bool) -> NDArray[np.int64]:
        """The same number of each element of a block, row by row, int64[elements]."""
        first, second = (
            np.repeat(np.arange(len(own)), 1 if along_axes else [2 * order + 1 for order in own])
            for own in (self.first, self.second)
        )
        return (first[:, None] * len(self.second) + second).ravel()

    def by_shells(self, elements: NDArray[np.float64], along_axes: bool) -> NDArray[np.float64]:
        """Means over the elements [rows, columns] of each pair of shells, float64[n_shell_pairs]."""
        number = self.shell_of_element(along_axes)
        found: NDArray[np.float64] = np.bincount(number, elements.ravel()) / np.bincount(number)
        return found

    def elements(self, components: Tensor, axes: tuple[Tensor, Tensor] | None) -> Tensor:
        """Elements of blocks [n, orbitals of the first, orbitals of the second].

        Parameters
        ----------
        components : [components, n]
        axes : pair of [3, n], or None
            Unit vectors, as permuted by :data:`TO_E3NN`, along which the p orbitals of either atom lie.
        """
        whole = (self.matrix.to(components.dtype) @ components).T
        if axes is None:
            return whole.view(-1, self.rows, self.columns)
        square = whole.view(-1, len(self.first), 3, len(self.second), 3)
        return torch.einsum("napbq,pn,qn->nab", square, axes[0].to(square.dtype), axes[1].to(square.dtype))

    def components(self, elements: Tensor) -> Tensor:
        """Components [components, n] of whole blocks [n, rows, columns]."""
        return self.matrix.to(elements.dtype).T @ elements.flatten(1).T


def wigner(la: int, lb: int, order: int) -> Tensor:
    """Coefficients of real harmonics float64[2 la + 1, 2 lb + 1, 2 order + 1], orthonormal over all `order`."""
    found: Tensor = o3.wigner_3j(la, lb, order, dtype=torch.float64) * math.sqrt(2 * order + 1)
    return found


def harmonics_of(order: int, vectors: Tensor) -> Tensor:
    """Real harmonics [2 order + 1, n] in the project's order; the sum of their squares is 1.

    Parameters
    ----------
    order : int
    vectors : [n, 3]
        As permuted by :data:`TO_E3NN`.
    """
    found: Tensor = o3.spherical_harmonics(order, vectors, normalize=True, normalization="norm")
    return found.T
