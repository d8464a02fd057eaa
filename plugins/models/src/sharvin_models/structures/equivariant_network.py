r"""An E(3)-equivariant message-passing network with one invariant number as output.

Atom i has features :math:`V_{i,lm,c}`: channels c of the irreducible representations l of O(3) with parity :math:`(-1)^l` (in
e3nn's notation ``C×0e + C×1o + C×2e …``). In a round it gathers from the neighbours j within the cutoff, :math:`l_1` up to
`message_l_max`,

.. math::
    A_{i,l_3m_3} = \sum_{l_1l_2} W_{l_1l_2l_3} \sum_{m_1m_2} C^{l_3m_3}_{l_1m_1l_2m_2}
        \sum_j R(r_{ij})\, V_{j,l_1m_1}\, Y_{l_2m_2}(\hat r_{ij}),

with one radial function per channel and W mixing channels: the convolution of NequIP (Batzner et al., Nat. Commun. 13, 2453
(2022)). With what the atom knew already, :math:`T_i = A_i + W V_i`, it forms the square :math:`T_i \otimes T_i`, coupled in the
same way, which knows the angles between neighbours, as in MACE (Batatia et al., NeurIPS 35, 11423 (2022)). Scalars of T and of
its square pass through a small dense network; the sum of both for the other l is multiplied by gates (Weiler et al., NeurIPS 31,
10381 (2018)).

Cost. The radial function is the same on all paths, so the sum over neighbours is one matrix product an atom, and coupling
coefficients come after it: once an atom and not once an edge. Components come first in memory, so a coupling is one product of
matrices.

The radial functions are a dense network of Bessel functions with a polynomial envelope (Gasteiger, Groß and Günnemann, ICLR 2020)
that vanishes at the cutoff with two derivatives; without biases, they vanish there, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from e3nn import o3  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional

from sharvin_models.structures.angular_coupling import AngularCoupling, block
from sharvin_models.structures.configs import EquivariantOptions, MessageOptions
from sharvin_models.structures.neighbour_graph import GraphBatch
from sharvin_models.structures.radial_functions import bessel_functions


class Layer(nn.Module):
    """One round of messages and the update of every centre.

    Parameters
    ----------
    l_in, l_out : int
        Largest l of an atom's features before and after.
    n_species : int
    options : MessageOptions
    """

    def __init__(self, l_in: int, l_out: int, n_species: int, options: MessageOptions) -> None:
        super().__init__()
        channels, l_max = options.channels, options.l_max
        self.l_in, self.l_out, self.l_sent = l_in, l_out, min(l_in, options.message_l_max)
        self.radial_in = nn.Parameter(torch.empty(options.radial_functions, channels))
        self.radial_out = nn.Parameter(torch.empty(channels, channels))
        self.boundary = nn.Parameter(torch.empty(n_species, channels))
        self.message = AngularCoupling(self.l_sent, l_max, l_max, channels)
        self.product = AngularCoupling(l_max, l_max, l_out, channels, square=True)
        self.old = nn.ParameterList(torch.empty(channels, channels) for _ in range(l_in + 1))
        self.scalars_in = dense(2 * channels, 2 * channels)
        self.scalars_out = dense(2 * channels, channels * (1 + l_out))

    def forward(self, values: Tensor, batch: GraphBatch, radial: Tensor, harmonics: Tensor) -> Tensor:
        """Features of the centres after the round.

        Parameters
        ----------
        values : [(l_in + 1)², n_centres, channels]
        batch : GraphBatch
        radial : [n_centres, width, radial_functions]
        harmonics : [n_centres, width, (l_max + 1)²]

        Returns
        -------
        [(l_out + 1)², n_centres, channels]
        """
        told = self._messages(values, batch, radial, harmonics)
        kept = torch.cat([values[block(order)] @ weight for order, weight in enumerate(self.old)])
        told = told + functional.pad(kept, (0, 0, 0, 0, 0, len(told) - len(kept)))
        square = self.product(told.index_select(0, self.product.left) * told.index_select(0, self.product.right))
        scalars = torch.cat([told[0], square[0]], 1)
        mixed = self.scalars_out(functional.silu(self.scalars_in(scalars))).view(len(scalars), 1 + self.l_out, -1)
        new = [kept[:1] + mixed[None, :, 0]]
        for order in range(1, self.l_out + 1):
            new.append((told[block(order)] + square[block(order)]) * torch.sigmoid(mixed[None, :, order]))
        return torch.cat(new)

    def _messages(self, values: Tensor, batch: GraphBatch, radial: Tensor, harmonics: Tensor) -> Tensor:
        n, width = batch.neighbours.shape
        size, channels = (self.l_sent + 1) ** 2, values.shape[-1]
        outside = self.boundary[batch.species[n:]].unsqueeze(0)
        senders = torch.cat([values[:size], functional.pad(outside, (0, 0, 0, 0, 0, size - 1))], 1)
        weights = functional.silu(radial @ self.radial_in) @ self.radial_out
        heard = senders.transpose(0, 1).flatten(1).index_select(0, batch.neighbours.flatten())
        heard = heard.view(n, width, size, channels) * weights.unsqueeze(2)
        outer = torch.bmm(harmonics.transpose(1, 2), heard.flatten(2)).view(n, -1, size, channels)
        return self.message(outer.permute(2, 1, 0, 3).flatten(0, 1))  # type: ignore[no-any-return]


def dense(size: int, width: int) -> nn.Linear:
    """Uninitialised: torch's own initialisation would draw from the global random state."""
    return nn.utils.skip_init(nn.Linear, size, width)  # type: ignore[no-untyped-call, no-any-return]


