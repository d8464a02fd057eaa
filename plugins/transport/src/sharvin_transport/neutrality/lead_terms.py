r"""What a lead with a real Hamiltonian adds to an open device at each node of the contour, for the snapshots of a series.

With *A = z S − H* the coupling K of the device to a lead's last layer and *g* that layer's Green function, the device needs
S g Sᵀ, S g Aᵀ and A g Aᵀ. Most rows that touch a lead belong to the rigid end of the electrode: they couple to the lead in the
same way in all snapshots. What they need is computed once (:class:`RigidRows`); a snapshot adds what its other rows need.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin_transport.neutrality.contour import Contour

Array = NDArray[Any]
Integers = NDArray[np.int64]
Singles = NDArray[np.complex64]
RealSingles = NDArray[np.float32]
UNMOVED_EV = 2e-6
"""Rows whose couplings to the lead differ by less are the same, as of rigid atoms with positions in single precision."""


@dataclass(frozen=True, eq=False)
class RigidRows:
    """Rows of a device that couple to a lead as in the snapshots before, in an order of their own.

    Parameters
    ----------
    atom : int64[f]
        The atom of each of them; its orbitals are contiguous.
    h, s : float32[f, m]
        Coupling to the m orbitals of the lead's layer.
    g_both : complex64[n_points, m, 2f]
        g Sᵀ and g Aᵀ beside each other.
    sgs, sga, aga : complex64[n_points, f, f]
    """

    atom: Integers
    h: RealSingles
    s: RealSingles
    g_both: Singles
    sgs: Singles
    sga: Singles
    aga: Singles

    @classmethod
    def of(cls, coupling: tuple[RealSingles, RealSingles], atom: Integers, surface: Singles, contour: Contour) -> RigidRows:
        """All rows of a coupling (H, S) to a lead's layer with Green functions [n_points, m, m]."""
        h, s = coupling
        f, m = h.shape
        columns = nonzero_span(((h != 0) | (s != 0)).any(axis=0))
        both = np.concatenate([s[:, columns], h[:, columns]])
        g_both = np.empty((len(contour.nodes), m, 2 * f), dtype=np.complex64)
        sgs, sga, aga = np.empty((3, len(contour.nodes), f, f), dtype=np.complex64)
        for p, node in enumerate(contour.nodes):
            z = np.complex64(node)
            to_both = times_real(surface[p][:, columns], both)
            g_both[p, :, :f], g_both[p, :, f:] = to_both[:, :f], z * to_both[:, :f] - to_both[:, f:]
            used = to_both[columns]
            of_s, hgh = real_times(both[:f], used), real_times(both[f:], used[:, f:])
            sgs[p], sga[p], aga[p] = _terms(z, of_s[:, :f], of_s[:, f:], hgh)
        return cls(atom, h, s, g_both, sgs, sga, aga)

    def unmoved(self, coupling: tuple[RealSingles, RealSingles], atom: Integers) -> tuple[RigidRows, Integers]:
        """Those of these rows that a coupling has, too, and where it has them, int64[f]."""
        h, s = coupling
        first = np.flatnonzero(np.diff(self.atom, prepend=-2))
        size = np.diff(first, append=len(self.atom))
        begins = np.flatnonzero(np.diff(atom, prepend=-2))
        found = dict(zip(atom[begins].tolist(), begins.tolist(), strict=True))
        kept: list[Integers] = []
        places: list[Integers] = []
        for own, count in zip(first, size, strict=True):
            start = found.get(int(self.atom[own]))
            if start is None or self.atom[own] < 0:
                continue
            mine, theirs = slice(own, own + count), slice(start, start + count)
            if np.abs(h[theirs] - self.h[mine]).max() < UNMOVED_EV and np.abs(s[theirs] - self.s[mine]).max() < UNMOVED_EV:
                kept.append(np.arange(own, own + count))
                places.append(np.arange(start, start + count))
        if not kept:
            return self._part(np.zeros(0, dtype=np.int64)), np.zeros(0, dtype=np.int64)
        chosen = np.concatenate(kept)
        return (self if len(chosen) == len(self.atom) else self._part(chosen)), np.concatenate(places)

    def _part(self, chosen: Integers) -> RigidRows:
        square = (slice(None), chosen[:, None], chosen)
        beside = (slice(None), slice(None), np.concatenate([chosen, chosen + len(self.atom)]))
        return RigidRows(
            self.atom[chosen],
            self.h[chosen],
            self.s[chosen],
            self.g_both[beside],
            self.sgs[square],
            self.sga[square],
            self.aga[square],
        )


