r"""The Coulomb matrix of a whole structure, after M. Rupp, A. Tkatchenko, K.-R. Müller and O. A. von Lilienfeld, PRL 108, 058301.

.. math:: C_{ii} = \tfrac12 Z_i^{2.4}, \qquad C_{ij} = \frac{Z_i Z_j}{|R_i - R_j|},

with distances in Å. Numbering of the atoms drops out in two ways: eigenvalues in descending order of magnitude, or rows and
columns sorted by descending norm of the rows (K. Hansen et al., J. Chem. Theory Comput. 9, 3404 (2013)). Eigenvalues are
continuous functions of the positions; elements of the sorted matrix jump where two rows of equal norm exchange their places.

The matrix is made for finite molecules. A wire is periodic across its axis while it is described; there, distances are those to
the closest image by default, because a row must not change when an atom is counted at the other side of its cell.
Along open directions, the wire's axis, they are plain.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from ase.geometry.minkowski_reduction import minkowski_reduce
from numpy.typing import NDArray
from sharvin.errors import ItemError
from sharvin.frames import Frame, Frames
from sharvin.numerics.neighbour_pairs import CLOSEST_A, periodic_cell
from sharvin.runs.compiled import njit
from sharvin.samples import Features

from sharvin_descriptors.configs import CoulombMatrixOptions


class CoulombMatrix:
    """Coulomb matrix of a structure, kind ``per_structure``.

    Parameters
    ----------
    options : CoulombMatrixOptions
    """

    def __init__(self, options: CoulombMatrixOptions) -> None:
        self.options = options

    @property
    def size(self) -> int:
        """Number of features: `max_atoms` eigenvalues, or max_atoms (max_atoms + 1)/2 elements of the upper triangle."""
        n = self.options.max_atoms
        return n if self.options.form == "eigenvalues" else n * (n + 1) // 2

    def describe(self, frames: Frames) -> Features:
        """One row per frame.

        Eigenvalues run in descending order of their magnitude. The upper triangle runs over the columns, and within a column over
        the rows down to the diagonal, so that what belongs to the largest atoms comes first and padding last.

        Parameters
        ----------
        frames : Frames
            Any periodicity, mixed ones included.

        Returns
        -------
        Features
            ``values`` [n_frames, size] in 1/Å (Z² a distance; the diagonal as published), of the `dtype` option.

        Raises
        ------
        InputError
            If a periodic direction has no cell vector.
        ItemError
            If a frame has more than `max_atoms` atoms or none, positions are not finite, or two atoms overlap.
        """
        values = np.zeros((len(frames), self.size), dtype=self.options.dtype)
        for index, frame in enumerate(frames):
            row = self._row(frame, index)
            values[index, : len(row)] = row
        return Features(values)

    def _row(self, frame: Frame, index: int) -> NDArray[np.float64]:
        matrix = self._matrix(frame, index)
        if self.options.form == "eigenvalues":
            eigenvalues = np.linalg.eigvalsh(matrix).astype(np.float64)
            return eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")]
        order = np.argsort(-np.linalg.norm(matrix, axis=1), kind="stable")
        result = np.empty(len(frame) * (len(frame) + 1) // 2)
        _upper_triangle(matrix, order, result)
        return result

    def _matrix(self, frame: Frame, index: int) -> NDArray[np.float64]:
        if not 0 < len(frame) <= self.options.max_atoms:
            raise ItemError(
                f"coulomb_matrix: frame {index} has {len(frame)} atoms and max_atoms is {self.options.max_atoms}; "
                f"{'set it to that of the largest structure' if len(frame) else 'a structure needs atoms'}."
            )
        what = f"coulomb_matrix: frame {index}"
        cell = periodic_cell(frame.positions, frame.cell, frame.pbc, what)
        periodic = np.asarray(frame.pbc, dtype=bool)
        if self.options.distances == "plain" or not periodic.any():
            vectors = np.zeros((0, 3))
        else:
            reduced, _ = minkowski_reduce(cell, periodic)
            vectors = np.asarray(reduced)[periodic]
        # Of a Minkowski-reduced cell, the closest image is among the neighbours of the one in the cell around the origin.
        shifts = np.array(list(product((-1.0, 0.0, 1.0), repeat=len(vectors)))) @ vectors
        inverse = np.linalg.pinv(vectors).astype(np.float64)
        distances = _distances(frame.positions, vectors, inverse, shifts.reshape(-1, 3))
        closest = np.unravel_index(np.argmin(distances + np.diag(np.full(len(frame), np.inf))), distances.shape)
        if len(frame) > 1 and distances[closest] < CLOSEST_A:
            raise ItemError(f"{what} is broken: its atoms {closest[0]} and {closest[1]} are {distances[closest]:.3g} Å apart.")
        charges = frame.numbers.astype(np.float64)
        np.fill_diagonal(distances, 1.0)
        matrix = np.outer(charges, charges) / distances
        np.fill_diagonal(matrix, 0.5 * charges**2.4)
        return np.asarray(matrix)


@njit(nogil=True)
def _distances(
    positions: NDArray[np.float64], vectors: NDArray[np.float64], inverse: NDArray[np.float64], shifts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distances of all pairs, to the closest image along `vectors`, float64[n, n]."""
    n = len(positions)
    result = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            x, y, z = (
                positions[j, 0] - positions[i, 0],
                positions[j, 1] - positions[i, 1],
                positions[j, 2] - positions[i, 2],
            )
            dx, dy, dz = x, y, z
            for a in range(len(vectors)):
                cells = np.rint(x * inverse[0, a] + y * inverse[1, a] + z * inverse[2, a])
                dx -= cells * vectors[a, 0]
                dy -= cells * vectors[a, 1]
                dz -= cells * vectors[a, 2]
            best = np.inf
            for s in range(len(shifts)):
                u, v, w = dx + shifts[s, 0], dy + shifts[s, 1], dz + shifts[s, 2]
                best = min(best, u * u + v * v + w * w)
            result[i, j] = result[j, i] = np.sqrt(best)
    return result


@njit(nogil=True)
def _upper_triangle(matrix: NDArray[np.float64], order: NDArray[np.int64], result: NDArray[np.float64]) -> None:
    place = 0
    for column in range(len(order)):
        for row in range(column + 1):
            result[place] = matrix[order[row], order[column]]
            place += 1
