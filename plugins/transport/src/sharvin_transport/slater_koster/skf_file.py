"""One Slater–Koster file of DFTB (`.skf`): its on-site energies, occupations and tabulated integrals.

The simple format of https://dftb.org has the shells s, p and d, the extended one (first line `@`) f as well; both are in hartree
and bohr. Numbers are written as Fortran's list-directed input takes them. Writers fill the rows at short distances, where
nothing was computed, with placeholders (``20*1.0``), and the columns of shells that an element does not have with zeros.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.units import Bohr, Hartree
from numpy.typing import NDArray
from sharvin.errors import InputError

Floats = NDArray[np.float64]

COLUMNS = ("dd_sigma", "dd_pi", "dd_delta", "pd_sigma", "pd_pi", "pp_sigma", "pp_pi", "sd_sigma", "sp_sigma", "ss_sigma")
"""Order of the ten integrals in a row of the simple format, first those of H, then those of S."""
_SIMPLE = np.arange(10)
_EXTENDED = np.array([7, 8, 9, 12, 13, 14, 15, 17, 18, 19])
_FEWEST, _MOST = 8, 1000
_ATOM = {False: "E_d E_p E_s, SPE, U_d U_p U_s and f_d f_p f_s", True: "E_f E_d E_p E_s, SPE, U_f to U_s and f_f to f_s"}
_NEGLIGIBLE = 1e-6
_NOISE = 1e-3
_ZERO = 1e-12


@dataclass(frozen=True, eq=False)
class SkfFile:
    """What a file holds.

    Parameters
    ----------
    r : float64[n]
        Distances in Å, evenly spaced, from the first row that is no placeholder; rows of zeros that follow integrals cut off at
        once are no part of it.
    integrals : float64[n, 20]
        The ten hoppings in eV and the ten overlaps, columns in the order of :data:`COLUMNS`.
    onsite : float64[3]
        On-site energies of s, p and d in eV; nan where the file is of two elements.
    occupations : float64[3]
        Electrons in s, p and d; nan where the file is of two elements.
    """

    r: Floats
    integrals: Floats
    onsite: Floats
    occupations: Floats

    @property
    def electrons(self) -> float:
        """Valence electrons of the element."""
        return float(self.occupations.sum())

    def largest(self, column: int) -> float:
        """Largest size of an integral, H in hartree or S; zero where the column is a placeholder, one number throughout."""
        both = self.integrals[:, [column, column + 10]] / np.array([Hartree, 1.0])
        return float(np.abs(np.where(np.ptp(both, axis=0) > 0, both, 0.0)).max())

    def has_shell(self, shell: str) -> bool:
        """Whether the element of this file has a shell, "p" or "d".

        It has if electrons occupy it or integrals belong to it. An on-site energy alone says nothing, because files state one
        for shells without integrals too (hydrogen's p in the set mio). Where there is none, integrals up to 1e-3 are noise.
        """
        number = "spd".index(shell)
        largest = max(self.largest(k) for k, name in enumerate(COLUMNS) if shell in name[:2])
        return bool(self.occupations[number] > 0 or largest > (_NEGLIGIBLE if self.onsite[number] != 0 else _NOISE))


def read_skf(path: Path, homonuclear: bool) -> SkfFile:
    """Read a file of the simple format, or of the extended one if it has no f orbitals.

    Raises
    ------
    InputError
        If the file is missing, a link checked out as text, of f orbitals, or not complete.
    """
    lines = list(_lines(path))
    extended = bool(lines) and lines[0][1].startswith("@")
    if extended:
        del lines[0]
    if len(lines) == 1 and lines[0][1].endswith(".skf"):
        raise InputError(
            f"{path} holds the name of another file, {lines[0][1]!r}: it is a symbolic link that was unpacked as text; put the "
            "file itself in its place."
        )
    if lines and lines[0][1].startswith("version https://git-lfs"):
        raise InputError(f"{path} is a pointer of Git LFS, not the file; fetch it with git lfs pull.")
    width, head = 40 if extended else 20, 3 if homonuclear else 2
    try:
        if len(lines) < head:
            raise ValueError(f"it has {len(lines)} lines")
        grid = _numbers(lines[0][1])
        if len(grid) < 2 or not np.isfinite(grid[:2]).all():
            raise ValueError(f"line {lines[0][0]} must state the spacing of the grid and its number of points")
        spacing, count = grid[0], int(grid[1])
        onsite, occupations = _atom(*lines[1], extended) if homonuclear else (np.full(3, np.nan), np.full(3, np.nan))
        numbered = lines[head : head + max(count, 0)]
        rows = [_numbers(line) for _, line in numbered]
        # Writers disagree whether the number of points counts the one at r = 0, which no file holds.
        if rows and len(rows) == count and len(rows[-1]) != width:
            del rows[-1]
        if not 0 < spacing < np.inf or count < _FEWEST or len(rows) < count - 1:
            raise ValueError(f"it states {count} points, {spacing:g} bohr apart, and has {len(rows)}")
        for (number, _), row in zip(numbered, rows, strict=False):
            if len(row) != width:
                raise ValueError(f"line {number} has {len(row)} numbers, not {width} integrals")
            if not np.isfinite(row).all():
                raise ValueError(f"line {number} has an integral that is not a finite number")
    except (OverflowError, ValueError) as error:
        kind = "extended" if extended else "simple"
        raise InputError(f"the Slater-Koster file {path} is not of the {kind} .skf format: {error}.") from None
    table: Floats = np.array(rows, dtype=np.float64)
    first = _first_real_row(table)
    if len(table) - first < _FEWEST:
        raise InputError(f"the Slater-Koster file {path} has no integrals: {first} of its {len(table)} rows are placeholders.")
    table = table[first:]
    table = table[: max(_length(table), _FEWEST)]
    half = table.reshape(len(table), 2, width // 2)
    if extended:
        of_f = np.delete(half, _EXTENDED, axis=2).reshape(len(table), -1)
        if np.any((np.abs(of_f).max(axis=0) > _NOISE) & (np.ptp(of_f, axis=0) > 0)):
            raise InputError(f"{path} has f orbitals (the extended .skf format, @), which are not treated; use a set without.")
    integrals = half[:, :, _EXTENDED if extended else _SIMPLE].reshape(len(table), 20)
    integrals[:, :10] *= Hartree
    r = np.arange(first + 1.0, first + 1.0 + len(table)) * float(spacing * Bohr)
    return SkfFile(r, integrals, onsite, occupations)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are neither empty nor comments, with their numbers."""
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (OSError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"cannot read the Slater-Koster file {path}: {reason}.") from None
    for number, line in enumerate(content.decode("utf-8-sig", errors="replace").splitlines(), 1):
        if (bare := line.strip()) and bare[0] not in "#!":
            yield number, bare


def _atom(number: int, line: str, extended: bool) -> tuple[Floats, Floats]:
    """On-site energies in eV and occupations of s, p and d."""
    atom = _numbers(line)
    shells = 4 if extended else 3
    if len(atom) != 3 * shells + 1:
        raise ValueError(f"line {number} has {len(atom)} numbers, not {_ATOM[extended]}")
    if not np.isfinite(atom).all():
        raise ValueError(f"line {number} has a number that is not finite")
    return float(Hartree) * np.array(atom[shells - 3 : shells][::-1]), np.array(atom[-3:][::-1])


def _first_real_row(rows: Floats) -> int:
    """How many of the first rows are placeholders: H of one number throughout, and S too."""
    halves = rows.reshape(len(rows), 2, -1)
    real = np.ptp(halves, axis=2).max(axis=1) > 0
    return int(np.argmax(real)) if real.any() else len(rows)


def _length(rows: Floats) -> int:
    """How many rows there are without those of zeros behind a jump to zero, through which a spline would swing.

    Integrals end with a jump if the step to the first row of zeros is larger than the step before.
    """
    size = np.abs(rows).max(axis=1)
    filled = np.flatnonzero(size > _ZERO)
    if len(filled) < 2 or filled[-1] + 1 == len(rows):
        return len(rows)
    last = int(filled[-1])
    return last + 1 if size[last] > np.abs(rows[last] - rows[last - 1]).max() else len(rows)


def _numbers(line: str) -> list[float]:
    """Numbers of a line up to its first word, with Fortran's repetitions (5*0.0), exponents (1D-3, 1.0-100) and commas."""
    try:
        return [float(word) for word in line.split()]
    except ValueError:
        found: list[float] = []
    for word in line.replace(",", " ").replace("D", "E").replace("d", "e").split():
        times, _, value = word.rpartition("*")
        if times.isdigit() and int(times) > _MOST:
            return found
        try:
            found += [float(re.sub(r"^([+-]?[\d.]+)([+-]\d+)$", r"\1E\2", value))] * (int(times) if times else 1)
        except ValueError:
            return found
    return found
