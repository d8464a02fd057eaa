"""What workers do for ``break_junction``: pull a wire, label snapshots by NEGF, predict them, compute their spectra.

Every function takes one picklable task and depends on nothing else, so results do not depend on who computes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.devices.brillouin import averaged_transmission, devices_at_k
from sharvin.devices.transmission_series import series_at_k, transmission_series
from sharvin.electrodes.broken_wires import is_unbroken
from sharvin.errors import InputError, ItemError, RunError
from sharvin.frames import Frame, Frames
from sharvin.junction import Junction
from sharvin.runs import seeds
from sharvin.runs.returned_values import built_atoms, features_of, finite_frames, prediction_of
from sharvin.samples import Samples
from sharvin.store import read_frames, write_table, write_trajectory

from sharvin_studies.break_junction.production.necks import shortest_bond_A
from sharvin_studies.fitted_model.committee import combine
from sharvin_studies.fitted_model.recalibration import Recalibration

BATCH = 16
"""Snapshots that a worker holds at once, with their features."""


@dataclass(frozen=True)
class PullTask:
    """One pull: what is pulled, how, and the seed of its structure and velocities."""

    structure: Selection
    potential: Selection
    dynamics: Selection
    seed: int


@dataclass(frozen=True)
class WriteTask:
    """A pull that was read from a file."""

    frames: tuple[Frame, ...]


def pull(task: PullTask | WriteTask, path: Path) -> None:
    """Pull a wire to rupture and write its trajectory, or write the one that was read."""
    if isinstance(task, WriteTask):
        write_trajectory(path, task.frames)
        return
    atoms = built_atoms(task.structure.build(), seeds.stream(task.seed, "structure"))
    dynamics = task.dynamics.build()
    write_trajectory(path, finite_frames(dynamics, dynamics.run(atoms, task.potential.build(), task.seed)))


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
    """Zero-temperature conductances T(E_F) of snapshots, and the CPU time they took, as :func:`labelled` gives them."""
    write_table(path, *labelled(task))


def labelled(task: LabelTask, look: Callable[[Frame], None] | None = None) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Columns ``snapshot`` and ``conductance_G0`` of a series of snapshots, and notes on what they took.

    The electrodes are found in the trajectory's first frame, and the solver takes the devices together. A snapshot that cannot
    be labelled gets nan and a reason. A :class:`~sharvin.protocols.SeriesHamiltonian` takes the snapshots of a task as one
    series, a :class:`~sharvin.protocols.SampledHamiltonian` gives the k-points that T is averaged over. `look` is shown every
    frame before it is labelled.
    """
    hamiltonian = task.hamiltonian.built() if task.learnt is None else load_models(task.hamiltonian, (task.learnt,))[0]
    solver = task.transport.built()
    junction = first_junction(task.trajectory, hamiltonian)
    started = time.process_time()

    def junctions() -> Iterator[Junction]:
        for _, frame in chosen_frames(task.trajectory, task.snapshots):
            if look is not None:
                look(frame)
            yield junction.with_positions(frame.to_atoms())

    found = list(transmission_series(solver, series_at_k(hamiltonian, junctions()), np.zeros(1)))
    cpu = time.process_time() - started
    reasons = {str(number): one.reason for number, one in zip(task.snapshots, found, strict=True) if one.reason is not None}
    orbitals = max((one.orbitals for one in found), default=0)
    notes = {"reasons": reasons, "cpu_seconds": cpu, "atoms": len(junction.atoms), "orbitals": orbitals}
    columns = {"snapshot": np.array(task.snapshots), "conductance_G0": np.array([one.transmission[0] for one in found])}
    return columns, notes


def samples_of(frames: Frames, descriptor: Selection | None) -> Samples:
    """What a regressor takes, made from frames."""
    samples: Samples = frames if descriptor is None else features_of(descriptor.built(), frames)
    return samples


@dataclass(frozen=True)
class PredictTask:
    """A trajectory whose unbroken snapshots are predicted by a fitted model, or the members of a committee."""

    trajectory: Path
    descriptor: Selection | None
    regressor: Selection
    models: tuple[Path, ...]
    recalibration: Recalibration | None = None


