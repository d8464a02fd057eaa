"""What workers do for ``break_junction``: pull a wire, label snapshots by NEGF, describe them, predict them.

Every function takes one picklable task and depends on nothing else, so results do not depend on who computes them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin import seeds
from sharvin.brillouin import averaged_transmission, sampled_devices
from sharvin.config import Selection
from sharvin.device_checks import check_hermitian
from sharvin.errors import InputError, ItemError
from sharvin.frames import Frame, Frames
from sharvin.junction import Junction
from sharvin.samples import Samples
from sharvin.store import read_frames, write_table, write_trajectory

BATCH = 16
"""Snapshots that a worker holds at once, with their features."""


@dataclass(frozen=True)
class PullTask:
    """One pull: what is pulled, how, and the seed of its structure and velocities."""

    structure: Selection
    potential: Selection
    dynamics: Selection
    seed: int


def pull(task: PullTask, path: Path) -> None:
    """Pull a wire to rupture and write its trajectory."""
    atoms = task.structure.build().build(seeds.stream(task.seed, "structure"))
    frames = task.dynamics.build().run(atoms, task.potential.build(), task.seed)
    write_trajectory(path, finite(frames))


def finite(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The frames, or :class:`ItemError` at the first one with positions that are not numbers."""
    for number, frame in enumerate(frames):
        if not np.isfinite(frame.positions).all():
            raise ItemError(f"the dynamics gave positions that are not finite in frame {number}.")
        yield frame


@dataclass(frozen=True)
class LabelTask:
    """Snapshots of one trajectory to label, by their numbers."""

    trajectory: Path
    snapshots: tuple[int, ...]
    hamiltonian: Selection
    transport: Selection
    learnt: Path | None = None
    """What the Hamiltonian has learnt, where it learns."""


def label(task: LabelTask, path: Path) -> None:
    """Zero-temperature conductances T(E_F) of snapshots, and the CPU time they took.

    The electrodes are found in the trajectory's first frame. A snapshot that cannot be labelled gets nan and a reason. A
    :class:`~sharvin.protocols.SeriesHamiltonian` takes the snapshots of a task as one series, a
    :class:`~sharvin.protocols.SampledHamiltonian` gives the k-points that T is averaged over.
    """
    hamiltonian = task.hamiltonian.built() if task.learnt is None else load_model(task.hamiltonian, task.learnt)
    solver = task.transport.built()
    first = next(read_frames(task.trajectory, batch=1)).to_atoms()
    junction = Junction.detect(first, hamiltonian.range_A(first.numbers))
    conductances, reasons = [], {}
    started, orbitals = time.process_time(), 0
    junctions = (junction.with_positions(frame.to_atoms()) for _, frame in chosen_frames(task.trajectory, task.snapshots))
    for number, samples in zip(task.snapshots, sampled_devices(hamiltonian, junctions), strict=True):
        try:
            if isinstance(samples, Exception):
                raise samples
            if not orbitals:
                check_hermitian(samples[0][1])
            orbitals = samples[0][1].size
            conductances.append(float(averaged_transmission(solver, samples, np.zeros(1))[0]))
        except (InputError, ItemError) as error:
            conductances.append(np.nan)
            reasons[str(number)] = str(error)
        if not reasons.get(str(number)) and not np.isfinite(conductances[-1]):
            reasons[str(number)] = "the solver gave a transmission that is not a number."
    cpu = time.process_time() - started
    notes = {"reasons": reasons, "cpu_seconds": cpu, "atoms": len(first), "orbitals": orbitals}
    columns = {"snapshot": np.array(task.snapshots), "conductance_G0": np.array(conductances)}
    write_table(path, columns, notes)


@dataclass(frozen=True)
class DescribeTask:
    """Snapshots of one trajectory to describe."""

    trajectory: Path
    snapshots: tuple[int, ...]
    descriptor: Selection | None


def describe(task: DescribeTask) -> Samples:
    """Samples of snapshots: features, or the frames themselves where there is no descriptor."""
    frames = Frames(frame for _, frame in chosen_frames(task.trajectory, task.snapshots))
    return samples_of(frames, task.descriptor)


def samples_of(frames: Frames, descriptor: Selection | None) -> Samples:
    """What a regressor takes, made from frames."""
    samples: Samples = frames if descriptor is None else descriptor.built().describe(frames)
    return samples


@dataclass(frozen=True)
class PredictTask:
    """A trajectory whose unbroken snapshots are predicted by a fitted model."""

    trajectory: Path
    descriptor: Selection | None
    regressor: Selection
    model: Path


def predict(task: PredictTask, path: Path) -> None:
    """Stream a trajectory: frames → features → predictions; only the predictions are written."""
    model = load_model(task.regressor, task.model)
    numbers: list[int] = []
    means: list[NDArray[np.float64]] = []
    stds: list[NDArray[np.float64]] = []
    unbroken = ((i, f) for i, f in enumerate(read_frames(task.trajectory)) if is_unbroken(f))
    while batch := list(islice(unbroken, BATCH)):
        prediction = model.predict(samples_of(Frames(frame for _, frame in batch), task.descriptor))
        numbers += [number for number, _ in batch]
        means.append(prediction.mean)
        if prediction.std is not None:
            stds.append(prediction.std)
    columns = {"snapshot": np.array(numbers, dtype=np.int64), "conductance_G0": np.concatenate(means or [np.empty(0)])}
    if stds:
        columns["std_G0"] = np.concatenate(stds)
    write_table(path, columns)


_MODELS: dict[Path, Any] = {}


def load_model(chosen: Selection, folder: Path) -> Any:
    """The fitted regressor or Hamiltonian saved in a folder, the last one kept by the process."""
    if folder not in _MODELS:
        model = chosen.build()
        model.load(folder)
        _MODELS.clear()
        _MODELS[folder] = model
    return _MODELS[folder]


def is_unbroken(frame: Frame) -> bool:
    """Whether the wire still connects the electrodes; tunnelling through a gap is not counted as transport."""
    return frame.scalars.get("neck_width", 1.0) > 0


def chosen_frames(trajectory: Path, numbers: tuple[int, ...]) -> Iterator[tuple[int, Frame]]:
    """Frames of a trajectory by their numbers, in its order."""
    wanted = set(numbers)
    for number, frame in enumerate(read_frames(trajectory)):
        if number in wanted:
            yield number, frame
