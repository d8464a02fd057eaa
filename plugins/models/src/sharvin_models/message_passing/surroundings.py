"""Pairs of neighbours in structures, and batches of them padded to a few sizes, so that few are compiled for.

A structure's pairs are kept flat, those of each relation together. A batch has places for the neighbours of every atom in a row.
Places that are free hold vectors as long as the cutoff, which count for nothing, and rows that are free belong to no element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.protocols import NeighbourList
from torch import Tensor

from sharvin_models.message_passing.relations import PairRelations

SMALLEST_ROWS, WIDTH_STEP = 8, 4


@dataclass(frozen=True, eq=False)
class PairsOfRelation:
    """Pairs of one relation, sorted by the first atom.

    Parameters
    ----------
    first, second : int64[n_pairs]
    vectors : float64[n_pairs, 3]
        From the first atom to the second one in Å, shorter than the cutoff.
    width : int
        Largest number of neighbours of an atom.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    vectors: NDArray[np.float64]
    width: int


@dataclass(frozen=True, eq=False)
class AtomSurroundings:
    """Elements of a structure's atoms, and their pairs of each relation.

    Parameters
    ----------
    species : int64[n_atoms]
        Place of every atom's element in the list of elements.
    relations : tuple of PairsOfRelation
    groups : int64[n_atoms]
        Atoms of one label have one number from 0 on.
    """

    species: NDArray[np.int64]
    relations: tuple[PairsOfRelation, ...]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.species)

    @property
    def n_groups(self) -> int:
        """Groups of atoms."""
        return int(self.groups.max(initial=-1)) + 1


