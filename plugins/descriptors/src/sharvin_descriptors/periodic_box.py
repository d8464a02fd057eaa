"""Structures as fully periodic ones, for programs that know all three directions as periodic or none.

An open direction becomes a periodic one whose images are farther away than any neighbour: its cell vector is perpendicular to
the others and as long as the structure plus the range. Descriptors of a finite range do not change by this at all. Atoms are
wrapped into the cell, where such programs expect them.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.frames import Frame
from sharvin.numerics.neighbour_pairs import periodic_cell

MARGIN_A = 1.0


def boxed(frame: Frame, labels: NDArray[np.int64], range_A: float, index: int, part: str) -> Atoms:
    """Frame number `index` as a structure that is periodic in all directions.

    Parameters
    ----------
    frame : Frame
    labels : int64[n_atoms]
        Atomic numbers to give to the atoms.
    range_A : float
        Å; images of an open direction are at least this far apart.
    index : int
    part : str
        Named in errors.

    Raises
    ------
    InputError, ItemError
        As :func:`sharvin.numerics.neighbour_pairs.periodic_cell`.
    """
    cell = periodic_cell(frame.positions, frame.cell, frame.pbc, f"{part}: frame {index}")
    periodic = np.asarray(frame.pbc, dtype=bool)
    if not periodic.all():
        _, _, directions = np.linalg.svd(cell[periodic])
        across = directions[periodic.sum() :]  # orthonormal, perpendicular to the periodic vectors
        cell[~periodic] = across * (np.ptp(frame.positions @ across.T, axis=0) + range_A + MARGIN_A)[:, None]
    atoms = Atoms(labels, positions=frame.positions, cell=cell, pbc=True)
    atoms.wrap()
    return atoms
