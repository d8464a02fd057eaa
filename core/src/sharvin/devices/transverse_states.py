r"""Transverse Bloch states of a lead, and its blocks in each of them.

A lead that repeats a primitive cell N1 × N2 times is block-diagonal in transverse Bloch states: with *c = (i, j)* the cells,
:math:`A(k) = \sum_c e^{2\pi i k \cdot c} A_{0 \mu, c \nu}` for k = (a/N1, b/N2).

It is part of the core because the blocks of a lead and its :class:`~sharvin.two_terminal.Supercell` alone decide it; the channels
of :mod:`sharvin.devices.lead_channels` and the solvers' surface Green functions start from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharvin.two_terminal import Lead, Supercell

Complexes = NDArray[np.complex128]
INVARIANCE_EV = 1e-8


def unfold(block: NDArray[np.float64] | Complexes, supercell: Supercell) -> Complexes:
    """Bloch blocks complex128[N1·N2, m, m] of a lead block [n, n]."""
    n1, n2 = supercell.repeats
    m = supercell.orbitals.shape[2]
    row = block[supercell.orbitals[0, 0]][:, supercell.orbitals.reshape(-1)].reshape(m, n1, n2, m)
    return np.ascontiguousarray((np.fft.ifft2(row, axes=(1, 2)) * (n1 * n2)).transpose(1, 2, 0, 3).reshape(n1 * n2, m, m))


def bloch_blocks(lead: Lead) -> tuple[Complexes, Complexes, Complexes, Complexes, NDArray[np.float64]]:
    """H00, H01, S00, S01 by transverse Bloch state, [n_k, m, m], and the weight of each state.

    With a real Hamiltonian the states k and −k are each other's complex conjugates: one of them is kept, with weight 2.
    """
    blocks = (lead.H00, lead.H01, lead.S00, lead.S01)
    if lead.supercell is None:
        h00, h01, s00, s01 = (np.asarray(b, dtype=np.complex128)[None] for b in blocks)
        return h00, h01, s00, s01, np.ones(1)
    keep, weight = kept_states(lead)
    h00, h01, s00, s01 = (unfold(b, lead.supercell)[keep] for b in blocks)
    return h00, h01, s00, s01, weight


def kept_states(lead: Lead) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices of the transverse Bloch states that need computing, and their weights."""
    if lead.supercell is None:
        return np.zeros(1, dtype=np.int64), np.ones(1)
    n1, n2 = lead.supercell.repeats
    index = np.arange(n1 * n2)
    if any(np.iscomplexobj(b) for b in (lead.H00, lead.H01, lead.S00, lead.S01)):
        return index, np.ones(len(index))
    opposite = (-(index // n2) % n1) * n2 + (-(index % n2)) % n2
    keep = index[index <= opposite]
    return keep, np.where(keep == opposite[keep], 1.0, 2.0)


def with_supercell(lead: Lead, order: NDArray[np.int64], count: NDArray[np.int64]) -> Lead:
    """The lead with the transverse repeats of its atoms, if its blocks have them, too.

    Parameters
    ----------
    lead : Lead
    order : int64[N1, N2, m]
        Which atom is atom m of the primitive transverse cell, as in :class:`~sharvin.junction.Electrode`.
    count : int64[n_atoms]
        Orbitals of each atom.
    """
    if order.shape[:2] == (1, 1):
        return lead
    supercell = Supercell(_orbital_order(order, count))
    if invariance_error(lead, supercell) >= INVARIANCE_EV:
        return lead
    return Lead(lead.H00, lead.H01, lead.S00, lead.S01, supercell)


def invariance_error(lead: Lead, supercell: Supercell) -> float:
    """Largest change of the lead's blocks under a transverse shift by one cell, in eV."""
    worst = 0.0
    for axis in (0, 1):
        old = supercell.orbitals.reshape(-1)
        new = np.roll(supercell.orbitals, 1, axis=axis).reshape(-1)
        for block in (lead.H00, lead.H01, lead.S00, lead.S01):
            worst = max(worst, float(np.abs(block[np.ix_(old, old)] - block[np.ix_(new, new)]).max()))
    return worst


def _orbital_order(order: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Orbital indices [N1, N2, orbitals of the primitive cell]."""
    start = np.cumsum(count) - count
    n1, n2, _ = order.shape
    cells = [np.concatenate([start[a] + np.arange(count[a]) for a in cell]) for cell in order.reshape(n1 * n2, -1)]
    return np.array(cells, dtype=np.int64).reshape(n1, n2, -1)
