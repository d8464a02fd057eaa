r"""Heads of a device folded into its leads: layers that go on as the lead does, which no snapshot moves.

A head (1) lies between a principal layer and the middle (2) of a device. With *p = h − s w w†* of the lead
(:mod:`~sharvin_transport.rgf.recursive_green`, with a real *s*), *A* the coupling to the lead's last layer and *q = p A₁†*,

.. math:: D_1 = M_{11} - A_1 q, \quad B = M_{21} - A_2 q, \quad
          D_2 = M_{22} - A_2 p A_2^\dagger - B D_1^{-1} B^\dagger, \\
          R_2 = W_2^\dagger - W_1^\dagger D_1^{-1} B^\dagger, \quad W = A w, \quad
          W^\dagger M'^{-1} W = W_1^\dagger D_1^{-1} W_1 + R_2 D_2^{-1} R_2^\dagger .

What there is of p and q follows from the lead, the energy and the head, and is kept. On-site shifts *u* of the head's atoms, which
follow the snapshot, change :math:`A_1` to :math:`A_1 - \tfrac{1}{2} u S_1` and so on, with u diagonal: what they change is
kept without them, and with S in the place of A.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sharvin.runs.cache import most_recent

from sharvin_transport.block_tridiagonal.elimination import Lapack
from sharvin_transport.leads.surface_green import SurfaceGreen
from sharvin_transport.rgf.pair_blocks import end_matrices
from sharvin_transport.slater_koster.device_order import LEFT_HEAD, RIGHT_HEAD, RIGHT_LEAD
from sharvin_transport.slater_koster.pair_device import DevicePairs

Array = NDArray[Any]
_MEMORY_BYTES = 80_000_000
_GROUPS = 3


@dataclass(frozen=True, eq=False)
class FoldedHead:
    """Lead and head at one energy, without the head's on-site energies and shifts.

    Parameters
    ----------
    p : [m, m]
        Of the lead's last layer, in 1/eV.
    w : [m, channels]
    m11, s11 : [n, n]
        E S − H of the head, its on-site energies left out, and S.
    qa, qs : [m, n]
        p A₁† and p S₁†.
    pa, ps, ss : [n, n]
        A₁ p A₁†, S₁ p A₁† and S₁ p S₁†.
    wa, ws : [n, channels]
        A₁ w and S₁ w.
    """

    p: Array
    w: Array
    m11: Array
    s11: Array
    qa: Array
    qs: Array
    pa: Array
    ps: Array
    ss: Array
    wa: Array
    ws: Array

    @classmethod
    def of(cls, pairs: DevicePairs, side: str, surface: SurfaceGreen, energy_eV: float, shift: float) -> FoldedHead:
        """Of one end of a device."""
        assert pairs.ends is not None
        left = side == "left"
        here = pairs.zone < 0 if left else pairs.zone > 0
        in_lead = np.repeat(np.abs(pairs.zone[here]) == RIGHT_LEAD, pairs.count[here])
        H, S = end_matrices(pairs.ends[0 if left else 1], pairs.count[here])
        lead, head = (slice(np.argmax(chosen), np.argmax(chosen) + chosen.sum()) for chosen in (in_lead, ~in_lead))
        s1, s11 = S[head, lead], S[head, head] + np.eye(int((~in_lead).sum()))
        a1, m11 = energy_eV * s1 - H[head, lead], energy_eV * s11 - H[head, head]
        w = surface.w
        p = surface.hermitian - shift * (w @ w.conj().T)
        qa, qs = p @ a1.conj().T, p @ s1.conj().T
        return cls(p, w, m11, s11, qa, qs, a1 @ qa, s1 @ qa, s1 @ qs, a1 @ w, s1 @ w)

    @property
    def nbytes(self) -> int:
        """Memory."""
        return sum(getattr(self, one.name).nbytes for one in fields(self))

    def with_head(self, onsite: Array, moved: Array) -> tuple[Array, Array, Array]:
        """D₁ [n, n], q [m, n] and W₁ [n, channels], with these on-site energies and shifts [n] of the head's orbitals in eV."""
        d, q, w1 = self.m11 - self.pa, self.qa, self.wa
        if moved.any():
            half = 0.5 * moved
            turned = half[:, None] * (self.ps - self.s11)
            d += turned + turned.conj().T - half[:, None] * self.ss * half
            # M₁₁ takes −½ (u S + S u), of which the diagonal is already among the on-site energies
            d[np.diag_indices(len(d))] += moved
            q, w1 = q - self.qs * half, w1 - half[:, None] * self.ws
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

    For 304 atoms of gold and one energy that is 11 MB a lead.
    """

    def __init__(self) -> None:
        self._kept: LRUCache[Hashable, FoldedHead] = most_recent(_MEMORY_BYTES, _bytes_of)

    def coupling(
        self,
        pairs: DevicePairs,
        to_end: Array,
        size: int,
        side: str,
        surface: SurfaceGreen,
        lead_key: str,
        energy_eV: float,
        shift: float,
        lapack: Lapack,
    ) -> HeadCoupling:
        """What the first or last block of a device's middle sees.

        Parameters
        ----------
        pairs : DevicePairs
        to_end : [r, n_end]
            Coupling of its first or last rows to principal layer and head.
        size : int
            Rows of the block.
        side : {"left", "right"}
        surface : SurfaceGreen
        lead_key : str
            What lead the surface is of.
        energy_eV : float
            Absolute.
        shift : float
            A real *s*.
        lapack : Lapack

        Raises
        ------
        SingularBlock
            If the head's block is nearly singular.
        """
        assert pairs.ends is not None
        key = (lead_key, side, energy_eV, shift, pairs.ends[0 if side == "left" else 1].key)
        if key not in self._kept:
            self._kept[key] = FoldedHead.of(pairs, side, surface, energy_eV, shift)
        kept = self._kept[key]
        left = side == "left"
        here = pairs.zone == (LEFT_HEAD if left else RIGHT_HEAD)
        count = pairs.count[here]
        present = np.arange(pairs.onsite.shape[1]) < count[:, None]
        d, q, w1 = kept.with_head(pairs.onsite[here][present], np.repeat(pairs.shifts[here], count))
        m = len(kept.p)
        a2, b = (to_end[:, :m], to_end[:, m:]) if left else (to_end[:, -m:], to_end[:, :-m])
        b, W = b.copy(), np.zeros((size, kept.w.shape[1]), dtype=np.result_type(to_end, kept.w))
        rows = slice(0, len(to_end)) if left else slice(size - len(to_end), size)
        sigma = np.zeros((len(to_end),) * 2, dtype=np.result_type(to_end, kept.p))
        w2 = np.zeros((len(to_end), W.shape[1]), dtype=W.dtype)
        groups = [(chosen, slice(m - width, m) if left else slice(0, width)) for chosen, width in by_reach(a2, left)]
        for number, (chosen, near) in enumerate(groups):
            own = a2[chosen, near]
            b[chosen] -= own @ q[near]
            w2[chosen] = own @ kept.w[near]
            x = kept.p[near, near] @ own.conj().T
            sigma[np.ix_(chosen, chosen)] = own @ x
            for other, nearer in groups[number + 1 :]:
                between = a2[other, nearer] @ x[nearer.start - near.start : nearer.stop - near.start]
                sigma[np.ix_(other, chosen)], sigma[np.ix_(chosen, other)] = between, between.conj().T
        within = np.zeros((W.shape[1],) * 2, dtype=W.dtype)
        if len(d):
            solved = lapack.solve(d, np.concatenate([b.conj().T, w1], axis=1))
            sigma += b @ solved[:, : len(b)]
            w2 -= b @ solved[:, len(b) :]
            within = w1.conj().T @ solved[:, len(b) :]
        W[rows] = w2
        return HeadCoupling(sigma, W, within, rows)


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


def _bytes_of(head: FoldedHead) -> int:
    return head.nbytes
