r"""The network in which atoms attend to each other, then are pooled.

The features of the atoms of a structure become states :math:`h_a` of width d, which L encoder layers change in turn by

.. math:: h \to h + \mathrm{concat}_i\!\left[\mathrm{softmax}\!\left(\frac{Q_i K_i^T}{\sqrt{d/n}}\right) V_i\right] W,
          \qquad h \to h + W_2\,\sigma(W_1 h),

with n heads i whose queries, keys and values are linear in h (A. Vaswani et al., Adv. Neural Inf. Process. Syst. 30 (2017)).
A reach L along the wire multiplies the weights by :math:`w_{ab} = (1 - (z_a - z_b)^2/L^2)^2`, zero beyond L, before they are
normalised. Instead of the softmax's means, what atoms hear may be sums, which grow with the number of atoms nearby and not with
the length of the wire,

.. math:: h_a \to h_a + W \sum_b w_{ab}\,\sigma(V h_b)/4.

States are normalised before (`pre`) or after (`post`) each of the two, or not at all. Nothing tells an atom's place in the list:
the order of atoms does not matter. A linear layer and ReLU, the pooling over atoms and a dense head follow.

The atoms of all structures of a batch are rows of one matrix, without padding. Only attention needs to know the structures;
those of equally many atoms are treated together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sharvin_models.atoms.configs import TransformerOptions
from sharvin_models.atoms.row_network import RowNetwork
from sharvin_models.training.layers import ACTIVATIONS, Dense, initialise

Shape = tuple[int, int]
"""Structures in a group, and atoms of each."""

SUM_UNIT = 4.0
"""What sums over neighbours are divided by, so that those in a wire are of the order of one."""


class AtomTransformer(RowNetwork):
    """Transformer encoder over the atoms of a structure.

    Parameters
    ----------
    mean, inverse_spread : float64[size]
        Standardisation of the features.
    options : TransformerOptions
    """

    def __init__(self, mean: NDArray[np.float64], inverse_spread: NDArray[np.float64], options: TransformerOptions) -> None:
        super().__init__(mean, inverse_spread)
        self.options, width = options, options.d_model
        self.atoms = nn.ModuleList(_linear(a, b) for a, b in pairwise([len(mean), *options.atom_layers, width]))
        self.activation = ACTIVATIONS[options.activation]
        self.layers = nn.ModuleList(EncoderLayer(options) for _ in range(options.layers))
        self.norm = nn.LayerNorm(width) if options.norm == "pre" else nn.Identity()
        self.outputs = _linear(width, width)
        self.score = _linear(width, 1) if options.pooling == "attention" else None
        self.pool = {"max": _largest, "mean": _mean, "attention": self._attended}[options.pooling]
        self.head = Dense(width, options.head_layers, options.activation)

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw the weights.

        But for `norm: post` layers are the identity at first: a training begins with atoms that are on their own as in
        ``fc_maxpool``, which extrapolates to longer wires, and takes from attention what it gains by it.
        """
        initialise(self, rng)
        for layer in self.layers:
            if isinstance(layer, EncoderLayer) and not layer.post:
                for last in (layer.mixed, layer.narrowed):
                    nn.init.zeros_(last.weight)
                    nn.init.zeros_(last.bias)

    def forward(self, structures: Sequence[Tensor], heights: Sequence[Tensor] | None = None) -> Tensor:
        """Predictions of structures, float32[n].

        Each is given by the float32[n_atoms, size] rows of its atoms and, for a finite reach, by their float64[n_atoms] heights.
        """
        order = sorted(range(len(structures)), key=lambda index: len(structures[index]))
        ordered = [structures[index] for index in order]
        shapes = _groups([len(rows) for rows in ordered])
        atoms = self.embed(torch.cat(ordered))
        nearness = self._nearness([heights[index] for index in order], shapes) if heights is not None else None
        for layer in self.layers:
            atoms = layer(atoms, shapes, nearness)
        atoms = functional.relu(self.outputs(self.norm(atoms)))
        pooled = torch.cat([self.pool(part) for part in _split(atoms, shapes)])
        as_given = torch.argsort(torch.tensor(order, device=atoms.device))
        return self.head(pooled)[as_given]  # type: ignore[no-any-return]

    def embed(self, rows: Tensor) -> Tensor:
        """States of atoms before they know of each other, float32[n_atoms, size] → float32[n_atoms, d_model]."""
        first, *others = self.atoms
        assert isinstance(first, nn.Linear)
        states = self.standardised(first, rows)
        for layer in others:
            states = layer(self.activation(states))
        return states

    def alone(self, rows: Tensor, heights: Tensor | None = None) -> Tensor:
        """Prediction of one structure, float32[1]."""
        return self([rows], None if heights is None else [heights])  # type: ignore[no-any-return]

    def _nearness(self, heights: Sequence[Tensor], shapes: Sequence[Shape]) -> list[Tensor]:
        """Weights of all pairs of atoms, one float32[n_structures, n_atoms, n_atoms] a group; logarithms for the softmax."""
        reach = self.options.attention_reach_A
        assert reach is not None
        weights = [nearness(group.squeeze(-1), reach) for group in _split(torch.cat(list(heights)), shapes)]
        return weights if self.options.attention == "sum" else [weight.log() for weight in weights]

    def _attended(self, atoms: Tensor) -> Tensor:
        assert self.score is not None
        return (self.score(atoms).softmax(dim=1) * atoms).sum(dim=1)  # type: ignore[no-any-return]


