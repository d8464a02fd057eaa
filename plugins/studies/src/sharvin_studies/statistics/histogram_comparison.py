"""Whether sets of traces have the same conductance histogram: overlaps with error bars, and the yardsticks to read them by.

The overlap of two histograms of densities p and q is Σ min(p, q) ΔG: 1 if they are equal, 0 if they share no bin. Two finite sets
of traces from one distribution never reach 1, so an overlap says something only beside two yardsticks, both made from whole
traces because the points of a trace are correlated:

- the overlap of two random halves of one set (:func:`overlap_of_halves`), and
- the overlap of two sets after their traces were exchanged at random. The share of exchanges with an overlap as small as the
  observed one is the probability p of the hypothesis that both come from one distribution (permutation test; Good,
  *Permutation, Parametric and Bootstrap Tests of Hypotheses*, Springer 2005).

Resampling adds noise of its own, so the overlap of resampled sets (bootstrap; Efron, Ann. Statist. 7, 1 (1979)) lies below that
of the sets themselves. Intervals are therefore the spread of the resampled overlaps about their median, laid around the overlap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError

from sharvin_studies.statistics.histograms import Histogram, band, count, histogram_r_squared, linear_edges

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OverlapMatrix:
    """Pairwise comparison of the histograms of n sets of traces.

    Parameters
    ----------
    labels : tuple of str
    traces : tuple of int
        How many traces each set has.
    overlap : float64[n, n]
        1 on the diagonal; 0 with a set that has no conductance within the bins.
    lower, upper : float64[n, n]
        95 % interval of the overlap; nan where a set has one trace only, and on the diagonal.
    exchanged : float64[n, n]
        Mean overlap after random exchange of the traces of both sets; nan as above.
    p_value : float64[n, n]
        Probability of an overlap as small as this one if both sets come from one distribution; nan as above.
    halves : float64[n]
        Mean overlap of two random halves of each set; nan for one trace.
    r_squared : float64[n, n]
        R² of the densities of the row with those of the column as reference; nan where the reference is flat.
    """

    labels: tuple[str, ...]
    traces: tuple[int, ...]
    overlap: Array
    lower: Array
    upper: Array
    exchanged: Array
    p_value: Array
    halves: Array
    r_squared: Array


def overlap_matrix(
    sets: Mapping[str, Sequence[ArrayLike]],
    edges: Array,
    rng: np.random.Generator,
    *,
    paired: bool = False,
    resamples: int = 1000,
    level: float = 0.95,
) -> OverlapMatrix:
    """Compare the histograms of several sets of traces.

    Parameters
    ----------
    sets : mapping of str to sequence of float64[n_points]
        Conductances in G0 of each trace of each set.
    edges : float64[n_bins + 1]
        Bins in G0, the same for all.
    rng : numpy.random.Generator
    paired : bool
        Whether all sets hold the same pulls in the same order, as of several models on one wire. Then pulls are resampled for
        all sets together, and an exchange swaps the two traces of a pull.
    resamples : int
        Bootstrap resamples, exchanges and splits.
    level : float
        Of the intervals.

    Raises
    ------
    InputError
        If a set has no trace, a conductance is not finite, or paired sets differ in their number of traces.
    """
    counts = {label: _counts_by_trace(label, traces, edges) for label, traces in sets.items()}
    sizes = tuple(len(rows) for rows in counts.values())
    if not counts:
        raise InputError("a comparison of histograms needs at least one set of traces.")
    if paired and len(set(sizes)) > 1:
        raise InputError(f"paired sets of traces hold the same pulls, but these have {', '.join(map(str, sizes))} traces.")
    rows = list(counts.values())
    weights = _bootstrap_weights(sizes, rng, resamples, paired)
    resampled = [None if w is None else _shares(w @ row) for w, row in zip(weights, rows, strict=True)]
    n = len(rows)
    overlaps, r2 = np.eye(n), np.eye(n)
    lower, upper, exchanged, p_value = (np.full((n, n), np.nan) for _ in range(4))
    shown = [Histogram(edges, row.sum(axis=0)) for row in rows]
    for i in range(n):
        for j in range(n):
            if i != j:
                r2[i, j] = histogram_r_squared(shown[i], shown[j]) if np.ptp(shown[j].density) > 0 else np.nan
        for j in range(i + 1, n):
            common = np.minimum(_shares(rows[i].sum(axis=0)), _shares(rows[j].sum(axis=0)))
            observed = min(1.0, float(common.sum()))
            overlaps[i, j] = overlaps[j, i] = observed
            first, second = resampled[i], resampled[j]
            if first is None or second is None:
                continue
            spread = np.minimum(first, second).sum(axis=-1)
            low, high = band(spread - np.median(spread), level)
            lower[i, j] = lower[j, i] = max(0.0, observed + float(low))
            upper[i, j] = upper[j, i] = min(1.0, observed + float(high))
            swapped = (_swapped if paired else _exchanged)(rows[i], rows[j], rng, resamples)
            exchanged[i, j] = exchanged[j, i] = swapped.mean()
            as_small = np.count_nonzero(swapped <= observed + 1e-12)
            p_value[i, j] = p_value[j, i] = (1 + as_small) / (1 + resamples)
    halves = [float(np.mean(_halves(row, rng, resamples))) if len(row) > 1 else np.nan for row in rows]
    return OverlapMatrix(tuple(counts), sizes, overlaps, lower, upper, exchanged, p_value, np.array(halves), r2)


def overlap_of_halves(traces_G0: Sequence[ArrayLike], edges: Array, rng: np.random.Generator, splits: int = 1000) -> Array:
    """Overlap of the histograms of two random halves of a set of traces, float64[splits].

    What two equally distributed sets of half as many traces reach. Of an odd number of traces one half has one more.

    Raises
    ------
    InputError
        If there are fewer than two traces, or a conductance is not finite.
    """
    if len(traces_G0) < 2:
        raise InputError(f"two halves need at least 2 traces, not {len(traces_G0)}.")
    return _halves(_counts_by_trace("the set", traces_G0, edges), rng, splits)


def plateau_histogram(lengths_A: ArrayLike, bin_width_A: float = 0.5, max_A: float | None = None) -> Histogram:
    """Histogram of plateau lengths; edges and densities in Å and 1/Å.

    Parameters
    ----------
    lengths_A : array_like
        As :func:`sharvin_studies.statistics.histograms.plateau_lengths` gives them; traces without a plateau have length 0 and
        are left out.
    bin_width_A : float
    max_A : float, optional
        Upper end; default: above the longest plateau.
    """
    lengths = np.asarray(lengths_A, dtype=np.float64)
    longest = float(np.max(lengths, initial=0.0))
    return count(lengths[lengths > 0], linear_edges(bin_width_A, longest + bin_width_A if max_A is None else max_A))


def _counts_by_trace(label: str, traces: Sequence[ArrayLike], edges: Array) -> NDArray[np.int64]:
    if not len(traces):
        raise InputError(f"{label!r} holds no trace, so its conductance histogram cannot be compared.")
    return np.stack([count(trace, edges).counts for trace in traces])


def _bootstrap_weights(
    sizes: Sequence[int], rng: np.random.Generator, resamples: int, paired: bool
) -> list[NDArray[np.int64] | None]:
    drawn = [None if n < 2 else rng.multinomial(n, np.full(n, 1.0 / n), size=resamples) for n in sizes[: 1 if paired else None]]
    return drawn * len(sizes) if paired else drawn


def _shares(counts: NDArray[np.int64]) -> Array:
    """Counts over their sum; 0 where there are none, as in a resample of traces that all lie outside the bins."""
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1), dtype=np.float64)


def _overlap_of_parts(in_first: NDArray[np.bool_], rows: NDArray[np.int64]) -> Array:
    first = in_first.astype(np.int64) @ rows
    return np.asarray(np.minimum(_shares(first), _shares(rows.sum(axis=0) - first)).sum(axis=-1))


def _exchanged(first: NDArray[np.int64], second: NDArray[np.int64], rng: np.random.Generator, times: int) -> Array:
    rows = np.concatenate([first, second])
    places = rng.permuted(np.tile(np.arange(len(rows)), (times, 1)), axis=1)
    return _overlap_of_parts(places < len(first), rows)


def _swapped(first: NDArray[np.int64], second: NDArray[np.int64], rng: np.random.Generator, times: int) -> Array:
    swap = rng.random((times, len(first))) < 0.5
    return _overlap_of_parts(np.concatenate([~swap, swap], axis=1), np.concatenate([first, second]))


def _halves(rows: NDArray[np.int64], rng: np.random.Generator, splits: int) -> Array:
    places = rng.permuted(np.tile(np.arange(len(rows)), (splits, 1)), axis=1)
    return _overlap_of_parts(places < len(rows) // 2, rows)
