"""Layers of a van der Waals structure: the array ``layer`` of its atoms, and whether it fits their bonds."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray

from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs

LAYER = "layer"
"""Name of the array; whole numbers say to which layer an atom belongs."""
BOND_IN_RADII = 1.3
"""Atoms closer than this many sums of their covalent radii are bonded: 1.98 Å of two atoms of carbon."""


def layers_of(atoms: Atoms, array: str = LAYER) -> NDArray[np.int64]:
    """The layer of each atom, int64[n_atoms], as its array says it.

    Raises
    ------
    InputError
        If the structure has no such array, or it does not hold one whole number for each atom.
    """
    if array not in atoms.arrays:
        raise InputError(
            f"the structure does not say to which layer its atoms belong; mark each with a whole number, "
            f"atoms.set_array({array!r}, np.array([0, 0, …, 1, 1])), or take a structure that marks its layers."
        )
    values = np.asarray(atoms.arrays[array])
    if values.shape != (len(atoms),) or values.dtype.kind not in "iuf" or not (values == np.round(values)).all():
        raise InputError(f"the array {array} of a structure must hold one whole number for each atom.")
    return values.astype(np.int64)


def fitting_layers(atoms: Atoms, array: str = LAYER, fewest_bonds: int = 1) -> NDArray[np.int64]:
    """The layer of each atom, int64[n_atoms], where the marks fit the bonds: these join atoms of one layer.

    Atoms are bonded where they are closer than :data:`BOND_IN_RADII` sums of their covalent radii, whatever the direction of a
    layer's normal and however the layer bends. An atom has at least `fewest_bonds` of them.

    Raises
    ------
    InputError
        As :func:`layers_of`; if two bonded atoms are marked with different layers, or an atom has fewer bonds in its
        layer. One of them is named.
    """
    layer = layers_of(atoms, array)
    radii = BOND_IN_RADII * covalent_radii[atoms.numbers]
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 2.0 * float(radii.max()), full=True)
    pairs = pairs.take(pairs.distance < radii[pairs.first] + radii[pairs.second])
    wrong = np.flatnonzero(layer[pairs.first] != layer[pairs.second])
    if len(wrong):
        mismatches = np.bincount(pairs.first[wrong], minlength=len(atoms))
        atom = int(mismatches.argmax())
        one = int(wrong[pairs.first[wrong] == atom][0])
        other = int(pairs.second[one])
        raise InputError(
            f"no layer fits atom {atom}: it is marked as of layer {layer[atom]} and bonded to atom {other} of layer "
            f"{layer[other]}, {pairs.distance[one]:.2f} Å away; correct the array {array}, or the positions."
        )
    bonds = np.bincount(pairs.first, minlength=len(atoms))
    alone = np.flatnonzero(bonds == 0)
    if len(alone):
        atom = int(alone[0])
        raise InputError(
            f"no layer fits atom {atom}: it is marked as of layer {layer[atom]} and has no neighbour there within "
            f"{2 * radii[atom]:.2f} Å; correct the array {array}, or the positions."
        )
    few = np.flatnonzero(bonds < fewest_bonds)
    if len(few):
        raise InputError(
            f"atom {few[0]} has {bonds[few[0]]} bond(s) in its layer, and the potential needs {fewest_bonds} of every atom; "
            f"remove atoms with fewer, or take options of the potential that allow them."
        )
    return layer
