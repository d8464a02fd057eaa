"""Conductance histograms of several wires, or of several models on one wire, compared with each other.

As in :mod:`sharvin_studies.break_junction.figures.histograms`: arrays by name in, a PNG with its data out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError
from sharvin.figures import GREY, INK, new_figure, save_figure, style

from sharvin_studies.break_junction.figures.histograms import (
    CONDUCTANCE,
    DENSITY,
    GUIDE,
    Traces,
    band_sentence,
    counted,
    draw_histogram,
    refuse_empty,
)
from sharvin_studies.statistics import histograms
from sharvin_studies.statistics.histogram_comparison import OverlapMatrix
from sharvin_studies.statistics.histograms import pooled

Array = NDArray[np.float64]

OVERLAID = 4
"""Up to as many histograms share one panel; more have one each, with the first one behind it in grey."""


def plot_histogram_comparison(
    folder: Path,
    *,
    series: Mapping[str, Traces],
    matrix: OverlapMatrix,
    edges: Array,
    rng: np.random.Generator,
    paired: bool = False,
    resamples: int = 1000,
    name: str = "histogram_comparison",
    title: str = "Histograms compared",
    conductances: str = "conductances",
) -> Path:
    """Conductance histograms of several series, up to four overlaid and more side by side, and the matrix of their overlaps.

    Parameters
    ----------
    folder : Path
    series : mapping of str to sequence of float64[n_points]
        Conductances in G0, one array per trace: of several wires, or of several models on one wire. The first is the reference.
    matrix : OverlapMatrix
        Of these series over these bins, as :func:`sharvin_studies.statistics.histogram_comparison.overlap_matrix` gives it.
    edges : float64[n_bins + 1]
        Equal bins in G0.
    rng : numpy.random.Generator
        For the bands.
    paired : bool
        Whether all series hold the same pulls in the same order, as of several models on one wire, for the caption.
    title : str
        Of the figure in the report.
    conductances : str
        What they are, for the caption.
    """
    refuse_empty("a comparison of histograms", series)
    if tuple(series) != matrix.labels:
        raise InputError(f"the overlaps are those of {', '.join(matrix.labels)}, and the histograms of {', '.join(series)}.")
    n = len(series)
    cell = 0.95 if n <= OVERLAID else 0.8
    data: dict[str, ArrayLike] = {"bin_lower_G0": edges[:-1], "bin_upper_G0": edges[1:]}
    shown = {label: histograms.count(pooled(traces), edges) for label, traces in series.items()}
    with style():
        figure = new_figure(7.0 + cell * n, max(4.0, 1.3 + cell * n))
        left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(5.2, 1.8 + cell * n))[0]
        rows = 1 if n <= OVERLAID else n
        places = left.subplots(rows, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for order, (label, traces) in enumerate(series.items()):
            axes = places[min(order, rows - 1)]
            data |= draw_histogram(axes, label, traces, shown[label], rng, resamples, order, filled=rows > 1)
            if rows > 1:
                axes.set_title(label, loc="left", fontsize=9, pad=2)
                if order:
                    axes.stairs(next(iter(shown.values())).density, edges, color=GREY, linewidth=0.8, zorder=2)
        for axes in places:
            axes.axvline(1.0, **GUIDE)
        places[-1].set(xlim=(0, edges[-1]), xlabel=CONDUCTANCE)
        places[0].set_ylim(bottom=0, top=places[0].get_ylim()[1] * (1.0 + 0.06 * n if rows == 1 else 1.0))
        left.supylabel(DENSITY, fontsize=11.5)
        if rows == 1:
            places[0].legend(loc="upper right", fontsize=9 if n > 2 else 10)
        _draw_overlaps(right.subplots(), matrix)
    data |= _overlap_columns(matrix)
    outside = sum(histogram.outside for histogram in shown.values())
    caption = _caption(matrix, conductances, float(edges[1] - edges[0]), outside, resamples, paired=paired)
    return save_figure(folder, name, figure, data, title, caption)


def _caption(matrix: OverlapMatrix, conductances: str, bin_width_G0: float, outside: int, resamples: int, *, paired: bool) -> str:
    sizes = ", ".join(f"{label}: {counted(n)}" for label, n in zip(matrix.labels, matrix.traces, strict=True))
    first = f"; grey: {matrix.labels[0]}" if len(matrix.labels) > OVERLAID else ""
    exchange = "swapping the two traces of pulls" if paired else "exchanging traces"
    caption = (
        f"Left: histograms of {conductances} in bins of {bin_width_G0:g} G0, normalised to unit area ({sizes}){first}; "
        "dashed: 1 G0. "
        f"{band_sentence(resamples)} Right: common area of each two histograms, with its 95 % bootstrap interval. On the "
        "diagonal, in italics, the mean overlap of two random halves of one series: what chance leaves between sets of half as "
        "many traces."
    )
    if len(matrix.labels) > 1:
        caption += (
            f" Star: {exchange} at random makes the overlap of this pair as small in fewer than 5 % of {resamples:,} trials, so "
            "the two differ."
        )
    return caption + (f" {outside:,} conductances lie outside the range shown." if outside else "")


def _draw_overlaps(axes: Axes, matrix: OverlapMatrix) -> None:
    """Lower triangle and diagonal, the numbers written into the cells."""
    n = len(matrix.labels)
    values = np.where(np.tri(n, k=-1, dtype=bool), matrix.overlap, np.nan)
    values[np.diag_indices(n)] = matrix.halves
    least = math.floor(10 * float(np.nanmin(values, initial=0.9))) / 10
    axes.imshow(np.ma.masked_invalid(values), cmap="cividis", vmin=least, vmax=1.0)
    for i in range(n):
        for j in range(i + 1):
            if not np.isfinite(values[i, j]):
                continue
            colour = "white" if (values[i, j] - least) < 0.55 * (1.0 - least) else INK
            text = f"{values[i, j]:.2f}" + ("*" if i != j and matrix.p_value[i, j] < 0.05 else "")
            with_interval = i != j and np.isfinite(matrix.lower[i, j])
            look: dict[str, Any] = {"ha": "center", "color": colour}
            axes.text(j, i, text, va="bottom" if with_interval else "center", fontstyle="italic" if i == j else None, **look)
            if with_interval:
                interval = f"{matrix.lower[i, j]:.2f}–{matrix.upper[i, j]:.2f}"
                axes.text(j, i + 0.05, interval, va="top", fontsize=8 if n <= 4 else 7, **look)
    axes.set_xticks(
        range(n), matrix.labels, rotation=30 if n > 2 else 0, ha="right" if n > 2 else "center", rotation_mode="anchor"
    )
    axes.set_yticks(range(n), matrix.labels)
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    axes.set_title("overlap of histograms")


def _overlap_columns(matrix: OverlapMatrix) -> dict[str, ArrayLike]:
    first, second = np.triu_indices(len(matrix.labels), 1)
    names = np.array(matrix.labels)
    pairs = {name: getattr(matrix, name)[first, second] for name in ("overlap", "lower", "upper", "exchanged", "p_value")}
    return {
        "first": names[first],
        "second": names[second],
        **{name if name in ("overlap", "p_value") else f"overlap_{name}": values for name, values in pairs.items()},
        "r_squared_second_as_reference": matrix.r_squared[first, second],
        "series": names,
        "series_traces": np.array(matrix.traces),
        "series_overlap_of_halves": matrix.halves,
    }
