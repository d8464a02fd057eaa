"""Series of samples: a dynamics under several conditions, each frame of which is a displaced structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.errors import InputError, RunError
from sharvin.executors.threads import one_thread
from sharvin.options import Condition, ConditionedOptions
from sharvin.protocols import HarmonicDynamics
from sharvin.runs.returned_values import finite_frames
from sharvin.store import count_frames, read_frames, read_table, write_table, write_trajectory

from sharvin_studies.potential_study.labelling import PotentialSource, digest_of_atoms


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
        {"atoms": digest_of_atoms(atoms), "potential": identity_of(potential)},
        detail=detail,
        items_depend_on=depends,
    )
    named = zip(series, result.paths, strict=True)
    return {name: Samples(name, atoms, path) for name, path in named if path is not None}


def identity_of(potential: PotentialSource) -> dict[str, Any]:
    """What a potential depends on, the trained model included."""
    identity: dict[str, Any] = {"potential": potential.selection.identity}
    if potential.model is not None:
        # a trained model's folders are named after all that it depends on
        identity["model"] = "/".join(potential.model.parts[-3:])
    return identity


@dataclass(frozen=True)
class RestTask:
    """A structure whose vibrations are asked for at wave vectors."""

    atoms: Atoms
    dynamics: Selection
    potential: PotentialSource
    q: np.ndarray


def vibrate(task: RestTask, path: Path) -> None:
    """Write the positions at rest, the cell that wave vectors refer to, and frequencies at some of these.

    Raises
    ------
    InputError
        If the dynamics knows nothing of vibrations.
    """
    dynamics = task.dynamics.build()
    if not isinstance(dynamics, HarmonicDynamics):
        raise InputError(f"{task.dynamics.name} knows no vibrations; name dynamics of a harmonic crystal.")
    with one_thread():
        crystal = dynamics.vibrations(task.atoms, task.potential.build())
        frequencies = crystal.frequencies_THz(task.q) if len(task.q) else np.zeros((0, 0))
    write_table(path, {"rest_positions_A": crystal.atoms.positions, "cell_A": crystal.cell, "frequencies_THz": frequencies})


@dataclass(frozen=True, eq=False)
class Vibrations:
    """A structure at rest, and frequencies float64[n_q, n_modes] in THz at the wave vectors that were asked for."""

    rest: Atoms
    cell: np.ndarray
    frequencies_THz: np.ndarray


def vibrations(
    context: Context,
    atoms: Atoms,
    potentials: Mapping[str, PotentialSource],
    dynamics: Selection,
    q: np.ndarray,
) -> dict[str, Vibrations]:
    """Vibrations by each potential.

    Raises
    ------
    RunError
        If they cannot be computed by one of them.
    """
    result = context.map(
        "vibrations",
        vibrate,
        [RestTask(atoms, dynamics, potential, q) for potential in potentials.values()],
        {"atoms": digest_of_atoms(atoms), "dynamics": dynamics.identity, "q": q.tolist()},
        items_depend_on=[identity_of(potential) for potential in potentials.values()],
    )
    found = {}
    for name, path in zip(potentials, result.paths, strict=True):
        if path is None:
            raise RunError(f"the vibrations by {name} could not be computed; see log.jsonl.")
        table, _ = read_table(path)
        rest = atoms.copy()
        rest.positions = table["rest_positions_A"]
        found[name] = Vibrations(rest, table["cell_A"], table["frequencies_THz"])
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
