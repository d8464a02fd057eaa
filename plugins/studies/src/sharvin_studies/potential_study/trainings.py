"""Trainings of a potential: which structures each learns from, and what it then says of these and of others.

Each is one item that workers share. A killed one goes on from its last checkpoint; equal ones are done once.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.errors import InputError, ItemError, RunError
from sharvin.executors.threads import one_thread
from sharvin.protocols import TrainablePotential
from sharvin.reference_data import ReferenceData
from sharvin.runs import seeds
from sharvin.runs.atomic import atomically, remove
from sharvin.runs.digests import digest_of
from sharvin.store import read_json, read_table, write_json, write_table

from sharvin_studies.break_junction.progress import epochs_shown
from sharvin_studies.potential_study.labelling import PotentialSource, digest_of_structure, energy_and_forces

FOLDER_OF_PROGRESS = Path("store") / "fits-in-progress"
Indices = tuple[int, ...]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """Numbers of the structures that a training learns from, that may tell when it ends, that test it, and that it leaves out."""

    train: Indices
    validation: Indices
    test: Indices
    left_out: Indices = ()

    @classmethod
    def of(
        cls,
        data: ReferenceData,
        test_fraction: float,
        validation_fraction: float,
        rng: np.random.Generator,
        without: Iterable[str] = (),
    ) -> Parts:
        """A random split, group by group, after whole groups were left out.

        Raises
        ------
        InputError
            If a part would be empty.
        """
        number = {id(structure): i for i, structure in enumerate(data)}
        gone = set(without)
        left_out = tuple(i for i, group in enumerate(data.groups) if group in gone)
        kept = data.where([group for group in data.groups if group not in gone])
        learnable, test = kept.split(test_fraction, rng)
        train, validation = learnable.split(validation_fraction, rng) if validation_fraction > 0 else (learnable, test)
        found = [tuple(number[id(structure)] for structure in part) for part in (train, validation, test)]
        for part, name in zip(found, ("train on", "validate with", "test with"), strict=True):
            if not part:
                raise InputError(
                    f"{len(kept)} structures in {len(set(kept.groups))} groups leave none to {name}; give more structures of "
                    "each group, or larger fractions."
                )
        return cls(found[0], found[1], found[2], left_out)

    @property
    def evaluated(self) -> Indices:
        """Structures whose energies and forces the trained potential is asked for."""
        return tuple(sorted({*self.train, *self.validation, *self.test, *self.left_out}))


@dataclass(frozen=True, eq=False)
class PotentialTraining:
    """One training: a potential, a seed, and its data."""

    label: str
    potential: Selection
    seed_number: int
    data: ReferenceData
    parts: Parts

    @cached_property
    def key(self) -> str:
        """Hash of all that it depends on but the run's seed."""
        digests = {i: digest_of_structure(self.data[i]) for i in self.parts.evaluated}
        parts = {name: [digests[i] for i in getattr(self.parts, name)] for name in ("train", "validation", "test", "left_out")}
        return digest_of({"potential": self.potential.identity, "seed": self.seed_number, "parts": parts})


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished training; `folder` is None where it failed."""

    training: PotentialTraining
    folder: Path | None

    @property
    def ok(self) -> bool:
        """Whether there is a model."""
        return self.folder is not None

    @property
    def source(self) -> PotentialSource:
        """The trained potential."""
        return PotentialSource(self.training.potential, self.model)

    @property
    def model(self) -> Path:
        """Folder of the trained potential."""
        return self._folder / "model"

    @property
    def _folder(self) -> Path:
        if self.folder is None:
            raise RunError(f"the training {self.training.label} failed; see log.jsonl.")
        return self.folder

    @cached_property
    def curves(self) -> dict[str, list[float]]:
        """Learning curves by name."""
        found: dict[str, list[float]] = read_json(self._folder / "learning_curves.json")
        return found

    @cached_property
    def seconds(self) -> float:
        """Time of the training."""
        return float(read_table(self._folder / "predictions.h5")[1]["fit_seconds"])

    @cached_property
    def predicted(self) -> dict[int, tuple[float, Array]]:
        """Energy and forces by number of the structure."""
        table, _ = read_table(self._folder / "predictions.h5")
        ends = np.cumsum([len(self.training.data[i]) for i in self.training.parts.evaluated])
        forces = np.split(table["forces_eV_per_A"], ends[:-1])
        energies = zip(table["energy_eV"], forces, strict=True)
        return {i: (float(e), f) for i, (e, f) in zip(self.training.parts.evaluated, energies, strict=True)}


@dataclass(frozen=True, eq=False)
class PotentialTrainingTask:
    """What a worker needs for one training."""

    training: PotentialTraining
    seed: int
    progress: Path


def train(task: PotentialTrainingTask, path: Path) -> None:
    """Train, and write the model, its learning curves, and its energies and forces of the structures.

    Raises
    ------
    ItemError
        If the potential it ends with gives numbers that are not finite.
    """
    training = task.training
    potential: TrainablePotential = training.potential.build()
    task.progress.mkdir(parents=True, exist_ok=True)
    potential.keep_progress(task.progress)
    data, validation = (training.data[list(part)] for part in (training.parts.train, training.parts.validation))
    started = time.perf_counter()
    with one_thread():
        curves = potential.fit(data, validation, seeds.stream(task.seed, "fit"))
        seconds = time.perf_counter() - started
        calculator = potential.calculator()
        found = [energy_and_forces(calculator, training.data[i].atoms) for i in training.parts.evaluated]
    energies = np.array([energy for energy, _ in found])
    forces = np.concatenate([force for _, force in found])
    if not (np.isfinite(energies).all() and np.isfinite(forces).all()):
        raise ItemError(f"{training.label}: the trained potential gives energies or forces that are not finite numbers.")

    def write(folder: Path) -> None:
        (folder / "model").mkdir(parents=True)
        potential.save(folder / "model")
        write_json(folder / "learning_curves.json", curves)
        write_table(folder / "predictions.h5", {"energy_eV": energies, "forces_eV_per_A": forces}, {"fit_seconds": seconds})
        metrics = task.progress / "metrics.jsonl"
        if metrics.exists():
            shutil.copy(metrics, folder / "metrics.jsonl")

    atomically(path, write)
    remove(task.progress)


def run_trainings(context: Context, trainings: Sequence[PotentialTraining], detail: str = "") -> list[Trained]:
    """All trainings side by side, equal ones once; one that fails is recorded.

    Raises
    ------
    RunError
        If all fail.
    """
    progress = context.folder / FOLDER_OF_PROGRESS
    by_key = {training.key: training for training in trainings}
    tasks = [
        PotentialTrainingTask(training, context.seed("fit", training.seed_number), progress / key)
        for key, training in by_key.items()
    ]
    with epochs_shown(context.console, progress, {key: one.label for key, one in by_key.items()}, said_of_line):
        result = context.map("fits", train, tasks, {}, suffix="", detail=detail, items_depend_on=[{"fit": key} for key in by_key])
    folders = dict(zip(by_key, result.paths, strict=True))
    return [Trained(training, folders[training.key]) for training in trainings]


def of_seeds(
    context: Context,
    data: ReferenceData,
    potential: Selection,
    count: int,
    fractions: tuple[float, float],
    label: str,
    without: Iterable[str] = (),
) -> list[PotentialTraining]:
    """Trainings of one potential, a split and initial weights for each seed; equal seeds split alike whatever is varied."""
    gone = tuple(without)
    return [
        PotentialTraining(
            f"{label}, seed {number + 1}" if count > 1 else label,
            potential,
            number,
            data,
            Parts.of(data, *fractions, context.rng("split", number), gone),
        )
        for number in range(count)
    ]


def with_more(training: PotentialTraining, data: ReferenceData, added: Indices, label: str) -> PotentialTraining:
    """The same training with further structures, which it learns from."""
    return replace(training, label=label, data=data, parts=replace(training.parts, train=(*training.parts.train, *added)))


def said_of_line(line: dict[str, Any]) -> str:
    """What a line of a fit's metrics tells of its errors."""
    energy, force = line.get("validation_energy_rmse_eV_per_atom"), line.get("validation_force_rmse_eV_per_A")
    said = []
    if energy is not None:
        said.append(f"{1000 * energy:.3g} meV/atom")
    if force is not None:
        said.append(f"{1000 * force:.3g} meV/Å")
    return f"validation errors {', '.join(said)}" if said else "under way"
