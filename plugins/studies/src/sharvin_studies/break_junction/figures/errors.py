"""Errors of the models of a break-junction study: while they learn, on every test set and wire, against the data learnt from.

Every function takes plain arrays, :class:`~sharvin_studies.statistics.prediction_errors.Predicted` or errors that were computed
before (:class:`~sharvin_studies.statistics.prediction_errors.ErrorEstimate`) by name and the run folder, draws one figure, saves
it with its data by :func:`sharvin.figures.save_figure`, and returns the path of the PNG. Intervals are 95 % bootstrap intervals
over pulls; a test set of one pull has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter
from sharvin.errors import InputError
from sharvin.figures import BLUE, CYCLE, GREY, INK, MARKERS, new_figure, save_figure, series_style, style
from sharvin.figures.axes import plain_log_ticks, whole_number_ticks

from sharvin_studies.statistics.histograms import count_pairs
from sharvin_studies.statistics.prediction_errors import ErrorEstimate, Predicted

MAE = r"MAE ($G_0$)"

Array = NDArray[np.float64]


def plot_learning_curves_of_fits(
    folder: Path, *, fits: Mapping[str, Mapping[str, Sequence[float]]], name: str = "learning_curves_of_fits"
) -> Path:
    """Training and validation error against the epoch, one panel per fit, all with the same logarithmic error axis.

    Parameters
    ----------
    folder : Path
    fits : mapping of str to mapping of str to sequence of float
        Learning curves as a regressor's ``fit`` returns them; ``train_mae`` and ``validation_mae`` are shown, in G0. Epochs with
        nan, as of a fit that diverged, are left open.
    """
    shown = {label: {key: np.asarray(curves.get(key, ()), dtype=float) for key in _CURVES} for label, curves in fits.items()}
    for label, curves in shown.items():
        if not any(curve.size for curve in curves.values()):
            raise InputError(f"fit {label!r} has neither train_mae nor validation_mae; leave it out.")
    if not shown:
        raise InputError("a figure of learning curves needs at least one fit.")
    data: dict[str, ArrayLike] = {}
    with style():
        figure, places = panels(len(shown), 1 if len(shown) == 1 else 2 if len(shown) <= 4 else 4, 3.0, 2.5, sharey=True)
        for axes, (label, curves) in zip(places, shown.items(), strict=False):
            for key, (part, colour) in _CURVES.items():
                curve = np.where((curves[key] > 0) & np.isfinite(curves[key]), curves[key], np.nan)
                marker = "o" if len(curve) < 3 else ""
                axes.plot(np.arange(1, len(curve) + 1), curve, color=colour, linewidth=1.1, marker=marker, label=part)
                data[f"{label} {key}_G0"] = curves[key]
            axes.set_title(f"{label}\n{_mark_best(axes, curves['validation_mae'])}", fontsize=9.5)
            axes.set(yscale="log", xlabel="epoch")
            axes.set_xlim(right=max(axes.get_xlim()[1], 2.0), left=0.0)
            whole_number_ticks(axes.xaxis, 4)
        for axes in places[:: 1 if len(shown) == 1 else 2 if len(shown) <= 4 else 4]:
            axes.set_ylabel(MAE)
        plain_log_ticks(places[0].yaxis)
        found = {text: line for axes in places for line, text in zip(*axes.get_legend_handles_labels(), strict=True)}
        figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=3)
    caption = (
        f"Mean absolute error of {_counted(len(shown), 'fit')} during training, on the structures learnt from and on those kept "
        "for validation; the circle marks the least validation error, whose value and epoch stand above the panel."
    )
    return save_figure(folder, name, figure, data, "Learning curves of the fits", caption)


_CURVES = {"train_mae": ("train", GREY), "validation_mae": ("validation", BLUE)}


def _mark_best(axes: Axes, curve: Array) -> str:
    """Draw the circle; returns what stands above the panel."""
    if not np.isfinite(curve).any():
        return "no finite validation error"
    best = int(np.nanargmin(curve))
    axes.plot(best + 1, curve[best], "o", markersize=6, markerfacecolor="none", color=INK, label="least validation error")
    return rf"{curve[best]:.3f} $G_0$ at epoch {best + 1:,}"


def plot_model_errors(
    folder: Path,
    *,
    group_split: Mapping[str, Mapping[str, ErrorEstimate]],
    random_split: Mapping[str, Mapping[str, ErrorEstimate]] | None = None,
    name: str = "model_errors",
) -> Path:
    """Mean absolute error of every model on every test set; models that were split at random beside, hatched.

    Parameters
    ----------
    folder : Path
    group_split : mapping of model to mapping of test set to ErrorEstimate
        Models whose test pulls were held out as a whole. A test set that a model lacks is left open.
    random_split : likewise, optional
        The same models trained on snapshots split at random, so that neighbours of a test snapshot were learnt from.
    """
    splits = {"group": group_split, "random": random_split or {}}
    models = list(dict.fromkeys(model for by_model in splits.values() for model in by_model))
    tests = list(dict.fromkeys(test for by_model in splits.values() for sets in by_model.values() for test in sets))
    if not tests:
        raise InputError("a figure of errors needs at least one model with one test set.")
    split_names = [split for split, by_model in splits.items() if by_model]
    slots = [(model, split) for model in models for split in split_names if model in splits[split]]
    width = min(0.84 / len(slots), 0.25)
    rows: list[tuple[str, str, str, ErrorEstimate]] = []
    with style():
        figure = new_figure(min(12.0, max(6.4, 1.8 + 0.34 * len(slots) * len(tests) + 0.5 * len(tests))), 4.4)
        axes = figure.add_subplot()
        for place, test in enumerate(tests):
            for slot, (model, split) in enumerate(slots):
                if test not in splits[split][model]:
                    continue
                found = splits[split][model][test]
                rows.append((model, test, split, found))
                at = place + (slot - 0.5 * (len(slots) - 1)) * width
                _bar(axes, at, 0.9 * width, found, _bar_colour(models.index(model)), hatched=split == "random")
        axes.set_xticks(range(len(tests)), [_under_bars(test, rows) for test in tests])
        axes.tick_params(axis="x", length=0)
        axes.set(ylabel=MAE, xlim=(-0.55, len(tests) - 0.45))
        axes.set_ylim(bottom=0)
        handles = [Patch(facecolor=_bar_colour(order), label=model) for order, model in enumerate(models)]
        if "random" in split_names:
            handles.append(Patch(facecolor="white", edgecolor=INK, hatch="////", label="snapshots split at random"))
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles) if len(handles) <= 4 else 3, fontsize=9)
    estimates = [row[3] for row in rows]
    data: dict[str, ArrayLike] = {
        "model": np.array([row[0] for row in rows]),
        "test_set": np.array([row[1] for row in rows]),
        "split": np.array([row[2] for row in rows]),
        **_columns(estimates),
    }
    hatched = "; hatched: after a split of snapshots at random, which leaves neighbours of test snapshots to learn from"
    caption = (
        "Mean absolute error on each test set. Bars: models that never saw a snapshot of a test pull"
        f"{hatched if 'random' in split_names else ''}. Lines: 95 % bootstrap interval over whole pulls, none for a single "
        "pull."
    )
    return save_figure(folder, name, figure, data, "Errors of the models", caption)


def _bar_colour(order: int) -> tuple[float, float, float]:
    """The colours of all figures, then the same ones paler."""
    red, green, blue = to_rgb(CYCLE[order % len(CYCLE)])
    paler = 0.0 if order < len(CYCLE) else 0.55
    return red + paler * (1 - red), green + paler * (1 - green), blue + paler * (1 - blue)


def _bar(axes: Axes, at: float, width: float, found: ErrorEstimate, colour: tuple[float, float, float], *, hatched: bool) -> None:
    look: dict[str, Any] = {"facecolor": "white", "edgecolor": colour, "hatch": "////"} if hatched else {"color": colour}
    axes.bar(at, found.mae_G0, width, linewidth=1.0, zorder=2, **look)
    if math.isfinite(found.lower_G0):
        reach = [[max(found.mae_G0 - found.lower_G0, 0.0)], [max(found.upper_G0 - found.mae_G0, 0.0)]]
        axes.errorbar(at, found.mae_G0, reach, fmt="none", ecolor=INK, elinewidth=1.0, capsize=2.5, zorder=3)


def _under_bars(test: str, rows: Sequence[tuple[str, str, str, ErrorEstimate]]) -> str:
    pulls = sorted({row[3].pulls for row in rows if row[1] == test})
    return f"{test}\n({'–'.join(str(n) for n in dict.fromkeys((pulls[0], pulls[-1])))} pull{'s' if pulls[-1] > 1 else ''})"


def plot_parity_by_wire(
    folder: Path,
    *,
    wires: Mapping[str, Predicted],
    errors: Mapping[str, ErrorEstimate],
    model: str,
    name: str = "parity_by_wire",
) -> Path:
    """Predicted against exact conductance of one model, one panel per wire.

    Points are coloured by the predicted standard deviation if every set has one, else by their density.

    Parameters
    ----------
    folder : Path
    wires : mapping of str to Predicted
    errors : mapping of str to ErrorEstimate
        Of every wire.
    model : str
        What the model is called, for title and caption.
    """
    if not wires or not all(len(found) and label in errors for label, found in wires.items()):
        raise InputError("a parity figure needs at least one wire, and predictions and their error of every one.")
    with_std = all(found.std_G0 is not None for found in wires.values())
    everything = np.concatenate([values for found in wires.values() for values in (found.exact_G0, found.predicted_G0)])
    ends = (min(0.0, 1.05 * float(everything.min())), 1.05 * float(everything.max()))
    shades = {
        label: _point_density(found, ends) if not with_std or found.std_G0 is None else found.std_G0
        for label, found in wires.items()
    }
    norm = _colour_range(np.concatenate(list(shades.values())), with_std)
    data: dict[str, ArrayLike] = {}
    with style():
        figure, places = panels(len(wires), min(len(wires), 3), 3.3, 3.2, sharey=True)
        for axes, (label, found) in zip(places, wires.items(), strict=False):
            order = np.argsort(shades[label], kind="stable")
            axes.scatter(
                found.exact_G0[order],
                found.predicted_G0[order],
                c=shades[label][order],
                norm=norm,
                s=9,
                cmap="viridis_r",
                linewidths=0,
                rasterized=True,
                zorder=2,
            )
            axes.plot(ends, ends, color=INK, linewidth=0.9, zorder=3)
            of = f"{label} ({_counted(found.pulls, 'pull')}, {len(found):,} labels)"
            axes.set_title(f"{of}\n{_with_interval(errors[label])}", fontsize=9.5)
            axes.set(xlim=ends, ylim=ends, xlabel=r"exact conductance ($G_0$)", aspect="equal")
            for axis in (axes.xaxis, axes.yaxis):
                whole_number_ticks(axis)
            data |= {f"{label} {key}": getattr(found, key) for key in ("pull", "exact_G0", "predicted_G0")}
            if found.std_G0 is not None:
                data[f"{label} std_G0"] = found.std_G0
        for axes in places[:: min(len(wires), 3)]:
            axes.set_ylabel(r"predicted conductance ($G_0$)")
        label = r"predicted standard deviation ($G_0$)" if with_std else "density of points (1/$G_0^2$)"
        bar = figure.colorbar(ScalarMappable(norm, "viridis_r"), ax=list(places), pad=0.02, aspect=30, label=label)
        if isinstance(norm, LogNorm):
            plain_log_ticks(bar.ax.yaxis)
    caption = (
        f"Conductances of full wires predicted by {model} against exact ones, snapshot by snapshot; on the line both agree. MAE: "
        "mean absolute error, in brackets its 95 % bootstrap interval over pulls. Colour: "
        + ("predicted standard deviation." if with_std else "density of points.")
    )
    return save_figure(folder, name, figure, data, f"Predicted and exact conductance of full wires: {model}", caption)


def _point_density(found: Predicted, ends: tuple[float, float], cells: int = 120) -> Array:
    """Density of points in 1/G0² at each point, from a fine histogram smoothed by two cells."""
    edges = np.linspace(*ends, cells + 1)
    counts = count_pairs(found.exact_G0, found.predicted_G0, edges, edges).astype(np.float64)
    smooth = gaussian_filter(counts, 2.0, mode="constant") / (len(found) * (edges[1] - edges[0]) ** 2)
    at = [np.clip(np.searchsorted(edges, v, side="right") - 1, 0, cells - 1) for v in (found.exact_G0, found.predicted_G0)]
    return np.asarray(smooth[at[0], at[1]])


def _colour_range(values: Array, with_std: bool) -> Normalize:
    low, high = (float(value) for value in np.quantile(values, [0.0 if not with_std else 0.01, 1.0 if not with_std else 0.99]))
    if with_std and (low <= 0 or high / max(low, 1e-12) < 5):
        return Normalize(low, max(high, low + 1e-6))
    return LogNorm(low, max(high, 1.001 * low))


def plot_error_against_pulls(
    folder: Path,
    *,
    training_pulls: Sequence[int],
    training_labels: Sequence[int],
    test_sets: Mapping[str, Sequence[ErrorEstimate]],
    name: str = "error_training_pulls",
) -> Path:
    """Mean absolute error against the number of training pulls, one line per test set.

    Parameters
    ----------
    folder : Path
    training_pulls, training_labels : sequence of int, of length n_fits
        How many pulls and labelled snapshots each fit learnt from. Several fits may have the same number of pulls: then the line
        passes through their mean.
    test_sets : mapping of str to sequence of ErrorEstimate, of length n_fits
    """
    pulls, labels = np.asarray(training_pulls, dtype=int), np.asarray(training_labels, dtype=int)
    complete = len(pulls) > 0 and all(len(column) == len(pulls) for column in (labels, *test_sets.values()))
    if not (test_sets and complete):
        raise InputError("error against training pulls needs pulls, labels and the error on every test set of each fit.")
    data: dict[str, ArrayLike] = {"training_pulls": pulls, "training_labels": labels}
    with style():
        figure = new_figure(6.4, 4.4)
        axes = figure.add_subplot()
        for order, (label, found) in enumerate(test_sets.items()):
            beside = 1.025 ** (order - 0.5 * (len(test_sets) - 1))
            draw_error_line(axes, pulls * beside, found, order, f"{label} ({_counted(found[0].pulls, 'pull')})")
            data |= _columns(found, label)
        axes.set(xscale="log", yscale="log", ylabel=MAE, xlabel="training pulls (labels)")
        sizes = np.unique(pulls)
        axes.set_xticks(sizes, [f"{n}\n({labels[pulls == n].mean():,.0f})" for n in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        plain_log_ticks(axes.yaxis)
        figure.legend(loc="outside upper center", ncols=min(len(test_sets), 2), fontsize=9)
    caption = (
        "Mean absolute error against the number of training pulls, with the number of labelled snapshots below. Bars: 95 % "
        "bootstrap interval over the test pulls; lines pass through the mean of fits to as many "
        "pulls. Symbols of one number of pulls are drawn side by side."
    )
    return save_figure(folder, name, figure, data, "Error against training pulls", caption)


def draw_error_line(axes: Axes, x: NDArray[Any], found: Sequence[ErrorEstimate], order: int, label: str) -> None:
    """Draw errors with intervals against `x`; where several share one x, the line passes through their mean."""
    look = series_style(order)
    mae = np.array([one.mae_G0 for one in found])
    places = np.unique(x)
    axes.plot(places, [mae[x == place].mean() for place in places], zorder=2, linewidth=1.4, **look)
    ends = np.array([(one.mae_G0 - one.lower_G0, one.upper_G0 - one.mae_G0) for one in found]).T
    axes.errorbar(
        x,
        mae,
        np.clip(np.nan_to_num(ends), 0.0, None),
        fmt=MARKERS[order % len(MARKERS)],
        color=look["color"],
        markersize=5,
        elinewidth=0.9,
        capsize=2.5,
        label=label,
        zorder=3,
    )


def _columns(found: Sequence[ErrorEstimate], label: str = "") -> dict[str, ArrayLike]:
    before = f"{label} " if label else ""
    fields = ("mae_G0", "lower_G0", "upper_G0", "pulls", "snapshots")
    return {
        f"{before}{'mae_' if field.startswith(('lower', 'upper')) else 'test_' if field in fields[3:] else ''}{field}": np.array(
            [getattr(one, field) for one in found]
        )
        for field in fields
    }


def _with_interval(found: ErrorEstimate) -> str:
    interval = f" ({found.lower_G0:.3f}–{found.upper_G0:.3f})" if math.isfinite(found.lower_G0) else ""
    return f"MAE {found.mae_G0:.3f}{interval} $G_0$"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def panels(count: int, columns: int, width: float, height: float, *, sharey: bool) -> tuple[Figure, NDArray[Any]]:
    """Figure and axes row by row; the ones too many are removed."""
    rows = -(-count // columns)
    figure = new_figure(max(width * columns + 0.6, 4.6), max(height * rows + 0.5, 3.6))
    places = figure.subplots(rows, columns, squeeze=False, sharey=sharey).ravel()
    for axes in places[count:]:
        axes.remove()
    return figure, places[:count]
