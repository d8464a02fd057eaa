"""What a break-junction study found, gathered for its report: fits, check sets, traces, spectra, and errors made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.context import Context, StepResult
from sharvin.numerics.error_measures import mean_absolute_error, r_squared, root_mean_square_error
from sharvin.store import read_table

from sharvin_studies.break_junction.acquisition import Acquisition
from sharvin_studies.break_junction.configs import HELD_OUT, BreakJunctionOptions
from sharvin_studies.break_junction.data import Indices, Labels, Pulls, Snapshots
from sharvin_studies.break_junction.fits import TEST, TRAIN, VALIDATION, Fitted
from sharvin_studies.break_junction.label_curve.curve import LabelCurve
from sharvin_studies.break_junction.production.produced_wires import ProducedWires
from sharvin_studies.break_junction.production.pulled_traces import Trace, labelled_traces
from sharvin_studies.statistics.conductance_ranges import RANGES, in_range
from sharvin_studies.statistics.prediction_errors import Predicted

Array = NDArray[np.float64]
PARTS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}


@dataclass(frozen=True)
class Baseline:
    """What another Hamiltonian gives of the test snapshots and of the check set."""

    name: str
    test: Labels
    check: Labels | None
    held_out_G0: Array | None = None
    """Of all snapshots that are held out of fits to few labels, where there are such fits."""


@dataclass(frozen=True)
class Spectrum:
    """T(E) of one snapshot by one Hamiltonian."""

    name: str
    energy_eV: Array
    transmission: Array
    k_points: int
    cpu_seconds: float
    structure: str
    """Which snapshot of which pull, in words."""

    @classmethod
    def read(cls, name: str, path: Path, structure: str) -> Spectrum:
        """From the file of its step; energies on a band edge, which have no T, are left out."""
        table, notes = read_table(path)
        known = np.isfinite(table["transmission"])
        return cls(
            name, table["energy_eV"][known], table["transmission"][known], notes["k_points"], notes["cpu_seconds"], structure
        )


@dataclass(frozen=True)
class CompletedStudy:
    """All that the steps of a study gave. The config's own model is the first of `fitted`."""

    context: Context
    options: BreakJunctionOptions
    snapshots: Snapshots
    labels: Labels
    fitted: Sequence[Fitted]
    check_snapshots: Snapshots | None
    check_labels: Labels | None
    baselines: Sequence[Baseline]
    acquired: Acquisition | None
    production: Pulls
    traces: Mapping[str, Sequence[Trace]]
    spectra: Sequence[Spectrum]
    taught: StepResult | None
    curve: LabelCurve | None = None

    @property
    def own(self) -> Fitted:
        """The config's own model."""
        return self.fitted[0]

    @property
    def models(self) -> list[Fitted]:
        """The config's own model and those compared with it, with the same split."""
        return [fitted for fitted in self.fitted if not fitted.plan.purpose]

    @property
    def produced(self) -> ProducedWires:
        """The production pulls as the config's own model predicts them."""
        return ProducedWires(self.context, self.options, self.production, self.traces[self.own.plan.model.name], exact=False)

    @cached_property
    def exact(self) -> ProducedWires | None:
        """The production pulls as all of their snapshots are labelled; None where they are not."""
        if self.options.production_labels != "all" or self.check_snapshots is None or self.check_labels is None:
            return None
        traces = labelled_traces(self.check_snapshots, self.check_labels)
        return ProducedWires(self.context, self.options, self.production, traces, exact=True)

    @property
    def known(self) -> ProducedWires:
        """The production pulls as the study knows them best: labelled where all of them are, or else predicted."""
        return self.exact or self.produced

    def wire(self, series: str) -> str:
        """What to call a series of production pulls."""
        return self.produced.wire(series)

    def part(self, fitted: Fitted, name: str) -> Predicted:
        """Exact and predicted conductances of the train, validation or test part of a fit's split."""
        return self._predicted(fitted, np.flatnonzero(fitted.part == PARTS[name]))

    def _predicted(self, fitted: Fitted, rows: Indices) -> Predicted:
        stated = fitted.stated(fitted.predicted)
        std = None if stated.std is None else stated.std[rows]
        return Predicted(fitted.plan.conductance_G0[rows], stated.mean[rows], self.snapshots.pull[rows], std)

    def check_sets(self, fitted: Fitted) -> dict[str, Predicted]:
        """Exact and predicted conductances of the check set, by series of production pulls."""
        if fitted.check is None:
            return {}
        return self._by_series(fitted.check.mean, fitted.stated(fitted.check).std)

    def _by_series(self, values: Array, std: Array | None = None) -> dict[str, Predicted]:
        assert self.check_snapshots is not None and self.check_labels is not None
        found = {}
        for name in self.production.names():
            of_series = np.isin(self.check_snapshots.pull, list(self.production.of(name)))
            known = of_series & np.isfinite(self.check_labels.conductance_G0) & np.isfinite(values)
            if known.any():
                found[self.wire(name)] = Predicted(
                    self.check_labels.conductance_G0[known],
                    values[known],
                    self.check_snapshots.pull[known],
                    None if std is None else std[known],
                )
        return found

    def test_sets(self, fitted: Fitted) -> dict[str, Predicted]:
        """The held-out part of the training pulls, and the check set of every production series."""
        return {HELD_OUT: self.part(fitted, "test"), **self.check_sets(fitted)}

    def baseline_sets(self, baseline: Baseline) -> dict[str, Predicted]:
        """The same snapshots as another Hamiltonian has them; those that it cannot treat are left out."""
        test = self.own.plan.split.test
        known = np.isfinite(baseline.test.conductance_G0)
        rows = test[known]
        found = {
            HELD_OUT: Predicted(self.labels.conductance_G0[rows], baseline.test.conductance_G0[known], self.snapshots.pull[rows])
        }
        return found if baseline.check is None else {**found, **self._by_series(baseline.check.conductance_G0)}

    def error(self, fitted: Fitted, part: str) -> dict[str, Any]:
        """Errors of one part of a fit's split, for tables and ``results.json``."""
        return {"part": part, **errors(self.part(fitted, part))}


def errors(predicted: Predicted) -> dict[str, Any]:
    """Pulls, snapshots, MAE, RMSE and R² of predictions, and the MAE by range of the exact conductance.

    Null where there is nothing to take them from.
    """
    exact = predicted.exact_G0
    some = len(exact) > 0
    return {
        "pulls": predicted.pulls,
        "snapshots": len(exact),
        "mae_G0": mean_absolute_error(predicted.predicted_G0, exact) if some else None,
        "rmse_G0": root_mean_square_error(predicted.predicted_G0, exact) if some else None,
        "r2": r_squared(predicted.predicted_G0, exact) if len(exact) > 1 and np.ptp(exact) > 0 else None,
        "by_conductance": {name: _errors_in_range(predicted, name) for name in RANGES},
    }


def _errors_in_range(predicted: Predicted, name: str) -> dict[str, Any]:
    inside = in_range(predicted.exact_G0, name)
    if not inside.any():
        return {"snapshots": 0, "mae_G0": None}
    mae = mean_absolute_error(predicted.predicted_G0[inside], predicted.exact_G0[inside])
    return {"snapshots": int(inside.sum()), "mae_G0": mae}