@dataclass(frozen=True, eq=False)
class RealLeadTerms:
    """A lead's terms on `rows` of the device, complex64[n_points, r, r] each: S g Sᵀ, S g Aᵀ and A g Aᵀ (its own transpose).

    ``rigid`` holds the rows that a following snapshot may have, too.
    """

    rows: slice
    sgs: Singles
    sga: Singles
    aga: Singles
    rigid: RigidRows

    @classmethod
    def of(
        cls,
        coupling: tuple[Array, Array],
        atom: Integers,
        surface: Singles,
        contour: Contour,
        former: RealLeadTerms | None = None,
    ) -> RealLeadTerms:
        """From the coupling (H, S) of the device to a lead's layer and its Green functions [n_points, m, m].

        `atom` int64[n] is the atom of each row; `former` are the terms of a snapshot before, on the same contour.
        """
        rows = nonzero_span(((coupling[0] != 0) | (coupling[1] != 0)).any(axis=1))
        h, s = (np.ascontiguousarray(part[rows], dtype=np.float32) for part in coupling)
        owner = atom[rows]
        rigid, places = (None, None) if former is None else former.rigid.unmoved((h, s), owner)
        if rigid is None or places is None or len(places) < len(owner) // 4:
            rigid = RigidRows.of((h, s), owner, surface, contour)
            return cls(rows, rigid.sgs, rigid.sga, rigid.aga, rigid)
        return cls(rows, *_completed(rigid, places, (h, s), surface, contour), rigid)

    def self_energy(self, p: int, u: RealSingles) -> Singles:
        """A g Aᵀ with shifts u float32[r] of the rows, at node p."""
        half = 0.5 * u[:, None]
        mixed = half * (self.sga[p] - self.sgs[p] * (0.5 * half.T))
        return np.asarray(self.aga[p] - mixed - mixed.T)

    def overlap(self, p: int, u: RealSingles) -> Singles:
        """S g Aᵀ with shifts."""
        return np.asarray(self.sga[p] - self.sgs[p] * (0.5 * u))


def _completed(
    rigid: RigidRows, places: Integers, coupling: tuple[RealSingles, RealSingles], surface: Singles, contour: Contour
) -> tuple[Singles, Singles, Singles]:
    """The terms of all rows; those of the rigid ones, at these places, are known."""
    r, f = len(coupling[0]), len(places)
    moved = np.setdiff1d(np.arange(r), places)
    h, s = (part[moved] for part in coupling)
    columns = nonzero_span(((h != 0) | (s != 0)).any(axis=0))
    count = len(moved)
    both = np.concatenate([s[:, columns], h[:, columns]])
    terms = np.empty((3, len(contour.nodes), r, r), dtype=np.complex64)
    of_rigid, beside, below, of_moved = (_grid(*pair) for pair in product((places, moved), repeat=2))
    for p, node in enumerate(contour.nodes):
        z = np.complex64(node)
        for term, known in zip(terms[:, p], (rigid.sgs[p], rigid.sga[p], rigid.aga[p]), strict=True):
            term[of_rigid] = known
        if count == 0:
            continue
        # the Green function is symmetric
        mutual = real_times(both, real_times(both, surface[p][columns, columns]).T)
        own = _terms(z, mutual[:count, :count], mutual[:count, count:], mutual[count:, count:])
        across = real_times(both, rigid.g_both[p, columns])
        sgs, sga = across[:count, :f], across[:count, f:]
        ags, aga = z * sgs - across[count:, :f], z * sga - across[count:, f:]
        for term, corner, one, other in zip(terms[:, p], own, (sgs, sga, aga), (sgs, ags, aga), strict=True):
            term[of_moved], term[below], term[beside] = corner, one, other.T
    return terms[0], terms[1], terms[2]


def _terms(z: np.complex64, sgs: Singles, sgh: Singles, hgh: Singles) -> tuple[Singles, Singles, Singles]:
    """S g Sᵀ, S g Aᵀ and A g Aᵀ from the products with S and H."""
    return sgs, z * sgs - sgh, z * (z * sgs - sgh - sgh.T) + hgh


def _grid(rows: Integers, columns: Integers) -> tuple[Any, Any]:
    """Index of these rows and columns, by slices where they are contiguous."""
    spans = [slice(int(i[0]), int(i[-1]) + 1) if len(i) and i[-1] - i[0] == len(i) - 1 else None for i in (rows, columns)]
    return (spans[0], spans[1]) if None not in spans else np.ix_(rows, columns)


def nonzero_span(used: NDArray[np.bool_]) -> slice:
    """From the first to the last true element."""
    places = np.flatnonzero(used)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


def times_real(matrix: Singles, real: RealSingles) -> Singles:
    """Product matrix · realᵀ in real products."""
    n, m = matrix.shape[0], real.shape[0]
    parts = np.concatenate([matrix.real, matrix.imag]) @ real.T
    out = np.empty((n, m), dtype=np.complex64)
    out.real, out.imag = parts[:n], parts[n:]
    return out


def real_times(real: RealSingles, matrix: Singles) -> Singles:
    """Product real · matrix in real products."""
    m = matrix.shape[1]
    parts = real @ np.ascontiguousarray(matrix).view(np.float32)
    return parts.view(np.complex64).reshape(len(real), m)
