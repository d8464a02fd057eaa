"""The training of a Hamiltonian on blocks of a reference: references, fit, errors by distance."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.crystals.block_files import read_blocks, write_blocks
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.errors import InputError, ItemError, RunError
from sharvin.executors.threads import one_thread
from sharvin.protocols import BlockHamiltonian, TrainableBlockHamiltonian
from sharvin.reference_data import ReferenceData, ReferenceStructure
from sharvin.runs import seeds
from sharvin.runs.atomic import atomically, remove
from sharvin.runs.digests import digest_of
from sharvin.store import read_json, read_table, write_json, write_table

from sharvin_studies.break_junction.progress import epochs_shown
from sharvin_studies.electron_phonon.block_errors import BlockErrors, block_errors
from sharvin_studies.potential_study.labelling import LearntPart, digest_of_atoms
from sharvin_studies.potential_study.trainings import FOLDER_OF_PROGRESS, Parts

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HamiltonianSource(LearntPart):
    """A Hamiltonian that may have been trained."""

    def build(self) -> BlockHamiltonian:
        """A new Hamiltonian, loaded if it was trained.

        Raises
        ------
        InputError
            If it gives no blocks between atoms.
        """
        hamiltonian = self.made()
        if not isinstance(hamiltonian, BlockHamiltonian):
            raise InputError(f"{self.selection.name} gives no blocks between atoms; name a Hamiltonian that does.")
        return hamiltonian


@dataclass(frozen=True)
class BlocksTask:
    """A structure whose blocks the reference gives."""

    atoms: Atoms
    hamiltonian: HamiltonianSource


def reference_blocks(task: BlocksTask, path: Path) -> None:
    """Write the blocks of a structure."""
    with one_thread():
        write_blocks(path, [task.hamiltonian.build().blocks(task.atoms)])


@dataclass(frozen=True)
class BlockTrainingTask:
    """What a worker needs for the training."""

    hamiltonian: Selection
    files: tuple[Path, ...]
    parts: Parts
    seed: int
    progress: Path


def train_blocks(task: BlockTrainingTask, path: Path) -> None:
    """Train, and write the model, its learning curves, its errors on the test set, and which of this it refused.

    Raises
    ------
    ItemError
        If what was learnt gives no structure of the test set a Hamiltonian.
    """
    hamiltonian: TrainableBlockHamiltonian = task.hamiltonian.build()
    task.progress.mkdir(parents=True, exist_ok=True)
    hamiltonian.keep_progress(task.progress)

    def data(numbers: Sequence[int]) -> list[HamiltonianBlocks]:
        return [block for number in numbers for block in read_blocks(task.files[number])]

    started = time.perf_counter()
    with one_thread():
        curves = hamiltonian.fit(data(task.parts.train), data(task.parts.validation), seeds.stream(task.seed, "fit"))
        seconds = time.perf_counter() - started
        predicted, exact, refused = [], [], []
        for number in task.parts.test:
            for one in read_blocks(task.files[number]):
                try:
                    predicted.append(hamiltonian.blocks(one.atoms))
                except ItemError as error:
                    refused.append(f"structure {number}: {error}")
                else:
                    exact.append(one)
        if not exact:
            raise ItemError(f"after its training {task.hamiltonian.name} gives no test structure an H; the first {refused[0]}")
        errors = block_errors(predicted, exact)

    def write(folder: Path) -> None:
        (folder / "model").mkdir(parents=True)
        hamiltonian.save(folder / "model")
        write_json(folder / "learning_curves.json", curves)
        write_table(folder / "errors.h5", errors.table(), {"fit_seconds": seconds, "refused": refused})
        metrics = task.progress / "metrics.jsonl"
        if metrics.exists():
            shutil.copy(metrics, folder / "metrics.jsonl")

    atomically(path, write)
    remove(task.progress)


@dataclass(frozen=True, eq=False)
class TrainedHamiltonian:
    """A finished training."""

    source: HamiltonianSource
    folder: Path
    counts: tuple[int, int, int]
    """Structures learnt from, validated with and tested."""

    @cached_property
    def curves(self) -> dict[str, list[float]]:
        """Learning curves by name."""
        found: dict[str, list[float]] = read_json(self.folder / "learning_curves.json")
        return found

    @cached_property
    def errors(self) -> BlockErrors:
        """Errors on the test set."""
        return BlockErrors.of_table(read_table(self.folder / "errors.h5")[0])

    @cached_property
    def refused(self) -> list[str]:
        """Structures of the test set whose Hamiltonian the trained one refused to give, and why."""
        return list(read_table(self.folder / "errors.h5")[1]["refused"])

    @cached_property
    def seconds(self) -> float:
        """Time of the training."""
        return float(read_table(self.folder / "errors.h5")[1]["fit_seconds"])


def trained_hamiltonian(
    context: Context,
    structures: Sequence[Atoms],
    reference: HamiltonianSource,
    chosen: Selection,
    fractions: tuple[float, float],
) -> TrainedHamiltonian:
    """The Hamiltonian trained on the reference's blocks of the structures that have them.

    Raises
    ------
    RunError
        If the training fails.
    """
    keys = [digest_of_atoms(atoms) for atoms in structures]
    distinct = {key: number for number, key in reversed(list(enumerate(keys)))}
    numbers = sorted(distinct.values())
    result = context.map(
        "blocks",
        reference_blocks,
        [BlocksTask(structures[number], reference) for number in numbers],
        reference.identity,
        items_depend_on=[{"structure": keys[number]} for number in numbers],
    )
    kept = [(structures[number], path) for number, path in zip(numbers, result.paths, strict=True) if path is not None]
    parts = Parts.of(unlabelled([atoms for atoms, _ in kept]), *fractions, context.rng("split of blocks"))
    files = tuple(path for _, path in kept)
    key = digest_of({"blocks": result.key, "hamiltonian": chosen.identity, "parts": [parts.train, parts.validation, parts.test]})
    progress = context.folder / FOLDER_OF_PROGRESS
    task = BlockTrainingTask(chosen, files, parts, context.seed("fit of blocks"), progress / key)
    with epochs_shown(context.console, progress, {key: chosen.name}, said_of_blocks):
        fit = context.map("fits", train_blocks, [task], {}, suffix="", detail=chosen.name, items_depend_on=[{"fit": key}])
    folder = fit.paths[0]
    if folder is None:
        raise RunError(f"the training of {chosen.name} failed; see log.jsonl.")
    counts = (len(parts.train), len(parts.validation), len(parts.test))
    return TrainedHamiltonian(HamiltonianSource(chosen, folder / "model"), folder, counts)


def unlabelled(structures: Sequence[Atoms]) -> ReferenceData:
    """Structures whose energies and forces nobody asks for, with zeros in their place, for the split by groups."""
    return ReferenceData(
        tuple(ReferenceStructure(atoms, 0.0, np.zeros((len(atoms), 3)), str(atoms.info.get("group", ""))) for atoms in structures)
    )


def said_of_blocks(line: dict[str, Any]) -> str:
    """What a line of a fit's metrics tells of its errors."""
    error = line.get("validation_H_mae_eV")
    return "under way" if error is None else f"validation error {1000 * error:.3g} meV"
