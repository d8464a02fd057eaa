"""Figures of errors and times of a study of disordered wires: against training samples, against size, during training.

As in :mod:`sharvin_studies.disordered_wire.figures`: plain arrays in, a PNG with its data out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from numpy.typing import ArrayLike, NDArray
from sharvin.figures import BLUE, CYCLE, GREY, INK, VERMILLION, new_figure, save_figure, style
from sharvin.figures.axes import plain_log_ticks, whole_number_ticks

from sharvin_studies.disordered_wire.figures import LEGEND_LINE, SYMBOLS, panel_grid

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """Errors of a series of fits, ours and published (nan where there is none)."""

    label: str
    x: Array
    mae_G0: Array
    published_mae_G0: Array


@dataclass(frozen=True)
class Training:
    """Learning curves of one case, and the wires that it learns from."""

    label: str
    wires: str
    target: str
    curves: Mapping[str, Sequence[float]]


def plot_error_against_training(folder: Path, lines: Sequence[Line], *, name: str = "error_training_samples") -> Path:
    """Test error against the number of training samples, ours and published."""
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        _draw_lines(axes, lines, data)
        axes.set(xscale="log", yscale="log", xlabel="training samples", ylabel=r"test MAE ($G_0$)")
        x = np.unique(np.concatenate([line.x for line in lines]))
        if len(x) <= 8:
            axes.set_xticks(x, [f"{int(value):,}" for value in x])
            axes.xaxis.set_minor_formatter(NullFormatter())
        plain_log_ticks(axes.yaxis)
        _legend(axes, lines)
    caption = "Mean absolute error on the test set against the number of training samples; open symbols: published."
    return save_figure(folder, name, figure, data, "Error against training samples", caption)


def plot_error_against_size(
    folder: Path, lines: Sequence[Line], sizes: Sequence[Sequence[str]], *, name: str = "error_size"
) -> Path:
    """Test error against the number of sites of the wire, ours and published.

    Parameters
    ----------
    lines : sequence of Line
        ``x`` is the number of sites.
    sizes : sequence of sequence of str
        What the wires of each line are called, such as ``3×3``.
    """
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        _draw_lines(axes, lines, data)
        axes.set(xscale="log", yscale="log", xlabel="size of the wire (sites)", ylabel=r"test MAE ($G_0$)")
        named = {float(x): size for line, names in zip(lines, sizes, strict=True) for x, size in zip(line.x, names, strict=True)}
        axes.set_xticks(sorted(named), [named[x] for x in sorted(named)])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_tick_params(which="minor", length=0)
        plain_log_ticks(axes.yaxis)
        _legend(axes, lines)
    caption = "Mean absolute error on the test set against the size L×W of the wire; open symbols: published."
    return save_figure(folder, name, figure, data, "Error against size", caption)


def plot_training(folder: Path, cases: Sequence[Training], *, name: str = "training") -> Path:
    """Errors during training on the training and validation samples, one panel an ensemble and target."""
    groups: dict[tuple[str, str], list[Training]] = {}
    for case in cases:
        groups.setdefault((case.wires, case.target), []).append(case)
    columns = 1 if len(groups) == 1 else 2
    data: dict[str, ArrayLike] = {}
    with style():
        figure, places = panel_grid(len(groups), columns, 4.6 if columns == 2 else 6.4, 3.4)
        for axes, ((wires, target), members) in zip(places, groups.items(), strict=False):
            for order, case in enumerate(members):
                colour = CYCLE[order % len(CYCLE)]
                for part, line in (("validation_mae", "-"), ("train_mae", ":")):
                    curve = np.asarray(case.curves.get(part, ()), dtype=float)
                    if not len(curve):
                        continue
                    label = case.label if part == "validation_mae" else None
                    marker = "o" if len(curve) < 3 else ""
                    epochs = np.arange(1, len(curve) + 1)
                    axes.plot(epochs, curve, line, color=colour, linewidth=1.2, marker=marker, label=label)
                    data[f"{case.label} {part}_G0"] = curve
            axes.set_yscale("log")
            low, high = axes.get_ylim()
            axes.set_ylim(top=high * (high / low) ** (LEGEND_LINE * len(members)))
            plain_log_ticks(axes.yaxis)
            whole_number_ticks(axes.xaxis)
            axes.set(xlabel="epoch", ylabel=r"MAE ($G_0$)", title=f"{wires}, {SYMBOLS[target]}")
            axes.legend(loc="upper right", fontsize=9)
    caption = (
        "Mean absolute error during training, of the fit to most samples: on validation samples (solid) and on those learnt from "
        "(dotted)."
    )
    return save_figure(folder, name, figure, data, "Training", caption)


def plot_times(folder: Path, timing: Mapping[str, Any], *, name: str = "time_per_configuration") -> Path:
    """Time a configuration, exact and predicted, ours and published."""
    count = timing["configurations"]
    bars = [
        ("exact, here", timing["exact_seconds"] / count, BLUE),
        (f"{timing['case']}, here", timing["predicted_seconds"] / count, VERMILLION),
    ]
    for label, key in (("exact, published", "published_exact_s"), ("network, published", "published_network_s")):
        if timing.get(key):
            bars.append((label, timing[key] / timing["published_configurations"], GREY))
    labels, seconds, colours = zip(*bars, strict=True)
    each = 1000.0 * np.array(seconds)
    with style():
        figure = new_figure(6.4, 0.9 + 0.5 * len(bars))
        axes = figure.add_subplot()
        places = np.arange(len(bars))[::-1]
        low = 10.0 ** math.floor(math.log10(each.min()) - 0.3)
        axes.barh(places, each - low, 0.6, left=low, color=colours)
        for place, value in zip(places, each, strict=True):
            axes.annotate(
                f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms",
                (value, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set(xscale="log", xlabel="time per configuration (ms)", xlim=(low, 10 * each.max()))
        plain_log_ticks(axes.xaxis)
        axes.set_yticks(places, labels)
    caption = (
        f"Time for the conductance of one wire at {timing['energies']} energies, mean over {count:,} wires, one thread. "
        "Published times are of another machine."
    )
    data: dict[str, ArrayLike] = {"method": np.array(labels), "milliseconds": each}
    return save_figure(folder, name, figure, data, "Time of exact and predicted conductances", caption)


def _draw_lines(axes: Axes, lines: Sequence[Line], data: dict[str, ArrayLike]) -> None:
    for order, line in enumerate(lines):
        colour = CYCLE[order % len(CYCLE)]
        axes.plot(line.x, line.mae_G0, "-o", color=colour, markersize=5, label=line.label)
        known = np.isfinite(line.published_mae_G0)
        if known.any():
            axes.plot(
                line.x[known],
                line.published_mae_G0[known],
                "--s",
                color=colour,
                markersize=7,
                markerfacecolor="white",
                linewidth=1.0,
            )
        data |= {f"{line.label} x": line.x, f"{line.label} mae_G0": line.mae_G0}
        data[f"{line.label} published_mae_G0"] = line.published_mae_G0


def _legend(axes: Axes, lines: Sequence[Line]) -> None:
    if any(np.isfinite(line.published_mae_G0).any() for line in lines):
        axes.plot([], [], "s", color=INK, markersize=7, markerfacecolor="white", label="published")
    axes.legend(loc="best", fontsize=9)
