r"""How shifts change from one geometry of a series to the next, learnt within the series.

The shift of an atom follows how densely it and its neighbours are surrounded. With the densities

.. math:: \rho_{iq} = \sum_j e^{-(r_{ij}/d - 1)/q}\, \tfrac12 (1 + \cos \pi r_{ij}/r_c)

for some lengths q, their square roots (the width of a band) and the same summed over the neighbours as features f_i, the change
ΔU_i = w · Δf_i is fitted by ridge regression to all changes that the series has seen, atoms of each element by themselves; d is
the distance of nearest neighbours. In pulled gold wires, snapshots 0.15 Å apart, that leaves 0.4 of the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sharvin.numerics.neighbour_pairs import neighbour_pairs

from sharvin_transport.neutrality.model import Surroundings

Floats = NDArray[np.float64]
_LENGTHS = np.array([0.09, 0.17, 0.28, 0.42])
_WITH_ROOTS = slice(1, 3)
_OVER_NEIGHBOURS = 0.21
_CUTOFF = 2.08
_RIDGE = 1e-3
_LARGEST_CHANGE_EV = 0.5


@dataclass(frozen=True, eq=False)
class ShiftChanges:
    """What a series has seen: the last geometry and sums over the changes before.

    Parameters
    ----------
    nearest_A : float
        Distance of nearest neighbours in Å.
    features : float64[n, features]
    values : float64[n]
        Shifts in eV.
    sums : mapping of int to (float64[features, features], float64[features])
        Of each element: Σ Δf Δfᵀ, and Σ Δf ΔU in eV.
    """

    nearest_A: float
    features: Floats
    values: Floats
    sums: Mapping[int, tuple[Floats, Floats]] = field(default_factory=dict)

    @classmethod
    def first(cls, structure: Surroundings, values: Floats) -> ShiftChanges:
        """A series that begins with these shifts."""
        nearest = _nearest(structure)
        return cls(nearest, _features(structure, nearest), values)

    def expected(self, structure: Surroundings) -> Floats:
        """Shifts float64[n] in eV of a following geometry of the same atoms."""
        change = _features(structure, self.nearest_A) - self.features
        numbers = structure.numbers[structure.chosen]
        moved = np.zeros(len(numbers))
        for element, (normal, target) in self.sums.items():
            scale = np.diag(normal) + 1e-12
            moved[numbers == element] = change[numbers == element] @ np.linalg.solve(normal + np.diag(_RIDGE * scale), target)
        return np.asarray(self.values + np.clip(moved, -_LARGEST_CHANGE_EV, _LARGEST_CHANGE_EV))

    def following(self, structure: Surroundings, values: Floats) -> ShiftChanges:
        """The series with one more geometry and its shifts."""
        features = _features(structure, self.nearest_A)
        numbers = structure.numbers[structure.chosen]
        sums = dict(self.sums)
        for element in np.unique(numbers):
            change = (features - self.features)[numbers == element]
            normal, target = sums.get(int(element), (0.0, 0.0))
            sums[int(element)] = normal + change.T @ change, target + change.T @ (values - self.values)[numbers == element]
        return ShiftChanges(self.nearest_A, features, values, sums)


def _nearest(structure: Surroundings) -> float:
    """Median over atoms of the distance to the nearest neighbour, in Å."""
    reach, n = 4.0, len(structure.numbers)
    while True:
        pairs = neighbour_pairs(structure.positions, structure.cell, structure.pbc, reach, full=False)
        nearest = np.full(n, np.inf)
        distance = np.linalg.norm(pairs.vector, axis=1)
        np.minimum.at(nearest, pairs.first, distance)
        np.minimum.at(nearest, pairs.second, distance)
        middle = float(np.median(nearest))
        if np.isfinite(middle) or reach > 100.0:
            return middle if np.isfinite(middle) else reach
        reach *= 2.0


def _features(structure: Surroundings, nearest_A: float) -> Floats:
    """Of the chosen atoms, float64[n, features]."""
    cutoff, n = _CUTOFF * nearest_A, len(structure.numbers)
    pairs = neighbour_pairs(structure.positions, structure.cell, structure.pbc, cutoff, full=False)
    distance = np.linalg.norm(pairs.vector, axis=1)
    first, second = np.concatenate([pairs.first, pairs.second]), np.concatenate([pairs.second, pairs.first])
    ends = np.tile(0.5 * (1.0 + np.cos(np.pi * distance / cutoff)), 2)
    stretch = np.tile(distance / nearest_A - 1.0, 2)
    own = np.stack([np.bincount(first, np.exp(-stretch / length) * ends, n) for length in _LENGTHS], axis=1)
    own = np.concatenate([own, np.sqrt(own[:, _WITH_ROOTS])], axis=1)
    weight = np.exp(-stretch / _OVER_NEIGHBOURS) * ends
    around = np.stack([np.bincount(first, weight * column[second], n) for column in own.T], axis=1)
    return np.concatenate([own, around], axis=1)[structure.chosen]
