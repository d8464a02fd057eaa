"""Where a conductance histogram has its peak, without bins: the maximum of a kernel density, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from sharvin_studies.statistics.histograms import PLATEAU_G0, band, count, linear_edges
from sharvin_studies.statistics.resampling import bootstrap_weights

Array = NDArray[np.float64]
BANDWIDTH_G0 = 0.1
"""About the width of a plateau, so that the peak is not that of one pull: over simulated studies of ten pulls its position
scatters by 0.050 G0, with half the bandwidth by 0.066 G0, and in a smoothed histogram with bins of 0.05 G0 by 0.063 G0."""
STEP_G0 = 0.01
"""Spacing of the grid that the density is computed on; a tenth of the bandwidth."""


@dataclass(frozen=True)
class PeakPosition:
    """Position of a peak in G0, its 95 % bootstrap interval over traces, and the share of resamples that have a peak.

    The interval is nan for one trace.
    """

    position_G0: float
    lower_G0: float
    upper_G0: float
    share: float


def peak_position(
    traces_G0: Sequence[ArrayLike],
    rng: np.random.Generator,
    window_G0: tuple[float, float] = PLATEAU_G0,
    *,
    bandwidth_G0: float = BANDWIDTH_G0,
    resamples: int = 1000,
) -> PeakPosition | None:
    """Highest maximum of the density of all conductances within a window; None where the density has none there.

    The density is a sum of Gaussians (Parzen, Ann. Math. Statist. 33, 1065 (1962)). Of several maxima in the inner four fifths of
    the window, so that a slope at its edge is none, the highest counts.

    Parameters
    ----------
    traces_G0 : sequence of float64[n_points]
        Conductances of each trace.
    rng : numpy.random.Generator
        Left as it was.
    window_G0 : (float, float)
    bandwidth_G0 : float
        Standard deviation of the Gaussians.
    resamples : int
        Bootstrap resamples of whole traces.
    """
    lower, upper = window_G0
    edges = linear_edges(STEP_G0, upper + 5.0 * bandwidth_G0)
    counts = np.stack([count(trace, edges).counts for trace in traces_G0]).astype(np.float64)
    smooth = gaussian_filter1d(counts, bandwidth_G0 / STEP_G0, axis=1, mode="constant", truncate=5.0)
    centres = 0.5 * (edges[1:] + edges[:-1])
    inner = np.abs(centres - 0.5 * (lower + upper)) <= 0.4 * (upper - lower)
    position = float(_highest_maximum(smooth.sum(axis=0, keepdims=True), centres, inner)[0])
    if not np.isfinite(position):
        return None
    if len(traces_G0) < 2:
        return PeakPosition(position, float("nan"), float("nan"), 1.0)
    found = _highest_maximum(bootstrap_weights(len(counts), rng, resamples) @ smooth, centres, inner)
    known = found[np.isfinite(found)]
    low, high = band(known) if known.size else (np.nan, np.nan)
    return PeakPosition(position, float(low), float(high), known.size / resamples)


def _highest_maximum(density: Array, centres: Array, inner: NDArray[np.bool_]) -> Array:
    """Position of the highest maximum of each row, float64[n], by the parabola through three points; nan where there is none."""
    at = density[:, 1:-1]
    maximum = (at > density[:, :-2]) & (at >= density[:, 2:]) & inner[1:-1]
    place = np.argmax(np.where(maximum, at, -1.0), axis=1) + 1
    rows = np.arange(len(density))
    before, here, after = (density[rows, place + step] for step in (-1, 0, 1))
    curvature = before - 2.0 * here + after
    shift = np.where(curvature < 0, 0.5 * (before - after) / np.where(curvature < 0, curvature, 1.0), 0.0)
    found = centres[place] + shift * (centres[1] - centres[0])
    return np.asarray(np.where(maximum.any(axis=1), found, np.nan))
