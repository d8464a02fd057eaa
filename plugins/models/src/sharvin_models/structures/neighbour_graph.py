"""Neighbour graphs of structures: which atoms an atom hears of, and the vectors to them.

Atoms whose surroundings are described are *centres*. Other atoms within the cutoff of a centre are *boundary* nodes: the network
knows their species, not their own surroundings. Lists of neighbours are padded with vectors as long as the cutoff, where the
radial basis is exactly zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError, RigidAtomsUnknownError
from sharvin.frames import Frame
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes and edges of one structure.

    Parameters
    ----------
    species : int32[n_centres + n_boundary]
        Place of every node's element in the list of elements; centres first.
    n_centres : int
    neighbours : int32[n_centres, width]
        Nodes around every centre, padded with node 0.
    vectors : float32 or float64 [n_centres, width, 3]
        From the centre to the neighbour in Å, padded as the module says.
    n_edges : int
        Without padding.
    """

    species: NDArray[np.int32]
    n_centres: int
    neighbours: NDArray[np.int32]
    vectors: NDArray[np.floating]
    n_edges: int


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """Several graphs as one, tensors as in :class:`Graph`: all centres, then all boundary nodes; `counts` centres in each."""

    species: Tensor
    neighbours: Tensor
    vectors: Tensor
    counts: tuple[int, ...]

    def jittered(self, width_A: float, cutoff_A: float, rng: np.random.Generator) -> GraphBatch:
        """The same neighbours, every node displaced at random by `width_A` along each axis; padding stays beyond the cutoff."""
        if not width_A:
            return self
        shift = torch.from_numpy(rng.normal(scale=width_A, size=(len(self.species), 3))).to(self.vectors)
        relative = shift[self.neighbours] - shift[: len(self.neighbours), None]
        inside = torch.linalg.vector_norm(self.vectors, dim=-1, keepdim=True) < cutoff_A
        return replace(self, vectors=self.vectors + relative * inside)


class GraphBuilder:
    """Makes graphs of frames.

    Parameters
    ----------
    name : str
        Of the regressor, for messages.
    cutoff_A : float
        In Å.
    centres : {"mobile", "all"}
        Atoms that are centres.
    elements : sequence of int
        Atomic numbers that may occur.
    dtype : {"float32", "float64"}
        Of the vectors; distances are found in float64 in any case.
    """

    def __init__(self, name: str, cutoff_A: float, centres: str, elements: Sequence[int], dtype: str = "float32") -> None:
        self.name, self.cutoff_A, self.centres, self.dtype = name, cutoff_A, centres, dtype
        self.elements = np.array(sorted(elements), dtype=np.int64)

    def __call__(self, frame: Frame, index: int) -> Graph:
        """Graph of one frame; `index` names it in messages.

        Raises
        ------
        InputError
            If the frame has no centres, an element is unknown, or a periodic direction has no cell vector.
        ItemError
            If positions are not finite or two atoms overlap.
        """
        centre = self._centres(frame, index)
        species = self._species(frame, index)
        what = f"{self.name}: structure {index}"
        pairs = neighbour_pairs(frame.positions, frame.cell, frame.pbc, self.cutoff_A, full=True, what=what)
        pairs.require_apart(what)
        pairs = pairs.take(centre[pairs.first])
        i, j = pairs.first, pairs.second
        heard = np.zeros(len(frame), dtype=bool)
        heard[j] = True
        nodes = np.concatenate([np.flatnonzero(centre), np.flatnonzero(heard & ~centre)])
        node_of = np.empty(len(frame), dtype=np.int64)
        node_of[nodes] = np.arange(len(nodes))
        n_centres = int(centre.sum())
        counts = np.bincount(node_of[i], minlength=n_centres)
        place = np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts, counts)
        width = max(1, int(counts.max()))
        neighbours = np.zeros((n_centres, width), dtype=np.int32)
        padded = np.zeros((n_centres, width, 3), dtype=self.dtype)
        padded[..., 0] = self.cutoff_A
        neighbours[node_of[i], place] = node_of[j]
        padded[node_of[i], place] = pairs.vector
        return Graph(species[nodes], n_centres, neighbours, padded, len(i))

    def _centres(self, frame: Frame, index: int) -> NDArray[np.bool_]:
        if not len(frame):
            raise InputError(f"{self.name}: structure {index} has no atoms.")
        if self.centres == "all":
            return np.ones(len(frame), dtype=bool)
        if frame.rigid is None:
            raise RigidAtomsUnknownError(
                f"{self.name}: structure {index} does not say which of its atoms are rigid; set centres: all, "
                "or give its atoms the array 'rigid'."
            )
        if frame.rigid.all():
            raise InputError(f"{self.name}: every atom of structure {index} is rigid, so no conductance would depend on it.")
        return ~frame.rigid

    def _species(self, frame: Frame, index: int) -> NDArray[np.int32]:
        unknown = np.setdiff1d(frame.numbers, self.elements)
        if len(unknown):
            found, known = (", ".join(chemical_symbols[z] for z in numbers) for numbers in (unknown, self.elements))
            raise InputError(f"{self.name} was trained on {known} and structure {index} holds {found}; train a model with it.")
        return np.searchsorted(self.elements, frame.numbers).astype(np.int32)


def batched(graphs: Sequence[Graph], cutoff_A: float, device: torch.device) -> GraphBatch:
    """One batch of several graphs."""
    width = max(graph.neighbours.shape[1] for graph in graphs)
    n_centres = sum(graph.n_centres for graph in graphs)
    neighbours = np.zeros((n_centres, width), dtype=np.int64)
    vectors = np.zeros((n_centres, width, 3), dtype=graphs[0].vectors.dtype)
    vectors[..., 0] = cutoff_A
    centre, boundary = 0, n_centres
    for graph in graphs:
        rows, columns = slice(centre, centre + graph.n_centres), slice(graph.neighbours.shape[1])
        inside = graph.neighbours < graph.n_centres
        neighbours[rows, columns] = graph.neighbours + np.where(inside, centre, boundary - graph.n_centres)
        vectors[rows, columns] = graph.vectors
        centre += graph.n_centres
        boundary += len(graph.species) - graph.n_centres
    species = [graph.species[: graph.n_centres] for graph in graphs] + [graph.species[graph.n_centres :] for graph in graphs]
    return GraphBatch(
        torch.from_numpy(np.concatenate(species).astype(np.int64)).to(device),
        torch.from_numpy(neighbours).to(device),
        torch.from_numpy(vectors).to(device),
        tuple(graph.n_centres for graph in graphs),
    )
