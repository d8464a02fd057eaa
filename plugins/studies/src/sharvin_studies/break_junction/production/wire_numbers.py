"""Numbers of production wires, predicted or exact: their conductances, peaks, plateaus, and how their histograms compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin_studies.break_junction.production.produced_wires import ProducedWires
from sharvin_studies.break_junction.production.pulled_traces import Trace
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
from sharvin_studies.statistics.resampling import mean_over_traces

Array = NDArray[np.float64]
OVERLAP_BIN_G0 = 0.1


def overlap_edges(produced: ProducedWires) -> NDArray[np.float64]:
    """Bins in G0 in which histograms are compared, float64[n_bins + 1]."""
    return linear_edges(OVERLAP_BIN_G0, produced.options.max_conductance_G0)


def wire_conductances(produced: ProducedWires) -> dict[str, list[NDArray[np.float64]]]:
    """Conductances in G0 of every trace by production wire."""
    return {name: [trace.conductance_G0 for trace in some] for name, some in produced.by_wire().items()}


def overlaps_of_wires(produced: ProducedWires) -> OverlapMatrix | None:
    """None where the study has no two series of production pulls, or no trace."""
    series = wire_conductances(produced)
    if len(produced.pulls.names()) < 2 or not series:
        return None
    return overlap_matrix(series, overlap_edges(produced), produced.context.rng("bootstrap"))


def wires(produced: ProducedWires) -> list[dict[str, Any]]:
    """Every series of production pulls: traces, predictions, the histogram's peak, plateau lengths."""
    found = []
    window = produced.options.plateau_window_G0
    for name, traces in produced.by_wire().items():
        values = np.concatenate([trace.conductance_G0 for trace in traces])
        histogram = conductance_histogram(values, produced.options.bin_width_G0, produced.options.max_conductance_G0)
        lengths = plateaus(traces, window)
        mean = mean_over_traces(lengths, produced.context.rng("bootstrap"))
        found.append(
            {
                "wire": name,
                "pulls": len(traces),
                "labelled" if produced.exact else "predicted": len(values),
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
        **{name: plain(getattr(matrix, name)) for name in names},
    }


def plain(value: Any) -> Any:
    """Lists and numbers that JSON has: null for what is not a finite number."""
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value]
    number = float(value)
    return number if np.isfinite(number) else None


def described_peak(peak: Peak | None, histogram: Histogram) -> dict[str, Any] | None:
    """A peak with its height relative to the highest bin; None if there is none."""
    if peak is None:
        return None
    return {**asdict(peak), "relative_height": peak.height / float(histogram.counts.max())}
