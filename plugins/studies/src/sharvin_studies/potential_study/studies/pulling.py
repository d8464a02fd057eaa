"""Wires that are pulled by one potential, and energies and forces of their frames by others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.optimize import FIRE
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.electrodes.broken_wires import is_unbroken
from sharvin.errors import ItemError
from sharvin.executors.threads import one_thread
from sharvin.frames import Frame
from sharvin.protocols import MonitoredPotential
from sharvin.runs import seeds
from sharvin.runs.atomic import atomically
from sharvin.runs.digests import digest_of
from sharvin.runs.returned_values import built_atoms, finite_frames
from sharvin.store import read_frames, read_json, read_table, write_json, write_table, write_trajectory

from sharvin_studies.potential_study.labelling import PotentialSource, digest_of_atoms, energy_and_forces

Array = NDArray[np.float64]
RELAXED_EV_PER_A = 0.02
"""Largest force on a mobile atom of a wire at rest."""
RELAXATION_STEPS = 1000


@dataclass(frozen=True)
class WirePullTask:
    """A wire, what pulls it, the potential that moves its atoms, and a seed; the start is relaxed too if asked for."""

    structure: Selection
    dynamics: Selection
    source: PotentialSource
    seed: int
    relax: bool = False


def pull_wire(task: WirePullTask, path: Path) -> None:
    """Write the start, the relaxed start if asked for, and the frames; those before a failure count.

    The folder holds ``before.h5`` with the start, ``trajectory.h5`` with the frames of the pull unless there is none, and
    ``notes.json``. They are two files because all frames of one have the scalars of its first.
    """
    start = built_atoms(task.structure.build(), seeds.stream(task.seed, "structure"))
    potential, dynamics = task.source.build(), task.dynamics.build()
    reasons: list[str] = []
    watched = sorted(potential.monitored()) if isinstance(potential, MonitoredPotential) else []

    def before() -> Iterator[Frame]:
        yield Frame.from_atoms(start)
        if task.relax:
            yield Frame.from_atoms(relaxed(start, potential.calculator()))

    def frames() -> Iterator[Frame]:
        try:
            yield from finite_frames(dynamics, dynamics.run(start.copy(), potential, task.seed))
        except ItemError as error:
            reasons.append(str(error))

    def write(folder: Path) -> None:
        folder.mkdir()
        with one_thread():
            write_trajectory(folder / "before.h5", before())
            found = frames()
            first = next(found, None)
            if first is not None:
                write_trajectory(folder / "trajectory.h5", chain([first], found))
        write_json(folder / "notes.json", {"ended_by": reasons[0] if reasons else None, "monitored": watched})

    atomically(path, write)


def relaxed(atoms: Atoms, calculator: Any) -> Atoms:
    """The atoms at rest, or after many steps towards it; rigid ones are held."""
    copy: Atoms = atoms.copy()
    copy.calc = calculator
    if "rigid" in copy.arrays:
        copy.set_constraint(FixAtoms(mask=np.asarray(copy.arrays["rigid"], dtype=bool)))
    FIRE(copy, logfile=None).run(fmax=RELAXED_EV_PER_A, steps=RELAXATION_STEPS)
    copy.calc = None
    copy.set_constraint()
    return copy


@dataclass(frozen=True)
class PulledFrames:
    """A pulled wire: the frames of its file without those before the pull, and why it ended early, if it did.

    Parameters
    ----------
    before : list of Atoms
        The start, and the relaxed start.
    frames : list of Frame
    ended_by : str or None
    watched : tuple of str
        Names of the scalars in which the potential tells of its own use, such as of atoms outside of what it has learnt.
    """

    before: list[Atoms]
    frames: list[Frame]
    ended_by: str | None
    watched: tuple[str, ...] = ()

    @property
    def monitored(self) -> dict[str, float]:
        """What the potential tells of its own use, as far as the dynamics wrote it down: sums of counts, else the largest."""
        found = {}
        for name in self.watched:
            values = [frame.scalars[name] for frame in self.frames if name in frame.scalars]
            if values:
                counts = all(float(value).is_integer() for value in values)
                found[name] = float(sum(values) if counts else max(values))
        return found

    def thinnest(self, number: int) -> list[Frame]:
        """The last frames before the wire breaks: with necks of one atom, or else the last ones that are unbroken."""
        unbroken = [frame for frame in self.frames if is_unbroken(frame)]
        single = [frame for frame in unbroken if frame.scalars.get("neck_width") == 1.0]
        return (single or unbroken)[-number:]

    def single_atom_necks(self, number: int) -> int:
        """How many of these frames have a neck of one atom."""
        return sum(frame.scalars.get("neck_width") == 1.0 for frame in self.thinnest(number))


def pull_wires(
    context: Context,
    step: str,
    parts: Mapping[str, Selection],
    source: PotentialSource,
    source_key: Mapping[str, Any],
    count: int,
    first: int = 0,
    relax: bool = False,
) -> list[PulledFrames]:
    """Wires pulled by a potential, each with a seed of its own.

    Parameters
    ----------
    context : Context
    step : str
    parts : mapping
        ``structure`` and ``dynamics``.
    source : PotentialSource
    source_key : mapping
        What the potential depends on.
    count : int
    first : int
        Number of the first seed.
    relax : bool
        Relax the start as well.
    """
    tasks = [
        WirePullTask(parts["structure"], parts["dynamics"], source, context.seed(step, first + k), relax) for k in range(count)
    ]
    common = {"structure": parts["structure"].identity, "dynamics": parts["dynamics"].identity, "relax": relax}
    result = context.map(
        step, pull_wire, tasks, common, suffix="", items_depend_on=[{**source_key, "seed": task.seed} for task in tasks]
    )
    found = []
    for _, path in result.finished:
        trajectory = path / "trajectory.h5"
        frames = list(read_frames(trajectory)) if trajectory.exists() else []
        before = [frame.to_atoms() for frame in read_frames(path / "before.h5")]
        notes = read_json(path / "notes.json")
        found.append(PulledFrames(before, frames, notes["ended_by"], tuple(notes["monitored"])))
    return found


@dataclass(frozen=True, eq=False)
class EvaluationTask:
    """Structures whose energies and forces a potential gives."""

    source: PotentialSource
    structures: tuple[Atoms, ...]


def evaluate(task: EvaluationTask, path: Path) -> None:
    """Write energies and forces, nan where the potential refuses a structure."""
    calculator = task.source.build().calculator()
    energies, forces = [], []
    with one_thread():
        for atoms in task.structures:
            try:
                energy, force = energy_and_forces(calculator, atoms)
            except ItemError:
                energy, force = np.nan, np.full((len(atoms), 3), np.nan)
            energies.append(energy)
            forces.append(force)
    write_table(path, {"energy_eV": np.array(energies), "forces_eV_per_A": np.concatenate(forces)})


def evaluated(
    context: Context, step: str, sources: Sequence[tuple[PotentialSource, Mapping[str, Any]]], structures: Iterable[Atoms]
) -> list[list[tuple[float, Array]] | None]:
    """Energies and forces of structures by each potential, in their order; None where a potential failed.

    Parameters
    ----------
    context : Context
    step : str
    sources : sequence of (PotentialSource, mapping)
        Potentials, and what each depends on.
    structures : iterable of Atoms
    """
    chosen = tuple(structures)
    if not chosen or not sources:
        return [[] for _ in sources]
    digest = digest_of({"structures": [digest_of_atoms(atoms) for atoms in chosen]})
    result = context.map(
        step,
        evaluate,
        [EvaluationTask(source, chosen) for source, _ in sources],
        {},
        items_depend_on=[{**key, "structures": digest} for _, key in sources],
    )
    ends = np.cumsum([len(atoms) for atoms in chosen])[:-1]
    found: list[list[tuple[float, Array]] | None] = []
    for path in result.paths:
        if path is None:
            found.append(None)
            continue
        table, _ = read_table(path)
        found.append(list(zip((float(e) for e in table["energy_eV"]), np.split(table["forces_eV_per_A"], ends), strict=True)))
    return found
