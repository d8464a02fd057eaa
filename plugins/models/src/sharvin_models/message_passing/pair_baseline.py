r"""Energies of pairs, and of triplets if wanted, fitted in closed form before a network learns the rest.

.. math:: E_0 = \tfrac12 \sum_{i \ne j} \varphi_{r(ij), ab}(d_{ij}), \qquad \varphi = \sum_n w_n B_n(d),

with one function for each relation r and each two elements a, b: cubic splines that end at the relation's cutoff with two
derivatives. The weights are the least squares of forces and energies, with a small penalty on their second differences
(P. H. C. Eilers and B. D. Marx, Stat. Sci. 11, 89 (1996)), which also bridges distances that do not occur. Most of the force on
an atom that is displaced in a stiff crystal is of this form, so that what is left for the network is several times smaller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from sharvin.protocols import EnergyForcesVirial
from sharvin.reference_data import ReferenceData, ReferenceStructure

from sharvin_models.message_passing.surroundings import AtomSurroundings, PairsOfRelation, SurroundingsBuilder
from sharvin_models.message_passing.triplet_terms import TripletTerms

Floats = NDArray[np.float64]
DEGREE = 3
SMOOTHING = 1e-6
"""Penalty on second differences, relative to the mean diagonal of the normal equations."""
MARGIN_A = 0.2
"""By which splines go on below the shortest pair; energies of closer pairs go on in a straight line."""
RIDGE = 1e-9
"""Penalty on the weights of triplets, relative to the diagonal of the normal equations."""
ENERGY_WEIGHT_PER_A = 3.0
"""Weight of the energy of a structure, over the square root of its atoms, against one force component."""


@dataclass(frozen=True, eq=False)
class PairBaseline:
    """Energies of pairs by relation and elements.

    Parameters
    ----------
    starts_A, ends_A : tuple of float
        Of each relation, where its splines begin and end.
    weights : tuple of float64[n_element_pairs, n_splines]
        In eV, of each relation; unordered pairs of elements aa, ab, …, bb, … in order.
    triplets : TripletTerms or None
        What is added to pairs; see :mod:`~sharvin_models.message_passing.triplet_terms`.
    triplet_weights : float64[kinds, SIZE] or None
    """

    starts_A: tuple[float, ...]
    ends_A: tuple[float, ...]
    weights: tuple[Floats, ...]
    triplets: TripletTerms | None = None
    triplet_weights: Floats | None = None

    def of(self, structure: AtomSurroundings) -> EnergyForcesVirial:
        """Energy in eV, forces in eV/Å and virial in eV of a structure."""
        n = len(structure)
        energy, forces, virial = 0.0, np.zeros((n, 3)), np.zeros((3, 3))
        for start, end, weights, pairs in zip(self.starts_A, self.ends_A, self.weights, structure.relations, strict=True):
            distance = np.linalg.norm(pairs.vectors, axis=1)
            inside = np.maximum(distance, start)
            which = _element_pair(structure, pairs)
            spline = BSpline(_knots(start, end, weights.shape[1]), _ended(weights).T, DEGREE)
            rows = np.arange(len(distance))
            slope = np.asarray(spline(inside, 1))[rows, which]
            value = np.asarray(spline(inside))[rows, which] + slope * (distance - inside)
            energy += 0.5 * float(value.sum())
            pull = (slope / distance)[:, None] * pairs.vectors
            for axis in range(3):  # every pair stands in both directions
                forces[:, axis] += np.bincount(pairs.first, pull[:, axis], n)
            virial -= 0.5 * pairs.vectors.T @ pull
        if self.triplets is not None and self.triplet_weights is not None:
            more = self.triplets.evaluated(structure, self.triplet_weights)
            energy, forces, virial = energy + more.energy_eV, forces + more.forces_eV_per_A, virial + more.virial_eV
        return EnergyForcesVirial(energy, forces, virial)

    def rest(self, data: ReferenceData, build: SurroundingsBuilder) -> ReferenceData:
        """The data with what pairs leave of energies and forces."""
        found = []
        for number, item in enumerate(data):
            pairs = self.of(build.of_atoms(item.atoms, f"structure {number}"))
            energy, forces = item.energy_eV - pairs.energy_eV, item.forces_eV_per_A - pairs.forces_eV_per_A
            found.append(ReferenceStructure(item.atoms, energy, forces, item.group))
        return ReferenceData(tuple(found))

    @classmethod
    def fitted(
        cls, data: ReferenceData, build: SurroundingsBuilder, splines_per_A: float, triplet_cutoff_A: float | None = None
    ) -> PairBaseline:
        """Least squares over structures; beside the matrix of one structure, only the normal equations are in memory.

        Parameters
        ----------
        data : ReferenceData
        build : SurroundingsBuilder
        splines_per_A : float
        triplet_cutoff_A : float or None
            With triplets of neighbours within it.
        """
        structures = [build.of_atoms(item.atoms, f"training structure {number}") for number, item in enumerate(data)]
        elements = len(build.elements)
        element_pairs = elements * (elements + 1) // 2
        ends = build.relations.cutoffs_A
        starts = tuple(_start(structures, number, end) for number, end in enumerate(ends))
        counts = [max(4, math.ceil((end - start) * splines_per_A)) for start, end in zip(starts, ends, strict=True)]
        triplets = None if triplet_cutoff_A is None else TripletTerms.of(structures, triplet_cutoff_A, elements)
        columns = element_pairs * sum(counts)
        size = columns + (0 if triplets is None else triplets.size) + elements
        matrix, right = np.zeros((size, size)), np.zeros(size)
        for item, structure in zip(data, structures, strict=True):
            A = _design(structure, starts, ends, counts, element_pairs, elements, triplets)
            y = np.append(item.forces_eV_per_A.ravel(), item.energy_eV)
            scale = ENERGY_WEIGHT_PER_A / math.sqrt(len(structure))
            A[-1] *= scale
            y[-1] *= scale
            matrix += A.T @ A
            right += A.T @ y
        matrix[:columns, :columns] += _penalty(counts, element_pairs) * SMOOTHING * np.trace(matrix[:columns, :columns]) / columns
        between = slice(columns, size - elements)
        matrix[between, between] += np.diag(RIDGE * np.diag(matrix)[between])
        unit = np.sqrt(np.maximum(np.diag(matrix), np.finfo(np.float64).tiny))
        solved = np.linalg.lstsq(matrix / np.outer(unit, unit), right / unit, rcond=1e-14)[0] / unit
        parts = np.split(solved[:columns], np.cumsum([element_pairs * count for count in counts])[:-1])
        weights = tuple(part.reshape(element_pairs, count) for part, count in zip(parts, counts, strict=True))
        if triplets is None:
            return cls(starts, tuple(ends), weights)
        return cls(starts, tuple(ends), weights, triplets, solved[between].reshape(triplets.kinds, -1))


def _start(structures: Sequence[AtomSurroundings], relation: int, end: float) -> float:
    closest = end
    for structure in structures:
        closest = min(closest, float(np.linalg.norm(structure.relations[relation].vectors, axis=1).min(initial=end)))
    return max(min(closest - MARGIN_A, end - 0.5), 0.0)


def _knots(start: float, end: float, count: int) -> Floats:
    """Of `count` splines and three more that would not end smoothly."""
    return np.concatenate([[start] * DEGREE, np.linspace(start, end, count + 1), [end] * DEGREE])


def _ended(weights: Floats) -> Floats:
    """Weights of all splines, of which the last three are 0: the value and two derivatives vanish at the end."""
    return np.concatenate([weights, np.zeros((len(weights), DEGREE))], axis=1)


def _element_pair(structure: AtomSurroundings, pairs: PairsOfRelation) -> NDArray[np.int64]:
    """Number of the unordered pair of elements of each pair."""
    first, second = structure.species[pairs.first], structure.species[pairs.second]
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.asarray(high * (high + 1) // 2 + low)


def _design(
    structure: AtomSurroundings,
    starts: Sequence[float],
    ends: Sequence[float],
    counts: Sequence[int],
    element_pairs: int,
    elements: int,
    triplets: TripletTerms | None,
) -> Floats:
    """Force components, and in the last row the energy, of each weight and of the energy of an atom of each element."""
    n = len(structure)
    blocks = []
    for start, end, count, pairs in zip(starts, ends, counts, structure.relations, strict=True):
        distance = np.linalg.norm(pairs.vectors, axis=1)
        spline = BSpline(_knots(start, end, count), np.eye(count + DEGREE), DEGREE)
        value, slope = np.asarray(spline(distance))[:, :count], np.asarray(spline(distance, 1))[:, :count]
        which = _element_pair(structure, pairs)
        block = np.zeros((3 * n + 1, element_pairs, count))
        for number in range(element_pairs):
            chosen = which == number
            first = pairs.first[chosen]
            for axis in range(3):
                pull = slope[chosen] * (pairs.vectors[chosen, axis] / distance[chosen])[:, None]
                np.add.at(block, (3 * first + axis, number), pull)
            block[-1, number] = 0.5 * value[chosen].sum(axis=0)
        blocks.append(block.reshape(3 * n + 1, -1))
    if triplets is not None:
        blocks.append(triplets.design(structure))
    own = np.zeros((3 * n + 1, elements))
    own[-1] = np.bincount(structure.species, minlength=elements)
    return np.concatenate([*blocks, own], axis=1)


def _penalty(counts: Sequence[int], element_pairs: int) -> Floats:
    """Squares of second differences of the weights of each function, the zeros behind them included."""
    size = element_pairs * sum(counts)
    found = np.zeros((size, size))
    place = 0
    for count in counts:
        differences = np.diff(np.eye(count + 2), 2, axis=0)[:, :count]
        for _ in range(element_pairs):
            found[place : place + count, place : place + count] = differences.T @ differences
            place += count
    return found
