"""What ``break_junction`` tells its reader: ``results.json``, sentences and tables, made from what the steps computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.store import read_table

from sharvin_studies.break_junction import hamiltonian as teaching
from sharvin_studies.break_junction.completed_study import PARTS, CompletedStudy, Trace, errors
from sharvin_studies.break_junction.configs import OWN
from sharvin_studies.break_junction.data import only
from sharvin_studies.break_junction.figures import drawings
from sharvin_studies.break_junction.label_curve import curve as label_curve
from sharvin_studies.break_junction.labelled_files.report import labels_in_results, labels_in_words, of_asked
from sharvin_studies.break_junction.numbers import (
    acquisition,
    calibrations,
    described_peak,
    models,
    overlaps,
    overlaps_of_wires,
    own_traces,
    plateaus,
    recalibration,
    wires,
)
from sharvin_studies.break_junction.study_errors import StudyErrors
from sharvin_studies.break_junction.traces import write_pulls, write_traces
from sharvin_studies.statistics.histogram_comparison import OverlapMatrix
from sharvin_studies.statistics.histograms import (
    conductance_histogram,
    find_peak,
    peak_in_window,
)

Array = NDArray[np.float64]
Table = dict[str, Any]


def report(study: CompletedStudy) -> dict[str, Any]:
    """Write ``traces.csv``, draw all figures and return the content of ``results.json``."""
    estimates, matrix = StudyErrors.of(study), overlaps_of_wires(study)
    found = results(study, estimates, matrix)
    write_traces(study)
    write_pulls(study)
    drawings.draw(study, estimates, matrix)
    if study.taught is not None:
        evaluation, notes = read_table(only(study.taught) / "evaluation.h5")
        teaching.add_to_report(study.context.folder, found, evaluation, notes)
    return found


def results(study: CompletedStudy, estimates: StudyErrors, matrix: OverlapMatrix | None) -> dict[str, Any]:
    """Numbers of the study, and the sentences and tables of its report."""
    options, traces = study.options, own_traces(study)
    rows = [study.error(study.own, part) for part in PARTS]
    values = np.concatenate([trace.conductance_G0 for trace in traces]) if traces else np.empty(0)
    histogram = conductance_histogram(values, options.bin_width_G0, options.max_conductance_G0)
    window = options.plateau_window_G0
    peak = described_peak(peak_in_window(histogram, window), histogram)
    return {
        "n_traces": len(traces),
        "n_labelled": len(study.labels.known),
        "n_predicted": len(values),
        **{f"mae_{row['part']}_G0": row["mae_G0"] for row in rows},
        "split_by": options.split_by,
        "models": models(study, estimates),
        "wires": wires(study),
        **({"overlap_of_histograms": overlaps(matrix)} if matrix is not None else {}),
        **({"recalibration": recalibration(study)} if study.own.recalibration is not None else {}),
        **({"calibration": calibrations(estimates)} if estimates.calibrations else {}),
        **({"active_learning": acquisition(study)} if study.acquired else {}),
        **({"error_against_labels": label_curve.numbers(study.curve)} if study.curve else {}),
        "histogram": {
            "edges_G0": histogram.edges.tolist(),
            "counts": histogram.counts.tolist(),
            "outside": histogram.outside,
        },
        "plateau_window_G0": list(window),
        "peak_in_window": peak,
        "peak_near_1G0": described_peak(find_peak(histogram), histogram),
        **labels_in_results(study),
        "summary": summary(study, rows, traces, peak),
        "tables": tables(study, estimates, rows),
    }


def summary(
    study: CompletedStudy, rows: Sequence[Mapping[str, Any]], traces: Sequence[Trace], peak: Mapping[str, Any] | None
) -> str:
    """The study in a few sentences."""
    chosen, options = study.context.config.selections, study.options
    wanted = study.production.asked
    test = next(row for row in rows if row["part"] == "test")
    held_out = "snapshots" if study.own.plan.by == "sample" else "pulls"
    sentences = [
        labels_in_words(study),
        f"The regressor {chosen['regressor'].name} predicts the conductance of held-out {held_out} with a mean absolute "
        f"error of {test['mae_G0']:.2f} G0.",
    ]
    for name, predicted in study.check_sets(study.own).items():
        sentences.append(f"On {len(predicted)} exactly labelled snapshots of {name} it is {errors(predicted)['mae_G0']:.2f} G0.")
    if traces:
        points = sum(len(trace.conductance_G0) for trace in traces)
        sentences.append(f"{of_asked(len(traces), wanted)} production pulls gave {points} predicted conductances.")
        if peak is None:
            lower, upper = options.plateau_window_G0
            sentences.append(f"Their histogram has no significant peak between {lower:g} and {upper:g} G0.")
        else:
            sentences.append(f"Their histogram has a peak at {peak['position_G0']:.2f} G0.")
        if not study.states_elongation:
            sentences.append(
                "The dynamics states no elongation, so every elongation here is the number of the snapshot, in no unit."
            )
    return " ".join(sentences)


def tables(study: CompletedStudy, estimates: StudyErrors, rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Components, errors by part of the split and by model, and the production pulls."""
    found = [_components(study), _errors_of_parts(study, rows)]
    if len(study.fitted) + len(study.baselines) > 1 or study.check_snapshots is not None:
        found.append(_errors_of_models(study, estimates))
    if study.curve is not None:
        found.append(label_curve.table(study.curve))
    if estimates.calibrations:
        found.append(_calibration_table(study, estimates))
    traces = own_traces(study)
    if traces:
        found += (
            [_wires_table(study), _pulls_table(study, traces)]
            if len(study.production.names()) > 1
            else [_pulls_table(study, traces)]
        )
    return found


