"""Two-terminal devices of Hamiltonians that give blocks between atoms: leads, centre, Fermi energy.

The leads are the ideal crystals of the electrodes, periodic along z. The device is computed inside a longer wire, to the ends of
which ideal principal layers are added, so that no atom of it sees a free end: what the Hamiltonian of a pair depends on may be
farther away than the pair is long. Its outermost principal layers then take the lead's blocks. All at transverse Γ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from ase import Atoms
from cachetools import LRUCache
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.devices.common_level import common_fermi_energy
from sharvin.devices.lead_filling import lead_fermi_energy
from sharvin.devices.transverse_states import with_supercell
from sharvin.errors import InputError
from sharvin.junction import Electrode, Junction
from sharvin.two_terminal import Lead, TwoTerminal

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SMEARING_K = 300.0
KEPT_ELECTRODES = 16
"""Electrodes of which the leads are kept."""
_OF_A_SNAPSHOT = ("numbers", "positions", "momenta")
"""Arrays that are known of an electrode, or differ between snapshots of one and the same."""


@dataclass(frozen=True, eq=False)
class FilledLead:
    """A lead, the valence electrons of a principal layer, and the temperature of the Fermi function that fills its bands."""

    lead: Lead
    electrons: float
    smearing_K: float

    @cached_property
    def fermi_energy_eV(self) -> float:
        """Where the bands at transverse Γ hold the electrons; InputError if they cannot."""
        return lead_fermi_energy(self.lead, self.electrons, self.smearing_K)


@dataclass(frozen=True)
class DeviceOfBlocks:
    """Makes devices of a Hamiltonian that gives blocks; one object for all snapshots, as it keeps the leads of their electrodes.

    Parameters
    ----------
    blocks : callable
        Gives the blocks of any structure.
    reach_A : float
        Length of the longest pair in Å.
    sees_A : float
        Distance in Å up to which atoms have a say in the block of a pair, counted from either of its atoms.
    smearing_K : float
        Temperature of the Fermi function that fills the bands of the leads.
    """

    blocks: Callable[[Atoms], HamiltonianBlocks]
    reach_A: float
    sees_A: float
    smearing_K: float = SMEARING_K
    _leads: LRUCache[bytes, FilledLead] = field(default_factory=lambda: LRUCache(KEPT_ELECTRODES), init=False, repr=False)

    def two_terminal(self, junction: Junction, fermi_energy_eV: float | None = None) -> TwoTerminal:
        """The device of a junction.

        Parameters
        ----------
        junction : Junction
        fermi_energy_eV : float, optional
            On the scale of H; by default the valence electrons of the leads decide it.

        Raises
        ------
        InputError
            If a principal layer is thinner than the range, or the leads have different Fermi energies.
        """
        junction, left, right = junction.electrodes()
        for side, electrode in (("left", left), ("right", right)):
            if electrode.period_A < self.reach_A - 1e-3:
                raise InputError(
                    f"the {side} principal layer is {electrode.period_A:.2f} Å thick, the Hamiltonian reaches "
                    f"{self.reach_A:.2f} Å; detect the junction with the Hamiltonian's range_A."
                )
        ends = [(left, junction.left), (right, junction.right)]
        at_left, at_right = (self.lead(electrode, _arrays_of(junction.atoms, chosen)) for electrode, chosen in ends)
        if fermi_energy_eV is not None and left.key == right.key:
            level = fermi_energy_eV
        else:
            level = common_fermi_energy(at_left.fermi_energy_eV, at_right.fermi_energy_eV, fermi_energy_eV, neutral=False)
        H, S, atom = self._device(junction, left, right, at_left.lead, at_right.lead)
        return TwoTerminal(H, S, at_left.lead, at_right.lead, level, atom)

    def lead(self, electrode: Electrode, arrays: dict[str, NDArray[np.generic]]) -> FilledLead:
        """The lead of an electrode.

        Parameters
        ----------
        electrode : Electrode
        arrays : dict of str to array
            Further arrays of its atoms.

        Raises
        ------
        InputError
            If a principal layer couples beyond its neighbours.
        """
        named = b"".join(f"{name} {arrays[name].dtype.str} ".encode() + arrays[name].tobytes() for name in sorted(arrays))
        key = electrode.key + hashlib.blake2b(named, digest_size=20).digest()
        if key not in self._leads:
            lead, electrons = self._lead(electrode, arrays)
            self._leads[key] = FilledLead(lead, electrons, self.smearing_K)
        return self._leads[key]

    def _lead(self, electrode: Electrode, arrays: dict[str, NDArray[np.generic]]) -> tuple[Lead, float]:
        """The lead, and the valence electrons of a principal layer."""
        crystal = electrode.crystal()
        for name, values in arrays.items():
            crystal.set_array(name, values)
        blocks = self.blocks(crystal)
        along = blocks.image[:, 2]
        if np.abs(along).max(initial=0) > 1:
            raise InputError("a principal layer couples beyond its neighbours; it must be thicker than the Hamiltonian's range.")
        count = blocks.count
        n = int(count.sum())
        home = _matrices(blocks, along == 0, n)
        ahead, back = _matrices(blocks, along == 1, n, onsite=False), _matrices(blocks, along == -1, n, onsite=False)
        h00, s00 = (_both(one).toarray() for one in home)
        h01, s01 = ((one + other.T).toarray() for one, other in zip(ahead, back, strict=True))
        return with_supercell(Lead(h00, h01, s00, s01), electrode.order, count), blocks.electrons

    def _device(
        self, junction: Junction, left: Electrode, right: Electrode, at_left: Lead, at_right: Lead
    ) -> tuple[csr_array, csr_array, Integers]:
        atoms = junction.atoms
        inside = np.setdiff1d(np.arange(len(atoms)), np.concatenate([junction.left, junction.right]))
        inside = inside[np.argsort(atoms.positions[inside, 2], kind="stable")]
        order = np.concatenate([junction.left, inside, junction.right])
        device = atoms[order]
        n_left, n_right = len(junction.left), len(junction.right)
        device.positions[:n_left] = left.place(atoms.positions[junction.left], "left")
        device.positions[len(order) - n_right :] = right.place(atoms.positions[junction.right], "right")
        longer = self._longer(device, n_left, n_right, left, right)
        blocks = self.blocks(longer)
        count = blocks.count
        n_device = len(device)
        kept = (blocks.first < n_device) & (blocks.second < n_device)
        size = int(count[:n_device].sum())
        matrices = []
        m_left, m_right = at_left.size, at_right.size
        zone = np.repeat([-1, 0, 1], [m_left, size - m_left - m_right, m_right])
        for half, blocks_of_lead in zip(
            _matrices(blocks, kept, size, atoms=n_device),
            ((at_left.H00, at_right.H00), (at_left.S00, at_right.S00)),
            strict=True,
        ):
            full = _both(half).tocoo()
            row, column = full.coords
            between = (zone[row] == 0) | (zone[row] != zone[column])
            parts = [(row[between], column[between], full.data[between])]
            for block, begin in zip(blocks_of_lead, (0, size - m_right), strict=True):
                i, j = np.nonzero(block)
                parts.append((i + begin, j + begin, np.asarray(block[i, j], dtype=np.float64)))
            rows, columns, values = (np.concatenate(one) for one in zip(*parts, strict=True))
            matrices.append(csr_array(coo_array((values, (rows, columns)), shape=(size, size))))
        return matrices[0], matrices[1], np.repeat(order, count[:n_device])

    def _longer(self, device: Atoms, n_left: int, n_right: int, left: Electrode, right: Electrode) -> Atoms:
        """The device with ideal principal layers beyond its ends, its own atoms first."""
        longer: Atoms = device.copy()
        longer.pbc = [*device.pbc[:2], False]
        for part, electrode, sign in (
            (device[:n_left], left, -1.0),
            (device[len(device) - n_right :], right, 1.0),
        ):
            # pairs begin in the outermost principal layer at most; what they depend on lies `sees_A` further out
            for number in range(1, int(np.ceil(self.sees_A / electrode.period_A)) + 1):
                beyond = part.copy()
                beyond.positions += sign * number * electrode.cell[2]
                longer += beyond
        return longer


def _arrays_of(atoms: Atoms, chosen: Integers) -> dict[str, NDArray[np.generic]]:
    """Arrays of some atoms besides those that any structure has."""
    return {name: values[chosen] for name, values in atoms.arrays.items() if name not in _OF_A_SNAPSHOT}


def _matrices(
    blocks: HamiltonianBlocks, chosen: NDArray[np.bool_], size: int, atoms: int | None = None, onsite: bool = True
) -> tuple[csr_array, csr_array]:
    """H and S of the chosen pairs, in their one direction, and half of the on-site blocks of the first `atoms` atoms."""
    present, count = blocks.present, blocks.count
    start = np.cumsum(count) - count
    orbital = start[:, None] + np.arange(present.shape[1])
    first, second = blocks.first[chosen], blocks.second[chosen]
    within = present[first][:, :, None] & present[second][:, None, :]
    row = np.broadcast_to(orbital[first][:, :, None], within.shape)[within]
    column = np.broadcast_to(orbital[second][:, None, :], within.shape)[within]
    n = len(blocks.atoms) if atoms is None else atoms
    own = present[:n, :, None] & present[:n, None, :]
    own_row = np.broadcast_to(orbital[:n, :, None], own.shape)[own]
    own_column = np.broadcast_to(orbital[:n, None, :], own.shape)[own]
    found = []
    identity = np.broadcast_to(np.eye(present.shape[1]), (n, present.shape[1], present.shape[1]))
    for hopping, diagonal in ((blocks.H, blocks.H_onsite), (blocks.S, blocks.S_onsite)):
        parts = []
        if hopping is not None:
            parts.append((row, column, hopping[chosen][within]))
        if onsite:
            parts.append((own_row, own_column, 0.5 * (identity if diagonal is None else diagonal[:n])[own]))
        if not parts:
            found.append(csr_array((size, size)))
            continue
        rows, columns, values = (np.concatenate(one) for one in zip(*parts, strict=True))
        found.append(csr_array(coo_array((values, (rows, columns)), shape=(size, size))))
    return found[0], found[1]


def _both(half: csr_array) -> csr_array:
    """Both directions."""
    return csr_array(half + half.T)
