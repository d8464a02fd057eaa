"""What is told of production pulls, predicted or exact: numbers for ``results.json``, sentences, tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sharvin.context import Context

from sharvin_studies.break_junction.configs import OWN
from sharvin_studies.break_junction.production.produced_wires import ProducedWires
from sharvin_studies.break_junction.production.series_statistics import SeriesStatistics
from sharvin_studies.break_junction.production.wire_numbers import described_peak, plateaus, wires
from sharvin_studies.statistics.conductance_ranges import RANGES
from sharvin_studies.statistics.histograms import Histogram, conductance_histogram, find_peak, peak_in_window, pooled
from sharvin_studies.statistics.peak_positions import BANDWIDTH_G0, PeakPosition

Table = dict[str, Any]


def results(produced: ProducedWires) -> dict[str, Any]:
    """The histogram of all traces and its peaks."""
    histogram, window = histogram_of(produced), produced.options.plateau_window_G0
    return {
        "histogram": {
            "edges_G0": histogram.edges.tolist(),
            "counts": histogram.counts.tolist(),
            "outside": histogram.outside,
        },
        "plateau_window_G0": list(window),
        "peak_in_window": described_peak(peak_in_window(histogram, window), histogram),
        "peak_near_1G0": described_peak(find_peak(histogram), histogram),
    }


def histogram_of(produced: ProducedWires) -> Histogram:
    """Of the conductances of all traces."""
    values = pooled(trace.conductance_G0 for trace in produced.traces)
    return conductance_histogram(values, produced.options.bin_width_G0, produced.options.max_conductance_G0)


def sentences(produced: ProducedWires) -> list[str]:
    """How many conductances the pulls gave, and the peak of their histogram; none where there is no trace."""
    if not produced.traces:
        return []
    pulls = of_asked(len(produced.traces), produced.pulls.asked)
    found = [f"{pulls} production pulls gave {produced.count} {produced.conductances}."]
    peak = peak_in_window(histogram_of(produced), produced.options.plateau_window_G0)
    if peak is None:
        lower, upper = produced.options.plateau_window_G0
        found.append(f"Their histogram has no significant peak between {lower:g} and {upper:g} G0.")
    else:
        found.append(f"Their histogram has a peak at {peak.position_G0:.2f} G0.")
    if not produced.states_elongation:
        found.append("The dynamics states no elongation, so every elongation here is the number of the snapshot, in no unit.")
    return found


def series_table(series: Sequence[SeriesStatistics], produced: ProducedWires) -> Table:
    """The series side by side."""
    return {
        "title": "Series side by side",
        "columns": [
            "series",
            "pulls",
            "snapshots",
            "share of one-atom necks",
            f"length at {_window(produced)} (Å)",
            "shortest bond: median (least) (Å)",
            "one-atom conductance: median (quartiles) (G0)",
            f"peak at {_window(produced)} (G0)",
            *(f"scatter {name} (G0)" for name in RANGES),
        ],
        "rows": [_series_row(one) for one in series],
        "caption": f"From {produced.conductances} of unbroken snapshots. In brackets 95 % bootstrap intervals over whole pulls, "
        "where nothing else is said. One-atom necks: the fewest atoms whose removal cuts the wire are one; shortest bond: of the "
        "atoms that alone hold the wire together. Peak: highest maximum of the density (Gaussian kernel of "
        f"{BANDWIDTH_G0:g} G0). "
        "Scatter: mean of |G(i−1) − 2 G(i) + G(i+1)| / √6 over neighbouring snapshots, by their mean conductance.",
    }


def _series_row(one: SeriesStatistics) -> list[Any]:
    share, bond, conductance, peak = one.one_atom_share, one.shortest_bond_A, one.one_atom_G0, one.peak
    return [
        one.name,
        one.pulls,
        one.snapshots,
        None if share is None else _with_interval(share.mean, share.lower, share.upper, 3),
        _with_interval(one.plateau_A.mean, one.plateau_A.lower, one.plateau_A.upper, 2),
        f"{bond.median:.2f} ({bond.least:.2f})" if bond.count else None,
        _with_interval(conductance.median, conductance.lower, conductance.upper, 2) if conductance.count else None,
        None if peak is None else _peak(peak),
        *(rounded(mean) if count else None for mean, count in one.scatter_G0.values()),
    ]


def _peak(peak: PeakPosition) -> str:
    """With its interval, and the share of resamples that have a peak where some have none."""
    found = _with_interval(peak.position_G0, peak.lower_G0, peak.upper_G0, 3)
    return found if peak.share == 1.0 else f"{found}, in {peak.share:.0%} of resamples"


def _with_interval(value: float, lower: float, upper: float, digits: int) -> str:
    interval = f" ({lower:.{digits}f}–{upper:.{digits}f})" if np.isfinite(lower) else ""
    return f"{value:.{digits}f}{interval}"


def of_asked(number: int, asked: int) -> str:
    """A number, and of how many where some failed."""
    return f"{number}" if number == asked else f"{number} of {asked}"


def tables(produced: ProducedWires) -> list[Table]:
    """The wires, where there are several, and the pulls; none where there is no trace."""
    if not produced.traces:
        return []
    several = [_wires_table(produced)] if len(produced.pulls.names()) > 1 else []
    return [*several, _pulls_table(produced)]


def components(context: Context) -> Table:
    """The parts that the config chose."""
    stages = [(key, chosen) for key, chosen in context.config.selections.items() if key != "executor"]
    return {
        "title": "Components",
        "columns": ["stage", "component", "from"],
        "rows": [[key, chosen.name, chosen.identity["component"].split(":")[0]] for key, chosen in stages],
        "caption": "Chosen in the config.",
    }


def _wires_table(produced: ProducedWires) -> Table:
    return {
        "title": "Production wires",
        "columns": [
            "wire",
            "pulls",
            "conductances",
            f"peak at {_window(produced)} (G0)",
            f"mean length at {_window(produced)} (Å)",
            "mean elongation at rupture (Å)",
        ],
        "rows": [
            [
                one["wire"],
                one["pulls"],
                one["labelled" if produced.exact else "predicted"],
                rounded(one["peak_in_window"]["position_G0"], 2) if one["peak_in_window"] else None,
                rounded(one["plateau_A"]["mean"], 1),
                rounded(one["rupture_A"], 1),
            ]
            for one in wires(produced)
        ],
        "caption": f"{_capital(produced.conductances)} while the wires are whole.",
    }


def _pulls_table(produced: ProducedWires) -> Table:
    traces = produced.traces
    lengths = plateaus(traces, produced.options.plateau_window_G0)
    several = len(produced.pulls.names()) > 1 or traces[0].series != OWN
    rows = [
        [
            *([trace.series] if several else []),
            trace.pull,
            len(trace.conductance_G0),
            rounded(trace.elongation_A[-1], 1),
            rounded(length, 1),
            rounded(trace.conductance_G0[-1], 2),
        ]
        for trace, length in zip(traces, lengths, strict=True)
    ]
    columns = ["pull", "snapshots", "rupture at (Å)", f"length at {_window(produced)} (Å)", "last conductance (G0)"]
    return {
        "title": "Production pulls",
        "columns": ["wire", *columns] if several else columns,
        "rows": rows,
        "caption": f"{_capital(produced.conductances)} while the wire is whole; elongation since the start of the pull. Every "
        "point of every trace is in traces.csv of the run folder.",
    }


def _window(produced: ProducedWires) -> str:
    lower, upper = produced.options.plateau_window_G0
    return f"{lower:g}–{upper:g} G0"


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def rounded(value: float | None, digits: int = 3) -> float | None:
    """A number for a table."""
    return None if value is None else round(float(value), digits)
