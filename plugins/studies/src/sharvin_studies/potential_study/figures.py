"""Figures of a potential study: learning curves, parity of energies and forces, errors by group.

Every function draws one figure, saves it with its data by :func:`sharvin.figures.save_figure`, and returns the path of the PNG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from sharvin.figures import BLUE, GREY, INK, PALE, VERMILLION, new_figure, save_figure, style
from sharvin.figures.axes import plain_log_ticks, room_for_one, whole_number_ticks
from sharvin.numerics.error_measures import mean_absolute_error, root_mean_square_error

from sharvin_studies.potential_study.scores import test_points
from sharvin_studies.potential_study.trainings import Trained

Array = NDArray[np.float64]
CURVES = (
    ("energy_rmse_eV_per_atom", "energy_rmse_meV_per_atom", "energy RMSE (meV/atom)"),
    ("force_rmse_eV_per_A", "force_rmse_meV_per_A", "force RMSE (meV/Å)"),
)
WIDE = 20.0
"""Bars whose largest is so many times the smallest stand on a logarithmic axis."""
DENSE = 3000
"""More points than this are shown as a density."""


def plot_learning_curves(
    folder: Path,
    curves: Sequence[Mapping[str, Sequence[float]]],
    held_back: str = "validation set",
    *,
    name: str = "learning_curves",
) -> Path:
    """Errors of energies and forces after each epoch: the median of the seeds, and the band that they span."""
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(9.2, 3.6)
        for axes, (curve, column, label) in zip(figure.subplots(1, 2), CURVES, strict=True):
            for part, colour in (("train", BLUE), ("validation", VERMILLION)):
                values = _stacked([one.get(f"{part}_{curve}", ()) for one in curves])
                if not values.size:
                    continue
                epoch = np.arange(1, values.shape[1] + 1)
                middle, low, high = (np.nanquantile(1000 * values, q, axis=0) for q in (0.5, 0.0, 1.0))
                axes.plot(epoch, middle, color=colour, label="training set" if part == "train" else held_back)
                axes.fill_between(epoch, low, high, color=colour, alpha=0.18, linewidth=0)
                data |= {f"{part}_epoch": epoch, f"{part}_{column}": middle}
                data |= {f"{part}_{column}_lowest": low, f"{part}_{column}_highest": high}
            axes.set(xlabel="epoch", ylabel=label, yscale="log")
            room_for_one(axes, np.arange(1, 1 + max((line.get_xdata().size for line in axes.lines), default=1)))
            whole_number_ticks(axes.xaxis)
            if axes.lines:
                plain_log_ticks(axes.yaxis)
                axes.legend()
    seeds = f"{len(curves)} seeds" if len(curves) > 1 else "one seed"
    caption = f"Root mean square errors after each epoch; lines: median of {seeds}, bands: from the best to the worst."
    return save_figure(folder, name, figure, data, "Learning curves", caption)


def _stacked(curves: Sequence[Sequence[float]]) -> Array:
    """Curves of different lengths as rows, nan where one has ended."""
    longest = max((len(curve) for curve in curves), default=0)
    rows = [[*curve, *[np.nan] * (longest - len(curve))] for curve in curves if len(curve)]
    return np.array(rows, dtype=np.float64) if rows else np.empty((0, 0))


def plot_parity(folder: Path, trained: Sequence[Trained], potential: str, *, name: str = "parity") -> Path:
    """Energies per atom and components of forces of the test sets of all seeds against those of the reference."""
    energy = test_points(trained, lambda one: np.array([one[0] / one[2]]))
    force = test_points(trained, lambda one: one[1].ravel())
    data: dict[str, ArrayLike] = {
        "reference_eV_per_atom": energy[0],
        "model_eV_per_atom": energy[1],
        "reference_eV_per_A": force[0],
        "model_eV_per_A": force[1],
    }
    panels = ((energy, "energy (eV/atom)", "meV/atom"), (force, "force component (eV/Å)", "meV/Å"))
    with style():
        figure = new_figure(9.2, 6.6)
        grid = figure.subplots(2, 2, height_ratios=(2.3, 1.0))
        for (above, below), ((exact, predicted), label, unit) in zip(grid.T, panels, strict=True):
            low, high = float(min(exact.min(), predicted.min())), float(max(exact.max(), predicted.max()))
            margin = 0.04 * (high - low) or 0.01
            limits = (low - margin, high + margin)
            above.plot(limits, limits, color=GREY, linewidth=0.9, zorder=1)
            _points(above, exact, predicted, limits, limits)
            errors = 1000 * (predicted - exact)
            reach = 1.1 * float(np.abs(errors).max()) or 1.0
            below.axhline(0, color=GREY, linewidth=0.9, zorder=1)
            _points(below, exact, errors, limits, (-reach, reach))
            said = f"RMSE {root_mean_square_error(errors, 0.0):.3g} {unit}\nMAE {mean_absolute_error(errors, 0.0):.3g} {unit}"
            above.text(0.04, 0.96, said, transform=above.transAxes, va="top", fontsize=10)
            above.set(ylabel=f"{potential} {label}", xticklabels=[])
            below.set(xlabel=f"reference {label}", ylabel=f"error ({unit})")
    caption = (
        "Energies and force components of the test sets of all seeds against the reference, and below what they are too large. "
        "Where there are many points their density is shown, on a logarithmic scale."
    )
    return save_figure(folder, name, figure, data, "Predicted and reference energies and forces", caption)


def _points(axes: Axes, x: Array, y: Array, x_limits: tuple[float, float], y_limits: tuple[float, float]) -> None:
    """Points, or their density where there are many."""
    if len(x) > DENSE:
        axes.hist2d(x, y, bins=150, range=(x_limits, y_limits), norm=LogNorm(), cmap="viridis_r", rasterized=True)
    else:
        axes.plot(x, y, "o", color=BLUE, markersize=3.2, alpha=0.6, markeredgewidth=0, zorder=2)
    axes.set(xlim=x_limits, ylim=y_limits)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))


def plot_group_errors(folder: Path, groups: Mapping[str, Mapping[str, Any]], *, name: str = "group_errors") -> Path:
    """Errors on the test set by group of structures, with standard deviations over the seeds."""
    labels = [group or "(no name)" for group in groups]
    data: dict[str, ArrayLike] = {"group": np.array(labels)}
    with style():
        figure = new_figure(9.2, 1.4 + 0.34 * len(labels))
        for axes, (_, measure, label) in zip(figure.subplots(1, 2, sharey=True), CURVES, strict=True):
            mean, std = mean_and_std([one[measure] for one in groups.values()])
            places = np.arange(len(labels))
            axes.barh(places, mean, color=PALE, edgecolor=INK, linewidth=0.8, height=0.62)
            axes.errorbar(
                mean, places, xerr=(np.minimum(std, 0.9 * mean), std), fmt="none", ecolor=INK, elinewidth=1.0, capsize=2.5
            )
            axes.set(xlabel=label, yticks=places, yticklabels=labels)
            lowest, highest = float(mean.min()), float((mean + std).max())
            if highest > WIDE * lowest > 0:
                axes.set(xscale="log", xlim=(0.5 * lowest, 1.5 * highest))
                plain_log_ticks(axes.xaxis)
            else:
                axes.set_xlim(0, 1.12 * highest or 1.0)
            axes.set_ylim(len(labels) - 0.4, -0.6)
            axes.tick_params(axis="y", length=0)
            data |= {measure: mean, f"{measure}_std": std}
    caption = "Root mean square errors on the test set by group of structures; error bars: standard deviation over the seeds."
    return save_figure(folder, name, figure, data, "Errors by group", caption)


def mean_and_std(statistics: Sequence[Mapping[str, Any]]) -> tuple[Array, Array]:
    """Means and standard deviations, 0 where there is one value only."""
    return (
        np.array([one["mean"] for one in statistics], dtype=np.float64),
        np.array([one["std"] or 0.0 for one in statistics], dtype=np.float64),
    )
