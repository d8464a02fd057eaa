"""LAMMPS text dumps, a snapshot at a time.

ASE's reader neither compares the atoms of a snapshot with the number announced, nor takes the user's species before a mass
column, nor knows labels of types. What is read here: items in any order, of which UNITS and TIME stand before TIMESTEP;
orthogonal, triclinic and general boxes; coordinates that are plain, scaled (``xs``), unwrapped (``xu``) or both (``xsu``).
See https://docs.lammps.org/dump.html.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sharvin.errors import InputError, PhysicsWarning
from sharvin.files.atom_types import AtomTypes, Claim, claim_of_masses, claim_of_symbols, in_units
from sharvin.files.opened_files import ends_within_a_number

Floats = NDArray[np.float64]

UNITS, STEP, COUNT, BOX, ATOMS = "UNITS", "TIMESTEP", "NUMBER OF ATOMS", "BOX BOUNDS", "ATOMS"
COORDINATES = ("", "u", "s", "su")
"""What follows x, y or z in the names of columns: nothing, unwrapped, scaled, scaled and unwrapped."""


@dataclass
class Snapshot:
    """Text of one snapshot: for each item what follows its name, and its lines."""

    units: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_frame(self) -> bool:
        """Whether this is more than what stands before a snapshot."""
        return any(item in self.titles for item in (STEP, COUNT, ATOMS))


def snapshots(stream: Iterable[str]) -> Iterator[Snapshot]:
    """Snapshots of a dump, also those that are cut off."""
    current, target = Snapshot(), None
    for line in stream:
        if "ITEM:" in line:
            before, _, title = line.partition("ITEM:")
            if target is not None and before.strip():
                target.append(before)  # a run that was killed within a line, and continued into the same file
            title = " ".join(title.split())
            item = next((name for name in (COUNT, BOX, ATOMS) if f"{title} ".startswith(f"{name} ")), title)
            if ATOMS in current.titles or item in current.titles:
                if current.is_frame:
                    yield current
                current = Snapshot(current.units)
            current.titles[item] = title[len(item) :].strip()
            target = current.lines[item] = []
        elif target is not None and line.strip() and not line.startswith("#"):
            target.append(line)
            if target is current.lines.get(UNITS):
                current.units = line.strip()
    if current.is_frame:
        yield current


class Dump:
    """Structures of the snapshots of one dump.

    Parameters
    ----------
    name : str
        The file, for messages.
    species : sequence of str
        Elements of atom types 1, 2, … as the user says; may be empty.
    """

    def __init__(self, name: str, species: Sequence[str]) -> None:
        self.name, self.species = name, species
        self._atoms: tuple[int, int] | None = None
        self._said: set[str] = set()

    def structure(self, snapshot: Snapshot, number: int) -> Atoms:
        """The atoms of a snapshot, in the order of their ids.

        Raises
        ------
        InputError
            If the snapshot is cut off or malformed, or its elements are not known.
        """
        where = f"frame {number} of {self.name}"
        columns, table = _table(snapshot, where, number)
        cell, origin, pbc = self._box(snapshot, where)
        ids = _integers(table, columns, "id", where)
        if ids is not None:
            order = np.argsort(ids, kind="stable")
            twice = np.flatnonzero(np.diff(ids[order]) == 0)
            if len(twice):
                raise InputError(f"{where} has two atoms with id {ids[order][twice[0]]}; the dump is damaged.")
            table, ids = table[order], ids[order]
        scaled = [f"{axis}{form}" for axis in "xyz" for form in COORDINATES if f"{axis}{form}" in columns]
        chosen = [next((name for name in scaled if name[0] == axis), "") for axis in "xyz"]
        if not all(chosen):
            raise InputError(f"{where} has no coordinates: none of its columns is x y z, xs …, xu … or xsu ….")
        positions = np.column_stack([_numbers(table, columns, name, where) for name in chosen])
        inside = np.array(["s" in name for name in chosen])
        if inside.any():
            if not inside.all() and np.any(cell != np.diag(np.diag(cell))):
                raise InputError(f"{where} mixes scaled and plain coordinates of a triclinic box; dump one kind.")
            positions = np.where(inside, origin + np.where(inside, positions, 0.0) @ cell, positions)
        numbers = self._elements(snapshot, columns, table, where)
        self._compare(number, ids, len(table))
        positions = in_units(positions, "distance", snapshot.units)
        atoms = Atoms(numbers, positions=positions, cell=in_units(cell, "distance", snapshot.units), pbc=pbc)
        if ids is not None:
            atoms.set_array("id", ids)
        if snapshot.lines.get(STEP):
            atoms.info["timestep"] = snapshot.lines[STEP][0].strip()
        return atoms

    def _elements(self, snapshot: Snapshot, columns: list[str], table: NDArray[np.str_], where: str) -> NDArray[np.int64]:
        claims: list[Claim] = []
        labels = None
        if "element" in columns:
            claims.append(claim_of_symbols("the file's element column", table[:, columns.index("element")]))
        types = None
        if "type" in columns:
            texts = table[:, columns.index("type")]
            if all(_is_number(text) and float(text).is_integer() for text in set(texts.tolist())):
                types = texts.astype(np.float64).astype(np.int64)
            else:
                labels = texts
        if labels is None and "typelabel" in columns:
            labels = table[:, columns.index("typelabel")]
        if labels is not None:
            claims.append(claim_of_symbols("the file's type labels", labels))
        if "mass" in columns:
            claims.append(claim_of_masses("the file's mass column", _numbers(table, columns, "mass", where), snapshot.units))
        first = {symbol for claim in claims for symbol in set(claim.symbols.tolist())} if "element" in columns else set()
        if first == {"C"} and "mass" not in columns and not self.species:
            self._say(
                "the file's element column says C throughout, which LAMMPS also writes where dump_modify element was not given"
            )
        numbers, contradictions = AtomTypes(self.name, len(table), types, labels).elements(claims, self.species)
        for contradiction in contradictions:
            self._say(contradiction)
        return numbers

    def _compare(self, number: int, ids: NDArray[np.int64] | None, count: int) -> None:
        """Say what is odd about the atoms of a dump, once."""
        if ids is not None and len(ids) and ids[-1] - ids[0] + 1 > count:
            missing = sorted(set(range(int(ids[0]), min(int(ids[-1]), int(ids[0]) + 10 * count))) - set(ids.tolist()))
            self._say(f"of the ids {ids[0]} to {ids[-1]} {_listed(missing)} missing; is it the whole wire?", "missing")
        if self._atoms is None:
            self._atoms = (number, count)
        elif self._atoms[1] != count:
            first, before = self._atoms
            self._say(f"frame {number} has {count} atoms and frame {first} has {before}; were atoms lost?", "count")

    def _box(self, snapshot: Snapshot, where: str) -> tuple[Floats, Floats, list[bool]]:
        if BOX not in snapshot.lines:
            raise InputError(f"{where} has no ITEM: BOX BOUNDS; it is cut off, or no dump of atoms.")
        words = snapshot.titles[BOX].split()
        flags = [word for word in words if re.fullmatch("[pfsm]{1,2}", word)][-3:]
        if len(flags) < 3:
            flags = ["pp", "pp", "pp"]
            self._say("it has no flags after BOX BOUNDS; all directions are taken as periodic, the default of LAMMPS")
        try:
            bounds = np.array([line.split() for line in snapshot.lines[BOX]], dtype=np.float64)
        except ValueError:
            bounds = np.zeros(0)
        if bounds.shape not in ((3, 2), (3, 3), (3, 4)):
            raise InputError(f"{where} has no box: three lines of lower and upper bounds must follow ITEM: BOX BOUNDS.")
        cell, origin = box_of_bounds(bounds, words)
        return cell, origin, [flag[0] == "p" for flag in flags]

    def _say(self, what: str, once: str = "") -> None:
        if (once or what) not in self._said:
            self._said.add(once or what)
            end = "" if what.endswith(("?", ".")) else "."
            warnings.warn(f"{self.name}: {what}{end}", PhysicsWarning, stacklevel=2)


def box_of_bounds(bounds: Floats, words: Sequence[str] = ()) -> tuple[Floats, Floats]:
    """Cell vectors (rows) and origin of a box of a dump.

    Parameters
    ----------
    bounds : float64[3, 2], [3, 3] or [3, 4]
        Bounds; bounding box and tilts xy, xz, yz (https://docs.lammps.org/Howto_triclinic.html); or vectors and origin.
    words : sequence of str
        What follows ITEM: BOX BOUNDS, which names the tilts in their order.
    """
    if bounds.shape[1] == 4:
        return bounds[:, :3], bounds[:, 3]
    low, high = bounds[:, 0].copy(), bounds[:, 1].copy()
    tilts = dict.fromkeys(("xy", "xz", "yz"), 0.0)
    if bounds.shape[1] == 3:
        named = [word for word in words if word in tilts]
        tilts.update(zip(named if len(named) == 3 else tilts, bounds[:, 2].tolist(), strict=True))
    xy, xz, yz = tilts["xy"], tilts["xz"], tilts["yz"]
    low[0] -= min(0.0, xy, xz, xy + xz)
    high[0] -= max(0.0, xy, xz, xy + xz)
    low[1] -= min(0.0, yz)
    high[1] -= max(0.0, yz)
    cell = np.diag(high - low)
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    return cell, low


def _table(snapshot: Snapshot, where: str, number: int) -> tuple[list[str], NDArray[np.str_]]:
    """Names of the columns, and the texts of all rows, str[n_atoms, n_columns]."""
    before = f"; the frames before it can be chosen with :{number}" if number else ""
    if ATOMS not in snapshot.lines or not snapshot.lines.get(COUNT):
        raise InputError(
            f"{where} has no {'ITEM: ATOMS' if COUNT in snapshot.titles else 'number of atoms'}; it is cut off{before}."
        )
    count, columns = snapshot.lines[COUNT][0].strip(), snapshot.titles[ATOMS].split()
    if not count.isdigit():
        raise InputError(f"{where} has {count!r} where the number of atoms should be.")
    if not columns:
        raise InputError(f"{where} does not name the columns of its atoms after ITEM: ATOMS, as in 'ITEM: ATOMS id type x y z'.")
    rows = [line.split() for line in snapshot.lines[ATOMS]]
    announced, cut = int(count), bool(rows) and (len(rows[-1]) < len(columns) or ends_within_a_number(snapshot.lines[ATOMS]))
    if len(rows) - cut < announced:
        raise InputError(f"{where} is cut off: it announces {announced} atoms and holds {len(rows) - cut}{before}.")
    if len(rows) > announced:
        raise InputError(f"{where} announces {announced} atoms and holds {len(rows)}; the dump is damaged.")
    for place, row in enumerate(rows):
        if len(row) != len(columns):
            raise InputError(f"{where}: line {place + 1} of its atoms has {len(row)} columns, and {len(columns)} are named.")
    return columns, np.array(rows, dtype=str).reshape(len(rows), len(columns))


def _numbers(table: NDArray[np.str_], columns: Sequence[str], name: str, where: str) -> Floats:
    texts = table[:, columns.index(name)]
    try:
        return texts.astype(np.float64)
    except ValueError:
        wrong = next(text for text in texts.tolist() if not _is_number(text))
        raise InputError(f"{where} has {wrong!r} in column {name}, where a number should be.") from None


def _integers(table: NDArray[np.str_], columns: Sequence[str], name: str, where: str) -> NDArray[np.int64] | None:
    return _numbers(table, columns, name, where).astype(np.int64) if name in columns else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:3])
    if len(numbers) > 3:
        return f"{shown} and {len(numbers) - 3} more are"
    return f"{shown} {'are' if len(numbers) > 1 else 'is'}"
