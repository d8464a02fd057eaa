"""Errors of blocks of H against those of a reference: means over elements, by distance, and the largest of nearest neighbours.

Most pairs are far apart and their elements tiny, so that a mean over all elements flatters: errors by shells of distance and the
largest one of nearest neighbours stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.errors import ItemError

Floats = NDArray[np.float64]
SHELL_A = 0.5
"""Width of a shell of distances."""
NEAREST = 1.25
"""Pairs up to so many times the shortest distance of their structure are nearest neighbours."""


@dataclass(frozen=True, eq=False)
class BlockErrors:
    """Errors by shells of distance; the first shell holds the on-site blocks, shell n distances from (n − 1) to n times 0.5 Å.

    Parameters
    ----------
    elements : int64[n_shells]
        Elements of H between orbitals.
    absolute_eV : float64[n_shells]
        Sums of the absolute errors.
    magnitude_eV : float64[n_shells]
        Sums of the absolute values of the reference.
    largest_eV : float64[n_shells]
        Largest errors.
    nearest : float64[3]
        Of nearest neighbours: number of elements, sum of absolute errors, largest error.
    """

    elements: NDArray[np.int64]
    absolute_eV: Floats
    magnitude_eV: Floats
    largest_eV: Floats
    nearest: Floats

    @property
    def mae_eV(self) -> float:
        """Mean absolute error over all elements."""
        return float(self.absolute_eV.sum() / max(int(self.elements.sum()), 1))

    @property
    def nearest_mae_eV(self) -> float:
        """Mean absolute error of nearest neighbours."""
        return float(self.nearest[1] / max(self.nearest[0], 1.0))

    @property
    def nearest_largest_eV(self) -> float:
        """Largest error of nearest neighbours."""
        return float(self.nearest[2])

    @property
    def shells(self) -> list[int]:
        """Numbers of the shells that hold elements."""
        return [int(k) for k in np.flatnonzero(self.elements)]

    def mae_of(self, shell: int) -> float:
        """Mean absolute error of a shell in eV."""
        return float(self.absolute_eV[shell] / self.elements[shell])

    def magnitude_of(self, shell: int) -> float:
        """Mean absolute value of the reference in a shell in eV."""
        return float(self.magnitude_eV[shell] / self.elements[shell])

    def table(self) -> dict[str, NDArray[np.generic]]:
        """Columns for a file."""
        return {name: np.asarray(values) for name, values in vars(self).items()}

    @classmethod
    def of_table(cls, table: dict[str, NDArray[np.generic]]) -> BlockErrors:
        """The errors that :meth:`table` wrote."""
        return cls(**table)  # type: ignore[arg-type]


def shell_in_words(shell: int) -> str:
    """A shell: ``"on-site"`` or ``"1–1.5 Å"``."""
    return "on-site" if shell == 0 else f"{SHELL_A * (shell - 1):g}–{SHELL_A * shell:g} Å"


def block_errors(predicted: Sequence[HamiltonianBlocks], exact: Sequence[HamiltonianBlocks]) -> BlockErrors:
    """Errors of all structures together.

    Raises
    ------
    ItemError
        If a pair of the reference is missing in what was predicted.
    """
    shells = 2 + int(max(one.reach_A for one in exact) / SHELL_A)
    elements, absolute, magnitude, largest = np.zeros(shells, dtype=np.int64), *np.zeros((3, shells))
    nearest = np.zeros(3)
    for ours, theirs in zip(predicted, exact, strict=True):
        errors, sizes, places, distances = _elements(ours, theirs)
        elements += np.bincount(places, minlength=shells)
        absolute += np.bincount(places, errors, shells)
        magnitude += np.bincount(places, sizes, shells)
        np.maximum.at(largest, places, errors)
        apart = distances[distances > 0]
        if len(apart):
            close = (distances > 0) & (distances <= NEAREST * apart.min())
            nearest += [close.sum(), errors[close].sum(), 0.0]
            nearest[2] = max(nearest[2], float(errors[close].max()))
    return BlockErrors(elements, absolute, magnitude, largest, nearest)


def _elements(ours: HamiltonianBlocks, theirs: HamiltonianBlocks) -> tuple[Floats, Floats, NDArray[np.int64], Floats]:
    """Of every element of the reference: absolute error, absolute value, shell, distance of its atoms."""
    place, flipped = ours.places(theirs.first, theirs.second, theirs.image)
    if np.any(place < 0):
        raise ItemError(f"{int((place < 0).sum())} pairs of the reference are missing in the predicted Hamiltonian.")
    found = np.where(flipped[:, None, None], ours.H[place].transpose(0, 2, 1), ours.H[place])
    present = theirs.present
    within = present[theirs.first][:, :, None] & present[theirs.second][:, None, :]
    own = present[:, :, None] & present[:, None, :]
    distance = np.linalg.norm(theirs.vectors, axis=1)
    apart = np.broadcast_to(distance[:, None, None], within.shape)[within]
    errors = np.concatenate([np.abs(ours.H_onsite - theirs.H_onsite)[own], np.abs(found - theirs.H)[within]])
    sizes = np.concatenate([np.abs(theirs.H_onsite)[own], np.abs(theirs.H)[within]])
    distances = np.concatenate([np.zeros(int(own.sum())), apart])
    places = np.where(distances > 0, 1 + (distances / SHELL_A).astype(np.int64), 0)
    return errors, sizes, places, distances
