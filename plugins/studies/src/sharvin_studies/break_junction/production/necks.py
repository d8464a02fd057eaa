"""Necks one atom wide, and their shortest bond."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from sharvin.electrodes.broken_wires import NECK_WIDTH, holding_atoms
from sharvin.frames import Frame


def shortest_bond_A(frame: Frame) -> float:
    """Shortest bond of the atoms each of which alone holds the wire together, Å; nan where the neck is wider than one atom.

    Such atoms are those of :func:`sharvin.electrodes.broken_wires.holding_atoms`: the one atom of a neck, or a chain. Their bonds
    lead to each other and to the atoms on either side.
    """
    if frame.scalars.get(NECK_WIDTH) != 1.0:
        return float("nan")
    atoms = holding_atoms(frame)
    if not len(atoms):
        return float("nan")
    return float(np.min(np.asarray(cKDTree(frame.positions).query(frame.positions[atoms], k=2)[0])[:, 1]))
