"""Leads of ideal electrodes by a two-centre table, at each transverse k-point, and the Fermi energies that fill them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sharvin.devices.lead_filling import sampled_fermi_energy
from sharvin.devices.transverse_states import with_supercell
from sharvin.errors import InputError
from sharvin.junction import Electrode
from sharvin.runs.cache import ContentCache
from sharvin.two_terminal import BlochHamiltonian, Lead, Matrix

from sharvin_transport.slater_koster.table_orbitals import TableOrbitals

Floats = NDArray[np.float64]
KEPT_ELECTRODES = 16
"""Electrodes of which the leads are kept."""


@dataclass(frozen=True, eq=False)
class SampledLead:
    """Weight and lead of each transverse k-point, and the valence electrons of a principal layer."""

    weighted: tuple[tuple[float, Lead], ...]
    electrons: float

    @property
    def at_k(self) -> list[Lead]:
        """The lead at each k-point."""
        return [lead for _, lead in self.weighted]


class TableLeads:
    """Leads of electrodes, one object for all snapshots.

    Parameters
    ----------
    orbitals : TableOrbitals
    k_points : float64[n_k, 2]
        In units of the reciprocal cell vectors.
    weights : float64[n_k]
        Their sum is 1.
    smearing_K : float
        Temperature of the Fermi function that fills the bands.
    """

    def __init__(self, orbitals: TableOrbitals, k_points: Floats, weights: Floats, smearing_K: float) -> None:
        self.orbitals, self.k_points, self.weights, self.smearing_K = orbitals, k_points, weights, smearing_K
        self._leads: LRUCache[bytes, SampledLead] = LRUCache(KEPT_ELECTRODES)
        self._filled: LRUCache[bytes, float] = LRUCache(KEPT_ELECTRODES)
        self._fermi_energies = ContentCache("fermi_energy")

    def of(self, electrode: Electrode) -> SampledLead:
        """The lead of an electrode.

        Raises
        ------
        InputError
            If a principal layer is thinner than the range of the Hamiltonian.
        """
        if electrode.key not in self._leads:
            bloch = self.orbitals.bloch(electrode.crystal())
            along = bloch.translations[:, 2]
            if np.abs(along).max() > 1 and np.abs(bloch.H_R[np.abs(along) > 1]).max() > 0.0:
                raise InputError(
                    "a principal layer couples beyond its neighbours; it must be thicker than the Hamiltonian's range."
                )
            leads = [self._at(electrode, bloch, k) for k in self.k_points]
            weighted = tuple(zip(map(float, self.weights), leads, strict=True))
            self._leads[electrode.key] = SampledLead(weighted, bloch.electrons)
        return self._leads[electrode.key]

    def fermi_energy(self, electrode: Electrode) -> float:
        """Fermi energy in eV: the bands at the transverse k-points hold the valence electrons."""
        if electrode.key not in self._filled:
            lead = self.of(electrode)
            folded = b"".join(one.supercell.orbitals.tobytes() for one in lead.at_k if one.supercell)
            keys = " ".join(one.key for one in lead.at_k)
            content = f"2 {keys} {lead.electrons!r} {self.smearing_K!r}".encode() + folded
            key = hashlib.blake2b(content, digest_size=20).hexdigest()

            def compute() -> dict[str, Floats]:
                return {"fermi_energy_eV": np.array(sampled_fermi_energy(lead.weighted, lead.electrons, self.smearing_K))}

            self._filled[electrode.key] = float(self._fermi_energies.get_or_compute(key, compute)["fermi_energy_eV"])
        return self._filled[electrode.key]

    def _at(self, electrode: Electrode, bloch: BlochHamiltonian, k: Floats) -> Lead:
        along = bloch.translations[:, 2]
        blocks: list[Matrix] = []
        for matrix in (bloch.H_R, bloch.S_R):
            for shift in (0, 1):
                chosen = along == shift
                cells = bloch.translations[chosen, :2]
                blocks.append(np.tensordot(phases(cells, k), matrix[chosen], 1) if k.any() else matrix[chosen].sum(axis=0))
        count = self.orbitals.count(electrode.numbers)
        if k.any():
            gauge = np.repeat(phases(transverse_cells(electrode), k), count)
            blocks = [gauge.conj()[:, None] * block * gauge for block in blocks]
        lead = Lead(H00=blocks[0], H01=blocks[1], S00=blocks[2], S01=blocks[3])
        if electrode.order.shape[:2] != (1, 1):
            lead = with_supercell(lead, electrode.order, count)
        return lead


def transverse_cells(electrode: Electrode) -> Floats:
    """Where in the transverse cell, as fractions of it, the primitive cell of each atom is, float64[n, 2].

    Orbitals of the electrodes take the Bloch phase of that place, so that shifts by primitive cells leave the lead as it is.
    """
    n1, n2, _ = electrode.order.shape
    place = np.stack(np.meshgrid(np.arange(n1) / n1, np.arange(n2) / n2, indexing="ij"), axis=-1)
    found = np.empty((len(electrode.numbers), 2))
    found[electrode.order] = place[:, :, None, :]
    return found


def phases(cells: NDArray[np.int64] | Floats, k: Floats) -> NDArray[np.complex128]:
    """Bloch phases of transverse cells [n, 2] at k, in units of the reciprocal vectors."""
    return np.asarray(np.exp(2j * np.pi * (cells @ k)))
