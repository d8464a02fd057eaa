"""Figures of a study of disordered wires: maps, distributions, conductance against concentration, parity, ensembles.

Every function takes plain arrays and the run folder, draws one figure, saves it with its data by
:func:`sharvin.figures.save_figure`, and returns the path of the PNG. Conductances are in G0 = 2e²/h = 77.48 µS.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binned_statistic
from sharvin.figures import CYCLE, GREY, INK, PALE, VERMILLION, new_figure, save_figure, style
from sharvin.figures.axes import plain_log_ticks
from sharvin.numerics.error_measures import mean_absolute_error

from sharvin_studies.statistics.histograms import count, count_pairs

SYMBOLS = {"conductance": r"$G$", "bias_averaged_conductance": r"$\overline{G}$"}
PLAIN = {"conductance": "G", "bias_averaged_conductance": "Gbar"}
LEGEND_LINE = 0.09
"""Share of the height of a panel that a line of its legend takes."""

WIDE_G0 = 12.0
"""Distributions over a wider range than this have a logarithmic axis of frequency: their peak at small G dwarfs the rest."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Maps:
    """A few wires of an ensemble: ``onsite`` float64[n, L, W] and their conductances."""

    label: str
    target: str
    onsite: Array
    conductance_G0: Array


@dataclass(frozen=True)
class Distribution:
    """Exact conductances of a test set, and those that each case predicts."""

    label: str
    target: str
    exact_G0: Array
    predicted_G0: Mapping[str, Array]


@dataclass(frozen=True)
class Cloud:
    """Exact conductance against concentration, and (concentration, conductance) that each case predicts."""

    label: str
    target: str
    concentration: Array
    exact_G0: Array
    predicted: Mapping[str, tuple[Array, Array]]


@dataclass(frozen=True)
class Parity:
    """Exact and predicted conductances of one case."""

    label: str
    target: str
    exact_G0: Array
    predicted_G0: Array


@dataclass(frozen=True)
class Ensemble:
    """Conductances at fixed concentrations, float64[n_concentrations, configurations], exact and by case."""

    label: str
    target: str
    concentration: Array
    exact_G0: Array
    predicted_G0: Mapping[str, Array]


def plot_onsite_maps(folder: Path, ensembles: Sequence[Maps], *, name: str = "onsite_maps") -> Path:
    """Show on-site energies of a few wires of each ensemble, with the conductance under each; the leads are left and right."""
    columns = max(len(ensemble.onsite) for ensemble in ensembles)
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(1.9 * columns + 1.2, 2.2 * len(ensembles) + 0.2)
        places = figure.subplots(len(ensembles), columns, squeeze=False)
        for row, ensemble in zip(places, ensembles, strict=True):
            reach = max(float(np.abs(ensemble.onsite).max()), 1e-12)
            positive = float(ensemble.onsite.min()) >= 0
            scale: dict[str, Any] = (
                {"cmap": "cividis_r", "vmin": 0.0, "vmax": reach}
                if positive
                else {"cmap": "RdBu_r", "vmin": -reach, "vmax": reach}
            )
            for axes in row[len(ensemble.onsite) :]:
                axes.set_axis_off()
            image = None
            for number, (axes, onsite) in enumerate(zip(row, ensemble.onsite, strict=False)):
                image = axes.imshow(onsite.T, origin="lower", interpolation="nearest", **scale)
                value = ensemble.conductance_G0[number]
                axes.set(xticks=[], yticks=[], xlabel=f"{SYMBOLS[ensemble.target]} = {value:.2f} $G_0$")
                axes.spines[:].set_visible(True)
                data[f"{ensemble.label} wire {number} onsite_t"] = onsite.ravel()
            row[0].set_ylabel(ensemble.label)
            assert image is not None
            figure.colorbar(image, ax=list(row), label=r"$\epsilon$ ($t$)", shrink=0.85, pad=0.02)
    caption = (
        "On-site energies of a few wires of the test set; the current flows from left to right. Under each its exact "
        "conductance. The data list each map slice by slice."
    )
    return save_figure(folder, name, figure, data, "Disordered wires", caption)


