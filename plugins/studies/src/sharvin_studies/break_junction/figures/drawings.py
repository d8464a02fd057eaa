"""Which figures ``break_junction`` draws of a completed study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.electrodes.broken_wires import unbroken
from sharvin.figures import clear_figures
from sharvin.options import Condition, ConditionedOptions, Options
from sharvin.store import read_observables, read_trajectory

from sharvin_studies.break_junction.completed_study import PARTS, CompletedStudy, Trace
from sharvin_studies.break_junction.configs import PullSeries
from sharvin_studies.break_junction.figures import pulls as figures
from sharvin_studies.break_junction.figures.comparison import plot_histogram_comparison
from sharvin_studies.break_junction.figures.elongation import (
    plot_elongation_histogram,
    plot_log_elongation_histogram,
    plot_traces,
)
from sharvin_studies.break_junction.figures.errors import (
    plot_error_against_pulls,
    plot_learning_curves_of_fits,
    plot_model_errors,
    plot_parity_by_wire,
)
from sharvin_studies.break_junction.figures.histograms import (
    plot_histograms_by_condition,
    plot_log_histogram,
    plot_plateau_lengths,
)
from sharvin_studies.break_junction.figures.profiles import plot_conductance_profile
from sharvin_studies.break_junction.figures.transmission import plot_transmission_cases
from sharvin_studies.break_junction.figures.uncertainty import plot_active_learning, plot_calibration
from sharvin_studies.break_junction.label_curve.figure import plot_error_against_labels
from sharvin_studies.break_junction.numbers import overlap_edges, wire_conductances
from sharvin_studies.break_junction.study_errors import StudyErrors
from sharvin_studies.regression_figures import plot_learning_curves, plot_parity
from sharvin_studies.statistics.histogram_comparison import OverlapMatrix, overlap_matrix
from sharvin_studies.statistics.histograms import conductance_histogram, peak_in_window, plateau_lengths, pooled

Array = NDArray[np.float64]


def draw(study: CompletedStudy, estimates: StudyErrors, matrix: OverlapMatrix | None) -> None:
    """All figures that the study has something for, with their data.

    `estimates` and `matrix` (the overlaps of the production wires) are those of ``results.json``.
    """
    clear_figures(study.context.folder)
    own = study.own
    traces = list(study.traces[own.plan.model.name])
    if traces:
        _histograms(study, traces)
    _errors(study, estimates)
    _one_pull(study)
    _learning_curves(study)
    if traces:
        _neck_widths(study, traces)
        _compared_histograms(study, matrix)
        _conditions(study, traces)
    if estimates.calibrations:
        found, before = estimates.calibrations, estimates.before_recalibration or None
        sets = {name: one for name, one in study.test_sets(own).items() if name in found}
        plot_calibration(study.context.folder, sets=sets, found=found, before=before)
    _studies(study, estimates)


def _histograms(study: CompletedStudy, traces: Sequence[Trace]) -> None:
    folder, options = study.context.folder, study.options
    elongations, conductances = [t.elongation_A for t in traces], [t.conductance_G0 for t in traces]
    histogram = conductance_histogram(pooled(conductances), options.bin_width_G0, options.max_conductance_G0)
    window = options.plateau_window_G0
    figures.plot_conductance_histogram(
        folder,
        conductances,
        study.context.rng("bootstrap"),
        training_G0=study.labels.conductance_G0[study.labels.known],
        bin_width_G0=options.bin_width_G0,
        max_G0=options.max_conductance_G0,
        peak=peak_in_window(histogram, window),
    )
    ruptures = [float(x[-1]) for x in elongations]
    upper = options.max_conductance_G0
    plot_elongation_histogram(folder, elongations, conductances, ruptures_A=ruptures, max_G0=upper)
    positive = any((values > 0).any() for values in conductances)
    if positive:
        plot_log_elongation_histogram(folder, elongations, conductances, ruptures_A=ruptures)
    plot_traces(folder, elongations, conductances, ruptures_A=ruptures, in_full=" All traces: traces.csv in the run folder.")
    by_wire = _by_wire(study, traces)
    rng = study.context.rng("bootstrap")
    if positive:
        plot_log_histogram(folder, series={name: [t.conductance_G0 for t in some] for name, some in by_wire.items()}, rng=rng)
    lengths = {name: ([t.elongation_A for t in some], [t.conductance_G0 for t in some]) for name, some in by_wire.items()}
    if (plateau_lengths(elongations, conductances, window) > 0).any():
        plot_plateau_lengths(folder, series=lengths, rng=study.context.rng("bootstrap"), window_G0=window)


def _by_wire(study: CompletedStudy, traces: Sequence[Trace]) -> dict[str, list[Trace]]:
    found = {study.wire(name): [t for t in traces if t.series == name] for name in study.production.names()}
    return {name: some for name, some in found.items() if some}


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


def _neck_widths(study: CompletedStudy, traces: Sequence[Trace]) -> None:
    widths = np.concatenate([trace.neck_width for trace in traces])
    if np.isin(widths, np.arange(1, 13)).any():
        known = np.isfinite(widths)
        conductances = np.concatenate([trace.conductance_G0 for trace in traces])
        figures.plot_neck_widths(study.context.folder, widths[known], conductances[known])


def _compared_histograms(study: CompletedStudy, matrix: OverlapMatrix | None) -> None:
    """Histograms of the wires by the config's own model, and of the models on each wire."""
    folder, edges = study.context.folder, overlap_edges(study)
    wires = wire_conductances(study)
    if matrix is not None and len(wires) > 1:
        plot_histogram_comparison(
            folder,
            series=wires,
            matrix=matrix,
            edges=edges,
            rng=study.context.rng("bootstrap"),
            name="histograms_of_wires",
            title="Histograms of the production wires",
        )
    for number, wire in enumerate(wires):
        of_models = {
            name: {t.pull: t.conductance_G0 for t in _by_wire(study, traces).get(wire, [])}
            for name, traces in study.traces.items()
        }
        shared = sorted(set.intersection(*(set(pulls) for pulls in of_models.values())))
        if len(of_models) > 1 and shared:
            series = {name: [pulls[pull] for pull in shared] for name, pulls in of_models.items()}
            plot_histogram_comparison(
                folder,
                series=series,
                matrix=overlap_matrix(series, edges, study.context.rng("bootstrap"), paired=True),
                edges=edges,
                rng=study.context.rng("bootstrap"),
                paired=True,
                name=f"histograms_of_models_{number + 1}",
                title=f"Histograms of the models: {wire}",
            )


