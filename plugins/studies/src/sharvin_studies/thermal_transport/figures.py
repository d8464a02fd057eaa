"""Figures of thermal disorder in transport. Every function draws one figure, saves it with its data and returns its path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sharvin.figures import BLUE, GREY, INK, VERMILLION, new_figure, save_figure, series_style, style
from sharvin.figures.axes import plain_log_ticks
from sharvin.options import Condition

from sharvin_studies.thermal_samples.means import running_means

if TYPE_CHECKING:
    from sharvin_studies.thermal_transport.report import SeriesOutcome


def plot_means(folder: Path, outcomes: Sequence[SeriesOutcome], condition: Condition | None) -> Path:
    """Mean conductance of each series with its standard error, beside the structure at rest and the single one."""
    known = condition is not None and all(one.condition is not None for one in outcomes)
    values = [one.condition if known else number for number, one in enumerate(outcomes)]
    x = np.array(values, dtype=np.float64)
    mean = np.array([one.mean.mean for one in outcomes])
    error = np.array([one.mean.standard_error for one in outcomes])
    rest = np.array([one.frozen_G0 for one in outcomes])
    single = np.array([np.nan if one.single_G0 is None else one.single_G0 for one in outcomes])
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
        axes.plot(x, rest, color=GREY, linestyle="--", marker="_", label="at rest")
        axes.errorbar(x, mean, yerr=error, color=BLUE, marker="o", capsize=3, label="mean of the samples")
        if np.isfinite(single).any():
            axes.plot(x, single, "D", color=VERMILLION, markersize=6, fillstyle="none", label="single structure")
        axes.set_ylabel("conductance (G0)")
        if known and condition is not None:
            axes.set_xlabel(f"{condition.title} ({condition.unit})")
        else:
            axes.set(xticks=x, xticklabels=[one.name for one in outcomes])
        axes.margins(y=0.15)
        axes.legend()
    caption = "Mean conductance of the displaced structures with its standard error, beside that of the structure at rest"
    caption += " and of one special structure in place of all samples." if np.isfinite(single).any() else "."
    return save_figure(folder, "thermal_conductance", figure, data, "Conductance of the vibrating contact", caption)


def plot_running_means(folder: Path, outcomes: Sequence[SeriesOutcome]) -> Path:
    """How far the mean after some samples is from that of all, and its standard error, against their number."""
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(9.2, 3.8)
        left, right = figure.subplots(1, 2)
        for order, one in enumerate(outcomes):
            count, mean, error = running_means(one.conductances.values)
            if not len(count):
                continue
            colour = series_style(order)
            left.plot(count, mean, label=one.name, **colour)
            left.fill_between(count, mean - error, mean + error, color=colour["color"], alpha=0.18, linewidth=0)
            right.plot(count, error, **colour)
            data |= {f"samples_of_series_{order}": count, f"mean_{order}_G0": mean, f"standard_error_{order}_G0": error}
        left.set(xlabel="samples", ylabel="mean conductance (G0)", xscale="log")
        right.set(xlabel="samples", ylabel="standard error (G0)", xscale="log", yscale="log")
        plain_log_ticks(left.xaxis)
        plain_log_ticks(right.xaxis)
        if left.lines:
            left.legend()
    caption = "Mean conductance of the first samples with its standard error, and this error, against their number."
    return save_figure(folder, "running_means", figure, data, "Convergence with the number of samples", caption)


def plot_distributions(folder: Path, outcomes: Sequence[SeriesOutcome]) -> Path:
    """Distribution of the conductances of the samples of each series."""
    every = np.concatenate([one.conductances.values for one in outcomes])
    every = every[np.isfinite(every)]
    low, high = float(every.min()), float(every.max())
    margin = 0.02 * (high - low) + 1e-6
    edges = np.linspace(low - margin, high + margin, 41)
    data: dict[str, ArrayLike] = {"edge_G0": edges}
    with style():
        figure = new_figure(6.4, 3.8)
        axes = figure.subplots()
        for order, one in enumerate(outcomes):
            kept = one.conductances.values[np.isfinite(one.conductances.values)]
            density, _ = np.histogram(kept, edges, density=True)
            axes.stairs(density, edges, label=one.name, **series_style(order), linewidth=1.5)
            data[f"density_{order}_per_G0"] = density
        axes.axvline(outcomes[0].frozen_G0, color=INK, linewidth=0.9, linestyle=":", label="at rest")
        axes.set(xlabel="conductance (G0)", ylabel="density (1/G0)")
        axes.legend()
    caption = "Distribution of the conductances of the displaced structures; dotted: the structure at rest."
    return save_figure(folder, "conductance_distributions", figure, data, "Conductances of the samples", caption)
