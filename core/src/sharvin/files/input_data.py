"""The file ``input.data`` of n2p2 and RuNNer: structures with energies and forces, each between ``begin`` and ``end``.

Its units are those of whoever wrote it, and it does not say them: ``metal`` is eV and Å, ``atomic`` Hartree and Bohr.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.units import Bohr, Hartree

from sharvin.errors import InputError
from sharvin.files.opened_files import opened_text, reading
from sharvin.reference_data import ReferenceData, ReferenceStructure
from sharvin.runs.atomic import write_bytes

Units = Literal["metal", "atomic"]
ENERGY_AND_LENGTH: dict[str, tuple[float, float]] = {"metal": (1.0, 1.0), "atomic": (Hartree, Bohr)}
GROUP = "group:"
"""Begins the word of a comment that says the group."""


def is_input_data(path: Path) -> bool:
    """Whether a file has the name of this format, such as ``input.data`` or ``input.data.gold``."""
    return path.name.startswith("input.data")


def read_input_data(path: Path, units: Units = "metal") -> ReferenceData:
    """Structures of an ``input.data``, in the order of the file.

    The group of a structure is a comment that begins with ``group:``.

    Raises
    ------
    InputError
        If the file cannot be read, is cut off, or a line is not as it should be; it names the line.
    """
    path, scale = Path(path), _scale(units)
    with reading(path), opened_text(path) as file:
        return ReferenceData(tuple(_structures(path, enumerate(file, start=1), *scale)))


def _scale(units: str) -> tuple[float, float]:
    if units not in ENERGY_AND_LENGTH:
        raise InputError(f"the units {units!r} are not known; metal (eV and Å) and atomic (Hartree and Bohr) are.")
    return ENERGY_AND_LENGTH[units]


def _structures(path: Path, lines: Iterator[tuple[int, str]], energy_eV: float, length_A: float) -> Iterator[ReferenceStructure]:
    block: _Block | None = None
    number = 0
    for number, line in lines:
        words = line.split()
        if not words:
            continue
        if words[0] == "begin":
            if block is not None:
                raise InputError(f"{path}, line {number}: a structure begins before the one of line {block.line} has ended.")
            block = _Block(path, number)
        elif block is None:
            raise InputError(f"{path}, line {number}: {words[0]!r} outside of a structure; one begins with the line begin.")
        elif words[0] == "end":
            yield block.structure(energy_eV, length_A)
            block = None
        else:
            block.take(number, words)
    if block is not None:
        raise InputError(f"{path} ends in the structure that begins in line {block.line}; the file is cut off.")
    if number == 0:
        raise InputError(f"{path} is empty.")


class _Block:
    """What the lines of one structure say."""

    def __init__(self, path: Path, line: int) -> None:
        self._path, self.line = path, line
        self._cell: list[list[float]] = []
        self._numbers: list[int] = []
        self._positions: list[list[float]] = []
        self._forces: list[list[float]] = []
        self._energy: float | None = None
        self._group = ""

    def take(self, number: int, words: list[str]) -> None:
        keyword = words[0]
        if keyword == "comment":
            if len(words) > 1 and words[1] == GROUP:
                self._group = " ".join(words[2:])
        elif keyword == "lattice":
            self._cell.append(self._values(number, words[1:4], 3))
        elif keyword == "atom":
            if len(words) < 10:
                raise self._wrong(number, "an atom needs x y z, an element, charge, energy and three force components")
            if words[4] not in atomic_numbers or words[4] == "X":
                raise self._wrong(number, f"{words[4]!r} is no chemical symbol")
            self._positions.append(self._values(number, words[1:4], 3))
            self._numbers.append(int(atomic_numbers[words[4]]))
            self._forces.append(self._values(number, words[7:10], 3))
        elif keyword == "energy":
            if self._energy is not None:
                raise self._wrong(number, "the structure has two energies")
            self._energy = self._values(number, words[1:2], 1)[0]
        elif keyword != "charge":
            raise self._wrong(number, f"the keyword {keyword!r} is not known")

    def _values(self, number: int, words: list[str], count: int) -> list[float]:
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if len(values) != count or not np.isfinite(values).all():
            raise self._wrong(
                number, f"{count} finite number{'s' * (count > 1)} are expected" if count > 1 else "a number is expected"
            )
        return values

    def _wrong(self, number: int, reason: str) -> InputError:
        return InputError(f"{self._path}, line {number}: {reason}.")

    def structure(self, energy_eV: float, length_A: float) -> ReferenceStructure:
        if self._energy is None:
            raise self._wrong(self.line, "the structure that begins here has no energy")
        if not self._numbers:
            raise self._wrong(self.line, "the structure that begins here has no atoms")
        if len(self._cell) not in (0, 3):
            raise self._wrong(
                self.line, f"the structure that begins here has {len(self._cell)} lattice vectors; none or three are needed"
            )
        periodic = len(self._cell) == 3
        atoms = Atoms(
            self._numbers,
            positions=np.array(self._positions) * length_A,
            cell=np.array(self._cell) * length_A if periodic else None,
            pbc=periodic,
        )
        forces = np.array(self._forces) * energy_eV / length_A
        return ReferenceStructure(atoms, self._energy * energy_eV, forces, self._group)


def write_input_data(path: Path, data: ReferenceData, units: Units = "metal") -> None:
    """Write structures so that n2p2 and :func:`read_input_data` read the same numbers.

    Raises
    ------
    InputError
        If a structure is periodic in one or two directions, which the format cannot say; give it a cell with vacuum and make it
        periodic in three.
    """
    energy_eV, length_A = _scale(units)
    lines = []
    for index, structure in enumerate(data):
        atoms = structure.atoms
        if atoms.pbc.any() and not atoms.pbc.all():
            raise InputError(
                f"structure {index} is periodic in some directions only, which input.data cannot say; give it a cell with vacuum "
                "and make it periodic in all three."
            )
        lines.append("begin")
        if structure.group:
            lines.append(f"comment {GROUP} {' '.join(structure.group.split())}")
        if atoms.pbc.all():
            lines += [f"lattice {_words(vector / length_A)}" for vector in atoms.cell.array]
        forces = structure.forces_eV_per_A * length_A / energy_eV
        for position, symbol, force in zip(atoms.positions / length_A, atoms.symbols, forces, strict=True):
            lines.append(f"atom {_words(position)} {symbol} 0.0 0.0 {_words(force)}")
        lines += [f"energy {structure.energy_eV / energy_eV!r}", "charge 0.0", "end"]
    write_bytes(Path(path), ("\n".join(lines) + "\n").encode())


def _words(vector: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    return " ".join(repr(float(value)) for value in vector)
