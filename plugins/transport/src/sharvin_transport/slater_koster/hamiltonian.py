"""The Hamiltonian `slater_koster`: H and S of spd orbitals from two-centre tables, for junctions and for crystals.

A junction's device is [left principal layer | centre | right principal layer]. The principal layers take the blocks of the
ideal bulk lead exactly; everything that touches the centre comes from the snapshot's positions. On-site energies are the
table's, moved by the shifts of local charge neutrality where that is asked for: solved for each snapshot
(:mod:`~sharvin_transport.neutrality.local`) or predicted by a model (:mod:`~sharvin_transport.neutrality.model`). Of several
transverse k-points each has a device and leads of its own; Fermi energy and shifts are common to them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.devices.brillouin import monkhorst_pack
from sharvin.devices.common_level import common_fermi_energy
from sharvin.errors import InputError, ItemError
from sharvin.junction import Electrode, Junction
from sharvin.protocols import Reference
from sharvin.two_terminal import BlochHamiltonian, Lead, TwoTerminal, WeightedDevice

from sharvin_transport.neutrality.local import LocalNeutrality, Shifts, shifted
from sharvin_transport.neutrality.model import NeutralityModel, Surroundings
from sharvin_transport.slater_koster.configs import TABLES, SlaterKosterOptions
from sharvin_transport.slater_koster.device_order import DeviceOrder
from sharvin_transport.slater_koster.label_cost import label_seconds
from sharvin_transport.slater_koster.pair_device import PairDevice
from sharvin_transport.slater_koster.skf import load_skf
from sharvin_transport.slater_koster.table_devices import TableDevices
from sharvin_transport.slater_koster.table_leads import TableLeads
from sharvin_transport.slater_koster.table_orbitals import TableOrbitals
from sharvin_transport.slater_koster.tables import TwoCentreTable, load_table
from sharvin_transport.spin import warn_of_magnetism

Floats = NDArray[np.float64]
MODEL_FILE = "neutrality.npz"


class SlaterKoster:
    """H and S from Slater–Koster tables.

    Parameters
    ----------
    options : SlaterKosterOptions

    Attributes
    ----------
    shifts_model : NeutralityModel or None
        What predicts the shifts with ``charge_neutrality: predicted``; None before one is learnt or loaded.
    """

    def __init__(self, options: SlaterKosterOptions) -> None:
        self.options = options
        self.table: TwoCentreTable = _table(options)
        self._orbitals = TableOrbitals(self.table)
        self._leads = TableLeads(self._orbitals, *monkhorst_pack(*options.k_points), options.smearing_K)
        self._neutrality = LocalNeutrality(options.neutrality_tolerance, options.neutrality_iterations, options.contour_points)
        self._devices = TableDevices(self._orbitals, self.origin)
        self.shifts_model: NeutralityModel | None = None
        if options.neutrality_model is not None:
            self.shifts_model = NeutralityModel.load(Path(options.neutrality_model).expanduser(), self.origin())

    @property
    def orbitals(self) -> TableOrbitals:
        """What the table says of atoms and pairs of them."""
        return self._orbitals

    @property
    def k_points(self) -> Floats:
        """Transverse k-points float64[n_k, 2] in units of the reciprocal cell vectors, of k and −k one."""
        return self._leads.k_points

    @property
    def k_weights(self) -> Floats:
        """Their weights float64[n_k], of sum 1."""
        return self._leads.weights

    def range_A(self, numbers: NDArray[np.int64]) -> float:
        """Distance in Å beyond which no two orbitals of these atomic numbers couple."""
        return self._orbitals.range_A(numbers)

    def label_seconds(self, junction: Junction) -> float:
        """About how long a snapshot takes on one core, in seconds."""
        return label_seconds(junction, len(self.k_points), self.options.charge_neutrality == "local")

    def reference_seconds(self, junction: Junction) -> float:
        """The same of a snapshot whose shifts are solved, to learn from them."""
        return label_seconds(junction, len(self.k_points), neutral=True)

    def two_terminal(self, junction: Junction) -> TwoTerminal:
        """Device and leads of a junction; the outermost principal layers take the bulk lead's blocks.

        Raises
        ------
        InputError
            Elements without parameters, principal layers thinner than the range, leads with different Fermi energies, or, with
            charge neutrality, leads whose atoms are charged; no model where shifts are to be predicted.
        ItemError
            If atoms of this snapshot overlap, or its shifts do not converge.
        """
        self._check_one_k_point()
        return self.two_terminals(junction)[0][1]

    def two_terminal_series(self, junctions: Iterable[Junction]) -> Iterator[TwoTerminal | InputError | ItemError]:
        """Devices of similar geometries of the same atoms, or the reason why there is none, in order.

        With local charge neutrality the shifts of each one start from those of the ones before, the first one's from zero, so
        a result depends, within the tolerance, on where its series began. Predicted shifts need no series.
        """
        self._check_one_k_point()
        for at_k in self.two_terminals_series(junctions):
            yield at_k if isinstance(at_k, Exception) else at_k[0][1]

    @property
    def sampled(self) -> bool:
        """Whether `k_points` asks for more than Γ."""
        return len(self.k_weights) > 1

    def two_terminals(self, junction: Junction) -> list[WeightedDevice]:
        """Weight and device of each transverse k-point, of k and −k one.

        Raises
        ------
        InputError
            As :meth:`two_terminal`, and if the junction is not periodic where `k_points` divides.
        ItemError
            As :meth:`two_terminal`.
        """
        if self.options.charge_neutrality == "predicted":
            return self._devices_of(junction, self.learnt(junction))[0]
        at_k, inside = self._devices_of(junction)
        return at_k if self.options.charge_neutrality == "none" else self._neutral(at_k, junction, inside, None)[0]

    def two_terminals_series(self, junctions: Iterable[Junction]) -> Iterator[Sequence[WeightedDevice] | InputError | ItemError]:
        """The k-points of :meth:`two_terminals` of similar geometries, in a series as :meth:`two_terminal_series`."""
        if self.options.charge_neutrality == "local":
            for reference in self.references(junctions):
                yield reference.at_k if isinstance(reference, Reference) else reference
            return
        for junction in junctions:
            try:
                result: Sequence[WeightedDevice] | InputError | ItemError = self.two_terminals(junction)
            except (InputError, ItemError) as error:
                result = error
            yield result

    @property
    def learns(self) -> bool:
        """Whether shifts are to be predicted by a model that has yet to be learnt or loaded."""
        return self.options.charge_neutrality == "predicted" and self.options.neutrality_model is None

    @property
    def learning_option(self) -> str:
        """The setting with which shifts are predicted."""
        return "charge_neutrality: predicted"

    @property
    def learnt_quantity(self) -> str:
        """What the model predicts."""
        return "on-site shift (eV)"

    def references(self, junctions: Iterable[Junction]) -> Iterator[Reference | InputError | ItemError]:
        """Devices with converged shifts in series, and these shifts in eV, or the reason why there are none.

        The shifts float64[n] are those of the n atoms between the principal layers, in the order of the snapshot, and hold for
        all k-points. A junction of other atoms than the one before starts from zero.
        """
        shifts: Shifts | None = None
        atoms_before = b""
        for junction in junctions:
            try:
                at_k, inside = self._devices_of(junction)
                atoms = junction.atoms.numbers.tobytes() + np.sort(inside).tobytes()
                if atoms != atoms_before:
                    shifts, atoms_before = None, atoms
                at_k, shifts = self._neutral(at_k, junction, inside, shifts)
                result: Reference | InputError | ItemError = Reference(at_k[0][1], shifts.values, at_k)
            except (InputError, ItemError) as error:
                shifts, result = None, error
            yield result

    def learn(self, junctions: Sequence[Junction], references: Sequence[Floats]) -> None:
        """Learn the shifts of these junctions."""
        reach = min(self.range_A(junction.atoms.numbers) for junction in junctions)
        self.shifts_model = NeutralityModel.learn([self.surroundings(junction) for junction in junctions], references, reach)

    def learnt(self, junction: Junction) -> Floats:
        """Predicted shifts float64[n] in eV of the n atoms between the principal layers, in the order of the snapshot.

        Raises
        ------
        InputError
            If there is no model.
        """
        if self.shifts_model is None:
            raise InputError(
                "charge_neutrality: predicted needs a model of the shifts; the workflow break_junction learns one, elsewhere "
                f"give the {MODEL_FILE} that such a study has written as neutrality_model."
            )
        return self.shifts_model.shifts(self.surroundings(junction))

    def surroundings(self, junction: Junction) -> Surroundings:
        """What predicted shifts of a junction depend on: its atoms, and the Fermi energy of its leads."""
        junction, left, right = junction.electrodes()
        return replace(surroundings(junction), fermi_energy_eV=self._fermi_energy(left, right, junction.atoms))

    def shifted_device(self, junction: Junction, shifts: Floats) -> tuple[TwoTerminal, NDArray[np.int64]]:
        """The device with these shifts float64[n] in eV, and for each of its orbitals the place of its atom among them, or −1."""
        system, inside = self._device_of(junction, shifts)
        return system, self._shifted_atoms(system, junction, inside)[1]

    def save(self, folder: Path) -> None:
        """Write the model of the shifts."""
        if self.shifts_model is None:
            raise InputError("there is no model of the shifts to save; learn one first.")
        self.shifts_model.save(folder / MODEL_FILE, self.origin())

    def load(self, folder: Path) -> None:
        """Take the model of the shifts that was saved there."""
        self.shifts_model = NeutralityModel.load(folder / MODEL_FILE, self.origin())

    def origin(self) -> str:
        """What the shifts depend on besides the structure."""
        name = self.options.table_name
        if name not in TABLES:
            own = (path for path in self.options.files() if path != self.options.neutrality_model)
            contents = b"".join(Path(path).expanduser().read_bytes() for path in own)
            name = f"{Path(name).name} {hashlib.blake2b(contents, digest_size=8).hexdigest()}"
        sampling = f" and k_points {list(self.options.k_points)}" if self.sampled else ""
        return f"table {name} and tail_eV {self.options.tail_eV:g}{sampling}"

    def _check_one_k_point(self) -> None:
        if self.sampled:
            raise InputError(
                f"k_points {list(self.options.k_points)} needs one device per k-point; use two_terminals and average T."
            )

    def _device_of(self, junction: Junction, shifts: Floats | None = None) -> tuple[TwoTerminal, NDArray[np.int64]]:
        """The device at Γ, without shifts or with given ones, and the atoms between the principal layers in its order."""
        self._check_one_k_point()
        at_k, inside = self._devices_of(junction, shifts)
        return at_k[0][1], inside

    def _check_periodic(self, atoms: Atoms) -> None:
        for axis, divisions in enumerate(self.options.k_points):
            if divisions > 1 and not atoms.pbc[axis]:
                raise InputError(
                    f"k_points {list(self.options.k_points)} divides the Brillouin zone along {'xy'[axis]}, where the junction "
                    "is not periodic; use 1 there, or make the structure periodic."
                )

    def _devices_of(self, junction: Junction, shifts: Floats | None = None) -> tuple[list[WeightedDevice], NDArray[np.int64]]:
        """The device at each k-point, and the atoms between the principal layers in its order."""
        self._check_periodic(junction.atoms)
        warn_of_magnetism(junction.atoms.numbers, "slater_koster")
        atoms = junction.atoms
        reach = self.range_A(atoms.numbers)
        junction, left, right = junction.electrodes()
        for side, electrode in (("left", left), ("right", right)):
            if electrode.period_A < reach - 1e-3:
                raise InputError(
                    f"the {side} principal layer is {electrode.period_A:.2f} Å thick, the Hamiltonian reaches {reach:.2f} Å; "
                    "detect the junction with the Hamiltonian's range_A."
                )
        level = self._fermi_energy(left, right, atoms)
        leads = [self._leads.of(electrode).at_k for electrode in (left, right)]
        placed = DeviceOrder.of(junction, left, right, reach)
        pairs = self._devices.pairs(atoms, placed, placed.of_device(shifts), self.k_points)
        atom = np.repeat(placed.order, self._orbitals.count(np.asarray(atoms.numbers)[placed.order]))
        systems = [PairDevice.of(one, a, b, level, atom) for one, a, b in zip(pairs, *leads, strict=True)]
        return list(zip(map(float, self.k_weights), systems, strict=True)), placed.inside

    def _neutral(
        self, at_k: Sequence[WeightedDevice], junction: Junction, inside: NDArray[np.int64], start: Shifts | None
    ) -> tuple[list[WeightedDevice], Shifts]:
        """The device with neutral atoms; shifts are kept in the order of the atoms in the snapshot, not in the device."""
        if len(inside) == 0:
            return list(at_k), Shifts.none()
        ordered, atom = self._shifted_atoms(at_k[0][1], junction, inside)
        numbers = np.asarray(junction.atoms.numbers, dtype=np.int64)
        electrons = self._orbitals.electrons(numbers[ordered])
        bottom = self._bottom([system.left for _, system in at_k], numbers)
        names = [f"{chemical_symbols[numbers[i]]} {i}" for i in ordered]
        shifts = self._neutrality.shifts(at_k, names, electrons, atom, bottom, start, surroundings(junction))
        return [(weight, shifted(system, atom, shifts.values)) for weight, system in at_k], shifts

    def _shifted_atoms(
        self, system: TwoTerminal, junction: Junction, inside: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Atoms that take shifts, in the order of the snapshot, and for each orbital of the device its place among them or −1."""
        ordered, rank = np.unique(inside, return_inverse=True)
        numbers = np.asarray(junction.atoms.numbers, dtype=np.int64)
        atom = np.full(system.size, -1)
        atom[system.left.size : system.size - system.right.size] = np.repeat(rank, self._orbitals.count(numbers[inside]))
        return ordered, atom

    def _fermi_energy(self, left: Electrode, right: Electrode, atoms: Atoms) -> float:
        """The common Fermi energy of the leads in eV."""
        given = self.options.fermi_energy_eV
        if given is not None and left.key == right.key:
            return given
        if self.options.charge_neutrality == "none":
            own = [self._leads.fermi_energy(electrode) for electrode in (left, right)]
        else:
            own = [self._neutral_fermi_energy(electrode, atoms) for electrode in (left, right)]
        return common_fermi_energy(own[0], own[1], given, neutral=self.options.charge_neutrality != "none")

    def _neutral_fermi_energy(self, electrode: Electrode, atoms: Atoms) -> float:
        lead, numbers = self._leads.of(electrode), electrode.numbers
        atom = np.repeat(np.arange(len(numbers)), self._orbitals.count(numbers))
        guess = self._leads.fermi_energy(electrode)
        bottom = self._bottom(lead.at_k, np.asarray(atoms.numbers, dtype=np.int64))
        return self._neutrality.fermi_energy(lead.weighted, self._orbitals.electrons(numbers), atom, guess, bottom)

    def _bottom(self, leads: Sequence[Lead], numbers: NDArray[np.int64]) -> float:
        """Where the contour of a device of these elements begins."""
        lowest = min(float(self.table.onsite(int(z), np.zeros(1)).min()) for z in np.unique(numbers))
        return min(self._neutrality.bottom(lead, lowest) for lead in leads)

    def bloch(self, atoms: Atoms) -> BlochHamiltonian:
        """H(k) and S(k) of a periodic structure, for bands."""
        return self._orbitals.bloch(atoms)

    def blocks(self, atoms: Atoms) -> HamiltonianBlocks:
        """H and S of any structure by the table, without shifts: those of charge neutrality belong to junctions.

        Raises
        ------
        InputError
            Elements without parameters.
        ItemError
            If atoms are too close for the table.
        """
        return self._orbitals.blocks(atoms)


def surroundings(junction: Junction) -> Surroundings:
    """The atoms between the principal layers, among all others; those of the principal layers at their ideal places."""
    junction, left, right = junction.electrodes()
    atoms, positions = junction.atoms, junction.atoms.positions.copy()
    for side, chosen, electrode in (("left", junction.left, left), ("right", junction.right, right)):
        positions[chosen] = electrode.place(positions[chosen], side)
    inside = np.setdiff1d(np.arange(len(atoms)), np.concatenate([junction.left, junction.right]))
    return Surroundings(np.asarray(atoms.numbers, dtype=np.int64), positions, atoms.cell.array, atoms.pbc, inside)


def _table(options: SlaterKosterOptions) -> TwoCentreTable:
    if (files := options.skf_files()) is not None:
        return load_skf(options.table_name, tuple(sorted(files.items())), options.tail_eV)
    return load_table(TABLES.get(options.table_name, Path(options.table_name)), options.table_name, options.tail_eV)
