r"""Self-energies of leads on the rows of a device that touch them, with what snapshots share computed once.

With *A* the coupling of the device's rows to a lead's last layer and *g = h − (i/2) w w†* the lead's surface Green function,
the self-energy is :math:`A h A^\dagger - \tfrac{i}{2} W W^\dagger`, W = A w. Rows farther from the lead reach fewer of its
columns, so the rows are cut into groups of similar reach; group a against group b needs
:math:`A_a h A_b^\dagger` on the columns of the one that reaches less far.

Groups follow from the device alone. The terms of a group whose A is bit for bit the one of an earlier snapshot are taken from
there, and they are the same bits as if computed again.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sharvin.runs.cache import most_recent

from sharvin_transport.leads.surface_green import SurfaceGreen

Array = NDArray[Any]
_GROUPS = 4
_MEMORY_BYTES = 48_000_000


@dataclass(frozen=True, eq=False)
class _Group:
    """Rows with the columns that they and all groups of smaller reach touch: A, h A†, A h A† and A w."""

    columns: Array
    a: Array
    x: Array
    sigma: Array
    w: Array

    @classmethod
    def of(cls, a: Array, columns: Array, surface: SurfaceGreen) -> _Group:
        x = surface.times(columns, a.conj().T)
        return cls(columns, a, x, a @ x, a @ _rows(surface.w, columns))

    def is_for(self, a: Array, columns: Array) -> bool:
        same = self.a.dtype == a.dtype and np.array_equal(self.columns, columns)
        return same and np.array_equal(self.a, a)

    @property
    def nbytes(self) -> int:
        return int(self.a.nbytes + self.x.nbytes + self.sigma.nbytes + self.w.nbytes)


@dataclass(frozen=True, eq=False)
class LeadCoupling:
    """Self-energy of a lead on a block of the device: Hermitian part on `rows`, channels W on all rows of the block."""

    rows: NDArray[np.int64]
    sigma: Array
    W: Array

    @property
    def within(self) -> float:
        """W† M'⁻¹ W of what is already eliminated: nothing is."""
        return 0.0

    def added(self, block: Array, shift: complex) -> Array:
        """The block minus this self-energy, with `shift` in place of the i/2 before W W†."""
        w = self.W[self.rows]
        out = block.astype(np.result_type(block, self.sigma, w, type(shift)))
        change = shift * (w @ w.conj().T) - self.sigma
        if len(self.rows) and self.rows[-1] - self.rows[0] + 1 == len(self.rows):
            out[self.rows[0] : self.rows[-1] + 1, self.rows[0] : self.rows[-1] + 1] += change
        else:
            out[np.ix_(self.rows, self.rows)] += change
        return out


class LeadCouplings:
    """Couplings of devices to leads; terms of unchanged rows are kept from snapshot to snapshot, at most 48 MB of them."""

    def __init__(self) -> None:
        self._kept: LRUCache[Hashable, list[_Group]] = most_recent(_MEMORY_BYTES, _bytes_of)

    def coupling(self, coupling: Array, surface: SurfaceGreen, key: Hashable) -> LeadCoupling:
        """Self-energy and channels of a lead on a block of the device.

        Parameters
        ----------
        coupling : [rows of the block, m]
            A, in eV.
        surface : SurfaceGreen
        key : hashable
            What the surface is of: lead, side and energy.
        """
        rows, cuts = row_groups(coupling != 0)
        touched = coupling[rows]
        parts = [slice(int(a), int(b)) for a, b in pairwise(cuts)]
        reach = [np.any(touched[part] != 0, axis=0) for part in parts]
        order = sorted(range(len(parts)), key=lambda g: -int(reach[g].sum()))
        earlier, groups = self._kept.get(key, []), []
        for position, g in enumerate(order):
            columns = np.flatnonzero(np.any([reach[other] for other in order[position:]], axis=0))
            a = _columns(touched[parts[g]], columns)
            known = next((group for group in earlier if group.is_for(a, columns)), None)
            groups.append(known if known is not None else _Group.of(a, columns, surface))
        self._kept[key] = groups
        dtype = np.result_type(coupling, surface.dtype)
        sigma = np.empty((len(rows), len(rows)), dtype=dtype)
        W = np.zeros((len(coupling), surface.w.shape[1]), dtype=np.result_type(coupling, surface.w))
        for position, g in enumerate(order):
            group = groups[position]
            W[rows[parts[g]]] = group.w
            sigma[parts[g], parts[g]] = group.sigma
            for narrower in range(position + 1, len(order)):
                other, part = groups[narrower], parts[order[narrower]]
                between = other.a @ _rows(group.x, np.searchsorted(group.columns, other.columns))
                sigma[part, parts[g]] = between
                sigma[parts[g], part] = between.conj().T
        return LeadCoupling(rows, sigma, W)


def _bytes_of(groups: list[_Group]) -> int:
    return sum(group.nbytes for group in groups)


def row_groups(used: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that touch the lead, and where to cut them into at most four groups such that Σ rows · columns² is smallest."""
    counts = used.sum(axis=1)
    rows = np.flatnonzero(counts)
    if len(rows) == 0:
        return rows, np.array([0, 0])
    reach = counts[rows].astype(np.float64)
    cuts = np.flatnonzero(np.concatenate([[True], np.diff(reach) != 0, [True]]))
    cuts = np.union1d(cuts[:: max(1, len(cuts) // 40)], [0, len(rows)])
    width = np.maximum.reduceat(reach, cuts[:-1])
    m = len(cuts)
    cost = np.full((m, m), np.inf)
    for a in range(m - 1):
        cost[a, a + 1 :] = (cuts[a + 1 :] - cuts[a]) * np.maximum.accumulate(width[a:]) ** 2
    best, choices = cost[0], []
    for _ in range(_GROUPS - 1):
        through = best[:, None] + cost
        choice = np.argmin(through, axis=0)
        better = through[choice, np.arange(m)] < best
        choices.append(np.where(better, choice, -1))
        best = np.where(better, through[choice, np.arange(m)], best)
    chosen, at = [m - 1], m - 1
    for choice in reversed(choices):
        if choice[at] >= 0:
            at = int(choice[at])
            chosen.append(at)
    return rows, np.concatenate([[0], cuts[chosen[::-1]]])


def _span(index: Array) -> slice | None:
    if len(index) and index[-1] - index[0] + 1 == len(index):
        return slice(int(index[0]), int(index[-1]) + 1)
    return None


def _rows(matrix: Array, index: Array) -> Array:
    span = _span(index)
    return matrix[span] if span else matrix[index]


def _columns(matrix: Array, index: Array) -> Array:
    span = _span(index)
    return matrix[:, span] if span else matrix[:, index]
