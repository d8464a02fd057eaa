r"""From features of atoms to the irreducible parts of blocks: one head for the atoms of an element, one for a group of pairs.

On-site: the features of the atom, gated by its invariants, and their products with each other,

.. math:: c^{LM}_{ab} = \sum_k w_{abL,k} u_{k,LM} + \sum_{k\,l_1l_2} w_{abL,k\,l_1l_2} \sum_{m_1m_2} C^{LM}_{l_1m_1l_2m_2}
    p_{k,l_1m_1} q_{k,l_2m_2}.

Pairs i, j: the edge's features are those of both atoms together, gated by a network of the distance and of the atoms' invariants,
coupled to the harmonics of the direction,

.. math:: c^{LM}_{ab} = \sum_{l_1l_2} \sum_{m_1m_2} C^{LM}_{l_1m_1l_2m_2}
    \Big(\sum_k w_{abL,k\,l_1l_2}\, g_{k,l_1}(d, i, j)\, u^{ij}_{k,l_1m_1}\Big) Y_{l_2m_2}(\hat r).

The features of atoms have the parity (−1)^l. Paths with l₁ + l₂ + L even keep it; those with an odd sum give the other parity,
which blocks such as p ⊗ p with L = 1 need. Products of two features reach all of them.

A block and that of the opposite direction are transposes of each other. For elements that differ this is how the opposite one is
defined. Between atoms of one element both directions are computed and symmetrised, which costs little as gates and
harmonics are the same but for their sign: transposing a part takes (a, b) to (b, a) with the sign (−1)^(l_a + l_b + L), and
turning the direction gives (−1)^l₂.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sharvin_models.hamiltonian_network.block_channels import BlockChannels, Irreps, wigner
from sharvin_models.hamiltonian_network.configs import HedgeElectronOptions
from sharvin_models.message_passing.many_body import order_of_components, spread

START = 0.3
"""Size of the first predictions in units of what is to be learnt."""


class CouplingPath(NamedTuple):
    """l₁ ⊗ l₂ → L, and the coefficients [(2 l₁ + 1)(2 L + 1), 2 l₂ + 1] scaled so that unit features give unit parts."""

    first: int
    second: int
    name: str


class CoupledParts(nn.Module):
    """Paths to all parts of a block, and their coefficients.

    Parameters
    ----------
    channels : BlockChannels
    first, second : int
        Largest l of the two factors.
    n_channels : int
        Features that are mixed.
    """

    def __init__(self, channels: BlockChannels, first: int, second: int, n_channels: int) -> None:
        super().__init__()
        self.irreps = channels.irreps
        self.paths: list[list[CouplingPath]] = []
        self.weights = nn.ParameterDict()
        for number, part in enumerate(self.irreps):
            found = [
                (a, b)
                for a in range(first + 1)
                for b in range(second + 1)
                if abs(a - b) <= part.order <= a + b and ((a + b + part.order) % 2 == 0) == part.natural
            ]
            self.paths.append([])
            for a, b in found:
                name = f"{number}_{a}_{b}"
                coefficients = wigner(a, b, part.order).permute(0, 2, 1).reshape(-1, 2 * b + 1)
                self.register_buffer(f"coefficients_{name}", coefficients, persistent=False)
                self.weights[name] = spread(len(part.shells), n_channels, fan_in=n_channels * len(found) / START**2)
                self.paths[-1].append(CouplingPath(a, b, name))

    def coefficients(self, path: CouplingPath) -> Tensor:
        """See :class:`CouplingPath`."""
        found = getattr(self, f"coefficients_{path.name}")
        assert isinstance(found, Tensor)
        return found


class PairHead(nn.Module):
    """Parts of the blocks of one group of pairs.

    Parameters
    ----------
    channels : BlockChannels
    symmetric : bool
        Whether the elements are equal.
    options : HedgeElectronOptions
    """

    order: Tensor

    def __init__(self, channels: BlockChannels, symmetric: bool, options: HedgeElectronOptions) -> None:
        super().__init__()
        n_channels, width, l_max = options.channels, options.pair_width, options.l_max
        self.symmetric, self.l_max, self.n_channels = symmetric, l_max, n_channels
        self.l_pair = max(part.order for part in channels.irreps)
        self.parts = CoupledParts(channels, l_max, self.l_pair, n_channels)
        self.mixes = spread(2, l_max + 1, n_channels, n_channels, fan_in=2 * n_channels)
        self.invariants = spread(1 if symmetric else 2, width, n_channels, fan_in=4 * n_channels)
        self.of_distance = spread(width, options.pair_functions, fan_in=3)
        self.hidden = spread(width, width, fan_in=width)
        self.gate = spread((l_max + 1) * n_channels, width, fan_in=width)
        self.register_buffer("order", order_of_components(l_max), persistent=False)
        self.swapped = [[part.shells.index((b, a)) if symmetric else 0 for a, b in part.shells] for part in channels.irreps]

    def of_atoms(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What pairs are told of atoms: [n, 2 · (l_max + 1)² · channels] and [1 or 2, width, n]."""
        mixed = torch.stack([torch.bmm(mix.index_select(0, self.order), features) for mix in self.mixes])
        return mixed.flatten(0, 2).T.contiguous(), self.invariants @ features[0]

    def forward(
        self, told: tuple[Tensor, Tensor], first: Tensor, second: Tensor, gaussians: Tensor, harmonics: Sequence[Tensor]
    ) -> Tensor:
        """Parts [components, n] in units of what is to be learnt.

        Parameters
        ----------
        told : tuple of Tensor
            Of :meth:`of_atoms`.
        first, second : int64[n]
            Atoms of the pairs.
        gaussians : [pair_functions, n]
        harmonics : of each l up to `l_pair`, [2 l + 1, n]
            Of unit mean square.
        """
        told_of_atoms, invariants = told
        hidden = self.of_distance @ gaussians + invariants[0].index_select(1, first) + invariants[-1].index_select(1, second)
        gate = self.gate @ functional.silu(self.hidden @ functional.silu(hidden))
        gates = gate.view(self.l_max + 1, self.n_channels, -1).index_select(0, self.order)
        # rows of atoms are gathered, which lie together in memory, before pairs become the last dimension
        (start, end), (other_start, other_end) = (told_of_atoms.index_select(0, of).chunk(2, 1) for of in (first, second))
        ahead = (start + other_end).T.reshape(gates.shape) * gates
        back = (other_start + end).T.reshape(gates.shape) * gates if self.symmetric else None
        found = []
        for part, paths, swapped in zip(self.parts.irreps, self.parts.paths, self.swapped, strict=True):
            if not paths:
                found.append(torch.zeros(part.size, len(first), dtype=gates.dtype))
                continue
            told_of, coupled = [], []
            for path in paths:
                weight = self.parts.weights[path.name]
                own = slice(path.first**2, (path.first + 1) ** 2)
                mixed = weight @ ahead[own]
                if back is not None:
                    sign = (1 if part.natural else -1) * (-1) ** path.second
                    mixed = 0.5 * (mixed + sign * (weight[swapped] @ back[own]))
                told_of.append(mixed)
                angular = self.parts.coefficients(path) @ harmonics[path.second]
                coupled.append(angular.view(2 * path.first + 1, 2 * part.order + 1, -1))
            found.append((torch.cat(told_of).unsqueeze(2) * torch.cat(coupled).unsqueeze(1)).sum(0).flatten(0, 1))
        return torch.cat(found)


