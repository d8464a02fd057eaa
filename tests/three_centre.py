"""A Hamiltonian for tests, of any shells, whose blocks depend on third atoms; it knows nothing of Clebsch-Gordan coefficients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis, harmonics
from sharvin.numerics.neighbour_pairs import neighbour_pairs

GOLD, SILVER = 79, 47
ALLOY = OrbitalBasis({GOLD: (0, 1, 2), SILVER: (0, 1)}, {GOLD: 1.0, SILVER: 1.0})
REACH_A = 3.6


def end(distance, reach_A=REACH_A):
    return np.where(distance < reach_A, (1.0 - distance / reach_A) ** 3, 0.0)


def all_harmonics(shells, vectors):
    return np.concatenate([(1.0 + 0.3 * place) * harmonics(order, vectors) for place, order in enumerate(shells)], axis=1)


def three_centre(atoms, basis=ALLOY, overlap=False, reach_A=REACH_A, size_eV=1.0):
    """Blocks: of a pair, a two-centre term along its bond and one of every third atom near both; of an atom, one of its
    neighbours."""
    m, numbers = basis.largest, atoms.numbers
    full = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, reach_A, full=True)
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, reach_A, full=False)

    def seen(atom, vectors):
        """What an atom's orbitals make of these directions, [n, m]."""
        values = all_harmonics(basis.shells[int(numbers[atom])], vectors)
        return np.pad(values, ((0, 0), (0, m - values.shape[1])))

    H_onsite, H, S = np.zeros((len(atoms), m, m)), np.zeros((len(pairs), m, m)), np.zeros((len(pairs), m, m))
    around = [np.flatnonzero(full.first == i) for i in range(len(atoms))]
    for i, own in enumerate(around):
        values = seen(i, full.vector[own]) if len(own) else np.zeros((0, m))
        H_onsite[i] = 0.5 * np.einsum("na,nb,n->ab", values, values, end(full.distance[own]))
    for number, (i, j, vector) in enumerate(zip(pairs.first, pairs.second, pairs.vector, strict=True)):
        along, back = seen(i, vector[None])[0], seen(j, -vector[None])[0]
        size = float(end(np.linalg.norm(vector)))
        H[number] = -2.0 * size * np.outer(along, back)
        S[number] = 0.2 * size * np.outer(along, back)
        for k in around[i]:
            third = full.vector[k]
            rest = third - vector
            other = np.linalg.norm(rest)
            if 0.1 < other < reach_A:
                weight = 2.0 * size * float(end(full.distance[k]) * end(other))
                H[number] += weight * np.outer(seen(i, third[None])[0], seen(j, rest[None])[0])
    S_onsite = np.stack([np.diag(np.arange(m) < basis.size(int(z))).astype(float) for z in numbers])
    found = HamiltonianBlocks(atoms.copy(), basis, pairs.first, pairs.second, pairs.image, size_eV * H_onsite, size_eV * H)
    return replace(found, S=S, S_onsite=S_onsite) if overlap else found


def aligned(found, like):
    """H of the pairs of `like`, in their directions."""
    place, flipped = found.places(like.first, like.second, like.image)
    assert len(found) == len(like)
    assert (place >= 0).all()
    return np.where(flipped[:, None, None], found.H[place].transpose(0, 2, 1), found.H[place])
