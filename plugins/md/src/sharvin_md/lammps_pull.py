"""A wire pulled at constant speed until it breaks, as in a mechanically controlled break junction.

The wire relaxes and thermalises between its resting electrodes. Then the rigid outer layers move apart, each at half of the
speed v, z_i(t) = z_i(0) ± v t/2, so that the middle of the wire is at rest in the frame of the thermostat; the elongation is
v t. The tension is the mean of the forces that the wire exerts on the two blocks, towards the middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.electrodes.broken_wires import BOND_IN_DISTANCES, NECK_WIDTH
from sharvin.errors import InputError, ItemError
from sharvin.frames import Frame
from sharvin.protocols import Potential
from sharvin.study_plan import RunLength

from sharvin_md.configs import LammpsPullOptions
from sharvin_md.lammps_relax import relax, rigid_atoms
from sharvin_md.lammps_system import LammpsSystem
from sharvin_md.neck_width import NeckWidth, nearest_neighbour_distance_A
from sharvin_md.run_time import RELAXING_STEPS, seconds_per_step
from sharvin_md.thermostat import measured, neighbours, thermostat

MARGIN_A = 20.0
NANONEWTON_PER_EV_PER_A = 1.602176634
RUPTURE_PER_LENGTH = 0.7


class LammpsPull:
    """Dynamics ``lammps_pull``.

    Parameters
    ----------
    options : LammpsPullOptions
    """

    def __init__(self, options: LammpsPullOptions) -> None:
        self.options = options

    def foresee(self, atoms: Atoms, potential: Potential, measure: bool) -> RunLength:
        """About how long a pull is.

        A wire breaks when it has become longer by about 0.7 of what lies between its rigid layers: so did wires of gold of
        6 layers between electrodes at 4.5 K.

        Raises
        ------
        InputError
            As :meth:`run`.
        """
        options = self.options
        left, right, _ = _pullable(atoms, options.bond_cutoff_A)
        between = float(atoms.positions[right, 2].min() - atoms.positions[left, 2].max())
        elongation = min(options.max_elongation_A, RUPTURE_PER_LENGTH * between + options.rupture_margin_A)
        frames = 1 + int(elongation / options.snapshot_every_A)
        equilibration = round(options.equilibration_ps * 1000 / options.timestep_fs)
        steps = (RELAXING_STEPS if options.relax else 0) + equilibration + (frames - 1) * options.snapshot_steps()
        return RunLength(frames, steps, steps * seconds_per_step(atoms, potential, options) if measure else None)

    def run(self, atoms: Atoms, potential: Potential, seed: int) -> Iterator[Frame]:
        """Frames at equal elongations, from the thermalised wire until it has been broken for the margin.

        The rigid atoms of the left electrode keep their positions from frame to frame, and the cell grows with the wire.
        Scalars: ``time_ps`` and ``elongation_A`` since the pull began, ``neck_width`` (atoms), ``temperature_K`` of the
        mobile atoms, ``potential_energy_eV``, ``force_nN`` (tension, positive where the wire resists).

        Raises
        ------
        InputError
            If the structure is no unbroken wire between two rigid blocks along a z axis that is not periodic.
        ItemError
            If the potential gives nan, atoms are lost, or the wire breaks before the pull begins.
        """
        options = self.options
        left, right, width = _pullable(atoms, options.bond_cutoff_A)
        mobile = ~(left | right)
        with LammpsSystem(atoms, potential, MARGIN_A + options.max_elongation_A / 2) as system:
            for name, members in (("mobile", mobile), ("left", left), ("right", right)):
                system.group(name, members)
            neighbours(system)
            if options.relax:
                relax(system, mobile, options.relax_fmax)
            thermostat(system, options, mobile, seed)
            system.potential.command(f"run {round(options.equilibration_ps * 1000 / options.timestep_fs)} post no")
            half = options.speed_m_per_s / 200
            system.setup(
                "reset_timestep 0",
                f"fix pull_left left move linear 0.0 0.0 {-half!r}",
                f"fix pull_right right move linear 0.0 0.0 {half!r}",
            )
            system.potential.command("run 0 post no")
            yield from self._pull(system, atoms, left, right, width)

    def _pull(
        self, system: LammpsSystem, atoms: Atoms, left: NDArray[np.bool_], right: NDArray[np.bool_], width: NeckWidth
    ) -> Iterator[Frame]:
        """Pull and yield.

        Frames wait until the margin after a rupture among them would be over: evaluating several at once finds code and data
        in the processor's caches, which LAMMPS empties.
        """
        options, every = self.options, self.options.snapshot_steps()
        spacing = every * options.timestep_fs * options.speed_m_per_s * 1e-5
        margin = options.rupture_margin_A
        broken_since: float | None = None
        waiting: list[Frame] = []
        due = 1
        while True:
            waiting.append(self._snapshot(system, atoms, left, right))
            elongation = waiting[-1].scalars["elongation_A"]
            last = elongation + spacing > options.max_elongation_A + 1e-9
            if len(waiting) >= due or last:
                for frame in waiting:
                    neck = width(frame.positions, frame.cell, frame.pbc)
                    reached = frame.scalars["elongation_A"]
                    if neck == 0 and reached == 0:
                        raise ItemError(
                            "the wire broke before the pull began; lower the temperature or check the lattice constant."
                        )
                    yield replace(frame, scalars={**frame.scalars, NECK_WIDTH: float(neck)})
                    broken_since = None if neck > 0 else (reached if broken_since is None else broken_since)
                    if broken_since is not None and reached - broken_since >= margin - 1e-9:
                        return
                waiting.clear()
                left_over = margin if broken_since is None else broken_since + margin - elongation
                due = max(1, ceil(left_over / spacing - 1e-9))
            if last:
                return
            system.potential.command(f"run {every} pre no post no")

    def _snapshot(self, system: LammpsSystem, atoms: Atoms, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> Frame:
        """The frame at this step, all but its neck width; the left electrode where it was at the start."""
        time = system.step * self.options.timestep_fs / 1000
        elongation = time * self.options.speed_m_per_s / 100
        positions = system.positions()
        scalars = {
            "time_ps": time,
            "elongation_A": elongation,
            **measured(system, positions),
            "force_nN": _tension_nN(system, left, right),
        }
        positions[:, 2] += elongation / 2
        cell = np.array(atoms.cell.array)
        cell[2, 2] += elongation
        numbers, pbc = np.array(atoms.numbers, dtype=np.int64), np.array(atoms.pbc, dtype=bool)
        return Frame(numbers, positions, cell, pbc, scalars, left | right)


def _pullable(atoms: Atoms, cutoff_A: float | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NeckWidth]:
    """Rigid atoms on either side of a wire that can be pulled, and what measures its neck."""
    left, right = _rigid_blocks(atoms)
    width = _neck_width(atoms, left, right, cutoff_A)
    if width(atoms.positions, atoms.cell.array, atoms.pbc) == 0:
        raise InputError("the wire is broken before the pull: no chain of bonds joins the rigid layers; check the structure.")
    return left, right, width


def _rigid_blocks(atoms: Atoms) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rigid atoms of the left and of the right electrode."""
    if atoms.pbc[2]:
        raise InputError("a wire to be pulled must not be periodic along z.")
    if abs(atoms.cell.array[:2, 2]).max() > 1e-9 or abs(atoms.cell.array[2, :2]).max() > 1e-9:
        raise InputError("a wire to be pulled needs a cell whose third vector is along z and the others across it.")
    if "electrode" not in atoms.arrays:
        raise InputError("a wire to be pulled needs its electrodes marked; state electrode_layers of the structure.")
    rigid, side = rigid_atoms(atoms), atoms.arrays["electrode"]
    left, right = rigid & (side < 0), rigid & (side > 0)
    if not (left.any() and right.any()):
        raise InputError("a wire to be pulled needs rigid atoms in both electrodes; state electrode_layers of the structure.")
    if (rigid & (side == 0)).any():
        raise InputError("a rigid atom of the neck belongs to no electrode; mark fewer atoms as rigid.")
    if atoms.positions[left, 2].max() >= atoms.positions[right, 2].min():
        raise InputError("the left electrode must be at lower z than the right one.")
    return left, right


def _neck_width(atoms: Atoms, left: NDArray[np.bool_], right: NDArray[np.bool_], cutoff_A: float | None) -> NeckWidth:
    if cutoff_A is None:
        cutoff_A = BOND_IN_DISTANCES * nearest_neighbour_distance_A(atoms.positions, atoms.cell.array, atoms.pbc)
    return NeckWidth(left, right, cutoff_A)


def _tension_nN(system: LammpsSystem, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> float:
    """Tension of the wire."""
    forces = system.forces()[:, 2]
    return float(forces[left].sum() - forces[right].sum()) / 2 * NANONEWTON_PER_EV_PER_A
