r"""Orbitals of atoms: shells of real spherical harmonics, and how these turn with the structure.

Within a shell of angular momentum l the orbitals are the real spherical harmonics from m = −l to l, in the order of SIESTA and
GPAW: s; y, z, x; xy, yz, 3z²−r², zx, x²−y². The harmonics are normalised on the unit sphere; their signs are those of the
polynomials just named, as in GPAW. (SIESTA's of odd m have the opposite sign.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin.errors import InputError

Floats = NDArray[np.float64]
LETTERS = "spd"
ORBITALS = (("s",), ("y", "z", "x"), ("xy", "yz", "3z2-r2", "zx", "x2-y2"))
"""Names of the orbitals of a shell, in their order."""


@dataclass(frozen=True)
class OrbitalBasis:
    """Shells and valence electrons of each element.

    Parameters
    ----------
    shells : mapping of int to tuple of int
        Angular momenta l of the shells by atomic number, in the order of the orbitals: ``{79: (0, 1, 2)}`` is s, p, d.
    electrons : mapping of int to float
        Valence electrons of a neutral atom by atomic number.
    along_axes : bool
        Of each p shell there is one orbital only, that along an axis of the atom; then all shells are p. A basis of p_z orbitals.

    Raises
    ------
    InputError
        If an element lacks electrons, has no shell or one beyond d, or shells other than p are to lie along axes.
    """

    shells: Mapping[int, tuple[int, ...]]
    electrons: Mapping[int, float]
    along_axes: bool = False

    def __post_init__(self) -> None:
        for number, own in self.shells.items():
            if not own or any(order not in (0, 1, 2) for order in own):
                raise InputError(f"the shells of element {number} must be s, p or d, at least one of them, not {own}.")
            if number not in self.electrons:
                raise InputError(f"the basis does not say how many valence electrons element {number} has.")
            if self.along_axes and set(own) != {1}:
                raise InputError("a basis of orbitals along axes consists of p shells.")

    @cached_property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers, ascending."""
        return tuple(sorted(self.shells))

    def size(self, number: int) -> int:
        """Orbitals of an atom of an element."""
        own = self.shells[number]
        return len(own) if self.along_axes else sum(2 * order + 1 for order in own)

    @cached_property
    def largest(self) -> int:
        """Largest number of orbitals of an atom."""
        return max(self.size(number) for number in self.shells)

    def count(self, numbers: NDArray[np.integer]) -> NDArray[np.int64]:
        """Orbitals of each atom, int64[n_atoms].

        Raises
        ------
        InputError
            For an element that the basis lacks.
        """
        self.require(numbers)
        table = np.zeros(max(self.elements) + 1, dtype=np.int64)
        for number in self.elements:
            table[number] = self.size(number)
        return table[np.asarray(numbers)]

    def electrons_of(self, numbers: NDArray[np.integer]) -> float:
        """Valence electrons of neutral atoms of these atomic numbers together."""
        self.require(numbers)
        found, counts = np.unique(numbers, return_counts=True)
        return float(sum(self.electrons[int(number)] * count for number, count in zip(found, counts, strict=True)))

    def require(self, numbers: NDArray[np.integer]) -> None:
        """Do nothing, or say which element the basis lacks.

        Raises
        ------
        InputError
        """
        from ase.data import chemical_symbols

        unknown = np.setdiff1d(numbers, self.elements)
        if len(unknown):
            lacks = ", ".join(chemical_symbols[number] for number in unknown)
            has = ", ".join(chemical_symbols[number] for number in self.elements)
            raise InputError(f"the basis has no orbitals of {lacks}; it has those of {has}.")

    def words(self) -> str:
        """Such as ``"Au: s p d"``."""
        from ase.data import chemical_symbols

        along = " along an axis" if self.along_axes else ""
        parts = [f"{chemical_symbols[z]}: {' '.join(LETTERS[order] for order in self.shells[z])}{along}" for z in self.elements]
        return "; ".join(parts)

    def description(self) -> dict[str, Any]:
        """Plain data that :meth:`described` makes the basis of again."""
        return {
            "shells": {str(number): list(own) for number, own in self.shells.items()},
            "electrons": {str(number): self.electrons[number] for number in self.shells},
            "along_axes": self.along_axes,
        }

    @classmethod
    def described(cls, data: Mapping[str, Any]) -> OrbitalBasis:
        """The basis that :meth:`description` describes."""
        shells = {int(number): tuple(int(order) for order in own) for number, own in data["shells"].items()}
        electrons = {int(number): float(value) for number, value in data["electrons"].items()}
        return cls(shells, electrons, bool(data["along_axes"]))


def harmonics(order: int, vectors: Floats) -> Floats:
    """Real spherical harmonics float64[n, 2 order + 1] of directions float64[n, 3], normalised to a mean square of 1 over all m.

    The sum of their squares over m is 1 for every direction.
    """
    x, y, z = np.asarray(vectors, dtype=np.float64).T / np.linalg.norm(vectors, axis=-1)
    root = np.sqrt(3.0)
    if order == 0:
        return np.ones((len(x), 1))
    if order == 1:
        return np.stack([y, z, x], axis=-1)
    if order == 2:
        return np.stack([root * x * y, root * y * z, 0.5 * (3 * z * z - 1), root * z * x, 0.5 * root * (x * x - y * y)], axis=-1)
    raise InputError(f"harmonics are there for s, p and d, not for l = {order}.")


def turned(order: int, rotation: Floats) -> Floats:
    """How the harmonics of a shell turn: D float64[2 order + 1, 2 order + 1] with Y(R r) = D Y(r).

    Of a structure turned by R, positions R r, a block is D H Dᵀ. `rotation` may be improper.
    """
    points = np.random.default_rng(5).normal(size=(8 * (order + 1), 3))
    before, after = harmonics(order, points), harmonics(order, points @ np.asarray(rotation).T)
    return np.asarray(np.linalg.lstsq(before, after, rcond=None)[0].T)


def turned_shells(shells: Sequence[int], rotation: Floats) -> Floats:
    """The same of an atom's shells, block by block."""
    size = sum(2 * order + 1 for order in shells)
    found, start = np.zeros((size, size)), 0
    for order in shells:
        stop = start + 2 * order + 1
        found[start:stop, start:stop] = turned(order, rotation)
        start = stop
    return found
