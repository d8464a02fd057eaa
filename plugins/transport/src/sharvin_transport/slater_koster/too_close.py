"""Refusals of structures whose atoms are too close for a two-centre table."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from numpy.typing import NDArray
from sharvin.errors import InputError, ItemError
from sharvin.junction import OVERLAP, overlap_message
from sharvin.numerics.neighbour_pairs import NeighbourPairs

Floats = NDArray[np.float64]


def check_spheres(
    pairs: NeighbourPairs, order: NDArray[np.int64], numbers: NDArray[np.int64], error: type[InputError] | type[ItemError]
) -> None:
    """No two atoms may lie deep inside each other's covalent spheres."""
    distance = np.linalg.norm(pairs.vector, axis=1)
    if not len(distance):
        return
    ratio = distance / (covalent_radii[numbers[pairs.first]] + covalent_radii[numbers[pairs.second]])
    worst = int(np.argmin(ratio))
    if ratio[worst] < OVERLAP:
        i, j = int(order[pairs.first[worst]]), int(order[pairs.second[worst]])
        original = np.empty(len(order), dtype=np.int64)
        original[order] = numbers
        raise error(overlap_message(original, i, j, float(distance[worst])))


def check_positive(
    pairs: NeighbourPairs,
    overlap: Floats,
    order: NDArray[np.int64],
    numbers: NDArray[np.int64],
    error: type[InputError] | type[ItemError],
) -> None:
    """No two atoms alone may make S indefinite: the singular values of their overlap block stay below one."""
    bound = np.sqrt(np.einsum("pij,pij->p", overlap, overlap))
    suspects = np.flatnonzero(bound >= 1.0)
    if not len(suspects):
        return
    largest = np.linalg.svd(overlap[suspects], compute_uv=False)[:, 0]
    worst = int(suspects[np.argmax(largest)])
    if largest.max() >= 1.0:
        names = [f"{chemical_symbols[numbers[k]]} {order[k]}" for k in (int(pairs.first[worst]), int(pairs.second[worst]))]
        raise error(
            f"atoms {names[0]} and {names[1]} are too close for this table: at {np.linalg.norm(pairs.vector[worst]):.2f} Å their "
            f"orbitals overlap by {largest.max():.2f}, and S is not positive definite; move them apart or take another table."
        )
