"""How long a step of molecular dynamics takes, from a few of them."""

from __future__ import annotations

import time

import numpy as np
from ase import Atoms
from sharvin.protocols import Potential

from sharvin_md.configs import ThermostatOptions
from sharvin_md.lammps_relax import rigid_atoms
from sharvin_md.lammps_system import LammpsSystem
from sharvin_md.thermostat import neighbours, thermostat

MARGIN_A = 20.0
ENOUGH_SECONDS = 0.3
MOST_STEPS = 400
RELAXING_STEPS = 300
"""Evaluations of the forces that relaxing a wire takes, about."""


def seconds_per_step(atoms: Atoms, potential: Potential, options: ThermostatOptions) -> float:
    """Seconds of one time step on this machine.

    Raises
    ------
    InputError
        If the potential does not know the elements.
    ItemError
        If it gives nan.
    """
    mobile = ~rigid_atoms(atoms)
    with LammpsSystem(atoms, potential, MARGIN_A) as system:
        system.group("mobile", mobile)
        neighbours(system)
        thermostat(system, options, mobile, 1)
        system.potential.command("run 0 post no")  # what is compiled or loaded once does not count
        started = time.perf_counter()
        system.potential.command("run 1 post no")  # two evaluations, and the neighbour list
        once = (time.perf_counter() - started) / 2
        steps = int(np.clip(ENOUGH_SECONDS / max(once, 1e-6), 0, MOST_STEPS))
        if steps < 2:
            return once
        started = time.perf_counter()
        system.potential.command(f"run {steps} pre no post no")
        return (time.perf_counter() - started) / steps
