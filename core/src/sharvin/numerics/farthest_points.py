"""Farthest-point sampling: few points that cover many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def farthest_points(points: Floats, count: int) -> tuple[Integers, float]:
    """Indices of at most `count` different points, each the farthest from all before it, and the radius that they cover.

    No point is chosen twice: where fewer than `count` differ, all that differ are chosen.

    Parameters
    ----------
    points : float64[n, d]
        The first one is chosen first.
    count : int

    Returns
    -------
    int64[min(count, number of different points)], float
        No point is further than the radius from a chosen one.
    """
    distance = np.full(len(points), np.inf)
    chosen: list[int] = []
    following = 0
    while len(chosen) < min(count, len(points)) and distance[following] > 0.0:
        chosen.append(following)
        np.minimum(distance, ((points - points[following]) ** 2).sum(1), out=distance)
        following = int(distance.argmax())
    return np.array(chosen, dtype=np.int64), float(np.sqrt(distance.max(initial=0.0)))
