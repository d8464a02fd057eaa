"""Atoms of a transversally periodic wire with their images next to the cell, searched by distance."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def wrapped(vectors: Floats, cell: Floats, periodic: NDArray[np.bool_]) -> Floats:
    """Vectors [..., 3] moved by transverse cell vectors next to zero."""
    axes = np.flatnonzero(periodic[:2])
    if axes.size == 0:
        return vectors
    lattice = cell[axes][:, :2]
    fractions = vectors[..., :2] @ np.linalg.pinv(lattice)
    moved = np.array(vectors, dtype=np.float64)
    moved[..., :2] -= np.round(fractions) @ lattice
    return moved


class TransverseImages:
    """Atoms in the cell, and their images up to a distance from it.

    Parameters
    ----------
    places : float64[n, 3]
        In Å, anywhere.
    lattice : float64[n_periodic, 2]
        Transverse vectors along which they are periodic.
    margin_A : float
        Largest distance that is searched.
    """

    def __init__(self, places: Floats, lattice: Floats, margin_A: float) -> None:
        self.margin_A, self.lattice = margin_A, lattice
        self._inverse = np.linalg.pinv(lattice)
        self._n = len(places)
        inside = self._in_cell(places)
        images, owner = [inside], [np.arange(self._n)]
        margin = margin_A * np.linalg.norm(self._inverse, axis=0)
        for cells in product(*(range(-int(np.ceil(m)), int(np.ceil(m)) + 1) for m in margin)):
            if not any(cells):
                continue
            moved = inside + np.append(np.array(cells) @ lattice, 0.0)
            fractions = moved[:, :2] @ self._inverse
            near = np.all((fractions > -margin) & (fractions < 1.0 + margin), axis=1)
            images.append(moved[near])
            owner.append(np.flatnonzero(near))
        self._images, self._owner = np.concatenate(images), np.concatenate(owner)
        self._tree = KDTree(self._images)

    def nearest(self, points: Floats) -> tuple[Integers, Floats]:
        """Nearest atom to each point [m, 3], −1 if there is none within the margin, and the vector to it [m, 3]."""
        inside = self._in_cell(points)
        distance, index = self._tree.query(inside, distance_upper_bound=self.margin_A)
        found = np.isfinite(distance)
        index = np.where(found, index, 0)
        off = np.where(found[:, None], self._images[index] - inside, 0.0)
        return np.where(found, self._owner[index], -1), off

    def _in_cell(self, points: Floats) -> Floats:
        inside = np.array(points, dtype=np.float64)
        inside[:, :2] -= np.floor(inside[:, :2] @ self._inverse) @ self.lattice
        return inside
