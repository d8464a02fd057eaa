"""What a two-centre table says of atoms: their orbitals, on-site energies and pair blocks, and a crystal's H(k) and S(k)."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.errors import InputError, ItemError
from sharvin.numerics.neighbour_pairs import NeighbourPairs, neighbour_pairs
from sharvin.two_terminal import BlochHamiltonian

from sharvin_transport.slater_koster.device_matrix import present_orbitals
from sharvin_transport.slater_koster.tables import TwoCentreTable
from sharvin_transport.slater_koster.too_close import check_positive, check_spheres
from sharvin_transport.slater_koster.two_centre import two_centre_blocks

Floats = NDArray[np.float64]
SHELLS = {1: (0,), 4: (0, 1), 9: (0, 1, 2)}
"""Angular momenta of an atom's shells by the number of its orbitals."""
HARMONIC_ORDER = np.array([0, 2, 3, 1, 4, 5, 8, 6, 7])
"""Orbitals of :mod:`~sharvin_transport.slater_koster.two_centre` in the order of :mod:`sharvin.crystals.orbital_basis`."""


class TableOrbitals:
    """The orbitals of atoms, by a table.

    Parameters
    ----------
    table : TwoCentreTable
    """

    def __init__(self, table: TwoCentreTable) -> None:
        self.table = table

    def range_A(self, numbers: NDArray[np.int64]) -> float:
        """Distance in Å beyond which no two orbitals of these atomic numbers couple."""
        self.table.check(np.asarray(numbers))
        present = [int(z) for z in np.unique(numbers)]
        return max(self.table.cutoff_A(a, b) for a in present for b in present)

    def count(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Orbitals of each atom, int64[n_atoms]."""
        return np.array([self.table.orbitals[int(z)] for z in numbers], dtype=np.int64)

    def electrons(self, numbers: NDArray[np.int64]) -> Floats:
        """Valence electrons of each atom, float64[n_atoms]."""
        return np.array([self.table.electrons[int(z)] for z in numbers])

    def pair_blocks(self, numbers: NDArray[np.int64], pairs: NeighbourPairs) -> tuple[Floats, Floats]:
        """Hopping (eV) and overlap blocks float64[n_pairs, m, m], m the largest number of orbitals among the elements."""
        m = int(self.count(np.unique(numbers)).max())
        distance = np.linalg.norm(pairs.vector, axis=1)
        forward, backward = np.zeros((2, 10, len(distance))), np.zeros((2, 10, len(distance)))
        first, second = numbers[pairs.first], numbers[pairs.second]
        for a in np.unique(first):
            for b in np.unique(second):
                chosen = slice(None) if np.ptp(numbers) == 0 else np.flatnonzero((first == a) & (second == b))
                r = distance[chosen]
                forward[0][:, chosen], forward[1][:, chosen] = self.table.radial(int(a), int(b), r)
                if a == b:
                    backward[:, :, chosen] = forward[:, :, chosen]
                else:
                    backward[0][:, chosen], backward[1][:, chosen] = self.table.radial(int(b), int(a), r)
        hopping, overlap = two_centre_blocks(pairs.vector / distance[:, None], m, forward, backward)
        return hopping, overlap

    def onsite(self, numbers: NDArray[np.int64], pairs: NeighbourPairs, m: int) -> Floats:
        """On-site energies float64[n_atoms, m] in eV."""
        density = np.zeros(len(numbers))
        distance = np.linalg.norm(pairs.vector, axis=1)
        shells = np.zeros((len(numbers), 3))
        for z in np.unique(numbers):
            # Tables whose on-site energies depend on the neighbourhood have parameters for equal elements only.
            added = self.table.density(int(z), distance)
            if added is not None:
                density += np.bincount(pairs.first, added, len(numbers)) + np.bincount(pairs.second, added, len(numbers))
            chosen = numbers == z
            shells[chosen] = self.table.onsite(int(z), density[chosen])
        return shells[:, [0, 1, 1, 1, 2, 2, 2, 2, 2][:m]]

    def blocks(self, atoms: Atoms) -> HamiltonianBlocks:
        """H and S of any structure as blocks between atoms.

        Raises
        ------
        InputError
            For elements without parameters.
        ItemError
            If atoms are too close for the table.
        """
        numbers = np.asarray(atoms.numbers, dtype=np.int64)
        pairs, hopping, overlap = self._checked_pairs(atoms, ItemError)
        present = np.arange(hopping.shape[1]) < self.count(numbers)[:, None]
        diagonal = np.arange(hopping.shape[1])
        H_onsite, S_onsite = np.zeros((2, len(numbers), len(diagonal), len(diagonal)))
        H_onsite[:, diagonal, diagonal] = self.onsite(numbers, pairs, len(diagonal)) * present
        S_onsite[:, diagonal, diagonal] = present
        order = HARMONIC_ORDER[: len(diagonal)]
        H_onsite, H, S_onsite, S = (one[:, order][:, :, order] for one in (H_onsite, hopping, S_onsite, overlap))
        basis = self.basis(numbers)
        return HamiltonianBlocks(atoms.copy(), basis, pairs.first, pairs.second, pairs.image, H_onsite, H, S_onsite, S)

    def basis(self, numbers: NDArray[np.int64]) -> OrbitalBasis:
        """The table's orbitals of these elements."""
        found = [int(z) for z in np.unique(numbers)]
        shells = {z: SHELLS[self.table.orbitals[z]] for z in found}
        return OrbitalBasis(shells, {z: self.table.electrons[z] for z in found})

    def _checked_pairs(self, atoms: Atoms, error: type[InputError] | type[ItemError]) -> tuple[NeighbourPairs, Floats, Floats]:
        """Pairs within the range, each once, with hopping and overlap; the error where atoms are too close."""
        numbers, order = np.asarray(atoms.numbers, dtype=np.int64), np.arange(len(atoms))
        pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, self.range_A(numbers), full=False)
        check_spheres(pairs, order, numbers, error)
        hopping, overlap = self.pair_blocks(numbers, pairs)
        check_positive(pairs, overlap, order, numbers, error)
        return pairs, hopping, overlap

    def bloch(self, atoms: Atoms) -> BlochHamiltonian:
        """H(k) and S(k) of a periodic structure.

        Raises
        ------
        InputError
            If atoms are too close for the table.
        """
        numbers = np.asarray(atoms.numbers, dtype=np.int64)
        pairs, hopping, overlap = self._checked_pairs(atoms, InputError)
        count = self.count(numbers)
        present = present_orbitals(count)
        n, m = len(numbers), int(count.max())
        extent = np.abs(pairs.image).max(axis=0) if len(pairs.image) else np.zeros(3, dtype=np.int64)
        grid = [np.arange(-e, e + 1) for e in extent]
        translations = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 3)
        span = 2 * extent + 1
        where = ((pairs.image + extent) * np.array([span[1] * span[2], span[2], 1])).sum(axis=1)
        opposite = len(translations) - 1 - where
        home = len(translations) // 2
        matrices = []
        for blocks, diagonal in ((hopping, self.onsite(numbers, pairs, m)), (overlap, np.ones((n, m)))):
            full = np.zeros((len(translations), n, m, n, m))
            view = full.transpose(0, 1, 3, 2, 4)
            np.add.at(view, (where, pairs.first, pairs.second), blocks)
            np.add.at(view, (opposite, pairs.second, pairs.first), blocks.transpose(0, 2, 1))
            square = full.reshape(len(translations), n * m, n * m)
            square[home][np.diag_indices(n * m)] += diagonal.ravel()
            matrices.append(square if present.all() else square[:, present][:, :, present])
        electrons = float(sum(self.table.electrons[int(z)] for z in numbers))
        return BlochHamiltonian(translations.astype(np.int64), matrices[0], matrices[1], electrons)
