"""Errors of predictions: mean absolute error, root mean square error and coefficient of determination."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sharvin.errors import InputError


def mean_absolute_error(predicted: ArrayLike, exact: ArrayLike) -> float:
    """Mean of the absolute differences of two arrays of one shape, or one of them a number, in their unit; nan if empty."""
    return float(np.abs(np.asarray(predicted) - np.asarray(exact)).mean())


def root_mean_square_error(predicted: ArrayLike, exact: ArrayLike) -> float:
    """Root of the mean squared difference of two arrays of one shape, in their unit; nan if they are empty."""
    return float(np.sqrt(((np.asarray(predicted) - np.asarray(exact)) ** 2).mean()))


def r_squared(predicted: ArrayLike, exact: ArrayLike) -> float:
    """Coefficient of determination 1 − Σ(p − e)²/Σ(e − ⟨e⟩)²; negative if the mean of the exact values does better.

    Raises
    ------
    InputError
        If a value is not finite, or the exact values are all equal.
    """
    p, e = (np.asarray(values, dtype=np.float64).ravel() for values in (predicted, exact))
    if not (np.isfinite(p).all() and np.isfinite(e).all()):
        raise InputError("R² needs finite values; leave failed predictions out.")
    scatter = float(np.sum((e - e.mean()) ** 2)) if e.size else 0.0
    if scatter == 0.0:
        raise InputError("R² is not defined against reference values that are all equal.")
    return 1.0 - float(np.sum((p - e) ** 2)) / scatter
