"""What every junction must be: no atoms in one another, periodic across the wire only, and electrodes that conduct along z."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from numpy.typing import ArrayLike, NDArray

from sharvin.electrodes.electrode import Electrode
from sharvin.electrodes.transverse_images import TransverseImages, wrapped
from sharvin.electrodes.wire_end import layer_numbers
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs

Integers = NDArray[np.int64]

OVERLAP = 0.5
"""Two atoms overlap when they are closer than this part of the sum of their covalent radii."""
SEARCHED_A = 3.5
"""Overlapping atoms are looked for among those up to this far apart: a search for pairs is fastest at about a bond's length."""


def check_cell(atoms: Atoms) -> None:
    """Refuse structures without atoms, with positions that are no numbers, or periodic in a way that a junction cannot be.

    Raises
    ------
    InputError
    """
    if len(atoms) < 2:
        raise InputError("a junction needs atoms; the structure has fewer than two.")
    if not np.all(np.isfinite(atoms.positions)):
        raise InputError("the structure has positions that are not finite numbers.")
    if atoms.pbc[2]:
        raise InputError(
            "the structure is periodic along z, the transport direction; set its third pbc flag to false and put "
            "electrodes at both ends."
        )
    for axis in (0, 1):
        vector = atoms.cell.array[axis]
        if atoms.pbc[axis] and (np.linalg.norm(vector) < 0.1 or abs(vector[2]) > 1e-6):
            raise InputError(
                f"periodic cell vector {axis + 1} must lie in the xy plane, across the transport direction, not {vector}."
            )


def check_overlap(atoms: Atoms) -> None:
    """Refuse atoms that lie in one another.

    Raises
    ------
    InputError
        It names the two atoms that overlap most.
    """
    message = overlap(atoms.numbers, atoms.positions, atoms.cell.array, [*atoms.pbc[:2], False])
    if message:
        raise InputError(message)


def overlap(
    numbers: Integers, positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: ArrayLike, what: str = "the structure"
) -> str:
    """The sentence that names the two atoms which overlap most; empty if none do.

    Parameters
    ----------
    numbers : int64[n_atoms]
    positions, cell, pbc, what
        As of :func:`sharvin.numerics.neighbour_pairs.neighbour_pairs`, and so are the errors.
    """
    radii = OVERLAP * covalent_radii[numbers]
    pairs = neighbour_pairs(positions, cell, pbc, max(SEARCHED_A, 2.0 * float(radii.max(initial=0.0))), full=False, what=what)
    deepest = pairs.distance - radii[pairs.first] - radii[pairs.second]
    if not len(pairs) or deepest.min() >= 0.0:
        return ""
    worst = int(np.argmin(deepest))
    return overlap_message(numbers, int(pairs.first[worst]), int(pairs.second[worst]), float(pairs.distance[worst]))


def overlap_message(numbers: Integers, i: int, j: int, distance: float) -> str:
    """The sentence that names two overlapping atoms, `distance` Å apart."""
    names = [f"{chemical_symbols[numbers[k]]} {k}" for k in (i, j)]
    return f"atoms {names[0]} and {names[1]} overlap: they are {distance:.2f} Å apart; check positions, cell and pbc."


def check_coupled(electrode: Electrode, range_A: float, side: str) -> None:
    """Refuse a lead that a Hamiltonian of this range takes apart: nothing would flow along z.

    Raises
    ------
    InputError
    """
    z = electrode.positions[:, 2]
    order = np.argsort(z, kind="stable")
    layer = np.empty(len(z), dtype=np.int64)
    layer[order] = layer_numbers(z[order])
    lattice = electrode.cell[:2][electrode.pbc[:2], :2]
    for number in range(int(layer.max()) + 1):
        here = electrode.positions[layer == number]
        following = electrode.positions[z > here[:, 2].max() + 1e-9]
        following = np.concatenate([following, electrode.positions + electrode.cell[2]])
        apart = wrapped(following[:, None] - here[:1], electrode.cell, electrode.pbc[:2])
        if (np.linalg.norm(apart, axis=-1) <= range_A).any():
            continue
        near = following[following[:, 2] - here[:, 2].max() <= range_A]
        if len(near):
            partner, _ = TransverseImages(near, lattice, range_A).nearest(here)
            if (partner >= 0).any():
                continue
        partner, off = TransverseImages(following, lattice, 3.0 * range_A).nearest(here)
        distance = np.linalg.norm(off, axis=1)[partner >= 0].min(initial=np.inf)
        apart_A = distance if np.isfinite(distance) else float(following[:, 2].min() - here[:, 2].max())
        raise InputError(
            f"the {side} electrode does not conduct along z: atoms of its layers are {apart_A:.2f} Å apart, and the Hamiltonian "
            f"couples atoms up to {range_A:.2f} Å; complete the electrode, or take a Hamiltonian that reaches further."
        )
