r"""What `rgf` eliminates of a device that holds blocks between atoms: dense *E S − H* where it is needed, and nothing else.

The middle of a device lies between the outermost principal layers and their heads
(:mod:`~sharvin_transport.slater_koster.device_order`). It is cut into blocks that couple to their neighbours only, as
:class:`~sharvin_transport.block_tridiagonal.interior.Interior` does with sparse matrices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.runs.compiled import njit

from sharvin_transport.block_tridiagonal.elimination import Coupling
from sharvin_transport.block_tridiagonal.interior import partition
from sharvin_transport.slater_koster.device_order import MIDDLE
from sharvin_transport.slater_koster.pair_device import DeviceEnd, DevicePairs

Array = NDArray[Any]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PairBlocks:
    """E S − H of the middle of a device, and its couplings to both ends.

    Parameters
    ----------
    diagonal : list of [n_b, n_b]
    above : list of [n_b, n_b+1]
    left : [rows, columns]
        Coupling of the first rows to the principal layer and then the head at the left, all their columns.
    right : [rows, columns]
        Coupling of the last rows to the head and then the principal layer at the right.
    """

    diagonal: list[Array]
    above: list[Array]
    left: Array
    right: Array

    @property
    def size(self) -> int:
        """Orbitals of the middle."""
        return sum(map(len, self.diagonal))

    @classmethod
    def of(cls, pairs: DevicePairs, energy_eV: float) -> PairBlocks | None:
        """At an absolute energy; None where the device has no middle, or its ends see each other, so that all of it is needed."""
        zone, count = pairs.zone, pairs.count
        sides = np.sign(zone)
        if not (zone == MIDDLE).any() or np.any(sides[pairs.first] * sides[pairs.second] < 0):
            return None
        place = _places(count, sides)
        sizes = [int(count[sides == side].sum()) for side in (-1, 0, 1)]
        inner = count[zone == MIDDLE]
        start, n = int((zone < 0).sum()), int((zone == MIDDLE).sum())
        reach = _reach(pairs.first, pairs.second, start, n)
        ends = np.cumsum(inner)
        first = int(ends[reach.left - 1]) if reach.left else 0
        last = int(ends[reach.right] - inner[reach.right]) if reach.right < n else sizes[1]
        bounds = partition(np.repeat(ends[reach.furthest] - 1, inner), max(first, int(inner[0])), last)
        widths = np.diff(bounds)
        lengths = np.concatenate([widths**2, widths[:-1] * widths[1:]])
        starts = np.concatenate([[0], np.cumsum(lengths)])
        dtype = pairs.hopping.dtype
        flat = np.zeros(starts[-1], dtype=dtype)
        left, right = np.zeros((first, sizes[0]), dtype=dtype), np.zeros((sizes[1] - last, sizes[2]), dtype=dtype)
        block = np.searchsorted(bounds, ends - inner, side="right") - 1
        _scatter(
            energy_eV, pairs.first, pairs.second, pairs.hopping, pairs.overlap, sides, count, place, start, block, bounds, starts,
            flat, left, right, last,
        )  # fmt: skip
        _on_site(energy_eV, pairs.onsite[zone == MIDDLE], inner, place[zone == MIDDLE], block, bounds, starts, flat)
        shapes = [(w, w) for w in widths] + list(pairwise(widths))
        found = [flat[a:b].reshape(shape) for a, b, shape in zip(starts[:-1], starts[1:], shapes, strict=True)]
        return cls(found[: len(widths)], found[len(widths) :], left, right)

    def following(self) -> Iterator[tuple[Coupling, Array]]:
        """For each block behind the first the coupling to it and itself, as elimination takes them."""
        for above, diagonal in zip(self.above, self.diagonal[1:], strict=True):
            yield Coupling.of(above), diagonal


def head_rows(blocks: Array, end: DeviceEnd, count: Integers, in_head: NDArray[np.bool_]) -> Array:
    """Rows of a head's orbitals [n, n_end] of an operator, from its blocks between the atoms of a principal layer and its head.

    Parameters
    ----------
    blocks : [p, m, m]
        Of the pairs of `end`.
    end : DeviceEnd
    count : int64[n_atoms]
        Orbitals of the atoms of both.
    in_head : bool[n_atoms]
    """
    column = np.cumsum(count) - count
    own = np.where(in_head, count, 0)
    row = np.where(in_head, np.cumsum(own) - own, -1)
    rows = np.zeros((int(own.sum()), int(count.sum())), dtype=blocks.dtype)
    _head_rows(np.ascontiguousarray(blocks), end.first, end.second, count, row, column, rows)
    return rows


@dataclass(frozen=True)
class _Reach:
    """How many of the first atoms the left end couples to, where those of the right begin, and each atom's furthest partner."""

    left: int
    right: int
    furthest: Integers


