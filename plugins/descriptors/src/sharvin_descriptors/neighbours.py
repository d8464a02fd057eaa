"""Neighbours of every atom of a frame, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError, ItemError
from sharvin.frames import Frame

CLOSEST_A = 0.1
"""Atoms closer than this are two at one place: a broken structure, not an environment."""


def check_geometry(frame: Frame, index: int, name: str) -> None:
    """Refuse positions that are not finite and periodic directions without a cell vector.

    Raises
    ------
    InputError
        If a periodic direction has no cell vector of its own.
    ItemError
        If positions or cell vectors are not finite.
    """
    if not (np.isfinite(frame.positions).all() and np.isfinite(frame.cell).all()):
        raise ItemError(f"{name}: frame {index} has positions or cell vectors that are not finite numbers.")
    periodic = np.asarray(frame.pbc, dtype=bool)
    if np.linalg.matrix_rank(frame.cell[periodic]) < periodic.sum():
        raise InputError(f"{name}: frame {index} is periodic along a direction without a cell vector of its own.")


def neighbour_pairs(
    neighbours: Any, frame: Frame, index: int, name: str
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """All pairs of an atom and a neighbour, sorted by atom.

    Parameters
    ----------
    neighbours : vesin.NeighborList
        Full and sorted.
    frame : Frame
        Any periodicity, mixed ones included.
    index, name
        Of the frame and the descriptor, for error messages.

    Returns
    -------
    first : int64[n_atoms + 1]
        Pairs of atom i are ``first[i]:first[i + 1]``.
    vectors : float64[n_pairs, 3]
        From the atom to its neighbour, Å.
    neighbour : int64[n_pairs]
        Index of the neighbour; images of one atom are several pairs.

    Raises
    ------
    InputError
        If a periodic direction has no cell vector of its own.
    ItemError
        If positions or cell vectors are not finite, or two atoms overlap.
    """
    check_geometry(frame, index, name)
    periodic = np.asarray(frame.pbc, dtype=bool)
    cell = np.where(periodic[:, None], np.asarray(frame.cell, dtype=np.float64), 0.0)
    i, j, distances, vectors = neighbours.compute(points=frame.positions, box=cell, periodic=periodic, quantities="ijdD")
    if len(distances) and distances.min() < CLOSEST_A:
        pair = int(distances.argmin())
        raise ItemError(
            f"{name}: atoms {int(i[pair])} and {int(j[pair])} of frame {index} are {distances[pair]:.3g} Å apart; "
            "the structure is broken."
        )
    first = np.searchsorted(i.astype(np.int64), np.arange(len(frame) + 1)).astype(np.int64)
    return first, np.ascontiguousarray(vectors), j.astype(np.int64)
