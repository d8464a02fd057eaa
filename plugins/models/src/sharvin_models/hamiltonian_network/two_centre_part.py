r"""What of a Hamiltonian is two-centre integrals and constants: fitted in closed form before a network learns the rest.

Between two atoms at distance d, for every pair of shells a, b and every natural L,

.. math:: c^{LM}_{ab} = A_{ab} e^{-\kappa_{ab} d} \Big[\sum_n w_{abL,n} B_n(d)\Big] Y_{LM}(\hat r),

with cubic splines B. The envelope is fitted to the decay of such blocks, so that the sum in brackets is smooth and of the order
of one at all distances; the weights are the least squares of relative errors with a small penalty on their second differences
(P. H. C. Eilers and B. D. Marx, Stat. Sci. 11, 89 (1996)), which also bridges distances that do not occur. Slater-Koster tables
of orthogonal or given overlap are of this form. On-site blocks start from their mean over the atoms of an element.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from torch import Tensor

from sharvin_models.hamiltonian_network.block_channels import BlockChannels, harmonics_of
from sharvin_models.hamiltonian_network.pair_groups import PairGroup

Floats = NDArray[np.float64]

DEGREE = 3
BIN_A = 0.25
"""Width of the intervals of distance in which the decay of blocks is told."""
LEAST_EV = 1e-6
"""Envelope of blocks that are zero everywhere."""
STEEPEST_PER_A = 8.0
MARGIN_A = 0.3
"""By which splines go on below the shortest pair; closer pairs have the value there, times the envelope."""
RIDGE = 1e-11


@dataclass(frozen=True, eq=False)
class PairFit:
    """Envelopes and splines of one group of pairs.

    Parameters
    ----------
    channels : BlockChannels
    start_A, end_A : float
        Where splines begin and end.
    envelope : float64[n_shell_pairs, 2]
        Logarithm of A in eV, and κ in 1/Å.
    weights : float64[n_splines, n_natural]
        Of all natural parts, in the order of the channels.
    """

    channels: BlockChannels
    start_A: float
    end_A: float
    envelope: Floats
    weights: Floats

    def envelopes(self, distances: Floats) -> Floats:
        """In eV, float64[n_shell_pairs, n]."""
        return np.asarray(np.exp(self.envelope[:, :1] - self.envelope[:, 1:] * distances))

    def components(self, group: PairGroup) -> Tensor:
        """Components float64[components, n] of blocks in eV."""
        distances = group.distances.numpy()
        if not self.weights.any():
            return torch.zeros(len(self.channels.shell_of_component), len(distances), dtype=torch.float64)
        within = np.clip(distances, self.start_A, self.end_A)
        values = BSpline(_knots(self.start_A, self.end_A, len(self.weights)), self.weights, DEGREE)(within)
        envelopes, second = self.envelopes(distances), len(self.channels.second)
        found, number = [], 0
        for part in self.channels.irreps:
            if not part.natural:
                found.append(torch.zeros(part.size, len(distances), dtype=torch.float64))
                continue
            harmonics = harmonics_of(part.order, group.vectors)
            for a, b in part.shells:
                found.append(torch.from_numpy(values[:, number] * envelopes[a * second + b]) * harmonics)
                number += 1
        return torch.cat(found)

    @classmethod
    def of(
        cls,
        channels: BlockChannels,
        groups: Sequence[PairGroup],
        blocks: Sequence[Floats],
        reach_A: float,
        splines_per_A: float,
        smoothing: float,
        *,
        envelope_alone: bool = False,
    ) -> PairFit:
        """Fitted to blocks, or with no integrals where only the envelope is asked for.

        Parameters
        ----------
        channels : BlockChannels
        groups : sequence of PairGroup
            Of all structures; of one key.
        blocks : sequence of float64[n, orbitals, orbitals]
            In the direction of the group, in eV.
        reach_A, splines_per_A, smoothing : float
        """
        elements = torch.from_numpy(np.concatenate(blocks))
        vectors = torch.cat([group.vectors for group in groups])
        distances = torch.linalg.vector_norm(vectors, dim=-1).numpy()
        symmetric = groups[0].key.first == groups[0].key.second
        parts = _projected(channels, groups, elements, vectors)
        envelope = _envelopes(channels, parts, elements, distances, symmetric, groups[0].axes is not None)
        start = max(float(distances.min()) - MARGIN_A, 0.0)
        end = max(reach_A, start + 1.0)
        count = max(4, math.ceil((end - start) * splines_per_A)) + DEGREE
        design = BSpline.design_matrix(np.clip(distances, start, end), _knots(start, end, count), DEGREE)
        scaled = np.exp(envelope[:, :1] - envelope[:, 1:] * distances)
        weights = np.zeros((count, sum(len(part.shells) for part in channels.irreps if part.natural)))
        if envelope_alone:
            return cls(channels, start, end, envelope, weights)
        for members, factors, target in parts:
            shell = members[0][1]
            wanted = target / scaled[shell[0] * len(channels.second) + shell[1]]
            if symmetric and shell[0] > shell[1]:
                continue
            if symmetric:
                opposite = next(t for m, _, t in parts if m[0][1] == shell[::-1] and m[0][2] == members[0][2])
                sign = (-1.0) ** members[0][2]
                wanted = 0.5 * (wanted + sign * opposite / scaled[shell[0] * len(channels.second) + shell[1]])
            solved = _least_squares(design, factors, wanted, smoothing)
            for (number, _, order), column in zip(members, solved, strict=True):
                weights[:, number] = column
                if symmetric and shell[0] != shell[1]:
                    twin = next(n for m, _, _ in parts for n, s, o in m if s == shell[::-1] and o == order)
                    weights[:, twin] = (-1.0) ** order * column
        return cls(channels, start, end, envelope, weights)


Part = tuple[list[tuple[int, tuple[int, int], int]], list[Floats], Floats]
"""Natural parts that one target tells together (their number, shells and L), the factor of each, and the target."""


def _projected(channels: BlockChannels, groups: Sequence[PairGroup], elements: Tensor, vectors: Tensor) -> list[Part]:
    """Targets of the radial functions: projections on harmonics, or elements along axes, to which several L contribute."""
    natural = [(part.order, shell) for part in channels.irreps if part.natural for shell in part.shells]
    numbered = [(number, shell, order) for number, (order, shell) in enumerate(natural)]
    harmonics = {order: harmonics_of(order, vectors) for order, _ in natural}
    if groups[0].axes is None:
        components, found, place = channels.components(elements), [], 0
        for part in channels.irreps:
            for shell in part.shells:
                if part.natural:
                    own = components[place : place + 2 * part.order + 1]
                    entry = next(item for item in numbered if item[1] == shell and item[2] == part.order)
                    found.append(([entry], [np.ones(len(elements))], (own * harmonics[part.order]).sum(0).numpy()))
                place += 2 * part.order + 1
        return found
    axes = tuple(torch.cat([group.axes[end] for group in groups if group.axes is not None], dim=1) for end in (0, 1))
    single = BlockChannels((1,), (1,))
    factors, place = {}, 0
    for part in single.irreps:
        if part.natural:
            alone = torch.zeros(single.rows * single.columns, len(elements), dtype=torch.float64)
            alone[place : place + part.size] = harmonics[part.order]
            factors[part.order] = single.elements(alone, (axes[0], axes[1]))[:, 0, 0].numpy()
        place += part.size
    found = []
    for a in range(len(channels.first)):
        for b in range(len(channels.second)):
            members = [item for item in numbered if item[1] == (a, b)]
            found.append((members, [factors[order] for _, _, order in members], elements[:, a, b].numpy()))
    return found


def _envelopes(
    channels: BlockChannels, parts: list[Part], elements: Tensor, distances: Floats, symmetric: bool, along_axes: bool
) -> Floats:
    """Exponential fits of the size of blocks between each pair of shells."""
    n_first, n_second = len(channels.first), len(channels.second)
    if along_axes:
        squares = elements.flatten(1).T.numpy() ** 2
    else:
        components = channels.components(elements) ** 2
        squares = torch.zeros(n_first * n_second, len(distances), dtype=torch.float64)
        squares = squares.index_add(0, channels.shell_of_component, components).numpy()
    if symmetric:
        square = squares.reshape(n_first, n_second, -1)
        squares = (0.5 * (square + square.transpose(1, 0, 2))).reshape(n_first * n_second, -1)
    bins = np.floor(distances / BIN_A).astype(np.int64)
    _, where = np.unique(bins, return_inverse=True)
    counts = np.bincount(where)
    centres = np.bincount(where, distances) / counts
    found = np.zeros((len(squares), 2))
    for shell, own in enumerate(squares):
        rms = np.sqrt(np.bincount(where, own) / counts)
        largest = float(rms.max(initial=0.0))
        if largest < LEAST_EV:
            found[shell, 0] = math.log(LEAST_EV)
            continue
        kept = rms > 1e-8 * largest
        weight = np.sqrt(np.sqrt(rms[kept] / largest))
        slope = 0.0
        if kept.sum() > 1:
            slope = float(np.clip(-np.polyfit(centres[kept], np.log(rms[kept]), 1, w=weight)[0], 0.0, STEEPEST_PER_A))
        found[shell] = np.average(np.log(rms[kept]) + slope * centres[kept], weights=weight**2), slope
    return found


def _least_squares(design: object, factors: list[Floats], target: Floats, smoothing: float) -> list[Floats]:
    """Weights of splines for each factor: least squares with a penalty on second differences."""
    matrices = [design.multiply(factor[:, None]).tocsr() for factor in factors]  # type: ignore[attr-defined]
    count = matrices[0].shape[1]
    normal = np.block([[(one.T @ other).toarray() for other in matrices] for one in matrices])
    right = np.concatenate([one.T @ target for one in matrices])
    size = float(np.trace(normal)) / len(normal)
    bends = np.diff(np.eye(count), 2, axis=0)
    penalty = np.kron(np.eye(len(matrices)), bends.T @ bends)
    solved = np.linalg.solve(normal + size * (smoothing * penalty + RIDGE * np.eye(len(normal))), right)
    return list(solved.reshape(len(matrices), count))


def _knots(start: float, end: float, count: int) -> Floats:
    """Equidistant knots of `count` splines."""
    width = (end - start) / (count - DEGREE)
    return np.asarray(start + width * np.arange(-DEGREE, count + 1))


def onsite_components(channels: BlockChannels, blocks: Floats, along_axes: bool) -> Floats:
    """Components float64[components] of the mean on-site block of an element, isotropic.

    Parameters
    ----------
    channels : BlockChannels
    blocks : float64[n_atoms, orbitals, orbitals]
    along_axes : bool
    """
    mean = torch.from_numpy(blocks.mean(axis=0, keepdims=True))
    found = np.zeros(channels.rows * channels.columns)
    components = None if along_axes else channels.components(mean)[:, 0].numpy()
    place = 0
    for part in channels.irreps:
        for a, b in part.shells:
            if part.order == 0:
                # along an axis, the isotropic part of a p block is the element itself
                found[place] = math.sqrt(3.0) * float(mean[0, a, b]) if components is None else components[place]
            place += 2 * part.order + 1
    return found
