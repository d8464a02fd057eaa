"""The Hamiltonian `slater_koster`: H and S of spd orbitals from two-centre tables, for junctions and for crystals.

A junction's device is [left principal layer | centre | right principal layer]. The principal layers take the blocks of the
ideal bulk lead exactly; everything that touches the centre comes from the snapshot's positions. On-site energies are the
table's, moved by the shifts of local charge neutrality where that is asked for: solved for each snapshot
(:mod:`~sharvin_transport.neutrality`) or predicted by a model (:mod:`~sharvin_transport.neutrality_model`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sharvin.brillouin import monkhorst_pack
from sharvin.cache import ContentCache
from sharvin.errors import InputError, ItemError
from sharvin.junction import OVERLAP, Electrode, Junction, overlap_message
from sharvin.protocols import Reference
from sharvin.two_terminal import BlochHamiltonian, Lead, Matrix, Sample, Supercell, TwoTerminal

from sharvin_transport.configs import TABLES, SlaterKosterOptions
from sharvin_transport.lead_bands import invariance_error, sampled_fermi_energy
from sharvin_transport.neutrality import LocalNeutrality, Shifts, shifted
from sharvin_transport.neutrality_model import NeutralityModel, Surroundings
from sharvin_transport.pairs import Pairs, find_pairs, merge_images
from sharvin_transport.skf import load_skf
from sharvin_transport.tables import Table, load_table
from sharvin_transport.two_centre import Directions

Floats = NDArray[np.float64]
INVARIANCE_EV = 1e-8
ALIGNMENT_EV = 0.02
MODEL_FILE = "neutrality.npz"


class SlaterKoster:
    """H and S from Slater–Koster tables.

    Parameters
    ----------
    options : SlaterKosterOptions
    """

    def __init__(self, options: SlaterKosterOptions) -> None:
        self.options = options
        self.table: Table = _table(options)
        self.k_points, self.k_weights = monkhorst_pack(*options.k_points)
        self._leads: dict[bytes, tuple[list[Lead], float]] = {}
        self._fermi_energies = ContentCache("fermi_energy")
        self._neutrality = LocalNeutrality(options.neutrality_tolerance, options.neutrality_iterations, options.contour_points)
        self._model: NeutralityModel | None = None
        if options.neutrality_model is not None:
            self._model = NeutralityModel.load(Path(options.neutrality_model).expanduser(), self._origin())

    def range_A(self, numbers: NDArray[np.int64]) -> float:
        """Distance in Å beyond which no two orbitals of these atomic numbers couple."""
        self.table.check(np.asarray(numbers))
        present = [int(z) for z in np.unique(numbers)]
        return max(self.table.cutoff_A(a, b) for a in present for b in present)

    def orbital_count(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Orbitals of each atom."""
        return np.array([self.table.orbitals[int(z)] for z in numbers], dtype=np.int64)

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
        if self.options.charge_neutrality == "predicted":
            return self._device_of(junction, self.learnt(junction))[0]
        system, inside = self._device_of(junction)
        return system if self.options.charge_neutrality == "none" else self._neutral(system, junction, inside, None)[0]

    def two_terminal_series(self, junctions: Iterable[Junction]) -> Iterator[TwoTerminal | InputError | ItemError]:
        """Devices of similar geometries of the same atoms, or the reason why there is none, in order.

        With local charge neutrality the shifts of each one start from those of the one before, the first one's from zero, so
        a result depends, within the tolerance, on where its series began. Predicted shifts need no series.
        """
        if self.options.charge_neutrality == "local":
            for reference in self.references(junctions):
                yield reference.system if isinstance(reference, Reference) else reference
            return
        for junction in junctions:
            try:
                result: TwoTerminal | InputError | ItemError = self.two_terminal(junction)
            except (InputError, ItemError) as error:
                result = error
            yield result

    @property
    def learns(self) -> bool:
        """Whether shifts are to be predicted by a model that has yet to be learnt or loaded."""
        return self.options.charge_neutrality == "predicted" and self.options.neutrality_model is None

    @property
    def learnt_quantity(self) -> str:
        """What the model predicts."""
        return "on-site shift (eV)"

    def references(self, junctions: Iterable[Junction]) -> Iterator[Reference | InputError | ItemError]:
        """Devices with converged shifts in series, and these shifts in eV, or the reason why there are none.

        The shifts float64[n] are those of the n atoms between the principal layers, in the order of the snapshot.
        """
        shifts: Shifts | None = None
        for junction in junctions:
            try:
                system, inside = self._device_of(junction)
                system, shifts = self._neutral(system, junction, inside, shifts)
                result: Reference | InputError | ItemError = Reference(system, shifts.values)
            except (InputError, ItemError) as error:
                shifts, result = None, error
            yield result

    def learn(self, junctions: Sequence[Junction], references: Sequence[Floats]) -> None:
        """Learn the shifts of these junctions."""
        reach = min(self.range_A(junction.atoms.numbers) for junction in junctions)
        self._model = NeutralityModel.learn([_surroundings(junction) for junction in junctions], references, reach)

    def learnt(self, junction: Junction) -> Floats:
        """Predicted shifts float64[n] in eV of the n atoms between the principal layers, in the order of the snapshot.

        Raises
        ------
        InputError
            If there is no model.
        """
        if self._model is None:
            raise InputError(
                "charge_neutrality: predicted needs a model of the shifts; the workflow break_junction learns one, elsewhere "
                f"give the {MODEL_FILE} that such a study has written as neutrality_model."
            )
        return self._model.shifts(_surroundings(junction))

    def save(self, folder: Path) -> None:
        """Write the model of the shifts."""
        if self._model is None:
            raise InputError("there is no model of the shifts to save; learn one first.")
        self._model.save(folder / MODEL_FILE, self._origin())

    def load(self, folder: Path) -> None:
        """Take the model of the shifts that was saved there."""
        self._model = NeutralityModel.load(folder / MODEL_FILE, self._origin())

    def _origin(self) -> str:
        """What the shifts depend on besides the structure."""
        name = self.options.table_name
        if name not in TABLES:
            own = (path for path in self.options.files() if path != self.options.neutrality_model)
            contents = b"".join(Path(path).expanduser().read_bytes() for path in own)
            name = f"{Path(name).name} {hashlib.blake2b(contents, digest_size=8).hexdigest()}"
        return f"table {name} and tail_eV {self.options.tail_eV:g}"

    @property
    def sampled(self) -> bool:
        """Whether `k_points` asks for more than Γ."""
        return len(self.k_weights) > 1

    def two_terminals(self, junction: Junction) -> list[Sample]:
        """Weight and device of each transverse k-point, of k and −k one.

        Raises
        ------
        InputError
            As :meth:`two_terminal`, and if the junction is not periodic where `k_points` divides.
        ItemError
            As :meth:`two_terminal`.
        """
        if not self.sampled:
            return [(1.0, self.two_terminal(junction))]
        for axis, divisions in enumerate(self.options.k_points):
            if divisions > 1 and not junction.atoms.pbc[axis]:
                raise InputError(
                    f"k_points {list(self.options.k_points)} divides the Brillouin zone along {'xy'[axis]}, where the junction "
                    "is not periodic; use 1 there, or make the structure periodic."
                )
        return list(zip(map(float, self.k_weights), self._devices_of(junction)[0], strict=True))

    def _device_of(self, junction: Junction, shifts: Floats | None = None) -> tuple[TwoTerminal, NDArray[np.int64]]:
        """The device, without shifts or with those of :meth:`learnt`, and the atoms between the principal layers in its order."""
        if self.sampled:
            raise InputError(
                f"k_points {list(self.options.k_points)} needs one device a k-point; use two_terminals and average T."
            )
        systems, inside = self._devices_of(junction, shifts)
        return systems[0], inside

    def _devices_of(self, junction: Junction, shifts: Floats | None = None) -> tuple[list[TwoTerminal], NDArray[np.int64]]:
        """The device at each k-point, and the atoms between the principal layers in its order."""
        atoms = junction.atoms
        reach = self.range_A(atoms.numbers)
        junction, left, right = junction.electrodes()
        for side, electrode in (("left", left), ("right", right)):
            if electrode.period_A < reach - 1e-3:
                raise InputError(
                    f"the {side} principal layer is {electrode.period_A:.2f} Å thick, the Hamiltonian reaches {reach:.2f} Å; "
                    "detect the junction with the Hamiltonian's range_A."
                )
        leads = [self._leads_at_k(electrode)[0] for electrode in (left, right)]
        fermi = [self._leads_at_k(electrode)[1] for electrode in (left, right)]
        if self.options.charge_neutrality != "none":
            fermi = [self._neutral_fermi_energy(electrode, atoms) for electrode in (left, right)]
        if abs(fermi[0] - fermi[1]) > ALIGNMENT_EV:
            raise InputError(
                f"the Fermi energies of the two leads, {fermi[0]:.3f} and {fermi[1]:.3f} eV, differ; the contact potential of "
                "different crystals is not computed, so both electrodes must be the same crystal (or set fermi_energy_eV)."
            )
        inside = np.setdiff1d(np.arange(len(atoms)), np.concatenate([junction.left, junction.right]))
        inside = inside[np.argsort(atoms.positions[inside, 2], kind="stable")]
        order = np.concatenate([junction.left, inside, junction.right])
        positions = np.concatenate(
            [
                left.place(atoms.positions[junction.left], "left"),
                atoms.positions[inside],
                right.place(atoms.positions[junction.right], "right"),
            ]
        )
        zone = np.repeat([-1, 0, 1], [len(junction.left), len(inside), len(junction.right)])
        moved = np.zeros(len(order))
        if shifts is not None:
            moved[zone == 0] = shifts[np.argsort(np.argsort(inside))]
        sides = list(zip(leads[0], leads[1], strict=True))
        offsets = np.concatenate([_transverse_cells(left), np.zeros((len(inside), 2)), _transverse_cells(right)])
        matrices = self._device(atoms, order, positions, zone, sides, offsets, moved)
        atom = np.repeat(order, self.orbital_count(np.asarray(atoms.numbers)[order]))
        level = 0.5 * (fermi[0] + fermi[1])
        systems = [TwoTerminal(H, S, a, b, level, atom) for (H, S), (a, b) in zip(matrices, sides, strict=True)]
        return systems, inside

    def _neutral(
        self, system: TwoTerminal, junction: Junction, inside: NDArray[np.int64], start: Shifts | None
    ) -> tuple[TwoTerminal, Shifts]:
        """The device with neutral atoms; shifts are kept in the order of the atoms in the snapshot, not in the device."""
        if len(inside) == 0:
            return system, Shifts.none()
        ordered, atom = self._shifted_atoms(system, junction, inside)
        numbers = np.asarray(junction.atoms.numbers, dtype=np.int64)
        electrons = self._electrons(numbers[ordered])
        bottom = self._bottom(system.left, numbers)
        names = [f"{chemical_symbols[numbers[i]]} {i}" for i in ordered]
        shifts = self._neutrality.shifts(system, names, electrons, atom, bottom, start)
        return shifted(system, atom, shifts.values), shifts

    def _shifted_atoms(
        self, system: TwoTerminal, junction: Junction, inside: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Atoms that take shifts, in the order of the snapshot, and for each orbital of the device its place among them or −1."""
        ordered, rank = np.unique(inside, return_inverse=True)
        numbers = np.asarray(junction.atoms.numbers, dtype=np.int64)
        atom = np.full(system.size, -1)
        atom[system.left.size : system.size - system.right.size] = np.repeat(rank, self.orbital_count(numbers[inside]))
        return ordered, atom

    def _neutral_fermi_energy(self, electrode: Electrode, atoms: Atoms) -> float:
        lead, guess = self._lead(electrode)
        numbers = np.asarray(atoms.numbers, dtype=np.int64)
        cell = electrode.numbers if lead.supercell is None else electrode.numbers[electrode.order[0, 0]]
        orbital = np.repeat(np.arange(len(cell)), self.orbital_count(cell))
        return self._neutrality.fermi_energy(lead, self._electrons(cell), orbital, guess, self._bottom(lead, numbers))

    def _electrons(self, numbers: NDArray[np.int64]) -> Floats:
        """Valence electrons of each atom."""
        return np.array([self.table.electrons[int(z)] for z in numbers])

    def _bottom(self, lead: Lead, numbers: NDArray[np.int64]) -> float:
        """Where the contour of a device of these elements begins."""
        lowest = min(float(self.table.onsite(int(z), np.zeros(1)).min()) for z in np.unique(numbers))
        return self._neutrality.bottom(lead, lowest)

    def bloch(self, atoms: Atoms) -> BlochHamiltonian:
        """H(k) and S(k) of a periodic structure, for bands."""
        numbers = np.asarray(atoms.numbers, dtype=np.int64)
        reach = self.range_A(numbers)
        pairs = find_pairs(numbers, atoms.positions, atoms.cell.array, atoms.pbc, reach)
        _check_overlap(pairs, np.arange(len(atoms)), numbers, InputError)
        hopping, overlap = self._pair_blocks(numbers, pairs)
        _check_positive(pairs, overlap, np.arange(len(atoms)), numbers, InputError)
        count = self.orbital_count(numbers)
        present = _present(count)
        n, m = len(numbers), int(count.max())
        extent = np.abs(pairs.image).max(axis=0) if len(pairs.image) else np.zeros(3, dtype=np.int64)
        grid = [np.arange(-e, e + 1) for e in extent]
        translations = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 3)
        span = 2 * extent + 1
        where = ((pairs.image + extent) * np.array([span[1] * span[2], span[2], 1])).sum(axis=1)
        opposite = len(translations) - 1 - where
        home = len(translations) // 2
        matrices = []
        for blocks, diagonal in ((hopping, self._onsite(numbers, pairs, m)), (overlap, np.ones((n, m)))):
            full = np.zeros((len(translations), n, m, n, m))
            view = full.transpose(0, 1, 3, 2, 4)
            np.add.at(view, (where, pairs.first, pairs.second), blocks)
            np.add.at(view, (opposite, pairs.second, pairs.first), blocks.transpose(0, 2, 1))
            square = full.reshape(len(translations), n * m, n * m)
            square[home][np.diag_indices(n * m)] += diagonal.ravel()
            matrices.append(square if present.all() else square[:, present][:, :, present])
        electrons = float(sum(self.table.electrons[int(z)] for z in numbers))
        return BlochHamiltonian(translations.astype(np.int64), matrices[0], matrices[1], electrons)

    def _lead(self, electrode: Electrode) -> tuple[Lead, float]:
        """Lead at Γ and its Fermi energy, one object for all snapshots."""
        leads, fermi = self._leads_at_k(electrode)
        return leads[0], fermi

    def _leads_at_k(self, electrode: Electrode) -> tuple[list[Lead], float]:
        """Lead at each k-point and its Fermi energy, one object for all snapshots."""
        if electrode.key not in self._leads:
            crystal = electrode.crystal()
            bloch = self.bloch(crystal)
            along = bloch.translations[:, 2]
            if np.abs(along).max() > 1 and np.abs(bloch.H_R[np.abs(along) > 1]).max() > 0.0:
                raise InputError(
                    "a principal layer couples beyond its neighbours; it must be thicker than the Hamiltonian's range."
                )
            leads = [self._lead_at(electrode, bloch, k) for k in self.k_points]
            fermi = self.options.fermi_energy_eV
            if fermi is None:
                fermi = self._fermi_energy(leads, bloch.electrons)
            self._leads[electrode.key] = (leads, fermi)
        return self._leads[electrode.key]

    def _lead_at(self, electrode: Electrode, bloch: BlochHamiltonian, k: Floats) -> Lead:
        along = bloch.translations[:, 2]
        blocks: list[Matrix] = []
        for matrix in (bloch.H_R, bloch.S_R):
            for shift in (0, 1):
                chosen = along == shift
                cells = bloch.translations[chosen, :2]
                blocks.append(np.tensordot(_phases(cells, k), matrix[chosen], 1) if k.any() else matrix[chosen].sum(axis=0))
        if k.any():
            gauge = np.repeat(_phases(_transverse_cells(electrode), k), self.orbital_count(electrode.numbers))
            blocks = [gauge.conj()[:, None] * block * gauge for block in blocks]
        lead = Lead(H00=blocks[0], H01=blocks[1], S00=blocks[2], S01=blocks[3])
        if electrode.order.shape[:2] != (1, 1):
            supercell = Supercell(_orbital_order(electrode, self.orbital_count(electrode.numbers)))
            if invariance_error(lead, supercell) < INVARIANCE_EV:
                lead = Lead(lead.H00, lead.H01, lead.S00, lead.S01, supercell)
        return lead

    def _fermi_energy(self, leads: list[Lead], electrons: float) -> float:
        smearing = self.options.smearing_K
        samples = list(zip(map(float, self.k_weights), leads, strict=True))
        folded = b"".join(lead.supercell.orbitals.tobytes() for lead in leads if lead.supercell)
        keys = " ".join(lead.key for lead in leads)
        content = f"1 {keys} {electrons!r} {smearing!r}".encode() + folded
        key = hashlib.blake2b(content, digest_size=20).hexdigest()

        def compute() -> dict[str, NDArray[np.float64]]:
            return {"fermi_energy_eV": np.array(sampled_fermi_energy(samples, electrons, smearing))}

        return float(self._fermi_energies.get_or_compute(key, compute)["fermi_energy_eV"])

    def _pair_blocks(self, numbers: NDArray[np.int64], pairs: Pairs) -> tuple[Floats, Floats]:
        """Hopping and overlap blocks float64[n_pairs, m, m], m the largest number of orbitals among the elements."""
        m = int(self.orbital_count(np.unique(numbers)).max())
        distance = np.linalg.norm(pairs.vector, axis=1)
        directions = Directions(pairs.vector / distance[:, None], m)
        forward, backward = np.zeros((2, 10, len(distance))), np.zeros((2, 10, len(distance)))
        first, second = numbers[pairs.first], numbers[pairs.second]
        for a in np.unique(first):
            for b in np.unique(second):
                chosen = slice(None) if np.ptp(numbers) == 0 else np.flatnonzero((first == a) & (second == b))
                r = distance[chosen]
                forward[0][:, chosen], forward[1][:, chosen] = self.table.radial(int(a), int(b), r)
                if a == b:
                    backward[:, :, chosen] = forward[:, :, chosen]
                else:
                    backward[0][:, chosen], backward[1][:, chosen] = self.table.radial(int(b), int(a), r)
        return directions.blocks(forward[0], backward[0]), directions.blocks(forward[1], backward[1])

    def _onsite(self, numbers: NDArray[np.int64], pairs: Pairs, m: int) -> Floats:
        """On-site energies float64[n_atoms, m]."""
        density = np.zeros(len(numbers))
        distance = np.linalg.norm(pairs.vector, axis=1)
        shells = np.zeros((len(numbers), 3))
        for z in np.unique(numbers):
            # Tables whose on-site energies depend on the neighbourhood have parameters for equal elements only.
            added = self.table.density(int(z), distance)
            if added is not None:
                density += np.bincount(pairs.first, added, len(numbers)) + np.bincount(pairs.second, added, len(numbers))
            chosen = numbers == z
            shells[chosen] = self.table.onsite(int(z), density[chosen])
        return shells[:, [0, 1, 1, 1, 2, 2, 2, 2, 2][:m]]

    def _device(
        self,
        atoms: Atoms,
        order: NDArray[np.int64],
        positions: Floats,
        zone: NDArray[np.int64],
        leads: list[tuple[Lead, Lead]],
        offsets: Floats,
        shifts: Floats,
    ) -> list[tuple[csr_array, csr_array]]:
        """H and S of the device at each k-point, atoms already in device order, between the leads at that k-point."""
        numbers = np.asarray(atoms.numbers, dtype=np.int64)[order]
        pairs = find_pairs(numbers, positions, atoms.cell.array, atoms.pbc, self.range_A(numbers))
        _check_overlap(pairs, order, numbers, ItemError)
        pairs = pairs.take(~((zone[pairs.first] == zone[pairs.second]) & (zone[pairs.first] != 0)))
        hopping, overlap = self._pair_blocks(numbers, pairs)
        _check_positive(pairs, overlap, order, numbers, ItemError)
        count = self.orbital_count(numbers)
        m = int(count.max())
        onsite = self._onsite(numbers, pairs, m)
        if shifts.any():
            onsite = onsite + shifts[:, None]
            hopping += 0.5 * (shifts[pairs.first] + shifts[pairs.second])[:, None, None] * overlap
        present = _present(count)
        sizes = [int((zone == side).sum()) for side in (-1, 0, 1)]
        found = []
        for k, (left, right) in zip(self.k_points, leads, strict=True):
            phased: tuple[Matrix, ...] = (hopping, overlap)
            if k.any():
                shift = pairs.image[:, :2] + offsets[pairs.second] - offsets[pairs.first]
                phase = _phases(shift, k)[:, None, None]
                phased = (phase * hopping, phase * overlap)
            first, second, merged = merge_images(pairs, len(numbers), phased)
            matrices = []
            for blocks, diagonal, lead_blocks in (
                (merged[0], onsite, (left.H00, right.H00)),
                (merged[1], np.ones_like(onsite), (left.S00, right.S00)),
            ):
                padded = [_padded(block, part, m) for block, part in zip(lead_blocks, _split(count, sizes), strict=True)]
                matrices.append(_assemble(first, second, blocks, diagonal, padded, sizes))
            if not present.all():
                matrices = [csr_array(matrix[present][:, present]) for matrix in matrices]
            found.append((matrices[0], matrices[1]))
        return found


def _surroundings(junction: Junction) -> Surroundings:
    """The atoms between the principal layers, among all others; those of the principal layers at their ideal places."""
    junction, left, right = junction.electrodes()
    atoms, positions = junction.atoms, junction.atoms.positions.copy()
    for side, chosen, electrode in (("left", junction.left, left), ("right", junction.right, right)):
        positions[chosen] = electrode.place(positions[chosen], side)
    inside = np.setdiff1d(np.arange(len(atoms)), np.concatenate([junction.left, junction.right]))
    return Surroundings(np.asarray(atoms.numbers, dtype=np.int64), positions, atoms.cell.array, atoms.pbc, inside)


def _table(options: SlaterKosterOptions) -> Table:
    if (files := options.skf_files()) is not None:
        return load_skf(options.table_name, tuple(sorted(files.items())), options.tail_eV)
    return load_table(TABLES.get(options.table_name, Path(options.table_name)), options.table_name, options.tail_eV)


def _split(count: NDArray[np.int64], sizes: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return count[: sizes[0]], count[len(count) - sizes[2] :]


def _present(count: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the m orbitals a place, bool[n_atoms · m], the atoms have."""
    return np.asarray(np.arange(int(count.max()))[None] < count[:, None]).ravel()


def _transverse_cells(electrode: Electrode) -> Floats:
    """Where in the transverse cell, as fractions of it, the primitive cell of each atom is, float64[n, 2].

    Orbitals of the electrodes take the Bloch phase of that place, so that shifts by primitive cells leave the lead as it is.
    """
    n1, n2, _ = electrode.order.shape
    place = np.stack(np.meshgrid(np.arange(n1) / n1, np.arange(n2) / n2, indexing="ij"), axis=-1)
    found = np.empty((len(electrode.numbers), 2))
    found[electrode.order] = place[:, :, None, :]
    return found


def _phases(cells: NDArray[np.int64] | Floats, k: Floats) -> NDArray[np.complex128]:
    """Bloch phases of transverse cells [n, 2] at k, in units of the reciprocal vectors."""
    return np.asarray(np.exp(2j * np.pi * (cells @ k)))


def _padded(block: Matrix, count: NDArray[np.int64], m: int) -> Matrix:
    """A lead block with m places an atom."""
    if np.all(count == m):
        return block
    places = np.flatnonzero(np.arange(m)[None] < count[:, None])
    full: Any = np.zeros((len(count) * m,) * 2, dtype=block.dtype)
    full[np.ix_(places, places)] = block
    return cast(Matrix, full)


def _assemble(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    blocks: Matrix,
    diagonal: Floats,
    lead_blocks: list[Matrix],
    sizes: list[int],
) -> csr_array:
    """CSR matrix [left | centre | right] from blocks of atom pairs and dense lead blocks.

    A row of atoms is contiguous in CSR storage, so it is written as one panel [m, columns of all its neighbours].
    """
    n, m = len(diagonal), diagonal.shape[1]
    inner = np.arange(sizes[0], n - sizes[2])
    eye = np.zeros((len(inner), m, m), dtype=blocks.dtype)
    eye[:, np.arange(m), np.arange(m)] = diagonal[inner]
    own = first == second
    eye[first[own] - sizes[0]] += blocks[own] + blocks[own].conj().transpose(0, 2, 1)
    first, second, blocks = first[~own], second[~own], blocks[~own]
    i = np.concatenate([first, second, inner])
    j = np.concatenate([second, first, inner])
    values = np.concatenate([blocks, blocks.conj().transpose(0, 2, 1), eye])
    order = np.argsort(i * n + j, kind="stable")
    j = j[order]
    starts = np.searchsorted(i[order], np.arange(n + 1))
    lead_width = np.zeros(n, dtype=np.int64)
    lead_width[: sizes[0]], lead_width[n - sizes[2] :] = sizes[0] * m, sizes[2] * m
    widths = np.diff(starts) * m + lead_width
    indptr = np.concatenate([[0], np.cumsum(np.repeat(widths, m))])
    data, indices = np.empty(indptr[-1], dtype=values.dtype), np.empty(indptr[-1], dtype=np.int32)
    offsets = np.arange(m, dtype=np.int32)
    for atom in range(n):
        neighbours = slice(starts[atom], starts[atom + 1])
        rows = slice(indptr[atom * m], indptr[(atom + 1) * m])
        panel, column = data[rows].reshape(m, -1), indices[rows].reshape(m, -1)
        own, other = slice(0, 0), slice(0, None)
        if atom < sizes[0]:
            own, other = slice(0, lead_width[atom]), slice(lead_width[atom], None)
            panel[:, own] = lead_blocks[0][atom * m : (atom + 1) * m]
            column[:, own] = np.arange(lead_width[atom])
        elif atom >= n - sizes[2]:
            own, other = slice(widths[atom] - lead_width[atom], None), slice(0, widths[atom] - lead_width[atom])
            panel[:, own] = lead_blocks[1][(atom - n + sizes[2]) * m :][:m]
            column[:, own] = np.arange(n * m - lead_width[atom], n * m)
        panel[:, other].reshape(m, -1, m)[...] = values[order[neighbours]].transpose(1, 0, 2)
        column[:, other] = (j[neighbours, None] * m + offsets).ravel()
    matrix = csr_array((data, indices, indptr.astype(np.int32)), shape=(n * m, n * m))
    matrix.has_canonical_format = True
    return matrix


def _orbital_order(electrode: Electrode, count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Orbital indices [N1, N2, orbitals of the primitive cell]."""
    start = np.cumsum(count) - count
    n1, n2, _ = electrode.order.shape
    cells = [np.concatenate([start[a] + np.arange(count[a]) for a in cell]) for cell in electrode.order.reshape(n1 * n2, -1)]
    return np.array(cells, dtype=np.int64).reshape(n1, n2, -1)


def _check_overlap(
    pairs: Pairs, order: NDArray[np.int64], numbers: NDArray[np.int64], error: type[InputError] | type[ItemError]
) -> None:
    distance = np.linalg.norm(pairs.vector, axis=1)
    if not len(distance):
        return
    ratio = distance / (covalent_radii[numbers[pairs.first]] + covalent_radii[numbers[pairs.second]])
    worst = int(np.argmin(ratio))
    if ratio[worst] < OVERLAP:
        i, j = int(order[pairs.first[worst]]), int(order[pairs.second[worst]])
        original = np.empty(len(order), dtype=np.int64)
        original[order] = numbers
        raise error(overlap_message(original, i, j, float(distance[worst])))


def _check_positive(
    pairs: Pairs, overlap: Floats, order: NDArray[np.int64], numbers: NDArray[np.int64], error: type[InputError] | type[ItemError]
) -> None:
    """No two atoms alone may make S indefinite: the singular values of their overlap block stay below one."""
    bound = np.sqrt(np.einsum("pij,pij->p", overlap, overlap))
    suspects = np.flatnonzero(bound >= 1.0)
    if not len(suspects):
        return
    largest = np.linalg.svd(overlap[suspects], compute_uv=False)[:, 0]
    worst = int(suspects[np.argmax(largest)])
    if largest.max() >= 1.0:
        names = [f"{chemical_symbols[numbers[k]]} {order[k]}" for k in (int(pairs.first[worst]), int(pairs.second[worst]))]
        raise error(
            f"atoms {names[0]} and {names[1]} are too close for this table: at {np.linalg.norm(pairs.vector[worst]):.2f} Å their "
            f"orbitals overlap by {largest.max():.2f}, and S is not positive definite; move them apart or take another table."
        )
