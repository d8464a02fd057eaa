r"""An E(3)-equivariant message-passing network with one invariant number as output.

Every atom i has features :math:`V_{ilmc}`, channels c of irreducible representations l of O(3) with parity :math:`(-1)^l`
(e3nn's ``Cx0e + Cx1o + Cx2e …``). A layer adds to them what the neighbours within the cutoff say,

.. math::
    A_{i,l_3m_3,c} = \sum_{l_1l_2} w_{l_1l_2l_3} \sum_{m_1m_2} C^{l_3m_3}_{l_1m_1l_2m_2}
        \sum_j R_c(r_{ij})\, V_{j,l_1m_1,c}\, Y_{l_2m_2}(\hat r_{ij}),

the convolution of NequIP (Batzner et al., Nat. Commun. 13, 2453 (2022)), and the square of A, which brings the angles between
neighbours as in MACE (Batatia et al., NeurIPS 35, 11423 (2022)). Because the radial function has no path of its own, the sum over
neighbours comes first and is one matrix product an atom, and the coupling coefficients are applied once an atom instead of once an
edge. Scalars pass through a nonlinearity; other l are multiplied by gates computed from scalars.

Radial basis: Bessel functions with a polynomial cutoff (Gasteiger et al., ICLR 2020), which vanish at the cutoff with two derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from e3nn import o3
from torch import Tensor, nn
from torch.nn import functional

from sharvin_models.configs import EquivariantOptions
from sharvin_models.neighbour_graph import GraphBatch


class Coupling(nn.Module):
    """Pairs of irreps to irreps: coupling coefficients, then a linear mix of paths and channels.

    Parameters
    ----------
    first, second, out : int
        Largest l of the two factors and of the result.
    channels : int
    """

    matrix: Tensor

    def __init__(self, first: int, second: int, out: int, channels: int) -> None:
        super().__init__()
        self.out, self.channels = out, channels
        rows: list[Tensor] = []
        self.paths: list[int] = []
        for l3 in range(out + 1):
            pairs = [(a, b) for a in range(first + 1) for b in range(second + 1) if abs(a - b) <= l3 <= a + b]
            pairs = [(a, b) for a, b in pairs if (a + b + l3) % 2 == 0]
            self.paths.append(len(pairs))
            blocks = torch.zeros(2 * l3 + 1, len(pairs), (first + 1) ** 2, (second + 1) ** 2, dtype=torch.float64)
            for path, (a, b) in enumerate(pairs):
                coefficients = o3.wigner_3j(a, b, l3, dtype=torch.float64) * math.sqrt(2 * l3 + 1)
                blocks[:, path, a * a : (a + 1) ** 2, b * b : (b + 1) ** 2] = coefficients.permute(2, 0, 1)
            rows.append(blocks.flatten(0, 1).flatten(1))
        self.register_buffer("matrix", torch.cat(rows).float(), persistent=False)
        self.mix = nn.ParameterList(torch.empty(paths * channels, channels) for paths in self.paths)

    def forward(self, outer: Tensor) -> Tensor:
        """Outer products [n, M1 × M2, channels] to [n, (out + 1)², channels]."""
        coupled = torch.matmul(self.matrix, outer)
        result, begin = [], 0
        for l3, (paths, weight) in enumerate(zip(self.paths, self.mix, strict=True)):
            size = (2 * l3 + 1) * paths
            block = coupled[:, begin : begin + size].reshape(len(outer), 2 * l3 + 1, paths * self.channels)
            result.append(block @ weight)
            begin += size
        return torch.cat(result, 1)


class Layer(nn.Module):
    """One round of messages and the update of every centre."""

    def __init__(self, l_in: int, l_out: int, n_species: int, options: EquivariantOptions) -> None:
        super().__init__()
        channels, self.l_max = options.channels, options.l_max
        self.l_in, self.l_out = l_in, l_out
        self.radial_in = nn.Parameter(torch.empty(options.radial_functions, channels))
        self.radial_out = nn.Parameter(torch.empty(channels, channels))
        self.boundary = nn.Parameter(torch.empty(n_species, channels))
        self.message = Coupling(l_in, self.l_max, self.l_max, channels)
        self.product = Coupling(self.l_max, self.l_max, l_out, channels)
        self.old = nn.ParameterList(torch.empty(channels, channels) for _ in range(min(l_in, l_out) + 1))
        self.scalars_in = nn.utils.skip_init(nn.Linear, 3 * channels, 2 * channels)
        self.scalars_out = nn.utils.skip_init(nn.Linear, 2 * channels, channels * (1 + l_out))

    def forward(self, values: Tensor, batch: GraphBatch, radial: Tensor, harmonics: Tensor, species: Tensor) -> Tensor:
        n, width = batch.neighbours.shape
        channels = values.shape[-1]
        edge = functional.silu(radial @ self.radial_in) @ self.radial_out
        outside = self.boundary[species].unsqueeze(1)
        outside = functional.pad(outside, (0, 0, 0, values.shape[1] - 1))
        sender = torch.cat([values, outside]).flatten(1)
        heard = sender.index_select(0, batch.neighbours.flatten()).view(n, width, -1, channels) * edge.unsqueeze(2)
        outer = torch.bmm(heard.flatten(2).transpose(1, 2), harmonics)  # [n, M1 C, M2]
        outer = outer.view(n, -1, channels, harmonics.shape[-1]).transpose(2, 3).flatten(1, 2)
        message = self.message(outer)
        square = (message.unsqueeze(2) * message.unsqueeze(1)).flatten(1, 2)
        product = self.product(square)
        scalars = torch.cat([values[:, 0], message[:, 0], product[:, 0]], 1)
        mixed = self.scalars_out(functional.silu(self.scalars_in(scalars)))
        result = [values[:, :1] @ self.old[0] + mixed[:, None, :channels]]
        for l in range(1, self.l_out + 1):
            block = slice(l * l, (l + 1) ** 2)
            gate = torch.sigmoid(mixed[:, None, l * channels : (l + 1) * channels])
            new = (message[:, block] + product[:, block]) * gate
            if l < len(self.old):
                new = new + values[:, block] @ self.old[l]
            result.append(new)
        return torch.cat(result, 1)


class EquivariantNetwork(nn.Module):
    """Message passing, pooling over centres, dense head."""

    mean_neighbours: Tensor

    def __init__(self, n_species: int, mean_neighbours: float, options: EquivariantOptions) -> None:
        super().__init__()
        self.options = options
        self.register_buffer("mean_neighbours", torch.tensor(mean_neighbours))
        self.embedding = nn.Parameter(torch.empty(n_species, options.channels))
        last = options.layers - 1
        self.layers = nn.ModuleList(
            Layer(options.l_max if k else 0, 0 if k == last else options.l_max, n_species, options) for k in range(options.layers)
        )
        self.invariants = nn.utils.skip_init(nn.Linear, options.channels, options.atom_width)
        widths = [options.atom_width, *options.head_layers, 1]
        self.head = nn.ModuleList(nn.utils.skip_init(nn.Linear, a, b) for a, b in zip(widths, widths[1:], strict=False))
        if options.pooling == "attention":
            self.scores = nn.utils.skip_init(nn.Linear, options.channels, options.atom_width)

    def forward(self, batch: GraphBatch) -> Tensor:
        radial, harmonics = self.edge_basis(batch.vectors)
        n = len(batch.neighbours)
        outside = batch.species[n:]
        values = self.embedding[batch.species[:n]].unsqueeze(1)
        for layer in self.layers:
            values = layer(values, batch, radial, harmonics, outside)
        return self.read_out(values[:, 0], batch.counts)

    def read_out(self, scalars: Tensor, counts: Sequence[int]) -> Tensor:
        invariants = self.invariants(scalars)
        if self.options.pooling == "max":
            pooled = [part.amax(0) for part in invariants.split(counts)]
        elif self.options.pooling == "mean":
            pooled = [part.mean(0) for part in invariants.split(counts)]
        else:
            weights = [part.softmax(0) for part in self.scores(scalars).split(counts)]
            pooled = [(weight * part).sum(0) for weight, part in zip(weights, invariants.split(counts), strict=True)]
        hidden = torch.stack(pooled)
        *layers, last = self.head
        for layer in layers:
            hidden = functional.silu(layer(hidden))
        return last(hidden).squeeze(-1)

    def edge_basis(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        options = self.options
        distance = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
        x = distance / options.cutoff
        p = 6.0
        envelope = 1 - x**p * ((p + 1) * (p + 2) / 2 - p * (p + 2) * x + p * (p + 1) / 2 * x**2)
        envelope = torch.where(x < 1.0, envelope, torch.zeros_like(x))
        order = torch.arange(1, options.radial_functions + 1, dtype=vectors.dtype, device=vectors.device)
        radial = math.sqrt(2.0) * torch.sin(order * math.pi * x) / x * envelope
        harmonics = o3.spherical_harmonics(list(range(options.l_max + 1)), vectors, normalize=True, normalization="component")
        return radial / self.mean_neighbours.sqrt(), harmonics

    @torch.no_grad()
    def initialise(self, rng: np.random.Generator) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
                continue
            fan_in = parameter.shape[1] if name.endswith("weight") else parameter.shape[0]
            scale = 1.0 if name == "embedding" or name.endswith("boundary") else 1.0 / math.sqrt(fan_in)
            parameter.copy_(torch.from_numpy(rng.normal(scale=scale, size=tuple(parameter.shape))))
