"""Which snapshots of which pulls a break-junction study labels, describes and learns from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context, Failure, StepResult
from sharvin.electrodes.broken_wires import unbroken
from sharvin.errors import RunError
from sharvin.frames import Frames
from sharvin.runs.returned_values import features_of
from sharvin.samples import DescribedFrames, FeatureShards, Samples
from sharvin.store import read_observables, read_table

from sharvin_studies.break_junction import steps
from sharvin_studies.break_junction.configs import OWN, PullSeries, TrainingSeries
from sharvin_studies.break_junction.labelled_files.reading import PullFile, read_pulls, refuse_twins

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Pulls:
    """Trajectories of the pulls of a step, each named after all that it depends on, and the series that each belongs to."""

    result: StepResult
    series: tuple[str, ...]
    files: Mapping[str, PullFile] = field(default_factory=dict)
    """By name of the series that were read."""

    def is_labelled(self, pull: int) -> bool:
        """Whether the conductances of a pull were read with it."""
        file = self.files.get(self.series[pull])
        return file is not None and file.labelled

    @property
    def all_labelled(self) -> bool:
        """Whether those of all pulls were."""
        return all(name in self.files and self.files[name].labelled for name in self.names())

    @property
    def trajectories(self) -> dict[int, Path]:
        """Files of the pulls that did not fail, by number."""
        return dict(self.result.finished)

    @property
    def asked(self) -> int:
        """Number of the pulls, those that failed among them."""
        return len(self.series)

    def names(self) -> tuple[str, ...]:
        """Names of the series, in order."""
        return tuple(dict.fromkeys(self.series))

    def of(self, name: str) -> dict[int, Path]:
        """Files of one series."""
        return {pull: path for pull, path in self.trajectories.items() if self.series[pull] == name}


@dataclass(frozen=True)
class Snapshots:
    """Snapshots of pulls, ordered by pull and then by number: ``pull`` and ``snapshot`` int64[n]."""

    pulls: Pulls
    pull: Indices
    snapshot: Indices

    def __len__(self) -> int:
        return len(self.pull)

    def by_pull(self) -> list[tuple[int, Path, tuple[int, ...]]]:
        """Number, trajectory and snapshots of each pull that has some, in order."""
        trajectories = self.pulls.trajectories
        return [
            (int(pull), trajectories[int(pull)], tuple(int(number) for number in self.snapshot[self.pull == pull]))
            for pull in np.unique(self.pull)
        ]

    def take(self, index: Indices) -> Snapshots:
        """The chosen snapshots; indices must ascend."""
        return Snapshots(self.pulls, self.pull[index], self.snapshot[index])


@dataclass(frozen=True)
class Labels:
    """Exact conductances of snapshots in G0, nan where there is none, and what they cost."""

    conductance_G0: Array
    cpu_seconds: float
    atoms: int
    orbitals: int
    stated: int = 0
    """How many of them were not computed, but read with the snapshots."""
    shortest_bond_A: Array | None = None
    """Of necks one atom wide, nan elsewhere, and everywhere where nobody looked for it."""

    @property
    def known(self) -> Indices:
        """Indices of the snapshots that have a label."""
        return np.flatnonzero(np.isfinite(self.conductance_G0))

    def take(self, index: Indices) -> Labels:
        """Those of the chosen snapshots."""
        bonds = None if self.shortest_bond_A is None else self.shortest_bond_A[index]
        return replace(self, conductance_G0=self.conductance_G0[index], shortest_bond_A=bonds)


def pulls(context: Context, step: str, option: str, series: Sequence[PullSeries]) -> Pulls:
    """Trajectories of independent pulls, each with its own seed, or from a file; a series keeps its pulls when others change."""
    tasks: list[steps.PullTask | steps.WriteTask] = []
    depend_on: list[dict[str, Any]] = []
    names: list[str] = []
    files = read_files(series)
    for one in series:
        if one.name in files:
            for pull in files[one.name].pulls:
                tasks.append(steps.WriteTask(pull.frames))
                depend_on.append({"frames": pull.digest})
                names.append(one.name)
            continue
        chosen = {**context.config.selections, **context.config.variants[option][one.name]}
        stream = step if one.name == OWN else f"{step} {one.name}"
        for number in range(one.pulls):
            seed = context.seed(stream, number)
            tasks.append(steps.PullTask(chosen["structure"], chosen["potential"], chosen["dynamics"], seed))
            identity = {key: chosen[key].identity for key in ("structure", "potential", "dynamics")}
            depend_on.append({**identity, "seed_of_item": seed})
            names.append(one.name)
    result = context.map(step, steps.pull, tasks, {}, items_depend_on=depend_on)
    return Pulls(result, tuple(names), files)


def read_files(series: Sequence[PullSeries]) -> dict[str, PullFile]:
    """The files of those series that are read, by name.

    Raises
    ------
    InputError
        As :func:`~sharvin_studies.break_junction.labelled_files.reading.read_pulls`.
    """
    found = {one.name: read_pulls(one.file) for one in series if isinstance(one, TrainingSeries) and one.file is not None}
    refuse_twins([(f"{name} ({file.path})", pull) for name, file in found.items() for pull in file.pulls])
    return found


def unbroken_snapshots(pulled: Pulls, every: int = 1) -> Snapshots:
    """Every n-th unbroken snapshot of all pulls."""
    pull, snapshot = [], []
    for item, path in pulled.result.finished:
        numbers = np.flatnonzero(unbroken(read_observables(path)))[::every]
        pull.append(np.full(len(numbers), item, dtype=np.int64))
        snapshot.append(numbers.astype(np.int64))
    none = [np.empty(0, dtype=np.int64)]
    return Snapshots(pulled, np.concatenate(pull or none), np.concatenate(snapshot or none))


def drawn_snapshots(pulled: Pulls, number: int, rng: np.random.Generator) -> Snapshots:
    """So many unbroken snapshots of each series, drawn at random without repetition; all, where it has fewer."""
    found = unbroken_snapshots(pulled)
    chosen = []
    for name in pulled.names():
        members = np.flatnonzero(np.isin(found.pull, list(pulled.of(name))))
        chosen.append(rng.permutation(members)[:number])
    return found.take(np.sort(np.concatenate(chosen)))


def label(
    context: Context,
    step: str,
    snapshots: Snapshots,
    hamiltonian: Selection,
    learnt: StepResult | None = None,
    detail: str = "",
    function: Callable[[Any, Path], None] = steps.label,
) -> Labels:
    """Exact conductances of snapshots, in pieces that workers share and a resumed run keeps.

    Those that cannot be labelled are recorded as failures and get nan. `detail` as of :meth:`sharvin.context.Context.map`;
    `function` labels one series of at most 16 snapshots and writes its table.
    """
    transport = context.config.selections["transport"]
    folder = None if learnt is None else only(learnt) / "model"
    tasks, depend_on, places = [], [], []
    for pull, trajectory, numbers in snapshots.by_pull():
        begin = int(np.searchsorted(snapshots.pull, pull))
        for start in range(0, len(numbers), steps.BATCH):
            part = numbers[start : start + steps.BATCH]
            tasks.append(steps.LabelTask(trajectory, part, hamiltonian, transport, folder))
            depend_on.append({"pull": trajectory.name, "snapshots": list(part)})
            places.append((pull, begin + start))
    depends_on = {
        "hamiltonian": hamiltonian.identity,
        "transport": transport.identity,
        **({"learnt": learnt.key} if learnt is not None else {}),
    }
    result = context.map(step, function, tasks, depends_on, detail=detail, items_depend_on=depend_on)
    conductance, bonds = np.full((2, len(snapshots)), np.nan)
    cpu_seconds, atoms, orbitals = 0.0, 0, 0
    for item, path in result.finished:
        table, notes = read_table(path)
        pull, begin = places[item]
        conductance[begin : begin + len(table["snapshot"])] = table["conductance_G0"]
        bonds[begin : begin + len(table["snapshot"])] = table.get("shortest_bond_A", np.nan)
        cpu_seconds += notes["cpu_seconds"]
        atoms, orbitals = max(atoms, notes["atoms"]), max(orbitals, notes["orbitals"])
        for snapshot, reason in notes["reasons"].items():
            context.failures.append(Failure(step, item, f"pull {pull}, snapshot {snapshot}: {reason}"))
    if not np.isfinite(conductance).any():
        raise RunError(f"step {step}: no snapshot could be labelled; see the failures in log.jsonl.")
    return Labels(conductance, cpu_seconds, atoms, orbitals, shortest_bond_A=bonds)


@dataclass(frozen=True)
class SampleSource:
    """Where a worker finds the samples of snapshots, in their order: in files, or by describing the trajectories' frames."""

    pieces: tuple[tuple[Path, tuple[int, ...]], ...]
    descriptor: Selection | None
    shards: tuple[Path, ...] | None = None

    @classmethod
    def of(cls, snapshots: Snapshots, descriptor: Selection | None, shards: Sequence[Path] | None = None) -> SampleSource:
        """Source of the samples of these snapshots."""
        pieces = tuple((path, numbers) for _, path, numbers in snapshots.by_pull())
        return cls(pieces, descriptor, None if shards is None else tuple(shards))

    def samples(self) -> Samples:
        """Features in files, features computed on demand from frames in memory, or the frames where there is no descriptor."""
        if self.shards is not None:
            return FeatureShards(self.shards)
        frames = Frames(frame for path, numbers in self.pieces for _, frame in steps.chosen_frames(path, numbers))
        return frames if self.descriptor is None else DescribedFrames(frames, partial(features_of, self.descriptor.built()))


def only(result: StepResult) -> Path:
    """The folder of a step that is a single item."""
    path = result.paths[0]
    assert path is not None
    return path
