"""Numbers of a break-junction study: errors of its models, its wires, plateaus, overlaps, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin_studies.break_junction.completed_study import CompletedStudy, Trace, errors
from sharvin_studies.break_junction.study_errors import StudyErrors
from sharvin_studies.statistics.calibration import Calibration
from sharvin_studies.statistics.histogram_comparison import OverlapMatrix, overlap_matrix
from sharvin_studies.statistics.histograms import (
    Histogram,
    Peak,
    conductance_histogram,
    find_peak,
    linear_edges,
    peak_in_window,
    plateau_lengths,
)
from sharvin_studies.statistics.prediction_errors import ErrorEstimate, Predicted
from sharvin_studies.statistics.resampling import mean_over_traces

Array = NDArray[np.float64]
Table = dict[str, Any]
OVERLAP_BIN_G0 = 0.1


def own_traces(study: CompletedStudy) -> Sequence[Trace]:
    """Traces that the config's own model predicted."""
    return study.traces[study.own.plan.model.name]


def overlap_edges(study: CompletedStudy) -> NDArray[np.float64]:
    """Bins in G0 in which histograms are compared, float64[n_bins + 1]."""
    return linear_edges(OVERLAP_BIN_G0, study.options.max_conductance_G0)


def wire_conductances(study: CompletedStudy) -> dict[str, list[NDArray[np.float64]]]:
    """Conductances in G0 of every trace of the config's own model, by production wire."""
    traces = own_traces(study)
    found = {
        study.wire(name): [trace.conductance_G0 for trace in traces if trace.series == name] for name in study.production.names()
    }
    return {name: some for name, some in found.items() if some}


def overlaps_of_wires(study: CompletedStudy) -> OverlapMatrix | None:
    """Of the config's own model; None where the study has no two series of production pulls, or no trace."""
    series = wire_conductances(study)
    if len(study.production.names()) < 2 or not series:
        return None
    return overlap_matrix(series, overlap_edges(study), study.context.rng("bootstrap"))


def models(study: CompletedStudy, estimates: StudyErrors) -> list[dict[str, Any]]:
    """Every fit and every baseline, with its errors on every test set."""
    found = []
    for fitted, estimated in zip(study.fitted, estimates.fits, strict=True):
        plan = fitted.plan
        found.append(
            {
                "model": plan.model.name,
                "fit": plan.purpose or "as configured",
                "split_by": "snapshot" if plan.by == "sample" else "pull",
                "members": plan.model.members,
                "training_pulls": len(np.unique(study.snapshots.pull[plan.split.train])),
                "training_snapshots": len(plan.split.train),
                "errors": {name: _with_interval(one, estimated.get(name)) for name, one in study.test_sets(fitted).items()},
            }
        )
    for baseline, estimated in zip(study.baselines, estimates.baselines, strict=True):
        sets = study.baseline_sets(baseline)
        found.append(
            {
                "model": baseline.name,
                "fit": "another Hamiltonian, not fitted",
                "errors": {name: _with_interval(one, estimated.get(name)) for name, one in sets.items()},
            }
        )
    return found


def _with_interval(predicted: Predicted, estimate: ErrorEstimate | None) -> dict[str, Any]:
    found = errors(predicted)
    if estimate is not None:
        found["mae_95_percent_G0"] = [estimate.lower_G0, estimate.upper_G0] if predicted.pulls > 1 else None
    return found


def wires(study: CompletedStudy) -> list[dict[str, Any]]:
    """Every series of production pulls: traces, predictions, the histogram's peak, plateau lengths."""
    found = []
    window = study.options.plateau_window_G0
    for name in study.production.names():
        traces = [trace for trace in own_traces(study) if trace.series == name]
        if not traces:
            continue
        values = np.concatenate([trace.conductance_G0 for trace in traces])
        histogram = conductance_histogram(values, study.options.bin_width_G0, study.options.max_conductance_G0)
        lengths = plateaus(traces, window)
        mean = mean_over_traces(lengths, study.context.rng("bootstrap"))
        found.append(
            {
                "wire": study.wire(name),
                "pulls": len(traces),
                "predicted": len(values),
                "peak_in_window": described_peak(peak_in_window(histogram, window), histogram),
                "peak_near_1G0": described_peak(find_peak(histogram), histogram),
                "plateau_A": {
                    "mean": mean.mean,
                    "mean_95_percent": [mean.lower, mean.upper] if len(traces) > 1 else None,
                    "median": float(np.median(lengths)),
                },
                "rupture_A": float(np.mean([trace.elongation_A[-1] for trace in traces])),
            }
        )
    return found


def plateaus(traces: Sequence[Trace], window_G0: tuple[float, float]) -> Array:
    """Elongation in Å that each trace spends within the plateau window."""
    return plateau_lengths([t.elongation_A for t in traces], [t.conductance_G0 for t in traces], window_G0)


def overlaps(matrix: OverlapMatrix) -> dict[str, Any]:
    """Pairwise overlap and R² of the histograms of the production wires, and what two halves of one wire's traces reach."""
    names = ("overlap", "lower", "upper", "exchanged", "p_value", "halves", "r_squared")
    return {
        "wires": list(matrix.labels),
        "bin_width_G0": OVERLAP_BIN_G0,
        **{name: _plain(getattr(matrix, name)) for name in names},
    }


def recalibration(study: CompletedStudy) -> dict[str, Any]:
    """What makes the standard deviations of the config's own model as large as errors, and what it was learnt from."""
    own = study.own
    assert own.recalibration is not None
    held_back = study.part(own, "validation")
    return {"a": own.recalibration.a, "b_G0": own.recalibration.b, "pulls": held_back.pulls, "snapshots": len(held_back)}


def calibrations(estimates: StudyErrors) -> dict[str, Any]:
    """How the standard deviations of the config's own model compare with its errors, by test set, after and before."""
    found = {name: _calibration(numbers) for name, numbers in estimates.calibrations.items()}
    for name, before in estimates.before_recalibration.items():
        found[name]["before_recalibration"] = _calibration(before)
    return found


def _calibration(numbers: Calibration) -> dict[str, Any]:
    keys = ("expected_calibration_error", "miscalibration_area", "rank_correlation", "recalibration_factor")
    return {key: _plain(getattr(numbers, key)) for key in keys}


def acquisition(study: CompletedStudy) -> dict[str, Any]:
    """Labels spent and errors of the rounds of active learning, by way of choosing."""
    acquired = study.acquired
    assert acquired is not None
    return {
        name: [
            {
                "labels": spent,
                **{test: errors(one)["mae_G0"] for test, one in study.test_sets(fitted).items()},
            }
            for spent, fitted in zip(acquired.spent[name], acquired.fitted[name], strict=True)
        ]
        for name in acquired.spent
    }


def _plain(value: Any) -> Any:
    """Lists and numbers that JSON has: null for what is not a finite number."""
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value]
    number = float(value)
    return number if np.isfinite(number) else None


def described_peak(peak: Peak | None, histogram: Histogram) -> dict[str, Any] | None:
    """A peak with its height relative to the highest bin; None if there is none."""
    if peak is None:
        return None
    return {**asdict(peak), "relative_height": peak.height / float(histogram.counts.max())}
