"""An electrode's ideal principal layer: a lattice repeated in x and y, and along z with the period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sharvin.electrodes.transverse_images import wrapped
from sharvin.electrodes.wire_end import MATCH_TOLERANCE_A
from sharvin.errors import InputError
from sharvin.words.displayed import Displayed, Fact, composition, counted, periodicity

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Electrode(Displayed):
    """One ideal principal layer: a lattice repeated in x and y, and along z with the period.

    Parameters
    ----------
    numbers : int64[n]
        Atomic numbers, in the order of the junction's ``left`` or ``right``: along z, then by transverse cell.
    positions : float64[n, 3]
        Ideal positions in Å, relative to the electrode's own origin.
    cell : float64[3, 3]
        Transverse cell vectors and (0, 0, period), in Å.
    pbc : bool[3]
        Periodic in x, y, and along z.
    order : int64[N1, N2, m]
        Which atom is atom m of the primitive transverse cell (i, j); N1 = N2 = 1 where there is no smaller cell.
    layers : int
        Atomic layers in the principal layer.
    period_layers : int
        Atomic layers in one period of the stacking; the principal layer is a whole number of periods.
    copies : int
        Whole periods that were seen; 1 where a lateral step between layers was seen, but no second period.
    deviation_A : float
        Largest distance in Å of an atom that the lead is the mean of from its ideal place, and from what the next copy says.
    checked : bool
        Whether the period was checked against a second copy or step; if not, it was stated, and the deviation says nothing.
    """

    numbers: Integers
    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    order: Integers
    layers: int = 1
    period_layers: int = 1
    copies: int = 1
    deviation_A: float = 0.0
    checked: bool = True

    def _facts(self) -> Sequence[Fact]:
        first, second = self.repeats
        checked = f"seen in {counted(self.copies, 'copy', 'copies')}" if self.checked else "stated, not seen twice"
        return [
            ("atoms", f"{composition(self.numbers)} in {counted(self.layers, 'layer')}"),
            ("principal layer", f"{self.period_A:.2f} Å"),
            ("period", f"{counted(self.period_layers, 'layer')}, {self.stacking_period_A:.2f} Å, {checked}"),
            ("transverse repeats", f"{first} × {second}, {periodicity(self.pbc[:2])}"),
            ("off ideal places", f"at most {self.deviation_A:.3f} Å"),
        ]

    @cached_property
    def key(self) -> bytes:
        """What the lead depends on; equal for electrodes that differ by a translation only."""
        return b"".join(
            np.ascontiguousarray(a).tobytes() for a in (self.numbers, self.positions, self.cell, self.pbc, self.order)
        )

    @property
    def period_A(self) -> float:
        """Thickness of the principal layer in Å."""
        return float(self.cell[2, 2])

    @property
    def stacking_period_A(self) -> float:
        """Thickness of one period of the stacking in Å."""
        return self.period_A * self.period_layers / self.layers

    @property
    def repeats(self) -> tuple[int, int]:
        """Primitive transverse cells along the two cell vectors."""
        return self.order.shape[0], self.order.shape[1]

    def crystal(self) -> Atoms:
        """The lead as a crystal, periodic along z."""
        return Atoms(self.numbers, positions=self.positions, cell=self.cell, pbc=self.pbc)

    def place(self, positions: Floats, side: str = "left or right") -> Floats:
        """Ideal positions, float64[n, 3], moved onto those of a snapshot; see :meth:`origin`."""
        return np.asarray(self.positions + self.origin(positions, side))

    def origin(self, positions: Floats, side: str = "left or right") -> Floats:
        """Where the electrode's own origin lies in a snapshot, float64[3] in Å; `side` is named if the atoms do not fit.

        Parameters
        ----------
        positions : float64[n, 3]
            Of the electrode's atoms in the snapshot.
        side : str

        Raises
        ------
        InputError
            If the snapshot's electrode is not this electrode moved as a whole.
        """
        moved = wrapped(positions - self.positions - (positions[0] - self.positions[0]), self.cell, self.pbc[:2])
        origin = positions[0] - self.positions[0] + moved.mean(axis=0)
        off = np.linalg.norm(moved - moved.mean(axis=0), axis=1)
        if off.max() > MATCH_TOLERANCE_A:
            raise InputError(
                f"the {side} electrode has left its ideal lattice: its atoms have moved against each other, "
                f"the worst by {off.max():.2f} Å (accepted: {MATCH_TOLERANCE_A} Å); keep the outer layers rigid or detect the "
                "junction again."
            )
        return np.asarray(origin)
