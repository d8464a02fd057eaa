"""Slater–Koster files of DFTB (`.skf`) as a table of two-centre integrals.

A file A-B.skf holds ⟨A|·|B⟩ on an even grid of distances, in hartree and bohr; the file of an element with itself also has its
on-site energies and occupations (the simple format of https://dftb.org). Each integral is a cubic spline through its grid
points. The grids are finite: the cutoff of a pair lies at their end, or before it where the integrals have fallen below the
tail, and the integrals go smoothly to zero there like those of all tables (:mod:`~sharvin_transport.tables`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from ase.units import Bohr, Hartree
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from sharvin.errors import InputError

from sharvin_transport.tables import CHANNELS, Table

Floats = NDArray[np.float64]

COLUMNS = ("dd_sigma", "dd_pi", "dd_delta", "pd_sigma", "pd_pi", "pp_sigma", "pp_pi", "sd_sigma", "sp_sigma", "ss_sigma")
"""Order of the ten integrals in a file, first those of H, then those of S."""
_ORDER = np.array([COLUMNS.index(channel) for channel in CHANNELS])
_SHELLS = {"s": 1, "p": 4, "d": 9}


@dataclass(frozen=True, eq=False)
class SkfFile:
    """One file.

    Parameters
    ----------
    r : float64[n]
        Distances in Å.
    integrals : float64[n, 20]
        The ten hoppings in eV and the ten overlaps, columns in the order of :data:`COLUMNS`.
    onsite : float64[3]
        On-site energies of s, p and d in eV; nan where the file is of two elements.
    electrons : float
        Sum of the occupations; nan where the file is of two elements.
    """

    r: Floats
    integrals: Floats
    onsite: Floats
    electrons: float


def read_skf(path: Path, homonuclear: bool) -> SkfFile:
    """Read a file of the simple format.

    Raises
    ------
    InputError
        If it is missing, of the extended format (`@`), or not complete.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"cannot read the Slater-Koster file {path}: {error.strerror}.") from None
    if lines and lines[0].lstrip().startswith("@"):
        raise InputError(f"{path} is of the extended .skf format, with f orbitals, which is not read; use the simple one.")
    head = 3 if homonuclear else 2
    try:
        first = _numbers(lines[0])
        spacing, count = first[0], int(first[1])
        onsite: Floats = np.full(3, np.nan)
        electrons = float("nan")
        if homonuclear:
            atom = _numbers(lines[1])
            if len(atom) != 10:
                raise ValueError(f"line 2 has {len(atom)} numbers, not E_d E_p E_s, SPE, U_d U_p U_s and f_d f_p f_s")
            onsite, electrons = float(Hartree) * np.array(atom[2::-1], dtype=np.float64), float(sum(atom[7:]))
        rows = [_numbers(line) for line in lines[head : head + count]]
        # Writers disagree whether the number of points counts the one at r = 0, which no file holds.
        if rows and len(rows) == count and len(rows[-1]) != 20:
            del rows[-1]
        if spacing <= 0 or count < 8 or len(rows) < count - 1:
            raise ValueError(f"it states {count} points, {spacing:g} bohr apart, and has {len(rows)}")
        wrong = next((number for number, row in enumerate(rows) if len(row) != 20), None)
        if wrong is not None:
            raise ValueError(f"line {head + wrong + 1} has {len(rows[wrong])} numbers, not 20 integrals")
    except (IndexError, ValueError) as error:
        raise InputError(f"the Slater-Koster file {path} is not of the simple .skf format: {error}.") from None
    integrals = np.array(rows)
    integrals[:, :10] *= Hartree
    return SkfFile(np.linspace(1, len(rows), len(rows)) * float(spacing * Bohr), integrals, onsite, electrons)


def _numbers(line: str) -> list[float]:
    """Numbers of a line, with Fortran's repetitions (5*0.0), exponents (1D-3) and commas; none of a line of words."""
    found: list[float] = []
    for word in line.replace(",", " ").replace("D", "E").replace("d", "e").split():
        times, _, value = word.rpartition("*")
        try:
            found += [float(value)] * (int(times) if times else 1)
        except ValueError:
            return found
    return found


class SkfTable(Table):
    """Two-centre integrals of a set of `.skf` files.

    An element has the shells that its own file has integrals for: a shell whose columns are zero throughout is absent.

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
        own = {a: read_skf(path, True) for (a, b), path in files.items() if a == b}
        if not own:
            raise InputError(f"{name} has no .skf file of an element with itself, such as Au-Au.skf, for the on-site energies.")
        self._onsite = {z: file.onsite for z, file in own.items()}
        self.orbitals = {z: _orbitals(file.integrals) for z, file in own.items()}
        self.electrons = {z: file.electrons for z, file in own.items()}
        self._splines: dict[tuple[int, int], tuple[CubicSpline, float]] = {}

    def has_pair(self, a: int, b: int) -> bool:
        """Whether there are both files of this pair of elements."""
        return (a, b) in self._files and (b, a) in self._files

    def raw(self, a: int, b: int, r: Floats) -> tuple[Floats, Floats]:
        """Hopping in eV and overlap before the cutoff, float64[10, n] each; zero beyond the grid."""
        spline, end = self._spline(a, b)
        values = np.where(r <= end, spline(np.minimum(r, end)).T, 0.0)
        return values[:10], values[10:]

    def onsite(self, z: int, density: Floats) -> Floats:
        """On-site energies, the same for all atoms of an element."""
        return np.broadcast_to(self._onsite[z], (len(density), 3)).copy()

    def cutoff_A(self, a: int, b: int) -> float:
        """Distance in Å from which all functions of this pair are zero, within both grids."""
        end = min(self._spline(a, b)[1], self._spline(b, a)[1])
        return min(super().cutoff_A(a, b), float(np.floor(end * 100) / 100))

    def _spline(self, a: int, b: int) -> tuple[CubicSpline, float]:
        if (a, b) not in self._splines:
            file = read_skf(self._files[a, b], a == b)
            present = [self.orbitals[a] >= _SHELLS[c[0]] and self.orbitals[b] >= _SHELLS[c[1]] for c in CHANNELS]
            columns = file.integrals[:, np.concatenate([_ORDER, _ORDER + 10])] * np.tile(present, 2)
            self._splines[a, b] = (CubicSpline(file.r, columns), float(file.r[-1]))
        return self._splines[a, b]


def _orbitals(integrals: Floats) -> int:
    present = {c: bool(np.any(integrals[:, [k, k + 10]])) for k, c in enumerate(COLUMNS)}
    if any(present[c] for c in COLUMNS if "d" in c[:2]):
        return 9
    return 4 if any(present[c] for c in COLUMNS if "p" in c[:2]) else 1


@cache
def load_skf(name: str, files: tuple[tuple[str, str], ...], tail_eV: float) -> SkfTable:
    """The table of the files (A-B, path).

    Raises
    ------
    InputError
        If there is no file, a name is not that of two elements, or a file cannot be read.
    """
    found: dict[tuple[int, int], Path] = {}
    for pair, path in files:
        symbols = pair.split("-")
        if len(symbols) != 2 or not all(symbol in chemical_symbols[1:] for symbol in symbols):
            raise InputError(f"{name}: {pair!r} is no pair of elements such as Au-Ag.")
        found[atomic_numbers[symbols[0]], atomic_numbers[symbols[1]]] = Path(path)
    if not found:
        raise InputError(f"{name} holds no files A-B.skf, with A and B the symbols of two elements.")
    return SkfTable(name, found, tail_eV)
