"""The structure as phonopy needs it: a full cell, and the primitive cell that it repeats."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell
from numpy.typing import NDArray
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms
from phonopy.structure.symmetry import Symmetry
from sharvin.errors import InputError

VACUUM_A = 10.0
"""Least empty space along directions that are not periodic."""
SAME = 1e-3
"""Fractions of a cell vector that differ by less are one; whole numbers of repeats are far fewer."""

Array = NDArray[np.float64]
Repeats = Literal["auto"] | tuple[int, int, int]


def phonopy_of(atoms: Atoms, repeats: Repeats, tolerance_A: float, symmetric: bool = True) -> Phonopy:
    """The structure in phonopy, in its own order of atoms, with its primitive cell.

    Parameters
    ----------
    atoms : Atoms
    repeats : "auto" or three ints
        How often the primitive cell is repeated along the cell vectors.
    tolerance_A : float
    symmetric : bool
        Whether symmetry is looked for; without it the primitive cell is the whole cell.

    Raises
    ------
    InputError
        If the structure does not repeat a cell so many times.
    """
    cell = padded_cell(atoms)
    crystal = PhonopyAtoms(symbols=atoms.get_chemical_symbols(), cell=cell, positions=atoms.positions, masses=atoms.get_masses())
    primitive = _primitive_matrix(crystal, repeats, tolerance_A) if symmetric else np.eye(3)
    with warnings.catch_warnings():  # the structure is what was asked for, whether or not it has the crystal's full symmetry
        for message in (".*Point group symmetries of supercell", ".*distorted in a tricky way"):
            warnings.filterwarnings("ignore", message=message, category=UserWarning)
        return Phonopy(
            crystal,
            supercell_matrix=np.eye(3, dtype=int),
            primitive_matrix=primitive,
            symprec=tolerance_A,
            is_symmetry=symmetric,
            log_level=0,
        )


def padded_cell(atoms: Atoms) -> Array:
    """Cell vectors in Å, those along directions that are not periodic at right angles to the others and beyond all atoms.

    They are longer than the periodic ones, so that no symmetry exchanges the two.
    """
    cell = np.asarray(complete_cell(np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)), dtype=np.float64)
    longest = max((float(np.linalg.norm(vector)) for vector in cell[atoms.pbc]), default=0.0)
    extent = float(np.ptp(atoms.positions, axis=0).max()) if len(atoms) else 0.0
    cell[~atoms.pbc] *= longest + 2 * extent + VACUUM_A
    return cell


def _primitive_matrix(crystal: PhonopyAtoms, repeats: Repeats, tolerance_A: float) -> Array:
    """Vectors of the primitive cell, one a column, in units of the cell's vectors."""
    shifts = _translations(crystal, tolerance_A)
    along = [shifts[(np.abs(np.delete(shifts, axis, axis=1)) < SAME).all(axis=1)] for axis in range(3)]
    if repeats != "auto":
        for axis, times in enumerate(repeats):
            if not (np.abs(along[axis][:, axis] * times - 1) < SAME * times).any() and times > 1:
                raise InputError(
                    f"primitive {list(repeats)}: the structure does not repeat itself {times} times along cell vector {axis + 1} "
                    f"(tolerance {tolerance_A:g} Å); give other repeats or auto."
                )
        return np.diag(1.0 / np.array(repeats))
    counts = np.array([len(found) for found in along])
    if counts.prod() == len(shifts):
        return np.diag(1.0 / counts)
    return _shortest_basis(shifts, np.asarray(crystal.cell))


def _translations(crystal: PhonopyAtoms, tolerance_A: float) -> Array:
    """Translations [n, 3] that map the crystal onto itself, in [0, 1) of the cell vectors; zero among them."""
    symbols, masses = np.array(crystal.symbols), np.array(crystal.masses)
    if any(np.ptp(masses[symbols == symbol]) > 0 for symbol in set(crystal.symbols)):  # isotopes are not told apart there
        return np.zeros((1, 3))
    operations = Symmetry(crystal, symprec=tolerance_A).symmetry_operations
    pure = (np.asarray(operations["rotations"]) == np.eye(3, dtype=int)).all(axis=(1, 2))
    shifts = np.asarray(operations["translations"], dtype=np.float64)[pure] % 1.0
    return np.where(shifts > 1 - SAME, 0.0, shifts)


def _shortest_basis(shifts: Array, cell: Array) -> Array:
    """The three shortest independent translations, right-handed, one a column; in three dimensions they are always a basis."""
    images = np.stack(np.meshgrid(*[[0.0, -1.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    candidates = (shifts[:, None, :] + images).reshape(-1, 3)
    vectors = candidates @ cell
    backward = (vectors < -SAME).sum(axis=1)  # of equal ones those along the axes, so that fcc has its usual vectors
    order = np.lexsort((*(-np.round(vectors, 3)).T, backward, np.round(np.linalg.norm(vectors, axis=1), 3)))
    chosen: list[int] = []
    for index in order:
        trial = [*chosen, int(index)]
        if np.linalg.matrix_rank(vectors[trial], tol=1e-2) == len(trial):
            chosen = trial
        if len(chosen) == 3:
            break
    basis = candidates[chosen]
    return np.asarray(basis.T if np.linalg.det(basis @ cell) > 0 else -basis.T)
