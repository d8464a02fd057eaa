"""Newton's equations at constant energy, by the velocity Verlet scheme, with rigid atoms held in place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms, units
from ase.constraints import FixAtoms
from ase.md.verlet import VelocityVerlet
from sharvin import Frame
from sharvin.errors import ItemError
from sharvin.protocols import Potential

from plugin_package.configs import PartNameOptions


class PartName:
    """Free motion from Maxwell-Boltzmann velocities."""

    def __init__(self, options: PartNameOptions) -> None:
        self._options = options

    def run(self, atoms: Atoms, potential: Potential, seed: int) -> Iterator[Frame]:
        """Frames in order of time; equal seeds give equal frames."""
        options = self._options
        moving = atoms.copy()
        moving.calc = potential.calculator()
        moving.set_constraint(FixAtoms(mask=atoms.arrays["rigid"]))
        spread = np.sqrt(moving.get_masses() * units.kB * options.temperature_K)  # Maxwell and Boltzmann
        moving.set_momenta(spread[:, None] * np.random.default_rng(seed).normal(size=(len(moving), 3)))
        dynamics = VelocityVerlet(moving, timestep=options.time_step_fs * units.fs)
        for step in range(0, options.steps + 1, options.frame_every):
            if step:
                dynamics.run(options.frame_every)
            energy = float(moving.get_potential_energy())
            if not np.isfinite(energy):
                raise ItemError(f"the potential energy is {energy} after {step} steps.")
            yield Frame.from_atoms(moving, time_ps=step * options.time_step_fs / 1000, potential_energy_eV=energy)
