"""Neighbour pairs of a structure, each once, and the sum over their periodic images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.geometry import complete_cell
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError
from sharvin.two_terminal import Matrix
from vesin import NeighborList

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of atoms: int64[n] `first` and `second`, float64[n, 3] `vector` from first to second (Å), int64[n, 3] `image`."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    vector: Floats
    image: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Those pairs only."""
        return Pairs(self.first[chosen], self.second[chosen], self.vector[chosen], self.image[chosen])


def find_pairs(numbers: NDArray[np.int64], positions: Floats, cell: Floats, pbc: ArrayLike, cutoff_A: float) -> Pairs:
    """All pairs closer than the cutoff, periodic images included, each pair once."""
    if len(positions) != len(numbers) or not np.all(np.isfinite(positions)):
        raise InputError("the structure has positions that are not finite numbers.")
    periodic = np.asarray(pbc, dtype=bool)
    box = complete_cell(np.where(periodic[:, None], cell, 0.0))  # type: ignore[no-untyped-call, unused-ignore]
    neighbours = NeighborList(cutoff=cutoff_A, full_list=False)
    i, j, image, vector = neighbours.compute(np.ascontiguousarray(positions), box, periodic, "ijSD")
    return Pairs(i.astype(np.int64), j.astype(np.int64), vector, image.astype(np.int64))


def merge_images(
    pairs: Pairs, n_atoms: int, blocks: tuple[Matrix, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Matrix]]:
    """Sum blocks over the images of each pair; returns first ≤ second and the sums.

    Where an atom meets its own image (first = second), its block stands for one of two opposite images; the
    other one is the adjoint, as is the block of a pair that changes its order.
    """
    swap = pairs.first > pairs.second
    first = np.where(swap, pairs.second, pairs.first)
    second = np.where(swap, pairs.first, pairs.second)
    order = np.argsort(first * n_atoms + second, kind="stable")
    key = (first * n_atoms + second)[order]
    new = np.concatenate([[True], key[1:] != key[:-1]]) if len(key) else np.zeros(0, dtype=bool)
    total, repeated, turned = np.flatnonzero(new), np.flatnonzero(~new), np.flatnonzero(swap[order])
    merged: list[Matrix] = []
    for block in blocks:
        sorted_block = block[order]
        sorted_block[turned] = sorted_block[turned].conj().transpose(0, 2, 1)
        merged.append(sorted_block[total])
        np.add.at(merged[-1], (np.cumsum(new) - 1)[repeated], sorted_block[repeated])
    return key[total] // n_atoms, key[total] % n_atoms, merged
