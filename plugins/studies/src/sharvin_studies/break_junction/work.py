"""How much work a break-junction study is: pulls, labels and fits, the time and the bytes that they take. All are estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sharvin.protocols import CostedHamiltonian, Hamiltonian

from sharvin_studies.break_junction import hamiltonian as teaching
from sharvin_studies.break_junction.configs import OWN, BreakJunctionOptions, PullSeries
from sharvin_studies.break_junction.starting_wires import KIND
from sharvin_studies.break_junction.survey import StartingWire

BYTES_PER_ATOM = 12
"""Of a stored frame: three coordinates in single precision."""


@dataclass(frozen=True)
class Work:
    """The work of a study whose starting wires are known.

    Parameters
    ----------
    options : BreakJunctionOptions
    wires : sequence of Wire
        With the length of their pulls, where the dynamics says it.
    hamiltonian : Hamiltonian
        The config's own.
    feature_bytes : float or None
        Of the features of one snapshot; None without a descriptor.
    regressor : bool
        Whether something is learnt and predicted; otherwise every production snapshot is labelled.
    """

    options: BreakJunctionOptions
    wires: Sequence[StartingWire]
    hamiltonian: Hamiltonian
    feature_bytes: float | None = None
    regressor: bool = True

    def items(self) -> dict[str, int]:
        """How many pulls, labels, fits and other items there are, by what they are called."""
        options, labels, check = self.options, self.labels(), self.production_labels()
        found = {KIND[option]: self.pulls(option) for option in KIND if getattr(options, option)}
        if self.references():
            found["reference snapshots"] = self.references()
        if labels is not None and check is not None and labels + check > self.stated():
            found["labels"] = labels + check - self.stated()
        elif check:
            found["check labels"] = check
        baselines = [case for case in options.compare if case.hamiltonian]
        learnt_from = [wire for wire in self.wires if wire.option == "training_pulls"]
        count = len(baselines) + (bool(learnt_from) and all(wire.labelled for wire in learnt_from))
        if count and labels is not None and check is not None:
            tested = labels if options.folds else max(1, round(options.test_fraction * labels))
            found["labels of other Hamiltonians"] = count * (tested + check)
        if self.regressor:
            found["fits"] = self.fits()
        if (predicted := self.frames("production_pulls")) and self.regressor:
            found["predicted snapshots"] = predicted
        if options.spectra:
            found["spectra"] = len(options.spectra)
        return found

    def pulls(self, option: str) -> int:
        """Pulls of all series of an option, those in files among them."""
        return sum(wire.series.pulls for wire in self.wires if wire.option == option)

    def stated(self) -> int:
        """Labels that files state."""
        every, wires = self.options.label_every, [wire for wire in self.wires if wire.labelled]
        return sum(-(-wire.length.frames // every) for wire in wires if wire.length)

    def frames(self, option: str) -> int | None:
        """About how many frames all pulls of an option give; None if the dynamics does not say."""
        wires = [wire for wire in self.wires if wire.option == option]
        lengths = [wire.length for wire in wires]
        if any(length is None for length in lengths):
            return None
        return sum(wire.series.pulls * length.frames for wire, length in zip(wires, lengths, strict=True) if length)

    def labels(self) -> int | None:
        """Labels of training snapshots: all, or what active learning spends; None if the dynamics does not say how many."""
        if not self.regressor:
            return 0
        frames, asked = self.frames("training_pulls"), self.options.acquire
        if frames is None:
            return None
        snapshots = max(1, frames // self.options.label_every)
        if asked is None:
            return snapshots
        shared = round((self.options.validation_fraction + self.options.test_fraction) * snapshots)
        spent = asked.rounds * asked.per_round * (2 if asked.compare_random else 1)
        return min(snapshots, shared + asked.start + spent)

    def production_labels(self) -> int | None:
        """Production snapshots that are labelled: all, or the check set; None if it is not known beforehand how many all are."""
        if self.options.production_labels == "all" or not self.regressor:
            return self.frames("production_pulls")
        return self.check_labels(self.options.check_snapshots)

    def check_labels(self, asked: int) -> int:
        """Snapshots of all series of production pulls that are labelled, if so many of each are asked for."""
        found = 0
        for series in self.options.production_pulls:
            there = self.snapshots_of(series)
            found += asked if there is None else min(asked, there)
        return found

    def snapshots_of(self, series: PullSeries) -> int | None:
        """About how many snapshots a series of production pulls gives; None if the dynamics does not say."""
        lengths = (w.length for w in self.wires if w.option == "production_pulls" and w.series == series and w.length)
        return next((series.pulls * length.frames for length in lengths), None)

    def references(self) -> int:
        """Snapshots that are computed in full, for the Hamiltonian to learn from."""
        if not teaching.learns(self.hamiltonian):
            return 0
        with_check = self.regressor and self.options.labels_production
        return self.options.reference_snapshots + with_check * self.check_labels(self.options.check_reference_snapshots)

    def fits(self) -> int:
        """Fits of all models, members, splits and rounds."""
        options = self.options
        members = options.committee.members if options.committee else 1
        own = 1 + (options.split_by == "both") + len(options.learning_curve)
        if options.acquire is not None:
            own += (options.acquire.rounds + 1) * (2 if options.acquire.compare_random else 1)
        models = [case for case in options.compare if not case.hamiltonian]
        few_labels = (options.folds or 1) * options.learning_curve_repeats * len(options.learning_curve_labels)
        return members * own + sum(case.members for case in models) + (1 + len(models)) * few_labels

    def seconds(self) -> dict[str, float | None]:
        """Time on one core by stage; None where it is not known beforehand."""
        found: dict[str, float | None] = {}
        if any(wire.pull_of_file is None for wire in self.wires):
            found["pulls"] = self.pull_seconds()
        junctions = [wire.junction for wire in self.wires if wire.junction is not None]
        labels, check = self.labels(), self.production_labels()
        stated = labels is not None and check is not None and labels + check <= self.stated()
        if stated and not self.references():
            return {**found, "fits": None} if self.regressor else found
        if isinstance(self.hamiltonian, CostedHamiltonian) and junctions and labels is not None and check is not None:
            computed = max(labels - self.stated(), 0)
            found["labels"] = computed * self.hamiltonian.label_seconds(junctions[0]) + self.production_label_seconds(check)
            if references := self.references():
                largest = max(junctions, key=lambda junction: len(junction.atoms))
                found["references"] = references * self.hamiltonian.reference_seconds(largest if check else junctions[0])
        else:
            found["labels"] = None
        return {**found, "fits": None} if self.regressor else found

    def production_label_seconds(self, labels: int) -> float:
        """Time on one core of so many labels of production snapshots, of each series as many as its share of the frames.

        The share is that of the pulls where the dynamics does not say how many frames they give.
        """
        assert isinstance(self.hamiltonian, CostedHamiltonian)
        wires = [wire for wire in self.wires if wire.option == "production_pulls" and wire.junction is not None]
        each = [wire.series.pulls * (wire.length.frames if wire.length else 1) for wire in wires]
        cost = [self.hamiltonian.label_seconds(wire.junction) for wire in wires if wire.junction is not None]
        return labels * float(np.average(cost, weights=each)) if sum(each) else 0.0

    def pull_seconds(self) -> float | None:
        """Time of all pulls on one core; None if it was not measured."""
        found = 0.0
        for wire in self.wires:
            if wire.length is None or wire.length.seconds is None:
                return None
            found += wire.series.pulls * wire.length.seconds
        return found

    def disk_bytes(self) -> float | None:
        """Size of the trajectories, and of the features while fits run; None if the dynamics does not say how many frames."""
        if any(self.frames(option) is None for option in KIND):
            return None
        pulled = sum(
            wire.series.pulls * wire.length.frames * len(wire.atoms) * BYTES_PER_ATOM for wire in self.wires if wire.length
        )
        cached = (self.feature_bytes or 0.0) * (self.labels() or 0)
        return pulled + (cached if cached <= self.options.feature_cache_GB * 1e9 else 0.0)

    def notes(self, parts: Mapping[str, str]) -> list[str]:
        """What the estimates rest on, and electrodes that are not ideal; `parts` are names of parts by config key."""
        said = [(wire.called, wire.junction.imperfection()) for wire in self.wires if wire.junction is not None]
        found = [f"{called}{words}" for called, words in said if words is not None]
        if self.frames("training_pulls") is None or (self.production_labels() is None):
            found.append(f"the number of snapshots is not known beforehand of {parts['dynamics']}.")
        for series in self.options.production_pulls:
            there, asked = self.snapshots_of(series), self.options.check_snapshots
            if there is not None and asked > there:
                called = "the production pulls" if series.name == OWN else f"the production pulls {series.name}"
                found.append(f"check_snapshots is {asked:,}, but {called} give about {there:,} snapshots: all will be labelled.")
        return found