class OnsiteHead(nn.Module):
    """Parts of the on-site blocks of an element's atoms; blocks are symmetrised by who makes them.

    Parameters
    ----------
    channels : BlockChannels
    options : HedgeElectronOptions
    """

    order: Tensor

    def __init__(self, channels: BlockChannels, options: HedgeElectronOptions) -> None:
        super().__init__()
        n_channels, l_max, width = options.channels, options.l_max, options.pair_width
        self.l_max, self.n_channels = l_max, n_channels
        self.parts = CoupledParts(channels, l_max, l_max, n_channels)
        self.linear = nn.ParameterDict(
            {
                str(number): spread(len(part.shells), n_channels, fan_in=n_channels / START**2)
                for number, part in enumerate(channels.irreps)
                if part.natural and part.order <= l_max
            }
        )
        self.mixes = spread(2, l_max + 1, n_channels, n_channels, fan_in=n_channels)
        self.hidden = spread(width, n_channels, fan_in=n_channels)
        self.gate = spread((l_max + 1) * n_channels, width, fan_in=width)
        self.register_buffer("order", order_of_components(l_max), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Parts [components, n] of features [(l_max + 1)², channels, n], in units of what is to be learnt."""
        gate = self.gate @ functional.silu(self.hidden @ features[0])
        gated = features * gate.view(self.l_max + 1, self.n_channels, -1).index_select(0, self.order)
        left, right = (torch.bmm(mix.index_select(0, self.order), gated) for mix in self.mixes)
        found = []
        for number, (part, paths) in enumerate(zip(self.parts.irreps, self.parts.paths, strict=True)):
            total = torch.zeros(2 * part.order + 1, len(part.shells), features.shape[-1], dtype=features.dtype)
            if str(number) in self.linear:
                total = total + self.linear[str(number)] @ gated[part.order**2 : (part.order + 1) ** 2]
            for path in paths:
                total = total + self._product(part, path, left, right)
            found.append(total.transpose(0, 1).flatten(0, 1))
        return torch.cat(found)

    def _product(self, part: Irreps, path: CouplingPath, left: Tensor, right: Tensor) -> Tensor:
        """One path, [2 L + 1, n_shell_pairs, n]."""
        one, other = (values[order**2 : (order + 1) ** 2] for values, order in ((left, path.first), (right, path.second)))
        size = 2 * part.order + 1
        half = (self.parts.coefficients(path) @ other.flatten(1)).view(len(one), size, *other.shape[1:])
        return self.parts.weights[path.name] @ (half * one.unsqueeze(1)).sum(0)


def gaussians_of(distances: Tensor, count: int, reach_A: float) -> Tensor:
    """Gaussians of distances [n] in Å as wide as they are apart, [count, n]."""
    centres = torch.linspace(0.0, reach_A, count, dtype=distances.dtype)
    width = reach_A / max(count - 1, 1)
    return torch.exp(-0.5 * ((distances - centres[:, None]) / width) ** 2)


def unit_harmonics(order: int, harmonics: Tensor) -> Tensor:
    """Harmonics whose squares sum to 1, scaled to a mean square of 1."""
    return math.sqrt(2 * order + 1) * harmonics
