r"""H(k) and S(k) of large crystals as sparse matrices, :class:`SparseBlochHamiltonian`.

.. math:: H(k) = \sum_R e^{2\pi i k R} H_R

as in :class:`~sharvin.two_terminal.BlochHamiltonian`, with k in fractions of the reciprocal vectors. Elements of all
translations are kept in one list with their places in one pattern, so that a k-point costs one sum over the list: some 50 bytes
an element, where dense H_R of 11 164 orbitals would take 1 GB for every translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from sharvin.two_terminal import BlochHamiltonian
from sharvin.words.displayed import Displayed, Fact, counted

if TYPE_CHECKING:
    from sharvin.crystals.blocks import HamiltonianBlocks

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
MOST_DENSE_BYTES = 2_000_000_000


@dataclass(frozen=True, eq=False, repr=False)
class SparseBlochHamiltonian(Displayed):
    """Sparse H(k) and S(k).

    Parameters
    ----------
    size : int
        Orbitals n of a cell.
    translations : int64[n_R, 3]
        Opposite ones included.
    translation, row, column : int64[n_elements]
        Where each element stands; elements at one place add up.
    H, S : float64[n_elements]
        S is None for an orthonormal basis.
    electrons : float
        Valence electrons of a cell.
    atom : int64[n]
        Which atom each orbital belongs to.
    positions : float64[n_atoms, 3]
        Of the atoms, in Å.
    cell : float64[3, 3]
        Cell vectors in Å; zero along open directions.
    """

    size: int
    translations: Integers
    translation: Integers
    row: Integers
    column: Integers
    H: Floats
    S: Floats | None
    electrons: float
    atom: Integers
    positions: Floats
    cell: Floats

    def __post_init__(self) -> None:
        key = self.column * self.size + self.row
        order = np.argsort(key, kind="stable")
        key = key[order]
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        column, row = np.divmod(key[starts], self.size)
        object.__setattr__(self, "_order", order)
        object.__setattr__(self, "_starts", starts)
        object.__setattr__(self, "_indices", row.astype(np.int32))
        object.__setattr__(self, "_indptr", np.searchsorted(column, np.arange(self.size + 1)).astype(np.int32))

    _order: Integers = field(init=False)
    _starts: Integers = field(init=False)
    _indices: NDArray[np.int32] = field(init=False)
    _indptr: NDArray[np.int32] = field(init=False)

    def _facts(self) -> Sequence[Fact]:
        overlap = "orthonormal" if self.S is None else "not orthogonal"
        return [
            ("cell", f"{counted(self.size, 'orbital')} and {self.electrons:.4g} electrons per cell"),
            ("elements", f"{len(self._indices):,} of H(k), {100 * len(self._indices) / self.size**2:.3g} %"),
            ("basis", overlap),
        ]

    @classmethod
    def of_blocks(cls, blocks: HamiltonianBlocks) -> SparseBlochHamiltonian:
        """Elements of all blocks, in both directions."""
        present = blocks.present
        start = np.cumsum(blocks.count) - blocks.count
        orbital = start[:, None] + np.arange(present.shape[1])
        translations, number = _distinct(np.concatenate([np.zeros((1, 3), dtype=np.int64), blocks.image, -blocks.image]))
        pairs = len(blocks)
        home, ahead, back = number[0], number[1 : pairs + 1], number[pairs + 1 :]
        own = present[:, :, None] & present[:, None, :]
        within = present[blocks.first][:, :, None] & present[blocks.second][:, None, :]
        shape = within.shape
        own_row = np.broadcast_to(orbital[:, :, None], own.shape)[own]
        own_column = np.broadcast_to(orbital[:, None, :], own.shape)[own]
        row = np.broadcast_to(orbital[blocks.first][:, :, None], shape)[within]
        column = np.broadcast_to(orbital[blocks.second][:, None, :], shape)[within]
        forward, backward = (np.broadcast_to(one[:, None, None], shape)[within] for one in (ahead, back))

        def elements(onsite: Floats, hopping: Floats) -> Floats:
            return np.concatenate([onsite[own], hopping[within], hopping[within]])

        return cls(
            size=int(blocks.count.sum()),
            translations=translations,
            translation=np.concatenate([np.full(len(own_row), home), forward, backward]),
            row=np.concatenate([own_row, row, column]),
            column=np.concatenate([own_column, column, row]),
            H=elements(blocks.H_onsite, blocks.H),
            S=None if blocks.S is None or blocks.S_onsite is None else elements(blocks.S_onsite, blocks.S),
            electrons=blocks.electrons,
            atom=np.repeat(np.arange(len(blocks.atoms)), blocks.count),
            positions=np.array(blocks.atoms.positions),
            cell=np.where(blocks.atoms.pbc[:, None], blocks.atoms.cell.array, 0.0),
        )

    def at(self, k: Sequence[float] | Floats) -> tuple[csc_array, csc_array | None]:
        """H(k) and S(k); real where all phases are, complex otherwise; None for the S of an orthonormal basis."""
        phases = np.exp(2j * np.pi * (self.translations @ np.asarray(k, dtype=np.float64)))
        if np.abs(phases.imag).max() < 1e-12:
            phases = np.round(phases.real)
        return self._matrix(self.H, phases), None if self.S is None else self._matrix(self.S, phases)

    def _matrix(self, values: Floats, phases: NDArray[np.complex128] | Floats) -> csc_array:
        every = (values * phases[self.translation])[self._order]
        data = np.add.reduceat(every, self._starts)
        return csc_array((data, self._indices, self._indptr), shape=(self.size, self.size))

    def dense(self) -> BlochHamiltonian:
        """The same with dense H_R, S_R.

        Raises
        ------
        InputError
            If these would take more than 2 GB.
        """
        from sharvin.errors import InputError

        needed = 16.0 * len(self.translations) * self.size**2
        if needed > MOST_DENSE_BYTES:
            raise InputError(
                f"dense matrices of {self.size:,} orbitals and {len(self.translations)} translations would take "
                f"{needed / 1e9:.0f} GB; use the sparse H(k)."
            )
        shape = (len(self.translations), self.size, self.size)
        matrices = []
        for values in (self.H, self.S):
            full = np.zeros(shape)
            if values is None:
                full[np.flatnonzero(~self.translations.any(axis=1))[0]] = np.eye(self.size)
            else:
                np.add.at(full, (self.translation, self.row, self.column), values)
            matrices.append(full)
        return BlochHamiltonian(self.translations, matrices[0], matrices[1], self.electrons)


def _distinct(translations: Integers) -> tuple[Integers, Integers]:
    """The distinct ones among translations int64[n, 3], sorted, and the number of each translation among them."""
    extent = int(np.abs(translations).max())
    side = 2 * extent + 1
    weights = np.array([side * side, side, 1])
    code, number = np.unique((translations + extent) @ weights, return_inverse=True)
    return np.stack(np.unravel_index(code, (side, side, side)), axis=1).astype(np.int64) - extent, number
