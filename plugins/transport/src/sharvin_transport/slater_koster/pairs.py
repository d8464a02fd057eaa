"""The sum over the periodic images of pairs of atoms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sharvin.numerics.neighbour_pairs import NeighbourPairs
from sharvin.two_terminal import Matrix


def merge_images(
    pairs: NeighbourPairs, n_atoms: int, blocks: tuple[Matrix, ...]
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