def _components(study: CompletedStudy) -> Table:
    stages = [(key, chosen) for key, chosen in study.context.config.selections.items() if key != "executor"]
    return {
        "title": "Components",
        "columns": ["stage", "component", "from"],
        "rows": [[key, chosen.name, chosen.identity["component"].split(":")[0]] for key, chosen in stages],
        "caption": "Chosen in the config.",
    }


def _errors_of_parts(study: CompletedStudy, rows: Sequence[Mapping[str, Any]]) -> Table:
    caption = "Against the exact labels; the test part was neither learnt from nor used to stop the training."
    if study.own.plan.model.members > 1:
        caption += " Validation: snapshots that some members held back, predicted by those members alone."
    return {
        "title": "Errors of the regressor",
        "columns": ["part", "pulls", "snapshots", "MAE (G0)", "RMSE (G0)", "R²"],
        "rows": [
            [row["part"], row["pulls"], row["snapshots"], *(_rounded(row[name]) for name in ("mae_G0", "rmse_G0", "r2"))]
            for row in rows
        ],
        "caption": caption,
    }


def _errors_of_models(study: CompletedStudy, estimates: StudyErrors) -> Table:
    found = models(study, estimates)
    tests = list(dict.fromkeys(test for one in found for test in one["errors"]))
    return {
        "title": "Mean absolute errors of all models (G0)",
        "columns": ["model", "fit", "split by", "members", "training pulls", "training snapshots", *tests],
        "rows": [
            [
                *(one.get(key) for key in ("model", "fit", "split_by", "members", "training_pulls", "training_snapshots")),
                *(_rounded(one["errors"].get(test, {}).get("mae_G0")) for test in tests),
            ]
            for one in found
        ],
        "caption": "On snapshots that no fit learnt from. Split by snapshot, neighbours of a held-out snapshot in its own pull "
        "were learnt from, which flatters the first column; the production wires were never learnt from.",
    }


def _calibration_table(study: CompletedStudy, estimates: StudyErrors) -> Table:
    rows = []
    for name, stated in calibrations(estimates).items():
        before = stated.pop("before_recalibration", None)
        rows.append([name, "stated", *map(_rounded, stated.values())])
        if before is not None:
            rows.append([name, "before", *map(_rounded, before.values())])
    how = ""
    if study.own.recalibration is not None:
        learnt = recalibration(study)
        how = (
            f"Stated: σ² = a² s² + b² with s as the members give it (before), a = {learnt['a']:.2f} and b = {learnt['b_G0']:.3f} "
            f"G0, from {learnt['snapshots']:,} snapshots of {learnt['pulls']} pulls that members held back; none of the test "
            "sets was used. "
        )
    return {
        "title": "Predicted standard deviations",
        "columns": ["test set", "σ", "expected calibration error", "miscalibration area", "rank correlation", "error / σ"],
        "rows": rows,
        "caption": f"{how}Expected calibration error: mean relative difference of predicted and found error over ten bins (Levi "
        "et al., Sensors 22, 5540 (2022)); error / σ: root mean square, 1 where σ is right.",
    }


def _wires_table(study: CompletedStudy) -> Table:
    return {
        "title": "Production wires",
        "columns": [
            "wire",
            "pulls",
            "conductances",
            f"peak at {_window(study)} (G0)",
            f"mean length at {_window(study)} (Å)",
            "mean elongation at rupture (Å)",
        ],
        "rows": [
            [
                one["wire"],
                one["pulls"],
                one["predicted"],
                _rounded(one["peak_in_window"]["position_G0"], 2) if one["peak_in_window"] else None,
                _rounded(one["plateau_A"]["mean"], 1),
                _rounded(one["rupture_A"], 1),
            ]
            for one in wires(study)
        ],
        "caption": "Predicted conductances while the wires are whole.",
    }


def _pulls_table(study: CompletedStudy, traces: Sequence[Trace]) -> Table:
    lengths = plateaus(traces, study.options.plateau_window_G0)
    several = len(study.production.names()) > 1 or traces[0].series != OWN
    rows = [
        [
            *([trace.series] if several else []),
            trace.pull,
            len(trace.conductance_G0),
            _rounded(trace.elongation_A[-1], 1),
            _rounded(length, 1),
            _rounded(trace.conductance_G0[-1], 2),
        ]
        for trace, length in zip(traces, lengths, strict=True)
    ]
    columns = ["pull", "snapshots", "rupture at (Å)", f"length at {_window(study)} (Å)", "last conductance (G0)"]
    return {
        "title": "Production pulls",
        "columns": ["wire", *columns] if several else columns,
        "rows": rows,
        "caption": "Predicted conductances while the wire is whole; elongation since the start of the pull. Every point of every "
        "trace is in traces.csv of the run folder.",
    }


def _window(study: CompletedStudy) -> str:
    lower, upper = study.options.plateau_window_G0
    return f"{lower:g}–{upper:g} G0"


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(float(value), digits)
