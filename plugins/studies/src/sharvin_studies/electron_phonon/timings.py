"""How long the trained parts and their references take, by the number of atoms."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.context import Context
from sharvin.executors.threads import one_thread
from sharvin.store import read_table, write_table

from sharvin_studies.electron_phonon.block_training import HamiltonianSource
from sharvin_studies.potential_study.labelling import PotentialSource, digest_of_atoms, energy_and_forces

REPEATED_BELOW_S = 5.0
"""What took less than this is done a second time, which is what counts: a first call may build tables."""


@dataclass(frozen=True)
class TimingTask:
    """A part and the structures that it is timed on, ascending in size."""

    part: PotentialSource | HamiltonianSource
    structures: tuple[Atoms, ...]
    slowest_s: float


def measure(task: TimingTask, path: Path) -> None:
    """Write numbers of atoms and seconds of one evaluation each, until one is too slow."""
    with one_thread():
        call = _call(task.part)
        atoms, seconds = [], []
        for structure in task.structures:
            taken = _seconds(call, structure)
            if taken < REPEATED_BELOW_S:
                moved = structure.copy()
                moved.positions += 0.01
                taken = _seconds(call, moved)
            atoms.append(len(structure))
            seconds.append(taken)
            if taken > task.slowest_s:
                break
    write_table(path, {"atoms": np.array(atoms), "seconds": np.array(seconds)})


def _call(part: PotentialSource | HamiltonianSource) -> Callable[[Atoms], object]:
    if isinstance(part, HamiltonianSource):
        return part.build().blocks
    calculator = part.build().calculator()
    return lambda atoms: energy_and_forces(calculator, atoms)


def _seconds(call: Callable[[Atoms], object], atoms: Atoms) -> float:
    started = time.perf_counter()
    call(atoms)
    return time.perf_counter() - started


@dataclass(frozen=True, eq=False)
class Timing:
    """Numbers of atoms int64[n] and seconds float64[n] of a part."""

    atoms: NDArray[np.int64]
    seconds: NDArray[np.float64]

    @property
    def exponent(self) -> float:
        """Slope of the time against the number of atoms on logarithmic scales, from the larger half; nan of fewer than two."""
        half = max(len(self.atoms) // 2, min(len(self.atoms), 2))
        if half < 2:
            return float("nan")
        x, y = np.log(self.atoms[-half:]), np.log(self.seconds[-half:])
        return float(np.polyfit(x, y, 1)[0])


def timed(
    context: Context,
    structures: Sequence[Atoms],
    parts: dict[str, PotentialSource | HamiltonianSource],
    slowest_s: float,
) -> dict[str, Timing]:
    """Times of each part that could be timed."""
    ascending = tuple(sorted(structures, key=len))
    tasks = [TimingTask(part, ascending, slowest_s) for part in parts.values()]
    identities = [part.identity for part in parts.values()]
    result = context.map(
        "timings",
        measure,
        tasks,
        {"structures": [digest_of_atoms(atoms) for atoms in ascending], "slowest": slowest_s},
        items_depend_on=identities,
    )
    found = {}
    for name, path in zip(parts, result.paths, strict=True):
        if path is not None:
            table, _ = read_table(path)
            found[name] = Timing(table["atoms"].astype(np.int64), table["seconds"])
    return found
