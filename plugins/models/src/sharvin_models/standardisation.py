"""Mean and spread of feature columns, taken in one stream over the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError

_ROWS = 2048

CONSTANT = 1e-6
"""A column whose spread is below this fraction of its mean carries only rounding noise in single precision."""


def mean_and_inverse_spread(values: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and 1/standard deviation of every column; 0 in place of 1/0 for a constant column, which drops it.

    Parameters
    ----------
    values : float[n_rows, size]
        Read in blocks; no copy of the whole is made.

    Returns
    -------
    mean, inverse_spread : float64[size]

    Raises
    ------
    InputError
        If a value is not finite.
    """
    shift = values[0].astype(np.float64)
    first, second = np.zeros_like(shift), np.zeros_like(shift)
    for begin in range(0, len(values), _ROWS):
        block = values[begin : begin + _ROWS] - shift
        first += block.sum(0)
        second += np.einsum("ij,ij->j", block, block)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError("training features hold values that are not finite; find the structures that they come from.")
    mean = shift + first / len(values)
    spread = np.sqrt(np.maximum(second / len(values) - (first / len(values)) ** 2, 0.0))
    varies = spread > CONSTANT * np.abs(mean)
    return mean, np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)


def common_scale(inverse_spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """1/(root mean square of the columns' standard deviations) for every column that is not constant; float64[size]."""
    varies = inverse_spread > 0.0
    spread = 1.0 / inverse_spread[varies]
    result = np.zeros_like(inverse_spread)
    result[varies] = 1.0 / np.sqrt(np.sum(spread**2) / len(inverse_spread)) if varies.any() else 0.0
    return result
