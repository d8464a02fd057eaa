"""ASE calculator of potentials that are message-passing networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from sharvin.protocols import EnergyForcesVirial


class EquivariantCalculator(Calculator):
    """Energy (eV), forces (eV/Å) and stress (eV/Å³) of any structure; it can be copied and pickled.

    Parameters
    ----------
    evaluate : callable
        Gives energy, forces and virial of atoms.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (declared so by ASE)

    def __init__(self, evaluate: Callable[[Atoms], EnergyForcesVirial], **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._evaluate = evaluate

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), system_changes: Sequence[str] = all_changes
    ) -> None:
        """Compute all properties at once."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        assert isinstance(self.atoms, Atoms)
        found = self._evaluate(self.atoms)
        self.results = {"energy": found.energy_eV, "free_energy": found.energy_eV, "forces": found.forces_eV_per_A}
        if self.atoms.cell.rank == 3:
            stress = -0.5 * (found.virial_eV + found.virial_eV.T) / self.atoms.get_volume()
            self.results["stress"] = np.asarray(full_3x3_to_voigt_6_stress(stress))