def _reach(first: Integers, second: Integers, start: int, n: int) -> _Reach:
    furthest = np.arange(n)
    i, j = first - start, second - start
    within = (i >= 0) & (j < n)
    np.maximum.at(furthest, i[within], j[within])
    return _Reach(int(j[i < 0].max(initial=-1)) + 1, int(i[j >= n].min(initial=n)), furthest)


def _places(count: Integers, sides: Integers) -> Integers:
    """Where the orbitals of each atom begin among those of its side."""
    place = np.empty(len(count), dtype=np.int64)
    for side in (-1, 0, 1):
        own = count[sides == side]
        place[sides == side] = np.cumsum(own) - own
    return place


@njit(nogil=True, error_model="numpy")
def _scatter(
    energy: float,
    first: Array,
    second: Array,
    hopping: Array,
    overlap: Array,
    sides: Array,
    count: Array,
    place: Array,
    start: int,
    block: Array,
    bounds: Array,
    starts: Array,
    flat: Array,
    left: Array,
    right: Array,
    last: int,
) -> None:
    blocks = len(bounds) - 1
    for p in range(len(first)):
        i, j = first[p], second[p]
        h, s = hopping[p], overlap[p]
        ci, cj = count[i], count[j]
        if sides[i] < 0:
            for a in range(ci):
                for b in range(cj):
                    left[place[j] + b, place[i] + a] += np.conj(energy * s[a, b] - h[a, b])
        elif sides[j] > 0:
            row = place[i] - last
            for a in range(ci):
                for b in range(cj):
                    right[row + a, place[j] + b] += energy * s[a, b] - h[a, b]
        else:
            k, other = block[i - start], block[j - start]
            width = bounds[other + 1] - bounds[other]
            row, column = place[i] - bounds[k], place[j] - bounds[other]
            base = starts[k] if k == other else starts[blocks + k]
            for a in range(ci):
                at = base + (row + a) * width + column
                for b in range(cj):
                    flat[at + b] += energy * s[a, b] - h[a, b]
            if k == other:
                for b in range(cj):
                    at = base + (column + b) * width + row
                    for a in range(ci):
                        flat[at + a] += np.conj(energy * s[a, b] - h[a, b])


@njit(nogil=True, error_model="numpy")
def _on_site(
    energy: float, onsite: Array, count: Array, place: Array, block: Array, bounds: Array, starts: Array, flat: Array
) -> None:
    for i in range(len(count)):
        k = block[i]
        width = bounds[k + 1] - bounds[k]
        for a in range(count[i]):
            flat[starts[k] + (place[i] + a - bounds[k]) * (width + 1)] += energy - onsite[i, a]


@njit(nogil=True, error_model="numpy")
def _head_rows(blocks: Array, first: Array, second: Array, count: Array, row: Array, column: Array, rows: Array) -> None:
    for p in range(len(first)):
        i, j = first[p], second[p]
        if row[i] >= 0:
            for a in range(count[i]):
                for b in range(count[j]):
                    rows[row[i] + a, column[j] + b] += blocks[p, a, b]
        if row[j] >= 0:
            for b in range(count[j]):
                for a in range(count[i]):
                    rows[row[j] + b, column[i] + a] += np.conj(blocks[p, a, b])
