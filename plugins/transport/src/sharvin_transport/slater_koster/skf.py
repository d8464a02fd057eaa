"""Slater–Koster files of DFTB (`.skf`) as a table of two-centre integrals.

A file A-B.skf holds ⟨A|·|B⟩ on an even grid of distances; the file of an element with itself also has its on-site energies and
occupations (:mod:`~sharvin_transport.slater_koster.skf_file`). Each integral is a cubic spline through its grid points. The grids
are finite: the cutoff of a pair lies at their end, or before it where the integrals have fallen below the tail. Integrals that
end there by themselves (:meth:`SkfTable.ends_smoothly`) are taken as they are; others are brought smoothly to zero over the last
0.5 Å like those of all tables (:mod:`~sharvin_transport.slater_koster.tables`).

Integrals of two equal shells, such as ssσ and ppπ, stand in A-B as well as in B-A. They must agree, and their mean is taken, so
that nothing depends on the order of atoms. A file is read when its elements are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import TypeVar

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from ase.units import Hartree
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from sharvin.errors import InputError

from sharvin_transport.slater_koster.skf_file import COLUMNS, SkfFile, read_skf
from sharvin_transport.slater_koster.tables import CHANNELS, KEPT_TABLES, TwoCentreTable

Floats = NDArray[np.float64]
Value = TypeVar("Value")

_ORDER = np.array([COLUMNS.index(channel) for channel in CHANNELS])
_SHELLS = {"s": 1, "p": 4, "d": 9}
_BOTH = np.array([channel[0] == channel[1] for channel in CHANNELS])
_COMPARED_FROM_A = 0.8
ENDED_EV = 1e-4
"""Largest hopping, and ten times the largest overlap, at the cutoff of integrals that end smoothly."""
CONTRADICTION = (0.01, 3e-4)
"""Largest difference of A-B from B-A beyond 0.8 Å: a part of the value, plus a number (hartree for H)."""


class SkfTable(TwoCentreTable):
    """Two-centre integrals of a set of `.skf` files.

    An element has the shells that its own file has occupations or integrals for (:meth:`SkfFile.has_shell`).

    Parameters
    ----------
    name : str
        What messages call the table.
    files : dict
        (atomic number, atomic number) → path.
    tail_eV : float
    """

    def __init__(self, name: str, files: dict[tuple[int, int], Path], tail_eV: float) -> None:
        self.name, self.tail_eV, self._files = name, tail_eV, files
        elements = sorted(a for a, b in files if a == b)
        if not elements:
            raise InputError(f"{name} has no .skf file of an element with itself, such as Au-Au.skf, for the on-site energies.")
        self._read: dict[tuple[int, int], SkfFile] = {}
        self.orbitals = _ByElement(elements, self._count)
        self.electrons = _ByElement(elements, lambda z: self._file(z, z).electrons)
        self._splines: dict[tuple[int, int], CubicSpline] = {}
        self._smooth: dict[tuple[int, int], bool] = {}
        self._find_readable(elements)

    def _find_readable(self, elements: list[int]) -> None:
        """A set of which no element can be read is refused at once; a single wrong file only when its element is needed."""
        first: InputError | None = None
        for z in elements:
            try:
                self._count(z)
            except InputError as error:
                first = first or error
            else:
                return
        if first is not None:
            raise first

    def check(self, numbers: NDArray[np.int64]) -> None:
        """Raise :class:`InputError` unless there are files for all these elements and their pairs, which do not contradict."""
        present = [int(z) for z in np.unique(numbers)]
        for a, b in product(present, present):
            if a in self.orbitals and b in self.orbitals and (a, b) not in self._files:
                one, other = chemical_symbols[a], chemical_symbols[b]
                raise InputError(
                    f"the Slater-Koster table {self.name!r} has no parameters for {one} with {other}: the file "
                    f"{one}-{other}.skf is missing."
                )
        super().check(numbers)
        for a, b in product(present, present):
            self._spline(a, b)

    def has_pair(self, a: int, b: int) -> bool:
        """Whether there are both files of this pair of elements."""
        return (a, b) in self._files and (b, a) in self._files

    def raw(self, a: int, b: int, r: Floats) -> tuple[Floats, Floats]:
        """Hopping in eV and overlap before the cutoff, float64[10, n] each; zero beyond the grid."""
        values = self._values(a, b, r)
        if a != b:
            equal = np.tile(_BOTH, 2)
            values[equal] = 0.5 * (values[equal] + self._values(b, a, r)[equal])
        return values[:10], values[10:]

    def radial(self, a: int, b: int, r: Floats) -> tuple[Floats, Floats]:
        """Hopping in eV and overlap, float64[10, n] each, at distances `r` in Å, with the smooth cutoff.

        Raises
        ------
        InputError
            If a distance lies before the first row of the file that is no placeholder.
        """
        start = max(float(self._file(*pair).r[0]) for pair in ((a, b), (b, a)))
        if len(r) and r.min() < start:
            raise InputError(
                f"{self._files[a, b].name} begins at {start:.2f} Å, but a {chemical_symbols[a]} and a {chemical_symbols[b]} atom "
                f"are {r.min():.2f} Å apart; move them apart or take another table."
            )
        return super().radial(a, b, r)

    def onsite(self, z: int, density: Floats) -> Floats:
        """On-site energies, the same for all atoms of an element."""
        return np.broadcast_to(self._file(z, z).onsite, (len(density), 3)).copy()

    def cutoff_A(self, a: int, b: int) -> float:
        """Distance in Å from which all functions of this pair are zero, within both grids."""
        end = min(float(self._file(a, b).r[-1]), float(self._file(b, a).r[-1]))
        return min(super().cutoff_A(a, b), float(np.floor(end * 100) / 100))

    def switch(self, a: int, b: int, r: Floats) -> Floats:
        """1 inside, 0 beyond the cutoff, with nothing between where the files' integrals end smoothly themselves."""
        if self.ends_smoothly(a, b):
            return np.where(r < self.cutoff_A(a, b), 1.0, 0.0)
        return super().switch(a, b, r)

    def ends_smoothly(self, a: int, b: int) -> bool:
        """Whether the integrals of a pair of elements go to zero at its cutoff by themselves.

        They do if none is larger than :data:`ENDED_EV` there, so that nothing is left to be brought to zero.
        """
        key = (min(a, b), max(a, b))
        if key not in self._smooth:
            self._smooth[key] = bool(self._size(a, b, np.array([self.cutoff_A(a, b)]))[0] <= ENDED_EV)
        return self._smooth[key]

    def _file(self, a: int, b: int) -> SkfFile:
        if (a, b) not in self._read:
            self._read[a, b] = read_skf(self._files[a, b], a == b)
        return self._read[a, b]

    def _count(self, z: int) -> int:
        file = self._file(z, z)
        if not file.has_shell("d"):
            return 4 if file.has_shell("p") else 1
        if not file.has_shell("p"):
            raise InputError(f"{self._files[z, z]} has a d shell and no p shell, which is not treated; use another set.")
        return 9

    def _present(self, a: int, b: int) -> NDArray[np.bool_]:
        return np.array([self.orbitals[a] >= _SHELLS[c[0]] and self.orbitals[b] >= _SHELLS[c[1]] for c in CHANNELS])

    def _values(self, a: int, b: int, r: Floats) -> Floats:
        """Hoppings and overlaps of one file, float64[20, n]; those of its first row before it, zero beyond the grid."""
        grid = self._file(a, b).r
        return np.where(r <= grid[-1], self._spline(a, b)(np.clip(r, grid[0], grid[-1])).T, 0.0)

    def _spline(self, a: int, b: int) -> CubicSpline:
        if (a, b) not in self._splines:
            for pair in dict.fromkeys([(a, b), (b, a)]):
                file = self._file(*pair)
                columns = file.integrals[:, np.concatenate([_ORDER, _ORDER + 10])] * np.tile(self._present(*pair), 2)
                self._splines[pair] = CubicSpline(file.r, columns)
            if a != b:
                try:
                    self._compare(a, b)
                except InputError:
                    del self._splines[a, b], self._splines[b, a]
                    raise
        return self._splines[a, b]

    def _compare(self, a: int, b: int) -> None:
        """What stands in A-B and in B-A must agree.

        Raises
        ------
        InputError
            Which integral of which two files differs, where and by how much.
        """
        names = f"{self._files[a, b]} and {self._files[b, a]}"
        for one, other in ((a, b), (b, a)):
            missing = self._present(one, other) & ~_BOTH & (self._sizes(one, other) < 1e-6)
            exchanged = missing & ~self._present(other, one) & (self._sizes(other, one) > 1e-3)
            if exchanged.any():
                raise InputError(
                    f"{names} seem to be exchanged: {self._files[one, other].name} has no {CHANNELS[int(np.argmax(exchanged))]} "
                    "integral, but the other file has, for a shell that its element does not have; rename them."
                )
        files = self._file(a, b), self._file(b, a)
        start, end = max(_COMPARED_FROM_A, files[0].r[0], files[1].r[0]), min(files[0].r[-1], files[1].r[-1])
        if end <= start:
            return
        r = np.linspace(start, end, 200)
        first, second = self._values(a, b, r), self._values(b, a, r)
        equal = np.tile(_BOTH, 2)[:, None]
        unit = np.repeat([Hartree, 1.0], 10)[:, None]
        part, least = CONTRADICTION
        allowed = part * np.maximum(np.abs(first), np.abs(second)) + least * unit
        excess = np.where(equal, np.abs(first - second) - allowed, -1.0)
        if excess.max() <= 0:
            return
        column, at = np.unravel_index(int(np.argmax(excess / unit)), excess.shape)
        quantity, of = ("H", " eV") if column < 10 else ("S", "")
        raise InputError(
            f"{names} contradict each other: {CHANNELS[column % 10]} of {quantity}, which stands in both, is "
            f"{first[column, at]:.4g}{of} in one and {second[column, at]:.4g}{of} in the other at {r[at]:.2f} Å; "
            "take both files from one set."
        )

    def _sizes(self, a: int, b: int) -> Floats:
        file = self._file(a, b)
        return np.array([file.largest(int(column)) for column in _ORDER])