def plot_distributions(
    folder: Path, panels: Sequence[Distribution], bin_width_G0: float = 0.1, *, name: str = "conductance_distributions"
) -> Path:
    """Frequency distributions of the conductance of each test set, exact and predicted."""
    columns = 1 if len(panels) == 1 else 2
    data: dict[str, ArrayLike] = {}
    with style():
        figure, places = panel_grid(len(panels), columns, 4.4 if columns == 2 else 6.4, 3.3)
        for axes, panel in zip(places, panels, strict=False):
            values = np.concatenate([panel.exact_G0, *panel.predicted_G0.values()])
            least = float(np.quantile(values, 0.001))
            lower = math.floor(least / bin_width_G0) if least < 0 or least > 0.25 * float(values.max()) else 0
            upper = math.ceil(float(np.quantile(values, 0.9995)) / bin_width_G0 + 1e-9) + 1
            edges = bin_width_G0 * np.arange(lower, upper + 1, dtype=np.float64)
            key = f"{panel.label} {PLAIN[panel.target]}"
            data[f"{key} bin_lower_G0"] = edges[:-1]
            shown = _frequency(panel.exact_G0, edges)
            axes.stairs(shown, edges, fill=True, color=PALE, label="exact", zorder=1)
            axes.stairs(shown, edges, color=GREY, linewidth=0.8, zorder=2)
            data[f"{key} exact"] = shown
            for order, (case, predicted) in enumerate(panel.predicted_G0.items()):
                shown = _frequency(predicted, edges)
                axes.stairs(shown, edges, color=CYCLE[order % len(CYCLE)], linewidth=1.2, label=case, zorder=3 + order)
                data[f"{key} {case}"] = shown
            if edges[-1] > WIDE_G0:
                axes.set_yscale("log")
                axes.set_ylim(0.5 / max(len(panel.exact_G0), 1), 1.0)
                plain_log_ticks(axes.yaxis)
            else:
                axes.set_ylim(0, axes.get_ylim()[1] * (1.05 + LEGEND_LINE * (1 + len(panel.predicted_G0))))
            symbol = SYMBOLS[panel.target]
            axes.set(xlim=(edges[0], edges[-1]), xlabel=rf"{symbol} ($G_0$)", ylabel="frequency", title=panel.label)
            axes.legend(loc="upper right", fontsize=9)
    caption = (
        f"Share of the test set's wires in bins of {bin_width_G0:g} G0, exact and predicted, of more than two cases by that of "
        "the smallest error. The few values outside the axes are counted in the shares."
    )
    return save_figure(folder, name, figure, data, "Distribution of the conductance", caption)


def plot_against_concentration(folder: Path, clouds: Sequence[Cloud], *, name: str = "conductance_concentration") -> Path:
    """Conductance against the concentration of impurities: density of the exact values, and means, exact and predicted."""
    columns = 1 if len(clouds) == 1 else 2
    edges_n = np.linspace(0.0, 1.0, 51)
    middle = 0.5 * (edges_n[1:] + edges_n[:-1])
    data: dict[str, ArrayLike] = {"concentration": middle}
    with style():
        figure, places = panel_grid(len(clouds), columns, 4.6 if columns == 2 else 6.4, 3.6)
        images: list[QuadMesh] = []
        for axes, cloud in zip(places, clouds, strict=False):
            known = np.isfinite(cloud.exact_G0)
            n, exact = cloud.concentration[known], cloud.exact_G0[known]
            edges_G0, cells_n = np.linspace(0.0, max(float(exact.max()), 1e-9), 121), np.linspace(0.0, 1.0, 151)
            counts = count_pairs(n, exact, cells_n, edges_G0)
            images.append(_density(axes, cells_n, edges_G0, counts))
            key = f"{cloud.label} {PLAIN[cloud.target]}"
            mean = _means(n, exact, edges_n)
            axes.plot(middle, mean, color=INK, linewidth=1.6, label="mean, exact")
            data[f"{key} exact_mean_G0"] = mean
            for order, (case, (at, predicted)) in enumerate(cloud.predicted.items()):
                mean = _means(at, predicted, edges_n)
                colour = CYCLE[(order + 1) % len(CYCLE)]
                axes.plot(middle, mean, "--", color=colour, linewidth=1.4, label=f"mean, {case}")
                data[f"{key} {case}_mean_G0"] = mean
            symbol = SYMBOLS[cloud.target]
            axes.set(xlim=(0, 1), xlabel=r"concentration of impurities $n$", ylabel=rf"{symbol} ($G_0$)", title=cloud.label)
            axes.set_ylim(0, edges_G0[-1])
            axes.legend(loc="upper right", fontsize=9)
        _share_scale(figure, images, places)
    caption = (
        "Density of the exact conductances of the test set against the concentration of impurities, and their mean in fiftieths "
        "of n, exact and predicted, of more than two cases by that of the smallest error."
    )
    return save_figure(folder, name, figure, data, "Conductance against concentration", caption)


