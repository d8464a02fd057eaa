"""Features of atoms by rounds of messages with modules for each relation, and the heads that read blocks off them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from e3nn import o3  # type: ignore[import-untyped]
from numpy.typing import ArrayLike
from torch import Tensor, nn

from sharvin_models.hamiltonian_network.block_channels import BlockChannels
from sharvin_models.hamiltonian_network.configs import HedgeElectronOptions
from sharvin_models.hamiltonian_network.heads import OnsiteHead, PairHead
from sharvin_models.hamiltonian_network.pair_groups import GroupKey
from sharvin_models.message_passing.blocks_of_atoms import by_blocks
from sharvin_models.message_passing.many_body import spread
from sharvin_models.message_passing.network import Edges, MessageRound
from sharvin_models.structures.radial_functions import bessel_functions


class BlockNetwork(nn.Module):
    """What blocks have beyond two-centre integrals, in units of the training's spread.

    The rounds are those of :mod:`sharvin_models.message_passing.network`; after the last one atoms have features up to `l_max`.

    Parameters
    ----------
    shells : sequence of sequence of int
        Angular momenta of the shells of each element.
    keys : sequence of GroupKey
        Groups of pairs that have a head.
    mean_neighbours : float64[n_relations]
        Of a training atom.
    cutoffs_A : sequence of float
        Of messages of each relation.
    options : HedgeElectronOptions
    """

    mean_neighbours: Tensor

    def __init__(
        self,
        shells: Sequence[Sequence[int]],
        keys: Sequence[GroupKey],
        mean_neighbours: ArrayLike,
        cutoffs_A: Sequence[float],
        options: HedgeElectronOptions,
    ) -> None:
        super().__init__()
        self.options, self.cutoffs_A = options, tuple(cutoffs_A)
        n_species, messages = len(shells), options.messages()
        self.register_buffer("mean_neighbours", torch.as_tensor(mean_neighbours, dtype=torch.float64).clone())
        self.embedding = spread(options.channels, n_species, fan_in=1)
        orders = [0, *[options.message_l_max] * (options.layers - 1), options.l_max]
        self.rounds = nn.ModuleList(
            MessageRound(l_in, l_out, n_species, len(self.cutoffs_A), messages) for l_in, l_out in pairwise(orders)
        )
        self.onsite = nn.ModuleList(OnsiteHead(BlockChannels(own, own), options) for own in shells)
        self.pairs = nn.ModuleDict(
            {
                str(key): PairHead(BlockChannels(shells[key.first], shells[key.second]), key.first == key.second, options)
                for key in keys
            }
        )

    def pair_head(self, key: GroupKey) -> PairHead:
        """The head of a group."""
        found = self.pairs[str(key)]
        assert isinstance(found, PairHead)
        return found

    def forward(self, vectors: Sequence[Tensor], neighbours: Sequence[Tensor], species: Tensor) -> Tensor:
        """Features of the atoms, [(l_max + 1)², channels, n].

        Parameters
        ----------
        vectors : of each relation, [n, width, 3]
            From the atoms to their neighbours in Å, as permuted by ``TO_E3NN``; those as long as the cutoff count for nothing.
        neighbours : of each relation, int64[n, width]
        species : [n_species, n]
            One where an atom is of the element, zero elsewhere.
        """
        edges: list[Edges] = []
        for pairs, indices, cutoff, count in zip(vectors, neighbours, self.cutoffs_A, self.mean_neighbours, strict=True):
            radial, harmonics = by_blocks(partial(self._edges, cutoff, count), (pairs,), (0,), (0, 0))
            edges.append((radial, harmonics, indices))
        features = (self.embedding @ species).unsqueeze(0)
        for layer in self.rounds:
            features = layer(features, edges, species)
        return features

    def _edges(self, cutoff_A: float, mean_neighbours: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Radial functions and harmonics of pairs [n, width, 3] of one relation."""
        distance = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
        radial = bessel_functions(distance, self.options.radial_functions, cutoff_A)
        orders = list(range(self.options.l_max + 1))
        harmonics = o3.spherical_harmonics(orders, vectors, normalize=True, normalization="component")
        return radial / mean_neighbours, harmonics

    @torch.no_grad()
    def initialise(self, rng: np.random.Generator) -> None:
        """Draw normal weights that keep the spread of the signal; each parameter of a new network is its standard deviation."""
        for parameter in self.parameters():
            parameter.mul_(torch.from_numpy(rng.normal(size=tuple(parameter.shape))))
