"""ASE calculator of a neural-network potential or of a committee of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from numpy.typing import NDArray
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.protocols import NeighbourList

from sharvin_descriptors.hdnnp.watch import WatchedEvaluator


def neighbour_list(atoms: Atoms, cutoff_A: float, what: str = "the structure") -> NeighbourList:
    """Neighbours of all atoms of a structure within a cutoff.

    Raises
    ------
    ItemError
        If two atoms are at one place or a position is not a finite number.
    """
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, cutoff_A, full=True, what=what)
    pairs.require_apart(what)
    first = np.searchsorted(pairs.first, np.arange(len(atoms) + 1)).astype(np.int64)
    return NeighbourList(np.asarray(atoms.numbers, dtype=np.int64), first, pairs.second, pairs.vector)


class HdnnpCalculator(Calculator):
    """Energy (eV), energies of the atoms, forces (eV/Å) and stress (eV/Å³) of any structure.

    A committee gives its mean, and in ``results`` ``energy_std`` (eV) and ``forces_std``, float64[n_atoms, 3], the standard
    deviations over its members (n − 1). ``extrapolations`` counts the symmetry functions outside the training data.

    Parameters
    ----------
    watched : WatchedEvaluator
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012 (declared so by ASE)

    def __init__(self, watched: WatchedEvaluator, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._watched = watched

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), system_changes: Sequence[str] = all_changes
    ) -> None:
        """Compute all properties at once."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        assert isinstance(self.atoms, Atoms)
        self._watched.model.require_elements(np.asarray(self.atoms.numbers, dtype=np.int64))
        found = self._watched.evaluate(neighbour_list(self.atoms, self._watched.cutoff_A))
        members: NDArray[np.float64] = found.energies_eV.sum(axis=1)
        energy = float(members.mean())
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "energies": found.energies_eV.mean(axis=0),
            "forces": found.forces_eV_per_A.mean(axis=0),
            "extrapolations": found.extrapolations,
        }
        if len(members) > 1:
            self.results["energy_std"] = float(members.std(ddof=1))
            self.results["forces_std"] = found.forces_eV_per_A.std(axis=0, ddof=1)
        if self.atoms.cell.rank == 3:
            stress = -found.virials_eV.mean(axis=0) / self.atoms.get_volume()
            self.results["stress"] = stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
