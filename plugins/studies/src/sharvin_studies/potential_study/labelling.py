"""Structures with reference energies and forces: built and labelled by a potential, or read from a file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.errors import InputError, ItemError, RunError
from sharvin.protocols import Potential, StructureSet
from sharvin.reference_data import ReferenceData, ReferenceStructure, read_reference_data
from sharvin.runs.atomic import write_bytes
from sharvin.runs.digests import digest_of, digest_of_array
from sharvin.store import read_table, write_table


@dataclass(frozen=True)
class LearntPart:
    """A part by its options, and where the trained one lies; picklable, so workers build it themselves."""

    selection: Selection
    model: Path | None = None

    def made(self) -> Any:
        """A new part, loaded if it was trained."""
        part = self.selection.build()
        if self.model is not None:
            part.load(self.model)  # trained ones have it, which the plan has made sure of
        return part

    @property
    def identity(self) -> dict[str, Any]:
        """What it depends on, the trained model included, whose folders are named after all that this depends on."""
        identity: dict[str, Any] = {"part": self.selection.identity}
        if self.model is not None:
            identity["model"] = "/".join(self.model.parts[-3:])
        return identity


@dataclass(frozen=True)
class PotentialSource(LearntPart):
    """A potential that may have been trained."""

    def build(self) -> Potential:
        """A new potential, loaded if it was trained."""
        potential: Potential = self.made()
        return potential


@dataclass(frozen=True)
class StructureLabelTask:
    """A structure whose energy and forces are computed by the reference."""

    atoms: Atoms
    reference: Selection


def label(task: StructureLabelTask, path: Path) -> None:
    """Write the energy of a structure and the forces on its atoms.

    Raises
    ------
    ItemError
        If they are not finite numbers.
    """
    energy, forces = energy_and_forces(task.reference.built().calculator(), task.atoms)
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        raise ItemError(f"the reference gives an energy or forces of {task.atoms.symbols} that are not finite numbers.")
    write_table(path, {"energy_eV": np.array([energy]), "forces_eV_per_A": forces})


def energy_and_forces(calculator: Calculator, atoms: Atoms) -> tuple[float, np.ndarray]:
    """Energy in eV and forces in eV/Å of atoms, which are left as they are."""
    copy = atoms.copy()
    copy.calc = calculator
    # of smeared electrons, forces are the derivatives of the free energy, not of the energy without smearing
    energy = float(copy.get_potential_energy(force_consistent="free_energy" in copy.calc.implemented_properties))
    return energy, np.array(copy.get_forces(apply_constraint=False), dtype=np.float64)


def built_structures(structure: Selection, rng: np.random.Generator) -> list[Atoms]:
    """The structures of a set.

    Raises
    ------
    InputError
        If the part builds one structure alone, or one of the set cannot be used.
    """
    part = structure.build()
    if not isinstance(part, StructureSet):
        raise InputError(f"{structure.name} builds one structure, and a potential is trained on a set of them; name a set.")
    found = part.build_all(rng)
    for number, atoms in enumerate(found):
        if not isinstance(atoms, Atoms) or not len(atoms) or not np.isfinite(atoms.positions).all():
            raise InputError(f"structure {number} of {structure.name} is no ase.Atoms with atoms at finite positions.")
    return [_bare(atoms) for atoms in found]


def _bare(atoms: Atoms) -> Atoms:
    """The atoms with their arrays of whole numbers, which may label layers; without calculator, constraints and notes."""
    copy = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    for name, values in atoms.arrays.items():
        if name not in copy.arrays and values.dtype.kind in "iu":
            copy.set_array(name, values)
    copy.info["group"] = str(atoms.info.get("group", ""))
    return copy


def labelled(context: Context, structures: Sequence[Atoms], reference: Selection, detail: str = "") -> ReferenceData:
    """Structures with labels of the reference, one item each; those that fail are recorded and left out."""
    keys = [digest_of_atoms(atoms) for atoms in structures]
    first = {key: number for number, key in reversed(list(enumerate(keys)))}
    distinct = sorted(first.values())
    result = context.map(
        "labels",
        label,
        [StructureLabelTask(structures[number], reference) for number in distinct],
        {"reference": reference.identity},
        items_depend_on=[{"structure": keys[number]} for number in distinct],
        detail=detail,
    )
    paths = {keys[number]: path for number, path in zip(distinct, result.paths, strict=True)}
    found = []
    for atoms, key in zip(structures, keys, strict=True):
        path = paths[key]
        if path is not None:
            table, _ = read_table(path)
            group = str(atoms.info.get("group", ""))
            found.append(ReferenceStructure(_bare(atoms), float(table["energy_eV"][0]), table["forces_eV_per_A"], group))
    return ReferenceData(tuple(found))


def reference_data(
    context: Context,
    structure: Selection | None,
    reference: Selection | None,
    file: str | None,
    units: Literal["metal", "atomic"] = "metal",
) -> ReferenceData:
    """The data that potentials are trained on: those of the file, or the structures of the set with labels of the reference."""
    if file is not None:
        return read_reference_data(Path(file), units)
    if structure is None or reference is None:
        raise RunError("there are no structures to train on.")
    return labelled(context, built_structures(structure, context.rng("structures")), reference)


def digest_of_atoms(atoms: Atoms) -> str:
    """Hash of elements, positions, cell, periodicity, and whatever else is said of each atom."""
    arrays = {"numbers": atoms.numbers, "positions": atoms.positions, "cell": atoms.cell.array, "pbc": np.array(atoms.pbc)}
    arrays |= {f"array {name}": values for name, values in sorted(atoms.arrays.items()) if name not in arrays}
    return digest_of({name: digest_of_array(np.ascontiguousarray(array)) for name, array in arrays.items()})


def digest_of_structure(structure: ReferenceStructure) -> str:
    """Hash of a structure with its labels and its group."""
    return digest_of(
        {
            "atoms": digest_of_atoms(structure.atoms),
            "energy_eV": structure.energy_eV,
            "forces": digest_of_array(structure.forces_eV_per_A),
            "group": structure.group,
        }
    )


def write_extxyz(data: ReferenceData, path: Path) -> None:
    """Write labelled structures for other programs, as extended xyz."""
    structures = []
    for structure in data:
        atoms = structure.atoms.copy()
        atoms.info["group"] = structure.group
        atoms.calc = SinglePointCalculator(atoms, energy=structure.energy_eV, forces=structure.forces_eV_per_A)
        structures.append(atoms)
    text = io.StringIO()
    ase.io.write(text, structures, format="extxyz")
    write_bytes(path, text.getvalue().encode())
