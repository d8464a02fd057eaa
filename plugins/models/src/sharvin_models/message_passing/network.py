r"""Energies of atoms from rounds of many-body messages, as in MACE.

Atom i has features :math:`h_{i,k,lm}`: channels k of the irreducible representations l of O(3) with parity :math:`(-1)^l`. In
each round it gathers, from its neighbours j of each relation r,

.. math::
    A_{i,k,l_3m_3} = \frac{1}{\bar n} \sum_r \sum_{k'} W^r_{kk',l_3} \sum_{l_1l_2} v^r_{k',l_1l_2l_3}
        \sum_{m_1m_2} C^{l_3m_3}_{l_1m_1l_2m_2} \sum_{j \in r} R^r_{k'}(r_{ij})\, Y_{l_2m_2}(\hat r_{ij})\, h_{j,k',l_1m_1},

with :math:`\bar n` the mean number of neighbours, of all relations together or of the relation, and one radial function R a
channel, from a dense network without biases of Bessel functions under a smooth envelope, so that energies and forces end smoothly
at the cutoff. As R is the same on all paths, the sum over neighbours is one matrix product an atom, and coupling comes once an
atom and not once an edge. Products of A with itself follow, up to the order `correlation`,

.. math::
    B^{(\nu)}_{i,k,l_3m_3} = \sum_{l_1l_2} w^{(\nu)}_{z_i,k,l_1l_2l_3} \sum_{m_1m_2} C^{l_3m_3}_{l_1m_1l_2m_2}
        B^{(\nu-1)}_{i,k,l_1m_1} A_{i,k,l_2m_2}, \qquad B^{(1)} = A,

with weights of the atom's element z: a message of order ν knows where ν neighbours are at once. The new features are
:math:`\sum_\nu w_{z}^{(\nu)} B^{(\nu)}` mixed over channels, plus the old ones mixed by a matrix of the element. After each round
a linear readout, after the last one a small dense network, adds to the energy of the atom. All intermediate products keep the
parity (−1)^l and l up to `l_max`; for ν ≤ 3 no invariant is lost by it.

Batatia, Kovács, Simm, Ortner and Csányi, NeurIPS 35, 11423 (2022); Batzner et al., Nat. Commun. 13, 2453 (2022).

Features are kept as [components, channels, atoms]. The atoms are last, so that elementwise work runs along them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from e3nn import o3  # type: ignore[import-untyped]
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from sharvin_models.message_passing.blocks_of_atoms import by_blocks
from sharvin_models.message_passing.configs import MessagePassingOptions
from sharvin_models.message_passing.many_body import ElementMix, ElementProduct, spread
from sharvin_models.structures.radial_functions import bessel_functions

Edges = tuple[Tensor, Tensor, Tensor]
"""Radial functions [n, width, count], spherical harmonics [n, width, (l_max + 1)²] and neighbours [n, width] of one relation."""


class AtomEnergyNetwork(nn.Module):
    """Energies of atoms in units of the training's spread.

    Parameters
    ----------
    n_species : int
    mean_neighbours : float64[] or float64[n_relations]
        Of a training atom, of all relations together or of each.
    cutoffs_A : sequence of float
        Of the relations.
    options : MessagePassingOptions
    """

    mean_neighbours: Tensor

    def __init__(
        self, n_species: int, mean_neighbours: ArrayLike, cutoffs_A: Sequence[float], options: MessagePassingOptions
    ) -> None:
        super().__init__()
        self.options, self.cutoffs_A = options, tuple(cutoffs_A)
        self.register_buffer("mean_neighbours", torch.tensor(mean_neighbours, dtype=torch.float64))
        channels, width = options.channels, options.readout_width
        self.embedding = spread(channels, n_species, fan_in=1)
        orders = [0, *[options.message_l_max] * (options.layers - 1), 0]
        self.rounds = nn.ModuleList(
            MessageRound(l_in, l_out, n_species, len(self.cutoffs_A), options) for l_in, l_out in pairwise(orders)
        )
        self.readouts = nn.ParameterList(spread(1, channels, fan_in=channels) for _ in range(options.layers - 1))
        self.last_in = spread(width, channels, fan_in=channels)
        self.last_out = spread(1, width, fan_in=width)

    def forward(self, vectors: Sequence[Tensor], neighbours: Sequence[Tensor], species: Tensor) -> Tensor:
        """Energies of the atoms, [n].

        Parameters
        ----------
        vectors : of each relation, [n, width, 3]
            From the atoms to their neighbours in Å; those as long as the cutoff or longer count for nothing.
        neighbours : of each relation, int64[n, width]
        species : [n_species, n]
            One where an atom is of the element, zero elsewhere; atoms of no element are padding, with energy zero.
        """
        edges: list[Edges] = []
        counts = self.mean_neighbours.expand(len(self.cutoffs_A))
        for pairs, indices, cutoff, count in zip(vectors, neighbours, self.cutoffs_A, counts, strict=True):
            radial, harmonics = by_blocks(partial(self._edges, cutoff, count), (pairs,), (0,), (0, 0))
            edges.append((radial, harmonics, indices))
        features = (self.embedding @ species).unsqueeze(0)
        energies = torch.zeros_like(species[0])
        for number, layer in enumerate(self.rounds):
            features = layer(features, edges, species)
            if number < len(self.readouts):
                energies = energies + (self.readouts[number] @ features[0])[0]
        hidden = functional.silu(self.last_in @ features[0])
        return energies + (self.last_out @ hidden)[0]

    def _edges(self, cutoff_A: float, mean_neighbours: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Radial functions and spherical harmonics of pairs [n, width, 3] of one relation."""
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


