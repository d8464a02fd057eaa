"""Devices without any symmetry that could hide a mistake: random complex H and S, several orbitals, leads of different sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sharvin.two_terminal import Lead, TwoTerminal

ENERGIES_EV = np.array([-0.35, 0.0, 0.4])
"""Energies relative to the Fermi energy, inside the bands and away from the band edges of the devices that the kit draws."""


def random_device(
    seed: int, *, left: int = 2, right: int = 4, complex_valued: bool = True, overlap: bool = True, rank: int | None = None
) -> TwoTerminal:
    """Two principal layers of each lead with two random layers between them.

    Parameters
    ----------
    seed : int
    left, right : int
        Orbitals in a principal layer of the two leads.
    complex_valued : bool
        Whether H and S are complex.
    overlap : bool
        Whether orbitals overlap; S = 1 otherwise.
    rank : int, optional
        Rank of H01 and S01 of both leads: orbitals beyond it do not reach the next principal layer. Default: all reach it.
    """
    rng = np.random.default_rng(seed)

    def draw(rows: int, columns: int) -> NDArray[Any]:
        real = rng.normal(size=(rows, columns))
        return real + 1j * rng.normal(size=(rows, columns)) if complex_valued else real

    def lead(size: int) -> Lead:
        h00, s00, h01, s01 = (draw(size, size) for _ in range(4))
        if rank is not None:
            for block in (h01, s01):
                block[rank:], block[:, : size - rank] = 0.0, 0.0
        strength = 1.0 if overlap else 0.0
        S00 = np.eye(size) + 0.04 * strength * (s00 + s00.conj().T)
        return Lead(0.15 * (h00 + h00.conj().T), 0.7 * h01, S00, 0.05 * strength * s01)

    leads = lead(left), lead(right)
    sizes = [left, left, 3, 2, right, right]
    inner = [leads[0], leads[0], None, None, leads[1], leads[1]]
    ends = np.cumsum(sizes)
    H, S = np.zeros((2, ends[-1], ends[-1]), dtype=complex if complex_valued else float)
    for layer, (size, end) in enumerate(zip(sizes, ends, strict=True)):
        own, following = slice(end - size, end), slice(end, end + (sizes[layer + 1] if layer < 5 else 0))
        known, h, s = inner[layer], draw(size, size), draw(size, size)
        H[own, own] = known.H00 if known else 0.3 * (h + h.conj().T)
        S[own, own] = known.S00 if known else np.eye(size) + 0.04 * overlap * (s + s.conj().T)
        if layer < 5:
            crystal = known is not None and inner[layer + 1] is known
            between = draw(size, sizes[layer + 1]), draw(size, sizes[layer + 1])
            H[own, following] = known.H01 if crystal and known else 0.6 * between[0]
            S[own, following] = known.S01 if crystal and known else 0.04 * overlap * between[1]
            H[following, own], S[following, own] = H[own, following].conj().T, S[own, following].conj().T
    return TwoTerminal(csr_array(H), csr_array(S), *leads, fermi_energy_eV=0.25)


def in_another_basis(system: TwoTerminal, seed: int, complex_valued: bool = True) -> TwoTerminal:
    """The same device of :func:`random_device` in random non-unitary combinations of each layer's orbitals: C†HC and C†SC."""
    rng = np.random.default_rng(seed)

    def change(size: int) -> NDArray[Any]:
        real = rng.normal(size=(size, size))
        return np.eye(size) + 0.35 * (real + 1j * rng.normal(size=(size, size)) if complex_valued else real)

    left, right = change(system.left.size), change(system.right.size)
    inner = change(system.size - 2 * (len(left) + len(right)))
    whole = np.zeros((system.size, system.size), dtype=inner.dtype)
    start = 0
    for block in (left, left, inner, right, right):
        whole[start : start + len(block), start : start + len(block)] = block
        start += len(block)

    def turned(lead: Lead, C: NDArray[Any]) -> Lead:
        return Lead(*(C.conj().T @ block @ C for block in (lead.H00, lead.H01, lead.S00, lead.S01)))

    H, S = (whole.conj().T @ matrix.toarray() @ whole for matrix in (system.H, system.S))
    H, S = (0.5 * (matrix + matrix.conj().T) for matrix in (H, S))
    return replace(system, H=csr_array(H), S=csr_array(S), left=turned(system.left, left), right=turned(system.right, right))