class AtomInvariants(nn.Module):
    """Rounds of messages: invariant features of every centre.

    Parameters
    ----------
    n_species : int
    mean_neighbours : float
        Of a training atom; sums over neighbours are divided by its square root.
    options : MessageOptions
    """

    mean_neighbours: Tensor

    def __init__(self, n_species: int, mean_neighbours: float, options: MessageOptions) -> None:
        super().__init__()
        self.options = options
        self.register_buffer("mean_neighbours", torch.tensor(mean_neighbours))
        self.embedding = nn.Parameter(torch.empty(n_species, options.channels))
        orders = [0, *[options.l_max] * (options.layers - 1), 0]
        self.layers = nn.ModuleList(Layer(l_in, l_out, n_species, options) for l_in, l_out in pairwise(orders))

    def atom_invariants(self, batch: GraphBatch) -> Tensor:
        """Scalars of the centres of a batch, [n_centres, channels]."""
        radial = self.radial_functions(torch.linalg.vector_norm(batch.vectors, dim=-1, keepdim=True))
        radial = radial / self.mean_neighbours.sqrt().to(radial.dtype)
        orders = list(range(self.options.l_max + 1))
        harmonics = o3.spherical_harmonics(orders, batch.vectors, normalize=True, normalization="component")
        values = self.embedding[batch.species[: len(batch.neighbours)]].unsqueeze(0)
        for layer in self.layers:
            values = layer(values, batch, radial, harmonics)
        return values[0]

    def radial_functions(self, distances: Tensor) -> Tensor:
        """Bessel functions of distances [..., 1] in Å under the envelope, [..., radial_functions]; zero beyond the cutoff."""
        return bessel_functions(distances, self.options.radial_functions, self.options.cutoff_A)

    @torch.no_grad()
    def initialise(self, rng: np.random.Generator) -> None:
        """Draw normal weights that keep the spread of the signal; biases start at zero."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
                continue
            species = name == "embedding" or name.endswith("boundary")
            fan_in = parameter.shape[1] if name.endswith("weight") else math.prod(parameter.shape[:-1])
            scale = 1.0 if species else 1.0 / math.sqrt(fan_in)
            parameter.copy_(torch.from_numpy(rng.normal(scale=scale, size=tuple(parameter.shape))))


class EquivariantNetwork(AtomInvariants):
    """Pooling over the invariant features of centres, dense head; one number per structure, in standardised units.

    Parameters
    ----------
    n_species : int
    mean_neighbours : float
        See :class:`AtomInvariants`.
    options : EquivariantOptions
    """

    options: EquivariantOptions

    def __init__(self, n_species: int, mean_neighbours: float, options: EquivariantOptions) -> None:
        super().__init__(n_species, mean_neighbours, options)
        self.invariants = dense(options.channels, options.atom_width)
        self.scores = dense(options.channels, options.atom_width) if options.pooling == "attention" else None
        self.head = nn.ModuleList(dense(a, b) for a, b in pairwise([options.atom_width, *options.head_layers, 1]))

    def forward(self, batch: GraphBatch) -> Tensor:
        """Predictions of the structures of a batch, float[n]."""
        hidden = torch.stack(self._pooled(self.atom_invariants(batch), batch.counts))
        *layers, last = self.head
        for layer in layers:
            hidden = functional.silu(layer(hidden))
        return last(hidden).squeeze(-1)  # type: ignore[no-any-return]

    def _pooled(self, scalars: Tensor, counts: Sequence[int]) -> list[Tensor]:
        parts = self.invariants(scalars).split(counts)
        if self.options.pooling == "max":
            return [part.amax(0) for part in parts]
        if self.scores is None:
            return [part.mean(0) for part in parts]
        weights = self.scores(scalars).split(counts)
        return [(weight.softmax(0) * part).sum(0) for weight, part in zip(weights, parts, strict=True)]
