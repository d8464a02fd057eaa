r"""Energies of triplets of an atom and two of its neighbours, as a linear basis that is fitted in closed form.

.. math:: E_0 = \sum_i \sum_{j < k} \sum_{a \le b, c} w_{abc} \left[R_a(d_{ij}) R_b(d_{ik}) + R_b(d_{ij}) R_a(d_{ik})\right]
          P_c(\cos\theta_{jik}), \qquad R_a(d) = (d - d_0)^a \left(1 - (d/d_c)^2\right)^3,

with Legendre polynomials P and d_0 the mean distance of such neighbours in the training set; weights belong to the element of the
atom and the two of its neighbours. For neighbours within the bonds of a covalent crystal these are its bond and angle terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from sharvin.protocols import EnergyForcesVirial

from sharvin_models.message_passing.surroundings import AtomSurroundings

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
RADIAL = 5
"""Powers of the distance, from 0."""
ANGULAR = 4
"""Legendre polynomials, from 0."""
ORDERS = tuple((a, b) for a in range(RADIAL) for b in range(a, RADIAL))
SIZE = len(ORDERS) * ANGULAR
CHUNK = 50_000
"""Triplets that are evaluated at once."""


@dataclass(frozen=True, eq=False)
class Triplets:
    """Some triplets of a structure.

    Parameters
    ----------
    centre, first, second : int64[n]
        Atoms.
    kind : int64[n]
        Number of the element of the atom and the unordered two of its neighbours.
    vectors : float64[2, n, 3]
        To both neighbours, in Å.
    """

    centre: Integers
    first: Integers
    second: Integers
    kind: Integers
    vectors: Floats

    def gradients(self, along: Floats, angle: Floats) -> Floats:
        """Derivatives float64[2, n, 3] by both vectors, of those by the distances [2, n] and by the cosine [n]."""
        distance = np.linalg.norm(self.vectors, axis=-1)
        unit = self.vectors / distance[..., None]
        cosine = np.einsum("ni,ni->n", unit[0], unit[1])
        turned = (unit[::-1] - cosine[None, :, None] * unit) / distance[..., None]
        return np.asarray(along[..., None] * unit + angle[None, :, None] * turned)

    def forces(self, gradients: Floats, n_atoms: int) -> Floats:
        """Forces float64[n_atoms, 3] of derivatives by both vectors."""
        found = np.zeros((n_atoms, 3))
        for axis in range(3):
            one, two = gradients[0, :, axis], gradients[1, :, axis]
            found[:, axis] += np.bincount(self.centre, one + two, n_atoms)
            found[:, axis] -= np.bincount(self.first, one, n_atoms) + np.bincount(self.second, two, n_atoms)
        return found


@dataclass(frozen=True)
class TripletTerms:
    """The basis.

    Parameters
    ----------
    cutoff_A : float
        Within which two neighbours of an atom make a triplet with it.
    middle_A : float
        d_0.
    elements : int
        Number of elements.
    """

    cutoff_A: float
    middle_A: float
    elements: int

    @property
    def kinds(self) -> int:
        """Kinds of triplets."""
        return self.elements * self.elements * (self.elements + 1) // 2

    @property
    def size(self) -> int:
        """Weights."""
        return self.kinds * SIZE

    @classmethod
    def of(cls, structures: Sequence[AtomSurroundings], cutoff_A: float, elements: int) -> TripletTerms:
        """The basis for a training set."""
        every = [np.linalg.norm(pairs.vectors, axis=1) for structure in structures for pairs in structure.relations]
        near = np.concatenate([distance[distance < cutoff_A] for distance in every])
        return cls(cutoff_A, float(near.mean()) if len(near) else cutoff_A, elements)

    def triplets(self, structure: AtomSurroundings) -> Iterator[Triplets]:
        """All of a structure, some at a time."""
        first = np.concatenate([pairs.first for pairs in structure.relations])
        second = np.concatenate([pairs.second for pairs in structure.relations])
        vectors = np.concatenate([pairs.vectors for pairs in structure.relations])
        near = np.flatnonzero(np.einsum("ij,ij->i", vectors, vectors) < self.cutoff_A**2)
        near = near[np.argsort(first[near], kind="stable")]
        first, second, vectors = first[near], second[near], vectors[near]
        counts = np.bincount(first, minlength=len(structure))
        later = np.repeat(np.cumsum(counts), counts) - np.arange(len(first)) - 1
        stops = np.cumsum(later)
        begin = 0
        while begin < len(first):
            reached = stops[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(stops, reached + CHUNK, side="right")))
            one = np.repeat(np.arange(begin, end), later[begin:end])
            two = one + 1 + np.arange(len(one)) - np.repeat(stops[begin:end] - later[begin:end] - reached, later[begin:end])
            species = structure.species
            low, high = (pick(species[second[one]], species[second[two]]) for pick in (np.minimum, np.maximum))
            kind = species[first[one]] * (self.elements * (self.elements + 1) // 2) + high * (high + 1) // 2 + low
            yield Triplets(first[one], second[one], second[two], kind, np.stack([vectors[one], vectors[two]]))
            begin = end

    def basis(self, triplets: Triplets) -> tuple[Floats, Floats, Floats]:
        """Values [SIZE, n], their derivatives by both distances [2, SIZE, n], and by the cosine [SIZE, n]."""
        distance = np.linalg.norm(triplets.vectors, axis=-1)
        cosine = np.einsum("ni,ni->n", triplets.vectors[0], triplets.vectors[1]) / distance.prod(axis=0)
        radial, slope = self._radial(distance)
        polynomial = np.array([legendre.legval(cosine, np.eye(ANGULAR)[c]) for c in range(ANGULAR)])
        steep = np.array([legendre.legval(cosine, legendre.legder(np.eye(ANGULAR)[c])) for c in range(ANGULAR)])
        values, by_first, by_second, by_angle = [], [], [], []
        for a, b in ORDERS:
            product = radial[a, 0] * radial[b, 1] + radial[b, 0] * radial[a, 1]
            one = slope[a, 0] * radial[b, 1] + slope[b, 0] * radial[a, 1]
            two = radial[a, 0] * slope[b, 1] + radial[b, 0] * slope[a, 1]
            values.append(product * polynomial)
            by_first.append(one * polynomial)
            by_second.append(two * polynomial)
            by_angle.append(product * steep)
        return np.concatenate(values), np.stack([np.concatenate(by_first), np.concatenate(by_second)]), np.concatenate(by_angle)

    def _radial(self, distance: Floats) -> tuple[Floats, Floats]:
        """R_a and its derivative, [RADIAL, 2, n] each."""
        away, scaled = distance - self.middle_A, distance / self.cutoff_A
        inside = np.clip(1.0 - scaled**2, 0.0, None)
        end, end_slope = inside**3, -6.0 * scaled / self.cutoff_A * inside**2
        powers = np.array([away**a for a in range(RADIAL)])
        slopes = np.array([a * away ** max(a - 1, 0) for a in range(RADIAL)])
        return powers * end, slopes * end + powers * end_slope

    def evaluated(self, structure: AtomSurroundings, weights: Floats) -> EnergyForcesVirial:
        """Energy in eV, forces in eV/Å and virial in eV with weights float64[kinds, SIZE]."""
        energy, forces, virial = 0.0, np.zeros((len(structure), 3)), np.zeros((3, 3))
        for triplets in self.triplets(structure):
            values, along, angle = self.basis(triplets)
            own = weights[triplets.kind].T
            energy += float((own * values).sum())
            gradients = triplets.gradients((own * along).sum(axis=1), (own * angle).sum(axis=0))
            forces += triplets.forces(gradients, len(structure))
            virial -= np.einsum("xni,xnj->ij", triplets.vectors, gradients)
        return EnergyForcesVirial(energy, forces, virial)

    def design(self, structure: AtomSurroundings) -> Floats:
        """Force components, and in the last row the energy, of each weight, float64[3 n + 1, size]."""
        n = len(structure)
        found = np.zeros((3 * n + 1, self.kinds, SIZE))
        for triplets in self.triplets(structure):
            values, along, angle = self.basis(triplets)
            for kind in np.unique(triplets.kind):
                mask = (triplets.kind == kind).astype(np.float64)
                for number in range(SIZE):
                    gradients = triplets.gradients(along[:, number] * mask, angle[number] * mask)
                    found[:-1, kind, number] += triplets.forces(gradients, n).ravel()
                found[-1, kind] += values @ mask
        return found.reshape(3 * n + 1, -1)
