"""Histograms of several series of pulls: of plateau lengths, logarithmic, against a condition.

Every function takes plain arrays by name and the run folder, draws one figure, saves it with its data by
:func:`sharvin.figures.save_figure`, and returns the path of the PNG. Bands and intervals are 95 % bootstrap intervals over whole
traces; a series of one trace has none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError
from sharvin.figures import BLUE, CYCLE, INK, VERMILLION, new_figure, save_figure, series_style, style
from sharvin.figures.axes import from_zero, plain_log_ticks

from sharvin_studies.statistics import histograms
from sharvin_studies.statistics.histogram_comparison import plateau_histogram
from sharvin_studies.statistics.histograms import PLATEAU_G0, Histogram, peak_in_window, plateau_lengths, pooled
from sharvin_studies.statistics.resampling import mean_over_traces

CONDUCTANCE = r"conductance $G$ ($G_0$)"
DENSITY = r"probability density ($1/G_0$)"
GUIDE: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": (0, (4, 3)), "zorder": 0}

PREDICTED = "predicted conductances"
"""What conductances are unless a caption says otherwise."""

Array = NDArray[np.float64]
Traces = Sequence[ArrayLike]


def plot_plateau_lengths(
    folder: Path,
    *,
    series: Mapping[str, tuple[Traces, Traces]],
    rng: np.random.Generator,
    window_G0: tuple[float, float] = PLATEAU_G0,
    bin_width_A: float = 0.5,
    conductances: str = PREDICTED,
    resamples: int = 1000,
    name: str = "plateau_lengths",
) -> Path:
    """Histograms of the lengths of the plateaus within a conductance window, one panel per series of pulls.

    Parameters
    ----------
    folder : Path
    series : mapping of str to (elongations_A, conductances_G0)
        One array per trace in both.
    rng : numpy.random.Generator
        For the bootstrap.
    window_G0 : (float, float)
        As of :func:`sharvin_studies.statistics.histograms.plateau_lengths`.
    conductances : str
        What they are, for title and caption, here and in the other figures.

    Raises
    ------
    InputError
        If no trace has a conductance in the window.
    """
    refuse_empty("a histogram of plateau lengths", {label: g for label, (_, g) in series.items()})
    lengths = {label: plateau_lengths(x, g, window_G0) for label, (x, g) in series.items()}
    present = [label for label, values in lengths.items() if np.any(values > 0)]
    if not present:
        raise InputError(f"no trace has a conductance between {window_G0[0]:g} and {window_G0[1]:g} G0, so there is no plateau.")
    edges = histograms.linear_edges(bin_width_A, max(float(values.max()) for values in lengths.values()) + bin_width_A)
    data: dict[str, ArrayLike] = {"bin_lower_A": edges[:-1], "bin_upper_A": edges[1:]}
    with style():
        figure = new_figure(6.4, 0.8 + 1.7 * max(len(present), 2))
        places = figure.subplots(len(present), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for order, (axes, label) in enumerate(zip(places, present, strict=True)):
            values = lengths[label]
            shown = plateau_histogram(values, bin_width_A, edges[-1])
            each = [[value] if value > 0 else [] for value in values]
            data |= draw_histogram(axes, label, each, shown, rng, resamples, order, filled=True, unit="A")
            axes.set_title(f"{label}: {counted(len(values))}, {_mean_with_interval(values, rng, resamples)}", loc="left")
        places[-1].set(xlabel="length of the plateau (Å)", xlim=(0, edges[-1]))
        places[0].set_ylim(bottom=0)
        figure.supylabel("probability density (1/Å)", fontsize=11.5)
    data |= {f"{label} length_A": values for label, values in lengths.items()}
    without = [f"{label}: {np.count_nonzero(values == 0):,} of {len(values):,}" for label, values in lengths.items()]
    caption = (
        f"Elongation that each trace of {conductances} spends between {window_G0[0]:g} and {window_G0[1]:g} G0, in bins of "
        f"{bin_width_A:g} Å, "
        "normalised to unit area over the traces that have such a plateau; the mean above each panel is over all traces. Traces "
        f"without it: {', '.join(without)}. Shaded: 95 % bootstrap interval from {resamples:,} resamples of whole traces, as in "
        "brackets."
    )
    return save_figure(folder, name, figure, data, titled("Plateau lengths", conductances), caption)


def plot_log_histogram(
    folder: Path,
    *,
    series: Mapping[str, Traces],
    rng: np.random.Generator,
    bins_per_decade: int = 20,
    min_G0: float | None = None,
    max_G0: float | None = None,
    conductances: str = PREDICTED,
    resamples: int = 1000,
    name: str = "log_histogram",
) -> Path:
    """Conductance histograms with bins equal in log10 G, overlaid.

    Parameters
    ----------
    folder : Path
    series : mapping of str to sequence of float64[n_points]
        Conductances in G0, one array per trace.
    rng : numpy.random.Generator
        For the bootstrap.
    min_G0, max_G0 : float, optional
        Default: :func:`sharvin_studies.statistics.histograms.decades_of` all conductances.
    """
    refuse_empty("a logarithmic histogram", series)
    least, most = histograms.decades_of(pooled(pooled(traces) for traces in series.values()))
    low, high = least if min_G0 is None else min_G0, most if max_G0 is None else max_G0
    data: dict[str, ArrayLike] = {}
    outside = []
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        for order, (label, traces) in enumerate(series.items()):
            shown = histograms.log_conductance_histogram(pooled(traces), bins_per_decade, low, high)
            outside.append(f"{label}: {shown.outside:,} of {shown.outside + shown.total:,}")
            decades = Histogram(np.log10(shown.edges), shown.counts, shown.outside)
            data |= {"bin_lower_G0": shown.edges[:-1], "bin_upper_G0": shown.edges[1:]}
            logs = [np.log10(g[g > 0]) for g in (np.asarray(trace, dtype=float) for trace in traces)]
            data |= draw_histogram(axes, label, logs, decades, rng, resamples, order, unit="decade", edges=shown.edges)
        axes.axvline(1.0, **GUIDE)
        axes.set(xscale="log", xlim=(low, high), xlabel=CONDUCTANCE, ylabel="probability density (1/decade)")
        plain_log_ticks(axes.xaxis)
        axes.set_ylim(bottom=0)
        figure.legend(loc="outside upper center", ncols=min(len(series), 4))
    caption = (
        f"Histograms of {conductances} with {bins_per_decade} bins a decade, each curve normalised to unit area. Dashed: 1 G0. "
        f"{band_sentence(resamples)} Outside the range shown: {', '.join(outside)}."
    )
    return save_figure(folder, name, figure, data, titled("Logarithmic conductance histogram", conductances), caption)


def plot_histograms_by_condition(
    folder: Path,
    *,
    series: Mapping[float, tuple[Traces, Traces]],
    rng: np.random.Generator,
    condition: str = "pulling speed",
    unit: str = "m/s",
    window_G0: tuple[float, float] = PLATEAU_G0,
    bin_width_G0: float = 0.1,
    max_G0: float | None = None,
    conductances: str = PREDICTED,
    resamples: int = 1000,
    name: str = "histograms_by_condition",
) -> Path:
    """Conductance statistics against a condition of the pulls, such as their speed.

    Left one histogram per value; right the share of conductances in the window and the mean length of its plateau.

    Parameters
    ----------
    folder : Path
    series : mapping of float to (elongations_A, conductances_G0)
        Keys are the values of the condition; one array per trace in both.
    rng : numpy.random.Generator
        For the bootstrap.
    condition, unit : str
        What varies; its unit may be empty.
    window_G0 : (float, float)
        Of plateau and share.
    """
    refuse_empty("a figure of histograms by condition", {key: g for key, (_, g) in series.items()})
    keys = sorted(series)
    top = whole_above(g for _, g in series.values()) if max_G0 is None else max_G0
    edges = histograms.linear_edges(bin_width_G0, top)
    data: dict[str, ArrayLike] = {"bin_lower_G0": edges[:-1], "bin_upper_G0": edges[1:]}
    with style():
        figure = new_figure(9.6, max(4.8, 0.9 + 1.35 * len(keys)))
        left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.35, 1))[0]
        places = left.subplots(len(keys), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for order, (axes, key) in enumerate(zip(places, keys, strict=True)):
            traces, label = series[key][1], f"{key:g} {unit}".rstrip()
            shown = histograms.count(pooled(traces), edges)
            data |= draw_histogram(axes, label, traces, shown, rng, resamples, order, filled=True)
            axes.axvline(1.0, **GUIDE)
            peak = peak_in_window(shown, window_G0)
            found = rf"peak at {peak.position_G0:.2f} $G_0$" if peak else rf"no peak at {window_G0[0]:g}–{window_G0[1]:g} $G_0$"
            axes.set_title(f"{label}: {counted(len(traces))}, {found}", loc="left", fontsize=10)
        places[-1].set(xlabel=CONDUCTANCE, xlim=(0, edges[-1]))
        places[0].set_ylim(bottom=0)
        left.supylabel(DENSITY, fontsize=11.5)
        named = f"{condition} ({unit})" if unit else condition
        data |= _draw_against_condition(right, series, keys, named, window_G0, rng, resamples)
    caption = (
        f"Left: histogram of {conductances} for each {condition}, in bins of {bin_width_G0:g} G0, normalised to unit area; "
        "dashed: 1 "
        f"G0. {band_sentence(resamples)} Right: share of the conductances between {window_G0[0]:g} and {window_G0[1]:g} G0, and "
        "mean elongation that a trace spends there; bars: 95 % bootstrap intervals over traces."
    )
    return save_figure(folder, name, figure, data, titled(f"Histograms against {condition}", conductances), caption)


def draw_histogram(
    axes: Axes,
    label: str,
    traces: Traces,
    shown: Histogram,
    rng: np.random.Generator,
    resamples: int,
    order: int,
    *,
    filled: bool = False,
    unit: str = "G0",
    edges: Array | None = None,
) -> dict[str, ArrayLike]:
    """Steps with their band; `edges` are those drawn, where they are not those counted in."""
    look = series_style(order) if not filled else {"color": CYCLE[order % len(CYCLE)]}
    at = shown.edges if edges is None else edges
    axes.stairs(shown.density, at, linewidth=1.4, label=label, zorder=3 + order, **look)
    data: dict[str, ArrayLike] = {f"{label} counts": shown.counts, f"{label} density_per_{unit}": shown.density}
    if len(traces) > 1:
        counts = histograms.bootstrap(traces, shown.edges, rng, resamples)
        totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        lower, upper = histograms.band(counts / (totals * shown.widths))
        axes.stairs(upper, at, baseline=lower, fill=True, color=look["color"], alpha=0.22, linewidth=0, zorder=2)
        data |= {f"{label} band_lower_per_{unit}": lower, f"{label} band_upper_per_{unit}": upper}
    return data


def _draw_against_condition(
    figure: Figure,
    series: Mapping[float, tuple[Traces, Traces]],
    keys: Sequence[float],
    label: str,
    window_G0: tuple[float, float],
    rng: np.random.Generator,
    resamples: int,
) -> dict[str, ArrayLike]:
    upper, lower = figure.subplots(2, 1, sharex=True)
    data: dict[str, ArrayLike] = {"condition": np.array(keys)}
    quantities = ("share_in_window", "plateau_length_A")
    for axes, quantity, colour in zip((upper, lower), quantities, (BLUE, VERMILLION), strict=True):
        rows = []
        for key in keys:
            x, g = series[key]
            if quantity == "share_in_window":
                inside = np.array([np.mean((np.asarray(t) >= window_G0[0]) & (np.asarray(t) < window_G0[1])) for t in g])
                weight = np.array([np.size(t) for t in g], dtype=float)
            else:
                inside, weight = plateau_lengths(x, g, window_G0), np.ones(len(g))
            found = mean_over_traces(inside, rng, weights=weight, resamples=resamples)
            rows.append((found.mean, found.lower, found.upper))
        mean, low, high = np.array(rows).T
        bars = np.nan_to_num(np.array([mean - low, high - mean]))
        axes.errorbar(keys, mean, bars, fmt="o-", color=colour, capsize=3, markersize=5)
        from_zero(axes, float(np.nanmax([mean, high])))
        data |= {quantity: mean, f"{quantity}_lower": low, f"{quantity}_upper": high}
    upper.set_ylabel(f"share at {window_G0[0]:g}–{window_G0[1]:g} $G_0$")
    lower.set(ylabel="plateau length (Å)", xlabel=label)
    if len(keys) > 1 and min(keys) > 0 and max(keys) / min(keys) >= 10:
        lower.set_xscale("log")
        lower.set_xticks(keys, [f"{key:g}" for key in keys])
        lower.minorticks_off()
    return data


def _mean_with_interval(values: Array, rng: np.random.Generator, resamples: int) -> str:
    found = mean_over_traces(values, rng, resamples=resamples)
    return f"mean {found.mean:.1f} Å" + (f" ({found.lower:.1f}–{found.upper:.1f} Å)" if np.isfinite(found.lower) else "")


def titled(title: str, conductances: str) -> str:
    """A title that says what the conductances are where they are not predictions."""
    return title if conductances == PREDICTED else f"{title} ({conductances})"


def counted(traces: int) -> str:
    """Number of traces in words of a caption."""
    return f"{traces:,} trace" + ("" if traces == 1 else "s")


def band_sentence(resamples: int) -> str:
    """What a caption says of the shaded bands."""
    return f"Shaded: 95 % bootstrap interval from {resamples:,} resamples of whole traces."


def whole_above(series: Iterable[Traces]) -> float:
    """Next whole G0 above every conductance, at least 2; raises :class:`InputError` if one is not a finite number."""
    highest = float(np.max(pooled(pooled(traces) for traces in series), initial=2.0))
    if not math.isfinite(highest):
        raise InputError("some conductances of the traces are not finite numbers; leave failed frames out.")
    return float(math.ceil(highest))


def refuse_empty(what: str, traces: Mapping[str, Traces] | Mapping[float, Traces]) -> None:
    """Raise :class:`InputError` if there is no series, or one without a trace."""
    if not traces:
        raise InputError(f"{what} needs at least one series of traces.")
    for label, members in traces.items():
        if not len(members):
            raise InputError(f"{what}: series {label!r} holds no trace; leave it out.")
