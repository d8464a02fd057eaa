"""Structures from files: whatever ASE reads, and LAMMPS data and dump files whose atom types need elements."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from ase.io import iread
from ase.io.formats import UnknownFileTypeError, filetype

from sharvin.errors import InputError


def read_structures(path: Path, index: str = ":", species: Sequence[str] = ()) -> Iterator[Atoms]:
    """Frames of a structure file, one after the other.

    Parameters
    ----------
    path : Path
        xyz, extxyz, POSCAR, traj, LAMMPS data or dump …
    index : str
        Which frames: a number, or a range ``start:stop:step`` as in Python.
    species : sequence of str
        Elements of LAMMPS atom types 1, 2, …; needed where the file does not state them.

    Raises
    ------
    InputError
        If the file is missing, unreadable, has no such frame, or its elements are not known.
    """
    if not path.is_file():
        raise InputError(f"there is no structure file {path}.")
    for symbol in species:
        if symbol not in atomic_numbers:
            raise InputError(f"{symbol!r} is not a chemical element; --species wants symbols such as Au,Ag.")
    kind = _format_of(path)
    options = _lammps_options(path, kind, species)
    count = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # readers warn of what they ignore, such as velocities without units
            for atoms in iread(path, index=index, format=kind, **options):
                count += 1
                _check_elements(path, atoms, kind, species)
                yield atoms
    except InputError:
        raise
    except (IndexError, StopIteration):
        raise InputError(f"{path} has no frame {index!r}.") from None
    except Exception as error:  # ASE's readers raise anything on a malformed file
        raise InputError(f"cannot read {path} as {kind}: {type(error).__name__}: {error}.") from None
    if not count:
        raise InputError(f"{path} has no frame in the range {index!r}.")


def _format_of(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(2048)
    if head.startswith(b"ITEM: TIMESTEP") or head.startswith(b"ITEM: UNITS"):
        return "lammps-dump-text"
    text = head.decode("utf-8", errors="replace")
    if "atom types" in text and "xlo xhi" in text:
        return "lammps-data"
    try:
        return str(filetype(str(path)))
    except UnknownFileTypeError:
        raise InputError(f"the format of {path} is not known; name it as its format wants (.xyz, .vasp, .traj, …).") from None


def _lammps_options(path: Path, kind: str, species: Sequence[str]) -> dict[str, Any]:
    if kind == "lammps-dump-text" and species:
        return {"specorder": list(species)}
    if kind == "lammps-data":
        if not species and "Masses" not in path.read_text(encoding="utf-8", errors="replace"):
            raise InputError(f"{path} states no elements and no masses: name the elements of its atom types with --species.")
        numbers = {number + 1: atomic_numbers[symbol] for number, symbol in enumerate(species)}
        return {"Z_of_type": numbers, "atom_style": "atomic"} if species else {"atom_style": "atomic"}
    return {}


def _check_elements(path: Path, atoms: Atoms, kind: str, species: Sequence[str]) -> None:
    """A dump without elements is read with types as atomic numbers: hydrogen, helium …, which no wire is made of."""
    if kind == "lammps-dump-text" and not species and set(atoms.numbers) <= set(range(1, 9)):
        found = ", ".join(chemical_symbols[number] for number in sorted(set(atoms.numbers)))
        raise InputError(
            f"{path} states atom types but no elements (they would read as {found}): name the elements with --species."
        )
