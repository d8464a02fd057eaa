r"""How far away an atom's neighbours are, in a few numbers: what the training distribution sees where no descriptor is chosen.

For the atoms :math:`j` of each element around atom :math:`a`, the radial symmetry functions of J. Behler and M. Parrinello, Phys.
Rev. Lett. 98, 146401 (2007),

.. math:: g_k(a) = \sum_j e^{-(r_{aj} - r_k)^2 / 2w^2} f_c(r_{aj}), \qquad f_c(r) = \tfrac12 \bigl(1 + \cos(\pi r / r_c)\bigr) ,

a smoothed histogram of neighbour distances: coordination, nearest distance and the shells beyond. Where there are several
elements, the atom's own is told by one number each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.frames import Frame, Frames
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.samples import Features

CUTOFF_A = 6.0
CENTRES_A = np.arange(2.0, 6.0, 0.5)
WIDTH_A = 0.35
ITSELF = 4.0
"""What tells an atom's own element, about the coordination by which environments differ."""


@dataclass(frozen=True)
class RadialEnvironments:
    """Radial symmetry functions of every atom, kind ``per_atom``.

    Parameters
    ----------
    elements : tuple of str
        Chemical symbols that occur.
    """

    elements: tuple[str, ...]

    @classmethod
    def of(cls, frames: Frames) -> RadialEnvironments:
        """Those of the elements that occur in some frames."""
        return cls(frames.species())

    @property
    def size(self) -> int:
        """Number of features of an atom."""
        own = len(self.elements) if len(self.elements) > 1 else 0
        return len(self.elements) * len(CENTRES_A) + own

    def describe(self, frames: Frames) -> Features:
        """Features of every atom of every frame, float64.

        Raises
        ------
        InputError
            If an element is not among those listed.
        """
        unknown = sorted(set(frames.species()) - set(self.elements))
        if unknown:
            raise InputError(f"the training frames hold {', '.join(self.elements)}, not {', '.join(unknown)}.")
        offsets = np.concatenate([[0], np.cumsum([len(frame) for frame in frames])]).astype(np.int64)
        return Features(np.concatenate([np.empty((0, self.size)), *(self._rows(frame) for frame in frames)]), offsets)

    def _rows(self, frame: Frame) -> NDArray[np.float64]:
        pairs = neighbour_pairs(frame.positions, frame.cell, frame.pbc, CUTOFF_A, full=True)
        weight = 0.5 * (1.0 + np.cos(np.pi * pairs.distance / CUTOFF_A))
        shells = np.exp(-0.5 * ((pairs.distance[:, None] - CENTRES_A) / WIDTH_A) ** 2) * weight[:, None]
        columns = []
        for symbol in self.elements:
            of_element = frame.numbers[pairs.second] == atomic_numbers[symbol]
            columns.append(_sums(pairs.first[of_element], shells[of_element], len(frame)))
        if len(self.elements) > 1:
            columns += [ITSELF * (frame.numbers == atomic_numbers[symbol])[:, None] for symbol in self.elements]
        return np.hstack(columns)


def _sums(atom: NDArray[np.int64], values: NDArray[np.float64], n_atoms: int) -> NDArray[np.float64]:
    """Sums of the rows of `values` that belong to each atom."""
    return np.column_stack([np.bincount(atom, column, n_atoms) for column in values.T])
