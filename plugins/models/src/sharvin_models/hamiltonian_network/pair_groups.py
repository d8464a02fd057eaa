"""Pairs of a structure that share modules: those of one relation and two elements, in one direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharvin_models.hamiltonian_network.block_channels import TO_E3NN

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class GroupKey(NamedTuple):
    """Relation and elements, as places in the list of elements, ``first <= second``."""

    relation: int
    first: int
    second: int

    def __str__(self) -> str:
        return f"{self.relation}_{self.first}_{self.second}"


@dataclass(frozen=True, eq=False)
class PairGroup:
    """Pairs of one group.

    Parameters
    ----------
    key : GroupKey
    place : int64[n]
        Where each pair stands among those of the structure.
    turned : bool[n]
        Whether the direction is the opposite one of the structure's pair.
    first, second : int64[n]
        Atoms, in the direction of the group.
    vectors : float64[n, 3]
        In Å, from the first to the second, as permuted by ``TO_E3NN``.
    axes : pair of float64[3, n], or None
        Of the orbitals of either atom, permuted in the same way.
    """

    key: GroupKey
    place: Integers
    turned: NDArray[np.bool_]
    first: Tensor
    second: Tensor
    vectors: Tensor
    axes: tuple[Tensor, Tensor] | None

    def __len__(self) -> int:
        return len(self.place)

    @property
    def distances(self) -> Tensor:
        """float64[n] in Å."""
        return torch.linalg.vector_norm(self.vectors, dim=-1)

    def taken(self, chosen: slice | NDArray[np.bool_]) -> PairGroup:
        """Some of the pairs."""
        axes = None if self.axes is None else (self.axes[0][:, chosen], self.axes[1][:, chosen])
        return PairGroup(
            self.key,
            self.place[chosen],
            self.turned[chosen],
            self.first[chosen],
            self.second[chosen],
            self.vectors[chosen],
            axes,
        )

    def oriented(self, blocks: Floats) -> Floats:
        """Blocks [n, m, m] of the structure's pairs in the direction of the group, or the other way round."""
        return np.where(self.turned[:, None, None], blocks.transpose(0, 2, 1), blocks)


def grouped(
    species: Integers,
    first: Integers,
    second: Integers,
    vectors: Floats,
    relation: Integers,
    axes: Floats | None,
) -> list[PairGroup]:
    """Groups of a structure's pairs.

    Parameters
    ----------
    species : int64[n_atoms]
    first, second : int64[n_pairs]
    vectors : float64[n_pairs, 3]
        In Å.
    relation : int64[n_pairs]
        Number of every pair's relation.
    axes : float64[n_atoms, 3] or None
    """
    turned = species[first] > species[second]
    start, end = np.where(turned, second, first), np.where(turned, first, second)
    along = np.where(turned[:, None], -vectors, vectors)[:, TO_E3NN]
    n_species = int(species.max(initial=0)) + 1
    codes = (relation * n_species + species[start]) * n_species + species[end]
    groups = []
    for code in np.unique(codes):
        place = np.flatnonzero(codes == code)
        key = GroupKey(int(code) // n_species**2, int(code) // n_species % n_species, int(code) % n_species)
        i, j = start[place], end[place]
        own = None if axes is None else (_permuted(axes[i]), _permuted(axes[j]))
        groups.append(
            PairGroup(
                key,
                place,
                turned[place],
                torch.from_numpy(i),
                torch.from_numpy(j),
                torch.from_numpy(np.ascontiguousarray(along[place])),
                own,
            )
        )
    return groups


def _permuted(axes: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(axes[:, TO_E3NN].T))
