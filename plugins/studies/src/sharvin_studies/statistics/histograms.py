"""Statistics of break-junction traces: conductance histograms, the 1 G0 peak, plateau lengths, bootstrap bands.

A trace is one pull: elongations in Å, ascending, and the conductance in G0 at each. A conductance histogram counts the
conductances of all traces; its peak near 1 G0 is the monatomic contact of noble and alkali metals (Krans et al., Nature 375,
767 (1995)). A two-dimensional histogram counts (elongation, conductance) pairs with every trace aligned where it breaks
(Martin et al., J. Am. Chem. Soc. 130, 13198 (2008)). Neighbouring points of a trace are strongly correlated, so error bars come
from resampling whole traces (bootstrap; Efron, Ann. Statist. 7, 1 (1979)), never from counting statistics of points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from sharvin.errors import InputError
from sharvin.numerics.error_measures import r_squared

from sharvin_studies.statistics.resampling import bootstrap_weights

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of conductances.

    Parameters
    ----------
    edges : float64[n_bins + 1]
        Bin edges in G0, ascending; every bin holds its lower edge, the last one both.
    counts : int64[n_bins]
    outside : int
        How many conductances lie beyond the edges; ``total + outside`` is their number.
    """

    edges: Array
    counts: NDArray[np.int64]
    outside: int = 0

    @property
    def total(self) -> int:
        """Number of conductances counted."""
        return int(self.counts.sum())

    @property
    def widths(self) -> Array:
        """Widths of the bins in G0, float64[n_bins]."""
        return np.diff(self.edges)

    @property
    def centers(self) -> Array:
        """Middles of the bins in G0, float64[n_bins]."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def density(self) -> Array:
        """Probability density in 1/G0, float64[n_bins]; integrates to 1 over the bins (0 everywhere if nothing was counted)."""
        return self.counts / (max(self.total, 1) * self.widths)


@dataclass(frozen=True, eq=False)
class Histogram2D:
    """Counts of (elongation, conductance) pairs of aligned traces.

    Parameters
    ----------
    elongation_edges_A : float64[n_x + 1]
        Å; zero is the rupture of every trace.
    conductance_edges_G0 : float64[n_y + 1]
    counts : int64[n_x, n_y]
    outside : int
        How many points lie beyond the edges.
    """

    elongation_edges_A: Array
    conductance_edges_G0: Array
    counts: NDArray[np.int64]
    outside: int = 0


@dataclass(frozen=True)
class Peak:
    """A peak of a histogram: position in G0; height and prominence in counts per bin, of the smoothed histogram."""

    position_G0: float
    height: float
    prominence: float


def linear_edges(bin_width: float, upper: float, lower: float = 0.0) -> Array:
    """Bin edges from `lower` in steps of `bin_width` up to the first that reaches `upper`."""
    if not (bin_width > 0 and upper > lower):
        raise InputError(
            f"histogram bins need a positive width and a positive range, not width {bin_width:g} from {lower:g} to {upper:g}."
        )
    n_bins = math.ceil((upper - lower) / bin_width * (1 - 1e-12))
    return lower + bin_width * np.arange(n_bins + 1, dtype=np.float64)


def count(conductances_G0: ArrayLike, edges: Array) -> Histogram:
    """Histogram of conductances over the given edges (G0).

    Raises
    ------
    InputError
        If a conductance is not a finite number.
    """
    values = _finite(conductances_G0, "conductances")
    counts = np.histogram(values, edges)[0].astype(np.int64)
    return Histogram(np.asarray(edges, dtype=np.float64), counts, values.size - int(counts.sum()))


def count_pairs(x: ArrayLike, y: ArrayLike, x_edges: Array, y_edges: Array) -> NDArray[np.int64]:
    """How many pairs (x, y) lie in each cell, int64[n_x, n_y]; every cell holds its lower edges, the last ones both."""
    counts: NDArray[np.int64] = np.histogram2d(np.asarray(x), np.asarray(y), bins=(x_edges, y_edges))[0].astype(np.int64)
    return counts


def conductance_histogram(conductances_G0: ArrayLike, bin_width_G0: float = 0.05, max_G0: float = 8.0) -> Histogram:
    """Histogram with equal bins from 0 to `max_G0`.

    Parameters
    ----------
    conductances_G0 : array_like
        Of all traces together.
    bin_width_G0, max_G0 : float
        G0.
    """
    return count(conductances_G0, linear_edges(bin_width_G0, max_G0))


def log_conductance_histogram(
    conductances_G0: ArrayLike, bins_per_decade: int = 20, min_G0: float = 1e-4, max_G0: float = 10.0
) -> Histogram:
    """Histogram with bins equal in log10(G), as tunnelling and molecular junctions are shown.

    Conductances of zero lie outside every logarithmic range and are counted in ``outside``.
    """
    return count(conductances_G0, log_edges(bins_per_decade, min_G0, max_G0))


def log_edges(bins_per_decade: int, min_G0: float, max_G0: float) -> Array:
    """Bin edges in G0, equal in log10 G, from `min_G0` up to the first that reaches `max_G0`."""
    if not (bins_per_decade > 0 and 0 < min_G0 < max_G0):
        raise InputError(f"a logarithmic histogram needs 0 < min_G0 < max_G0 and bins, not {min_G0:g} and {max_G0:g} G0.")
    return np.asarray(10.0 ** linear_edges(1.0 / bins_per_decade, math.log10(max_G0), math.log10(min_G0)))


def decades_of(conductances_G0: ArrayLike) -> tuple[float, float]:
    """Whole decades in G0 that hold all but the lowest thousandth of the positive conductances.

    At least 0.1 to 10 G0, and at most from 1e-6 G0.

    Raises
    ------
    InputError
        If none is positive.
    """
    values = _finite(conductances_G0, "conductances")
    positive = values[values > 0]
    if not positive.size:
        raise InputError("a logarithmic histogram needs positive conductances, but there is none.")
    least, most = (math.log10(float(np.quantile(positive, share))) for share in (0.001, 1.0))
    return 10.0 ** min(-1, max(-6, math.floor(least))), 10.0 ** max(1, math.ceil(most))


def rupture_elongation(elongation_A: ArrayLike, conductance_G0: ArrayLike, threshold_G0: float = 0.5) -> float:
    """Elongation in Å at which a trace breaks: where its conductance falls below the threshold for the last time.

    Interpolated linearly between the last point at or above the threshold and the next one. A trace that ends above the
    threshold, as one that holds unbroken wires only, breaks at its last point; one that never reaches it, at its first.
    """
    elongation, conductance = _trace(elongation_A, conductance_G0)
    above = np.flatnonzero(conductance >= threshold_G0)
    if above.size == 0:
        return float(elongation[0])
    last = int(above[-1])
    if last == len(elongation) - 1:
        return float(elongation[-1])
    fraction = (conductance[last] - threshold_G0) / (conductance[last] - conductance[last + 1])
    return float(elongation[last] + fraction * (elongation[last + 1] - elongation[last]))


def elongation_histogram_2d(
    elongations_A: Sequence[ArrayLike],
    conductances_G0: Sequence[ArrayLike],
    *,
    elongation_bin_A: float = 0.25,
    bin_width_G0: float = 0.1,
    before_A: float = 15.0,
    after_A: float = 2.0,
    max_G0: float = 8.0,
    conductance_edges_G0: Array | None = None,
    ruptures_A: Sequence[float] | None = None,
) -> Histogram2D:
    """Two-dimensional histogram of traces aligned at rupture, which is elongation zero.

    Parameters
    ----------
    elongations_A, conductances_G0 : sequences of float64[n_points]
        One pair of arrays per trace.
    elongation_bin_A, bin_width_G0 : float
        Bin widths in Å and G0.
    before_A, after_A : float
        Range before and after rupture, Å; `after_A` may be 0. Bins hold their upper edge, so a wire about to break, at
        zero, counts as unbroken.
    max_G0 : float
        Upper end of the conductance range, which begins at 0.
    conductance_edges_G0 : float64[n_y + 1], optional
        Edges of the conductance bins in place of `bin_width_G0` and `max_G0`, such as :func:`log_edges`.
    ruptures_A : sequence of float, optional
        Elongation in Å at which each trace breaks, where it is known from the geometry. Default: :func:`rupture_elongation`.
    """
    if ruptures_A is None:
        ruptures_A = [rupture_elongation(x, g) for x, g in zip(elongations_A, conductances_G0, strict=True)]
    after = linear_edges(elongation_bin_A, after_A) if after_A > 0 else np.zeros(1)
    x_edges = np.concatenate([-linear_edges(elongation_bin_A, before_A)[:0:-1], after])
    y_edges = linear_edges(bin_width_G0, max_G0) if conductance_edges_G0 is None else conductance_edges_G0
    aligned, values = [np.empty(0)], [np.empty(0)]
    for elongation, conductance, rupture in zip(elongations_A, conductances_G0, ruptures_A, strict=True):
        x, g = _trace(elongation, conductance)
        aligned.append(x - rupture)
        values.append(g)
    x, g = np.concatenate(aligned), np.concatenate(values)
    counts = count_pairs(-x, g, -x_edges[::-1], y_edges)[::-1]  # mirrored: bins hold upper edges
    return Histogram2D(x_edges, y_edges, counts, x.size - int(counts.sum()))


def smoothed(histogram: Histogram, smoothing_G0: float) -> Array:
    """Convolve the counts with a Gaussian of standard deviation `smoothing_G0`, conserving their sum; bins must be equal."""
    widths = histogram.widths
    if not np.allclose(widths, widths[0]):
        raise InputError("only histograms with equal bins can be smoothed; use conductance_histogram.")
    return np.asarray(gaussian_filter1d(histogram.counts.astype(np.float64), smoothing_G0 / widths[0], mode="reflect"))


def find_peak(
    histogram: Histogram,
    near_G0: float = 1.0,
    within_G0: float = 0.4,
    smoothing_G0: float = 0.05,
    min_prominence: float = 0.1,
) -> Peak | None:
    """Find the most prominent peak of a histogram near a conductance; None if there is no significant one.

    The histogram is smoothed with a Gaussian of `smoothing_G0`; of the local maxima whose bin centre lies within `within_G0` of
    `near_G0` the one of largest prominence (height above the higher of the two minima that separate it from higher ground)
    is taken, and its position refined by the parabola through its bin and the two neighbours.

    Parameters
    ----------
    histogram : Histogram
        With equal bins.
    near_G0, within_G0 : float
        Where to look. The default finds what published histograms call the 1 G0 peak.
    smoothing_G0 : float
        Standard deviation of the smoothing, G0; one bin of the default histogram.
    min_prominence : float
        A peak must rise by this share of its height, and by five standard deviations of the counting noise of the smoothed
        histogram, √(h Σ k²) at height h for a smoothing kernel k: less is noise of a flat histogram.
    """
    counts = smoothed(histogram, smoothing_G0)
    width = float(histogram.widths[0])
    maxima, found = find_peaks(counts, prominence=0.0)
    impulse = np.zeros(2 * math.ceil(5 * smoothing_G0 / width) + 1)
    impulse[impulse.size // 2] = 1.0
    kernel_power = float(np.sum(gaussian_filter1d(impulse, smoothing_G0 / width) ** 2))
    best: Peak | None = None
    for at, prominence in zip(maxima, found["prominences"], strict=True):
        height = float(counts[at])
        noise = math.sqrt(height * kernel_power)
        near = abs(histogram.centers[at] - near_G0) <= within_G0
        if not near or prominence < max(min_prominence * height, 5.0 * noise):
            continue
        if best is None or prominence > best.prominence:
            below, above = counts[at - 1], counts[at + 1]
            curvature = below - 2.0 * height + above
            shift = 0.5 * (below - above) / curvature if curvature < 0 else 0.0
            best = Peak(float(histogram.centers[at] + shift * width), height, float(prominence))
    return best


PLATEAU_G0 = (0.5, 1.5)
"""Window of the last plateau of noble and alkali metals: one open channel."""


def peak_in_window(histogram: Histogram, window_G0: tuple[float, float] = PLATEAU_G0) -> Peak | None:
    """:func:`find_peak` in the inner four fifths of a window, so that a slope at its edge is no peak."""
    lower, upper = window_G0
    return find_peak(histogram, near_G0=0.5 * (lower + upper), within_G0=0.4 * (upper - lower))


def plateau_lengths(
    elongations_A: Sequence[ArrayLike], conductances_G0: Sequence[ArrayLike], window_G0: tuple[float, float] = PLATEAU_G0
) -> Array:
    """Elongation in Å that each trace spends with its conductance inside a window, float64[n_traces].

    Each point stands for half of the interval to either neighbour, so a plateau of n points one step apart is n steps long.
    """
    lower, upper = window_G0
    if not lower < upper:
        raise InputError(f"a plateau needs a window of ascending conductances, not {lower:g} to {upper:g} G0.")
    lengths = []
    for elongation, conductance in zip(elongations_A, conductances_G0, strict=True):
        x, g = _trace(elongation, conductance)
        share = np.gradient(x) if x.size > 1 else np.zeros(1)
        lengths.append(float(share[(g >= lower) & (g < upper)].sum()))
    return np.array(lengths, dtype=np.float64)


def bootstrap(traces_G0: Sequence[ArrayLike], edges: Array, rng: np.random.Generator, resamples: int = 1000) -> NDArray[np.int64]:
    """Resample whole traces with replacement; the histogram counts of every resample, int64[resamples, n_bins].

    Parameters
    ----------
    traces_G0 : sequence of float64[n_points]
        Conductances of each trace.
    edges : float64[n_bins + 1]
        Bin edges in G0.
    rng : numpy.random.Generator
        Left as it was: equal traces have equal resamples in every figure and table.
    resamples : int
    """
    n = len(traces_G0)
    if n < 2:
        raise InputError(f"a bootstrap over traces needs at least 2 traces, not {n}.")
    by_trace = np.stack([count(trace, edges).counts for trace in traces_G0])
    return np.asarray(bootstrap_weights(n, rng, resamples) @ by_trace, dtype=np.int64)


def band(resampled: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """Pointwise confidence band of resampled values [resamples, …]: the percentile interval that holds `level` of them."""
    if not 0 < level < 1:
        raise InputError(f"a confidence level lies between 0 and 1, not at {level:g}.")
    lower, upper = np.quantile(np.asarray(resampled, dtype=np.float64), [0.5 * (1 - level), 0.5 * (1 + level)], axis=0)
    return lower, upper


def overlap(first: Histogram, second: Histogram) -> float:
    """Return the common area of two normalised histograms: 1 for equal shapes, 0 for disjoint ones."""
    _same_bins(first, second)
    return float(np.sum(np.minimum(first.density, second.density) * first.widths))


def histogram_r_squared(histogram: Histogram, reference: Histogram, leave_out_G0: tuple[float, float] | None = None) -> float:
    """R² of the densities of two histograms with the same bins.

    Parameters
    ----------
    leave_out_G0 : (float, float), optional
        Bins with a centre in this window do not count; the 1 G0 peak's height, for one, depends on the stretching speed.
    """
    _same_bins(histogram, reference)
    keep = np.ones(len(reference.counts), dtype=bool)
    if leave_out_G0 is not None:
        keep = (reference.centers < leave_out_G0[0]) | (reference.centers > leave_out_G0[1])
    return r_squared(histogram.density[keep], reference.density[keep])


def pooled(traces: Iterable[ArrayLike]) -> Array:
    """Values of all traces, one after the other."""
    return np.concatenate([np.empty(0), *(np.asarray(trace, dtype=np.float64).ravel() for trace in traces)])


def _finite(values: ArrayLike, what: str) -> Array:
    array = np.asarray(values, dtype=np.float64).ravel()
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise InputError(f"{bad} of {array.size} {what} are not finite numbers; leave failed frames out.")
    return array


def _trace(elongation_A: ArrayLike, conductance_G0: ArrayLike) -> tuple[Array, Array]:
    x, g = _finite(elongation_A, "elongations"), _finite(conductance_G0, "conductances")
    if x.size != g.size or x.size == 0:
        raise InputError(f"a trace needs as many conductances as elongations and at least one, not {g.size} and {x.size}.")
    if np.any(np.diff(x) < 0):
        raise InputError("the elongations of a trace must ascend.")
    return x, g


def _same_bins(first: Histogram, second: Histogram) -> None:
    if first.edges.shape != second.edges.shape or not np.allclose(first.edges, second.edges):
        raise InputError("two histograms can be compared only if they have the same bins.")