def _conditions(study: CompletedStudy, traces: Sequence[Trace]) -> None:
    """Statistics against a condition of the dynamics, where it alone makes the production series differ."""
    variants = study.context.config.variants["production_pulls"]
    first = variants[study.options.production_pulls[0].name]["dynamics"].options
    for condition in conditions_of(first):
        values = _alone(study.options.production_pulls, variants, condition.option)
        found = {
            values[name]: (
                [t.elongation_A for t in traces if t.series == name],
                [t.conductance_G0 for t in traces if t.series == name],
            )
            for name in values
            if any(t.series == name for t in traces)
        }
        if len(found) > 1:
            rng = study.context.rng("bootstrap")
            plot_histograms_by_condition(
                study.context.folder,
                series=found,
                rng=rng,
                condition=condition.title,
                unit=condition.unit,
                window_G0=study.options.plateau_window_G0,
                name=f"histograms_by_{condition.name}",
            )


def conditions_of(options: Options) -> Sequence[Condition]:
    """Conditions of an experiment that a dynamics' options declare; every number among them, if they declare none."""
    if isinstance(options, ConditionedOptions):
        return options.conditions()
    numbers = [name for name, value in options if isinstance(value, int | float) and not isinstance(value, bool)]
    return [Condition(name, name, name.replace("_", " "), "") for name in numbers]


def _alone(series: Sequence[PullSeries], variants: Mapping[str, Mapping[str, Selection]], option: str) -> dict[str, float]:
    """Values of an option of the dynamics by series, of those that differ from the first in nothing else; none if equal."""
    found: dict[str, float] = {}
    rest = None
    for one in series:
        structure, dynamics = variants[one.name]["structure"], variants[one.name]["dynamics"]
        options = dynamics.options.model_dump()
        value = options.pop(option, None)
        others = (structure.identity, dynamics.name, options)
        rest = others if rest is None else rest
        if value is not None and others == rest and value not in found.values():
            found[one.name] = float(value)
    return found


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
            test: {way: [found[test] for found in rounds] for way, rounds in estimates.acquired.items()} for test in estimates.own
        }
        plot_active_learning(folder, labels=acquired.spent, test_sets=tests_of)
    if study.curve is not None:
        plot_error_against_labels(folder, study.curve)
    if study.spectra:
        first = study.spectra[0]
        cases = {one.name: (one.energy_eV, one.transmission) for one in study.spectra}
        plot_transmission_cases(folder, cases=cases, snapshot=f"snapshot {first.snapshot} of training pull {first.pull}")
