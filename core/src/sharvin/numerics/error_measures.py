"""Errors of predictions: mean absolute error and root mean square error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def mean_absolute_error(predicted: ArrayLike, exact: ArrayLike) -> float:
    """Mean of the absolute differences of two arrays of one shape, or one of them a number, in their unit; nan if empty."""
    return float(np.abs(np.asarray(predicted) - np.asarray(exact)).mean())


def root_mean_square_error(predicted: ArrayLike, exact: ArrayLike) -> float:
    """Root of the mean squared difference of two arrays of one shape, in their unit; nan if they are empty."""
    return float(np.sqrt(((np.asarray(predicted) - np.asarray(exact)) ** 2).mean()))
