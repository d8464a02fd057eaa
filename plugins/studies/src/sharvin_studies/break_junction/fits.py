"""Fits of a break-junction study: which models, to which snapshots, and what they then predict of labelled ones.

Every member of every committee is one item that workers share. Features are written to files once for all fits that need them,
and deleted when the fits are done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context, StepResult
from sharvin.errors import InputError, RunError
from sharvin.runs import seeds
from sharvin.runs.atomic import remove
from sharvin.runs.digests import digest_of, digest_of_array
from sharvin.samples import FeatureRows, Prediction, split_groups
from sharvin.store import read_json, read_table

from sharvin_studies.break_junction import fit_tasks as work
from sharvin_studies.break_junction.configs import BreakJunctionOptions
from sharvin_studies.break_junction.data import Indices, SampleSource, Snapshots
from sharvin_studies.break_junction.progress import epochs_shown
from sharvin_studies.fitted_model.applicability_domain import FORMAT
from sharvin_studies.fitted_model.committee import combine
from sharvin_studies.fitted_model.recalibration import Recalibration, of_those_that_held_back

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
    def of(
        cls,
        groups: Indices,
        labelled: Indices,
        options: BreakJunctionOptions,
        rng: np.random.Generator,
        by: str,
        asked_pulls: int = 0,
    ) -> Split:
        """A random split of the labelled snapshots by pull (``group``) or one by one (``sample``).

        Raises
        ------
        InputError
            If there are fewer pulls, or snapshots, than parts.
        RunError
            If there are fewer although `asked_pulls` were enough, because pulls or their labels failed.
        """
        known = len(np.unique(groups[labelled]))
        if by == "group" and known < 3:
            those = f"{known} of {asked_pulls}" if asked_pulls else f"{known}"
            sentence = f"only {those} training pulls have labels, and a split by pull needs 3 (train, validation, test)"
            if asked_pulls >= 3:
                raise RunError(f"{sentence}: mend the cause in log.jsonl and add --retry-failed, or pull more often.")
            raise InputError(f"{sentence}: pull more often, or choose split_by: sample.")
        rest = 1.0 - options.validation_fraction - options.test_fraction
        fractions = (rest, options.validation_fraction, options.test_fraction)
        parts = split_groups(groups[labelled], fractions, rng, by)
        return cls(*(labelled[part] for part in parts))

    def shortened(self, pulls: int, groups: Indices) -> Split:
        """The same split with the training snapshots of so many pulls only, evenly from all series of pulls."""
        known = np.unique(groups[self.train])
        kept = known[np.linspace(0, len(known) - 1, min(pulls, len(known))).round().astype(int)]
        return replace(self, train=self.train[np.isin(groups[self.train], kept)])

    def members(self, number: int, groups: Indices, by: str, rng: np.random.Generator) -> list[tuple[Indices, Indices]]:
        """Training and validation indices of the members of a committee, which hold back different parts in turn."""
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
    """Of all snapshots, nan where there is no label. What a member of a committee held back is predicted by such members
    alone; the standard deviation is that of all members."""
    check: Prediction | None
    recalibration: Recalibration | None = None
    """Of the standard deviations, which `predicted` and `check` have as the members give them; None without a committee."""

    def stated(self, prediction: Prediction) -> Prediction:
        """A prediction of the model with the standard deviation that it states."""
        return prediction if self.recalibration is None else self.recalibration.apply(prediction)

    @property
    def not_recalibrated(self) -> Fitted:
        """The same, stating the standard deviations that the members give."""
        return replace(self, recalibration=None)

    @property
    def models(self) -> tuple[Path, ...]:
        """Folders of the members' models."""
        return tuple(folder / "model" for folder in self.folders)

    @property
    def curves(self) -> list[dict[str, list[float]]]:
        """Learning curves of the members."""
        return [read_json(folder / "learning_curves.json") for folder in self.folders]


