"""Where the atoms of a junction stand in its device: left principal layer, the atoms between, right principal layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sharvin.junction import Electrode, Junction

from sharvin_transport.slater_koster.table_leads import transverse_cells

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DeviceOrder:
    """Atoms of a junction in the order of its device.

    Parameters
    ----------
    order : int64[n]
        Numbers of the atoms in the structure.
    positions : float64[n, 3]
        In Å; those of the principal layers at their ideal places.
    zone : int64[n]
        −1 in the left principal layer, 0 between the two, +1 in the right one.
    offsets : float64[n, 2]
        Transverse cells by which atoms of the principal layers lie away from where the structure has them.
    inside : int64[n_inside]
        Numbers of the atoms between the principal layers, by height.
    """

    order: Integers
    positions: Floats
    zone: Integers
    offsets: Floats
    inside: Integers

    @classmethod
    def of(cls, junction: Junction, left: Electrode, right: Electrode) -> DeviceOrder:
        """Order of a junction between these electrodes, as :meth:`sharvin.junction.Junction.electrodes` gives the three."""
        positions = junction.atoms.positions
        inside = np.setdiff1d(np.arange(len(positions)), np.concatenate([junction.left, junction.right]))
        inside = inside[np.argsort(positions[inside, 2], kind="stable")]
        at_left, at_right = left.place(positions[junction.left], "left"), right.place(positions[junction.right], "right")
        return cls(
            order=np.concatenate([junction.left, inside, junction.right]),
            positions=np.concatenate([at_left, positions[inside], at_right]),
            zone=np.repeat([-1, 0, 1], [len(junction.left), len(inside), len(junction.right)]),
            offsets=np.concatenate([transverse_cells(left), np.zeros((len(inside), 2)), transverse_cells(right)]),
            inside=inside,
        )

    def of_device(self, shifts: Floats | None) -> Floats:
        """Shifts of all atoms in this order, float64[n]: between the layers those given in the order of the structure, else 0."""
        moved = np.zeros(len(self.order))
        if shifts is not None:
            moved[self.zone == 0] = shifts[np.argsort(np.argsort(self.inside))]
        return moved
