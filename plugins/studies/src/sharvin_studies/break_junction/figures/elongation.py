"""Figures of conductance against elongation: two-dimensional histograms, linear and logarithmic, and single traces.

As in :mod:`sharvin_studies.break_junction.figures.pulls`: plain arrays in, a PNG with its data out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError
from sharvin.figures import CYCLE, GREY, INK, new_figure, save_figure, style
from sharvin.figures.axes import plain_log_ticks

from sharvin_studies.break_junction.figures.histograms import PREDICTED, counted, titled, whole_above
from sharvin_studies.break_junction.figures.pulls import CONDUCTANCE, integer_guides
from sharvin_studies.statistics import histograms
from sharvin_studies.statistics.histograms import Histogram2D

LEAST_BIN_A = 0.5
"""Width of the elongation bins in Å, unless the snapshots of a pull are further apart."""

Array = NDArray[np.float64]


def plot_elongation_histogram(
    folder: Path,
    elongations_A: Sequence[ArrayLike],
    conductances_G0: Sequence[ArrayLike],
    *,
    ruptures_A: Sequence[float] | None = None,
    elongation_bin_A: float | None = None,
    bin_width_G0: float = 0.1,
    before_A: float = 15.0,
    after_A: float = 1.0,
    max_G0: float | None = None,
    conductances: str = PREDICTED,
    name: str = "elongation_histogram",
) -> Path:
    """Two-dimensional conductance–elongation histogram, all traces aligned at rupture.

    The range shown is no longer than the longest trace. `ruptures_A` as in
    :func:`sharvin_studies.statistics.histograms.elongation_histogram_2d`. Default of `elongation_bin_A`: 0.5 Å, or the next
    multiple that no step between snapshots exceeds on the median.
    """
    edges = histograms.linear_edges(bin_width_G0, whole_above([conductances_G0]) if max_G0 is None else max_G0)
    title = titled("Conductance against elongation", conductances)
    return _plot_2d(
        folder, elongations_A, conductances_G0, ruptures_A, elongation_bin_A, (before_A, after_A), edges, f"{bin_width_G0:g} G0",
        name, title, conductances,
    )  # fmt: skip


def plot_log_elongation_histogram(
    folder: Path,
    elongations_A: Sequence[ArrayLike],
    conductances_G0: Sequence[ArrayLike],
    *,
    ruptures_A: Sequence[float] | None = None,
    elongation_bin_A: float | None = None,
    bins_per_decade: int = 10,
    before_A: float = 15.0,
    after_A: float = 1.0,
    min_G0: float | None = None,
    max_G0: float | None = None,
    conductances: str = PREDICTED,
    name: str = "log_elongation_histogram",
) -> Path:
    """Two-dimensional histogram of log10 G against elongation, all traces aligned at rupture.

    As :func:`plot_elongation_histogram`, with bins equal in log10 G; the default range is that of
    :func:`sharvin_studies.statistics.histograms.decades_of`. Conductances of zero or less lie outside and are counted in the
    caption.

    Raises
    ------
    InputError
        If no conductance is positive.
    """
    low, high = histograms.decades_of(histograms.pooled(conductances_G0))
    edges = histograms.log_edges(bins_per_decade, low if min_G0 is None else min_G0, high if max_G0 is None else max_G0)
    title = titled("Conductance against elongation, logarithmic", conductances)
    return _plot_2d(
        folder, elongations_A, conductances_G0, ruptures_A, elongation_bin_A, (before_A, after_A), edges,
        f"{1 / bins_per_decade:g} decades of G", name, title, conductances, logarithmic=True,
    )  # fmt: skip


def _plot_2d(
    folder: Path,
    elongations_A: Sequence[ArrayLike],
    conductances_G0: Sequence[ArrayLike],
    ruptures_A: Sequence[float] | None,
    elongation_bin_A: float | None,
    range_A: tuple[float, float],
    edges_G0: Array,
    bins_in_words: str,
    name: str,
    title: str,
    conductances: str,
    *,
    logarithmic: bool = False,
) -> Path:
    if not len(elongations_A):
        raise InputError("a two-dimensional histogram needs at least one trace.")
    if ruptures_A is None:
        ruptures_A = [histograms.rupture_elongation(x, g) for x, g in zip(elongations_A, conductances_G0, strict=True)]
    width = _bin_width(elongations_A) if elongation_bin_A is None else elongation_bin_A
    relative = [np.asarray(x, dtype=float) - rupture for x, rupture in zip(elongations_A, ruptures_A, strict=True)]
    found = histograms.elongation_histogram_2d(
        elongations_A,
        conductances_G0,
        elongation_bin_A=width,
        before_A=min(range_A[0], max(width, *(-float(x[0]) for x in relative))),
        after_A=min(range_A[1], max(float(x[-1]) for x in relative)),
        conductance_edges_G0=edges_G0,
        ruptures_A=ruptures_A,
    )
    x, y = found.elongation_edges_A, found.conductance_edges_G0
    per_trace = found.counts / len(elongations_A)
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        shown = np.ma.masked_equal(per_trace.T, 0.0)
        least, most = 1.0 / len(elongations_A), max(float(per_trace.max()), 2.0 / len(elongations_A))
        image = axes.pcolormesh(x, y, shown, norm=LogNorm(least, most), cmap="viridis_r", rasterized=True)
        bar = figure.colorbar(image, ax=axes, label="points per trace and bin", pad=0.02)
        plain_log_ticks(bar.ax.yaxis)
        for level in [1.0] if logarithmic else range(1, int(y[-1]) + 1):
            axes.axhline(level, color=GREY, linewidth=0.5, alpha=0.5)
        axes.axvline(0.0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set(xlabel="elongation from rupture (Å)", ylabel=CONDUCTANCE, xlim=(x[0], x[-1]))
        if logarithmic:
            axes.set(yscale="log", ylim=(y[0], y[-1]))
            plain_log_ticks(axes.yaxis)
        else:
            axes.set_ylim(0, y[-1])
    caption = (
        f"{int(found.counts.sum()):,} {conductances} of {counted(len(elongations_A))}, each shifted so that it breaks at "
        "zero elongation "
        f"(dashed); bins of {width:g} Å and {bins_in_words}, white where no trace passed."
    )
    if found.outside:
        caption += f" Outside the range shown: {found.outside:,} of {found.outside + int(found.counts.sum()):,} points."
    return save_figure(folder, name, figure, _columns(found, logarithmic), title, caption)


def _bin_width(elongations_A: Sequence[ArrayLike]) -> float:
    """So wide that the steps between snapshots leave no empty columns between them."""
    steps = np.concatenate([np.diff(np.asarray(x, dtype=float)) for x in elongations_A])
    step = float(np.median(steps)) if steps.size else 0.0
    return LEAST_BIN_A * max(1, math.ceil(step / LEAST_BIN_A - 0.02))


def _columns(found: Histogram2D, logarithmic: bool) -> dict[str, ArrayLike]:
    x, y = found.elongation_edges_A, found.conductance_edges_G0
    middles = np.sqrt(y[1:] * y[:-1]) if logarithmic else 0.5 * (y[1:] + y[:-1])
    columns, rows = np.meshgrid(0.5 * (x[1:] + x[:-1]), middles, indexing="ij")
    return {"elongation_from_rupture_A": columns.ravel(), "conductance_G0": rows.ravel(), "counts": found.counts.ravel()}


def plot_traces(
    folder: Path,
    elongations_A: Sequence[ArrayLike],
    conductances_G0: Sequence[ArrayLike],
    *,
    ruptures_A: Sequence[float] | None = None,
    max_traces: int = 8,
    length_A: float = 15.0,
    max_G0: float | None = None,
    conductances: str = PREDICTED,
    in_full: str = "",
    name: str = "traces",
) -> Path:
    """Show a selection of traces side by side, as break-junction experiments show them.

    `max_traces` traces, evenly chosen, are shown over the last `length_A` before rupture and what follows within 1 Å, each
    shifted to the right of the one before. `in_full` is a sentence for the caption that says where all traces are.
    """
    chosen = np.unique(np.linspace(0, len(elongations_A) - 1, min(max_traces, len(elongations_A))).round().astype(int))
    data: dict[str, ArrayLike] = {}
    top, start = 1.0, 0.0
    with style():
        figure = new_figure(7.2, 4.0)
        axes = figure.add_subplot()
        for order, index in enumerate(chosen):
            x, g = np.asarray(elongations_A[index], dtype=float), np.asarray(conductances_G0[index], dtype=float)
            rupture = histograms.rupture_elongation(x, g) if ruptures_A is None else ruptures_A[index]
            part = (x >= rupture - length_A) & (x <= rupture + 1.0)
            x, g = x[part], g[part]
            shifted = x - x[0] + start
            start = shifted[-1] + 1.0
            top = max(top, float(g.max()))
            axes.plot(shifted, g, color=CYCLE[order % len(CYCLE)], linewidth=1.3)
            data |= {f"trace_{index}_elongation_A": x, f"trace_{index}_conductance_G0": g}
        top = math.ceil(top) if max_G0 is None else max_G0
        integer_guides(axes, top)
        axes.set(xlabel=r"elongation, traces shifted (Å)", ylabel=CONDUCTANCE, ylim=(0, top), xlim=(-0.5, start))
    caption = (
        f"{len(chosen)} of {len(elongations_A)} traces of {conductances} over the last {length_A:g} Å before rupture, each "
        "shifted to "
        f"the right of the one before.{in_full}"
    )
    return save_figure(folder, name, figure, data, f"Traces of {conductances}", caption)
