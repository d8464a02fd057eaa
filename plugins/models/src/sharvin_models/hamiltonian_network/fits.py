"""What of blocks is fitted in closed form, and the spread of blocks about it, which is the unit of what the network adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharvin_models.hamiltonian_network.block_channels import BlockChannels
from sharvin_models.hamiltonian_network.pair_groups import PairGroup
from sharvin_models.hamiltonian_network.two_centre_part import PairFit, onsite_components

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OnsiteFit:
    """Mean on-site block of an element, and the spread about it.

    Parameters
    ----------
    channels : BlockChannels
    components : float64[components]
        Of the isotropic part of the mean, in eV.
    spread_eV : float64[n_shell_pairs]
        Root mean square deviation of an element of the block.
    overlap : float64[components] or None
        The same of S, which does not vary.
    """

    channels: BlockChannels
    components: Floats
    spread_eV: Floats
    overlap: Floats | None

    def scales(self) -> Tensor:
        """Of each component, float64[components, 1]."""
        return torch.from_numpy(self.spread_eV)[self.channels.shell_of_component][:, None]

    @classmethod
    def of(cls, channels: BlockChannels, H: Floats, S: Floats | None, along_axes: bool) -> OnsiteFit:
        """Of the blocks of an element's atoms, float64[n, orbitals, orbitals]."""
        components = onsite_components(channels, H, along_axes)
        mean = channels.elements(torch.from_numpy(components)[:, None], _any_axis(along_axes)).numpy()
        square = ((H - mean) ** 2).mean(axis=0)
        overlap = None if S is None else onsite_components(channels, S, along_axes)
        return cls(channels, components, np.sqrt(channels.by_shells(square, along_axes)), overlap)


@dataclass(frozen=True, eq=False)
class HoppingFit:
    """Two-centre integrals of a group of pairs, and the spread of blocks about them.

    Parameters
    ----------
    fit : PairFit
    spread : float64[n_shell_pairs]
        Root mean square deviation of an element of a block in units of its envelope.
    overlap : PairFit or None
        Of S.
    """

    fit: PairFit
    spread: Floats
    overlap: PairFit | None

    def shell_scales(self, distances: Tensor) -> Tensor:
        """Of each pair of shells, float64[n_shell_pairs, n] in eV."""
        return torch.from_numpy(self.fit.envelopes(distances.numpy()) * self.spread[:, None])

    def scales(self, distances: Tensor) -> Tensor:
        """Of each component, float64[components, n] in eV."""
        return self.shell_scales(distances)[self.fit.channels.shell_of_component]

    @classmethod
    def of(
        cls, fit: PairFit, groups: Sequence[PairGroup], blocks: Sequence[Floats], reach_A: float, overlap: PairFit | None
    ) -> HoppingFit:
        """With the spread of blocks float64[n, orbitals, orbitals] of pairs shorter than `reach_A`."""
        channels, along_axes = fit.channels, groups[0].axes is not None
        total, count = np.zeros(len(fit.envelope)), 0
        for group, H in zip(groups, blocks, strict=True):
            near = (group.distances <= reach_A).numpy()
            off = H - channels.elements(fit.components(group), group.axes).numpy()
            size = fit.envelopes(group.distances.numpy())
            relative = off.reshape(len(H), -1) / size[channels.shell_of_element(along_axes)].T
            total += channels.by_shells((relative[near] ** 2).sum(axis=0).reshape(off.shape[1:]), along_axes)
            count += int(near.sum())
        spread = np.sqrt(total / max(count, 1))
        n_first, n_second = len(channels.first), len(channels.second)
        if groups[0].key.first == groups[0].key.second:
            square = spread.reshape(n_first, n_second) ** 2
            spread = np.sqrt(0.5 * (square + square.T)).ravel()
        return cls(fit, spread, overlap)


def fade(distances: Tensor, end_A: float, width_A: float) -> Tensor:
    """1 up to `width_A` below the end, 0 from there on, twice differentiable between; of width 0, a step behind the end."""
    if width_A == 0.0:
        return (distances <= end_A).to(distances.dtype)
    x = ((end_A - distances) / width_A).clamp(0.0, 1.0)
    return x**3 * (10.0 - 15.0 * x + 6.0 * x**2)


def _any_axis(along_axes: bool) -> tuple[Tensor, Tensor] | None:
    """Isotropic blocks are the same for any axis."""
    axis = torch.tensor([[1.0], [0.0], [0.0]], dtype=torch.float64)
    return (axis, axis) if along_axes else None
