"""Molecular dynamics at constant temperature in a fixed cell."""

from __future__ import annotations

from collections.abc import Iterator

from ase import Atoms
from sharvin.errors import InputError
from sharvin.frames import Frame
from sharvin.protocols import Potential

from sharvin_md.configs import LammpsNvtOptions
from sharvin_md.lammps_relax import MARGIN, rigid_atoms
from sharvin_md.lammps_system import LammpsSystem
from sharvin_md.thermostat import measured, neighbours, thermostat


class LammpsNvt:
    """Dynamics ``lammps_nvt``.

    Parameters
    ----------
    options : LammpsNvtOptions
    """

    def __init__(self, options: LammpsNvtOptions) -> None:
        self.options = options

    def run(self, atoms: Atoms, potential: Potential, seed: int) -> Iterator[Frame]:
        """Frames at equal distances in time, the first one after equilibration.

        Scalars: ``time_ps``, ``temperature_K``, ``potential_energy_eV``. Positions are not wrapped into the cell.

        Raises
        ------
        InputError
            If all atoms are rigid.
        ItemError
            If the potential gives nan or an atom leaves the box.
        """
        options, mobile = self.options, ~rigid_atoms(atoms)
        if not mobile.any():
            raise InputError("all atoms are rigid, so nothing moves; mark fewer as rigid.")
        every = round(options.snapshot_every_ps * 1000 / options.timestep_fs)
        count = int(options.duration_ps * 1000 / options.timestep_fs / every + 1e-9)
        current = atoms.copy()
        with LammpsSystem(atoms, potential, MARGIN) as system:
            system.group("mobile", mobile)
            neighbours(system)
            thermostat(system, options, mobile, seed)
            system.potential.command(f"run {round(options.equilibration_ps * 1000 / options.timestep_fs)} post no")
            for snapshot in range(count + 1):
                if snapshot:
                    system.potential.command(f"run {every} pre no post no")
                current.positions[:] = system.positions()
                scalars = measured(system, current.positions)
                yield Frame.from_atoms(current, time_ps=snapshot * every * options.timestep_fs / 1000, **scalars)
