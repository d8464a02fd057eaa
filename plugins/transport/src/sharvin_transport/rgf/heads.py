r"""Heads of a device folded into its leads: layers that go on as the lead does, which no snapshot moves.

A head (1) lies between a principal layer and the middle (2) of a device. With *p = h − s w w†* of the lead
(:mod:`~sharvin_transport.rgf.recursive_green`, with a real *s*), *A* the coupling to the lead's last layer and *q = p A₁†*,

.. math:: D_1 = M_{11} - A_1 q, \quad B = M_{21} - A_2 q, \quad
          D_2 = M_{22} - A_2 p A_2^\dagger - B D_1^{-1} B^\dagger, \\
          R_2 = W_2^\dagger - W_1^\dagger D_1^{-1} B^\dagger, \quad W = A w, \quad
          W^\dagger M'^{-1} W = W_1^\dagger D_1^{-1} W_1 + R_2 D_2^{-1} R_2^\dagger .

p follows from the lead and the energy, q from the head as well; both are kept, q unless the head is a loose one. On-site shifts
*u* of a head's atoms, which follow the snapshot, change :math:`A_1` to :math:`A_1 - \tfrac{1}{2} u S_1` and so on, u diagonal:
what they change is kept without them, and with S in the place of A.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sharvin.runs.cache import most_recent

from sharvin_transport.block_tridiagonal.elimination import Lapack
from sharvin_transport.leads.surface_green import SurfaceGreen
from sharvin_transport.rgf.pair_blocks import head_rows
from sharvin_transport.slater_koster.device_order import LEFT_HEAD, RIGHT_HEAD, RIGHT_LEAD
from sharvin_transport.slater_koster.pair_device import DevicePairs

Array = NDArray[Any]
SurfaceKey = tuple[str, str, float]
_MEMORY_BYTES = 80_000_000
_GROUPS = 3


@dataclass(frozen=True, eq=False)
class FoldedHead:
    """Lead and head at one energy, without the head's on-site energies and without shifts that may be put in later.

    Parameters
    ----------
    m11 : [n, n]
        E S − H of the head, its on-site energies left out.
    qa : [m, n]
        p A₁†, in the rows that were asked for.
    pa : [n, n]
        A₁ p A₁†.
    wa : [n, channels]
        A₁ w.
    shiftable : tuple of arrays, optional
        S of the head, p S₁†, S₁ p A₁†, S₁ p S₁† and S₁ w; None where shifts are in the other arrays.
    """

    m11: Array
    qa: Array
    pa: Array
    wa: Array
    shiftable: tuple[Array, Array, Array, Array, Array] | None = None

    @classmethod
    def of(cls, pairs: DevicePairs, side: str, p: Array, w: Array, energy_eV: float, rows: int) -> FoldedHead:
        """Of one end of a device; a loose head takes only so many `rows` of q, those next to it."""
        assert pairs.ends is not None
        left = side == "left"
        end, here = pairs.ends[0 if left else 1], pairs.zone < 0 if left else pairs.zone > 0
        count, in_head = pairs.count[here], np.abs(pairs.zone[here]) < RIGHT_LEAD
        matrix = head_rows(energy_eV * end.overlap - end.hopping, end, count, in_head)
        n, m = len(matrix), matrix.shape[1] - len(matrix)
        lead, head = (slice(0, m), slice(m, m + n)) if left else (slice(n, n + m), slice(0, n))
        a1, m11 = matrix[:, lead], matrix[:, head] + energy_eV * np.eye(n)
        reach = by_reach(a1, left)
        width = reach[0][1] if reach else 0
        near = slice(m - width, m) if left else slice(0, width)
        wide = slice(0, m)
        if end.key is None:
            rows = max(rows, width)
            wide = slice(m - rows, m) if left else slice(0, rows)

        def applied(a: Array) -> Array:
            q = np.zeros((m, n), dtype=np.result_type(p, a))
            q[wide] = p[wide, near] @ a[:, near].conj().T
            return q

        qa = applied(a1)
        pa, wa = a1[:, near] @ qa[near], a1[:, near] @ w[near]
        if end.key is None:
            return cls(m11, qa, pa, wa)
        overlap = head_rows(end.overlap, end, count, in_head)
        s1, s11 = overlap[:, lead], overlap[:, head] + np.eye(n)
        qs = applied(s1)
        return cls(m11, qa, pa, wa, (s11, qs, s1[:, near] @ qa[near], s1[:, near] @ qs[near], s1[:, near] @ w[near]))

    @property
    def nbytes(self) -> int:
        """Memory."""
        return sum(one.nbytes for one in (self.m11, self.qa, self.pa, self.wa, *(self.shiftable or ())))

    def with_head(self, onsite: Array, moved: Array) -> tuple[Array, Array, Array]:
        """D₁ [n, n], q [m, n] and W₁ [n, channels], with these on-site energies and shifts [n] of the head's orbitals in eV."""
        d, q, w1 = self.m11 - self.pa, self.qa, self.wa
        if self.shiftable is not None and moved.any():
            s11, qs, ps, ss, ws = self.shiftable
            half = 0.5 * moved
            turned = half[:, None] * (ps - s11)
            d += turned + turned.conj().T - half[:, None] * ss * half
            # M₁₁ takes −½ (u S + S u), of which the diagonal is already among the on-site energies
            d[np.diag_indices(len(d))] += moved
            q, w1 = q - qs * half, w1 - half[:, None] * ws
        d[np.diag_indices(len(d))] -= onsite
        return d, q, w1


