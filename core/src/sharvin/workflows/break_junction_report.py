"""What ``break_junction`` tells its reader: traces, sentences, tables and figures, made from what the steps stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin.context import Context, StepResult
from sharvin.figures import plot_learning_curves, plot_parity
from sharvin.histograms import Histogram, conductance_histogram, find_peak, plateau_lengths, pooled
from sharvin.store import read_observables, read_table, read_trajectory
from sharvin.workflows import break_junction_figures as figures
from sharvin.workflows.break_junction_configs import BreakJunctionOptions

PARTS = ("train", "validation", "test")
PLATEAU_G0 = (0.5, 1.5)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """Predicted conductances of one production pull while the wire is whole."""

    pull: int
    elongation_A: Array
    conductance_G0: Array
    neck_width: Array


def unbroken(observables: Mapping[str, Array]) -> NDArray[np.bool_]:
    """Which snapshots connect the electrodes; all, where the dynamics states no neck width."""
    if "neck_width" in observables:
        return np.asarray(observables["neck_width"] > 0)
    return np.ones(len(next(iter(observables.values()))), dtype=bool)


def traces_of(production: StepResult, predicted: StepResult) -> list[Trace]:
    """Traces of all production pulls that were predicted."""
    pulls = production.finished
    traces = []
    for item, path in predicted.finished:
        pull, trajectory = pulls[item]
        observables = read_observables(trajectory)
        table, _ = read_table(path)
        snapshots = table["snapshot"]
        elongation = observables.get("elongation_A", np.arange(len(unbroken(observables)), dtype=float))
        width = observables.get("neck_width", np.full(len(elongation), np.nan))
        if len(snapshots):
            traces.append(Trace(pull, elongation[snapshots], table["conductance_G0"], width[snapshots]))
    return traces


def peak_near_1G0(histogram: Histogram) -> dict[str, Any] | None:
    """The peak near 1 G0 with its height relative to the highest bin; None if the histogram has none."""
    peak = find_peak(histogram)
    if peak is None:
        return None
    return {**asdict(peak), "relative_height": peak.height / float(histogram.counts.max())}


def summary(
    context: Context,
    options: BreakJunctionOptions,
    labels: Array,
    errors: Sequence[Mapping[str, Any]],
    traces: Sequence[Trace],
    peak: Mapping[str, Any] | None,
) -> str:
    """The study in a few sentences."""
    chosen = context.config.selections
    test = next(row for row in errors if row["part"] == "test")
    held_out = "pulls" if options.split_by == "group" else "snapshots"
    sentences = [
        f"{options.training_pulls} training pulls ({chosen['structure'].name}, {chosen['potential'].name}, "
        f"{chosen['dynamics'].name}) gave {len(labels)} snapshots, labelled with the zero-bias transmission at the Fermi energy "
        f"({chosen['hamiltonian'].name}, {chosen['transport'].name}).",
        f"The regressor {chosen['regressor'].name} predicts the conductance of held-out {held_out} with a mean absolute "
        f"error of {test['mae_G0']:.2f} G0.",
    ]
    if traces:
        points = sum(len(trace.conductance_G0) for trace in traces)
        sentences.append(f"{len(traces)} production pulls gave {points} predicted conductances.")
        if peak is None:
            sentences.append("Their histogram has no significant peak near 1 G0.")
        else:
            sentences.append(f"Their histogram has a peak at {peak['position_G0']:.2f} G0.")
    return " ".join(sentences)


def tables(context: Context, errors: Sequence[Mapping[str, Any]], traces: Sequence[Trace]) -> list[dict[str, Any]]:
    """Components, errors by part of the split, and the production pulls."""
    stages = [(key, chosen) for key, chosen in context.config.selections.items() if key != "executor"]
    parts = [[key, chosen.name, chosen.identity["component"].split(":")[0]] for key, chosen in stages]
    found = [
        {"title": "Components", "columns": ["stage", "component", "from"], "rows": parts, "caption": "Chosen in the config."},
        {
            "title": "Errors of the regressor",
            "columns": ["part", "pulls", "snapshots", "MAE (G0)", "RMSE (G0)", "R²"],
            "rows": [
                [row["part"], row["pulls"], row["snapshots"], *(_rounded(row[name]) for name in ("mae_G0", "rmse_G0", "r2"))]
                for row in errors
            ],
            "caption": "Against the exact labels; the test part was neither learnt from nor used to stop the training.",
        },
    ]
    if traces:
        lengths = plateau_lengths([t.elongation_A for t in traces], [t.conductance_G0 for t in traces], PLATEAU_G0)
        rows = [
            [
                t.pull,
                len(t.conductance_G0),
                _rounded(t.elongation_A[-1], 1),
                _rounded(length, 1),
                _rounded(t.conductance_G0[-1], 2),
            ]
            for t, length in zip(traces, lengths, strict=True)
        ]
        found.append(
            {
                "title": "Production pulls",
                "columns": ["pull", "snapshots", "rupture at (Å)", "length at 0.5–1.5 G0 (Å)", "last conductance (G0)"],
                "rows": rows,
                "caption": "Predicted conductances while the wire is whole; elongation since the start of the pull.",
            }
        )
    return found


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(float(value), digits)


def draw(
    context: Context,
    options: BreakJunctionOptions,
    training: StepResult,
    evaluation: Mapping[str, Array],
    curves: Mapping[str, Sequence[float]],
    traces: Sequence[Trace],
) -> None:
    """All figures, with their data."""
    folder = context.folder
    exact, predicted, part = evaluation["exact_G0"], evaluation["predicted_G0"], evaluation["part"]
    elongations, conductances = [t.elongation_A for t in traces], [t.conductance_G0 for t in traces]
    if traces:
        histogram = conductance_histogram(pooled(conductances), options.bin_width_G0, options.max_conductance_G0)
        figures.plot_conductance_histogram(
            folder,
            conductances,
            context.rng("bootstrap"),
            training_G0=exact,
            bin_width_G0=options.bin_width_G0,
            max_G0=options.max_conductance_G0,
            peak=find_peak(histogram),
        )
        ruptures = [float(x[-1]) for x in elongations]
        upper = options.max_conductance_G0
        figures.plot_elongation_histogram(folder, elongations, conductances, ruptures_A=ruptures, max_G0=upper)
        figures.plot_traces(folder, elongations, conductances, ruptures_A=ruptures)
    sets = {name: (exact[part == number], predicted[part == number]) for number, name in enumerate(PARTS)}
    plot_parity(folder, sets)
    _draw_one_pull(context, training, evaluation)
    if any(len(curve) > 1 for curve in curves.values()):
        plot_learning_curves(folder, curves)
    widths = np.concatenate([t.neck_width for t in traces]) if traces else np.empty(0)
    if np.isin(widths, np.arange(1, 13)).any():
        known = np.isfinite(widths)
        figures.plot_neck_widths(folder, widths[known], np.concatenate(conductances)[known])


def _draw_one_pull(context: Context, training: StepResult, evaluation: Mapping[str, Array]) -> None:
    """A labelled pull that the model has not learnt from: exact and predicted, and pictures of the wire."""
    test = PARTS.index("test")
    shown = int(evaluation["pull"][evaluation["part"] == test][0])
    rows = evaluation["pull"] == shown
    trajectory = dict(training.finished)[shown]
    observables = read_observables(trajectory)
    snapshots = evaluation["snapshot"][rows].astype(int)
    elongation = observables.get("elongation_A", np.arange(len(unbroken(observables)), dtype=float))[snapshots]
    if "neck_width" in observables:
        figures.plot_training_pull(
            context.folder,
            elongation,
            evaluation["exact_G0"][rows],
            evaluation["predicted_G0"][rows],
            observables["neck_width"][snapshots],
            held_out=bool((evaluation["part"][rows] == test).all()),
        )
    places = np.unique(np.linspace(0, len(snapshots) - 1, min(6, len(snapshots))).round().astype(int))
    frames = read_trajectory(trajectory)
    pictures = [frames[int(number)].to_atoms() for number in snapshots[places]]
    figures.plot_wire(context.folder, pictures, elongation[places], evaluation["exact_G0"][rows][places])
