r"""What is learnt of each atom, how it enters a device, and what the transmission responds to it.

Every atom i between the principal layers has values v_i, one for each term:

- ``onsite``: a shift u_i of all its orbitals;
- ``shells``: shifts of its s, p and d orbitals apart. Shifts of orbitals enter as
  :math:`H_{kl} \to H_{kl} + \tfrac12 S_{kl} (u_k + u_l)`;
- ``hoppings``: :math:`H_{ij} \to H_{ij} + f_{ij} (H_{ij} - E_F S_{ij})` between the orbitals of two atoms at distance r, with
  :math:`f_{ij} = \tfrac12 \sum_q R_q(r) (v_{iq} + v_{jq})`, R_0 a step that ends smoothly beyond the nearest neighbours and R_1
  the same times the strain of the bond. What is scaled does not depend on the zero of energy.

H is linear in all of them. Atoms of the principal layers have v = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bsr_array, csr_array
from sharvin.junction import Electrode, Junction
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.learnt_shifts.configs import VALUES
from sharvin_transport.neutrality.local import shifted
from sharvin_transport.rgf.onsite_response import Response
from sharvin_transport.slater_koster.device_matrix import present_orbitals
from sharvin_transport.slater_koster.device_order import RIGHT_LEAD, DeviceOrder
from sharvin_transport.slater_koster.table_orbitals import TableOrbitals

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
TERMS = {term: VALUES[term] for term in ("onsite", "shells", "hoppings")}
"""Names of the values of an atom, by what is learnt."""
_SHELL = np.array([0, 1, 1, 1, 2, 2, 2, 2, 2])
_TAPER = (1.15, 1.45)
"""Where R falls to zero, in units of the electrodes' shortest bond."""
_STRAIN = 0.1
"""Strain at which R_1 is as large as R_0."""


def shortest_bond(electrode: Electrode) -> float:
    """Distance of nearest neighbours in the lead, in Å."""
    crystal = electrode.crystal()
    farthest = 3.0
    while True:
        pairs = neighbour_pairs(crystal.positions, crystal.cell.array, crystal.pbc, farthest, full=False)
        if len(pairs):
            return float(pairs.distance.min())
        farthest *= 1.5


@dataclass(frozen=True, eq=False)
class ScaledBonds:
    """Pairs of atoms of a device whose hoppings may change.

    Parameters
    ----------
    first, second : int64[p]
        In the order of the device.
    blocks : float64[p, m, m]
        H − E_F S of the table, in eV.
    radial : float64[p, 2]
        R_q of the bond.
    """

    first: Integers
    second: Integers
    blocks: Floats
    radial: Floats


