"""Structures with reference energies and forces, which potentials are trained on and measured by."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sharvin.errors import InputError, StoreError
from sharvin.runs.atomic import write_bytes

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["ReferenceData", "ReferenceStructure", "read_reference_data"]


@dataclass(frozen=True, eq=False)
class ReferenceStructure:
    """A structure with its reference energy and forces.

    Parameters
    ----------
    atoms : ase.Atoms
        Without a calculator.
    energy_eV : float
        Of the whole structure.
    forces_eV_per_A : float64[n_atoms, 3]
    group : str
        What kind of structure it is, such as ``fcc``; studies leave whole groups out of training.

    Raises
    ------
    InputError
        If an energy or a force is not a finite number, or the forces are not one vector per atom.
    """

    atoms: Atoms
    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]
    group: str = ""

    def __post_init__(self) -> None:
        if len(self.atoms) == 0:
            raise InputError("a structure without atoms has no reference energy.")
        if self.forces_eV_per_A.shape != (len(self.atoms), 3):
            raise InputError(
                f"a structure of {len(self.atoms)} atoms needs reference forces of shape ({len(self.atoms)}, 3), not "
                f"{self.forces_eV_per_A.shape}."
            )
        if not (np.isfinite(self.energy_eV) and np.isfinite(self.forces_eV_per_A).all()):
            raise InputError(f"the reference energy or forces of a structure ({self.atoms.symbols}) are not finite numbers.")

    def __len__(self) -> int:
        return len(self.atoms)

    @property
    def energy_eV_per_atom(self) -> float:
        """Energy divided by the number of atoms."""
        return self.energy_eV / len(self.atoms)


@dataclass(frozen=True, eq=False)
class ReferenceData:
    """Labelled structures in a fixed order: a sequence of :class:`ReferenceStructure`."""

    structures: tuple[ReferenceStructure, ...]

    def __len__(self) -> int:
        return len(self.structures)

    def __iter__(self) -> Iterator[ReferenceStructure]:
        return iter(self.structures)

    @overload
    def __getitem__(self, index: int) -> ReferenceStructure: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | NDArray[np.int64]) -> ReferenceData: ...
    def __getitem__(self, index: int | slice | Sequence[int] | NDArray[np.int64]) -> ReferenceStructure | ReferenceData:
        """One structure, or those of a slice or of a list of numbers, in that order."""
        if isinstance(index, int | np.integer):
            return self.structures[index]
        if isinstance(index, slice):
            return ReferenceData(self.structures[index])
        return ReferenceData(tuple(self.structures[int(i)] for i in index))

    def __add__(self, other: ReferenceData) -> ReferenceData:
        return ReferenceData(self.structures + other.structures)

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of each structure."""
        return tuple(structure.group for structure in self)

    @property
    def n_atoms(self) -> int:
        """Atoms of all structures; there are three times as many force components."""
        return sum(len(structure) for structure in self)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Atomic numbers that occur, ascending."""
        return tuple(sorted({int(z) for structure in self for z in np.unique(structure.atoms.numbers)}))

    def where(self, groups: Iterable[str]) -> ReferenceData:
        """Structures of some groups."""
        wanted = set(groups)
        return ReferenceData(tuple(structure for structure in self if structure.group in wanted))

    def split(self, fraction: float, rng: np.random.Generator) -> tuple[ReferenceData, ReferenceData]:
        """Two parts at random, the second with about this fraction of each group's structures; both keep the order.

        Of a group of two or more structures each part has at least one, so that no kind is tested without being trained; a
        structure that is alone in its group belongs to the first part.
        """
        chosen: set[int] = set()
        for group in dict.fromkeys(self.groups):
            members = [i for i, name in enumerate(self.groups) if name == group]
            count = min(max(round(fraction * len(members)), 1 if fraction > 0 else 0), len(members) - 1)
            chosen.update(int(i) for i in rng.permutation(members)[:count])
        first = [i for i in range(len(self)) if i not in chosen]
        return self[first], self[sorted(chosen)]

    def save(self, path: Path) -> None:
        """Write a ``.npz`` file, whole or not at all; :meth:`load` gives the same numbers, bit for bit."""
        sizes = np.array([len(structure) for structure in self], dtype=np.int64)
        arrays = {
            "sizes": sizes,
            "numbers": _joined([s.atoms.numbers for s in self], np.int64, ()),
            "positions_A": _joined([s.atoms.positions for s in self], np.float64, (3,)),
            "cells_A": np.array([s.atoms.cell.array for s in self]).reshape(len(self), 3, 3),
            "pbc": np.array([s.atoms.pbc for s in self], dtype=bool).reshape(len(self), 3),
            "energies_eV": np.array([s.energy_eV for s in self], dtype=np.float64),
            "forces_eV_per_A": _joined([s.forces_eV_per_A for s in self], np.float64, (3,)),
            "groups": np.array(self.groups, dtype=np.str_),
        }

        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        write_bytes(path, file.getvalue())

    @classmethod
    def load(cls, path: Path) -> ReferenceData:
        """Read what :meth:`save` wrote.

        Raises
        ------
        StoreError
            If the file is damaged.
        """
        from ase import Atoms

        try:
            with np.load(path, allow_pickle=False) as file:
                stored = {name: file[name] for name in file.files}
            ends = np.cumsum(stored["sizes"])
            parts = [slice(int(end - size), int(end)) for end, size in zip(ends, stored["sizes"], strict=True)]
            return cls(
                tuple(
                    ReferenceStructure(
                        Atoms(
                            stored["numbers"][part],
                            positions=stored["positions_A"][part],
                            cell=stored["cells_A"][k],
                            pbc=stored["pbc"][k],
                        ),
                        float(stored["energies_eV"][k]),
                        stored["forces_eV_per_A"][part],
                        str(stored["groups"][k]),
                    )
                    for k, part in enumerate(parts)
                )
            )
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, BadZipFile) as error:
            raise StoreError(f"the reference data in {path} are damaged ({error}); remove the file.") from None

    @classmethod
    def from_atoms(cls, structures: Iterable[Atoms], what: str = "structure") -> ReferenceData:
        """Structures that carry their energies and forces, as those that ASE reads do.

        The group is ``atoms.info["group"]``, or else ``atoms.info["config_type"]``.

        Raises
        ------
        InputError
            If a structure has no energy or no forces; it says which.
        """
        return cls(tuple(_labelled(atoms, f"{what} {number}") for number, atoms in enumerate(structures)))


def read_reference_data(path: Path, units: Literal["metal", "atomic"] = "metal") -> ReferenceData:
    """Structures with energies and forces from a file, as :func:`sharvin.files.reference_files.read_reference_data` reads them.

    Raises
    ------
    InputError
        If the file cannot be read, or its energies or forces are missing or cannot be right.
    """
    from sharvin.files import reference_files  # which needs this module

    return reference_files.read_reference_data(path, units)


def _labelled(atoms: Atoms, what: str) -> ReferenceStructure:
    results = getattr(atoms.calc, "results", {}) if atoms.calc is not None else {}
    missing = [name for name in ("energy", "forces") if results.get(name) is None]
    if missing:
        raise InputError(f"{what} has no {' and no '.join(missing)}; a potential is trained on structures that have both.")
    bare = atoms.copy()
    bare.calc = None
    group = str(atoms.info.get("group", atoms.info.get("config_type", "")))
    return ReferenceStructure(bare, float(results["energy"]), np.array(results["forces"], dtype=np.float64), group)


def _joined(arrays: Sequence[NDArray[np.generic]], dtype: type, shape: tuple[int, ...]) -> NDArray[np.generic]:
    return np.concatenate([np.zeros((0, *shape), dtype=dtype), *arrays]).astype(dtype)
