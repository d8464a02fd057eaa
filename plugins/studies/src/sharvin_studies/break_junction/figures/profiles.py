"""Conductance profile of one pull, exact and predicted, with pictures of the wire.

As in :mod:`sharvin_studies.break_junction.figures.pulls`: plain arrays in, a PNG with its data out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError
from sharvin.figures import BLUE, GREEN, INK, PALE, VERMILLION, new_figure, save_figure, style

from sharvin_studies.wire_pictures import common_box, draw_scale_bar, draw_wire

Array = NDArray[np.float64]


def plot_conductance_profile(
    folder: Path,
    *,
    elongation_A: ArrayLike,
    exact_G0: ArrayLike,
    predicted_G0: ArrayLike | None = None,
    std_G0: ArrayLike | None = None,
    force_nN: ArrayLike | None = None,
    points: Sequence[int] = (),
    pictures: Sequence[Atoms] = (),
    name: str = "conductance_profile",
) -> Path:
    """Conductance of one pull against elongation, exact and predicted, with pictures of the wire at chosen points below.

    Parameters
    ----------
    folder : Path
    elongation_A : float64[n_points]
        Ascending.
    exact_G0 : float64[n_points]
        nan at frames without a label.
    predicted_G0, std_G0 : float64[n_points], optional
        Prediction and its standard deviation, drawn as a band of two standard deviations either way.
    force_nN : float64[n_points], optional
        Tension in the wire, on a second axis.
    points : sequence of int
        Frames marked a, b, c …
    pictures : sequence of ase.Atoms
        The wire at each of them; transport along z.
    """
    x, exact = np.asarray(elongation_A, dtype=float), np.asarray(exact_G0, dtype=float)
    columns = {"predicted_G0": predicted_G0, "std_G0": std_G0, "force_nN": force_nN}
    given = {key: np.asarray(values, dtype=float) for key, values in columns.items() if values is not None}
    if not x.size or any(values.shape != x.shape for values in (exact, *given.values())):
        raise InputError(f"a conductance profile of {x.size} elongations needs as many values of all else, and at least one.")
    if not np.isfinite(x).all() or np.any(np.diff(x) < 0):
        raise InputError("the elongations of a conductance profile must be finite and ascend.")
    if "std_G0" in given and "predicted_G0" not in given:
        raise InputError("a predicted standard deviation needs the prediction it belongs to.")
    if len(points) != len(pictures) or len(points) > 26 or any(not 0 <= point < x.size for point in points):
        raise InputError(f"a conductance profile needs one picture for each of at most 26 marked frames below {x.size}.")
    length, height = common_box(pictures) if pictures else (1.0, 1.0)
    across = 1 if len(pictures) < 2 else 2
    rows = -(-len(pictures) // across)
    each = (3.6 if across == 2 else 5.0) * height / length + 0.42
    letters = [chr(ord("a") + order) for order in range(len(points))]
    with style():
        figure = new_figure(7.6, 3.6 + rows * each)
        if pictures:
            above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(3.6, rows * each))[:, 0]
            places = below.subplots(rows, across, squeeze=False).ravel()
            _draw_pictures(places, letters, pictures, x[list(points)], _known(exact, given)[list(points)], (length, height))
            axes = above.subplots()
        else:
            axes = figure.subplots()
        _draw_profile(axes, x, exact, given)
        _mark_points(axes, letters, x[list(points)], _known(exact, given)[list(points)])
    data: dict[str, ArrayLike] = {"elongation_A": x, "exact_G0": exact, **given}
    data |= {"marked_letter": np.array(letters), "marked_frame": np.array(points, dtype=int)} if letters else {}
    caption = _profile_caption(exact, given, pictures)
    return save_figure(folder, name, figure, data, "Conductance profile of one pull", caption)


def _known(exact: Array, given: Mapping[str, Array]) -> Array:
    """Exact where there is a label, else predicted."""
    return np.where(np.isfinite(exact), exact, given["predicted_G0"]) if "predicted_G0" in given else exact


def _draw_profile(axes: Axes, x: Array, exact: Array, given: Mapping[str, Array]) -> None:
    labelled = np.isfinite(exact)
    highest = [exact[labelled]]
    axes.plot(x[labelled], exact[labelled], "o-", color=VERMILLION, markersize=3, linewidth=0.8, label="exact (NEGF)", zorder=4)
    if "predicted_G0" in given:
        predicted = given["predicted_G0"]
        axes.plot(x, predicted, color=BLUE, linewidth=1.3, label="predicted", zorder=3)
        highest.append(predicted[np.isfinite(predicted)])
        if "std_G0" in given:
            std = given["std_G0"]
            axes.fill_between(
                x, predicted - 2 * std, predicted + 2 * std, color=BLUE, alpha=0.22, linewidth=0, label=r"$\pm 2\sigma$", zorder=2
            )
    top = math.ceil(1.1 * max(float(np.max(np.concatenate(highest), initial=1.0)), 1.0))
    for level in range(1, top):
        axes.axhline(level, color=PALE, linewidth=0.8, zorder=0)
    pad = 0.03 * float(np.ptp(x)) or 0.5
    axes.set(xlabel="elongation (Å)", ylabel=r"conductance $G$ ($G_0$)", ylim=(0, top), xlim=(x.min() - pad, x.max() + pad))
    handles, names = axes.get_legend_handles_labels()
    if "force_nN" in given:
        right = axes.twinx()
        right.plot(x, given["force_nN"], color=GREEN, linewidth=0.9, alpha=0.8, label="tension")
        right.set_ylabel("tension (nN)", color=GREEN)
        right.spines["right"].set_visible(True)
        right.tick_params(axis="y", colors=GREEN)
        axes.set_zorder(right.get_zorder() + 1)
        axes.patch.set_visible(False)
        handles, names = [*handles, *right.get_lines()], [*names, "tension"]
    axes.legend(handles, names, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)


def _mark_points(axes: Axes, letters: Sequence[str], x: Array, y: Array) -> None:
    """Rings with their letters, which stay inside the axes: left of a ring near the right end, below one near the top."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for letter, at, value in zip(letters, x, y, strict=True):
        level = value if math.isfinite(value) else 0.0
        axes.plot(at, level, "o", markersize=8, markerfacecolor="none", color=INK, markeredgewidth=1.2, zorder=6, clip_on=False)
        side, high = (-1 if at > right - 0.1 * (right - left) else 1), level > top - 0.12 * (top - bottom)
        axes.annotate(
            letter,
            (at, level),
            xytext=(5 * side, -6 if high else 6),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="top" if high else "bottom",
            fontweight="bold",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            zorder=7,
        )


