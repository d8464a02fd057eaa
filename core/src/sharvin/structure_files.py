"""Structures from files: whatever ASE reads, and LAMMPS data and dump files whose atom types need elements."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import iread
from ase.io.formats import UnknownFileTypeError, filetype

from sharvin.errors import InputError

DUMP = "lammps-dump-text"
DATA = "lammps-data"


def read_structures(path: Path, index: str = ":", species: Sequence[str] = (), file_format: str | None = None) -> Iterator[Atoms]:
    """Frames of a structure file, one after the other.

    Parameters
    ----------
    path : Path
        xyz, extxyz, POSCAR, traj, LAMMPS data or dump …
    index : str
        Which frames: a number, or a range ``start:stop:step`` as in Python.
    species : sequence of str
        Elements of LAMMPS atom types 1, 2, …; needed where the file does not state them.
    file_format : str, optional
        ASE's name of the format; recognised from the file if not given.

    Raises
    ------
    InputError
        If the file is missing, unreadable, has no such frame, or its elements are not known.
    """
    if not path.is_file():
        raise InputError(f"there is no structure file {path}.")
    for symbol in species:
        if symbol not in atomic_numbers or symbol == "X":
            raise InputError(f"{symbol!r} is not a chemical element; the species of a LAMMPS file are symbols such as Au, Ag.")
    if not re.fullmatch(r"-?\d+|(-?\d*):(-?\d*)(:-?\d*)?", index):
        raise InputError(f"frames are chosen by a number or a range start:stop:step, not {index!r}.")
    kind = file_format or _format_of(path)
    options = _lammps_options(path, kind, species)
    count = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # readers warn of what they ignore, such as velocities without units
            for atoms in iread(path, index=index, format=kind, **options):
                count += 1
                _check(path, atoms)
                atoms.calc = None
                yield atoms
    except InputError:
        raise
    except (IndexError, StopIteration):
        raise InputError(f"{path} has no frame {index}.") from None
    except Exception as error:  # ASE's readers raise anything on a malformed file
        raise InputError(f"cannot read {path} as {kind}: {type(error).__name__}: {error}.") from None
    if not count:
        raise InputError(f"{path} has no frame {index}.")


def _format_of(path: Path) -> str:
    head = _head(path)
    if head.startswith("ITEM:"):
        return DUMP
    if "atom types" in head and "xlo xhi" in head:
        return DATA
    try:
        return str(filetype(str(path)))
    except UnknownFileTypeError:
        raise InputError(f"the format of {path} is not known; name it as its format wants (.xyz, .vasp, .traj, …).") from None


def _head(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(4096).decode("utf-8", errors="replace")


def _lammps_options(path: Path, kind: str, species: Sequence[str]) -> dict[str, Any]:
    """Reader options of LAMMPS files; their atom types are never guessed to be elements."""
    if kind not in (DUMP, DATA):
        if species:
            raise InputError(f"species are for LAMMPS files without elements; {path} is {kind}.")
        return {}
    if kind == DUMP:
        columns = re.search(r"ITEM: ATOMS(.*)", _head(path))
        stated = columns is not None and "element" in columns.group(1).split()
    else:
        stated = "Masses" in path.read_text(encoding="utf-8", errors="replace")
    if not species and not stated:
        raise InputError(f"{path} has atom types but no elements: name them with species, the symbols of types 1, 2, ….")
    if kind == DUMP:
        if species and stated:
            raise InputError(f"{path} has an element column; leave the species out.")
        return {"specorder": list(species)} if species else {}
    numbers = {number + 1: atomic_numbers[symbol] for number, symbol in enumerate(species)}
    return {"Z_of_type": numbers, "atom_style": "atomic"} if species else {"atom_style": "atomic"}


def _check(path: Path, atoms: Atoms) -> None:
    if len(atoms) == 0:
        raise InputError(f"{path} has a frame without atoms.")
    if not np.isfinite(atoms.positions).all():
        raise InputError(f"{path} has positions that are not numbers.")