class EncoderLayer(nn.Module):
    """Attention between the atoms of each structure, then two layers on every atom, each added to what it starts from."""

    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        width = options.d_model
        self.heads, self.dropout, self.post = options.heads, options.dropout, options.norm == "post"
        self.activation = ACTIVATIONS[options.activation]
        self.sums = options.attention == "sum"
        if self.sums:
            self.values = _linear(width, width)
        else:
            self.queries_keys_values = _linear(width, 3 * width)
        self.mixed = _linear(width, width)
        self.widened = _linear(width, options.feed_forward)
        self.narrowed = _linear(options.feed_forward, width)
        self.norms = nn.ModuleList(nn.Identity() if options.norm == "none" else nn.LayerNorm(width) for _ in range(2))

    def forward(self, atoms: Tensor, shapes: Sequence[Shape], nearness: Sequence[Tensor] | None = None) -> Tensor:
        """float32[n_atoms, d_model] of all structures, in groups of these shapes → the same shape."""
        atoms = self._add(atoms, lambda states: self.mixed(self._hear(states, shapes, nearness)), self.norms[0])
        return self._add(atoms, self._feed_forward, self.norms[1])

    def _add(self, atoms: Tensor, change: Callable[[Tensor], Tensor], norm: nn.Module) -> Tensor:
        if self.post:
            return norm(atoms + self._drop(change(atoms)))  # type: ignore[no-any-return]
        return atoms + self._drop(change(norm(atoms)))

    def _hear(self, atoms: Tensor, shapes: Sequence[Shape], nearness: Sequence[Tensor] | None) -> Tensor:
        if not self.sums:
            return self._attend(atoms, shapes, nearness or [None] * len(shapes))
        assert nearness is not None
        return self._sum(atoms, shapes, nearness)

    def _sum(self, atoms: Tensor, shapes: Sequence[Shape], nearness: Sequence[Tensor]) -> Tensor:
        values = _split(self.activation(self.values(atoms)), shapes)
        sums = [(weights / SUM_UNIT) @ part for weights, part in zip(nearness, values, strict=True)]
        return torch.cat([part.flatten(0, 1) for part in sums])

    def _attend(self, atoms: Tensor, shapes: Sequence[Shape], nearness: Sequence[Tensor | None]) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        results = []
        for part, near in zip(_split(self.queries_keys_values(atoms), shapes), nearness, strict=True):
            count, length, width = part.shape
            query, key, value = part.view(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            mask = None if near is None else near.unsqueeze(1).to(query.dtype)
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
            results.append(mixed.transpose(1, 2).reshape(count * length, width // 3))
        return torch.cat(results)

    def _feed_forward(self, atoms: Tensor) -> Tensor:
        return self.narrowed(self._drop(self.activation(self.widened(atoms))))  # type: ignore[no-any-return]

    def _drop(self, values: Tensor) -> Tensor:
        return functional.dropout(values, self.dropout, self.training) if self.dropout else values


def nearness(heights: Tensor, reach_A: float) -> Tensor:
    """(1 − (Δz/L)²)² of all pairs of atoms, zero beyond the reach L; float64[n, n_atoms] in Å → float32[n, n_atoms, n_atoms]."""
    apart = (heights.unsqueeze(-1) - heights.unsqueeze(-2)) / reach_A
    return (1.0 - apart.square()).clamp(min=0.0).square().float()


def _groups(counts: Sequence[int]) -> list[Shape]:
    """Neighbours of equally many atoms together."""
    begins = [0, *(i for i, (a, b) in enumerate(pairwise(counts), start=1) if a != b), len(counts)]
    return [(end - begin, counts[begin]) for begin, end in pairwise(begins)]


def _split(atoms: Tensor, shapes: Sequence[Shape]) -> list[Tensor]:
    """Rows of all structures, [n_atoms, width] → one [n_structures, n_atoms of each, width] a group."""
    parts = torch.split(atoms, [structures * length for structures, length in shapes])
    return [part.view(*shape, -1) for part, shape in zip(parts, shapes, strict=True)]


def _largest(atoms: Tensor) -> Tensor:
    return atoms.amax(dim=1)


def _mean(atoms: Tensor) -> Tensor:
    return atoms.mean(dim=1)


def _linear(size: int, width: int) -> nn.Linear:
    # Uninitialised: torch's own initialisation would draw from the global random state.
    return nn.utils.skip_init(nn.Linear, size, width)  # type: ignore[no-untyped-call, no-any-return]
