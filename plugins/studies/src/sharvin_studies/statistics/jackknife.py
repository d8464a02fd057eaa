r"""Jackknife: standard errors of numbers that follow from means over independent samples (B. Efron, SIAM, Philadelphia 1982).

With θ the number from all n samples and θ₍₋ᵢ₎ that from all but sample i, the pseudo-values n θ − (n − 1) θ₍₋ᵢ₎ behave as
independent samples of it: their mean is the number without its bias of order 1/n, their spread over √n its standard error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Jackknife:
    """A number, or several, from the mean over samples.

    Parameters
    ----------
    of_all : float64[...]
        From all samples.
    pseudo_values : float64[n_samples, ...]
    """

    of_all: Floats
    pseudo_values: Floats

    @property
    def value(self) -> Floats:
        """The number without its bias of order 1/n, float64[...]."""
        return np.asarray(self.pseudo_values.mean(axis=0))

    @property
    def standard_error(self) -> Floats:
        """Standard error, float64[...]."""
        return np.asarray(self.pseudo_values.std(axis=0, ddof=1) / np.sqrt(len(self.pseudo_values)))


def jackknife(samples: NDArray[Any], statistic: Callable[[NDArray[Any]], Any]) -> Jackknife:
    """Jackknife of a smooth function of the mean over samples.

    Parameters
    ----------
    samples : [n_samples, ...]
        Real or complex.
    statistic : callable
        Number or array float64[...] of a mean [...]; called n_samples + 1 times.

    Raises
    ------
    InputError
        If there are fewer than two samples.
    """
    n = len(samples)
    if n < 2:
        raise InputError(f"a standard error needs two samples at least, not {n}.")
    total = samples.sum(axis=0)
    of_all = np.asarray(statistic(total / n), dtype=np.float64)
    without = np.array([statistic((total - one) / (n - 1)) for one in samples], dtype=np.float64)
    return Jackknife(of_all, n * of_all - (n - 1) * without)
