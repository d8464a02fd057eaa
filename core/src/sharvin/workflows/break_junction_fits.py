"""Fits of a break-junction study: which models, to which snapshots, and what they then predict of labelled ones.

Every member of every ensemble is one item that workers share. Features are written to files once for all fits that need them, and
deleted when the fits are done.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharvin import seeds
from sharvin.applicability_domain import FORMAT, Domain
from sharvin.atomic import atomically, remove
from sharvin.config import Selection
from sharvin.context import Context, StepResult
from sharvin.ensemble import combine
from sharvin.errors import InputError, RunError
from sharvin.frames import Frames
from sharvin.protocols import ResumableRegressor
from sharvin.samples import Dataset, FeatureRows, Features, FeatureShards, Prediction, split_groups
from sharvin.store import read_json, read_table, write_json, write_table
from sharvin.workflows import break_junction_steps as steps
from sharvin.workflows.break_junction_configs import BreakJunctionOptions
from sharvin.workflows.break_junction_data import Indices, SampleSource, Snapshots
from sharvin.workflows.break_junction_progress import epochs_shown

Array = NDArray[np.float64]
TRAIN, VALIDATION, TEST = range(3)
FOLDER_OF_PROGRESS = Path("store") / "fits-in-progress"


@dataclass(frozen=True)
class Model:
    """A descriptor, a regressor, and how many of it are fitted."""

    name: str
    descriptor: Selection | None
    regressor: Selection
    members: int = 1


@dataclass(frozen=True)
class Split:
    """Indices of labelled snapshots: what a fit may learn from, what ends its training, what tests it."""

    train: Indices
    validation: Indices
    test: Indices

    @classmethod
    def of(cls, groups: Indices, labelled: Indices, options: BreakJunctionOptions, rng: np.random.Generator, by: str) -> Split:
        """A random split of the labelled snapshots by pull (``group``) or one by one (``sample``).

        Raises
        ------
        InputError
            If there are fewer pulls, or snapshots, than parts.
        """
        known = len(np.unique(groups[labelled]))
        if by == "group" and known < 3:
            raise InputError(
                f"only {known} training pulls have labelled snapshots, and a split by pull needs 3 (train, validation, test): "
                "see the failures in log.jsonl, pull more often, or choose split_by: sample."
            )
        rest = 1.0 - options.validation_fraction - options.test_fraction
        fractions = (rest, options.validation_fraction, options.test_fraction)
        parts = split_groups(groups[labelled], fractions, rng, by)
        return cls(*(labelled[part] for part in parts))

    def shortened(self, pulls: int, groups: Indices) -> Split:
        """The same split with the training snapshots of the first pulls only."""
        kept = np.unique(groups[self.train])[:pulls]
        return replace(self, train=self.train[np.isin(groups[self.train], kept)])

    def members(self, number: int, groups: Indices, by: str, rng: np.random.Generator) -> list[tuple[Indices, Indices]]:
        """Training and validation indices of the members of an ensemble, which hold back different parts in turn."""
        if number == 1:
            return [(self.train, self.validation)]
        learnable = np.sort(np.concatenate([self.train, self.validation]))
        units = groups[learnable] if by == "group" else np.arange(len(learnable))
        order = rng.permutation(np.unique(units))
        held = min(len(order) - 1, len(np.unique(groups[self.validation])) if by == "group" else len(self.validation))
        found = []
        for member in range(number):
            back = order[(member * held + np.arange(held)) % len(order)]
            hold = np.isin(units, back)
            found.append((learnable[~hold], learnable[hold]))
        return found


@dataclass(frozen=True)
class Plan:
    """One model and the parts of the labelled snapshots that its members learn from."""

    model: Model
    purpose: str
    by: str
    split: Split
    conductance_G0: Array
    """Of all snapshots, nan where not labelled."""
    everything: bool = False
    """Whether snapshots without a label are predicted too."""


@dataclass(frozen=True)
class Fitted:
    """A model fitted as planned, and what it predicts of all labelled snapshots of the training pulls and of the check set."""

    plan: Plan
    folders: tuple[Path, ...]
    keys: tuple[str, ...]
    part: Indices
    """:data:`TRAIN`, :data:`VALIDATION` or :data:`TEST` of each snapshot, −1 where it is none of them."""
    predicted: Prediction
    """Of all snapshots, nan where there is no label. What a member of an ensemble held back is predicted by such members
    alone."""
    check: Prediction | None

    @property
    def models(self) -> tuple[Path, ...]:
        """Folders of the members' models."""
        return tuple(folder / "model" for folder in self.folders)

    @property
    def curves(self) -> list[dict[str, list[float]]]:
        """Learning curves of the members."""
        return [read_json(folder / "learning_curves.json") for folder in self.folders]


