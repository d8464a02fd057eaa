r"""The interior of a device, between its outermost principal layers, as dense blocks that couple to their neighbours only.

The outermost principal layers equal the leads' and are folded into them. What is left is cut where
:math:`H_{kl} = S_{kl} = 0` for all k in block b and l beyond block b + 1. Among the cuts that fulfil this, those with the
least work are taken; that every stored element lies in a block is checked for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sharvin.errors import InputError, RunError
from sharvin.two_terminal import TwoTerminal

Array = NDArray[Any]
Pair = tuple[Array, Array]
_LEAD_DEVIATION_EV = 1e-8
_CANDIDATES = 64


@dataclass(frozen=True, eq=False)
class Interior:
    """What is eliminated: rows of H and S between the folded principal layers, with their couplings, in blocks.

    ``bounds`` are the block boundaries; the first block holds every row that couples to the left lead, the last one every
    row that couples to the right lead, and no block couples beyond its neighbours. Each entry of ``diagonal`` and ``above``,
    ``left`` and ``right`` is (H, S); ``left`` has the columns of the left principal layer, ``right`` of the right one.
    """

    diagonal: list[Pair]
    above: list[Pair]
    left: Pair
    right: Pair
    bounds: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """Memory of all blocks."""
        pairs = [*self.diagonal, *self.above, self.left, self.right]
        return sum(block.nbytes for pair in pairs for block in pair)

    @classmethod
    def of(cls, system: TwoTerminal) -> Interior:
        """Partition a device.

        Raises
        ------
        InputError
            If a principal layer of the device differs from its lead's.
        """
        return cls.alike([system])[0]

    @classmethod
    def alike(cls, systems: Sequence[TwoTerminal]) -> list[Interior]:
        """Partition devices of equal size, with leads of equal size, at the same places."""
        matrices = [(_canonical(system.H), _canonical(system.S)) for system in systems]
        for system, (H, S) in zip(systems, matrices, strict=True):
            _check_layers(system, H, S)
        extents = [extent(H, S) for H, S in matrices]
        low, high = np.min([e[0] for e in extents], axis=0), np.max([e[1] for e in extents], axis=0)
        n, first, n_right = systems[0].size, systems[0].left.size, systems[0].right.size
        last = n - n_right
        if first == last or high[:first].max() >= last:
            # The two principal layers see each other: they stay in the device, and the leads begin behind them.
            bounds = partition(high, first, last)
            return [cls._cut(m, (low, high), bounds, 0, n)._behind(s) for m, s in zip(matrices, systems, strict=True)]
        low, high = low[first:last], high[first:last]
        to_left, to_right = np.flatnonzero(low < first), np.flatnonzero(high >= last)
        bounds = partition(high - first, to_left.max(initial=-1) + 1, to_right.min(initial=last - first))
        return [cls._cut(m, (low, high), bounds, first, last) for m in matrices]

    @classmethod
    def whole(cls, system: TwoTerminal) -> Interior:
        """Partition a device together with its principal layers; the leads begin behind them."""
        matrices = (_canonical(system.H), _canonical(system.S))
        reach = extent(*matrices)
        bounds = partition(reach[1], system.left.size, system.size - system.right.size)
        return cls._cut(matrices, reach, bounds, 0, system.size)._behind(system)

    def _behind(self, system: TwoTerminal) -> Interior:
        """The same blocks with the leads coupled to the outermost principal layers."""
        size = np.diff(self.bounds)
        left = [_raised(np.conj(b).T, 0, int(size[0])) for b in (system.left.H01, system.left.S01)]
        offset = int(size[-1]) - system.right.size
        right = [_raised(b, offset, int(size[-1])) for b in (system.right.H01, system.right.S01)]
        return Interior(self.diagonal, self.above, (left[0], left[1]), (right[0], right[1]), self.bounds)

    @classmethod
    def _cut(cls, matrices: tuple[csr_array, csr_array], extent: Pair, bounds: Array, first: int, last: int) -> Interior:
        """Dense blocks of the rows first…last; the columns before and behind them are the leads'."""
        n, blocks = matrices[0].shape[0], len(bounds) - 1
        places = bounds + first
        _check_nothing_is_dropped(extent, places, n)
        diagonal, above = [], []
        left = right = (np.zeros((0, 0)), np.zeros((0, 0)))
        for b in range(blocks):
            rows = slice(int(places[b]), int(places[b + 1]))
            start = 0 if b == 0 else rows.start
            stop = n if b == blocks - 1 else int(places[b + 2])
            own = slice(rows.start - start, rows.stop - start)
            h, s = (_dense(matrix, rows, slice(start, stop)) for matrix in matrices)
            diagonal.append((h[:, own], s[:, own]))
            if b == 0:
                left = (h[:, :first], s[:, :first])
            if b == blocks - 1:
                right = (h[:, own.stop :], s[:, own.stop :])
            else:
                above.append((h[:, own.stop :], s[:, own.stop :]))
        return cls(diagonal, above, left, right, bounds)