def plot_parity_panels(folder: Path, cases: Sequence[Parity], left_out: int = 0, *, name: str = "parity") -> Path:
    """Predicted against exact conductance, one panel per case, as a density of points; `left_out` cases are not shown."""
    data: dict[str, ArrayLike] = {}
    columns = 3 if len(cases) in (5, 6, 9) else min(4, len(cases))
    with style():
        figure, places = panel_grid(len(cases), columns, 3.1 if columns > 1 else 5.0, 2.9 if columns > 1 else 4.8)
        images: list[QuadMesh] = []
        for axes, case in zip(places, cases, strict=False):
            values = np.concatenate([case.exact_G0, case.predicted_G0])
            low, high = float(np.quantile(values, 0.0005)), float(values.max())
            low = 0.0 if 0 < low < 0.25 * high else low
            edges = np.linspace(low, max(high + 0.02 * (high - low), low + 1e-9), 81)
            counts = count_pairs(case.exact_G0, case.predicted_G0, edges, edges)
            images.append(_density(axes, edges, edges, counts))
            axes.plot(edges[[0, -1]], edges[[0, -1]], color=VERMILLION, linewidth=0.9)
            error = mean_absolute_error(case.predicted_G0, case.exact_G0)
            axes.text(0.04, 0.96, rf"MAE {error:.3f} $G_0$", transform=axes.transAxes, va="top", fontsize=9.5)
            symbol = SYMBOLS[case.target]
            axes.set(xlim=edges[[0, -1]], ylim=edges[[0, -1]], xlabel=rf"exact {symbol} ($G_0$)")
            axes.set_ylabel(rf"predicted {symbol} ($G_0$)")
            axes.set_title(case.label, fontsize=10)
            axes.set_aspect("equal")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(5))
            row, column = np.nonzero(counts)
            centres = 0.5 * (edges[1:] + edges[:-1])
            data |= {f"{case.label} exact_G0": centres[row], f"{case.label} predicted_G0": centres[column]}
            data[f"{case.label} count"] = counts[row, column]
        _share_scale(figure, images, places)
    caption = (
        "Predicted against exact conductance of the test set, as a density; on the line both agree. MAE: mean absolute error."
    )
    if left_out:
        caption += f" Only the best case of each ensemble and target is shown; {left_out} others are in the table."
    return save_figure(folder, name, figure, data, "Predicted and exact conductance", caption)


def plot_ensembles(folder: Path, ensembles: Sequence[Ensemble], *, name: str = "ensemble_statistics") -> Path:
    """Mean and standard deviation of the conductance against the concentration, exact and predicted."""
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(9.2, 3.3 * len(ensembles))
        places = figure.subplots(len(ensembles), 2, squeeze=False)
        for row, ensemble in zip(places, ensembles, strict=True):
            key = f"{ensemble.label} {PLAIN[ensemble.target]}"
            symbol = SYMBOLS[ensemble.target]
            data[f"{key} concentration"] = ensemble.concentration
            statistics: tuple[tuple[str, Callable[..., Array], str], ...] = (
                ("mean", np.nanmean, rf"mean {symbol} ($G_0$)"),
                ("std", np.nanstd, rf"std {symbol} ($G_0$)"),
            )
            for axes, (what, statistic, label) in zip(row, statistics, strict=True):
                exact = statistic(ensemble.exact_G0, axis=1)
                axes.plot(ensemble.concentration, exact, "o", color=INK, markersize=4.5, label="exact", zorder=2)
                data[f"{key} exact_{what}_G0"] = exact
                for order, (case, values) in enumerate(ensemble.predicted_G0.items()):
                    predicted = statistic(values, axis=1)
                    axes.plot(
                        ensemble.concentration, predicted, color=CYCLE[order % len(CYCLE)], linewidth=1.4, label=case, zorder=3
                    )
                    data[f"{key} {case}_{what}_G0"] = predicted
                axes.set(xlabel=r"concentration of impurities $n$", ylabel=label, xlim=(-0.02, 1.02), title=ensemble.label)
                axes.set_ylim(bottom=0)
            row[0].legend(loc="upper right", fontsize=9)
    caption = (
        f"Mean and standard deviation over {ensembles[0].exact_G0.shape[1]:,} wires at each concentration of impurities, exact "
        "and predicted."
    )
    return save_figure(folder, name, figure, data, "Ensembles at fixed concentrations", caption)


def panel_grid(panels: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Figure with a grid of panels, each of the given size in inches, and their axes row by row; those left over are hidden."""
    columns = min(columns, panels)
    rows = -(-panels // columns)
    figure = new_figure(width * columns, height * rows)
    places = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axes in places[panels:]:
        axes.set_axis_off()
    return figure, places


def _frequency(values: Array, edges: Array) -> Array:
    return np.asarray(count(values, edges).counts / max(len(values), 1))


def _density(axes: Axes, x: Array, y: Array, counts: NDArray[np.int64]) -> QuadMesh:
    return axes.pcolormesh(x, y, np.ma.masked_equal(counts.T, 0), cmap="viridis_r", rasterized=True)


def _share_scale(figure: Figure, images: Sequence[QuadMesh], places: Sequence[Axes]) -> None:
    """Give densities one logarithmic scale and one colour bar."""
    norm = LogNorm(1.0, max(2.0, *(float(np.ma.max(np.ma.asarray(image.get_array()))) for image in images)))
    for image in images:
        image.set_norm(norm)
    bar = figure.colorbar(images[0], ax=list(places), label="wires in a cell", pad=0.02, shrink=0.8, aspect=28)
    plain_log_ticks(bar.ax.yaxis)


def _means(x: Array, y: Array, edges: Array) -> Array:
    """Mean of y in bins of x, nan in empty ones."""
    return np.asarray(binned_statistic(x, y, "mean", edges).statistic)