class MessageRound(nn.Module):
    """One round: messages of all relations, their products, and the new features.

    Parameters
    ----------
    l_in, l_out : int
        Largest l of an atom's features before and after.
    n_species, n_relations : int
    options : MessagePassingOptions
    """

    def __init__(self, l_in: int, l_out: int, n_species: int, n_relations: int, options: MessagePassingOptions) -> None:
        super().__init__()
        channels, l_max, correlation = options.channels, options.l_max, options.correlation
        self.l_kept, self.size_out = min(l_in, l_out), (l_out + 1) ** 2
        self.relations = nn.ModuleList(RelationMessage(l_in, options) for _ in range(n_relations))
        self.products = nn.ModuleList(
            ElementProduct(l_max, l_max, l_out if order == correlation else l_max, channels, n_species, square=order == 2)
            for order in range(2, correlation + 1)
        )
        self.mixes = nn.ModuleList(ElementMix(l_out, channels, n_species, terms=correlation + 1) for _ in range(correlation))
        self.kept = ElementMix(self.l_kept, channels, n_species, terms=correlation + 1)

    def forward(self, features: Tensor, edges: Sequence[Edges], species: Tensor) -> Tensor:
        """[(l_in + 1)², channels, n] to [(l_out + 1)², channels, n]."""
        sent = features.permute(2, 0, 1).contiguous()
        flat = [tensor for pairs in edges for tensor in pairs]
        dims = (2, 1, *[0] * len(flat))
        return by_blocks(partial(self._of_atoms, sent), (features, species, *flat), dims, (2,))[0]

    def _of_atoms(self, sent: Tensor, features: Tensor, species: Tensor, *flat: Tensor) -> tuple[Tensor]:
        """New features of some atoms from those of all, `sent`, and their own."""
        edges = [(flat[k], flat[k + 1], flat[k + 2]) for k in range(0, len(flat), 3)]
        heard = [relation(sent, *pairs) for relation, pairs in zip(self.relations, edges, strict=True)]
        gathered: Tensor = sum(heard[1:], heard[0])
        product = gathered
        new: Tensor = self.mixes[0](gathered[: self.size_out], species)
        for times, mix in zip(self.products, self.mixes[1:], strict=True):
            product = times(product, gathered, species)
            new = new + mix(product[: self.size_out], species)
        kept: Tensor = self.kept(features[: (self.l_kept + 1) ** 2], species)
        return (new + functional.pad(kept, (0, 0, 0, 0, 0, self.size_out - len(kept))),)


class RelationMessage(nn.Module):
    """What atoms hear of their neighbours of one relation.

    Parameters
    ----------
    l_sent : int
        Largest l of what neighbours tell.
    options : MessagePassingOptions
    """

    def __init__(self, l_sent: int, options: MessagePassingOptions) -> None:
        super().__init__()
        channels, l_max = options.channels, options.l_max
        self.radial_in = spread(options.radial_functions, options.radial_width, fan_in=options.radial_functions)
        self.radial_out = spread(options.radial_width, channels, fan_in=options.radial_width)
        self.product = ElementProduct(l_sent, l_max, l_max, channels, 1) if l_sent else None
        self.mix = ElementMix(l_max, channels, 1)

    def forward(self, sent: Tensor, radial: Tensor, harmonics: Tensor, neighbours: Tensor) -> Tensor:
        """From features [n, (l_sent + 1)², channels] to the sum over neighbours, [(l_max + 1)², channels, n]."""
        n, width = neighbours.shape
        weights = functional.silu(radial @ self.radial_in) @ self.radial_out
        heard = sent.index_select(0, neighbours.flatten()).view(n, width, -1, weights.shape[-1])
        told = (heard * weights.unsqueeze(2)).flatten(2)
        outer = torch.bmm(harmonics.transpose(1, 2), told).view(n, harmonics.shape[-1], *heard.shape[2:])
        products = outer.permute(2, 1, 3, 0).flatten(0, 1)
        every = torch.ones_like(products[:1, 0])
        if self.product is not None:
            products = self.product.coupled(products, every)
        return self.mix(products, every)  # type: ignore[no-any-return]
