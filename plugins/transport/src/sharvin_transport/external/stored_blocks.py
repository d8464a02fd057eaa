"""The Hamiltonian `stored_blocks`: blocks of H and S that were computed elsewhere, for the structures they belong to.

With it a Hamiltonian is learnt from a file: a study asks for the blocks of each structure of its training set, and the file has
them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.crystals.block_files import read_blocks
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.errors import InputError, ItemError, StoreError
from sharvin.junction import Junction
from sharvin.two_terminal import BlochHamiltonian, TwoTerminal

from sharvin_transport.external.configs import StoredBlocksOptions

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class StoredBlocks:
    """Blocks from a file that :func:`sharvin.crystals.block_files.write_blocks` wrote.

    Parameters
    ----------
    options : StoredBlocksOptions

    Raises
    ------
    InputError
        If the file cannot be read or holds nothing.
    """

    def __init__(self, options: StoredBlocksOptions) -> None:
        self.options = options
        try:
            self.stored = read_blocks(Path(options.file).expanduser())
        except StoreError as error:
            raise InputError(f"the blocks in {options.file} cannot be read: {error}") from None
        if not self.stored:
            raise InputError(f"{options.file} holds no structure.")

    def range_A(self, numbers: NDArray[np.int64]) -> float:
        """Length in Å of the longest pair of the structures that have these elements and no others."""
        wanted = set(np.unique(numbers).tolist())
        own = [one.reach_A for one in self.stored if set(one.atoms.numbers.tolist()) <= wanted]
        missing = wanted - {int(z) for one in self.stored for z in one.atoms.numbers}
        if missing or not own:
            lacks = ", ".join(chemical_symbols[z] for z in sorted(missing or wanted))
            raise InputError(f"{self.options.file} has no structures of {lacks}.")
        return max(own)

    def blocks(self, atoms: Atoms) -> HamiltonianBlocks:
        """The blocks stored for a structure: with these atoms in this order, in the same cell, up to cell vectors.

        Raises
        ------
        InputError
            If no structure of the file has these elements in this order.
        ItemError
            If the file has such structures, but with other positions or cells.
        """
        alike = [one for one in self.stored if np.array_equal(one.atoms.numbers, atoms.numbers)]
        if not alike:
            raise InputError(
                f"{self.options.file} has no structure {atoms.get_chemical_formula()} with its atoms in this order; take the "
                "structures that the file was computed for."
            )
        nearest = np.inf
        for one in alike:
            distance, moved = _apart(one.atoms, atoms)
            if distance <= self.options.tolerance_A:
                image = one.image + moved[one.second] - moved[one.first]
                return replace(one, atoms=atoms.copy(), image=image)
            nearest = min(nearest, distance)
        how = f"the nearest one has atoms or cell vectors {nearest:.3g} Å away" if np.isfinite(nearest) else "others are periodic"
        raise ItemError(
            f"{self.options.file} has no blocks of this structure: {how}, with tolerance_A {self.options.tolerance_A:g}."
        )

    def bloch(self, atoms: Atoms) -> BlochHamiltonian:
        """H(k) and S(k) of a stored structure.

        Raises
        ------
        InputError, ItemError
            As :meth:`blocks`.
        """
        return self.blocks(atoms).bloch()

    def two_terminal(self, junction: Junction) -> TwoTerminal:
        """Nothing.

        Raises
        ------
        InputError
            Always: the file has no leads.
        """
        raise InputError(
            "stored_blocks has the blocks of stored structures and no leads; let a Hamiltonian learn them, or write a device as "
            "the Hamiltonian arrays takes it."
        )


def _apart(stored: Atoms, atoms: Atoms) -> tuple[float, Integers]:
    """Largest distance in Å of atoms and periodic cell vectors, and by how many of these each atom of the file is moved."""
    pbc = np.asarray(stored.pbc)
    if np.any(pbc != atoms.pbc):
        return np.inf, np.zeros((0, 3), dtype=np.int64)
    cells = [np.where(pbc[:, None], one.cell.complete().array, 0.0) for one in (stored, atoms)]
    between = stored.positions - atoms.positions
    moved = np.rint(between @ np.linalg.pinv(cells[1])).astype(np.int64)
    left = np.linalg.norm(between - moved @ cells[1], axis=1).max(initial=0.0)
    return float(max(left, np.linalg.norm(cells[0] - cells[1], axis=1).max())), moved
