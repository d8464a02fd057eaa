"""Bootstrap over whole traces or pulls (Efron, Ann. Statist. 7, 1 (1979)).

The points of one trace are correlated, so traces are resampled and not points. All intervals of a study come from the same
resamples: a number has one interval, wherever a table, a figure or ``results.json`` states it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError

LEVEL = 0.95


def bootstrap_weights(members: int, rng: np.random.Generator, resamples: int) -> NDArray[np.int64]:
    """How often each of `members` traces occurs in every resample, int64[resamples, members].

    `rng` is left as it was: as many members have the same resamples whenever they are drawn.
    """
    drawn = deepcopy(rng).multinomial(members, np.full(members, 1.0 / members), size=resamples)
    return np.asarray(drawn, dtype=np.int64)


@dataclass(frozen=True)
class MeanEstimate:
    """A mean over traces with the 95 % bootstrap interval; `lower` and `upper` are nan for one trace."""

    mean: float
    lower: float
    upper: float


def mean_over_traces(
    values: ArrayLike,
    rng: np.random.Generator,
    *,
    weights: Sequence[float] | NDArray[np.float64] | None = None,
    resamples: int = 1000,
) -> MeanEstimate:
    """Mean of one value per trace with its interval.

    Parameters
    ----------
    values : float64[n_traces]
    rng : numpy.random.Generator
        Left as it was.
    weights : float64[n_traces], optional
        How much each trace counts, such as its number of points; default: all the same.
    resamples : int

    Raises
    ------
    InputError
        If there is no trace.
    """
    each = np.asarray(values, dtype=np.float64)
    if not each.size:
        raise InputError("a mean over traces needs at least one trace.")
    weight = np.ones(each.size) if weights is None else np.asarray(weights, dtype=np.float64)
    mean = float(np.average(each, weights=weight))
    if each.size < 2:
        return MeanEstimate(mean, float("nan"), float("nan"))
    drawn = bootstrap_weights(each.size, rng, resamples)
    low, high = np.quantile((drawn @ (each * weight)) / (drawn @ weight), [0.5 * (1 - LEVEL), 0.5 * (1 + LEVEL)])
    return MeanEstimate(mean, float(low), float(high))
