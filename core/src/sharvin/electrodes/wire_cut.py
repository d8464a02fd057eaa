"""Wires that their file cuts along z: positions folded into a cell, so that an end lies beyond the other one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sharvin.electrodes.wire_end import LAYER_TOLERANCE_A

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """Where a file cuts a wire, and how it becomes whole.

    Parameters
    ----------
    above_A : float
        Atoms above this z are moved.
    gap_A : float
        Length of the gap there; 0 where the wire's outermost layer is split between both ends.
    vector : float64[3]
        The cell vector by which they are moved, downwards.
    """

    above_A: float
    gap_A: float
    vector: Floats

    def joined(self, atoms: Atoms) -> Atoms:
        """The wire with the part above the cut moved below the rest."""
        moved: Atoms = atoms.copy()
        moved.positions[moved.positions[:, 2] > self.above_A] -= self.vector
        return moved

    def __str__(self) -> str:
        return f"the wire is cut along z, by a gap of {self.gap_A:.1f} Å at z = {self.above_A:.1f} Å"


def find_cut(atoms: Atoms, range_A: float) -> Cut | None:
    """Where a wire was cut that lies folded in a cell; None if it cannot have been.

    Such a wire fills the boundary of the cell: across it, its two parts are no further apart than neighbours are, and there is
    one gap along z wider than the Hamiltonian's range; or its length is the cell's, and rounding has put some atoms
    of its outermost layer to the other end, as in armchair nanotubes of ASE.
    """
    vector = atoms.cell.array[2]
    z = np.sort(atoms.positions[:, 2])
    steps = np.diff(z)
    length = float(z[-1] - z[0])
    if vector[2] < LAYER_TOLERANCE_A:
        return None
    if abs(vector[2] - length) <= LAYER_TOLERANCE_A:
        return Cut(float(z[-1]) - LAYER_TOLERANCE_A, 0.0, vector.copy())
    wide = np.flatnonzero(steps > range_A)
    if len(wide) != 1 or vector[2] <= length:
        return None
    across = vector[2] - length
    if across > max(1.5 * float(np.delete(steps, wide[0]).max(initial=0.0)), 0.1) or across > range_A:
        return None
    return Cut(float(z[wide[0]] + 0.5 * steps[wide[0]]), float(steps[wide[0]]), vector.copy())


def in_reach_of(atoms: Atoms, reference: Atoms) -> Atoms:
    """Atoms moved by the third cell vector next to the height of those of a reference; for snapshots that are folded anew."""
    vector = reference.cell.array[2]
    turns = np.round((atoms.positions[:, 2] - reference.positions[:, 2]) / vector[2])
    if not turns.any():
        return atoms
    moved: Atoms = atoms.copy()
    moved.positions -= turns[:, None] * vector
    return moved


def widest_gap(atoms: Atoms, range_A: float) -> tuple[float, float] | None:
    """The widest gap along z that is wider than a range: z of the atom below it and its length, in Å; None if there is none."""
    z = np.sort(atoms.positions[:, 2])
    steps = np.diff(z)
    widest = int(np.argmax(steps))
    return (float(z[widest]), float(steps[widest])) if steps[widest] > range_A else None
