r"""H and S of GPAW's atomic orbitals as blocks between atoms, from H(k) on a grid of k-points.

.. math:: \langle i\,0|H|j\,R\rangle = \frac{1}{N} \sum_k e^{-2\pi i k R} H_{ij}(k)

Overlaps end where two orbitals do. Elements of H reach further, because the projectors of an atom between two others connect
these: up to the sum of their orbitals' radii and twice the radius of a projector. The grid has as many points as there are
translations up to there, so that each pair has an element of its own and H(k) of the blocks is GPAW's on the whole grid. Pairs
without overlap whose elements are all below :data:`NEGLIGIBLE_EV` are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from gpaw.basis_data import Basis
from numpy.typing import NDArray
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.numerics.neighbour_pairs import neighbour_pairs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]
NEGLIGIBLE_EV = 1e-8


def block_arrays(
    atoms: Atoms,
    k: Floats,
    weight: Floats,
    H: NDArray[Any],
    S: NDArray[Any],
    count: Integers,
    folded: Integers,
    range_A: float,
    reach_A: float,
) -> Arrays:
    """Arrays of :class:`HamiltonianBlocks` by name.

    Parameters
    ----------
    atoms : ase.Atoms
    k, weight : float64[n_k, 3], float64[n_k]
        Of k and −k one.
    H, S : complex128[n_k, n, n]
        H in eV.
    count : int64[n_atoms]
        Orbitals of each atom.
    folded : int64[n_atoms, 3]
        Number of cell vectors by which GPAW moved each atom into the cell, with the sign of the way back.
    range_A, reach_A : float
        Distances beyond which no orbitals overlap, and beyond which there are no elements of H.
    """
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, reach_A, full=False)
    start, m = np.cumsum(count) - count, int(count.max())
    inside = np.arange(m) < count[:, None]
    orbital = np.where(inside, start[:, None] + np.arange(m), 0)  # places that an atom lacks are made zero below
    found: Arrays = {"first": pairs.first, "second": pairs.second, "image": pairs.image}
    R = pairs.image + folded[pairs.second] - folded[pairs.first]
    phase = weight * np.exp(-2j * np.pi * (R @ k.T))
    within = inside[pairs.first][:, :, None] & inside[pairs.second][:, None, :]
    own = inside[:, :, None] & inside[:, None, :]
    for name, matrices in (("H", H), ("S", S)):
        onsite = np.tensordot(weight, matrices, 1).real[orbital[:, :, None], orbital[:, None, :]]
        hopping = np.zeros((len(pairs), m, m))
        for number in range(len(k)):
            elements = matrices[number][orbital[pairs.first][:, :, None], orbital[pairs.second][:, None, :]]
            hopping += (phase[:, number, None, None] * elements).real
        found[f"{name}_onsite"] = 0.5 * (onsite + onsite.transpose(0, 2, 1)) * own
        found[name] = hopping * within
    kept = (pairs.distance < range_A) | (np.abs(found["H"]).max(axis=(1, 2), initial=0.0) > NEGLIGIBLE_EV)
    return {name: values if name.endswith("onsite") else values[kept] for name, values in found.items()}


def blocks_of(atoms: Atoms, basis: OrbitalBasis, arrays: Arrays) -> HamiltonianBlocks:
    """The blocks of a structure from :func:`block_arrays`."""
    names = ("first", "second", "image", "H_onsite", "H", "S_onsite", "S")
    return HamiltonianBlocks(atoms.copy(), basis, *(arrays[name] for name in names))


def shells_of(basis: Basis) -> tuple[int, ...]:
    """Angular momenta of a basis' shells, in their order."""
    return tuple(int(function.l) for function in basis.bf_j)
