"""Series of production pulls side by side: what distinguishes wires that were pulled otherwise, by another potential, say.

Medians, quartiles and minima are over snapshots; means have 95 % bootstrap intervals over whole pulls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sharvin_studies.break_junction.production.produced_wires import ProducedWires
from sharvin_studies.break_junction.production.pulled_traces import Trace
from sharvin_studies.break_junction.production.wire_numbers import plateaus
from sharvin_studies.statistics.conductance_ranges import RANGES, in_range
from sharvin_studies.statistics.histograms import pooled
from sharvin_studies.statistics.peak_positions import PeakPosition, peak_position
from sharvin_studies.statistics.resampling import MeanEstimate, mean_over_traces

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Quartiles:
    """Lower quartile, median and upper quartile, and the least value, of `count` values; nan where there is none."""

    count: int
    lower: float
    median: float
    upper: float
    least: float

    @classmethod
    def of(cls, values: ArrayLike) -> Quartiles:
        """Of the values that are finite."""
        known = np.asarray(values, dtype=np.float64)
        known = known[np.isfinite(known)]
        if not known.size:
            return cls(0, *[math.nan] * 4)
        lower, median, upper = np.quantile(known, (0.25, 0.5, 0.75))
        return cls(known.size, float(lower), float(median), float(upper), float(known.min()))


@dataclass(frozen=True)
class SeriesStatistics:
    """One series of production pulls.

    Parameters
    ----------
    name : str
    pulls, snapshots : int
        Pulls with a trace, and their conductances.
    one_atom_share : MeanEstimate or None
        Share of the unbroken snapshots whose neck is one atom wide; None where the dynamics measures no neck.
    plateau_A : MeanEstimate
        Elongation that a pull spends within the plateau window.
    shortest_bond_A : Quartiles
        Of the necks one atom wide.
    one_atom_G0 : Quartiles
        Conductances of these snapshots.
    peak : PeakPosition or None
        Of the conductances within the plateau window.
    scatter_G0 : mapping of str to (float, int)
        Mean of :func:`second_differences` by range of conductance, and how many there are.
    """

    name: str
    pulls: int
    snapshots: int
    one_atom_share: MeanEstimate | None
    plateau_A: MeanEstimate
    shortest_bond_A: Quartiles
    one_atom_G0: Quartiles
    peak: PeakPosition | None
    scatter_G0: dict[str, tuple[float, int]]

    def plain(self) -> dict[str, Any]:
        """For ``results.json``: null where there is no number."""
        found: dict[str, Any] = _without_nan(asdict(self))
        found["scatter_G0"] = {
            name: {"mean": _without_nan(mean), "triples": count} for name, (mean, count) in self.scatter_G0.items()
        }
        return found


def series_statistics(produced: ProducedWires) -> list[SeriesStatistics]:
    """Statistics of every series that has a trace."""
    return [_statistics(name, traces, produced) for name, traces in produced.by_wire().items()]


def _statistics(name: str, traces: Sequence[Trace], produced: ProducedWires) -> SeriesStatistics:
    window, rng = produced.options.plateau_window_G0, produced.context.rng("bootstrap")
    widths, conductances = [trace.neck_width for trace in traces], [trace.conductance_G0 for trace in traces]
    one_atom = pooled(widths) == 1.0
    share = None
    if np.isfinite(pooled(widths)).all():
        weights = np.array([len(width) for width in widths], dtype=np.float64)
        share = mean_over_traces([float(np.mean(width == 1.0)) for width in widths], rng, weights=weights)
    return SeriesStatistics(
        name=name,
        pulls=len(traces),
        snapshots=len(one_atom),
        one_atom_share=share,
        plateau_A=mean_over_traces(plateaus(traces, window), rng),
        shortest_bond_A=Quartiles.of(pooled(trace.shortest_bond_A for trace in traces)),
        one_atom_G0=Quartiles.of(pooled(conductances)[one_atom]),
        peak=peak_position(conductances, rng, window),
        scatter_G0=_scatter(traces),
    )


def second_differences(snapshot: NDArray[np.int64], conductance_G0: Array) -> tuple[Array, Array]:
    """Mean conductance and abs(G[i−1] − 2 G[i] + G[i+1]) / √6 of each three neighbouring snapshots, both float64[n].

    A straight trace has zero. Independent errors of standard deviation s about it give 0.80 s on average, √(2/π) s.

    Parameters
    ----------
    snapshot : int64[m]
        Numbers of the snapshots, ascending; three count where none between them is missing.
    conductance_G0 : float64[m]
    """
    if len(snapshot) < 3:
        return np.empty(0), np.empty(0)
    whole = snapshot[2:] - snapshot[:-2] == 2
    before, at, after = conductance_G0[:-2][whole], conductance_G0[1:-1][whole], conductance_G0[2:][whole]
    return (before + at + after) / 3.0, np.abs(before - 2.0 * at + after) / math.sqrt(6.0)


def _scatter(traces: Sequence[Trace]) -> dict[str, tuple[float, int]]:
    found = [second_differences(trace.snapshot, trace.conductance_G0) for trace in traces]
    mean, difference = (pooled(part) for part in zip(*found, strict=True))
    by_range = {name: difference[in_range(mean, name)] for name in RANGES}
    return {name: (float(values.mean()) if values.size else math.nan, values.size) for name, values in by_range.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
