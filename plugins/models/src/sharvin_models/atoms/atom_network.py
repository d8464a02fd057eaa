r"""The network of per-atom layers, maximum over atoms and dense head.

For the features :math:`x_a` of the atoms of a structure,

.. math:: h_a = \phi(x_a), \qquad p_k = \max_a h_{ak}, \qquad G = \rho(p),

with fully connected layers and ELU in φ and ρ (M. Bürkle et al., Phys. Rev. Lett. 126, 177701 (2021)). The maximum picks the few
atoms that decide the conductance, whatever the number of atoms around them.

Gradient. :math:`p_k` depends only on the atom with the largest :math:`h_{ak}`, so the gradient of the loss is that of the
network evaluated on these atoms alone. Training therefore passes all atoms forward without a graph, and only the winners,
a fraction of them, through backpropagation. The gradient is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sharvin_models.atoms.row_network import RowNetwork


class AtomNetwork(RowNetwork):
    """Per-atom layers, maximum over atoms, dense head; one number per structure, in standardised units.

    Parameters
    ----------
    mean, inverse_spread : float64[size]
        Standardisation of the features.
    atom_layers, head_layers : sequence of int
        Widths; a last layer of width 1 is added to the head.
    """

    def __init__(
        self,
        mean: NDArray[np.float64],
        inverse_spread: NDArray[np.float64],
        atom_layers: Sequence[int],
        head_layers: Sequence[int],
    ) -> None:
        super().__init__(mean, inverse_spread)
        self.atoms = _linear_layers([len(mean), *atom_layers])
        self.head = _linear_layers([atom_layers[-1], *head_layers, 1])

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw weights of variance 1/fan_in, which keeps the variance of activations through ELU layers; biases are zero."""
        for layer in [*self.atoms, *self.head]:
            assert isinstance(layer, nn.Linear)
            drawn = rng.normal(scale=layer.in_features**-0.5, size=tuple(layer.weight.shape))
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(drawn))
                layer.bias.zero_()

    def embed(self, rows: Tensor) -> Tensor:
        """Atom by atom, float32[n_atoms, size] → float32[n_atoms, width of the last atom layer]."""
        first, *others = self.atoms
        assert isinstance(first, nn.Linear)
        hidden = functional.elu(self.standardised(first, rows))
        for layer in others:
            hidden = functional.elu(layer(hidden))
        return hidden

    def read_out(self, pooled: Tensor) -> Tensor:
        """Dense head, float32[n, width] → float32[n]."""
        *hidden_layers, last = self.head
        for layer in hidden_layers:
            pooled = functional.elu(layer(pooled))
        return last(pooled).squeeze(-1)  # type: ignore[no-any-return]

    def forward(self, structures: Sequence[Tensor], heights: Sequence[Tensor] | None = None) -> Tensor:
        """Predictions of structures, each given by the float32[n_atoms, size] rows of its atoms; heights are not asked for."""
        winners, position = self._winning_rows(structures)
        return self.read_out(self.embed(winners).gather(0, position))

    def alone(self, rows: Tensor, heights: Tensor | None = None) -> Tensor:
        """Prediction of one structure, float32[1], without a graph of winners."""
        return self.read_out(self.embed(rows).amax(0, keepdim=True))

    @torch.no_grad()
    def _winning_rows(self, structures: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Rows that win at least one channel, [n_rows, size], and which of them wins, int64[n_structures, width]."""
        rows, positions, begin = [], [], 0
        for structure in structures:
            winner, position = torch.unique(self.embed(structure).argmax(0), return_inverse=True)
            rows.append(structure[winner])
            positions.append(position + begin)
            begin += len(winner)
        return torch.cat(rows), torch.stack(positions)


def _linear_layers(widths: Sequence[int]) -> nn.ModuleList:
    # Uninitialised: torch's own initialisation would draw from the global random state.
    return nn.ModuleList(nn.utils.skip_init(nn.Linear, a, b) for a, b in pairwise(widths))  # type: ignore[no-untyped-call]
