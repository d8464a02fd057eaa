"""Molecular dynamics at constant temperature in a fixed cell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.frames import Frame
from sharvin.protocols import Potential
from sharvin.study_plan import RunLength

from sharvin_md.configs import LammpsNvtOptions
from sharvin_md.lammps_relax import MARGIN_A, rigid_atoms
from sharvin_md.lammps_system import LammpsSystem
from sharvin_md.run_time import seconds_per_step
from sharvin_md.thermostat import measured, neighbours, thermostat


class LammpsNvt:
    """Dynamics ``lammps_nvt``.

    Parameters
    ----------
    options : LammpsNvtOptions
    """

    def __init__(self, options: LammpsNvtOptions) -> None:
        self.options = options

    def foresee(self, atoms: Atoms, potential: Potential, measure: bool) -> RunLength:
        """How many frames and steps a run has.

        Raises
        ------
        InputError
            If all atoms are rigid.
        """
        options = self.options
        _mobile(atoms)
        count, every = self._snapshots()
        steps = round(options.equilibration_ps * 1000 / options.timestep_fs) + count * every
        return RunLength(count + 1, steps, steps * seconds_per_step(atoms, potential, options) if measure else None)

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
        options, mobile = self.options, _mobile(atoms)
        count, every = self._snapshots()
        current = atoms.copy()
        with LammpsSystem(atoms, potential, MARGIN_A) as system:
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

    def _snapshots(self) -> tuple[int, int]:
        """Frames after the first one, and time steps between two."""
        options = self.options
        every = round(options.snapshot_every_ps * 1000 / options.timestep_fs)
        return int(options.duration_ps * 1000 / options.timestep_fs / every + 1e-9), every


def _mobile(atoms: Atoms) -> NDArray[np.bool_]:
    mobile = ~rigid_atoms(atoms)
    if not mobile.any():
        raise InputError("all atoms are rigid, so nothing moves; mark fewer as rigid.")
    return np.asarray(mobile)