@dataclass(frozen=True, eq=False)
class PaddedBatch:
    """Several structures as one, with tensors as the network takes them.

    Parameters
    ----------
    vectors, neighbours, species
        See :class:`~sharvin_models.message_passing.network.AtomEnergyNetwork`.
    structure : int64[n]
        Number of the atom's structure; of free rows, one more than there is.
    n_atoms : int
        Rows in use, which come first.
    """

    vectors: tuple[Tensor, ...]
    neighbours: tuple[Tensor, ...]
    species: Tensor
    structure: Tensor
    n_atoms: int

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them: vectors, neighbours, species, structure."""
        return (*self.vectors, *self.neighbours, self.species, self.structure)


class SurroundingsBuilder:
    """Finds the surroundings of atoms.

    Parameters
    ----------
    name : str
        Of the potential, for messages.
    relations : PairRelations
    elements : sequence of int
        Atomic numbers that may occur, ascending.
    """

    def __init__(self, name: str, relations: PairRelations, elements: Sequence[int]) -> None:
        self.name, self.relations = name, relations
        self.elements = np.array(elements, dtype=np.int64)

    def of_atoms(self, atoms: Atoms, what: str = "the structure") -> AtomSurroundings:
        """Surroundings in a structure.

        Raises
        ------
        InputError
            If an element is unknown, the array that tells relations is missing or does not fit, or a periodic direction has no
            cell vector.
        ItemError
            If positions are not finite or two atoms are at one place.
        """
        said = f"{self.name}: {what}"
        species = self._species(atoms.numbers, what)
        labels = self.relations.labels(atoms.numbers, atoms.arrays, said)
        pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, self.relations.longest_A, full=True, what=said)
        pairs.require_apart(said)
        return self._sorted(species, labels, pairs.first, pairs.second, pairs.vector, pairs.distance, said)

    def of_neighbours(self, given: NeighbourList) -> AtomSurroundings:
        """Surroundings that another program found.

        Raises
        ------
        InputError
            If an element is unknown, or the array that tells relations is missing or does not fit.
        """
        what = "the list of neighbours"
        species = self._species(given.numbers, what)
        said = f"{self.name}: {what}"
        labels = self.relations.labels(given.numbers, given.arrays, said)
        first = np.repeat(np.arange(len(species), dtype=np.int64), np.diff(given.first))
        distance = np.sqrt(np.einsum("ij,ij->i", given.vectors, given.vectors))
        return self._sorted(species, labels, first, given.neighbours, given.vectors, distance, said)

    def _sorted(
        self,
        species: NDArray[np.int64],
        labels: NDArray[np.int64],
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        vectors: NDArray[np.float64],
        distance: NDArray[np.float64],
        said: str,
    ) -> AtomSurroundings:
        chosen = self.relations.of_pairs(labels, first, second, distance)
        self.relations.require_fitting(chosen, first, second, distance, said)
        groups = np.unique(labels, return_inverse=True)[1] if self.relations.needs_labels else np.zeros_like(species)
        return AtomSurroundings(species, tuple(_relation(first[c], second[c], vectors[c]) for c in chosen), groups)

    def _species(self, numbers: NDArray[np.int64], what: str) -> NDArray[np.int64]:
        unknown = np.setdiff1d(numbers, self.elements)
        if len(unknown):
            found, known = (", ".join(chemical_symbols[z] for z in some) for some in (unknown, self.elements))
            raise InputError(f"{self.name} was trained on {known} and {what} holds {found}; train a model with it.")
        return np.searchsorted(self.elements, numbers).astype(np.int64)


def _relation(first: NDArray[np.int64], second: NDArray[np.int64], vectors: NDArray[np.float64]) -> PairsOfRelation:
    return PairsOfRelation(first, second, vectors, int(np.bincount(first).max()) if len(first) else 0)


def batched(
    structures: Sequence[AtomSurroundings],
    n_species: int,
    cutoffs_A: Sequence[float],
    dtype: torch.dtype,
    widths: Sequence[int] | None = None,
    capacity: int | None = None,
    rows: int | None = None,
) -> PaddedBatch:
    """One batch of several structures, its sizes rounded up.

    Parameters
    ----------
    structures : sequence of AtomSurroundings
    n_species : int
    cutoffs_A : sequence of float
        Of the relations.
    dtype : torch.dtype
    widths : sequence of int or None
        Places for neighbours of every relation, where they are to be the same in all batches.
    capacity : int or None
        Number that the padding counts structures to, where it is not theirs; see :attr:`PaddedBatch.structure`.
    rows : int or None
        Atoms with padding, where they are to be the same in all batches.
    """
    sizes = [len(structure) for structure in structures]
    n_atoms, begins = sum(sizes), np.cumsum([0, *sizes[:-1]])
    rows = rounded_rows(n_atoms if rows is None else rows)
    vectors, neighbours = [], []
    for number in range(len(structures[0].relations)):
        parts = [structure.relations[number] for structure in structures]
        width = rounded_width(max(part.width for part in parts) if widths is None else widths[number])
        first = np.concatenate([part.first + begin for part, begin in zip(parts, begins, strict=True)])
        second = np.concatenate([part.second + begin for part, begin in zip(parts, begins, strict=True)])
        counts = np.bincount(first, minlength=rows)
        place = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
        padded, indices = np.zeros((rows, width, 3)), np.zeros((rows, width), dtype=np.int64)
        padded[..., 0] = cutoffs_A[number]
        padded[first, place] = np.concatenate([part.vectors for part in parts])
        indices[first, place] = second
        vectors.append(torch.from_numpy(padded).to(dtype))
        neighbours.append(torch.from_numpy(indices))
    species = np.zeros((n_species, rows))
    species[np.concatenate([structure.species for structure in structures]), np.arange(n_atoms)] = 1.0
    structure_of = np.full(rows, len(structures) if capacity is None else capacity, dtype=np.int64)
    structure_of[:n_atoms] = np.repeat(np.arange(len(structures)), sizes)
    return PaddedBatch(
        tuple(vectors), tuple(neighbours), torch.from_numpy(species).to(dtype), torch.from_numpy(structure_of), n_atoms
    )


def rounded_rows(count: int) -> int:
    """Atoms with padding: four sizes for each doubling."""
    step = max(SMALLEST_ROWS, 1 << max(0, (count - 1).bit_length() - 3))
    return max(step, -(-count // step) * step)


def rounded_width(count: int) -> int:
    """Places for neighbours with padding."""
    return max(WIDTH_STEP, -(-count // WIDTH_STEP) * WIDTH_STEP)
