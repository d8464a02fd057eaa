"""Picture of ``sharvin predict``: conductance along each file, with its standard deviation and the frames to beware of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure
from sharvin.figures import CYCLE, GREY, VERMILLION, new_figure, style
from sharvin.figures.axes import frame_axis, room_for_one

MAX_CURVES = 5
"""Curves with a colour of their own; VERMILLION marks frames outside."""


class Curve(Protocol):
    """Predictions along one file, nan where there is none."""

    label: str
    frame: list[int]
    elongation_A: list[float]
    conductance_G0: list[float]
    std_G0: list[float]
    score: list[float]


def draw_predictions(curves: Sequence[Curve]) -> Figure:
    """Conductance against elongation where every frame states it, else against the number of the frame.

    Bands are one standard deviation wide on either side; open circles are frames outside the training distribution.
    """
    colours = [colour for colour in CYCLE if colour != VERMILLION]
    stretched = all(np.isfinite(curve.elongation_A).all() for curve in curves)
    few = len(curves) <= MAX_CURVES
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        strange: list[tuple[float, float]] = []
        for number, curve in enumerate(curves):
            x = np.asarray(curve.elongation_A if stretched else curve.frame, dtype=float)
            G, std = np.asarray(curve.conductance_G0), np.asarray(curve.std_G0)
            colour = colours[number % len(colours)] if few else GREY
            marker = "o" if len(x) < 30 else ""
            width = 1.6 if few else 0.6
            axes.plot(x, G, color=colour, marker=marker, markersize=4, linewidth=width, label=curve.label if few else None)
            if np.isfinite(std).any():
                axes.fill_between(x, G - std, G + std, color=colour, alpha=0.25, linewidth=0)
            outside = np.asarray(curve.score) > 1.0
            strange += zip(x[outside], G[outside], strict=True)
        if strange:
            label = "outside the training distribution"
            axes.plot(*np.transpose(strange), "o", markerfacecolor="none", color=VERMILLION, markersize=7, label=label)
        axes.set(xlabel="elongation (Å)", ylabel=r"predicted conductance ($G_0$)")
        places = np.concatenate([np.asarray(curve.elongation_A if stretched else curve.frame, dtype=float) for curve in curves])
        if stretched:
            room_for_one(axes, places)
        else:
            frame_axis(axes, places)
        known = any(np.isfinite(curve.conductance_G0).any() for curve in curves)
        axes.set_ylim(*((min(0.0, axes.get_ylim()[0]), None) if known else (0.0, 1.0)))
        if few or strange:
            axes.legend()
    return figure
