r"""Derivatives of the power spectrum with respect to the positions of the atoms, compiled with numba.

A neighbour j of element s at :math:`r_j \hat r_j` moves the coefficients of its own channel only, by

.. math:: \frac{\partial c^s_{nlm}}{\partial r_{j\alpha}}
          = F'_{nl}(r_j)\, \hat r_{j\alpha} Y_{lm} + F_{nl}(r_j)\, \partial_\alpha Y_{lm}, \qquad F_{nl} = f_c R_{nl},

so that the power spectrum changes by

.. math:: \frac{\partial p^{ss'}_{nn'l}}{\partial r_{j\alpha}} \propto D^{s'\alpha}_{nn'l}
          = F'_{nl} \hat r_{j\alpha} \sum_m Y_{lm} c^{s'}_{n'lm} + F_{nl} \sum_m (\partial_\alpha Y_{lm}) c^{s'}_{n'lm},

and by the transpose in addition where s = s'. The sums over m are vectors in n', so a neighbour costs little more than writing
its derivatives down. The central atom moves against all its neighbours: its derivative is minus their sum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sharvin_descriptors.harmonics import Real, compiled, harmonic_gradients
from sharvin_descriptors.kernel import Basis, cutoff_weight, expand_density, workspace
from sharvin_descriptors.neighbours import Neighbourhoods
from sharvin_descriptors.tiles import multiply


@compiled
def _cutoff_slope(r: float, cutoff_A: float, width_A: float) -> float:
    """Derivative of the cutoff weight."""
    x = (r - (cutoff_A - width_A)) / width_A
    return -30.0 * x * x * (1.0 - x) * (1.0 - x) / width_A if 0.0 < x < 1.0 else 0.0


@compiled
def _radial_functions(r: float, basis: Basis, weights: Real, result: Real) -> None:
    """``result[0]`` = f_c R_nl and ``result[1]`` its slope in r: of the interpolation itself, so that they fit to each other."""
    table, lanes, spacing = basis.table, basis.lanes, basis.spacing_A
    knot = min(int(r / spacing), table.shape[0] - 2)
    t = r / spacing - knot
    weight, change = cutoff_weight(r, basis.cutoff_A, basis.width_A), _cutoff_slope(r, basis.cutoff_A, basis.width_A)
    values = ((1.0 + 2.0 * t) * (1.0 - t) * (1.0 - t), t * (1.0 - t) * (1.0 - t), t * t * (3.0 - 2.0 * t), t * t * (t - 1.0))
    slopes = (6.0 * t * (t - 1.0), (3.0 * t - 1.0) * (t - 1.0), 6.0 * t * (1.0 - t), t * (3.0 * t - 2.0))
    for k in range(4):
        weights[0, k] = weight * values[k]
        weights[1, k] = change * values[k] + weight * slopes[k] / spacing
    row = table.shape[2]
    for at in range(0, row, len(lanes)):
        multiply(result, at, row, weights, 0, 4, 1, table, 2 * knot * row + at, row, 4, (0, 0), lanes)


@compiled
def _add_products(
    order: int, slope: Real, value: Real, along: Real, across: Real, diagonal: float, other: float, result: Real
) -> None:
    """Add D of one l to the block of a pair of channels, in the order of a row, for one Cartesian direction.

    Parameters
    ----------
    order : int
        0 where the neighbour's channel is both of the pair, −1 where it is the first one, 1 where it is the second.
    slope, value : [n_max]
        F' times the direction's cosine, and F.
    along, across : [n_max]
        Sums over m with Y and with its gradient.
    diagonal, other : float
        Prefactors of diagonal and off-diagonal elements.
    result : [length of the block]
    """
    place, n_max = 0, len(value)
    for n in range(n_max):
        if order == 0:
            result[place] += 2 * diagonal * (slope[n] * along[n] + value[n] * across[n])
            for k in range(n + 1, n_max):
                term = slope[n] * along[k] + value[n] * across[k] + slope[k] * along[n] + value[k] * across[n]
                result[place + k - n] += other * term
            place += n_max - n
        elif order < 0:
            for k in range(n_max):
                result[place + k] += other * (slope[n] * along[k] + value[n] * across[k])
            place += n_max
        else:
            for k in range(n_max):
                result[place + k] += other * (slope[k] * along[n] + value[k] * across[n])
            place += n_max


@compiled
def _block_start(s: int, other: int, n_channels: int, n_l: int, n_max: int) -> int:
    """Place of the first element of the block of channels s ≤ other in a row."""
    place = 0
    for a in range(s + 1):
        for b in range(a, n_channels):
            if a == s and b == other:
                return place
            place += n_l * (n_max * (n_max + 1) // 2 if a == b else n_max * n_max)
    return place


class _OfNeighbour(NamedTuple):
    """Working space for the derivatives of one neighbour, with the functions of its place.

    Parameters
    ----------
    weights : [2, 4]
        Of the interpolation.
    radial : [2, (l_max + 1) len(lanes)]
        F_nl and F'_nl.
    turned : [4, (l_max + 1)²]
        Y_lm and its gradient.
    sums : [4, len(lanes)]
        Sums over m of `turned` with the density.
    scaled : [len(lanes)]
        F'_nl times the cosine of a direction.
    change : [3, size]
        The derivatives.
    """

    weights: Real
    radial: Real
    turned: Real
    sums: Real
    scaled: Real
    change: Real


@compiled
def _add_neighbour(s: int, direction: NDArray[np.float64], density: Real, basis: Basis, own: _OfNeighbour) -> None:
    """Add the derivatives of one neighbour of channel s, in direction float64[3], to ``own.change``."""
    n_channels, n_l, width, n_max = density.shape[0], basis.factors.shape[1], len(basis.lanes), basis.n_max
    radial, turned, sums = own.radial, own.turned, own.sums
    for other in range(n_channels):
        start = _block_start(min(s, other), max(s, other), n_channels, n_l, n_max)
        length = n_max * (n_max + 1) // 2 if s == other else n_max * n_max
        order = 0 if s == other else (-1 if s < other else 1)
        for l_value in range(n_l):
            first = l_value * l_value
            multiply(
                sums, 0, width, turned, first, turned.shape[1], 1,
                density, (other * density.shape[1] + first) * width, width, 2 * l_value + 1, (0, 0, 0, 0), basis.lanes,
            )  # fmt: skip
            begin, at = start + l_value * length, l_value * width
            for alpha in range(3):
                for n in range(n_max):
                    own.scaled[n] = radial[1, at + n] * direction[alpha]
                _add_products(
                    order, own.scaled, radial[0, at : at + n_max], sums[0], sums[1 + alpha],
                    basis.factors[0, l_value], basis.factors[1, l_value], own.change[alpha, begin : begin + length],
                )  # fmt: skip


@compiled
def power_spectrum_gradients(
    atoms: NDArray[np.int64],
    own_slots: NDArray[np.int64],
    slots: NDArray[np.int64],
    near: Neighbourhoods,
    basis: Basis,
    result: Real,
) -> None:
    """Derivatives of the rows of chosen atoms; what is not named here is as in :func:`sharvin_descriptors.kernel.power_spectrum`.

    Parameters
    ----------
    own_slots, slots : int64[n_chosen], int64[n_pairs]
        Place in the result of each chosen atom's own derivative, and of that of each pair; −1 for pairs of other atoms. An
        image of the atom itself has the atom's own place, and moves nothing.
    result : [n_slots, 3, size]
        Added to.
    """
    dtype, vectors = result.dtype, near.vectors
    work = workspace(atoms, near, basis)
    own = _OfNeighbour(
        np.zeros((2, 4), dtype=dtype),
        np.zeros((2, basis.table.shape[2]), dtype=dtype),
        np.zeros((4, basis.legendre.shape[1] * basis.legendre.shape[1]), dtype=dtype),
        np.zeros((4, len(basis.lanes)), dtype=dtype),
        np.zeros(len(basis.lanes), dtype=dtype),
        np.zeros(result.shape[1:], dtype=dtype),
    )
    for i, own_slot in zip(atoms, own_slots):  # noqa: B905, numba knows no strict
        expand_density(i, near, basis, work)
        for pair in range(near.first[i], near.first[i + 1]):
            if slots[pair] == own_slot:
                continue
            r = np.sqrt(vectors[pair, 0] ** 2 + vectors[pair, 1] ** 2 + vectors[pair, 2] ** 2)
            direction = vectors[pair] / r
            harmonic_gradients(direction[0], direction[1], direction[2], r, basis.legendre, own.turned)
            _radial_functions(r, basis, own.weights, own.radial)
            own.change[:] = 0.0
            _add_neighbour(near.channels[pair], direction, work.density, basis, own)
            result[slots[pair]] += own.change
            result[own_slot] -= own.change
