"""Who surrounds an atom: displacement vectors to its neighbours, and which atoms have the same ones as in the frame before.

Displacements are rounded to a grid whose step lies far below the resolution of the features. An electrode that moves as a block
has the same displacements in every frame but for the rounding of its positions (10⁻¹⁴ Å), so on the grid its inner atoms have
equal neighbourhoods, number for number. A row of features is a function of the rounded neighbourhood alone: taking it from the
frame before where the neighbourhood is equal gives the bits that computing it again would.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sharvin.frames import Frame
from sharvin.numerics.neighbour_pairs import neighbour_pairs

from sharvin_descriptors.harmonics import compiled

STEPS_PER_A = {"float32": 2.0**24, "float64": 2.0**38}
"""Grid of the displacements: 6e-8 Å and 4e-12 Å, so rounding moves a feature by less than its own precision."""


class Neighbourhoods(NamedTuple):
    """Neighbours of all atoms of a frame; compiled functions take it as it is.

    Parameters
    ----------
    first : int64[n_atoms + 1]
        Neighbours of atom i are pairs ``first[i]:first[i + 1]``.
    atoms : int64[n_pairs]
        Index of the neighbour; an atom may occur several times, and be its own neighbour, by its periodic images.
    vectors : float64[n_pairs, 3]
        From the atom to the neighbour, Å, on the grid.
    channels, own_channel : int64[n_pairs], int64[n_atoms]
        Density channel of the neighbours and of the atoms.
    """

    first: NDArray[np.int64]
    atoms: NDArray[np.int64]
    vectors: NDArray[np.float64]
    channels: NDArray[np.int64]
    own_channel: NDArray[np.int64]

    def same_as(self, other: Neighbourhoods) -> NDArray[np.bool_]:
        """Atoms whose neighbours have the vectors and channels that they have in `other`, bool[n_atoms]."""
        if len(self.own_channel) != len(other.own_channel):
            return np.zeros(len(self.own_channel), dtype=bool)
        same: NDArray[np.bool_] = self.own_channel == other.own_channel
        _compare(self, other, same)
        return same


@compiled
def _compare(here: Neighbourhoods, there: Neighbourhoods, same: NDArray[np.bool_]) -> None:
    for i in range(len(same)):
        count = here.first[i + 1] - here.first[i]
        if there.first[i + 1] - there.first[i] != count:
            same[i] = False
        for pair in range(count if same[i] else 0):
            new, old = here.first[i] + pair, there.first[i] + pair
            if here.channels[new] != there.channels[old] or not (
                here.vectors[new, 0] == there.vectors[old, 0]
                and here.vectors[new, 1] == there.vectors[old, 1]
                and here.vectors[new, 2] == there.vectors[old, 2]
            ):
                same[i] = False
                break


@compiled
def _order_images(first: NDArray[np.int64], atoms: NDArray[np.int64], vectors: NDArray[np.float64]) -> None:
    for i in range(len(first) - 1):
        for pair in range(first[i] + 1, first[i + 1]):
            place = pair
            while place > first[i] and atoms[place - 1] == atoms[pair]:
                before, axis = place - 1, 0
                while axis < 2 and vectors[place, axis] == vectors[before, axis]:
                    axis += 1
                if vectors[place, axis] >= vectors[before, axis]:
                    break
                for k in range(3):
                    vectors[place, k], vectors[before, k] = vectors[before, k], vectors[place, k]
                place = before


@compiled
def _from_both_sides(
    i: NDArray[np.int64], j: NDArray[np.int64], half: NDArray[np.float64], steps_per_A: float, n_atoms: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Sorted list of all pairs on the grid from a list that has each once, in any order.

    Pairs are put into bins of the neighbour and then, in that order, of the atom.
    """
    n = len(i)
    pairs = np.empty((2, 2 * n), dtype=np.int64)
    ends = np.empty((2, 2 * n), dtype=np.int64)
    for pair in range(n):
        pairs[0, pair], pairs[0, n + pair] = pair, n + pair
        ends[0, pair], ends[0, n + pair] = i[pair], j[pair]
        ends[1, pair], ends[1, n + pair] = j[pair], i[pair]
    first = np.empty(n_atoms + 1, dtype=np.int64)
    place = np.empty(n_atoms, dtype=np.int64)
    for step in range(2):
        key = ends[1 - step]
        first[:] = 0
        for pair in range(2 * n):
            first[key[pair] + 1] += 1
        for atom in range(n_atoms):
            first[atom + 1] += first[atom]
            place[atom] = first[atom]
        for pair in pairs[step]:
            pairs[1 - step, place[key[pair]]] = pair
            place[key[pair]] += 1
    atoms = np.empty(2 * n, dtype=np.int64)
    vectors = np.empty((2 * n, 3))
    for slot in range(2 * n):
        pair = pairs[0, slot]
        atoms[slot] = ends[1, pair]
        sign = 1.0 if pair < n else -1.0
        for axis in range(3):
            vectors[slot, axis] = sign * np.rint(half[pair % n, axis] * steps_per_A) / steps_per_A
    _order_images(first, atoms, vectors)
    return first, atoms, vectors


class NeighbourSearch:
    """Finds neighbourhoods within `cutoff_A`, for features of precision `dtype`; `part` names the component in errors."""

    def __init__(self, cutoff_A: float, dtype: str, part: str) -> None:
        self._cutoff_A = cutoff_A
        self._steps_per_A = STEPS_PER_A[dtype]
        self._part = part

    def find(self, frame: Frame, channel: NDArray[np.int64], index: int) -> Neighbourhoods:
        """Neighbourhoods of frame number `index`, whose atoms have the density channels `channel`.

        Raises
        ------
        InputError
            If a periodic direction has no cell vector.
        ItemError
            If positions are not finite or two atoms overlap.
        """
        what = f"{self._part}: frame {index}"
        pairs = neighbour_pairs(frame.positions, frame.cell, frame.pbc, self._cutoff_A, full=False, what=what)
        pairs.require_apart(what)
        first, atoms, rounded = _from_both_sides(pairs.first, pairs.second, pairs.vector, self._steps_per_A, len(frame))
        return Neighbourhoods(first, atoms, rounded, channel[atoms], channel)