def predict(task: PredictTask, path: Path) -> None:
    """Stream a trajectory: frames → features → predictions; only the predictions are written."""
    models = load_models(task.regressor, task.models)
    numbers: list[int] = []
    means: list[NDArray[np.float64]] = []
    stds: list[NDArray[np.float64]] = []
    before: list[NDArray[np.float64]] = []
    bonds: list[float] = []
    started = time.process_time()
    unbroken = ((i, f) for i, f in enumerate(read_frames(task.trajectory)) if is_unbroken(f))
    while batch := list(islice(unbroken, BATCH)):
        samples = samples_of(Frames(frame for _, frame in batch), task.descriptor)
        prediction = combine([prediction_of(model, samples) for model in models])
        if task.recalibration is not None and prediction.std is not None:
            before.append(prediction.std)
            prediction = task.recalibration.apply(prediction)
        numbers += [number for number, _ in batch]
        bonds += [shortest_bond_A(frame) for _, frame in batch]
        means.append(prediction.mean)
        if prediction.std is not None:
            stds.append(prediction.std)
    columns = {
        "snapshot": np.array(numbers, dtype=np.int64),
        "conductance_G0": np.concatenate(means or [np.empty(0)]),
        "shortest_bond_A": np.array(bonds, dtype=np.float64),
    }
    if stds:
        columns["std_G0"] = np.concatenate(stds)
    if before:
        columns["std_before_recalibration_G0"] = np.concatenate(before)
    write_table(path, columns, {"cpu_seconds": time.process_time() - started})


@dataclass(frozen=True)
class SpectrumTask:
    """T(E) of one snapshot by one Hamiltonian."""

    trajectory: Path
    snapshot: int
    hamiltonian: Selection
    transport: Selection
    energies_eV: NDArray[np.float64]
    learnt: Path | None = None


def spectrum(task: SpectrumTask, path: Path) -> None:
    """T(E) of a snapshot, averaged over the Hamiltonian's transverse k-points; nan at energies that the solver refuses."""
    hamiltonian = task.hamiltonian.built() if task.learnt is None else load_models(task.hamiltonian, (task.learnt,))[0]
    junction = first_junction(task.trajectory, hamiltonian)
    started = time.process_time()
    frame = next(read_frames(task.trajectory, [task.snapshot]))
    at_k = devices_at_k(hamiltonian, junction.with_positions(frame.to_atoms()))
    transmission = _where_possible(task.transport.built(), at_k, task.energies_eV)
    notes = {"cpu_seconds": time.process_time() - started, "k_points": len(at_k)}
    write_table(path, {"energy_eV": task.energies_eV, "transmission": transmission}, notes)


def _where_possible(solver: Any, at_k: Any, energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
    """T(E), energy by energy where they cannot all be computed: one may lie on a band edge of the leads."""
    try:
        return averaged_transmission(solver, at_k, energies_eV)
    except (InputError, RunError):
        found = np.full(len(energies_eV), np.nan)
    for number in range(len(energies_eV)):
        with suppress(InputError, RunError):
            found[number] = averaged_transmission(solver, at_k, energies_eV[number : number + 1])[0]
    if np.isfinite(found).sum() < 2:
        raise ItemError("the solver refuses all but one of the energies of the spectrum; choose others.")
    return found


_MODELS: dict[tuple[Path, ...], list[Any]] = {}


def load_models(chosen: Selection, folders: tuple[Path, ...]) -> list[Any]:
    """Fitted regressors or Hamiltonians saved in folders; the last ones asked for are kept by the process."""
    if folders not in _MODELS:
        models = []
        for folder in folders:
            models.append(chosen.build())
            models[-1].load(folder)
        _MODELS.clear()
        _MODELS[folders] = models
    return _MODELS[folders]


def first_junction(trajectory: Path, hamiltonian: Any) -> Junction:
    """The electrodes of a trajectory, as thick as a Hamiltonian's range: those of its first frame, for all of its frames.

    Raises
    ------
    InputError
        If the first frame has no such electrodes, and why.
    """
    first = next(read_frames(trajectory, [0])).to_atoms()
    return Junction.detect(first, hamiltonian.range_A(first.numbers))


def chosen_frames(trajectory: Path, numbers: tuple[int, ...]) -> Iterator[tuple[int, Frame]]:
    """Frames of a trajectory by their numbers, in its order; only these are read."""
    wanted = sorted(set(numbers))
    yield from zip(wanted, read_frames(trajectory, wanted), strict=True)
