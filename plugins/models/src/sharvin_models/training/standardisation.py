"""Mean and spread of feature columns, taken in one stream over the rows, and of targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
    return mean_and_inverse_spread_of([values])


def mean_and_inverse_spread_of(
    structures: Iterable[NDArray[np.floating]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As :func:`mean_and_inverse_spread` for the rows, float[n_atoms, size], of one structure after the other.

    Each is used once and forgotten. The result is the same, bit for bit, however the rows are divided into structures.
    """
    shift, first, second = (np.zeros(1) for _ in range(3))
    count = 0
    for rows in _blocks(structures):
        if not count:
            shift = rows[0].copy()
        block = rows - shift
        first = first + block.sum(0)
        second = second + np.einsum("ij,ij->j", block, block)
        count += len(block)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError("training features hold values that are not finite; find the structures that they come from.")
    mean = shift + first / count
    spread = np.sqrt(np.maximum(second / count - (first / count) ** 2, 0.0))
    varies = spread > CONSTANT * np.abs(mean)
    return mean, np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)


def _blocks(structures: Iterable[NDArray[np.floating]]) -> Iterator[NDArray[np.float64]]:
    """All rows in blocks of one size but for the last; a block is valid until the next."""
    block, filled = np.empty((0, 0)), 0
    for rows in structures:
        if not len(block):
            block = np.empty((_ROWS, rows.shape[1]))
        while len(rows):
            taken = min(len(rows), _ROWS - filled)
            block[filled : filled + taken] = rows[:taken]
            rows, filled = rows[taken:], filled + taken
            if filled == _ROWS:
                yield block
                filled = 0
    if filled:
        yield block[:filled]


def common_scale(inverse_spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """1/(root mean square of the columns' standard deviations) for every column that is not constant; float64[size]."""
    varies = inverse_spread > 0.0
    spread = 1.0 / inverse_spread[varies]
    result = np.zeros_like(inverse_spread)
    result[varies] = 1.0 / np.sqrt(np.sum(spread**2) / len(inverse_spread)) if varies.any() else 0.0
    return result


@dataclass(frozen=True)
class TargetScale:
    """Standardisation of targets, t = (target − target_mean)/target_spread; the fields are named as in files of models."""

    target_mean: float = 0.0
    target_spread: float = 1.0

    @classmethod
    def standard(cls, targets: NDArray[np.float64]) -> TargetScale:
        """Mean and standard deviation of the targets; a spread of 1 if they are all equal."""
        return cls(float(targets.mean()), float(targets.std()) or 1.0)

    def standardised(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Targets as a network learns them, float64[n]."""
        return (targets - self.target_mean) / self.target_spread

    def restored(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs of a network in the unit of the targets, float64[n]."""
        return self.target_mean + self.target_spread * outputs
