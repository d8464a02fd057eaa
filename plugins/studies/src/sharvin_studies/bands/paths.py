"""Paths through the Brillouin zone by names of points.

Wave vectors are fractions of the reciprocal vectors, as :class:`~sharvin.two_terminal.BlochHamiltonian` takes them; lengths are
in 1/Å with the factor 2π. Of a hexagonal cell with two periodic directions, whose vectors may be at 60° or at 120°, K lies along
the first of these vectors, M half-way between K and K′, so that Γ–K–M–K′–Γ is a triangle. Of other cells the points are those of
ASE (W. Setyawan and S. Curtarolo, Comput. Mater. Sci. 49, 299 (2010)).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ase.cell import Cell
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError

Floats = NDArray[np.float64]
SAME_ANGLE = 1e-3
"""Relative difference of lengths, and difference of cosines, up to which a cell counts as hexagonal."""


@dataclass(frozen=True, eq=False)
class BandPath:
    """A path through the Brillouin zone.

    Parameters
    ----------
    k : float64[n, 3]
        In fractions of the reciprocal vectors.
    distance_per_A : float64[n]
        Length of the path up to each point, in 1/Å.
    labels : tuple of str
        Names of the corners, such as Γ.
    corners : tuple of int
        Which of the n points these are.
    """

    k: Floats
    distance_per_A: Floats
    labels: tuple[str, ...]
    corners: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.k)

    @property
    def ticks_per_A(self) -> Floats:
        """Where the corners lie along the path."""
        return self.distance_per_A[list(self.corners)]


def reciprocal_vectors(cell: ArrayLike) -> Floats:
    """Reciprocal vectors float64[3, 3] in 1/Å with the factor 2π, one per row; zero where the cell vector is zero."""
    return 2 * np.pi * np.linalg.pinv(np.asarray(cell, dtype=np.float64)).T


def special_points(cell: ArrayLike, pbc: ArrayLike) -> dict[str, Floats]:
    """Named points of the Brillouin zone in fractions of the reciprocal vectors, float64[3] each.

    Parameters
    ----------
    cell : float64[3, 3]
        In Å.
    pbc : bool[3]

    Raises
    ------
    InputError
        If no direction is periodic, or periodic vectors are zero or linearly dependent.
    """
    vectors, periodic = np.array(cell, dtype=np.float64), np.asarray(pbc, dtype=bool)
    if not periodic.any() or np.linalg.matrix_rank(vectors[periodic]) < periodic.sum():
        raise InputError(
            "a band path needs a cell with at least one periodic direction and independent vectors along all of these."
        )
    vectors[~periodic] = 0.0
    cosine = _cosine(vectors[periodic]) if periodic.sum() == 2 else None
    if cosine is not None and abs(abs(cosine) - 0.5) < SAME_ANGLE:
        return _hexagonal(np.flatnonzero(periodic), acute=cosine > 0)
    found: dict[str, Floats] = {}
    for name, place in Cell.new(vectors).bandpath(npoints=0, pbc=periodic).special_points.items():
        found["Γ" if name == "G" else name] = np.asarray(place, dtype=np.float64)
    if {"K", "H"} <= set(found):
        found |= {"K′": -found["K"], "H′": -found["H"]}
    return found


def band_path(cell: ArrayLike, pbc: ArrayLike, path: str | Sequence[str], points: int) -> BandPath:
    """A path along straight lines between named points.

    Parameters
    ----------
    cell : float64[3, 3]
        In Å.
    pbc : bool[3]
    path : str or sequence of str
        ``"ΓKMΓ"`` or ``["Γ", "K", "M", "Γ"]``. G stands for Γ, and an apostrophe for the prime of K′.
    points : int
        Points in all, shared out by length; at least two for every line.

    Raises
    ------
    InputError
        If a point is not known, or there are fewer than two, or too few points for the lines.
    """
    known = special_points(cell, pbc)
    names = [_named(name, known) for name in (_split(path) if isinstance(path, str) else path)]
    if len(names) < 2:
        raise InputError(f"a band path needs two points or more, not {path!r}.")
    if any(first == second for first, second in pairwise(names)):
        raise InputError(f"successive points of a band path must differ, unlike in {'–'.join(names)}.")
    if points < 2 * len(names) - 1:
        raise InputError(f"the band path {'–'.join(names)} needs at least {2 * len(names) - 1} points, not {points}.")
    periodic = np.asarray(pbc, dtype=bool)
    reciprocal = reciprocal_vectors(np.where(periodic[:, None], np.asarray(cell, dtype=np.float64), 0.0))
    places = np.array([known[name] for name in names])
    lengths = np.linalg.norm(np.diff(places, axis=0) @ reciprocal, axis=1)
    steps = np.maximum(2, np.rint(lengths / lengths.sum() * (points - 1)).astype(int))
    while steps.sum() != points - 1:  # rounding, and short lines that took more than their share
        steps[np.argmax(steps)] += np.sign(points - 1 - steps.sum())
    lines = [
        start + np.arange(n)[:, None] / n * (stop - start) for start, stop, n in zip(places, places[1:], steps, strict=False)
    ]
    along = [
        start + np.arange(n) / n * length for start, length, n in zip(np.cumsum(lengths) - lengths, lengths, steps, strict=True)
    ]
    return BandPath(
        k=np.concatenate([*lines, places[-1:]]),
        distance_per_A=np.concatenate([*along, [lengths.sum()]]),
        labels=tuple(names),
        corners=(0, *(int(corner) for corner in np.cumsum(steps))),
    )


def _cosine(vectors: Floats) -> float | None:
    """Cosine of the angle of two vectors of one length, None if the lengths differ."""
    first, second = np.linalg.norm(vectors, axis=1)
    return float(vectors[0] @ vectors[1] / (first * second)) if abs(first / second - 1) < SAME_ANGLE else None


def _hexagonal(directions: NDArray[np.int64], acute: bool) -> dict[str, Floats]:
    third = 1 / 3
    fractions = {"Γ": (0.0, 0.0)}
    if acute:
        fractions |= {"M": (0.5, 0.5), "K": (2 * third, third), "K′": (third, 2 * third)}
    else:
        fractions |= {"M": (0.5, 0.0), "K": (2 * third, -third), "K′": (third, third)}
    found = {}
    for name, place in fractions.items():
        found[name] = np.zeros(3)
        found[name][directions] = place
    return found


def _split(path: str) -> list[str]:
    """Names of a text: a letter with the digits and primes behind it."""
    text = re.sub(r"[\s–,-]", "", path)
    names = re.findall(r"[^\W\d_][0-9]*['′’]*", text)
    if "".join(names) != text:
        raise InputError(f"the band path {path!r} must consist of names of points, such as ΓKMΓ.")
    return names


def _named(name: str, known: dict[str, Floats]) -> str:
    standard = re.sub(r"['’]", "′", name)
    standard = "Γ" if standard in ("G", "Gamma", "gamma") else standard
    if standard not in known:
        raise InputError(f"the point {name!r} of a band path is not known; those of this cell are {', '.join(known)}.")
    return standard