@dataclass(frozen=True)
class FitTask:
    """One fit: samples, targets, groups, the parts, a regressor, a seed, and a folder for its progress."""

    samples: SampleSource
    check: SampleSource | None
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
    columns = _columns("", regressor.predict(samples.take(shown)))
    if task.check is not None:
        columns |= _columns("check_", regressor.predict(task.check.samples()))
    if not all(np.isfinite(values).all() for values in columns.values()):
        raise RunError("the fitted regressor predicts values that are not numbers; lower its learning rate.")

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


@dataclass
class Fits:
    """Runs plans and keeps their features."""

    context: Context
    options: BreakJunctionOptions
    training: Snapshots
    check: Snapshots | None = None
    _described: dict[str, tuple[SampleSource, SampleSource | None]] = field(default_factory=dict)

    def run(self, plans: Sequence[Plan]) -> list[Fitted]:
        """Fit all members of all plans; equal fits are done once."""
        tasks: dict[str, tuple[Plan, Indices, Indices, int]] = {}
        members: list[list[tuple[str, Indices]]] = []
        for plan in plans:
            rng = seeds.stream(self.context.config.seed, f"members {plan.by}")
            keys = []
            parts = plan.split.members(plan.model.members, self.training.pull, plan.by, rng)
            for number, (train, validation) in enumerate(parts):
                key = self._key(plan, train, validation, number)
                tasks.setdefault(key, (plan, train, validation, number))
                keys.append((key, validation))
            members.append(keys)
        folders = self._fit(tasks)
        return [self._fitted(plan, keys, [folders[key] for key, _ in keys]) for plan, keys in zip(plans, members, strict=True)]

    def _key(self, plan: Plan, train: Indices, validation: Indices, member: int) -> str:
        descriptor, regressor = plan.model.descriptor, plan.model.regressor
        digest = hashlib.blake2b(digest_size=20)
        for array in (train, validation, plan.conductance_G0):
            digest.update(np.ascontiguousarray(array).tobytes())
        for snapshots in (self.training, *([self.check] if self.check is not None else [])):
            digest.update(repr([(path.name, numbers) for _, path, numbers in snapshots.by_pull()]).encode())
        digest.update(repr((descriptor and descriptor.identity, regressor.identity, member, plan.everything)).encode())
        return digest.hexdigest()

    def _fit(self, tasks: Mapping[str, tuple[Plan, Indices, Indices, int]]) -> dict[str, Path]:
        progress = self.context.folder / FOLDER_OF_PROGRESS

        def make() -> list[FitTask]:
            return [
                FitTask(
                    *self._sources(plan.model.descriptor),
                    plan.conductance_G0,
                    self.training.pull,
                    train,
                    validation,
                    plan.everything,
                    plan.model.regressor,
                    self.context.seed("fit", member),
                    progress / key,
                )
                for key, (plan, train, validation, member) in tasks.items()
            ]

        names = {key: f"{plan.model.name} {plan.purpose}".strip() for key, (plan, *_) in tasks.items()}
        with epochs_shown(self.context.console, progress, names):
            result = self.context.ensemble(
                "fit",
                fit,
                make,
                {},
                suffix="",
                title="fits",
                items_depend_on=[{"fit": key} for key in tasks],
            )
        if result.failures:
            raise RunError(f"a fit failed: {result.failures[0].reason}")
        return {key: path for key, path in zip(tasks, result.paths, strict=True) if path is not None}

    def _sources(self, descriptor: Selection | None) -> tuple[SampleSource, SampleSource | None]:
        """Samples of the training snapshots and of the check set; described when they are first asked for."""
        name = "" if descriptor is None else json.dumps(descriptor.identity, sort_keys=True)
        if name not in self._described:
            sets = [self.training, *([self.check] if self.check is not None else [])]
            if descriptor is None or not self._fit_in_cache(sets, descriptor):
                found = [SampleSource.of(one, descriptor) for one in sets]
            else:
                found = [SampleSource.of(one, descriptor, self._shards(one, descriptor)) for one in sets]
            self._described[name] = (found[0], found[1] if self.check is not None else None)
        return self._described[name]

    def _fit_in_cache(self, sets: Sequence[Snapshots], descriptor: Selection) -> bool:
        """Whether the features of these snapshots need no more than the option allows, judged by one snapshot a set."""
        needed = 0
        for one in sets:
            first = one.take(np.array([0]))
            features = SampleSource.of(first, descriptor).samples()
            assert isinstance(features, FeatureRows)
            needed += len(one) * features.rows(0).nbytes
        return needed <= self.options.feature_cache_GB * 1e9

    def _shards(self, snapshots: Snapshots, descriptor: Selection) -> list[Path]:
        pieces = snapshots.by_pull()
        result = self.context.ensemble(
            "features",
            describe,
            [DescribeTask(path, numbers, descriptor) for _, path, numbers in pieces],
            {"descriptor": descriptor.identity},
            suffix="",
            items_depend_on=[{"pull": path.name, "snapshots": list(numbers)} for _, path, numbers in pieces],
        )
        if result.failures:
            raise RunError(f"the labelled snapshots could not be described: {result.failures[0].reason}")
        return [path for _, path in result.finished]

    def domain(self, plan: Plan) -> StepResult:
        """The distribution of the samples that a plan's model learns from, in a file."""
        model = plan.model
        split = plan.split

        def make() -> list[DomainTask]:
            source, _ = self._sources(model.descriptor)
            seed = self.context.seed("domain")
            return [DomainTask(source, split.train, split.validation, self.training.pull, plan.conductance_G0, seed)]

        digest = self._key(plan, split.train, split.validation, 0)
        return self.context.ensemble(
            "domain", learn_domain, make, {"format": FORMAT}, title="training distribution", items_depend_on=[{"fit": digest}]
        )

    def close(self) -> None:
        """Delete the features that the fits needed, and what is left of their progress."""
        self._described.clear()
        remove(self.context.folder / FOLDER_OF_PROGRESS)
        self.context.discard("features")

    def _fitted(self, plan: Plan, keys: Sequence[tuple[str, Indices]], folders: Sequence[Path]) -> Fitted:
        """Predictions of the members put together."""
        tables = [read_table(folder / "predictions.h5")[0] for folder in folders]
        index = tables[0]["index"]
        members = [_prediction("", table) for table in tables]
        together = combine(members)
        mean = np.full(len(self.training), np.nan)
        std = None if together.std is None else np.full(len(self.training), np.nan)
        mean[index] = together.mean
        if std is not None and together.std is not None:
            std[index] = together.std
        part = np.full(len(self.training), -1, dtype=np.int64)
        part[plan.split.train] = TRAIN
        part[plan.split.validation] = VALIDATION
        part[plan.split.test] = TEST
        if len(keys) > 1:
            position = np.full(len(self.training), -1)
            position[index] = np.arange(len(index))
            total, count = np.zeros(len(self.training)), np.zeros(len(self.training))
            for member, (_, validation) in zip(members, keys, strict=True):
                total[validation] += member.mean[position[validation]]
                count[validation] += 1
            held = count > 0
            part[plan.split.validation] = TRAIN  # of these too, all members learn what none of them held back
            mean[held], part[held] = total[held] / count[held], VALIDATION
        check = combine([_prediction("check_", table) for table in tables]) if self.check is not None else None
        return Fitted(plan, tuple(folders), tuple(key for key, _ in keys), part, Prediction(mean, std), check)


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
        parts.append(descriptor.describe(Frames(batch)))

    def write(folder: Path) -> None:
        folder.mkdir()
        FeatureShards.write(folder, Features.concatenate(parts))

    atomically(path, write)


def _columns(prefix: str, prediction: Prediction) -> dict[str, Array]:
    found = {f"{prefix}mean_G0": prediction.mean}
    return found if prediction.std is None else {**found, f"{prefix}std_G0": prediction.std}


def _prediction(prefix: str, table: Mapping[str, Array]) -> Prediction:
    return Prediction(table[f"{prefix}mean_G0"], table.get(f"{prefix}std_G0"))
