r"""Nested dissection of the orbitals of a crystal by the places of their atoms (A. George, SIAM J. Numer. Anal. 10, 345 (1973)).

A group of atoms is cut in two at the median of a coordinate. The atoms on one side that couple to the other one are the
separator. It is eliminated after both sides, which are then independent of each other, and each side is cut again. Of a cell
that is periodic along the coordinate the separator consists of two strips by itself, as atoms couple across the boundary of the
cell. The result depends on the pattern of H(k) only and so serves all k-points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from sharvin.crystals.sparse_bloch import SparseBlochHamiltonian

Integers = NDArray[np.int64]
SMALLEST = 120
"""Orbitals in a group that is not cut any further."""


@dataclass(frozen=True, eq=False)
class Front:
    """A group of orbitals that are eliminated together, numbered in the order of elimination.

    ``start`` and ``stop`` are the first of its orbitals and the one after the last. ``border`` int64[n] are those of later
    groups that it is coupled to when its turn comes, ascending. ``children`` are the groups whose elimination changes it, as
    places in the list of fronts.
    """

    start: int
    stop: int
    border: Integers
    children: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Dissection:
    """The order of elimination int64[n_orbitals], and the groups in that order."""

    order: Integers
    fronts: tuple[Front, ...]

    @property
    def stored(self) -> int:
        """Numbers that a factorisation keeps."""
        sizes = [(front.stop - front.start, len(front.border)) for front in self.fronts]
        return sum(own * (own + border) for own, border in sizes)


def dissect(bloch: SparseBlochHamiltonian, smallest: int = SMALLEST) -> Dissection:
    """Nested dissection of a crystal.

    Parameters
    ----------
    bloch : SparseBlochHamiltonian
    smallest : int
        Groups of fewer orbitals are not cut.
    """
    atoms = len(bloch.positions)
    orbitals = np.bincount(bloch.atom, minlength=atoms)
    near = coo_array(
        (np.ones(len(bloch.row), dtype=np.int32), (bloch.atom[bloch.row], bloch.atom[bloch.column])), shape=(atoms, atoms)
    ).tocsr()
    groups: list[tuple[Integers, tuple[int, ...]]] = []
    _cut(np.arange(atoms), near, coordinates(bloch), orbitals, smallest, groups)
    by_atom = np.argsort(bloch.atom, kind="stable")
    first = np.cumsum(orbitals) - orbitals
    own = [np.concatenate([by_atom[first[a] : first[a] + orbitals[a]] for a in group]) for group, _ in groups]
    order = np.concatenate(own)
    return Dissection(order, _fronts(bloch, order, [len(one) for one in own], [children for _, children in groups]))


def coordinates(bloch: SparseBlochHamiltonian) -> NDArray[np.float64]:
    """Coordinates that atoms are cut along, float64[n_atoms, 3]: fractions of the cell, lengths along the open directions."""
    periodic = bloch.cell[bloch.cell.any(axis=1)]
    if not len(periodic):
        return np.asarray(bloch.positions)
    across = np.linalg.svd(periodic)[2][len(periodic) :]
    fractions = bloch.positions @ np.linalg.inv(np.concatenate([periodic, across]))
    fractions[:, : len(periodic)] %= 1.0
    return np.asarray(fractions)


def _cut(
    group: Integers,
    near: csr_array,
    places: NDArray[np.float64],
    orbitals: Integers,
    smallest: int,
    groups: list[tuple[Integers, tuple[int, ...]]],
) -> list[int]:
    """Append the groups of a set of atoms in the order of elimination; returns those that nothing in the set follows."""
    if not len(group):
        return []
    parts = _best_cut(group, near, places) if orbitals[group].sum() > smallest else None
    if parts is None:
        groups.append((group, ()))
        return [len(groups) - 1]
    separator, left, right = parts
    below = [place for part in (left, right) for place in _cut(part, near, places, orbitals, smallest, groups)]
    if not len(separator):
        return below
    groups.append((separator, tuple(below)))
    return [len(groups) - 1]


def _best_cut(group: Integers, near: csr_array, places: NDArray[np.float64]) -> tuple[Integers, Integers, Integers] | None:
    """Separator, left and right of the cut whose separator is smallest, or None where none is worth it."""
    inner = csr_array(near[group][:, group])
    best: tuple[Integers, Integers, Integers] | None = None
    for coordinate in places[group].T:
        if np.ptp(coordinate) < 1e-6:
            continue
        ahead = np.zeros(len(group), dtype=bool)
        ahead[np.argsort(coordinate, kind="stable")[len(group) // 2 :]] = True
        for side in (ahead, ~ahead):
            touching = side & (inner @ (~side).astype(np.int32) > 0)
            if best is None or touching.sum() < len(best[0]):
                best = group[touching], group[side & ~touching], group[~side]
    if best is None or len(best[0]) > 0.6 * len(group):
        return None
    return best


def _fronts(
    bloch: SparseBlochHamiltonian, order: Integers, sizes: list[int], children: list[tuple[int, ...]]
) -> tuple[Front, ...]:
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    pattern = coo_array(
        (np.ones(len(bloch.row), dtype=np.int8), (place[bloch.row], place[bloch.column])), shape=(len(order),) * 2
    ).tocsc()
    fronts: list[Front] = []
    start = 0
    for size, below in zip(sizes, children, strict=True):
        stop = start + size
        reached: list[NDArray[np.integer]] = [
            pattern.indices[pattern.indptr[start] : pattern.indptr[stop]],
            *(fronts[child].border for child in below),
        ]
        border: Integers = np.unique(np.concatenate(reached)).astype(np.int64)
        fronts.append(Front(start, stop, border[border >= stop], below))
        start = stop
    return tuple(fronts)
