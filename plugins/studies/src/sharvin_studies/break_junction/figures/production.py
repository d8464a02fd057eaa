"""Which figures are drawn of production pulls, predicted or exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.options import Condition, ConditionedOptions, Options

from sharvin_studies.break_junction.configs import PullSeries
from sharvin_studies.break_junction.figures import pulls as figures
from sharvin_studies.break_junction.figures.comparison import plot_histogram_comparison
from sharvin_studies.break_junction.figures.elongation import (
    plot_elongation_histogram,
    plot_log_elongation_histogram,
    plot_traces,
)
from sharvin_studies.break_junction.figures.histograms import (
    plot_histograms_by_condition,
    plot_log_histogram,
    plot_plateau_lengths,
    titled,
)
from sharvin_studies.break_junction.figures.series import plot_series_side_by_side
from sharvin_studies.break_junction.production.produced_wires import ProducedWires
from sharvin_studies.break_junction.production.series_statistics import SeriesStatistics
from sharvin_studies.break_junction.production.wire_numbers import overlap_edges, wire_conductances
from sharvin_studies.statistics.histogram_comparison import OverlapMatrix
from sharvin_studies.statistics.histograms import conductance_histogram, peak_in_window, plateau_lengths, pooled

Array = NDArray[np.float64]


def draw_histograms(produced: ProducedWires, others_G0: Array | None = None, others: str = "", note: str = "") -> None:
    """Histograms, two-dimensional ones, traces and plateau lengths.

    `others_G0` are conductances to be drawn beside the histogram, and `others` says what they are; `note` ends its caption.
    """
    what = produced.conductances
    folder, options, traces = produced.context.folder, produced.options, produced.traces
    elongations, conductances = [t.elongation_A for t in traces], [t.conductance_G0 for t in traces]
    histogram = conductance_histogram(pooled(conductances), options.bin_width_G0, options.max_conductance_G0)
    window = options.plateau_window_G0
    figures.plot_conductance_histogram(
        folder,
        conductances,
        produced.context.rng("bootstrap"),
        others_G0=others_G0,
        others=others,
        bin_width_G0=options.bin_width_G0,
        max_G0=options.max_conductance_G0,
        peak=peak_in_window(histogram, window),
        conductances=what,
        note=note,
    )
    ruptures = [float(x[-1]) for x in elongations]
    upper = options.max_conductance_G0
    plot_elongation_histogram(folder, elongations, conductances, ruptures_A=ruptures, max_G0=upper, conductances=what)
    positive = any((values > 0).any() for values in conductances)
    if positive:
        plot_log_elongation_histogram(folder, elongations, conductances, ruptures_A=ruptures, conductances=what)
    in_full = " All traces: traces.csv in the run folder."
    plot_traces(folder, elongations, conductances, ruptures_A=ruptures, in_full=in_full, conductances=what)
    by_wire = produced.by_wire()
    rng = produced.context.rng("bootstrap")
    if positive:
        series = {name: [t.conductance_G0 for t in some] for name, some in by_wire.items()}
        plot_log_histogram(folder, series=series, rng=rng, conductances=what)
    lengths = {name: ([t.elongation_A for t in some], [t.conductance_G0 for t in some]) for name, some in by_wire.items()}
    if (plateau_lengths(elongations, conductances, window) > 0).any():
        plot_plateau_lengths(folder, series=lengths, rng=produced.context.rng("bootstrap"), window_G0=window, conductances=what)


def draw_neck_widths(produced: ProducedWires) -> None:
    """Conductances by neck width, where this is known."""
    traces = produced.traces
    widths = np.concatenate([trace.neck_width for trace in traces])
    if np.isin(widths, np.arange(1, 13)).any():
        known = np.isfinite(widths)
        conductances = np.concatenate([trace.conductance_G0 for trace in traces])
        figures.plot_neck_widths(produced.context.folder, widths[known], conductances[known], conductances=produced.conductances)


def draw_series(produced: ProducedWires, series: Sequence[SeriesStatistics]) -> None:
    """The series side by side, where there are several."""
    if len(series) > 1:
        window = produced.options.plateau_window_G0
        plot_series_side_by_side(produced.context.folder, series=series, window_G0=window, conductances=produced.conductances)


def draw_compared_wires(produced: ProducedWires, matrix: OverlapMatrix | None) -> None:
    """Histograms of the wires beside each other; `matrix` has their overlaps."""
    wires = wire_conductances(produced)
    if matrix is not None and len(wires) > 1:
        plot_histogram_comparison(
            produced.context.folder,
            series=wires,
            matrix=matrix,
            edges=overlap_edges(produced),
            rng=produced.context.rng("bootstrap"),
            name="histograms_of_wires",
            title=titled("Histograms of the production wires", produced.conductances),
            conductances=produced.conductances,
        )


def draw_conditions(produced: ProducedWires) -> None:
    """Statistics against a condition of the dynamics, where it alone makes the production series differ."""
    variants, traces = produced.context.config.variants["production_pulls"], produced.traces
    first = variants[produced.options.production_pulls[0].name]["dynamics"].options
    for condition in conditions_of(first):
        values = _alone(produced.options.production_pulls, variants, condition.option)
        found = {
            values[name]: (
                [t.elongation_A for t in traces if t.series == name],
                [t.conductance_G0 for t in traces if t.series == name],
            )
            for name in values
            if any(t.series == name for t in traces)
        }
        if len(found) > 1:
            rng = produced.context.rng("bootstrap")
            plot_histograms_by_condition(
                produced.context.folder,
                series=found,
                rng=rng,
                condition=condition.title,
                unit=condition.unit,
                window_G0=produced.options.plateau_window_G0,
                conductances=produced.conductances,
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
        dynamics = variants[one.name]["dynamics"]
        options = dynamics.options.model_dump()
        value = options.pop(option, None)
        others = (variants[one.name]["structure"].identity, variants[one.name]["potential"].identity, dynamics.name, options)
        rest = others if rest is None else rest
        if value is not None and others == rest and value not in found.values():
            found[one.name] = float(value)
    return found
