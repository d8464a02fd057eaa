"""Structures from files: whatever ASE reads, LAMMPS data and dump files whose atom types need elements, and our trajectories."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import iread
from ase.io.formats import UnknownFileTypeError, filetype

from sharvin.errors import InputError
from sharvin.frames import Frame
from sharvin.store import read_frames

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
    parsed_index(index)
    kind = file_format or _format_of(path)
    options = _lammps_options(path, kind, species)
    count = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # readers warn of what they ignore, such as velocities without units
            for atoms in _structures(path, index, kind, options):
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


def parsed_index(index: str) -> int | slice:
    """A number, or a range ``start:stop:step``, as frames are chosen.

    Raises
    ------
    InputError
        If it is neither.
    """
    if re.fullmatch(r"-?\d+", index):
        return int(index)
    if not re.fullmatch(r"(-?\d*):(-?\d*)(:-?[1-9]\d*|:)?", index):
        raise InputError(f"frames are chosen by a number or a range start:stop:step, not {index!r}.")
    return slice(*(int(part) if part else None for part in index.split(":")))


def numbered_frames(path: Path, index: str = ":", species: Sequence[str] = ()) -> Iterator[tuple[int, Frame]]:
    """Frames of a file with their numbers, read as they are asked for: of a structure file, or of a trajectory of a run.

    Numbers count as the range does: from −10 on where it starts at −10. Along z, the direction of transport, structures from
    elsewhere are not periodic: the leads continue them, which most formats cannot say. The scalars ``elongation_A`` and
    ``neck_width`` are kept.

    Parameters
    ----------
    path, index, species
        As in :func:`read_structures`; the step of a range is positive.

    Raises
    ------
    InputError
        As :func:`read_structures`.
    """
    wanted = parsed_index(index)
    if isinstance(wanted, slice) and wanted.step is not None and wanted.step < 0:
        raise InputError(f"frames are predicted in the order of the file, so the step of {index} must be positive.")
    first, step = (wanted, 1) if isinstance(wanted, int) else (wanted.start or 0, wanted.step or 1)
    own = path.is_file() and h5py.is_hdf5(path)
    frames = _own_frames(path, wanted, species) if own else map(_frame, read_structures(path, index, species))
    for place, frame in enumerate(frames):
        yield first + place * step, frame


def _frame(atoms: Atoms) -> Frame:
    atoms.pbc[2] = False
    stated = {name: atoms.info.get(name) for name in ("elongation_A", "neck_width")}
    scalars = {name: float(value) for name, value in stated.items() if isinstance(value, int | float | np.number)}
    return Frame.from_atoms(atoms, **scalars)


def _own_frames(path: Path, wanted: int | slice, species: Sequence[str]) -> Iterator[Frame]:
    """Chosen frames of a trajectory that a run wrote, 64 of them in memory."""
    if species:
        raise InputError(f"species are for LAMMPS files without elements; {path} is an HDF5 file.")
    with h5py.File(path, "r") as file:
        if "particles/wire/position/value" not in file:
            raise InputError(f"{path} is an HDF5 file without a trajectory of sharvin (particles/wire).")
        count = len(file["particles/wire/position/value"])
    every = range(count)
    if isinstance(wanted, int) and not -count <= wanted < count:
        raise InputError(f"{path} has no frame {wanted}.")
    chosen = every[wanted : wanted + 1 or None] if isinstance(wanted, int) else every[wanted]
    if not len(chosen):
        raise InputError(f"{path} has no frame in the range asked for; it has {count}.")
    yield from islice(read_frames(path), chosen.start, chosen.stop, chosen.step)


def _structures(path: Path, index: str, kind: str, options: dict[str, Any]) -> Iterator[Atoms]:
    """ASE's structures; those of a dump from one snapshot's lines at a time, as ASE would hold the whole file."""
    wanted = parsed_index(index)
    backwards = isinstance(wanted, slice) and any(
        part is not None and part < 0 for part in (wanted.start, wanted.stop, wanted.step)
    )
    if kind != DUMP or isinstance(wanted, int) or backwards:
        yield from iread(path, index=index, format=kind, **options)
        return
    for text in islice(_snapshots(path), wanted.start, wanted.stop, wanted.step):
        yield from iread(StringIO(text), index=0, format=kind, **options)


def _snapshots(path: Path) -> Iterator[str]:
    """Text of each snapshot of a LAMMPS dump."""
    lines: list[str] = []
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            if line.startswith("ITEM: TIMESTEP") and lines:
                yield "".join(lines)
                lines = []
            lines.append(line)
    if lines:
        yield "".join(lines)


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
