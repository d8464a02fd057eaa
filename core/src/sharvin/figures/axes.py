"""Axes that a reader can read: numbers on logarithmic axes, counted quantities, frames, thresholds.

The rules that all figures share. Every function takes a matplotlib axis or axes and changes its ticks or limits only.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogFormatterMathtext, LogLocator, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import ArrayLike

PLAIN_DECADES = 4
"""Logarithmic axes of at most as many decades are labelled 0.01, 0.1, 1; longer ones with powers of ten."""


def plain_log_ticks(axis: Axis) -> None:
    """Label a logarithmic axis in one notation, with at least two numbers: 0.2, 0.5, 1 and never 1 beside 2 × 10⁻¹.

    Limits must be set before. Colour bars have such axes as well (``bar.ax.yaxis``).

    Parameters
    ----------
    axis : matplotlib.axis.Axis
        ``axes.xaxis`` or ``axes.yaxis``.
    """
    low, high = sorted(axis.get_view_interval())
    if not 0 < low < high:
        return
    decades = math.log10(high / low)
    axis.set_minor_formatter(NullFormatter())
    if decades < math.log10(6.0):  # fewer than three of 1, 2 and 5 may lie between the limits
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter("{x:g}")
    elif decades <= 2.0:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_minor_locator(LogLocator(subs=tuple(range(1, 10))))
        axis.set_major_formatter("{x:g}")
    else:
        axis.set_major_locator(LogLocator(numticks=8))
        axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10)), numticks=8 if decades > 7 else 100))
        axis.set_major_formatter("{x:g}" if decades <= PLAIN_DECADES and low > 0.9e-4 else LogFormatterMathtext())


def whole_number_ticks(axis: Axis, most: int = 6) -> None:
    """Ticks at whole numbers only, for what is counted: atoms, epochs, frames."""
    axis.set_major_locator(MaxNLocator(nbins=most, integer=True, min_n_ticks=1))


def frame_axis(axes: Axes, frames: ArrayLike) -> None:
    """Make x an axis of frame numbers, which a single frame does not stretch over fractions of one.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    frames : int[n]
        Numbers of the frames shown.
    """
    numbers = np.asarray(frames, dtype=float)
    pad = max(0.5, 0.02 * float(np.ptp(numbers))) if numbers.size else 0.5
    first, last = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    axes.set_xlim(first - pad, last + pad)
    axes.set_xlabel("frame")
    if numbers.size == 1:
        axes.set_xticks([first])
    else:
        whole_number_ticks(axes.xaxis)


def room_for_one(axes: Axes, x: ArrayLike, room: float = 0.5) -> None:
    """Widen the x axis to `room` on either side where all values are the same, so that it is not 1 % of a unit wide."""
    values = np.asarray(x, dtype=float)
    if values.size and float(np.ptp(values)) == 0.0:
        axes.set_xlim(float(values[0]) - room, float(values[0]) + room)


def from_zero(axes: Axes, highest: float, least_top: float = 1.0) -> None:
    """Let y run from 0 to a tenth above the highest value, and to `least_top` where all values are 0."""
    axes.set_ylim(0.0, 1.1 * highest if math.isfinite(highest) and highest > 0 else least_top)
