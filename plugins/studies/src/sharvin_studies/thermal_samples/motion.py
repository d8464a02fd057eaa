"""How far atoms move in samples, beside the distance of neighbours; harmonic vibrations do not describe what goes far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.numerics.neighbour_pairs import neighbour_pairs

Floats = NDArray[np.float64]
REACH_A = 4.0
"""Neighbours are looked for up to here."""
LARGE = 0.25
"""Root mean square displacement of an atom, as a part of its distance to the next one, above which it is said to be large.
Crystals melt at about 0.1 (Lindemann); atoms of necks and of sheets move more freely than those of a crystal."""


@dataclass(frozen=True)
class Motion:
    """Root mean square displacements |u| of the samples of a series from the structure at rest.

    Parameters
    ----------
    mean_A : float
        Over the atoms that move.
    largest_A : float
        Of the atom that moves most.
    atom : int
        It.
    neighbour_A : float
        Distance of the atom next to it at rest; infinite where there is none.
    """

    mean_A: float
    largest_A: float
    atom: int
    neighbour_A: float

    @classmethod
    def of(cls, rest: Atoms, positions_A: Floats) -> Motion:
        """Of samples float64[n, n_atoms, 3]."""
        squares = ((positions_A - rest.positions) ** 2).sum(axis=2).mean(axis=0)
        moving = squares > 1e-12
        atom = int(squares.argmax())
        pairs = neighbour_pairs(rest.positions, rest.cell.array, rest.pbc, REACH_A, full=True)
        distances = pairs.distance[pairs.first == atom]
        nearest = float(distances.min()) if len(distances) else np.inf
        mean = float(np.sqrt(squares[moving].mean())) if moving.any() else 0.0
        return cls(mean, float(np.sqrt(squares[atom])), atom, nearest)

    @property
    def doubtful(self) -> bool:
        """Whether it goes so far that harmonic vibrations hardly describe it."""
        return self.largest_A > LARGE * self.neighbour_A
