"""Means over samples, their standard errors, and how many samples an error needs.

Samples of one random draw, such as pairs with opposite displacements, depend on each other. Their mean counts as one number; the
standard error is that of the mean of such numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SampleMean:
    """Mean of samples.

    Parameters
    ----------
    mean, std, standard_error : float
        Of the samples, their standard deviation, and the standard error of the mean; nan where there are too few to know.
    count, draws : int
        Samples, and random draws that they come from.
    """

    mean: float
    std: float
    standard_error: float
    count: int
    draws: int

    @classmethod
    def of(cls, values: Floats, draws: Floats | None = None) -> SampleMean:
        """Of numbers float64[n], of which those that are not finite are left out; without `draws` each is a draw of its own."""
        kept = values[np.isfinite(values)]
        means, _ = means_of_draws(values, draws)
        n = len(means)
        if n == 0:
            return cls(np.nan, np.nan, np.nan, 0, 0)
        std = float(kept.std(ddof=1)) if len(kept) > 1 else np.nan
        error = float(means.std(ddof=1)) / np.sqrt(n) if n > 1 else np.nan
        return cls(float(means.mean()), std, float(error), len(kept), n)

    def needed_for(self, error: float) -> int | None:
        """About how many samples would have this standard error; None where there are too few to know."""
        if not np.isfinite(self.standard_error):
            return None
        draws = math.ceil((self.standard_error / error) ** 2 * self.draws)
        return math.ceil(draws * self.count / self.draws)

    def numbers(self) -> dict[str, float | int | None]:
        """For ``results.json``; None where nothing is known."""
        known = {name: getattr(self, name) for name in ("mean", "std", "standard_error")}
        return {
            **{name: None if np.isnan(value) else value for name, value in known.items()},
            "samples": self.count,
            "independent_draws": self.draws,
        }


def means_of_draws(values: Floats, draws: Floats | None) -> tuple[Floats, NDArray[np.int64]]:
    """Mean over the finite samples of each draw, in order of the draws, and how many samples it is of."""
    finite = np.isfinite(values)
    kept = values[finite]
    if draws is None:
        return kept, np.ones(len(kept), dtype=np.int64)
    _, place, counts = np.unique(draws[finite], return_inverse=True, return_counts=True)
    return np.bincount(place, kept, len(counts)) / counts, counts


def running_means(values: Floats, draws: Floats | None = None) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Numbers of samples, and the mean and its standard error after so many; from the second draw on."""
    means, counts = means_of_draws(values, draws)
    if not len(means):
        return np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)
    n = np.arange(1, len(means) + 1)
    away = means - means.mean()
    mean = np.cumsum(away) / n
    squares = np.maximum(np.cumsum(away**2) - n * mean**2, 0.0)
    return np.cumsum(counts)[1:], (mean + means.mean())[1:], np.sqrt(squares[1:] / (n[1:] - 1) / n[1:])


def with_error(mean: float, error: float) -> str:
    """A mean with its standard error, this with two digits: ``0.571 ± 0.024``; three decimals where the error is not known."""
    if not np.isfinite(mean):
        return "none"
    if not np.isfinite(error):
        return f"{mean:.3f}"
    digits = decimals(error)
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def decimals(error: float) -> int:
    """Decimals of a number with this standard error: two digits of it, from 1 to 6."""
    if not np.isfinite(error) or error <= 0.0:
        return 3
    return int(np.clip(1 - math.floor(math.log10(error)), 1, 6))
