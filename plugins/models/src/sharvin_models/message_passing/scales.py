"""What a network's energies are relative to: energies of atoms, an offset, and the unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.reference_data import ReferenceData

SMALLEST_SCALE_EV = 1e-3


@dataclass(frozen=True, eq=False)
class EnergyScales:
    """E = Σ_i (E0 of the element + shift + scale · ε_i), with ε from the network.

    Parameters
    ----------
    elements : tuple of int
        Atomic numbers, ascending.
    atom_energies_eV : float64[n_elements]
    shift_eV : float
    scale_eV : float
    """

    elements: tuple[int, ...]
    atom_energies_eV: NDArray[np.float64]
    shift_eV: float
    scale_eV: float

    def offset_eV(self, species: NDArray[np.int64]) -> float:
        """What the energy of a structure has besides the network's."""
        return float(self.atom_energies_eV[species].sum() + self.shift_eV * len(species))

    @classmethod
    def of(cls, data: ReferenceData, kind: str, name: str) -> EnergyScales:
        """Scales of a training set; the unit is the root mean square of the force components times 1 Å.

        Parameters
        ----------
        data : ReferenceData
        kind : {"least_squares", "isolated"}
        name : str
            Of the potential, for messages.

        Raises
        ------
        InputError
            If energies are to be those of isolated atoms, and there is none of an element.
        """
        elements = data.numbers
        counts = np.array([[(s.atoms.numbers == z).sum() for z in elements] for s in data], dtype=np.float64)
        energies = np.array([s.energy_eV for s in data])
        size = counts.sum(axis=1)
        if kind == "isolated":
            atoms = _isolated(data, elements, name)
        else:
            atoms = np.linalg.lstsq(counts / size[:, None], energies / size, rcond=None)[0]
        shift = float(np.mean((energies - counts @ atoms) / size))
        components = np.concatenate([s.forces_eV_per_A.ravel() for s in data])
        return cls(elements, atoms, shift, max(float(np.sqrt(np.mean(components**2))), SMALLEST_SCALE_EV))


def _isolated(data: ReferenceData, elements: Sequence[int], name: str) -> NDArray[np.float64]:
    """Energy of the single atoms, which are in no periodic cell."""
    single = {int(s.atoms.numbers[0]): s.energy_eV for s in data if len(s) == 1 and not s.atoms.pbc.any()}
    missing = [chemical_symbols[z] for z in elements if z not in single]
    if missing:
        raise InputError(
            f"{name}: atom_energies is isolated, and the training structures hold no single atom of {', '.join(missing)} in open "
            "boundary conditions; add one, or set atom_energies: least_squares."
        )
    return np.array([single[z] for z in elements])
