"""Figures of a break-junction study: conductance histogram, a labelled pull, neck widths, pictures of the wire.

Every function takes plain arrays and the run folder, draws one figure, saves it with its data by
:func:`sharvin.figures.save_figure`, and returns the path of the PNG. Elongations are in Å, conductances in G0 = 2e²/h = 77.48 µS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError
from sharvin.figures import (
    BLUE,
    GREEN,
    INK,
    PALE,
    VERMILLION,
    new_figure,
    save_figure,
    style,
)
from sharvin.figures.axes import whole_number_ticks

from sharvin_studies.break_junction.figures.histograms import PREDICTED, titled
from sharvin_studies.statistics import histograms
from sharvin_studies.statistics.histograms import Peak
from sharvin_studies.wire_pictures import common_box, draw_scale_bar, draw_wire

__all__ = [
    "plot_conductance_histogram",
    "plot_neck_widths",
    "plot_training_pull",
    "plot_wire",
]

CONDUCTANCE = r"conductance $G$ ($G_0$)"
ELONGATION = r"elongation (Å)"

Array = NDArray[np.float64]


def plot_conductance_histogram(
    folder: Path,
    traces_G0: Sequence[ArrayLike],
    rng: np.random.Generator,
    *,
    others_G0: ArrayLike | None = None,
    others: str = "",
    bin_width_G0: float = 0.05,
    max_G0: float | None = None,
    peak: Peak | None = None,
    conductances: str = PREDICTED,
    note: str = "",
    resamples: int = 1000,
    name: str = "conductance_histogram",
) -> Path:
    """One-dimensional conductance histogram with a 95 % bootstrap band over traces and a guide at 1 G0.

    Parameters
    ----------
    folder : Path
        The run folder.
    traces_G0 : sequence of float64[n_points]
        Conductances, one array per trace; the band needs at least two.
    rng : numpy.random.Generator
        For the bootstrap.
    others_G0 : array_like, optional
        Other conductances; drawn as an outline, normalised in the same way.
    others : str
        What these are.
    bin_width_G0, max_G0 : float
        Default range: up to the next whole G0 above every conductance.
    peak : Peak, optional
        As found by :func:`sharvin_studies.statistics.histograms.find_peak`; marked.
    conductances : str
        What they are, for legend, title and caption.
    note : str
        Sentence that ends the caption.
    """
    values = histograms.pooled(traces_G0)
    edges = histograms.linear_edges(bin_width_G0, _whole_above(values) if max_G0 is None else max_G0)
    shown = histograms.count(values, edges)
    data: dict[str, ArrayLike] = {
        "bin_lower_G0": edges[:-1],
        "bin_upper_G0": edges[1:],
        "counts": shown.counts,
        "density_per_G0": shown.density,
    }
    caption = (
        f"{shown.total:,} {conductances} of {len(traces_G0)} traces in bins of {bin_width_G0:g} G0, normalised to unit area."
    )
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        axes.stairs(shown.density, edges, color=BLUE, linewidth=1.5, label=conductances, zorder=3)
        if len(traces_G0) > 1:
            resampled = histograms.bootstrap(traces_G0, edges, rng, resamples)
            totals = np.maximum(resampled.sum(axis=1, keepdims=True), 1)
            lower, upper = histograms.band(resampled / (totals * shown.widths))
            axes.stairs(
                upper, edges, baseline=lower, fill=True, color=BLUE, alpha=0.25, linewidth=0, label="95 % band over traces"
            )
            data |= {"band_lower_per_G0": lower, "band_upper_per_G0": upper}
            caption += f" Shaded: 95 % bootstrap interval from {resamples:,} resamples of whole traces."
        if others_G0 is not None:
            outline = histograms.count(others_G0, edges)
            axes.stairs(outline.density, edges, color=VERMILLION, linewidth=1.0, label=others, zorder=2)
            data |= {"others_counts": outline.counts, "others_density_per_G0": outline.density}
            caption += f" Outline: {outline.total:,} {others}, normalised in the same way."
        axes.axvline(1.0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        axes.set(xlim=(0, edges[-1]), xlabel=CONDUCTANCE, ylabel=r"probability density ($1/G_0$)")
        axes.set_ylim(bottom=0)
        if peak is not None:
            _mark_peak(axes, peak)
            caption += f" The peak lies at {peak.position_G0:.2f} G0."
        figure.legend(loc="outside upper center", ncols=3)
        if shown.outside:
            caption += f" {shown.outside:,} conductances lie outside the range shown."
    caption += " Dashed: 1 G0." + (f" {note}" if note else "")
    return save_figure(folder, name, figure, data, titled("Conductance histogram", conductances), caption)


def _mark_peak(axes: Axes, peak: Peak) -> None:
    top = 1.08 * axes.get_ylim()[1]
    axes.set_ylim(top=top)
    axes.plot(peak.position_G0, 0.965 * top, marker="v", color=BLUE, markersize=7, clip_on=False)
    axes.annotate(
        rf"peak at {peak.position_G0:.2f} $G_0$",
        (peak.position_G0, 0.965 * top),
        xytext=(9, 0),
        textcoords="offset points",
        va="center",
    )


def plot_training_pull(
    folder: Path,
    elongation_A: ArrayLike,
    exact_G0: ArrayLike,
    predicted_G0: ArrayLike,
    neck_width: ArrayLike,
    *,
    held_out: bool,
    name: str = "training_pull",
) -> Path:
    """One labelled pull: exact and predicted conductance above, neck width in atoms below.

    Parameters
    ----------
    elongation_A, predicted_G0, neck_width : float64[n_points]
    exact_G0 : float64[n_points]
        nan at frames without a label.
    held_out : bool
        Whether the model has not seen this pull in training; the caption says which.
    """
    x, exact = np.asarray(elongation_A, dtype=float), np.asarray(exact_G0, dtype=float)
    predicted, width = np.asarray(predicted_G0, dtype=float), np.asarray(neck_width, dtype=float)
    labelled = np.isfinite(exact)
    with style():
        figure = new_figure(6.4, 4.8)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot(x, predicted, color=BLUE, label="predicted")
        upper.plot(x[labelled], exact[labelled], "o", color=VERMILLION, markersize=3.5, clip_on=False, label="exact (NEGF)")
        integer_guides(upper, math.ceil(max(float(np.nanmax(predicted)), float(np.max(exact[labelled], initial=1.0)))))
        upper.set(ylabel=CONDUCTANCE)
        upper.set_ylim(bottom=0)
        upper.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        lower.step(x, width, where="mid", color=GREEN)
        pad = 0.01 * float(np.ptp(x)) or 0.5
        lower.set(xlabel=ELONGATION, ylabel="neck width\n(atoms)", xlim=(x.min() - pad, x.max() + pad))
        lower.set_ylim(0, 1.1 * max(float(width.max()), 1.0))
        whole_number_ticks(lower.yaxis, 4)
        figure.align_ylabels()
    difference = np.abs(predicted - exact)[labelled]
    error = f" Mean absolute error {difference.mean():.2f} G0 over {difference.size} labels." if difference.size else ""
    seen = "held out of training" if held_out else "which the model was trained on"
    caption = (
        f"One labelled pull, {seen}: exact and predicted conductance, and the width of the neck (least number of atoms "
        f"whose removal separates the electrodes).{error}"
    )
    data = {"elongation_A": x, "exact_G0": exact, "predicted_G0": predicted, "neck_width_atoms": width}
    return save_figure(folder, name, figure, data, "A labelled pull", caption)


def plot_neck_widths(
    folder: Path,
    neck_widths: ArrayLike,
    conductances_G0: ArrayLike,
    *,
    max_width: int = 12,
    conductances: str = PREDICTED,
    name: str = "neck_width",
) -> Path:
    """Distribution of the conductance for each width of the neck (atoms); broken wires (width 0) are left out.

    Points are spread evenly within their column, boxes hold the middle half of them with a line at the median, and the
    whiskers 90 %. The dashed line is one fully open channel an atom.
    """
    widths, values = np.asarray(neck_widths, dtype=float).round().astype(int), np.asarray(conductances_G0, dtype=float)
    present = [int(width) for width in np.unique(widths) if 1 <= width <= max_width]
    if not present:
        raise InputError(f"no structure has a neck of 1 to {max_width} atoms, so there is no neck width to show.")
    groups = [values[widths == width] for width in present]
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        for width, group in zip(present, groups, strict=True):
            spread = (np.arange(group.size) * 0.6180339887498949) % 1.0 - 0.5
            axes.scatter(
                width + 0.62 * spread, group, s=6, color=BLUE, alpha=min(0.6, 40 / group.size + 0.08), linewidths=0, zorder=2
            )
        low, first, median, third, high = np.array([np.quantile(group, [0.05, 0.25, 0.5, 0.75, 0.95]) for group in groups]).T
        axes.bar(present, third - first, 0.62, bottom=first, facecolor="none", edgecolor=INK, linewidth=1.0, zorder=3)
        axes.vlines([*present, *present], [*low, *third], [*first, *high], color=INK, linewidth=1.0, zorder=3)
        left, right = np.array(present) - 0.31, np.array(present) + 0.31
        axes.hlines(median, left, right, color=VERMILLION, linewidth=2.0, zorder=4)
        axes.plot([0, present[-1] + 0.7], [0, present[-1] + 0.7], color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        axes.set(xlabel="neck width (atoms)", ylabel=CONDUCTANCE, xlim=(present[0] - 0.7, present[-1] + 0.7))
        axes.set_xticks(present, [str(width) for width in present])
        axes.set_ylim(0, 1.05 * max(float(group.max()) for group in groups))
    left_out = int(values.size - sum(group.size for group in groups))
    sizes = ", ".join(f"{width}: {group.size:,}" for width, group in zip(present, groups, strict=True))
    caption = (
        f"Conductance ({conductances}) for each width of the neck. Box: middle half, with the median; whiskers: 5 to 95 %; "
        "dashed: one open "
        f"channel an atom. Structures in each column: {sizes}."
    )
    if left_out:
        caption += f" {left_out:,} structures, broken or with wider necks, are left out."
    data = {"neck_width_atoms": widths, "conductance_G0": values}
    return save_figure(folder, name, figure, data, titled("Neck width and conductance", conductances), caption)


def plot_wire(
    folder: Path,
    frames: Sequence[Atoms],
    elongations_A: ArrayLike,
    transmissions: ArrayLike,
    *,
    exact: bool = True,
    name: str = "wire",
) -> Path:
    """Side views of a wire at several elongations, with the transmission at the Fermi energy under each.

    Parameters
    ----------
    folder : Path
    frames : sequence of ase.Atoms
        Transport along z, which is drawn from left to right. Atoms of the array ``electrode`` other than 0 are drawn paler.
    elongations_A, transmissions : float64[n_frames]
        Å; T(E_F).
    exact : bool
        Whether T was computed (NEGF) or predicted; the caption says which.
    """
    z, t = np.asarray(elongations_A, dtype=float), np.asarray(transmissions, dtype=float)
    if not len(frames) == z.size == t.size or not frames:
        raise InputError(
            f"pictures of {len(frames)} wires need as many elongations and transmissions, not {z.size} and {t.size}."
        )
    length, height = common_box(frames)
    with style():
        columns = 1 if len(frames) < 3 else 2
        rows = -(-len(frames) // columns)
        figure = new_figure(7.6, rows * (7.2 / columns * height / length + 0.5))
        places = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, atoms, elongation, transmission in zip(places, frames, z, t, strict=False):
            draw_wire(axes, atoms, length, height)
            axes.set_xlabel(rf"$\Delta z$ = {elongation:.1f} Å,   $T(E_\mathrm{{F}})$ = {transmission:.2f}")
        draw_scale_bar(places[0], length, height)
        for axes in places[len(frames) :]:
            axes.set_axis_off()
    source = "computed with NEGF" if exact else "predicted by the model"
    caption = (
        f"The wire at {len(frames)} elongations of one pull, seen from the side, electrodes pale; transmission at the Fermi "
        f"energy, {source}, under each."
    )
    return save_figure(folder, name, figure, {"elongation_A": z, "transmission": t}, "The wire during a pull", caption)


def integer_guides(axes: Axes, top: float) -> None:
    """Draw pale lines at whole conductance quanta."""
    for level in range(1, math.ceil(top)):
        axes.axhline(level, color=PALE, linewidth=0.8, zorder=0)


def _whole_above(values: Array) -> float:
    return float(max(2, math.ceil(float(np.max(values, initial=0.0)))))
