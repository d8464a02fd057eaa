"""LAMMPS data files (https://docs.lammps.org/read_data.html): one structure, of an atom style that may have to be deduced.

ASE's reader takes the columns of charge and molecular styles only where a comment names the style, mixes up labels of types when
it sorts atoms, and reads fewer atoms where blank lines are missing or the file is cut off.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from sharvin.errors import InputError, PhysicsWarning
from sharvin.files.atom_types import AtomTypes, Claim, claim_of_masses, claim_of_symbols, first_word, in_units
from sharvin.files.opened_files import ends_within_a_number

HEADERS = ("atoms", "atom types", "xlo xhi", "ylo yhi", "zlo zhi", "xy xz yz", "avec", "bvec", "cvec", "abc origin")


@dataclass(frozen=True)
class Style:
    """Columns of an atom style: where the type and x stand, and how many there are without image flags."""

    type: int
    x: int
    columns: int


STYLES = {
    "atomic": Style(1, 2, 5),
    "charge": Style(1, 3, 6),
    "bond": Style(2, 3, 6),
    "angle": Style(2, 3, 6),
    "molecular": Style(2, 3, 6),
    "full": Style(2, 4, 7),
    "sphere": Style(1, 4, 7),
    "ellipsoid": Style(1, 4, 7),
    "peri": Style(1, 4, 7),
    "dpd": Style(1, 3, 6),
    "mdpd": Style(1, 3, 6),
    "dipole": Style(1, 3, 9),
    "spin": Style(1, 2, 9),
    "electron": Style(1, 5, 8),
}


@dataclass
class _Sections:
    """Text of a data file."""

    title: str = ""
    header: dict[str, list[str]] = field(default_factory=dict)
    sections: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Lines, and the comments after them."""
    comments: dict[str, str] = field(default_factory=dict)
    """Comments after the names of sections."""


