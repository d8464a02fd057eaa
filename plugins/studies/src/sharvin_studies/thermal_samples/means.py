"""Means over samples, their standard errors, and how many samples an error needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SampleMean:
    """Mean of independent samples.

    Parameters
    ----------
    mean, std, standard_error : float
        Of the samples, their spread, and the standard error of the mean; nan where there are too few samples to know.
    count : int
    """

    mean: float
    std: float
    standard_error: float
    count: int

    @classmethod
    def of(cls, values: Floats) -> SampleMean:
        """Of finite numbers float64[n]; others are left out."""
        kept = values[np.isfinite(values)]
        n = len(kept)
        if n == 0:
            return cls(np.nan, np.nan, np.nan, 0)
        std = float(kept.std(ddof=1)) if n > 1 else np.nan
        return cls(float(kept.mean()), std, std / np.sqrt(n), n)

    def needed_for(self, error: float) -> int:
        """About how many samples would have this standard error."""
        return int(np.ceil((self.std / error) ** 2)) if np.isfinite(self.std) else 2

    def numbers(self) -> dict[str, float | int | None]:
        """For ``results.json``; None where nothing is known."""
        known = {name: None if np.isnan(value) else value for name, value in vars(self).items() if name != "count"}
        return {**known, "samples": self.count}


def running_means(values: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Numbers of samples, and the mean and its standard error after so many; from the second sample on."""
    kept = values[np.isfinite(values)]
    n = np.arange(1, len(kept) + 1)
    mean = np.cumsum(kept) / n
    square = np.cumsum((kept - kept.mean()) ** 2) - n * (mean - kept.mean()) ** 2 if len(kept) else np.zeros(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(np.maximum(square, 0.0) / (n - 1) / n)
    return n[1:], mean[1:], error[1:]
