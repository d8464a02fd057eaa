"""A structure as the network takes it: neighbours that send messages, and pairs that have blocks, by relation and element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import NeighbourPairs, neighbour_pairs

from sharvin_models.hamiltonian_network.block_channels import TO_E3NN
from sharvin_models.hamiltonian_network.configs import HedgeElectronOptions
from sharvin_models.hamiltonian_network.pair_groups import PairGroup, grouped
from sharvin_models.message_passing.relations import PairRelations
from sharvin_models.message_passing.surroundings import PaddedBatch, SurroundingsBuilder, batched

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AXES_ARRAY = "normal"
FLAT = 0.25
"""Largest share of the squared length of neighbour vectors within layers along the axis that is taken for the one across them."""
SAME = 1e-6


@dataclass(frozen=True, eq=False)
class StructureInput:
    """A structure as the network takes it.

    Parameters
    ----------
    batch : PaddedBatch
        Neighbours; their vectors permuted by ``TO_E3NN``.
    species : int64[n_atoms]
    groups : list of PairGroup
    axes : float64[3, n_atoms] or None
        Of the orbitals, permuted in the same way.
    n_neighbours : int64[n_relations]
        Pairs of each relation that send messages.
    closest_A : float64[n_relations]
        Shortest distance of pairs that have blocks; infinite where there are none.
    """

    batch: PaddedBatch
    species: Integers
    groups: list[PairGroup]
    axes: torch.Tensor | None
    n_neighbours: Integers
    closest_A: Floats

    def atoms_of(self, species: int) -> torch.Tensor:
        """Indices of an element's atoms."""
        return torch.from_numpy(np.flatnonzero(self.species == species))


class StructureReader:
    """Makes inputs of structures.

    Parameters
    ----------
    name : str
        Of the Hamiltonian, for messages.
    options : HedgeElectronOptions
    relations : PairRelations
    elements : sequence of int
        Atomic numbers that may occur, ascending.
    """

    def __init__(self, name: str, options: HedgeElectronOptions, relations: PairRelations, elements: Sequence[int]) -> None:
        self.name, self.options, self.relations, self.elements = name, options, relations, tuple(elements)
        self._build = SurroundingsBuilder(name, relations, elements)

    def of_blocks(self, blocks: HamiltonianBlocks, what: str) -> StructureInput:
        """Of a structure with its pairs."""
        return self._input(blocks.atoms, blocks.first, blocks.second, blocks.vectors, blocks.axes, what)

    def of_pairs(self, atoms: Atoms, pairs: NeighbourPairs, axes: Floats | None, what: str = "the structure") -> StructureInput:
        """Of a structure with the pairs that are to have blocks.

        Raises
        ------
        InputError, ItemError
            As :meth:`SurroundingsBuilder.of_atoms`.
        """
        return self._input(atoms, pairs.first, pairs.second, pairs.vector, axes, what)

    def _input(
        self, atoms: Atoms, first: Integers, second: Integers, vectors: Floats, axes: Floats | None, what: str
    ) -> StructureInput:
        relations = self.relations
        found = self._build.of_atoms(atoms, what)
        dtype = getattr(torch, self.options.dtype)
        batch = batched([found], len(self.elements), relations.cutoffs_A, dtype)
        turned = tuple(part[..., TO_E3NN] for part in batch.vectors)
        batch = PaddedBatch(turned, batch.neighbours, batch.species, batch.structure, batch.n_atoms)
        labels = relations.labels(atoms.numbers, atoms.arrays, f"{self.name}: {what}")
        numbers = relations.numbers(labels, first, second)
        groups = grouped(found.species, first, second, vectors, numbers, axes)
        along = None if axes is None else torch.from_numpy(np.ascontiguousarray(axes[:, TO_E3NN].T))
        neighbours = np.array([len(pairs.first) for pairs in found.relations], dtype=np.int64)
        closest = np.full(len(relations.names), np.inf)
        np.minimum.at(closest, numbers, np.linalg.norm(vectors, axis=1))
        return StructureInput(batch, found.species, groups, along, neighbours, closest)


def stated_axes(atoms: Atoms, name: str) -> Floats | None:
    """The array `normal` of a structure, float64[n, 3], or None.

    Raises
    ------
    InputError
        If these are not unit vectors.
    """
    values = atoms.arrays.get(AXES_ARRAY)
    if values is None:
        return None
    axes = np.asarray(values, dtype=np.float64)
    if axes.shape != (len(atoms), 3) or not np.abs(np.linalg.norm(axes, axis=1) - 1.0).max(initial=0.0) < SAME:
        raise InputError(f"{name}: the array {AXES_ARRAY!r} of the structure must hold a unit vector for each atom.")
    return axes


def axes_across(atoms: Atoms, cutoff_A: float) -> Floats | None:
    """The coordinate axis across flat layers, for each atom; None where they are perpendicular to none.

    Neighbours of one layer, by the array `layer` where there is one, differ least along it; z wins among equal axes.
    """
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, cutoff_A, full=False)
    vectors = pairs.vector
    if "layer" in atoms.arrays:
        layer = np.asarray(atoms.arrays["layer"])
        vectors = vectors[layer[pairs.first] == layer[pairs.second]]
    squares = (vectors**2).sum(axis=0)
    total = float(squares.sum())
    if total == 0.0:
        return np.tile([0.0, 0.0, 1.0], (len(atoms), 1))
    axis = 2 - int(np.argmin(np.round(squares[::-1] / total, 6)))
    return np.tile(np.eye(3)[axis], (len(atoms), 1)) if squares[axis] <= FLAT * total else None


def axes_follow_layers(data: Sequence[HamiltonianBlocks], cutoff_A: float) -> bool:
    """Whether the axes of all structures are those that :func:`axes_across` finds."""
    for blocks in data:
        across = axes_across(blocks.atoms, cutoff_A)
        if across is None or blocks.axes is None or np.abs(across - blocks.axes).max(initial=0.0) > SAME:
            return False
    return True
