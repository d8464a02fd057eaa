"""What workers do for the fits of ``break_junction``: describe snapshots, fit, predict the check set, learn the domain.

Every function takes one picklable task and depends on nothing else.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.frames import Frames
from sharvin.protocols import ResumableRegressor
from sharvin.runs import returned_values, seeds
from sharvin.runs.atomic import atomically, remove
from sharvin.samples import Dataset, Features, FeatureShards, Prediction
from sharvin.store import write_json, write_table

from sharvin_studies.break_junction import steps
from sharvin_studies.break_junction.data import Indices, SampleSource
from sharvin_studies.fitted_model.applicability_domain import Domain

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FitTask:
    """One fit: samples, targets, groups, the parts, a regressor, a seed, and a folder for its progress."""

    samples: SampleSource
    conductance_G0: Array
    pull: Indices
    train: Indices
    validation: Indices
    everything: bool
    regressor: Selection
    seed: int
    progress: Path


def fit(task: FitTask, path: Path) -> None:
    """Fit a regressor and write its model, its learning curves, and its predictions of all labelled snapshots."""
    samples = task.samples.samples()
    regressor = task.regressor.build()
    task.progress.mkdir(parents=True, exist_ok=True)
    if isinstance(regressor, ResumableRegressor):
        regressor.keep_progress(task.progress)
    train, validation = (
        Dataset(samples.take(part), task.conductance_G0[part], task.pull[part]) for part in (task.train, task.validation)
    )
    curves = regressor.fit(train, validation, seeds.stream(task.seed, "fit"))
    shown = np.flatnonzero(np.isfinite(task.conductance_G0) | task.everything)
    columns = columns_of(returned_values.prediction_of(regressor, samples.take(shown)))

    def write(folder: Path) -> None:
        (folder / "model").mkdir(parents=True)
        regressor.save(folder / "model")
        write_json(folder / "learning_curves.json", curves)
        write_table(folder / "predictions.h5", {"index": shown, **columns})
        metrics = task.progress / "metrics.jsonl"
        if metrics.exists():
            shutil.copy(metrics, folder / "metrics.jsonl")

    atomically(path, write)
    remove(task.progress)


@dataclass(frozen=True)
class CheckTask:
    """A fitted model and the snapshots of the check set."""

    samples: SampleSource
    regressor: Selection
    model: Path


def predict_check_set(task: CheckTask, path: Path) -> None:
    """Write what a model predicts of the check set."""
    model = steps.load_models(task.regressor, (task.model,))[0]
    write_table(path, columns_of(returned_values.prediction_of(model, task.samples.samples())))


@dataclass(frozen=True)
class DomainTask:
    """Training and held-out samples by their indices."""

    samples: SampleSource
    train: Indices
    validation: Indices
    pull: Indices
    conductance_G0: Array
    seed: int


def learn_domain(task: DomainTask, path: Path) -> None:
    """Write the distribution of the training samples."""
    samples = task.samples.samples()
    data, held_out = (
        Dataset(samples.take(part), task.conductance_G0[part], task.pull[part]) for part in (task.train, task.validation)
    )
    Domain.learn(data, held_out, seeds.stream(task.seed, "domain")).save(path)


@dataclass(frozen=True)
class DescribeTask:
    """Snapshots of one trajectory to describe."""

    trajectory: Path
    snapshots: tuple[int, ...]
    descriptor: Selection


def describe(task: DescribeTask, path: Path) -> None:
    """Write the features of the snapshots as one shard; 16 snapshots are described at a time."""
    descriptor = task.descriptor.built()
    parts = []
    frames = (frame for _, frame in steps.chosen_frames(task.trajectory, task.snapshots))
    while batch := list(islice(frames, steps.BATCH)):
        parts.append(returned_values.features_of(descriptor, Frames(batch)))

    def write(folder: Path) -> None:
        folder.mkdir()
        FeatureShards.write(folder, Features.concatenate(parts))

    atomically(path, write)


def columns_of(prediction: Prediction) -> dict[str, Array]:
    """Columns of a table of predictions."""
    found = {"mean_G0": prediction.mean}
    if prediction.std is not None:
        found["std_G0"] = prediction.std
    return found


def prediction_of(table: Mapping[str, Array]) -> Prediction:
    """The prediction that a table of :func:`columns_of` holds."""
    return Prediction(table["mean_G0"], table.get("std_G0"))
