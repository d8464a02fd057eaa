r"""What the mean on-site energy alone says of the target: its centre and its spread.

In an ensemble whose disorder strength itself is random the conductance falls over its whole range with the mean energy
:math:`\bar\epsilon` of a wire, and so does its fluctuation from wire to wire. With

.. math:: y = c(\bar\epsilon) + s(\bar\epsilon) f,

a network f has only the fluctuation left to learn, of order one everywhere. c and s are linear between bins of equally many
wires; beyond the outermost bins c goes on with its slope there, for a nearly clean wire conducts much better than one of ten
impurities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 300
"""Most bins."""

PER_BIN = 100
"""Fewest wires in a bin, where there are two of them."""


@dataclass(frozen=True, eq=False)
class MeanEnergyScale:
    """Centre c and spread s at ascending mean energies ``knots``; each float64[n_bins]."""

    knots: NDArray[np.float64]
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def constant(cls, targets: NDArray[np.float64]) -> MeanEnergyScale:
        """Mean and standard deviation of the targets, whatever the wire; a spread of 1 if they are all equal."""
        return cls(np.zeros(1), np.array([targets.mean()]), np.array([targets.std() or 1.0]))

    @classmethod
    def fit(cls, energies: NDArray[np.float64], targets: NDArray[np.float64], median: bool) -> MeanEnergyScale:
        """Median or mean, and mean absolute deviation from it, of the targets in bins of the mean on-site energies.

        Parameters
        ----------
        energies, targets : float64[n]
        median : bool
            The optimum of absolute errors; else the mean, that of squared errors.
        """
        bins = np.array_split(np.argsort(energies, kind="stable"), min(BINS, max(1, len(energies) // PER_BIN)))
        centre_of = np.median if median else np.mean
        knots = np.array([energies[bin_].mean() for bin_ in bins])
        centre = np.array([centre_of(targets[bin_]) for bin_ in bins])
        residual = np.abs(targets - _interpolate(energies, knots, centre))
        spread = np.array([residual[bin_].mean() for bin_ in bins])
        return cls(knots, centre, spread if spread.any() else np.ones_like(spread))

    def __call__(self, energies: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centre and spread at these mean energies, float64[n] each."""
        return _interpolate(energies, self.knots, self.centre), np.interp(energies, self.knots, self.spread)


def _interpolate(x: NDArray[np.float64], knots: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear, also beyond the outermost knots."""
    result = np.interp(x, knots, values)
    if len(knots) < 2:
        return result
    for end, next_ in ((0, 1), (-1, -2)):
        step = knots[next_] - knots[end]
        if step != 0.0:
            slope = (values[next_] - values[end]) / step
            beyond = (x - knots[end]) * step < 0.0
            result[beyond] += slope * (x[beyond] - knots[end])
    return result
