r"""Which primitive cell each atom of a supercell stands in, and the Bloch sums of the primitive crystal in the supercell's basis.

Atoms are told apart by their places at rest. Displaced structures have the same orbitals, so that the Bloch sums

.. math:: |k\alpha\rangle = N^{-1/2} \sum_{j \in \alpha} e^{2\pi i k \cdot t_j} |j\rangle

are the same for all of them: N is the number of primitive cells, j runs over the orbitals that are the orbital α of a primitive
cell, t_j is the translation of that cell, and k is in fractions of the primitive reciprocal vectors. Their coefficients
T[j, α] have T† T = 1, and of the crystal at rest T† H(K) T = H(k), T† S(K) T = S(k), with K = M k where the supercell's vectors
are M times the primitive ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Matrix = NDArray[np.complex128]
APART_A = 0.05
"""Distance in Å up to which atoms at rest that are moved by a primitive translation are at one place."""


@dataclass(frozen=True, eq=False)
class Folding:
    """A supercell and its primitive cell; see :func:`folding`.

    Parameters
    ----------
    primitive : ase.Atoms
        The primitive cell, with the arrays of the atoms that were taken from the supercell.
    matrix : int64[3, 3]
        The supercell's vectors in primitive ones, one per row.
    primitive_atom : int64[n_atoms]
        Which atom of the primitive cell each atom of the supercell is.
    translation : int64[n_atoms, 3]
        By how many primitive vectors it is moved from there.
    """

    primitive: Atoms
    matrix: Integers
    primitive_atom: Integers
    translation: Integers

    @cached_property
    def cells(self) -> int:
        """Primitive cells in the supercell."""
        return len(self.primitive_atom) // len(self.primitive)

    def folded(self, k: ArrayLike) -> Floats:
        """K = M k float64[n, 3], in fractions of the supercell's reciprocal vectors, from primitive ones float64[n, 3]."""
        return np.asarray(np.asarray(k, dtype=np.float64) @ self.matrix.T)

    def images(self, k: ArrayLike) -> Floats:
        """All primitive wave vectors float64[n_cells, 3] that the supercell folds onto the same K as k float64[3]."""
        inverse = np.linalg.inv(self.matrix)
        reach = np.abs(self.matrix).sum(axis=1)
        steps = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
        _, which = np.unique(np.round((steps @ inverse.T) % 1.0, 9) % 1.0, axis=0, return_index=True)
        return np.asarray(np.asarray(k, dtype=np.float64) + (steps @ inverse.T)[which])

    def bloch_sums(self, k: ArrayLike, atom: Integers) -> Matrix:
        """Coefficients T complex128[n_orbitals, m] of the Bloch sums at k.

        Parameters
        ----------
        k : float64[3]
            In fractions of the primitive reciprocal vectors.
        atom : int64[n_orbitals]
            Which atom of the supercell each orbital belongs to.

        Raises
        ------
        InputError
            If atoms that are one atom of the primitive cell have different numbers of orbitals.
        """
        counts = np.bincount(atom, minlength=len(self.primitive_atom))
        each = np.zeros(len(self.primitive), dtype=np.int64)
        each[self.primitive_atom] = counts
        if np.any(each[self.primitive_atom] != counts) or np.any(np.diff(atom) < 0):
            raise InputError("the orbitals of the supercell are not those of its primitive cell, atom by atom.")
        within = np.arange(len(atom)) - (np.cumsum(counts) - counts)[atom]
        orbital = (np.cumsum(each) - each)[self.primitive_atom[atom]] + within
        sums = np.zeros((len(atom), int(each.sum())), dtype=np.complex128)
        phases = np.exp(2j * np.pi * (self.translation @ np.asarray(k, dtype=np.float64)))
        sums[np.arange(len(atom)), orbital] = phases[atom] / np.sqrt(self.cells)
        return sums


def folding(rest: Atoms, repeats: ArrayLike, *, apart_A: float = APART_A) -> Folding:
    """How a supercell consists of primitive cells.

    Parameters
    ----------
    rest : ase.Atoms
        The supercell at rest. Its first atoms of each kind of place make the primitive cell.
    repeats : int64[3] or int64[3, 3]
        How often the primitive cell is repeated along each vector, 1 along open directions; or the supercell's vectors in
        primitive ones, one per row.
    apart_A : float
        How far atoms may be from the places that the periodicity gives them.

    Raises
    ------
    InputError
        If the supercell is not periodic with this smaller cell.
    """
    given = np.asarray(repeats, dtype=np.int64)
    matrix = np.diag(given) if given.ndim == 1 else given
    cells = int(abs(round(np.linalg.det(matrix))))
    if matrix.shape != (3, 3) or not cells or len(rest) % cells:
        raise InputError(f"a supercell of {len(rest)} atoms does not consist of {cells} primitive cells.")
    vectors = rest.cell.complete().array
    small = np.linalg.solve(matrix.astype(np.float64), vectors)
    open_ones = ~np.asarray(rest.pbc)
    if np.any((matrix - np.eye(3, dtype=np.int64))[open_ones]) or np.any(matrix[:, open_ones] * (1 - np.eye(3))[:, open_ones]):
        raise InputError("a supercell is one primitive cell along directions that are not periodic.")
    first: list[int] = []
    primitive_atom = np.full(len(rest), -1, dtype=np.int64)
    translation = np.zeros((len(rest), 3), dtype=np.int64)
    inverse = np.linalg.inv(small)
    for atom in range(len(rest)):
        if primitive_atom[atom] >= 0:
            continue
        moved = (rest.positions - rest.positions[atom]) @ inverse
        whole = np.rint(moved)
        whole[:, open_ones] = 0.0
        same = (np.linalg.norm((moved - whole) @ small, axis=1) <= apart_A) & (rest.numbers == rest.numbers[atom])
        if same.sum() != cells or np.any(primitive_atom[same] >= 0):
            raise InputError(
                f"the structure does not repeat {cells} times: atom {atom} has {int(same.sum())} atoms at equivalent places; "
                f"give the structure at rest and its repeats."
            )
        primitive_atom[same] = len(first)
        translation[same] = whole[same].astype(np.int64)
        first.append(atom)
    primitive = rest[first]
    primitive.set_cell(np.where(np.asarray(rest.pbc)[:, None] | rest.cell.array.any(axis=1)[:, None], small, 0.0))
    return Folding(primitive, matrix, primitive_atom, translation)
