"""What ``break_junction`` tells its reader: ``results.json``, sentences and tables, made from what the steps computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sharvin.store import read_table

from sharvin_studies.break_junction import hamiltonian as teaching
from sharvin_studies.break_junction.completed_study import PARTS, CompletedStudy, errors
from sharvin_studies.break_junction.data import only
from sharvin_studies.break_junction.figures import drawings
from sharvin_studies.break_junction.label_curve import curve as label_curve
from sharvin_studies.break_junction.labelled_files.report import labels_in_results, labels_in_words
from sharvin_studies.break_junction.numbers import acquisition, calibrations, models, recalibration
from sharvin_studies.break_junction.production import production_report as production
from sharvin_studies.break_junction.production.exact_comparison import ComparedWire, compared_wires, distances
from sharvin_studies.break_junction.production.exact_comparison import tables as distance_tables
from sharvin_studies.break_junction.production.production_report import Table, rounded
from sharvin_studies.break_junction.production.series_statistics import SeriesStatistics, series_statistics
from sharvin_studies.break_junction.production.wire_numbers import overlaps, overlaps_of_wires, wires
from sharvin_studies.break_junction.study_errors import StudyErrors
from sharvin_studies.break_junction.traces import write_pulls, write_traces
from sharvin_studies.statistics.conductance_ranges import RANGES
from sharvin_studies.statistics.histogram_comparison import OverlapMatrix


def report(study: CompletedStudy) -> dict[str, Any]:
    """Write ``traces.csv``, draw all figures and return the content of ``results.json``."""
    estimates, matrix, compared = StudyErrors.of(study), overlaps_of_wires(study.known), compared_wires(study)
    series = series_statistics(study.known)
    found = results(study, estimates, matrix, compared, series)
    write_traces(study)
    write_pulls(study.context.folder, study.snapshots.pulls, study.production)
    drawings.draw(study, estimates, matrix, compared, series)
    if study.taught is not None:
        evaluation, notes = read_table(only(study.taught) / "evaluation.h5")
        teaching.add_to_report(study.context.folder, found, evaluation, notes)
    return found


def results(
    study: CompletedStudy,
    estimates: StudyErrors,
    matrix: OverlapMatrix | None,
    compared: Sequence[ComparedWire],
    series: Sequence[SeriesStatistics],
) -> dict[str, Any]:
    """Numbers of the study, and the sentences and tables of its report."""
    options, traces = study.options, study.produced.traces
    rows = [study.error(study.own, part) for part in PARTS]
    return {
        "n_traces": len(traces),
        "n_labelled": len(study.labels.known),
        "n_predicted": study.produced.count,
        **{f"mae_{row['part']}_G0": row["mae_G0"] for row in rows},
        "split_by": options.split_by,
        "models": models(study, estimates),
        "wires": wires(study.known),
        "series": [one.plain() for one in series],
        **({"n_labelled_production": study.exact.count} if study.exact is not None else {}),
        **({"distance_from_exact_production": distances(compared)} if study.exact is not None else {}),
        **({"overlap_of_histograms": overlaps(matrix)} if matrix is not None else {}),
        **({"recalibration": recalibration(study)} if study.own.recalibration is not None else {}),
        **({"calibration": calibrations(estimates)} if estimates.calibrations else {}),
        **({"active_learning": acquisition(study)} if study.acquired else {}),
        **({"error_against_labels": label_curve.numbers(study.curve)} if study.curve else {}),
        **production.results(study.known),
        **labels_in_results(study),
        "summary": summary(study, rows),
        "tables": tables(study, estimates, rows, compared, series),
    }


def summary(study: CompletedStudy, rows: Sequence[Mapping[str, Any]]) -> str:
    """The study in a few sentences."""
    test = next(row for row in rows if row["part"] == "test")
    held_out = "snapshots" if study.own.plan.by == "sample" else "pulls"
    regressor = study.context.config.selections["regressor"].name
    sentences = [
        labels_in_words(study),
        f"The regressor {regressor} predicts the conductance of held-out {held_out} with a mean absolute "
        f"error of {test['mae_G0']:.2f} G0.",
    ]
    for name, predicted in study.check_sets(study.own).items():
        sentences.append(f"On {len(predicted)} exactly labelled snapshots of {name} it is {errors(predicted)['mae_G0']:.2f} G0.")
    sentences += production.sentences(study.known)
    return " ".join(sentences)


def tables(
    study: CompletedStudy,
    estimates: StudyErrors,
    rows: Sequence[Mapping[str, Any]],
    compared: Sequence[ComparedWire],
    series: Sequence[SeriesStatistics],
) -> list[Table]:
    """Components, errors by part of the split and by model, and the production pulls."""
    found = [production.components(study.context), _errors_of_parts(study, rows)]
    if len(study.fitted) + len(study.baselines) > 1 or study.check_snapshots is not None:
        found += [_errors_of_models(study, estimates), _errors_by_conductance(study, estimates)]
    if study.curve is not None:
        found.append(label_curve.table(study.curve))
    if estimates.calibrations:
        found.append(_calibration_table(study, estimates))
    found += distance_tables(compared)
    if len(series) > 1:
        found.append(production.series_table(series, study.known))
    return found + production.tables(study.known)


def _errors_of_parts(study: CompletedStudy, rows: Sequence[Mapping[str, Any]]) -> Table:
    caption = "Against the exact labels; the test part was neither learnt from nor used to stop the training."
    if study.own.plan.model.members > 1:
        caption += " Validation: snapshots that some members held back, predicted by those members alone."
    return {
        "title": "Errors of the regressor",
        "columns": ["part", "pulls", "snapshots", "MAE (G0)", "RMSE (G0)", "R²", *(f"MAE {name} (G0)" for name in RANGES)],
        "rows": [
            [
                *(row[name] for name in ("part", "pulls", "snapshots")),
                *(rounded(row[name]) for name in ("mae_G0", "rmse_G0", "r2")),
                *_by_conductance(row),
            ]
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
                *(rounded(one["errors"].get(test, {}).get("mae_G0")) for test in tests),
            ]
            for one in found
        ],
        "caption": "On snapshots that no fit learnt from. Split by snapshot, neighbours of a held-out snapshot in its own pull "
        "were learnt from, which flatters the first column; the production wires were never learnt from.",
    }


def _by_conductance(found: Mapping[str, Any]) -> list[float | None]:
    """Mean absolute errors by range of the exact conductance."""
    return [rounded(found["by_conductance"][name]["mae_G0"]) for name in RANGES]


def _errors_by_conductance(study: CompletedStudy, estimates: StudyErrors) -> Table:
    rows = [
        [
            *(one.get(name) for name in ("model", "fit", "split_by")),
            test,
            errors_there["snapshots"],
            rounded(errors_there["mae_G0"]),
            *_by_conductance(errors_there),
        ]
        for one in models(study, estimates)
        for test, errors_there in one["errors"].items()
    ]
    return {
        "title": "Mean absolute errors by conductance (G0)",
        "columns": ["model", "fit", "split by", "test set", "snapshots", "all", *RANGES],
        "rows": rows,
        "caption": "Of the snapshots whose exact conductance lies in each range: the last plateau, narrow necks, wide necks.",
    }


def _calibration_table(study: CompletedStudy, estimates: StudyErrors) -> Table:
    rows = []
    for name, stated in calibrations(estimates).items():
        before = stated.pop("before_recalibration", None)
        rows.append([name, "stated", *map(rounded, stated.values())])
        if before is not None:
            rows.append([name, "before", *map(rounded, before.values())])
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
