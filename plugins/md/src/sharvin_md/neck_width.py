"""Neck width: the fewest atoms whose removal disconnects the two electrodes.

It is the minimum vertex cut of the bond graph between the rigid layers. By Menger's theorem it is the number of paths from one
side to the other that share no atom, so it is a maximum flow in which every atom is split into an entrance and an exit joined
by an edge of capacity one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs

SKIN_A = 2.0
"""Candidate pairs are kept until an atom has moved by half of this."""


class NeckWidth:
    """Neck width of a wire whose atoms move.

    Parameters
    ----------
    left, right : bool[n_atoms]
        Atoms at the two ends, which are never cut: the rigid layers.
    cutoff_A : float
        Distance up to which two atoms are bonded.
    """

    def __init__(self, left: NDArray[np.bool_], right: NDArray[np.bool_], cutoff_A: float) -> None:
        self._mobile = ~(left | right)
        count = int(self._mobile.sum())
        self._source, self._sink, self._size = 2 * count, 2 * count + 1, 2 * count + 2
        self._entrance = np.empty(len(left), dtype=np.int64)
        self._entrance[self._mobile] = np.arange(0, 2 * count, 2)
        self._entrance[left], self._entrance[right] = self._source, self._sink
        self._exit = self._entrance + self._mobile
        self._through = np.arange(0, 2 * count, 2)
        self._candidates = _Candidates(cutoff_A)
        self._present = np.zeros(self._size**2, dtype=bool)
        self._paths: NDArray[np.int64] | None = None
        self._before_cut = np.zeros(self._size, dtype=bool)
        self._width = 0

    def __call__(self, positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: NDArray[np.bool_]) -> int:
        """Neck width in atoms; 0 for a broken wire.

        Parameters
        ----------
        positions : float64[n_atoms, 3]
        cell : float64[3, 3]
        pbc : bool[3]

        Raises
        ------
        InputError
            If the rigid layers of both sides are bonded to each other, so that no cut separates them.
        """
        i, j = self._candidates.bonds(positions, cell, pbc, self._mobile)
        entrance, exits = self._entrance, self._exit
        rows = np.concatenate([exits[i], exits[j], self._through])
        columns = np.concatenate([entrance[j], entrance[i], self._through + 1])
        if not self._unchanged(rows, columns):
            self._solve(rows, columns)
        return self._width

    def _unchanged(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> bool:
        """Whether the last paths and the last cut both still hold, which proves the width (max flow = min cut)."""
        if self._paths is None:
            return False
        numbers = rows * self._size + columns
        crossing = np.unique(numbers[self._before_cut[rows] & ~self._before_cut[columns]])
        self._present[numbers] = True
        whole = bool(self._present[self._paths].all())
        self._present[numbers] = False
        return whole and len(crossing) == self._width

    def _solve(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
        """Maximum flow through edges of capacity one, with its paths and a minimum cut."""
        if np.any((rows == self._source) & (columns == self._sink)):
            raise InputError(
                "the rigid layers of the two electrodes are bonded to each other; the wire needs mobile atoms between."
            )
        numbers = np.unique((rows * self._size + columns)[rows != columns])
        result = maximum_flow(self._graph(numbers), self._source, self._sink)
        flow = result.flow  # its sparsity holds the edges and their opposites
        flow_rows = np.repeat(np.arange(self._size), np.diff(flow.indptr))
        flow_numbers = flow_rows * self._size + flow.indices
        self._paths = flow_numbers[flow.data > 0]
        self._present[numbers] = True
        residual = self._present[flow_numbers] > flow.data
        self._present[numbers] = False
        self._before_cut[:] = False
        reached = breadth_first_order(self._graph(flow_numbers[residual]), self._source, return_predecessors=False)
        self._before_cut[reached] = True
        self._width = int(result.flow_value)

    def _graph(self, numbers: NDArray[np.int64]) -> csr_array:
        """Edges of capacity one, each numbered ``from * size + to``, in ascending rows."""
        rows, columns = np.divmod(numbers, self._size)
        starts = np.searchsorted(rows, np.arange(self._size + 1)).astype(np.int32)
        return csr_array((np.ones(len(numbers), np.int32), columns.astype(np.int32), starts), shape=(self._size,) * 2)


class _Candidates:
    """Pairs that may be bonded: a neighbour list with a skin, made again when an atom has moved by half of it."""

    def __init__(self, cutoff_A: float) -> None:
        self._cutoff_A = cutoff_A
        self._reference: NDArray[np.float64] | None = None
        self._periodic = np.zeros((3, 3))

    def bonds(
        self, positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: NDArray[np.bool_], mobile: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of bonded atoms, of which one is mobile or near a mobile one."""
        periodic = np.where(pbc[:, None], cell, 0.0)
        if self._reference is None or not np.array_equal(periodic, self._periodic) or _moved(positions, self._reference):
            self._make(positions, cell, pbc, mobile)
            self._reference, self._periodic = positions.copy(), periodic
        vectors = positions[self._j] - positions[self._i]
        vectors += self._shift
        bonded = np.einsum("ij,ij->i", vectors, vectors) <= self._cutoff_A**2
        return self._i[bonded], self._j[bonded]

    def _make(
        self, positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: NDArray[np.bool_], mobile: NDArray[np.bool_]
    ) -> None:
        near = _near(positions[:, 2], mobile, self._cutoff_A + SKIN_A)
        pairs = neighbour_pairs(positions[near], cell, pbc, self._cutoff_A + SKIN_A, full=False)
        self._i, self._j = near[pairs.first], near[pairs.second]
        self._shift = pairs.image.astype(np.float64) @ cell


def _moved(positions: NDArray[np.float64], reference: NDArray[np.float64]) -> bool:
    """Whether an atom has moved by half of the skin."""
    displacement = positions - reference
    return bool(np.einsum("ij,ij->i", displacement, displacement).max() >= (0.5 * SKIN_A) ** 2)


def _near(z: NDArray[np.float64], mobile: NDArray[np.bool_], reach_A: float) -> NDArray[np.int64]:
    """Mobile atoms, and the rigid ones within reach of their range along z."""
    moving = z[mobile]
    if len(moving) == 0:
        return np.arange(len(z))
    return np.flatnonzero((z >= moving.min() - reach_A) & (z <= moving.max() + reach_A))


def nearest_neighbour_distance_A(
    positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: NDArray[np.bool_], within_A: float = 6.0
) -> float:
    """Median over the atoms of the distance to the nearest other one.

    Raises
    ------
    InputError
        If most atoms have no neighbour within `within_A` Å.
    """
    pairs = neighbour_pairs(positions, cell, pbc, within_A, full=True)
    nearest = np.full(len(positions), np.inf)
    np.minimum.at(nearest, pairs.first, pairs.distance)
    median = float(np.median(nearest))
    if not np.isfinite(median):
        raise InputError(f"most atoms have no neighbour within {within_A:g} Å; state bond_cutoff_A.")
    return median
