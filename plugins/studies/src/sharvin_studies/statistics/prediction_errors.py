"""Errors of predicted conductances, with intervals that come from resampling whole pulls.

Neighbouring snapshots of a pull have nearly the same error, so the number of independent errors is closer to the number of pulls
than to that of snapshots. Intervals are percentiles of the bootstrap over pulls (cluster bootstrap; Davison and Hinkley,
*Bootstrap Methods and their Application*, Cambridge 1997, section 3.8).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError

from sharvin_studies.statistics.histograms import band
from sharvin_studies.statistics.resampling import bootstrap_weights

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predicted:
    """Exact and predicted conductances of one test set.

    Parameters
    ----------
    exact_G0, predicted_G0 : float64[n]
    pull : int64[n]
        The pull that each snapshot belongs to.
    std_G0 : float64[n], optional
        Predicted standard deviation, where the model states one.

    Raises
    ------
    InputError
        If the arrays differ in length, a number is not finite, or a standard deviation is negative.
    """

    exact_G0: Array
    predicted_G0: Array
    pull: NDArray[np.int64]
    std_G0: Array | None = field(default=None)

    def __post_init__(self) -> None:
        columns: dict[str, ArrayLike] = {"exact_G0": self.exact_G0, "predicted_G0": self.predicted_G0}
        if self.std_G0 is not None:
            columns["std_G0"] = self.std_G0
        pull = np.asarray(self.pull, dtype=np.int64).ravel()
        for name, values in columns.items():
            array = np.asarray(values, dtype=np.float64).ravel()
            if len(array) != len(pull):
                raise InputError(f"predictions need one {name} a snapshot, not {len(array)} for {len(pull)} snapshots.")
            if not np.isfinite(array).all():
                bad = int(np.count_nonzero(~np.isfinite(array)))
                raise InputError(f"{bad} of {len(array)} values of {name} are not finite numbers; leave failed snapshots out.")
            object.__setattr__(self, name, array)
        object.__setattr__(self, "pull", pull)
        if self.std_G0 is not None and (self.std_G0 < 0).any():
            raise InputError("a predicted standard deviation is negative.")

    def __len__(self) -> int:
        return len(self.pull)

    @property
    def error_G0(self) -> Array:
        """Predicted minus exact, float64[n]."""
        return np.asarray(self.predicted_G0 - self.exact_G0)

    @property
    def pulls(self) -> int:
        """Number of different pulls."""
        return len(np.unique(self.pull))


@dataclass(frozen=True)
class ErrorEstimate:
    """Mean absolute error in G0 with its interval (nan for one pull), and how many pulls and snapshots it rests on."""

    mae_G0: float
    lower_G0: float
    upper_G0: float
    pulls: int
    snapshots: int


def mean_absolute_error_over_pulls(
    predicted: Predicted, rng: np.random.Generator, *, resamples: int = 1000, level: float = 0.95
) -> ErrorEstimate:
    """Mean absolute error over snapshots, with the bootstrap interval over pulls; `rng` is left as it was.

    Raises
    ------
    InputError
        If there are no predictions.
    """
    if not len(predicted):
        raise InputError("a mean absolute error needs at least one prediction.")
    absolute = np.abs(predicted.error_G0)
    _, place = np.unique(predicted.pull, return_inverse=True)
    lower = upper = float("nan")
    if predicted.pulls > 1:
        sums, sizes = np.bincount(place, weights=absolute), np.bincount(place)
        weights = bootstrap_weights(predicted.pulls, rng, resamples)
        lower, upper = (float(end) for end in band((weights @ sums) / (weights @ sizes), level))
    return ErrorEstimate(float(absolute.mean()), lower, upper, predicted.pulls, len(predicted))
