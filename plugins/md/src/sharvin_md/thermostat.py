"""Time integration of the mobile atoms at a temperature, and what is measured of it; shared by the runs at a temperature.

Langevin: m a = F − m v/τ + sqrt(2 m k_B T/(τ Δt)) ξ, with the velocity-Verlet step of ``fix nve``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import ItemError

from sharvin_md.configs import ThermostatOptions
from sharvin_md.lammps_system import LammpsSystem

THERMO = ("thermo_style custom step pe temp", "thermo 0")
"""Nothing periodic: LAMMPS then measures at the last step of each run only."""


def lammps_seeds(seed: int, count: int) -> list[int]:
    """Seeds for LAMMPS' generators, independent streams of one seed."""
    return [int(state % 899_999_999) + 1 for state in np.random.SeedSequence(seed).generate_state(count, np.uint64)]


def thermostat(system: LammpsSystem, options: ThermostatOptions, mobile: NDArray[np.bool_], seed: int) -> None:
    """Give the mobile atoms velocities and a thermostat; the others rest.

    Velocities are drawn at twice the temperature: in a relaxed structure half of it becomes potential energy.
    """
    velocities, langevin = lammps_seeds(seed, 2)
    free = bool(mobile.all())
    temperature, damping = options.temperature_K, options.damping_fs / 1000.0
    system.setup(
        f"timestep {options.timestep_fs / 1000.0!r}",
        "compute mobile_temp mobile temp",
        f"compute_modify mobile_temp extra/dof {3 if free else 0}",
        "velocity all set 0.0 0.0 0.0",
    )
    if temperature > 0:
        drift = "mom yes" if free else "mom no"
        system.setup(f"velocity mobile create {2 * temperature!r} {velocities} {drift} rot no dist gaussian temp mobile_temp")
    if options.thermostat == "nvt":
        system.setup(
            f"fix thermostat mobile nvt temp {temperature!r} {temperature!r} {damping!r}",
            "fix_modify thermostat temp mobile_temp",
        )
        return
    zero = "yes" if free else "no"
    system.setup(
        "fix integrate mobile nve",
        f"fix thermostat mobile langevin {temperature!r} {temperature!r} {damping!r} {langevin} zero {zero}",
    )


def measured(system: LammpsSystem, positions: NDArray[np.float64]) -> dict[str, float]:
    """Potential energy and temperature after a run, and what the potential says of its own use since the last frame.

    Raises
    ------
    ItemError
        If an energy or a position is not a number.
    """
    energy = system.energy_eV()
    if not (np.isfinite(energy) and np.isfinite(positions).all()):
        raise ItemError(
            f"the potential gave nan at step {system.step} or before; take a smaller time step or check the potential."
        )
    return {
        "potential_energy_eV": energy,
        "temperature_K": float(system.lmp.extract_compute("mobile_temp", 0, 0)),
        **system.potential.monitored(),
    }


def neighbours(system: LammpsSystem) -> None:
    """Neighbour lists that are rebuilt as soon as an atom has moved by half of the skin."""
    system.setup("neighbor 0.7 bin", "neigh_modify every 1 delay 0 check yes", *THERMO)