def _draw_pictures(
    places: Sequence[Axes],
    letters: Sequence[str],
    pictures: Sequence[Atoms],
    x: Array,
    conductance: Array,
    box: tuple[float, float],
) -> None:
    for axes, letter, atoms, at, value in zip(places, letters, pictures, x, conductance, strict=False):
        draw_wire(axes, atoms, *box)
        known = rf",   $G$ = {value:.2f} $G_0$" if math.isfinite(value) else ""
        axes.set_title(rf"$\bf{{{letter}}}$   $\Delta z$ = {at:.1f} Å{known}", fontsize=10)
    for axes in places[len(pictures) :]:
        axes.set_axis_off()
    draw_scale_bar(places[0], *box)


def _profile_caption(exact: Array, given: Mapping[str, Array], pictures: Sequence[Atoms]) -> str:
    labelled = np.isfinite(exact)
    caption = f"Conductance of one pull at {exact.size:,} snapshots, {np.count_nonzero(labelled):,} of them with an exact label."
    if "predicted_G0" in given:
        difference = np.abs(given["predicted_G0"] - exact)
        known = np.isfinite(difference)
        if known.any():
            caption += f" Mean absolute error of the prediction {difference[known].mean():.3f} G0."
    if "std_G0" in given:
        caption += " Shaded: two predicted standard deviations either way."
    if "force_nN" in given:
        caption += " Green: tension, right axis."
    if pictures:
        pale = ", electrodes pale" if any("electrode" in atoms.arrays for atoms in pictures) else ""
        caption += (
            f" Below: the wire at {'each marked point' if len(pictures) > 1 else 'the marked point'}, seen from the side{pale}."
        )
    return caption
