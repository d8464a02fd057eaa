"""Structures from files: LAMMPS data and dump files, xyz, whatever else ASE reads, and trajectories of sharvin's own runs.

Every reader gives frames with their numbers in the file, one after the other, so a file may be of any length. A frame that is cut
off or malformed is an error that names it; of a dump or an xyz file the frames after it can still be read.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Protocol, TypeVar

import ase.io
import h5py
import numpy as np
from ase import Atoms
from ase.io.formats import UnknownFileTypeError, filetype, ioformats

from sharvin.errors import InputError
from sharvin.files import lammps_data
from sharvin.files.atom_types import require_symbols
from sharvin.files.frame_numbers import chosen_range, no_such_frame, parsed_index
from sharvin.files.lammps_dump import Dump, snapshots
from sharvin.files.opened_files import (
    HEAD_BYTES,
    compression,
    head,
    opened_bytes,
    opened_text,
    reading,
    require_file,
    unpacked_name,
)
from sharvin.files.own_trajectory import OwnTrajectory
from sharvin.files.poscar import prepared
from sharvin.files.xyz_frames import structure as xyz_structure
from sharvin.files.xyz_frames import xyz_frames
from sharvin.frames import Frame

__all__ = ["frames_or_errors", "numbered_frames", "numbered_structures", "parsed_index", "read_structures"]

DUMP = "lammps-dump-text"
DATA = "lammps-data"
Anything = TypeVar("Anything")
XYZ = ("xyz", "extxyz")
HDF5 = "hdf5"
POSCAR = "vasp"


class Source(Protocol):
    """A file of structures."""

    def count(self) -> int:
        """Number of frames."""

    def structures(self, numbers: range) -> Iterator[tuple[int, Atoms | InputError]]:
        """Frames by ascending numbers, or why they cannot be read; ends where the file does."""


def read_structures(path: Path, index: str = ":", species: Sequence[str] = (), file_format: str | None = None) -> Iterator[Atoms]:
    """Frames of a structure file, one after the other.

    Parameters
    ----------
    path : Path
        xyz, extxyz, POSCAR, traj, LAMMPS data or dump, HDF5 trajectory of a run …; text may be compressed by gzip, bzip2 or xz.
    index : str
        Which frames: a number, or a range ``start:stop:step`` as in Python.
    species : sequence of str
        Elements of LAMMPS atom types 1, 2, …; needed where the file does not state them, and taken where it says something else.
    file_format : str, optional
        ASE's name of the format; recognised from the file if not given.

    Raises
    ------
    InputError
        If the file is missing, unreadable or cut off, has no such frame, or its elements are not known.

    Warns
    -----
    PhysicsWarning
        If the file contradicts the species, or itself, or leaves something to be assumed.
    """
    return (atoms for _, atoms in numbered_structures(path, index, species, file_format))


def numbered_structures(
    path: Path, index: str = ":", species: Sequence[str] = (), file_format: str | None = None
) -> Iterator[tuple[int, Atoms]]:
    """Frames of a structure file with their numbers in the file, from 0 on, however they are chosen.

    Parameters
    ----------
    path, index, species, file_format
        As in :func:`read_structures`.

    Raises
    ------
    InputError
        As :func:`read_structures`.
    """
    for number, atoms in _structures_or_errors(Path(path), index, species, file_format):
        if isinstance(atoms, InputError):
            raise atoms
        yield number, atoms


def numbered_frames(path: Path, index: str = ":", species: Sequence[str] = ()) -> Iterator[tuple[int, Frame]]:
    """Frames of a file with their numbers in it, read as they are asked for: of a structure file, or of a trajectory of a run.

    Along z, the direction of transport, structures from elsewhere are not periodic: the leads continue them, which most formats
    cannot say. The scalars ``elongation_A`` and ``neck_width`` are kept.

    Parameters
    ----------
    path, index, species
        As in :func:`read_structures`; the step of a range is positive.

    Raises
    ------
    InputError
        As :func:`read_structures`.
    """
    for number, frame in frames_or_errors(path, index, species):
        if isinstance(frame, InputError):
            raise frame
        yield number, frame


def frames_or_errors(path: Path, index: str = ":", species: Sequence[str] = ()) -> Iterator[tuple[int, Frame | InputError]]:
    """As :func:`numbered_frames`, with the reason in place of a frame that cannot be read.

    Raises
    ------
    InputError
        If nothing more of the file can be read.
    """
    wanted, path = parsed_index(index), Path(path)
    if isinstance(wanted, slice) and wanted.step is not None and wanted.step < 0:
        raise InputError(f"frames are predicted in the order of the file, so the step of {index} must be positive.")
    require_file(path)
    if _is_hdf5(path):
        own = OwnTrajectory(path, species)
        yield from _chosen(path, index, own.frames, own.count)
        return
    for number, atoms in _structures_or_errors(path, index, species, None):
        yield number, atoms if isinstance(atoms, InputError) else _frame(atoms)


def _frame(atoms: Atoms) -> Frame:
    atoms.pbc[2] = False
    stated = {name: atoms.info.get(name) for name in ("elongation_A", "neck_width")}
    scalars = {name: float(value) for name, value in stated.items() if isinstance(value, int | float | np.number)}
    return Frame.from_atoms(atoms, **scalars)


def _structures_or_errors(
    path: Path, index: str, species: Sequence[str], file_format: str | None
) -> Iterator[tuple[int, Atoms | InputError]]:
    source = _source(path, require_symbols(species), file_format)
    for number, atoms in _chosen(path, index, source.structures, source.count):
        if not isinstance(atoms, InputError):
            wrong = _wrong(atoms)
            if wrong:
                yield number, InputError(f"frame {number} of {path} {wrong}.")
                continue
            atoms.calc = None
        yield number, atoms


def _chosen(
    path: Path, index: str, read: Callable[[range], Iterator[tuple[int, Anything]]], count: Callable[[], int]
) -> Iterator[tuple[int, Anything]]:
    """Frames by a number or a range, in its order."""
    with reading(path):
        numbers = chosen_range(parsed_index(index), count)
        found = False
        if numbers.step < 0:
            backwards = list(read(numbers[::-1]))[::-1]
            found = bool(backwards)
            yield from backwards
        elif len(numbers):
            for one in read(numbers):
                found = True
                yield one
        if not found:
            raise no_such_frame(path, index, count())


def _source(path: Path, species: Sequence[str], file_format: str | None) -> Source:
    require_file(path)
    with reading(path):
        kind = file_format or _format_of(path)
    if kind == DUMP:
        return _DumpFile(path, species)
    if kind == DATA:
        return _DataFile(path, species)
    if kind in XYZ:
        return _XyzFile(path, species)
    if kind == HDF5:
        return OwnTrajectory(path, species)
    if species and kind != POSCAR:
        raise InputError(f"species are for files without elements, such as LAMMPS dumps; {path} is {kind}, so leave them out.")
    return _AseFile(path, kind, species)


class _DumpFile:
    def __init__(self, path: Path, species: Sequence[str]) -> None:
        self.path, self.dump = path, Dump(str(path), species)

    def count(self) -> int:
        with opened_text(self.path) as stream:
            return sum(1 for _ in snapshots(stream))

    def structures(self, numbers: range) -> Iterator[tuple[int, Atoms | InputError]]:
        with opened_text(self.path) as stream:
            for number, snapshot in enumerate(snapshots(stream)):
                if number >= numbers.stop:
                    return
                if number in numbers:
                    yield number, _or_error(self.path, DUMP, partial(self.dump.structure, snapshot, number))


class _XyzFile:
    def __init__(self, path: Path, species: Sequence[str]) -> None:
        self.path, self.species = path, species

    def count(self) -> int:
        with opened_text(self.path) as stream:
            return sum(1 for _ in xyz_frames(stream))

    def structures(self, numbers: range) -> Iterator[tuple[int, Atoms | InputError]]:
        with opened_text(self.path) as stream:
            for number, frame in enumerate(xyz_frames(stream)):
                if number >= numbers.stop:
                    return
                if number in numbers:
                    yield (
                        number,
                        _or_error(self.path, XYZ[0], partial(xyz_structure, frame, str(self.path), number, self.species)),
                    )


class _DataFile:
    def __init__(self, path: Path, species: Sequence[str]) -> None:
        self.path, self.species = path, species

    def count(self) -> int:
        return 1

    def structures(self, numbers: range) -> Iterator[tuple[int, Atoms | InputError]]:
        if 0 in numbers:
            with opened_text(self.path) as stream:
                yield 0, _or_error(self.path, DATA, partial(lammps_data.structure, stream, str(self.path), self.species))


class _AseFile:
    """Whatever else ASE reads."""

    def __init__(self, path: Path, kind: str, species: Sequence[str]) -> None:
        self.path, self.kind, self.species = path, kind, species
        if kind not in ioformats or not ioformats[kind].can_read:
            raise InputError(f"the format {kind} of {path} is not known; name it as its format wants (.xyz, .vasp, .traj, …).")
        self.format = ioformats[kind]

    def count(self) -> int:
        if self.format.single:
            return 1
        if self.kind == "traj" and compression(self.path) is None:
            count = _or_error(self.path, self.kind, self._length)
            if isinstance(count, InputError):
                raise count
            return count
        return sum(1 for _ in self.structures(range(2**62)))

    def structures(self, numbers: range) -> Iterator[tuple[int, Atoms | InputError]]:
        if self.format.single and 0 not in numbers:
            return
        stop = None if numbers.stop > 2**61 else numbers.stop
        index = 0 if self.format.single else slice(numbers.start, stop, numbers.step)
        number, step = (0, 1) if self.format.single else (numbers.start, numbers.step)
        content = _or_error(self.path, self.kind, self._content)
        if isinstance(content, InputError):
            yield number, content
            return
        structures = iter(ase.io.iread(content, index=index, format=self.kind, do_not_split_by_at_sign=True))
        while True:
            atoms = _or_error(self.path, self.kind, partial(_next, structures))
            if atoms is None:
                return
            yield number, atoms
            if isinstance(atoms, InputError):
                return
            number += step

    def _length(self) -> int:
        with ase.io.Trajectory(str(self.path)) as trajectory:
            return len(trajectory)

    def _content(self) -> str | StringIO | BytesIO:
        """What ASE is to read: the unpacked content, or the name of a file that it opens itself."""
        content: StringIO | BytesIO
        if not self.format.acceptsfd or (self.format.isbinary and not compression(self.path)):
            return str(self.path)
        if self.format.isbinary:
            with opened_bytes(self.path) as binary:
                content = BytesIO(binary.read())
        else:
            with opened_text(self.path) as text:
                whole = text.read()
            content = StringIO(prepared(whole, str(self.path), self.species) if self.kind == POSCAR else whole)
        content.name = str(self.path)  # some readers look there for other files
        return content


def _next(structures: Iterator[Atoms]) -> Atoms | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # readers warn of what they ignore, such as velocities without units
        return next(structures, None)


def _or_error(path: Path, kind: str, read: Callable[[], Anything]) -> Anything | InputError:
    """What is read, or why it cannot be."""
    try:
        return read()
    except InputError as error:
        return error
    except Warning:
        raise
    except Exception as error:  # ASE's readers raise anything on a malformed file
        reason = " ".join(str(error).split())
        return InputError(f"cannot read {path} as {kind} ({type(error).__name__}: {reason}); is it whole, and of that format?")


def _is_hdf5(path: Path) -> bool:
    with reading(path):
        return bool(h5py.is_hdf5(path))


def _format_of(path: Path) -> str:
    if h5py.is_hdf5(path):
        return HDF5
    text = head(path)
    if re.match(r"(?:[ \t]*(?:#.*)?\n)*[ \t]*ITEM:", text):
        return DUMP
    if re.search(r"^\s*\d+\s+atoms\b", text, re.M) and re.search(r"\s(xlo\s+xhi|avec)\b", text):
        return DATA
    if "\x00" in text:
        with opened_bytes(path) as stream:
            beginning = BytesIO(stream.read(HEAD_BYTES))
    else:
        beginning = BytesIO(text.encode())
    beginning.name = unpacked_name(path)
    try:
        kind = str(filetype(beginning))
    except UnknownFileTypeError:
        kind = ""
    if kind not in ioformats:
        if text.split("\n", 1)[0].strip().isdigit():
            return XYZ[0]
        if "HDF\n" in text[:8]:  # the signature, with the line ends of a text
            raise InputError(f"{path} is a compressed HDF5 file, which can only be read where it lies uncompressed; unpack it.")
        raise InputError(f"the format of {path} is not known; name it as its format wants (.xyz, .vasp, .traj, …).")
    return kind


def _wrong(atoms: Atoms) -> str:
    """What is wrong with a frame; nothing if nothing is."""
    if len(atoms) == 0:
        return "has no atoms"
    if not np.isfinite(atoms.positions).all():
        return "has positions that are not numbers"
    if (atoms.numbers == 0).any():
        return "has atoms X, which are no chemical element"
    flat = [
        axis for axis, vector, periodic in zip("xy", atoms.cell.array, atoms.pbc, strict=False) if periodic and not vector.any()
    ]
    return f"is periodic along {flat[0]} and has no cell vector there" if flat else ""
