"""The sum over the periodic images of pairs of atoms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sharvin.two_terminal import Matrix

Integers = NDArray[np.int64]


def merge_images(
    first: Integers, second: Integers, n_atoms: int, blocks: tuple[Matrix, ...]
) -> tuple[Integers, Integers, list[Matrix]]:
    """Sum blocks over the images of each pair; returns pairs first ≤ second in ascending order, and the sums.

    Parameters
    ----------
    first, second : int64[p]
        Atoms of each pair, first ≤ second.
    n_atoms : int
    blocks : tuple of [p, m, m]
        Where an atom meets its own image (first = second), its block stands for one of two opposite images; the other one is the
        adjoint.
    """
    order = np.argsort(first * n_atoms + second, kind="stable")
    key = (first * n_atoms + second)[order]
    new = np.concatenate([[True], key[1:] != key[:-1]]) if len(key) else np.zeros(0, dtype=bool)
    total, repeated = np.flatnonzero(new), np.flatnonzero(~new)
    merged: list[Matrix] = []
    for block in blocks:
        sorted_block = block[order]
        merged.append(sorted_block[total])
        np.add.at(merged[-1], (np.cumsum(new) - 1)[repeated], sorted_block[repeated])
    return key[total] // n_atoms, key[total] % n_atoms, merged
