"""A Slater–Koster Hamiltonian with terms that are linear in weights: T(E_F) of a structure, and its derivatives by them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.frames import Frame
from sharvin.junction import Electrode, Junction
from sharvin.protocols import Reference
from sharvin.runs.atomic import write_bytes
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.learnt_shifts.atomic_terms import TERMS, DeviceTerms, shortest_bond
from sharvin_transport.learnt_shifts.configs import VALUES, LearntShiftsOptions
from sharvin_transport.learnt_shifts.surroundings_basis import SurroundingsBasis
from sharvin_transport.neutrality.model import NeutralityModel, Surroundings
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.onsite_response import OnsiteResponse
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

Floats = NDArray[np.float64]
MODEL_FILE = "learnt_hamiltonian.npz"
FERMI = "fermi_energy"
_FERMI_STEP_EV = 1e-4
E_F = np.zeros(1)


@dataclass(frozen=True, eq=False)
class PreparedWire:
    """What a structure's T takes whatever was learnt.

    Parameters
    ----------
    junction : Junction
    shifts : float64[n]
        In eV, of the n atoms between the principal layers, that the learnt ones are added to.
    functions : float64[n, functions]
        Of their surroundings.
    """

    junction: Junction
    shifts: Floats
    functions: Floats

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return int(self.functions.nbytes + self.shifts.nbytes)


class LearntHamiltonian:
    """The Hamiltonian of a table with learnt terms.

    Parameters
    ----------
    options : LearntShiftsOptions

    Attributes
    ----------
    names : tuple of str
        What is learnt of an atom, in the order of the weights.
    """

    def __init__(self, options: LearntShiftsOptions) -> None:
        self.options = options
        neutral = SlaterKosterOptions(
            table=options.table,
            tail_eV=options.tail_eV,
            charge_neutrality="predicted",
            neutrality_model=options.neutrality_model,
        )
        self.table = SlaterKoster(neutral)
        self.terms = tuple(term for term in TERMS if term in options.learn)
        self.names = tuple(name for term in self.terms for name in TERMS[term])
        self._solver = RecursiveGreen(RecursiveGreenOptions())
        self._response = OnsiteResponse(self._solver.surfaces, self._solver.couplings)
        self._basis: SurroundingsBasis | None = None
        self._bond_A = 0.0

    @property
    def basis(self) -> SurroundingsBasis:
        """Functions of the surroundings."""
        if self._basis is None:
            raise InputError("learnt_shifts: there is no model yet; fit or load one before predicting.")
        return self._basis

    @property
    def ready(self) -> bool:
        """Whether there are functions to learn weights of."""
        return self._basis is not None

    @property
    def size(self) -> int:
        """Number of weights."""
        return len(self.names) * self.basis.size + (FERMI in self.options.learn)

    @property
    def weight_names(self) -> list[str]:
        """The value that each weight belongs to."""
        names = [name for name in self.names for _ in range(self.basis.size)]
        return [*names, *VALUES[FERMI]] if FERMI in self.options.learn else names

    def blank(self, junctions: Sequence[Junction]) -> None:
        """Begin with functions of the surroundings in these structures, and with a model of their shifts where one is learnt.

        Raises
        ------
        InputError, ItemError
            If they are no wires that the Hamiltonian can treat.
        """
        seen = [self.table.surroundings(junction) for junction in junctions]
        electrodes = [electrode for junction in junctions for electrode in junction.electrodes()[1:]]
        ideal = list({electrode.key: electrode for electrode in electrodes}.values())
        self._bond_A = min(shortest_bond(electrode) for electrode in ideal)
        self._basis = SurroundingsBasis.of(self._kernels(junctions, seen), [_crystal(one) for one in ideal], self.options.centres)

    def _kernels(self, junctions: Sequence[Junction], seen: Sequence[Surroundings]) -> NeutralityModel:
        if self.options.neutrality_model is not None:
            assert self.table.shifts_model is not None
            return self.table.shifts_model
        reach = min(self.table.range_A(junction.atoms.numbers) for junction in junctions)
        if self.options.charge_neutrality != "predicted":
            return NeutralityModel.blank(seen, reach, self.options.centres)
        spread = np.unique(np.linspace(0, len(junctions) - 1, self.options.references).astype(np.int64))
        solved = [self._solved(junctions[index]) for index in map(int, spread)]
        return NeutralityModel.learn([seen[index] for index in map(int, spread)], solved, reach)

    def _solved(self, junction: Junction) -> Floats:
        """Shifts of neutral atoms."""
        (reference,) = self.table.references([junction])
        if not isinstance(reference, Reference):
            raise reference
        return reference.quantity

    def junction(self, frame: Frame) -> Junction:
        """The wire with its electrodes."""
        atoms = frame.to_atoms()
        return Junction.detect(atoms, self.table.range_A(atoms.numbers))

    def prepare(self, junction: Junction, shifts: Floats | None = None) -> PreparedWire:
        """What T of a structure takes, with the shifts that the learnt ones are added to where they are known.

        Raises
        ------
        InputError
            If there is no model, or the structure is no wire that the Hamiltonian can treat.
        ItemError
            If atoms overlap, or the shifts of neutral atoms do not converge.
        """
        basis = self.basis
        structure = self.table.surroundings(junction)
        kernels = basis.kernels.kernels(structure)
        if shifts is None and self.options.charge_neutrality == "local":
            shifts = self._solved(junction)
        elif shifts is None:
            shifts = basis.kernels.shifts_by(kernels, structure)
        return PreparedWire(junction, shifts, kernels @ basis.coefficients)

    def conductance(self, one: PreparedWire, weights: Floats) -> float:
        """T(E_F) of a structure with weights float64[size]."""
        system, _ = self._device(one, weights)
        return float(self._solver.transmission([system], E_F)[0, 0])

    def response(self, one: PreparedWire, weights: Floats) -> tuple[float, Floats]:
        """T(E_F) of a structure, and its derivatives float64[size] by the weights."""
        system, terms = self._device(one, weights)
        response = self._response.response(system)
        row = (terms.derivatives(response).T @ one.functions).ravel()
        if FERMI in self.options.learn:
            ends = [self._solver.transmission([system], np.array([step]))[0, 0] for step in (-_FERMI_STEP_EV, _FERMI_STEP_EV)]
            row = np.append(row, (ends[1] - ends[0]) / (2.0 * _FERMI_STEP_EV))
        return response.transmission, row

    def device(self, one: PreparedWire, weights: Floats) -> TwoTerminal:
        """H, S and leads with these weights."""
        return self._device(one, weights)[0]

    def _device(self, one: PreparedWire, weights: Floats) -> tuple[TwoTerminal, DeviceTerms]:
        system, _ = self.table.shifted_device(one.junction, one.shifts)
        reach = self.table.range_A(one.junction.atoms.numbers)
        terms = DeviceTerms(self.terms, system, one.junction, self.table.orbitals, self._bond_A, reach)
        count = len(self.names) * self.basis.size
        changed = terms.changed(one.functions @ weights[:count].reshape(len(self.names), self.basis.size).T)
        if FERMI in self.options.learn:
            changed = replace(changed, fermi_energy_eV=changed.fermi_energy_eV + float(weights[-1]))
        return changed, terms

    def shifts_model(self, weights: Floats) -> NeutralityModel | None:
        """What ``slater_koster`` can predict shifts with; None where more than shifts was learnt, or they add to solved ones."""
        if self.names != TERMS["onsite"] or FERMI in self.options.learn or self.options.charge_neutrality == "local":
            return None
        return self.basis.shifts_model(weights)

    def save(self, folder: Path, weights: Floats) -> None:
        """Write the functions and their weights, and ``neutrality.npz`` where ``slater_koster`` can take what was learnt."""
        archive = io.BytesIO()
        origin = np.array(self.table.origin())
        np.savez(archive, origin=origin, bond_A=np.array(self._bond_A), learnt=weights, **self.basis.arrays())
        write_bytes(folder / MODEL_FILE, archive.getvalue())
        self.table.shifts_model = self.shifts_model(weights)
        if self.table.shifts_model is not None:
            self.table.save(folder)

    def load(self, folder: Path) -> Floats:
        """Take functions and weights that were saved there; the weights are returned.

        Raises
        ------
        InputError
            If the file is no such model, or that of another table.
        """
        path = folder / MODEL_FILE
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays: dict[str, NDArray[Any]] = {name: file[name] for name in file.files}
            origin, bond, weights = str(arrays.pop("origin")), float(arrays.pop("bond_A")), arrays.pop("learnt")
            basis = SurroundingsBasis.of_arrays(arrays)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise InputError(f"{path} is no learnt Hamiltonian ({error}); fit it anew.") from None
        if origin != self.table.origin():
            raise InputError(f"{path} was learnt with {origin}, not with {self.table.origin()}; fit it anew.")
        self._basis, self._bond_A = basis, bond
        if len(weights) != self.size:
            raise InputError(f"{path} holds {len(weights)} weights, its options mean {self.size}; fit it anew.")
        return np.asarray(weights)


def _crystal(electrode: Electrode) -> Surroundings:
    """The atoms of an ideal lead."""
    crystal = electrode.crystal()
    numbers = np.asarray(crystal.numbers, dtype=np.int64)
    return Surroundings(numbers, crystal.positions, crystal.cell.array, np.asarray(crystal.pbc), np.arange(len(numbers)))
