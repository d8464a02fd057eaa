"""Symmetry functions and their gradients of all chosen atoms of a structure, compiled with numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharvin_descriptors.harmonics import compiled
from sharvin_descriptors.symmetry_functions.arrays import FunctionArrays
from sharvin_descriptors.symmetry_functions.atom_space import workspace
from sharvin_descriptors.symmetry_functions.sums import adjoint, look_around, row

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@compiled
def rows(
    atoms: Integers,
    first: Integers,
    vectors: Floats,
    channels: Integers,
    weights: Floats,
    functions: FunctionArrays,
    result: Floats,
) -> None:
    """Symmetry functions of chosen atoms of one element.

    Parameters
    ----------
    atoms : int64[n_chosen]
    first : int64[n_atoms + 1]
        Neighbours of atom i are pairs ``first[i]:first[i + 1]``; none of them at zero distance.
    vectors, channels : float64[n_pairs, 3], int64[n_pairs]
        From the atom to the neighbour, in Å, and the neighbour's channel.
    weights : float64[n_channels]
        Atomic numbers.
    functions : FunctionArrays
    result : float64[n_chosen, size]
        Written.
    """
    space = workspace(functions, np.max(first[1:] - first[:-1]))
    for n, i in enumerate(atoms):
        around, kinds = vectors[first[i] : first[i + 1]], channels[first[i] : first[i + 1]]
        look_around(around, kinds, weights, functions, space)
        row(kinds, functions, around, space, result[n])


@compiled
def gradients(
    atoms: Integers,
    own_slots: Integers,
    slots: Integers,
    first: Integers,
    vectors: Floats,
    channels: Integers,
    weights: Floats,
    functions: FunctionArrays,
    result: Floats,
) -> None:
    """Gradients of chosen atoms' symmetry functions with respect to the positions of their neighbours and their own.

    Parameters
    ----------
    atoms, first, vectors, channels, weights, functions
        As in :func:`rows`.
    own_slots, slots : int64[n_chosen], int64[n_pairs]
        Place in the result of an atom's own gradient, and of that of each pair. Images of one atom share a place.
    result : float64[n_slots, 3, size]
        Added to.
    """
    most = np.max(first[1:] - first[:-1])
    space, change, chosen = workspace(functions, most), np.empty((most, 3)), np.zeros(functions.size)
    for i, own in zip(atoms, own_slots):  # noqa: B905, numba knows no strict
        begin, end = first[i], first[i + 1]
        around, kinds = vectors[begin:end], channels[begin:end]
        look_around(around, kinds, weights, functions, space)
        for f in range(functions.size):
            chosen[f] = 1.0
            adjoint(chosen, kinds, functions, around, space, change)
            chosen[f] = 0.0
            for k in range(end - begin):
                for a in range(3):
                    result[slots[begin + k], a, f] += change[k, a]
                    result[own, a, f] -= change[k, a]