@dataclass
class Fits:
    """Runs plans and keeps their features."""

    context: Context
    options: BreakJunctionOptions
    training: Snapshots
    check: Snapshots | None = None
    _described: dict[str, SampleSource] = field(default_factory=dict)

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
        checked = self._checked(tasks, folders)
        return [self._fitted(plan, keys, folders, checked) for plan, keys in zip(plans, members, strict=True)]

    def _key(self, plan: Plan, train: Indices, validation: Indices, member: int) -> str:
        """What a fit depends on: its snapshots by trajectory and number, their labels, how they are divided, and its parts."""
        descriptor, regressor = plan.model.descriptor, plan.model.regressor
        return digest_of(
            {
                "pulls": [[path.name, list(numbers)] for _, path, numbers in self.training.by_pull()],
                "train": digest_of_array(train),
                "validation": digest_of_array(validation),
                "conductance_G0": digest_of_array(plan.conductance_G0),
                "descriptor": None if descriptor is None else descriptor.identity,
                "regressor": regressor.identity,
                "member": member,
                "everything": plan.everything,
            }
        )

    def _fit(self, tasks: Mapping[str, tuple[Plan, Indices, Indices, int]]) -> dict[str, Path]:
        progress = self.context.folder / FOLDER_OF_PROGRESS

        def make() -> list[work.FitTask]:
            return [
                work.FitTask(
                    self._source(plan.model.descriptor),
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

        names = {key: _called(plan, member) for key, (plan, _, _, member) in tasks.items()}
        with epochs_shown(self.context.console, progress, names):
            result = self.context.map(
                "fit",
                work.fit,
                make,
                {},
                suffix="",
                items_depend_on=[{"fit": key} for key in tasks],
            )
        if result.failures:
            raise RunError(f"a fit failed: {result.failures[0].reason}")
        return {key: path for key, path in zip(tasks, result.paths, strict=True) if path is not None}

    def _checked(
        self, tasks: Mapping[str, tuple[Plan, Indices, Indices, int]], folders: Mapping[str, Path]
    ) -> dict[str, Prediction]:
        """What every fit predicts of the check set; nothing where there is none."""
        if self.check is None:
            return {}
        snapshots = self.check
        content = [[path.name, list(numbers)] for _, path, numbers in snapshots.by_pull()]
        ready = [
            work.CheckTask(SampleSource.of(snapshots, plan.model.descriptor), plan.model.regressor, folders[key] / "model")
            for key, (plan, *_) in tasks.items()
        ]
        result = self.context.map(
            "check",
            work.predict_check_set,
            ready,
            {"snapshots": content},
            items_depend_on=[{"fit": key} for key in tasks],
        )
        if result.failures:
            raise RunError(f"the check set could not be predicted: {result.failures[0].reason}")
        return {key: work.prediction_of(read_table(path)[0]) for key, (_, path) in zip(tasks, result.finished, strict=True)}

    def _source(self, descriptor: Selection | None) -> SampleSource:
        """Samples of the training snapshots; described when they are first asked for."""
        name = "" if descriptor is None else json.dumps(descriptor.identity, sort_keys=True)
        if name not in self._described:
            keep = descriptor is not None and self._fits_in_cache(descriptor)
            shards = self._shards(self.training, descriptor) if keep and descriptor is not None else None
            self._described[name] = SampleSource.of(self.training, descriptor, shards)
        return self._described[name]

    def _fits_in_cache(self, descriptor: Selection) -> bool:
        """Whether the features of all snapshots need no more than the option allows, judged by the first."""
        features = SampleSource.of(self.training.take(np.array([0])), descriptor).samples()
        assert isinstance(features, FeatureRows)
        return len(self.training) * features.rows(0).nbytes <= self.options.feature_cache_GB * 1e9

    def _shards(self, snapshots: Snapshots, descriptor: Selection) -> list[Path]:
        pieces = snapshots.by_pull()
        result = self.context.map(
            "features",
            work.describe,
            [work.DescribeTask(path, numbers, descriptor) for _, path, numbers in pieces],
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

        def make() -> list[work.DomainTask]:
            source, pulls = self._source(model.descriptor), self.training.pull
            seed = self.context.seed("domain")
            return [work.DomainTask(source, split.train, split.validation, pulls, plan.conductance_G0, seed)]

        digest = self._key(plan, split.train, split.validation, 0)
        return self.context.map(
            "domain",
            work.learn_domain,
            make,
            {"format": FORMAT},
            items_depend_on=[{"fit": digest}],
        )

    def close(self) -> None:
        """Delete the features that the fits needed, and what is left of their progress."""
        self._described.clear()
        remove(self.context.folder / FOLDER_OF_PROGRESS)
        self.context.discard("features")

    def _fitted(
        self, plan: Plan, keys: Sequence[tuple[str, Indices]], folders: Mapping[str, Path], checked: Mapping[str, Prediction]
    ) -> Fitted:
        """Predictions of the members put together."""
        own = [folders[key] for key, _ in keys]
        tables = [read_table(folder / "predictions.h5")[0] for folder in own]
        index = tables[0]["index"]
        members = [work.prediction_of(table) for table in tables]
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
        recalibration = None
        if len(keys) > 1:
            holds = np.stack([np.isin(index, validation) for _, validation in keys])
            held = np.flatnonzero(holds.any(axis=0))
            rows, holds, at_rows = index[held], holds[:, held], [_at(held, one) for one in members]
            part[plan.split.validation] = TRAIN  # of these too, all members learn what none of them held back
            mean[rows], part[rows] = of_those_that_held_back(at_rows, holds).mean, VALIDATION
            recalibration = Recalibration.learn(at_rows, holds, plan.conductance_G0[rows], self.training.pull[rows])
        on_check = combine([checked[key] for key, _ in keys]) if checked else None
        names = tuple(key for key, _ in keys)
        return Fitted(plan, tuple(own), names, part, Prediction(mean, std), on_check, recalibration)


def _at(places: Indices, prediction: Prediction) -> Prediction:
    return Prediction(prediction.mean[places], None if prediction.std is None else prediction.std[places])


def _called(plan: Plan, member: int) -> str:
    """What a fit is called while it runs."""
    of_several = f"member {member + 1}" if plan.model.members > 1 else ""
    return ", ".join(part for part in (plan.model.name, plan.purpose, of_several) if part)