def structure(lines: Iterable[str], name: str, species: Sequence[str]) -> Atoms:
    """The structure of a data file, its atoms in the order of their ids and unwrapped by their image flags.

    Parameters
    ----------
    lines : iterable of str
    name : str
        The file, for messages.
    species : sequence of str
        Elements of atom types 1, 2, … as the user says; may be empty.

    Raises
    ------
    InputError
        If the file is cut off or malformed, its atom style is not clear, or its elements are not known.
    """
    parts = _parts(lines)
    units = (re.search(r"units\s*=\s*(\w+)", parts.title) or ["", ""])[1]
    count = _count(parts, "atoms", name)
    if count is None or "Atoms" not in parts.sections:
        what = "section Atoms" if count is not None else "line 'N atoms' in its header (the first line is a title and not read)"
        raise InputError(f"{name} has no {what}; it is cut off, or no LAMMPS data file.")
    cell = _cell(parts, name)
    rows = [line.split() for line, _ in parts.sections["Atoms"]]
    usual = max(map(len, rows), default=0)
    if rows and (len(rows[-1]) < usual or ends_within_a_number([line for line, _ in parts.sections["Atoms"]])):
        rows.pop()
    if len(rows) != count:
        cut = "is cut off: it" if len(rows) < count else ""
        raise InputError(f"{name} {cut} announces {count} atoms and holds {len(rows)}.".replace("  ", " "))
    if any(len(row) != usual for row in rows):
        raise InputError(f"{name} has lines of {min(map(len, rows))} and of {usual} columns in its section Atoms.")
    style = _style(parts, rows, name)
    try:
        ids = np.array([int(row[0]) for row in rows], dtype=np.int64)
        positions = np.array([row[style.x : style.x + 3] for row in rows], dtype=np.float64)
        images = np.array([row[style.columns : style.columns + 3] for row in rows], dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{name} has a line in its section Atoms that is not of its style ({error}).") from None
    if len(np.unique(ids)) < count:
        raise InputError(f"{name} has two atoms with the same id; the file is damaged.")
    if images.shape == (count, 3):
        positions = positions + images @ cell
    order = np.argsort(ids)
    names = np.array([row[style.type] for row in rows], dtype=str)[order]
    numbers = _elements(parts, names, species, name, units)
    positions, cell = in_units(positions[order], "distance", units), in_units(cell, "distance", units)
    return Atoms(numbers, positions=positions, cell=cell, pbc=True)


def _parts(lines: Iterable[str]) -> _Sections:
    parts, current = _Sections(), None
    for place, whole in enumerate(lines):
        line, _, comment = whole.partition("#")
        line, comment = " ".join(line.split()), comment.strip()
        if place == 0:
            parts.title = whole
        elif not line:
            continue
        elif _is_section(line):
            current = line
            parts.sections.setdefault(line, [])
            parts.comments[line] = comment
        elif current is not None:
            parts.sections[current].append((f"{line}\n" if whole.endswith("\n") else line, comment))
        else:
            for header in HEADERS:
                if line.endswith(f" {header}"):
                    parts.header[header] = line.removesuffix(header).split()
    return parts


def _is_section(line: str) -> bool:
    """Whether a line is a section's name: words alone, the first with a capital letter."""
    return line[0].isupper() and all(re.fullmatch(r"[A-Z][A-Za-z]*\d*", word) for word in line.split())


def _count(parts: _Sections, header: str, name: str) -> int | None:
    if header not in parts.header:
        return None
    words = parts.header[header]
    if len(words) != 1 or not words[0].isdigit():
        raise InputError(f"{name} has {' '.join(words)!r} where the number of {header} should be.")
    return int(words[0])


def _cell(parts: _Sections, name: str) -> NDArray[np.float64]:
    """Cell vectors as rows."""
    try:
        values = {header: np.array(words, dtype=np.float64) for header, words in parts.header.items() if "atom" not in header}
        if "avec" in values:
            return np.stack([values["avec"], values["bvec"], values["cvec"]]).reshape(3, 3)
        bounds = np.stack([values["xlo xhi"], values["ylo yhi"], values["zlo zhi"]]).reshape(3, 2)
        cell = np.diag(bounds[:, 1] - bounds[:, 0])
        cell[1, 0], cell[2, 0], cell[2, 1] = values.get("xy xz yz", np.zeros(3))
    except (KeyError, ValueError) as error:
        raise InputError(f"{name} has no complete box in its header ({error}): xlo xhi, ylo yhi and zlo zhi.") from None
    return cell


def _style(parts: _Sections, rows: Sequence[Sequence[str]], name: str) -> Style:
    """Where the columns are, from the comment after the section's name, or from their number and content."""
    hint, count = first_word(parts.comments["Atoms"]).lower(), len(rows[0]) if rows else 5
    if hint == "hybrid":
        return Style(1, 2, count)
    if hint in STYLES:
        style = STYLES[hint]
        if count not in (style.columns, style.columns + 3):
            raise InputError(
                f"{name} has {count} columns in its section Atoms; style {hint} has {style.columns}, or {style.columns + 3} "
                "with image flags."
            )
        return style
    types = len(parts.sections.get("Atom Type Labels", ())) or _count(parts, "atom types", name) or 0
    labels = {line.split()[-1] for line, _ in parts.sections.get("Atom Type Labels", ())}

    def is_type(column: int) -> bool:
        return all((text.isdigit() and 1 <= int(text) <= types) or text in labels for text in {row[column] for row in rows})

    def are_numbers(columns: Sequence[int]) -> bool:
        return all(re.fullmatch(r"[+-]?\d+", row[column]) for row in rows for column in columns)

    found = {
        style
        for style in ("atomic", "charge", "molecular", "full")
        if count == STYLES[style].columns
        or (count == STYLES[style].columns + 3 and are_numbers(range(STYLES[style].columns, STYLES[style].columns + 3)))
    }
    found = {style for style in found if is_type(STYLES[style].type)}
    if "molecular" in found and not are_numbers([1]):
        found.discard("molecular")
    if len(found) != 1:
        unclear = " and ".join(sorted(found)) or "none of atomic, charge, molecular and full"
        raise InputError(
            f"the atom style of {name} is not clear ({count} columns: {unclear}): write it after the word Atoms, "
            "as in 'Atoms # charge'."
        )
    return STYLES[found.pop()]


def _elements(parts: _Sections, names: NDArray[np.str_], species: Sequence[str], name: str, units: str) -> NDArray[np.int64]:
    labels: dict[int, str] = {}
    for line, _ in parts.sections.get("Atom Type Labels", ()):
        words = line.split()
        labels[int(words[0])] = words[-1]
    numbers = {label: number for number, label in labels.items()}
    try:
        types = np.array([int(text) if text.isdigit() else numbers[text] for text in names.tolist()], dtype=np.int64)
    except KeyError as error:
        raise InputError(f"{name} has an atom of type {error}, which its Atom Type Labels do not number.") from None
    masses: dict[int, float] = {}
    comments: dict[int, str] = {}
    for line, comment in parts.sections.get("Masses", ()):
        words = line.split()
        number = int(words[0]) if words[0].isdigit() else numbers.get(words[0], 0)
        masses[number] = float(words[1])
        comments[number] = first_word(comment)

    def by_atom(table: dict[int, str]) -> NDArray[np.str_]:
        return np.array([table.get(kind, "") for kind in types.tolist()], dtype=str)

    claims: list[Claim] = []
    if labels:
        claims.append(claim_of_symbols("the file's type labels", by_atom(labels)))
    if masses:
        weights = np.array([masses.get(kind, 0.0) for kind in types.tolist()])
        claims.append(claim_of_masses("the file's masses", weights, units))
        symbols = {kind: text for kind, text in comments.items() if text in atomic_numbers}
        if symbols:
            claims.append(claim_of_symbols("the comments of the file's masses", by_atom(symbols)))
    stated = AtomTypes(name, len(types), types, by_atom(labels) if labels else None, _count(parts, "atom types", name))
    elements, contradictions = stated.elements(claims, species)
    for contradiction in contradictions:
        warnings.warn(f"{name}: {contradiction}.", PhysicsWarning, stacklevel=2)
    return elements
