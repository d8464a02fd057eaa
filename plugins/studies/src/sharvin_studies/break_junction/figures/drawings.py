"""Which figures ``break_junction`` draws of a completed study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sharvin.electrodes.broken_wires import unbroken
from sharvin.figures import clear_figures
from sharvin.store import read_observables, read_trajectory

from sharvin_studies.break_junction.completed_study import PARTS, CompletedStudy
from sharvin_studies.break_junction.figures import pulls as figures
from sharvin_studies.break_junction.figures.comparison import plot_histogram_comparison
from sharvin_studies.break_junction.figures.errors import (
    plot_error_against_pulls,
    plot_learning_curves_of_fits,
    plot_model_errors,
    plot_parity_by_wire,
)
from sharvin_studies.break_junction.figures.production import (
    draw_compared_wires,
    draw_conditions,
    draw_histograms,
    draw_neck_widths,
    draw_series,
)
from sharvin_studies.break_junction.figures.profiles import plot_conductance_profile
from sharvin_studies.break_junction.figures.transmission import plot_transmission_cases
from sharvin_studies.break_junction.figures.uncertainty import plot_active_learning, plot_calibration
from sharvin_studies.break_junction.label_curve.figure import plot_error_against_labels
from sharvin_studies.break_junction.production.exact_comparison import ComparedWire
from sharvin_studies.break_junction.production.series_statistics import SeriesStatistics
from sharvin_studies.break_junction.production.wire_numbers import overlap_edges
from sharvin_studies.break_junction.study_errors import StudyErrors
from sharvin_studies.regression_figures import plot_learning_curves, plot_parity
from sharvin_studies.statistics.histogram_comparison import OverlapMatrix
from sharvin_studies.statistics.histograms import pooled

Array = NDArray[np.float64]


def draw(
    study: CompletedStudy,
    estimates: StudyErrors,
    matrix: OverlapMatrix | None,
    compared: Sequence[ComparedWire],
    series: Sequence[SeriesStatistics],
) -> None:
    """All figures that the study has something for, with their data.

    The numbers are those of ``results.json``: `matrix` are the overlaps of the production wires, `compared` those of the models
    on each wire.
    """
    clear_figures(study.context.folder)
    own = study.own
    produced = study.known
    if produced.traces:
        draw_histograms(produced, *_outline(study))
    _errors(study, estimates)
    _one_pull(study)
    _learning_curves(study)
    if produced.traces:
        draw_series(produced, series)
        draw_neck_widths(produced)
        draw_compared_wires(produced, matrix)
        _histograms_of_models(study, compared)
        draw_conditions(produced)
    if estimates.calibrations:
        found, before = estimates.calibrations, estimates.before_recalibration or None
        sets = {name: one for name, one in study.test_sets(own).items() if name in found}
        plot_calibration(study.context.folder, sets=sets, found=found, before=before)
    _studies(study, estimates)


def _outline(study: CompletedStudy) -> tuple[Array, str]:
    """What is drawn beside the histogram: predictions where the histogram is of labels, or else the training labels."""
    if study.exact is not None:
        return pooled(trace.conductance_G0 for trace in study.produced.traces), study.produced.conductances
    return study.labels.conductance_G0[study.labels.known], "exact conductances of the training pulls"


def _errors(study: CompletedStudy, estimates: StudyErrors) -> None:
    folder = study.context.folder
    sets = {name: study.part(study.own, name) for name in PARTS}
    plot_parity(folder, {name: (one.exact_G0, one.predicted_G0) for name, one in sets.items()})
    check = study.check_sets(study.own)
    if check:
        plot_parity_by_wire(folder, wires=check, errors=estimates.own, model=study.own.plan.model.name)
    fits = list(zip(study.fitted, estimates.fits, strict=True))
    by_pull = {one.plan.model.name: found for one, found in fits if one.plan.by == "group" and not one.plan.purpose}
    by_pull |= {one.name: found for one, found in zip(study.baselines, estimates.baselines, strict=True)}
    by_snapshot = {
        one.plan.model.name: found
        for one, found in fits
        if one.plan.by == "sample" and one.plan.purpose in ("", "split by snapshot")
    }
    if len(by_pull) + len(by_snapshot) > 1 or check:
        plot_model_errors(folder, group_split=by_pull, random_split=by_snapshot or None)


def _learning_curves(study: CompletedStudy) -> None:
    fits = {}
    for fitted in study.fitted:
        curves = fitted.curves
        name = f"{fitted.plan.model.name} {fitted.plan.purpose}".strip()
        for member, curve in enumerate(curves):
            if any(len(values) > 1 for values in curve.values()):
                fits[name if len(curves) == 1 else f"{name}, member {member + 1}"] = curve
    own = study.own.curves
    if len(own) == 1 and any(len(curve) > 1 for curve in own[0].values()):
        plot_learning_curves(study.context.folder, own[0])
    if len(fits) > 1:
        plot_learning_curves_of_fits(study.context.folder, fits=fits)


def _one_pull(study: CompletedStudy) -> None:
    """A labelled pull that the model has not learnt from: exact and predicted, and pictures of the wire."""
    own, context = study.own, study.context
    shown = int(study.snapshots.pull[own.plan.split.test[0]])
    rows = np.flatnonzero((study.snapshots.pull == shown) & np.isfinite(own.plan.conductance_G0))
    trajectory = study.snapshots.pulls.trajectories[shown]
    observables = read_observables(trajectory)
    snapshots = study.snapshots.snapshot[rows]
    elongation = observables.get("elongation_A", np.arange(len(unbroken(observables)), dtype=float))[snapshots]
    stated = own.stated(own.predicted)
    exact, predicted = own.plan.conductance_G0[rows], stated.mean[rows]
    if "neck_width" in observables:
        held_out = bool(np.isin(rows, own.plan.split.test).all())
        width = observables["neck_width"][snapshots]
        figures.plot_training_pull(context.folder, elongation, exact, predicted, width, held_out=held_out)
    places = np.unique(np.linspace(0, len(snapshots) - 1, min(6, len(snapshots))).round().astype(int))
    frames = read_trajectory(trajectory)
    plot_conductance_profile(
        context.folder,
        elongation_A=elongation,
        exact_G0=exact,
        predicted_G0=predicted,
        std_G0=None if stated.std is None else stated.std[rows],
        force_nN=observables["force_nN"][snapshots] if "force_nN" in observables else None,
        points=places.tolist(),
        pictures=[frames[int(number)].to_atoms() for number in snapshots[places]],
    )


def _histograms_of_models(study: CompletedStudy, compared: Sequence[ComparedWire]) -> None:
    """Histograms of the models, and of exact labels where there are some, on each wire."""
    for number, wire in enumerate(compared):
        plot_histogram_comparison(
            study.context.folder,
            series=wire.series,
            matrix=wire.matrix,
            edges=overlap_edges(study.produced),
            rng=study.context.rng("bootstrap"),
            paired=True,
            name=f"histograms_of_models_{number + 1}",
            title=f"Histograms of the models: {wire.name}",
        )


def _studies(study: CompletedStudy, estimates: StudyErrors) -> None:
    """Learning curves over pulls and labels, active learning, spectra."""
    folder = study.context.folder
    fitted_with_errors = list(zip(study.fitted, estimates.fits, strict=True))
    curve = [pair for pair in fitted_with_errors if pair[0].plan.purpose.endswith(" pulls")]
    if curve:
        pairs = sorted([*curve, fitted_with_errors[0]], key=lambda pair: len(pair[0].plan.split.train))
        fits = [fitted for fitted, _ in pairs]
        tests = {name: [found[name] for _, found in pairs] for name in estimates.own}
        plot_error_against_pulls(
            folder,
            training_pulls=[len(np.unique(study.snapshots.pull[fitted.plan.split.train])) for fitted in fits],
            training_labels=[len(fitted.plan.split.train) for fitted in fits],
            test_sets=tests,
        )
    if study.acquired is not None:
        acquired = study.acquired
        tests_of = {
            test: {way: [found[test] for found in rounds] for way, rounds in estimates.acquired.items()}
            for test in estimates.own
            if all(test in found for rounds in estimates.acquired.values() for found in rounds)
        }
        plot_active_learning(folder, labels=acquired.spent, test_sets=tests_of)
    if study.curve is not None:
        plot_error_against_labels(folder, study.curve)
    if study.spectra:
        cases = {one.name: (one.energy_eV, one.transmission) for one in study.spectra}
        plot_transmission_cases(folder, cases=cases, snapshot=study.spectra[0].structure)
