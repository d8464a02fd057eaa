"""Frames of xyz and extxyz files as texts, so that one of many is read at a time and one that is cut off is noticed.

ASE reads each of them. Of a whole file it reads, without a word, no further than a blank line.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.io.extxyz import read_xyz

from sharvin.errors import InputError
from sharvin.files.atom_types import AtomTypes
from sharvin.files.opened_files import ends_within_a_number

LAMMPS_COMMENT = "Atoms. Timestep:"
"""How the comment line of LAMMPS' dump xyz begins; its numbers are atom types, those of others atomic numbers."""


@dataclass
class XyzFrame:
    """Text of one frame."""

    announced: str
    line: int
    """Line of the file that announces the atoms, from 1 on."""
    comment: str = ""
    atoms: list[str] = field(default_factory=list)
    vectors: list[str] = field(default_factory=list)
    """Lines VEC1 … with cell vectors."""


def xyz_frames(stream: Iterable[str]) -> Iterator[XyzFrame]:
    """Frames of a file, also those that are cut off; the last one may not begin with a number."""
    frame: XyzFrame | None = None
    wants_comment = False
    for place, line in enumerate(stream, 1):
        words = line.split()
        if wants_comment and frame is not None:
            frame.comment, wants_comment = line.rstrip("\n"), False
        elif frame is not None and words and words[0].startswith("VEC") and len(words) == 4:
            frame.vectors.append(line)
        elif len(words) == 1 and words[0].isdigit():  # the next frame, also where this one is cut off
            if frame is not None:
                yield frame
            frame, wants_comment = XyzFrame(words[0], place), True
        elif frame is not None and words:
            frame.atoms.append(line)
        elif words:
            yield XyzFrame(line.strip(), place)
            return
    if frame is not None:
        yield frame


def structure(frame: XyzFrame, name: str, number: int, species: Sequence[str]) -> Atoms:
    """The atoms of a frame.

    Parameters
    ----------
    frame : XyzFrame
    name : str
        The file, for messages.
    number : int
        Of the frame.
    species : sequence of str
        Elements of atom types, for a file that has such in place of symbols.

    Raises
    ------
    InputError
        If the frame is cut off or malformed, or its elements are not known.
    """
    where = f"frame {number} of {name}"
    if not frame.announced.isdigit():
        raise InputError(
            f"cannot read {where}: line {frame.line} is {frame.announced[:40]!r}, where the number of atoms should be."
        )
    announced, rows = int(frame.announced), [line.split() for line in frame.atoms]
    cut = bool(rows) and (len(rows[-1]) < 4 or len(rows[-1]) < min(map(len, rows[:-1]), default=0))
    cut = cut or ends_within_a_number(frame.atoms)
    if len(rows) - cut < announced:
        before = f"; the frames before it can be chosen with :{number}" if number else ""
        raise InputError(f"{where} is cut off: it announces {announced} atoms and holds {len(rows) - cut}{before}.")
    if len(rows) > announced:
        raise InputError(
            f"{where} announces {announced} atoms and holds {len(rows)}, the last in line {frame.line + 1 + len(rows)}."
        )
    lines = frame.atoms
    if rows and "Properties=" not in frame.comment and all(row[0].isdigit() for row in rows):
        lines = _with_symbols(frame, rows, name, species)
    elif species:
        raise InputError(f"species name the atom types of LAMMPS files; {name} has elements, so leave them out.")
    text = "".join([f"{announced}\n{frame.comment}\n", *(line.rstrip("\n") + "\n" for line in lines), *frame.vectors])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ASE warns of what it ignores
            (atoms,) = read_xyz(StringIO(text), slice(0, 1))
    except KeyError as error:
        raise InputError(f"{where} has an atom {error}, which is no chemical element.") from None
    return atoms  # type: ignore[no-any-return]


def _with_symbols(frame: XyzFrame, rows: list[list[str]], name: str, species: Sequence[str]) -> list[str]:
    """Rows with symbols in place of numbers."""
    numbers = np.array([int(row[0]) for row in rows], dtype=np.int64)
    if species or frame.comment.startswith(LAMMPS_COMMENT):
        numbers = AtomTypes(name, len(rows), numbers).elements((), species)[0]
    elif numbers.min() < 1 or numbers.max() >= len(chemical_symbols):
        raise InputError(f"{name} has an atom {numbers.max()}, which is no atomic number.")
    return [" ".join([chemical_symbols[z], *row[1:]]) for z, row in zip(numbers.tolist(), rows, strict=True)]
