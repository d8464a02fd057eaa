"""Figures of thermal disorder in transport. Every function draws one figure, saves it with its data and returns its path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike
from sharvin.figures import BLUE, GREY, INK, VERMILLION, new_figure, save_figure, series_style, style
from sharvin.figures.axes import plain_log_ticks
from sharvin.options import Condition

from sharvin_studies.thermal_samples.means import running_means

if TYPE_CHECKING:
    from sharvin_studies.thermal_transport.report import SeriesOutcome

MOST_BINS = 40


def plot_means(folder: Path, outcomes: Sequence[SeriesOutcome], condition: Condition | None) -> Path:
    """Mean conductance of each series with its standard error, beside the structure at rest and the single one."""
    known = condition is not None and all(one.condition is not None for one in outcomes)
    ordered = sorted(outcomes, key=lambda one: one.condition or 0.0) if known else list(outcomes)
    x = np.array([one.condition if known else number for number, one in enumerate(ordered)], dtype=np.float64)
    mean = np.array([one.mean.mean for one in ordered])
    error = np.array([one.mean.standard_error for one in ordered])
    rest = np.array([one.at_rest_G0 for one in ordered])
    single = np.array([np.nan if one.single_G0 is None else one.single_G0 for one in ordered])
    name = f"{condition.name}_{condition.unit}" if known and condition is not None else "series"
    data: dict[str, ArrayLike] = {
        name: x,
        "mean_G0": mean,
        "standard_error_G0": error,
        "at_rest_G0": rest,
        "single_structure_G0": single,
    }
    with style():
        figure = new_figure(6.4, 4.0)
        axes = figure.subplots()
        axes.plot(x, rest, color=GREY, linestyle="--", label="structure at rest")
        axes.errorbar(x, mean, yerr=error, color=BLUE, marker="o", markersize=4.5, capsize=3, label="mean of the samples")
        if np.isfinite(single).any():
            axes.plot(x, single, "D", color=VERMILLION, markersize=6, fillstyle="none", label="single special structure")
        axes.set_ylabel("conductance (G0)")
        if known and condition is not None:
            axes.set_xlabel(f"{condition.title} ({condition.unit})")
        else:
            axes.set(xticks=x, xticklabels=[one.name for one in ordered])
        axes.margins(y=0.15)
        axes.legend()
    caption = "Mean conductance of the displaced structures with its standard error, beside that of the structure at rest"
    caption += " and that of one special structure in place of all samples." if np.isfinite(single).any() else "."
    return save_figure(folder, "thermal_conductance", figure, data, "Conductance of the vibrating contact", caption)


def plot_running_means(folder: Path, outcomes: Sequence[SeriesOutcome]) -> Path:
    """Mean of the first samples and its standard error, against their number."""
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(9.2, 3.8)
        left, right = figure.subplots(1, 2)
        for order, one in enumerate(outcomes):
            count, mean, error = running_means(one.conductances.values, one.conductances.draws)
            if not len(count):
                continue
            colour = series_style(order)
            left.plot(count, mean, label=one.name, **colour)
            left.fill_between(count, mean - error, mean + error, color=colour["color"], alpha=0.18, linewidth=0)
            right.plot(count, error, **colour)
            ideal = error[-1] * np.sqrt(count[-1] / count)
            right.plot(count, ideal, color=GREY, linewidth=0.8, linestyle=":", label=None if order else "1/√samples")
            data |= {f"{one.name}_samples": count, f"{one.name}_mean_G0": mean, f"{one.name}_standard_error_G0": error}
        left.set(xlabel="samples", ylabel="mean conductance (G0)", xscale="log")
        right.set(xlabel="samples", ylabel="standard error of the mean (G0)", xscale="log", yscale="log")
        for axis in (left.xaxis, right.xaxis, right.yaxis):
            plain_log_ticks(axis)
        if left.lines:
            left.legend()
            right.legend()
    caption = (
        "Mean conductance of the first samples, with its standard error as a band (left), and this standard error (right), "
        "against their number. Dotted: the error of all samples, scaled as one over the root of their number."
    )
    return save_figure(folder, "running_means", figure, data, "Convergence with the number of samples", caption)


def plot_distributions(folder: Path, outcomes: Sequence[SeriesOutcome]) -> Path:
    """Distribution of the conductances of the samples of each series, one panel each: their widths differ by far."""
    shown = [one for one in outcomes if one.mean.count]
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(6.4, 1.0 + 1.15 * len(shown))
        panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        for order, (axes, one) in enumerate(zip(panels, shown, strict=True)):
            values = one.conductances.values[np.isfinite(one.conductances.values)]
            edges = np.histogram_bin_edges(values, bins=min(MOST_BINS, max(5, round(2 * np.sqrt(len(values))))))
            counts, _ = np.histogram(values, edges)
            colour = series_style(order)["color"]
            axes.stairs(counts, edges, color=colour, fill=True, alpha=0.35)
            axes.stairs(counts, edges, color=colour, linewidth=1.0)
            axes.axvline(one.at_rest_G0, color=INK, linewidth=1.0, linestyle=":", label="at rest")
            axes.axvline(one.mean.mean, color=colour, linewidth=1.4, label="mean")
            axes.text(0.01, 0.92, one.name, transform=axes.transAxes, va="top", color=colour)
            axes.set_ylim(0, 1.12 * max(int(counts.max()), 1))
            axes.yaxis.set_major_locator(NullLocator())
            axes.spines["left"].set_visible(False)
            data |= {f"{one.name}_edge_G0": edges, f"{one.name}_samples": counts}
        panels[-1].set_xlabel("conductance (G0)")
        handles, labels = panels[0].get_legend_handles_labels()
        handles[-1] = panels[0].plot([], [], color=INK, linewidth=1.4)[0]
        figure.legend(handles, labels, loc="outside upper right", ncols=2)
    caption = (
        "How many of the displaced structures have a conductance, for each series on a scale of its own. Dotted: the structure "
        "at rest; line: the mean."
    )
    return save_figure(folder, "conductance_distributions", figure, data, "Conductances of the samples", caption)
