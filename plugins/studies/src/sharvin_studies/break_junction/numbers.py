"""Numbers of the models of a break-junction study: errors, calibration, active learning."""

from __future__ import annotations

from typing import Any

import numpy as np

from sharvin_studies.break_junction.completed_study import CompletedStudy, errors
from sharvin_studies.break_junction.production.wire_numbers import plain
from sharvin_studies.break_junction.study_errors import StudyErrors
from sharvin_studies.statistics.calibration import Calibration
from sharvin_studies.statistics.prediction_errors import ErrorEstimate, Predicted


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
    return {key: plain(getattr(numbers, key)) for key in keys}


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
