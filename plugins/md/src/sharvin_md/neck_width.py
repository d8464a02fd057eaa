"""Neck width: the fewest atoms whose removal disconnects the two electrodes.

It is the minimum vertex cut of the bond graph between the rigid layers. By Menger's theorem it is the number of paths from one
side to the other that share no atom, so it is a maximum flow in which every atom is split into an entrance and an exit joined
by an edge of capacity one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from sharvin.errors import InputError
from vesin import NeighborList  # type: ignore[import-untyped]

CUTOFF_IN_NEIGHBOUR_DISTANCES = (1 + np.sqrt(2)) / 2


class NeckWidth:
    """Neck width of a wire whose atoms move.

    Parameters
    ----------
    left, right : bool[n_atoms]
        Atoms at the two ends, which are never cut: the rigid layers.
    cutoff : float
        Distance in Å up to which two atoms are bonded.
    """

    def __init__(self, left: NDArray[np.bool_], right: NDArray[np.bool_], cutoff: float) -> None:
        self._cutoff = cutoff
        self._mobile = ~(left | right)
        count = int(self._mobile.sum())
        self._source, self._sink, self._size = 2 * count, 2 * count + 1, 2 * count + 2
        self._entrance = np.empty(len(left), dtype=np.int64)
        self._entrance[self._mobile] = np.arange(0, 2 * count, 2)
        self._entrance[left], self._entrance[right] = self._source, self._sink
        self._exit = self._entrance + self._mobile
        self._through = np.arange(0, 2 * count, 2)
        self._bonds = NeighborList(cutoff=cutoff, full_list=False, sorted=False)
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
        near = self._near(positions)
        i, j = self._bonds.compute(positions[near], cell, pbc, "ij", copy=False)
        entrance, exits = self._entrance[near], self._exit[near]
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
        other = rows != columns
        graph = coo_array((np.ones(int(other.sum()), np.int32), (rows[other], columns[other])), shape=(self._size,) * 2).tocsr()
        graph.data[:] = 1
        result = maximum_flow(graph, self._source, self._sink)
        flow = result.flow.tocoo()
        used = flow.data > 0
        self._paths = flow.row[used].astype(np.int64) * self._size + flow.col[used]
        left = graph - result.flow
        left.eliminate_zeros()
        self._before_cut[:] = False
        self._before_cut[breadth_first_order(left, self._source, return_predecessors=False)] = True
        self._width = int(result.flow_value)

    def _near(self, positions: NDArray[np.float64]) -> NDArray[np.int64]:
        """Mobile atoms and the rigid ones that may be bonded to one of them, or to the other side."""
        z = positions[:, 2]
        moving = z[self._mobile]
        if len(moving) == 0:
            return np.arange(len(z))
        low, high = moving.min() - self._cutoff, moving.max() + self._cutoff
        return np.flatnonzero((z >= low) & (z <= high))


def nearest_neighbour_distance(
    positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: NDArray[np.bool_], guess: float = 6.0
) -> float:
    """Median over the atoms of the distance (Å) to the nearest other one.

    Raises
    ------
    InputError
        If most atoms have no neighbour within `guess` Å.
    """
    i, d = NeighborList(cutoff=guess, full_list=True, sorted=False).compute(positions, cell, pbc, "id")
    nearest = np.full(len(positions), np.inf)
    np.minimum.at(nearest, i, d)
    median = float(np.median(nearest))
    if not np.isfinite(median):
        raise InputError(f"most atoms have no neighbour within {guess:g} Å; state bond_cutoff_A.")
    return median