class DeviceTerms:
    """The terms of one device.

    Parameters
    ----------
    terms : sequence of str
        Of :data:`TERMS`.
    system : TwoTerminal
        The device that the terms change.
    junction : Junction
    orbitals : TableOrbitals
    bond_A : float
        Shortest bond of the electrodes.
    reach_A : float
        Range of the table.
    """

    def __init__(
        self,
        terms: Sequence[str],
        system: TwoTerminal,
        junction: Junction,
        orbitals: TableOrbitals,
        bond_A: float,
        reach_A: float,
    ) -> None:
        self.terms, self.system = tuple(terms), system
        junction, left, right = junction.electrodes()
        self._placed = DeviceOrder.of(junction, left, right, reach_A)
        numbers = np.asarray(junction.atoms.numbers, dtype=np.int64)[self._placed.order]
        self._count = orbitals.count(numbers)
        inside = self._is_inside = np.abs(self._placed.zone) < RIGHT_LEAD
        self._rank = np.full(len(numbers), -1)
        self._rank[inside] = np.argsort(np.argsort(self._placed.inside))
        self.atoms = int(inside.sum())
        self._atom = np.repeat(np.arange(len(numbers)), self._count)
        self._bonds = self._found_bonds(junction, numbers, orbitals, bond_A) if "hoppings" in self.terms else None

    def changed(self, values: Floats) -> TwoTerminal:
        """The device with these values float64[atoms, number of names] of the atoms in the order of the structure."""
        system, column = self.system, 0
        for term in self.terms:
            own = values[:, column : column + len(TERMS[term])]
            column += len(TERMS[term])
            if not own.any():
                continue
            if term == "hoppings":
                system = replace(system, H=csr_array(system.H + self._scaled(own)))
            else:
                system = shifted(system, self._groups(own.shape[1]), own.ravel())
        return system

    def derivatives(self, response: Response) -> Floats:
        """DT by all values, float64[atoms, number of names], of the device that the response is of."""
        found = []
        for term in self.terms:
            width = len(TERMS[term])
            if term == "hoppings":
                found.append(self._by_bonds(response))
            else:
                flat = response.to_shifts(self._groups(width), self.atoms * width)
                found.append(flat.reshape(self.atoms, width))
        return np.concatenate(found, axis=1)

    def _groups(self, width: int) -> Integers:
        """For each orbital the place of its shift among those of all atoms, by shells if `width` is 3; −1 for none."""
        rank = self._rank[self._atom]
        if width == 1:
            return rank
        place = np.arange(len(self._atom)) - (np.cumsum(self._count) - self._count)[self._atom]
        return np.where(rank >= 0, rank * width + _SHELL[place], -1)

    def _found_bonds(self, junction: Junction, numbers: Integers, orbitals: TableOrbitals, bond_A: float) -> ScaledBonds:
        placed, atoms = self._placed, junction.atoms
        pairs = neighbour_pairs(placed.positions, atoms.cell.array, atoms.pbc, _TAPER[1] * bond_A, full=False)
        pairs = pairs.take(self._is_inside[pairs.first] | self._is_inside[pairs.second])
        hopping, overlap = orbitals.pair_blocks(numbers, pairs)
        ratio = pairs.distance / bond_A
        u = np.clip((ratio - _TAPER[1]) / (_TAPER[1] - _TAPER[0]) + 1.0, 0.0, 1.0)
        taper = 1.0 - u**3 * (10.0 - 15.0 * u + 6.0 * u * u)
        radial = np.stack([taper, taper * (ratio - 1.0) / _STRAIN], axis=1)
        return ScaledBonds(pairs.first, pairs.second, hopping - self.system.fermi_energy_eV * overlap, radial)

    def _scaled(self, values: Floats) -> csr_array:
        """What factors of the bonds add to H."""
        bonds = self._bonds
        assert bonds is not None
        every = np.concatenate([values, np.zeros((1, values.shape[1]))])[self._rank]
        factor = 0.5 * (bonds.radial * (every[bonds.first] + every[bonds.second])).sum(axis=1)
        blocks = factor[:, None, None] * bonds.blocks
        n, m = len(self._count), bonds.blocks.shape[1]
        row = np.concatenate([bonds.first, bonds.second])
        column = np.concatenate([bonds.second, bonds.first])
        both = np.concatenate([blocks, blocks.transpose(0, 2, 1)])
        order = np.lexsort((column, row))
        indptr = np.searchsorted(row[order], np.arange(n + 1))
        added = bsr_array((both[order], column[order], indptr), shape=(n * m, n * m)).tocsr()
        added.sum_duplicates()
        present = present_orbitals(self._count)
        return csr_array(added if present.all() else added[present][:, present])

    def _by_bonds(self, response: Response) -> Floats:
        bonds = self._bonds
        assert bonds is not None
        m = bonds.blocks.shape[1]
        start = np.cumsum(self._count) - self._count
        orbitals = np.where(np.arange(m) < self._count[:, None], start[:, None] + np.arange(m), -1)
        by_factor = response.to_blocks(bonds.first, bonds.second, bonds.blocks, orbitals)
        by_radial = 0.5 * by_factor[:, None] * bonds.radial
        total = np.zeros((len(self._count), bonds.radial.shape[1]))
        for atoms in (bonds.first, bonds.second):
            for q in range(total.shape[1]):
                total[:, q] += np.bincount(atoms, by_radial[:, q], len(total))
        inside = self._rank >= 0
        out = np.empty((self.atoms, total.shape[1]))
        out[self._rank[inside]] = total[inside]
        return out