def partition(high: NDArray[np.int64], first: int, last: int) -> NDArray[np.int64]:
    """Block boundaries of a square sparse matrix such that each block couples to its neighbours only, with the least work.

    Parameters
    ----------
    high : int64[n]
        Largest column with an element in each row of the matrix, n or more for elements beyond it.
    first : int
        The first block holds at least the rows 0…first − 1.
    last : int
        The last block holds at least the rows from `last` on.
    """
    n = len(high)
    reach = np.minimum(np.maximum.accumulate(np.maximum(high, np.arange(n))) + 1, n)
    reach = np.concatenate([[0], reach])  # of the rows before a cut
    begin = max(first, 1)
    if begin > last:
        return np.array([0, n], dtype=np.int64)
    finest = [begin]
    while reach[finest[-1]] > finest[-1] and reach[finest[-1]] <= last:
        finest.append(int(reach[finest[-1]]))
    others = np.unique(reach[begin : last + 1])
    others = others[others <= last][:: max(1, -(-len(others) // _CANDIDATES))]
    cuts = np.unique(np.concatenate([[0], finest, others[others > begin], [n]]))
    # Work of a block of size m with u columns in the next one: factorisation, solution, update.
    beyond = (reach[cuts] - cuts).astype(np.float64)
    best, before = np.full(len(cuts), np.inf), np.zeros(len(cuts), dtype=np.int64)
    best[0] = 0.0
    for j in range(1, len(cuts)):
        m = (cuts[j] - cuts[:j]).astype(np.float64)
        work = best[:j] + m * (2.0 / 3.0 * m**2 + 2.0 * m * beyond[j] + 2.0 * beyond[j] ** 2)
        work[reach[cuts[:j]] > cuts[j]] = np.inf
        before[j] = int(np.argmin(work))
        best[j] = work[before[j]]
    bounds, j = [n], len(cuts) - 1
    while j > 0:
        j = int(before[j])
        bounds.append(int(cuts[j]))
    return np.array(bounds[::-1], dtype=np.int64)


def _canonical(matrix: Any) -> csr_array:
    """CSR with sorted indices and no duplicates."""
    # a new csr_array would forget that it is canonical
    matrix = matrix if isinstance(matrix, csr_array) else csr_array(matrix)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    return matrix


def extent(h: csr_array, s: csr_array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last column with a stored element in each row; (n, −1) in an empty one."""
    n = h.shape[0]
    low, high = np.full(n, n, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    for matrix in (h, s):
        filled = np.flatnonzero(np.diff(matrix.indptr))
        low[filled] = np.minimum(low[filled], matrix.indices[matrix.indptr[filled]])
        high[filled] = np.maximum(high[filled], matrix.indices[matrix.indptr[filled + 1] - 1])
    return low, high


def _dense(matrix: csr_array, rows: slice, columns: slice) -> Array:
    """Dense part of a matrix; everything outside the columns falls into a last column, which is cut off."""
    part = slice(int(matrix.indptr[rows.start]), int(matrix.indptr[rows.stop]))
    width = columns.stop - columns.start
    inside = matrix.indices[part].astype(np.int32, copy=False) - np.int32(columns.start)
    # a negative number read as unsigned is larger than any width
    place = np.minimum(inside.view(np.uint32), np.uint32(width)).view(np.int32)
    indptr = (matrix.indptr[rows.start : rows.stop + 1] - part.start).astype(np.int32)
    full = csr_array((matrix.data[part], place, indptr), shape=(rows.stop - rows.start, width + 1)).toarray()
    return full[:, :width]


def _check_nothing_is_dropped(extent: Pair, places: Array, n: int) -> None:
    low, high = extent
    block = np.repeat(np.arange(len(places) - 1), np.diff(places))
    start = np.concatenate([[0], places[:-2]])[block]
    stop = np.concatenate([places[2:], [n]])[block]
    outside = int(np.count_nonzero((low < start) | (high >= stop)))
    if outside:
        raise RunError(
            f"the block partition would drop matrix elements in {outside} rows; the device's H or S is not Hermitian in its "
            "structure or not sorted along z."
        )


def _raised(block: Array, offset: int, rows: int) -> Array:
    """A block placed into the rows of a larger one."""
    out = np.zeros((rows, block.shape[1]), dtype=block.dtype)
    out[offset : offset + block.shape[0]] = block
    return out


def _check_layers(system: TwoTerminal, H: csr_array, S: csr_array) -> None:
    n = system.size
    for side, lead, part in (
        ("left", system.left, slice(0, system.left.size)),
        ("right", system.right, slice(n - system.right.size, n)),
    ):
        for name, matrix, block in (("H", H, lead.H00), ("S", S, lead.S00)):
            if _holds(matrix, part, block):
                continue
            deviation = np.abs(_dense(matrix, part, part) - block).max()
            if deviation > _LEAD_DEVIATION_EV:
                raise InputError(
                    f"the outermost {side} principal layer of the device differs from its lead's {name} by {deviation:.1e}; "
                    "give it the bulk lead's blocks."
                )


def _holds(matrix: csr_array, part: slice, block: Array) -> bool:
    """Whether a matrix stores this block, every element of it, as its first or last columns; read in place, row by row."""
    n = len(block)
    indptr = matrix.indptr[part.start : part.stop + 1].astype(np.int64)
    widths = np.diff(indptr)
    if widths.min() < n:
        return False
    first = indptr[:-1] if part.start == 0 else indptr[1:] - n
    # canonical indices that go from the block's first to its last column in n steps are all of its columns
    if np.any(matrix.indices[first] != part.start) or np.any(matrix.indices[first + n - 1] != part.stop - 1):
        return False
    runs = np.concatenate([[0], np.flatnonzero(np.diff(widths)) + 1, [n]])
    for a, b in pairwise(runs):
        panel = matrix.data[indptr[a] : indptr[b]].reshape(b - a, -1)
        own = panel[:, :n] if part.start == 0 else panel[:, panel.shape[1] - n :]
        if not np.array_equal(own, block[a:b]):
            return False
    return True
