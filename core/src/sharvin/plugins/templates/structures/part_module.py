"""A chain of atoms along z between two rigid, perfect ends."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from sharvin.errors import InputError

from plugin_package.configs import PartNameOptions


class PartName:
    """Chain with random displacements in the middle."""

    def __init__(self, options: PartNameOptions) -> None:
        if 2 * options.electrode_atoms >= options.atoms:
            raise InputError(f"a chain of {options.atoms} atoms has no room between electrodes of {options.electrode_atoms}.")
        self._options = options

    def build(self, rng: np.random.Generator) -> Atoms:
        """Chain with the arrays ``electrode`` and ``rigid``, in a box with 10 Å of vacuum around."""
        options = self._options
        electrode = np.zeros(options.atoms, dtype=np.int8)
        electrode[: options.electrode_atoms], electrode[-options.electrode_atoms :] = -1, 1
        positions = np.zeros((options.atoms, 3))
        positions[:, 2] = options.spacing_A * np.arange(options.atoms)
        positions[electrode == 0] += rng.normal(0, options.disorder_A, (int(np.sum(electrode == 0)), 3))
        length = options.spacing_A * options.atoms
        atoms = Atoms([options.element] * options.atoms, positions=positions, cell=[20.0, 20.0, length], pbc=(True, True, False))
        atoms.translate([10.0, 10.0, 0.0])
        atoms.set_array("electrode", electrode)
        atoms.set_array("rigid", electrode != 0)
        return atoms
