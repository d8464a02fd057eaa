"""Ranges of conductance in which errors and scatter are told apart: the last plateau, narrow necks, wide necks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

BOUNDS_G0 = (1.2, 3.0)
"""Where one range ends and the next begins, in G0: errors grow from the last plateau of one channel to wide necks."""
RANGES = ("< 1.2 G0", "1.2–3 G0", "> 3 G0")
"""Names of the ranges; each holds its lower bound."""


def in_range(conductance_G0: ArrayLike, name: str) -> NDArray[np.bool_]:
    """Which conductances in G0 lie in the range of this name, bool[n]."""
    return np.asarray(np.digitize(np.asarray(conductance_G0, dtype=np.float64), BOUNDS_G0) == RANGES.index(name))