class _ByElement(Mapping[int, Value]):
    """Atomic number → what the element's file says, read when it is asked for."""

    def __init__(self, elements: list[int], find: Callable[[int], Value]) -> None:
        self._elements, self._find = dict.fromkeys(elements), find
        self._known: dict[int, Value] = {}

    def __getitem__(self, z: int) -> Value:
        if z not in self._elements:
            raise KeyError(z)
        if z not in self._known:
            self._known[z] = self._find(z)
        return self._known[z]

    def __contains__(self, z: object) -> bool:
        return z in self._elements

    def __iter__(self) -> Iterator[int]:
        return iter(self._elements)

    def __len__(self) -> int:
        return len(self._elements)


@lru_cache(maxsize=KEPT_TABLES)
def load_skf(name: str, files: tuple[tuple[str, str], ...], tail_eV: float) -> SkfTable:
    """The table of the files (A-B, path).

    Raises
    ------
    InputError
        If there is no file, or a name is not that of two elements.
    """
    found: dict[tuple[int, int], Path] = {}
    for pair, path in files:
        symbols = pair.split("-")
        if len(symbols) != 2 or not all(symbol in chemical_symbols[1:] for symbol in symbols):
            raise InputError(f"{name}: {pair!r} is no pair of elements such as Au-Ag.")
        found[atomic_numbers[symbols[0]], atomic_numbers[symbols[1]]] = Path(path)
    if not found:
        raise InputError(
            f"{name} holds no files A-B.skf, with A and B the symbols of two elements as in Au-Ag.skf; other names are not read."
        )
    return SkfTable(name, found, tail_eV)