@dataclass(frozen=True, eq=False)
class HeadCoupling:
    """A lead and its head as the middle of a device sees them.

    Parameters
    ----------
    sigma : [r, r]
        Hermitian self-energy on its first or last rows, with the real part that stands for W W†.
    W : [n, channels]
        Columns of the first or last block, R₂†.
    within : [channels, channels]
        W₁† D₁⁻¹ W₁.
    rows : slice
        Rows of the block that `sigma` is for.
    """

    sigma: Array
    W: Array
    within: Array
    rows: slice

    def added(self, block: Array, shift: complex) -> Array:
        """The block minus this self-energy; `shift` is the one that it was made with."""
        out = block.astype(np.result_type(block, self.sigma), copy=False)
        out[self.rows, self.rows] -= self.sigma
        return out


class FoldedHeads:
    """Heads folded into leads; what does not change from snapshot to snapshot is kept, at most 80 MB of it.

    For 304 atoms of gold and one energy that is 12 MB a lead.
    """

    def __init__(self) -> None:
        self._leads: LRUCache[Hashable, Array] = most_recent(_MEMORY_BYTES // 2, attrgetter("nbytes"))
        self._heads: LRUCache[Hashable, FoldedHead] = most_recent(_MEMORY_BYTES // 2, attrgetter("nbytes"))

    def coupling(
        self, pairs: DevicePairs, to_end: Array, size: int, surface: SurfaceGreen, of: SurfaceKey, shift: float, lapack: Lapack
    ) -> HeadCoupling:
        """What the first or last block of a device's middle sees.

        Parameters
        ----------
        pairs : DevicePairs
        to_end : [r, n_end]
            Coupling of its first or last rows to principal layer and head.
        size : int
            Rows of the block.
        surface : SurfaceGreen
        of : (str, str, float)
            What the surface is of: lead, side and absolute energy.
        shift : float
            A real *s*.
        lapack : Lapack

        Raises
        ------
        SingularBlock
            If the head's block is nearly singular.
        """
        left = of[1] == "left"
        p, w = self._lead(surface, of, shift), surface.w
        m = len(p)
        a2, b = (to_end[:, :m], to_end[:, m:]) if left else (to_end[:, -m:], to_end[:, :-m])
        groups = [(rows, slice(m - width, m) if left else slice(0, width)) for rows, width in by_reach(a2, left)]
        sigma, w2 = _of_lead(a2, p, w, groups)
        within = np.zeros((w.shape[1],) * 2, dtype=w2.dtype)
        if b.shape[1]:
            furthest = groups[0][1].stop - groups[0][1].start if groups else 0
            d, q, w1 = self._head(pairs, p, w, of, shift, furthest)
            b = b.astype(np.result_type(b, q))
            for rows, near in groups:
                b[rows] -= a2[rows, near] @ q[near]
            solved = lapack.solve(d, np.concatenate([b.conj().T, w1], axis=1))
            sigma = sigma + b @ solved[:, : len(b)]
            w2 = w2 - b @ solved[:, len(b) :]
            within = w1.conj().T @ solved[:, len(b) :]
        rows = slice(0, len(to_end)) if left else slice(size - len(to_end), size)
        W = np.zeros((size, w.shape[1]), dtype=w2.dtype)
        W[rows] = w2
        return HeadCoupling(sigma, W, within, rows)

    def _lead(self, surface: SurfaceGreen, of: SurfaceKey, shift: float) -> Array:
        """P."""
        key = (*of, shift)
        if key not in self._leads:
            self._leads[key] = surface.hermitian - shift * (surface.w @ surface.w.conj().T)
        return self._leads[key]

    def _head(
        self, pairs: DevicePairs, p: Array, w: Array, of: SurfaceKey, shift: float, furthest: int
    ) -> tuple[Array, Array, Array]:
        """D₁, q and W₁; a middle that reaches into the lead so far needs that many rows of q."""
        assert pairs.ends is not None
        left = of[1] == "left"
        here = pairs.zone == (LEFT_HEAD if left else RIGHT_HEAD)
        present = np.arange(pairs.onsite.shape[1]) < pairs.count[here][:, None]
        content = pairs.ends[0 if left else 1].key
        kept = None if content is None else self._heads.get((*of, shift, content))
        if kept is None:
            kept = FoldedHead.of(pairs, of[1], p, w, of[2], furthest)
            if content is not None:
                self._heads[(*of, shift, content)] = kept
        return kept.with_head(pairs.onsite[here][present], np.repeat(pairs.shifts[here], pairs.count[here]))


def _of_lead(a: Array, p: Array, w: Array, groups: list[tuple[NDArray[np.int64], slice]]) -> tuple[Array, Array]:
    """A p A† and A w, with the rows of A in groups that reach less and less far."""
    sigma = np.zeros((len(a), len(a)), dtype=np.result_type(a, p))
    touched = np.zeros((len(a), w.shape[1]), dtype=np.result_type(a, w))
    for number, (rows, near) in enumerate(groups):
        own = a[rows, near]
        touched[rows] = own @ w[near]
        x = p[near, near] @ own.conj().T
        sigma[np.ix_(rows, rows)] = own @ x
        for other, nearer in groups[number + 1 :]:
            between = a[other, nearer] @ x[nearer.start - near.start : nearer.stop - near.start]
            sigma[np.ix_(other, rows)], sigma[np.ix_(rows, other)] = between, between.conj().T
    return sigma, touched


def by_reach(coupling: Array, left: bool) -> list[tuple[NDArray[np.int64], int]]:
    """Rows that touch a lead in at most three groups, those that reach furthest into it first.

    Each with the number of columns next to the device that it needs; the groups are those with the smallest Σ rows · columns².
    """
    used = coupling != 0
    m = used.shape[1]
    width = np.where(used.any(axis=1), m - np.argmax(used if left else used[:, ::-1], axis=1), 0)
    rows = np.flatnonzero(width)
    rows = rows[np.argsort(-width[rows], kind="stable")]
    distinct, before = np.unique(-width[rows], return_index=True)
    if not len(rows):
        return []
    reach, ends = -distinct.astype(np.float64), np.append(before[1:], len(rows))
    cuts = [0]
    best = len(rows) * reach[0] ** 2
    for _ in range(_GROUPS - 1):
        # one more group: of all places to begin it, the one that saves most
        starts = np.array(cuts)
        inside = starts[np.searchsorted(starts, np.arange(len(reach)), side="right") - 1]
        stop = np.append(starts[1:], len(reach))[np.searchsorted(starts, np.arange(len(reach)), side="right") - 1]
        saved = (reach[inside] ** 2 - reach**2) * (ends[stop - 1] - before)
        if saved.max() <= 0.02 * best:
            break
        cuts = sorted({*cuts, int(np.argmax(saved))})
    bounds = [*before[cuts], len(rows)]
    return [(np.sort(rows[a:b]), int(reach[cut])) for a, b, cut in zip(bounds[:-1], bounds[1:], cuts, strict=True)]
