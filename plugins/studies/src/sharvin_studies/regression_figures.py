"""The two figures that every fitted model has, whatever the study: parity and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError
from sharvin.figures import BLUE, CYCLE, GREY, INK, ORANGE, new_figure, save_figure, style
from sharvin.figures.axes import plain_log_ticks, whole_number_ticks
from sharvin.numerics.error_measures import mean_absolute_error

SET_COLOURS = {"train": GREY, "validation": ORANGE, "test": BLUE}


def plot_parity(folder: Path, sets: Mapping[str, tuple[ArrayLike, ArrayLike]], *, name: str = "parity") -> Path:
    """Predicted against exact conductance.

    Parameters
    ----------
    folder : Path
    sets : mapping of str to (exact_G0, predicted_G0)
        Usually ``train``, ``validation``, ``test``, drawn in this order; empty sets are left out.
    """
    data: dict[str, ArrayLike] = {}
    bottom, top = 0.0, 0.0
    with style():
        figure = new_figure(5.2, 5.0)
        axes = figure.add_subplot()
        for order, (label, pair) in enumerate(sets.items()):
            exact, predicted = (np.asarray(values, dtype=float) for values in pair)
            if exact.size == 0:
                continue
            error = mean_absolute_error(predicted, exact)
            colour = SET_COLOURS.get(label, CYCLE[(order + 3) % len(CYCLE)])
            text = rf"{label}: MAE {error:.3f} $G_0$ ($n$ = {exact.size:,})"
            axes.scatter(exact, predicted, s=14, color=colour, alpha=0.6, linewidths=0, label=text, zorder=2 + order)
            data |= {f"{label}_exact_G0": exact, f"{label}_predicted_G0": predicted}
            bottom, top = min(bottom, float(predicted.min())), max(top, float(exact.max()), float(predicted.max()))
        if not data:
            raise InputError("a parity figure needs at least one set with samples.")
        ends = (1.05 * bottom, 1.05 * top)
        axes.plot(ends, ends, color=INK, linewidth=0.9, zorder=1)
        axes.set(xlabel=r"exact conductance ($G_0$)", ylabel=r"predicted conductance ($G_0$)", xlim=ends, ylim=ends)
        axes.set_aspect("equal")
        axes.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.1, markerscale=1.6)
    caption = "Predicted against exact conductance of each labelled structure; on the line both agree. MAE: mean absolute error."
    return save_figure(folder, name, figure, data, "Predicted and exact conductance", caption)


def plot_learning_curves(folder: Path, curves: Mapping[str, Sequence[float]], *, name: str = "learning_curves") -> Path:
    """Learning curves, one panel per quantity.

    Parameters
    ----------
    folder : Path
    curves : mapping of str to sequence of float
        As a regressor's ``fit`` returns them: ``train_mae``, ``validation_mae`` …, one value per epoch. What stands before
        the first underscore is the set; the rest is the quantity. Quantities ending in ``mae`` or ``rmse`` are in G0.
    """
    panels: dict[str, dict[str, NDArray[np.float64]]] = {}
    for key, values in curves.items():
        part, _, quantity = key.partition("_")
        known = quantity and part in (*SET_COLOURS, "val")
        panels.setdefault(quantity if known else key, {})[part if known else ""] = np.asarray(values, dtype=float)
    if not panels:
        raise InputError("a figure of learning curves needs at least one curve.")
    with style():
        figure = new_figure(6.4, 1.2 + 2.6 * len(panels))
        for axes, (quantity, by_set) in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels.items(), strict=True):
            for order, (part, curve) in enumerate(by_set.items()):
                colour, marker = SET_COLOURS.get(part, CYCLE[order % len(CYCLE)]), "o" if len(curve) < 15 else ""
                axes.plot(np.arange(1, len(curve) + 1), curve, color=colour, marker=marker, label=part or None)
            if all(np.all(curve > 0) for curve in by_set.values()):
                axes.set_yscale("log")
                plain_log_ticks(axes.yaxis)
            if any(by_set):
                axes.legend(loc="best")
            axes.set(xlabel="epoch", ylabel=_with_unit(quantity))
            whole_number_ticks(axes.xaxis)
    longest = max(len(values) for values in curves.values())
    caption = f"Error of the model on each set of structures during {longest} epochs of training."
    data: dict[str, ArrayLike] = {"epoch": np.arange(1, longest + 1), **curves}
    return save_figure(folder, name, figure, data, "Learning curves", caption)


def _with_unit(quantity: str) -> str:
    text = quantity.replace("_", " ")
    for short in ("mae", "rmse"):
        if quantity.endswith(short):
            return rf"{text.replace(short, short.upper())} ($G_0$)"
    return text
