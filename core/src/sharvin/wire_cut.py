"""Wires that their file cuts along z: positions folded into a cell, so that an end lies beyond the other one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """A gap along z beyond which a wire goes on at its other end.

    Parameters
    ----------
    height_A : float
        z of the atom below the gap.
    gap_A : float
        Length of the gap.
    vector : float64[3]
        The cell vector by which the atoms above the gap are moved, downwards, to make the wire whole.
    """

    height_A: float
    gap_A: float
    vector: Floats

    def joined(self, atoms: Atoms) -> Atoms:
        """The wire with the part above the gap moved below the rest."""
        moved: Atoms = atoms.copy()
        moved.positions[moved.positions[:, 2] > self.height_A + 0.5 * self.gap_A] -= self.vector
        return moved


def find_cut(atoms: Atoms, range_A: float) -> Cut | None:
    """The one gap along z wider than a Hamiltonian's range, if the third cell vector closes the wire elsewhere; None otherwise.

    A wire that was folded into its cell fills the cell's boundary: there its two parts are no further apart than neighbours are.
    """
    vector = atoms.cell.array[2]
    z = np.sort(atoms.positions[:, 2])
    steps = np.diff(z)
    wide = np.flatnonzero(steps > range_A)
    if len(wide) != 1 or vector[2] <= z[-1] - z[0]:
        return None
    at_boundary = vector[2] - (z[-1] - z[0])
    rest = np.delete(steps, wide[0])
    if at_boundary > max(1.5 * float(rest.max(initial=0.0)), 0.1) or at_boundary > range_A:
        return None
    return Cut(float(z[wide[0]]), float(steps[wide[0]]), vector.copy())


def in_reach_of(atoms: Atoms, reference: Atoms) -> Atoms:
    """Atoms moved by the third cell vector next to the height of those of a reference; for snapshots that are folded anew."""
    vector = reference.cell.array[2]
    turns = np.round((atoms.positions[:, 2] - reference.positions[:, 2]) / vector[2])
    if not turns.any():
        return atoms
    moved: Atoms = atoms.copy()
    moved.positions -= turns[:, None] * vector
    return moved


def detached(atoms: Atoms, range_A: float, side: str) -> tuple[int, float] | None:
    """Number of atoms at an end that a gap along z wider than `range_A` separates from more others, and the gap in Å."""
    z = np.sort(atoms.positions[:, 2])
    steps = np.diff(z) if side == "left" else np.diff(z)[::-1]
    wide = np.flatnonzero(steps > range_A)
    if not len(wide) or 2 * (int(wide[0]) + 1) > len(z):
        return None
    return int(wide[0]) + 1, float(steps[wide[0]])
