"""Figure of error against labels spent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike
from sharvin.figures import INK, new_figure, save_figure, series_style, style
from sharvin.figures.axes import plain_log_ticks

from sharvin_studies.break_junction.figures.errors import MAE, draw_error_line
from sharvin_studies.break_junction.label_curve.curve import LabelCurve, how_tested
from sharvin_studies.statistics.prediction_errors import ErrorEstimate

DASHES = ("--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)))


def plot_error_against_labels(folder: Path, curve: LabelCurve, name: str = "error_labels") -> Path:
    """Mean absolute error of all models against the number of labels spent, and of Hamiltonians that learn nothing.

    Both axes are logarithmic. A model is a line, with 95 % bootstrap intervals over pulls as bars; small dots are single draws of
    the labels, where there are several. What is not fitted is a horizontal line with its interval as a band.
    """
    with style():
        figure = new_figure(7.2, 5.0)
        axes = figure.add_subplot()
        for order, model in enumerate(curve.models):
            points = curve.of(model)
            beside = 1.03 ** (order - 0.5 * (len(curve.models) - 1))
            labels = beside * np.array([point.labels for point in points])
            draw_error_line(axes, labels, [point.error for point in points], order, model)
            for at, point in zip(labels, points, strict=True):
                if len(point.draws_mae_G0) > 1:
                    each = point.draws_mae_G0
                    axes.plot([at] * len(each), each, ".", markersize=3, color=series_style(order)["color"], alpha=0.6)
        for order, (label, error) in enumerate(curve.baselines.items()):
            _horizontal(axes, label, error, order)
        axes.set(xscale="log", yscale="log", xlabel="labels spent", ylabel=MAE)
        least = min(point.error.mae_G0 for point in curve.points)
        axes.set_ylim(bottom=max(axes.get_ylim()[0], 0.3 * least))  # a Hamiltonian may agree with its own labels to all digits
        counts = sorted({point.labels for point in curve.points})
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.xaxis.set_minor_locator(NullLocator())
        plain_log_ticks(axes.yaxis)
        figure.legend(loc="outside upper center", ncols=3, fontsize=9)
    several = " Dots: single draws of the labels." if any(len(point.draws_mae_G0) > 1 for point in curve.points) else ""
    without = " Horizontal: Hamiltonians that learn nothing, with their intervals." if curve.baselines else ""
    caption = (
        f"Mean absolute error against the number of labels spent, to learn from and to validate. {how_tested(curve)} Bars: 95 % "
        f"bootstrap interval over pulls; symbols of one number are drawn side by side.{several}{without}"
    )
    return save_figure(folder, name, figure, _columns(curve), "Error against labels spent", caption)


def _horizontal(axes: Axes, label: str, error: ErrorEstimate, order: int) -> None:
    shade = 0.35 + 0.5 * order / (order + 2)
    axes.axhline(error.mae_G0, linestyle=DASHES[order % len(DASHES)], color=INK, alpha=1.2 - shade, linewidth=1.3, label=label)
    if math.isfinite(error.lower_G0):
        axes.axhspan(error.lower_G0, error.upper_G0, color=INK, alpha=0.07, linewidth=0)


def _columns(curve: LabelCurve) -> dict[str, ArrayLike]:
    """A row for each model and number of labels, then one for each Hamiltonian that learns nothing, with 0 labels."""
    rows = list(_rows(curve))
    names = (
        "model",
        "labels",
        "validation_labels",
        "mae_G0",
        "mae_lower_G0",
        "mae_upper_G0",
        "test_pulls",
        "lowest_draw_G0",
        "highest_draw_G0",
    )
    return {name: np.array([row[place] for row in rows]) for place, name in enumerate(names)}


def _rows(curve: LabelCurve) -> Iterator[tuple[str | float, ...]]:
    for point in curve.points:
        error, each = point.error, point.draws_mae_G0
        numbers = (error.mae_G0, error.lower_G0, error.upper_G0, error.pulls, min(each), max(each))
        yield point.model, point.labels, point.validation, *numbers
    for name, error in curve.baselines.items():
        yield name, 0, 0, error.mae_G0, error.lower_G0, error.upper_G0, error.pulls, error.mae_G0, error.mae_G0
