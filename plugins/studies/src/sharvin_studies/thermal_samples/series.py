"""Series of samples: a dynamics under several conditions, each frame of which is a displaced structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.errors import InputError, RunError
from sharvin.executors.threads import one_thread
from sharvin.options import Condition, ConditionedOptions
from sharvin.protocols import HarmonicDynamics
from sharvin.runs.returned_values import finite_frames
from sharvin.store import count_frames, read_frames, read_observables, read_table, write_table, write_trajectory

from sharvin_studies.bands.paths import BandPath, band_path
from sharvin_studies.potential_study.labelling import PotentialSource, digest_of_atoms

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SampleTask:
    """A series that a worker draws."""

    atoms: Atoms
    dynamics: Selection
    potential: PotentialSource
    seed: int


def draw(task: SampleTask, path: Path) -> None:
    """Write the samples of a series.

    Raises
    ------
    ItemError
        If the dynamics gives no frames, or positions that are no numbers.
    """
    dynamics = task.dynamics.build()
    with one_thread():
        frames = dynamics.run(task.atoms, task.potential.build(), task.seed)
        write_trajectory(path, finite_frames(dynamics, frames))


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of a series.

    Parameters
    ----------
    name : str
        Of the series.
    atoms : ase.Atoms
        The structure that was given to the dynamics, whose arrays and cell the samples have.
    path : Path
        Their file.
    """

    name: str
    atoms: Atoms
    path: Path

    def __len__(self) -> int:
        return count_frames(self.path)

    def structures(self, numbers: Sequence[int] | None = None) -> list[Atoms]:
        """Samples as structures, all or those of some numbers."""
        found = []
        for frame in read_frames(self.path, numbers):
            moved = self.atoms.copy()
            moved.positions = frame.positions
            found.append(moved)
        return found

    def positions_A(self) -> Floats:
        """Positions float64[n, n_atoms, 3] of all samples."""
        return np.array([frame.positions for frame in read_frames(self.path)])

    def draws(self) -> Floats:
        """Number of the random draw of each sample, float64[n]; samples that depend on each other have the same one."""
        found = read_observables(self.path)
        return found.get("draw", found["frame"])


def drawn(
    context: Context,
    atoms: Atoms,
    potential: PotentialSource,
    series: Mapping[str, Selection],
    detail: str = "",
) -> dict[str, Samples]:
    """The samples of each series that could be drawn, by its name.

    A series' random numbers depend on the run's seed and its place, not on its options: series of equal length use the same ones,
    so that they differ by their conditions more than by chance.
    """
    tasks = [SampleTask(atoms, dynamics, potential, context.seed("samples")) for dynamics in series.values()]
    depends = [{"series": name, "dynamics": dynamics.identity} for name, dynamics in series.items()]
    result = context.map(
        "samples",
        draw,
        tasks,
        {"atoms": digest_of_atoms(atoms), "potential": potential.identity},
        detail=detail,
        items_depend_on=depends,
    )
    named = zip(series, result.paths, strict=True)
    return {name: Samples(name, atoms, path) for name, path in named if path is not None}


def groups_at_rest(series: Mapping[str, Selection]) -> dict[str, str]:
    """For each series, the first one whose dynamics differs from its own in its conditions alone, so in no structure at rest."""
    firsts: dict[str, Selection] = {}
    found = {}
    for name, dynamics in series.items():
        for other, first in firsts.items():
            if _without_conditions(dynamics) == _without_conditions(first):
                found[name] = other
                break
        else:
            firsts[name] = dynamics
            found[name] = name
    return found


def _without_conditions(dynamics: Selection) -> tuple[str, dict[str, Any]]:
    options = dynamics.options
    conditions = options.conditions() if isinstance(options, ConditionedOptions) else ()
    named = {condition.option for condition in conditions}
    return dynamics.name, {name: value for name, value in options if name not in named}


@dataclass(frozen=True)
class RestTask:
    """A structure whose vibrations are asked for, along a path of corners and a number of points if one is given."""

    atoms: Atoms
    dynamics: Selection
    potential: PotentialSource
    path: tuple[str, int] | None


def vibrate(task: RestTask, path: Path) -> None:
    """Write the positions at rest, the cell that wave vectors refer to, and the frequencies along the path.

    Raises
    ------
    InputError
        If the dynamics knows nothing of vibrations, or a corner of the path is not known.
    """
    dynamics = task.dynamics.build()
    if not isinstance(dynamics, HarmonicDynamics):
        raise InputError(f"{task.dynamics.name} knows no vibrations; name dynamics of a harmonic crystal.")
    with one_thread():
        crystal = dynamics.vibrations(task.atoms, task.potential.build())
        found = {"rest_positions_A": crystal.atoms.positions, "rest_cell_A": crystal.atoms.cell.array, "cell_A": crystal.cell}
        if task.path is not None:
            found["frequencies_THz"] = crystal.frequencies_THz(band_path(crystal.cell, task.atoms.pbc, *task.path).k)
    write_table(path, found)


@dataclass(frozen=True, eq=False)
class Vibrations:
    """The vibrations of a structure.

    Parameters
    ----------
    rest : ase.Atoms
        At rest.
    cell : float64[3, 3]
        Cell vectors in Å of the crystal that wave vectors refer to.
    path : BandPath or None
        Wave vectors that were asked for.
    frequencies_THz : float64[n_q, n_modes] or None
        At these; negative for unstable modes.
    """

    rest: Atoms
    cell: Floats
    path: BandPath | None
    frequencies_THz: Floats | None


def vibrations(
    context: Context,
    atoms: Atoms,
    potentials: Mapping[str, PotentialSource],
    dynamics: Selection,
    path: tuple[str, int] | None = None,
) -> dict[str, Vibrations]:
    """Vibrations by each potential, with frequencies along a path of corners and a number of points if one is given.

    Raises
    ------
    RunError
        If they cannot be computed by one of them.
    """
    result = context.map(
        "vibrations",
        vibrate,
        [RestTask(atoms, dynamics, potential, path) for potential in potentials.values()],
        {"atoms": digest_of_atoms(atoms), "dynamics": dynamics.identity, "path": path},
        items_depend_on=[potential.identity for potential in potentials.values()],
    )
    found = {}
    for name, file in zip(potentials, result.paths, strict=True):
        if file is None:
            raise RunError(f"the vibrations by {name} could not be computed; see log.jsonl.")
        table, _ = read_table(file)
        rest = atoms.copy()
        rest.set_cell(table["rest_cell_A"])
        rest.positions = table["rest_positions_A"]
        along = None if path is None else band_path(table["cell_A"], atoms.pbc, *path)
        found[name] = Vibrations(rest, table["cell_A"], along, table.get("frequencies_THz"))
    return found


def condition_of(dynamics: Selection) -> tuple[Condition, float] | None:
    """The first condition that a dynamics' options declare, with its value; None if they declare none."""
    options = dynamics.options
    if not isinstance(options, ConditionedOptions):
        return None
    conditions = options.conditions()
    if not conditions:
        return None
    return conditions[0], float(getattr(options, conditions[0].option))
