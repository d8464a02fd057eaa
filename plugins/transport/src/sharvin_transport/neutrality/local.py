r"""Local charge neutrality: on-site shifts that give every atom between the leads its valence electrons.

The shifts U enter as :math:`H_{ij} \to H_{ij} + \tfrac12 S_{ij} (U_i + U_j)` and solve n_i(U) = Z_i, n_i the Mulliken
populations of the open device (:mod:`~sharvin_transport.neutrality.open_device`); in atomic contacts of metals this replaces the
self-consistent potential, because screening acts within an atom's distance (J. C. Cuevas et al., Phys. Rev. Lett. 80, 1066
(1998); F. Pauly et al., Phys. Rev. B 74, 235106 (2006)). The principal layers are neutral by themselves and keep zero shifts.

How the equations are solved is in :mod:`~sharvin_transport.neutrality.quasi_newton`.
Where transverse k-points are sampled, populations and response are their means, and one set of shifts holds for all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sharvin.errors import InputError
from sharvin.runs.cache import ContentCache, most_recent
from sharvin.two_terminal import Lead, TwoTerminal, WeightedDevice

from sharvin_transport.leads.transverse import fold
from sharvin_transport.neutrality.contour import (
    BELOW_BANDS_EV,
    MEMORY_BYTES,
    Contour,
    LeadContour,
    lowest_level,
    neutral_fermi_energy,
    sampled_populations,
)
from sharvin_transport.neutrality.lead_terms import nonzero_span
from sharvin_transport.neutrality.model import Surroundings
from sharvin_transport.neutrality.open_device import Populated, SampledDevice, Singles
from sharvin_transport.neutrality.open_device_at_k import OpenDeviceAtK
from sharvin_transport.neutrality.open_device_real import RealOpenDevice
from sharvin_transport.neutrality.quasi_newton import QuasiNewton, Shifts
from sharvin_transport.neutrality.shift_changes import ShiftChanges

Floats = NDArray[np.float64]
LEAD_CHARGE = 0.02
"""Largest charge of an atom of a lead that passes as neutral."""
_BOTTOMS = 1024


class LocalNeutrality:
    """Shifts of devices whose leads are neutral.

    Parameters
    ----------
    tolerance : float
        Largest charge of an atom that is left.
    iterations : int
        After as many evaluations of the populations without convergence the snapshot fails.
    points : int
        Nodes of the contour.
    """

    def __init__(self, tolerance: float, iterations: int, points: int) -> None:
        self.points = points
        self._solver = QuasiNewton(tolerance, iterations)
        self._leads = LeadContour()
        self._fermi_energies = ContentCache("neutral_fermi_energy")
        self._bottoms: LRUCache[tuple[str, float], float] = LRUCache(_BOTTOMS)
        self._surfaces: LRUCache[tuple[str, str, str], Singles] = most_recent(MEMORY_BYTES, attrgetter("nbytes"))

    def bottom(self, lead: Lead, lowest_onsite_eV: float) -> float:
        """Where the contour begins for a lead, in eV; the same for all snapshots."""
        key = (lead.key, lowest_onsite_eV)
        if key not in self._bottoms:
            self._bottoms[key] = min(lowest_level(lead), lowest_onsite_eV) - BELOW_BANDS_EV
        return self._bottoms[key]

    def fermi_energy(
        self,
        leads: Sequence[tuple[float, Lead]],
        electrons: Floats,
        atom: NDArray[np.int64],
        guess_eV: float,
        bottom_eV: float,
    ) -> float:
        """Fermi energy in eV at which the lead is neutral on the contour that ends there.

        Parameters
        ----------
        leads : sequence of (float, Lead)
            Weight of each transverse k-point, and the lead there.
        electrons : float64[n]
            Valence electrons of the atoms of a principal layer.
        atom : int64[m]
            For each orbital of the layer the number of its atom.
        guess_eV, bottom_eV : float

        Raises
        ------
        InputError
            If the lead's atoms are charged in spite of that, because they are not equivalent.
        """
        keys = " ".join(lead.key for _, lead in leads)
        folded = b"".join(lead.supercell.orbitals.tobytes() for _, lead in leads if lead.supercell)
        weights = " ".join(repr(weight) for weight, _ in leads)
        total = float(electrons.sum())
        content = f"3 {keys} {weights} {total!r} {guess_eV!r} {bottom_eV!r} {self.points}".encode() + folded
        key = hashlib.blake2b(content, digest_size=20).hexdigest()

        def compute() -> dict[str, Floats]:
            fermi = neutral_fermi_energy(leads, total, guess_eV, bottom_eV, self.points)
            contour = Contour.below(fermi, bottom_eV, self.points)
            populations = sampled_populations(leads, contour, [self._leads.surfaces(lead, contour) for _, lead in leads])
            return {"fermi_energy_eV": np.array(fermi), "populations": populations}

        arrays = self._fermi_energies.get_or_compute(key, compute)
        charges = electrons - np.bincount(atom, arrays["populations"], len(electrons))
        if np.abs(charges).max() > LEAD_CHARGE:
            raise InputError(
                f"the atoms of a lead carry charges up to {np.abs(charges).max():.2f} e of their own; local charge neutrality "
                "needs leads of equivalent atoms: electrodes of one element, periodic in x and y."
            )
        return float(arrays["fermi_energy_eV"])

    def shifts(
        self,
        at_k: Sequence[WeightedDevice],
        names: list[str],
        electrons: Floats,
        atom: NDArray[np.int64],
        bottom_eV: float,
        start: Shifts | None,
        structure: Surroundings,
    ) -> Shifts:
        """Shifts of the atoms between the leads.

        Parameters
        ----------
        at_k : sequence of (float, TwoTerminal)
            Weight and device of each transverse k-point, of k and −k one; without shifts, the Fermi energy that of
            :meth:`fermi_energy`.
        names : list of str
            The atoms between the leads, as messages call them.
        electrons : float64[atoms]
            Their valence electrons.
        atom : int64[n]
            For each orbital of the device the number of its atom, −1 in the principal layers.
        bottom_eV : float
        start : Shifts or None
            Those of the geometry before in a series; otherwise zero is the start.
        structure : Surroundings
            The geometry, whose chosen atoms are those between the leads.

        Raises
        ------
        ItemError
            If they do not converge.
        """
        contour = Contour.below(at_k[0][1].fermi_energy_eV, bottom_eV, self.points)
        frame = " ".join([contour.key, *(lead.key for _, system in at_k for lead in (system.left, system.right))])
        alike = start is not None and start.frame == frame
        formers = start.devices if start is not None and alike else (None,) * len(at_k)
        opened = [self._opened(system, atom, contour, former) for (_, system), former in zip(at_k, formers, strict=True)]
        device = opened[0] if len(opened) == 1 else SampledDevice(tuple(weight for weight, _ in at_k), tuple(opened))
        changes = None if start is None else start.changes
        if start is not None and changes is not None:
            start = replace(start, values=changes.expected(structure))
        found = self._solver.solve(device, names, electrons, start)
        known = ShiftChanges.first(structure, found.values) if changes is None else changes.following(structure, found.values)
        rigid = tuple(device if isinstance(device, RealOpenDevice) else None for device in opened)
        return replace(found, changes=known, devices=rigid, frame=frame)

    def _opened(self, system: TwoTerminal, atom: NDArray[np.int64], contour: Contour, former: RealOpenDevice | None) -> Populated:
        surfaces = (self._folded(system.left, "left", contour), self._folded(system.right, "right", contour))
        leads = (system.left.H00, system.left.S00, system.right.H00, system.right.S00)
        if any(np.iscomplexobj(matrix) for matrix in (system.H.data, system.S.data, *leads)):
            return OpenDeviceAtK(system, atom, contour, surfaces)
        return RealOpenDevice(system, atom, contour, surfaces, former)

    def _folded(self, lead: Lead, side: str, contour: Contour) -> Singles:
        """Surface Green functions of a lead in real space, complex64[n_points, m, m]."""
        key = (lead.key, side, contour.key)
        if key not in self._surfaces:
            states = self._leads.surfaces(lead, contour)[0 if side == "left" else 1]
            folded = np.empty((len(states), lead.size, lead.size), dtype=np.complex64)
            for p, state in enumerate(states):
                folded[p] = state[0] if lead.supercell is None else fold(state, lead.supercell)
            self._surfaces[key] = folded
        return self._surfaces[key]


def shifted(system: TwoTerminal, atom: NDArray[np.int64], shifts: Floats) -> TwoTerminal:
    """The device with its on-site shifts; `atom` int64[n] is the atom of each orbital, −1 in the principal layers."""
    half = np.where(atom >= 0, 0.5 * shifts[atom], 0.0)
    H, S = system.H, system.S
    if not (np.array_equal(H.indptr, S.indptr) and np.array_equal(H.indices, S.indices)):
        added = (half[S.indices] + np.repeat(half, np.diff(S.indptr))) * S.data
        return replace(system, H=csr_array(H + csr_array((added, S.indices, S.indptr), shape=S.shape)))
    data = H.data.copy()
    inner = nonzero_span(atom >= 0)
    rows = slice(int(S.indptr[inner.start]), int(S.indptr[inner.stop]))
    own = np.repeat(half[inner], np.diff(S.indptr[inner.start : inner.stop + 1]))
    data[rows] += (half[S.indices[rows]] + own) * S.data[rows]
    # most of what the principal layers hold couples them to themselves and stays
    for outer in (slice(0, rows.start), slice(rows.stop, len(data))):
        columns = S.indices[outer]
        places = np.flatnonzero((columns >= inner.start) & (columns < inner.stop))
        data[places + outer.start] += half[columns[places]] * S.data[places + outer.start]
    return replace(system, H=csr_array((data, H.indices, H.indptr), shape=H.shape))
