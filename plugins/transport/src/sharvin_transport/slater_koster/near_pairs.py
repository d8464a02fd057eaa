"""Pairs of atoms of a device within the range of the Hamiltonian, compiled: equal vectors for equal differences of positions.

It finds the pairs of :func:`sharvin.numerics.neighbour_pairs.neighbour_pairs`, each once and sorted. Every atom is held against
every other one, which costs a wire of thousands of atoms little beside its elimination.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.numerics.neighbour_pairs import NeighbourPairs, periodic_cell
from sharvin.runs.compiled import njit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Array = Any
_GUESS = 96
"""Pairs an atom for which there is room at first."""


def near_pairs(
    positions: Floats, cell: Floats, pbc: NDArray[np.bool_], reach_A: float, without: Integers | None = None
) -> NeighbourPairs:
    """All pairs closer than `reach_A`, first ≤ second, sorted by first, second and image.

    Parameters
    ----------
    positions : float64[n, 3]
        In Å; atoms may lie outside the cell.
    cell : float64[3, 3]
    pbc : bool[3]
    reach_A : float
    without : int64[n], optional
        Pairs of two atoms with the same number in it are left out, unless that is 0.

    Returns
    -------
    NeighbourPairs
        Each vector is the difference of the positions plus whole cell vectors, in this order of operations. Of an atom and its
        own images, one of every two opposite ones.

    Raises
    ------
    InputError, ItemError
        As :func:`sharvin.numerics.neighbour_pairs.periodic_cell`.
    """
    points = np.ascontiguousarray(positions, dtype=np.float64)
    periodic = np.asarray(pbc, dtype=bool)
    box = periodic_cell(points, cell, periodic, "the junction")
    inverse = np.linalg.pinv(box) if periodic.any() else np.zeros((3, 3))
    spans = np.where(periodic, np.floor(reach_A * np.linalg.norm(inverse, axis=0) + 0.5), 0.0).astype(np.int64)
    open_z = not periodic[2] and not box[:, 2].any()
    groups = np.zeros(len(points), dtype=np.int64) if without is None else np.asarray(without, dtype=np.int64)
    room = _GUESS * len(points)
    while True:
        integers, vectors = np.empty((room, 5), dtype=np.int64), np.empty((room, 4))
        count = _find(points, groups, box, np.ascontiguousarray(inverse), periodic, spans, open_z, reach_A, integers, vectors)
        if count <= room:
            break
        room = count
    found, measured = integers[:count], vectors[:count]
    first, second, image = found[:, 0].copy(), found[:, 1].copy(), found[:, 2:].copy()
    return NeighbourPairs(first, second, image, measured[:, :3].copy(), measured[:, 3].copy())


@njit(nogil=True, error_model="numpy")
def _find(
    points: Array,
    groups: Array,
    box: Array,
    inverse: Array,
    periodic: Array,
    spans: Array,
    open_z: bool,
    reach: float,
    integers: Array,
    vectors: Array,
) -> int:
    """Write the pairs that there is room for, and return how many there are."""
    count, room = 0, len(vectors)
    nearest = np.zeros(3, dtype=np.int64)
    for i in range(len(points)):
        for j in range(i, len(points)):
            if groups[i] != 0 and groups[i] == groups[j]:
                continue
            dx, dy, dz = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1], points[j, 2] - points[i, 2]
            if open_z and abs(dz) >= reach:
                continue
            for a in range(3):
                nearest[a] = 0
                if periodic[a]:
                    nearest[a] = -int(np.rint(dx * inverse[0, a] + dy * inverse[1, a] + dz * inverse[2, a]))
            for p in range(nearest[0] - spans[0], nearest[0] + spans[0] + 1):
                for q in range(nearest[1] - spans[1], nearest[1] + spans[1] + 1):
                    for r in range(nearest[2] - spans[2], nearest[2] + spans[2] + 1):
                        if i == j and not (p > 0 or (p == 0 and (q > 0 or (q == 0 and r > 0)))):
                            continue
                        x = dx + (p * box[0, 0] + q * box[1, 0] + r * box[2, 0])
                        y = dy + (p * box[0, 1] + q * box[1, 1] + r * box[2, 1])
                        z = dz + (p * box[0, 2] + q * box[1, 2] + r * box[2, 2])
                        square = x * x + y * y + z * z
                        if square >= reach * reach:
                            continue
                        if count < room:
                            integers[count, 0], integers[count, 1] = i, j
                            integers[count, 2], integers[count, 3], integers[count, 4] = p, q, r
                            vectors[count, 0], vectors[count, 1], vectors[count, 2] = x, y, z
                            vectors[count, 3] = np.sqrt(square)
                        count += 1
    return count
