"""Series of pulls side by side, one row each: necks of one atom, plateaus, bonds, conductances, peaks and scatter.

As in :mod:`sharvin_studies.break_junction.figures.histograms`: numbers by name in, a PNG with its data out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError
from sharvin.figures import BLUE, CYCLE, GREY, INK, MARKERS, PALE, new_figure, save_figure, style

from sharvin_studies.break_junction.figures.histograms import titled
from sharvin_studies.break_junction.production.series_statistics import SeriesStatistics
from sharvin_studies.statistics.conductance_ranges import RANGES
from sharvin_studies.statistics.peak_positions import BANDWIDTH_G0

Array = NDArray[np.float64]
Point = tuple[float, float, float]
"""Value, lower and upper end of its bar; nan where there is none."""
NOTHING: Point = (float("nan"),) * 3


def plot_series_side_by_side(
    folder: Path,
    *,
    series: Sequence[SeriesStatistics],
    window_G0: tuple[float, float],
    conductances: str = "exact labels",
    name: str = "series_side_by_side",
) -> Path:
    """One row per series, one panel per quantity.

    Parameters
    ----------
    folder : Path
    series : sequence of SeriesStatistics
    window_G0 : (float, float)
        The plateau window, for titles.
    conductances : str
        What the conductances are, for the caption: ``exact labels`` or ``predicted conductances``.

    Raises
    ------
    InputError
        If there is no series.
    """
    if not series:
        raise InputError("a figure of series side by side needs at least one series.")
    window = rf"{window_G0[0]:g}–{window_G0[1]:g} $G_0$"
    panels: list[tuple[str, str, Callable[[SeriesStatistics], Point]]] = [
        ("one_atom_share", "snapshots with a neck\none atom wide (share)", _share),
        ("plateau_A", f"length at\n{window} (Å)", lambda one: (one.plateau_A.mean, one.plateau_A.lower, one.plateau_A.upper)),
        ("shortest_bond_A", "shortest bond of a neck\none atom wide (Å)", _bond),
        ("one_atom_G0", "conductance of necks\none atom wide ($G_0$)", _one_atom),
        ("peak_G0", f"peak of the histogram\nat {window} ($G_0$)", _peak),
    ]
    rows = np.arange(len(series))[::-1]
    data: dict[str, ArrayLike] = {
        "series": np.array([one.name for one in series]),
        "pulls": np.array([one.pulls for one in series]),
        "snapshots": np.array([one.snapshots for one in series]),
    }
    with style():
        figure = new_figure(11.0, 3.4 + 0.9 * len(series))
        places = figure.subplots(2, 3, sharey=True, gridspec_kw={"wspace": 0.08}).ravel()
        for axes, (key, title, point) in zip(places, panels, strict=False):
            values = np.array([point(one) for one in series])
            _draw(axes, values, rows, BLUE, "o")
            axes.set_xlabel(title)
            data |= {key: values[:, 0], f"{key}_lower": values[:, 1], f"{key}_upper": values[:, 2]}
        least = np.array([one.shortest_bond_A.least for one in series])
        places[2].plot(least, rows, linestyle="", marker="|", markersize=13, markeredgewidth=1.6, color=GREY)
        data["shortest_bond_A_least"] = least
        data |= _draw_scatter(places[5], series, rows)
        for axes in places[[3, 4]]:
            axes.axvline(1.0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        for axes in places:
            axes.set_yticks(rows, [one.name for one in series])
            axes.set_ylim(-0.6, len(series) - 0.4)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="y", color=PALE, linewidth=0.7)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.set_axisbelow(True)
        for axes in places[[0, 1, 5]]:
            axes.set_xlim(left=0.0)
    return save_figure(
        folder, name, figure, data, titled("Series side by side", conductances), _caption(series, window_G0, conductances)
    )


def _draw(axes: Axes, values: Array, rows: NDArray[np.int64], colour: str, marker: str, label: str | None = None) -> None:
    """Points with their bars."""
    bars = np.clip(np.nan_to_num(np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]])), 0.0, None)
    known = np.isfinite(values[:, 0])
    axes.errorbar(
        values[known, 0], rows[known], xerr=bars[:, known], fmt=marker, color=colour, capsize=3, markersize=5.5, linewidth=1.3,
        label=label, zorder=3,
    )  # fmt: skip


def _draw_scatter(axes: Axes, series: Sequence[SeriesStatistics], rows: NDArray[np.int64]) -> dict[str, ArrayLike]:
    """Scatter by range of conductance, three points a series."""
    data: dict[str, ArrayLike] = {}
    for order, name in enumerate(RANGES):
        values = np.array([one.scatter_G0[name][0] for one in series])
        axes.plot(values, rows, linestyle="", marker=MARKERS[order], color=CYCLE[order], markersize=6, label=name, zorder=3)
        data[f"scatter_G0 {name}"] = values
        data[f"scatter_triples {name}"] = np.array([one.scatter_G0[name][1] for one in series])
    axes.set_xlabel("scatter along a pull,\nby conductance ($G_0$)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8.5, handletextpad=0.1, columnspacing=0.9)
    return data


def _share(one: SeriesStatistics) -> Point:
    share = one.one_atom_share
    return NOTHING if share is None else (share.mean, share.lower, share.upper)


def _bond(one: SeriesStatistics) -> Point:
    return one.shortest_bond_A.median, one.shortest_bond_A.lower, one.shortest_bond_A.upper


def _one_atom(one: SeriesStatistics) -> Point:
    return one.one_atom_G0.median, one.one_atom_G0.lower, one.one_atom_G0.upper


def _peak(one: SeriesStatistics) -> Point:
    return NOTHING if one.peak is None else (one.peak.position_G0, one.peak.lower_G0, one.peak.upper_G0)


def _caption(series: Sequence[SeriesStatistics], window_G0: tuple[float, float], conductances: str) -> str:
    sizes = ", ".join(f"{one.name}: {one.pulls:,} pulls, {one.snapshots:,} snapshots" for one in series)
    return (
        f"Production pulls by series, from {conductances} of unbroken snapshots ({sizes}). Share of necks one atom wide, mean "
        f"elongation that a pull spends between {window_G0[0]:g} and {window_G0[1]:g} G0, and position of the histogram's peak "
        f"there (highest maximum of the density, Gaussian kernel of {BANDWIDTH_G0:g} G0), with 95 % bootstrap intervals over "
        "whole pulls. Shortest bond of the atoms that alone hold the wire together, and conductance, of the snapshots with "
        "a neck "
        "one atom wide: medians and quartiles; grey stroke: the shortest bond of all. Scatter: mean of |G(i−1) − 2 G(i) + "
        "G(i+1)| / "
        "√6 over neighbouring snapshots, by their mean conductance."
    )
