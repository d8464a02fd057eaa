"""Which atoms of a structure are near each other: the one neighbour list of sharvin, periodic images included.

The search is that of vesin (G. Fraux and others, https://github.com/metatensor/vesin), on one thread, so equal input gives equal
pairs in the same order, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sharvin.errors import InputError, ItemError

CLOSEST_A = 0.1
"""Atoms closer than this are two at one place: a broken structure, not surroundings that a model could have learnt."""
MOST_BOXES = 50_000
"""vesin sorts atoms into boxes as wide as the cutoff. Of more than 100 000 it makes fewer, along a short side none at all."""


@dataclass(frozen=True, eq=False)
class NeighbourPairs:
    """Pairs of atoms.

    Parameters
    ----------
    first, second : int64[n_pairs]
        Indices of the atoms; equal where an atom meets its own periodic image.
    image : int64[n_pairs, 3]
        Number of cell vectors by which the second atom is moved to meet the first; 0 along open directions.
    vector : float64[n_pairs, 3]
        From the first atom to the image of the second, in Å.
    distance : float64[n_pairs]
        Length of the vector, in Å.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    image: NDArray[np.int64]
    vector: NDArray[np.float64]
    distance: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.first)

    def take(self, chosen: NDArray[np.bool_]) -> NeighbourPairs:
        """The chosen pairs, bool[n_pairs], in their order."""
        first, second, image = self.first[chosen], self.second[chosen], self.image[chosen]
        return NeighbourPairs(first, second, image, self.vector[chosen], self.distance[chosen])

    def require_apart(self, what: str = "the structure") -> None:
        """Refuse a structure in which two atoms are at one place.

        Raises
        ------
        ItemError
            If a pair is closer than :data:`CLOSEST_A`; it names the closest one, and `what` is wrong.
        """
        if len(self) and self.distance.min() < CLOSEST_A:
            pair = int(self.distance.argmin())
            raise ItemError(
                f"{what} is broken: its atoms {self.first[pair]} and {self.second[pair]} are {self.distance[pair]:.3g} Å apart."
            )


def neighbour_pairs(
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    pbc: ArrayLike,
    cutoff_A: float,
    *,
    full: bool,
    what: str = "the structure",
) -> NeighbourPairs:
    """All pairs of atoms closer than a cutoff, those with periodic images and with an atom's own images among them.

    Parameters
    ----------
    positions : float64[n_atoms, 3]
        In Å; atoms may lie outside the cell.
    cell : float64[3, 3]
        Cell vectors in Å, one per row; those of open directions are not used.
    pbc : bool[3]
        Periodic directions, any of them.
    cutoff_A : float
        Also longer than the cell; an atom then occurs several times, with several images.
    full : bool
        True: every pair in both directions, sorted by `first`. False: every pair once, with ``first <= second`` and in no
        particular order; of an atom and its own images, one of every two opposite ones.
    what : str
        Named in errors, such as "soap: frame 3".

    Returns
    -------
    NeighbourPairs
        The order is the same for the same input. Two directions of a pair have exactly opposite vectors.

    Raises
    ------
    InputError, ItemError
        As :func:`periodic_cell`, and InputError if atoms are hundreds of thousands of cutoffs apart.
    """
    from vesin import NeighborList  # imported here because it imports torch where that is installed

    points = np.ascontiguousarray(positions, dtype=np.float64)
    periodic = np.asarray(pbc, dtype=bool)
    box = periodic_cell(points, cell, periodic, what)
    reach_A = _reach_A(points, box, periodic, float(cutoff_A), what)
    search = NeighborList(cutoff=reach_A, full_list=full, sorted=full, n_threads=1)
    i, j, image, vector, distance = search.compute(points, box, periodic, "ijSDd", copy=False)
    # copies: what vesin gives are views of memory that it frees
    pairs = NeighbourPairs(i.astype(np.int64), j.astype(np.int64), image.astype(np.int64), vector.copy(), distance.copy())
    return pairs if reach_A == cutoff_A else pairs.take(pairs.distance < cutoff_A)


def periodic_cell(
    positions: NDArray[np.float64], cell: ArrayLike, pbc: ArrayLike, what: str = "the structure"
) -> NDArray[np.float64]:
    """The cell of a structure in which distances mean something, float64[3, 3], with zeros along open directions.

    Parameters
    ----------
    positions : float64[n_atoms, 3]
    cell : float64[3, 3]
    pbc : bool[3]
    what : str
        Named in errors.

    Raises
    ------
    InputError
        If a periodic direction has no cell vector, or the vectors of several are linearly dependent.
    ItemError
        If positions or cell vectors are not finite.
    """
    box, periodic = np.array(cell, dtype=np.float64), np.asarray(pbc, dtype=bool)
    if not (np.isfinite(positions).all() and np.isfinite(box).all()):
        raise ItemError(f"{what} has positions or cell vectors that are not finite numbers.")
    if np.linalg.matrix_rank(box[periodic]) < periodic.sum():
        raise InputError(f"{what} is periodic along a direction without a cell vector of its own.")
    box[~periodic] = 0.0
    return box


def _reach_A(
    points: NDArray[np.float64], box: NDArray[np.float64], periodic: NDArray[np.bool_], cutoff_A: float, what: str
) -> float:
    """The cutoff, or a longer one for atoms so far apart that vesin would divide by a number of boxes of zero."""
    vectors = box[periodic]
    extent = float(np.ptp(points, axis=0).max()) * np.sqrt(3.0) if len(points) else 0.0
    longest = [*np.linalg.norm(vectors, axis=1), *[extent] * (3 - len(vectors))]
    if _boxes(np.array(longest), cutoff_A) <= MOST_BOXES:
        return cutoff_A
    heights = 1.0 / np.linalg.norm(np.linalg.pinv(vectors), axis=0)
    across = np.linalg.svd(vectors)[2][len(vectors) :] if len(vectors) else np.eye(3)
    sides = np.concatenate([heights, np.ptp(points @ across.T, axis=0)])
    reach_A = cutoff_A
    while _boxes(sides, reach_A) > MOST_BOXES:
        reach_A *= 1.5
        if reach_A > 12.0 * cutoff_A:
            raise InputError(f"{what} is {sides.max():.3g} Å long, and its atoms are lost in that space; check the positions.")
    return reach_A


def _boxes(sides: NDArray[np.float64], width_A: float) -> float:
    """Number of boxes in a cell with these sides; 1e9 for any larger one, as the number may overflow."""
    return float(np.exp(min(np.log(np.maximum(sides / width_A, 1.0)).sum(), np.log(1e9))))
