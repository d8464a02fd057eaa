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

import numpy as np
from numpy.typing import NDArray

from sharvin_descriptors.harmonics import GROUP, Real, compiled, harmonic_gradients
from sharvin_descriptors.kernel import cutoff_weight, density_of_channel, neighbours_of_channel
from sharvin_descriptors.tiles import multiply


@compiled
def _cutoff_slope(r: float, cutoff: float, width: float) -> float:
    """Derivative of the cutoff weight."""
    x = (r - (cutoff - width)) / width
    return -30.0 * x * x * (1.0 - x) * (1.0 - x) / width if 0.0 < x < 1.0 else 0.0


@compiled
def _radial_functions(
    r: float,
    table: Real,
    spacing: float,
    cutoff: float,
    width: float,
    weights: Real,
    lanes: tuple[int, ...],
    result: Real,
) -> None:
    """``result[0]`` = f_c R_nl and ``result[1]`` its slope in r: of the interpolation itself, so that they fit to each other."""
    knot = min(int(r / spacing), table.shape[0] - 2)
    t = r / spacing - knot
    weight, change = cutoff_weight(r, cutoff, width), _cutoff_slope(r, cutoff, width)
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
    s: int,
    other: int,
    slope: Real,
    value: Real,
    along: Real,
    across: Real,
    factors: Real,
    n_max: int,
    result: Real,
) -> None:
    """Add D to one l of the block of channels (s, other) of the result, in the order of a row, for one Cartesian direction.

    `slope` and `value` are F' times the direction's cosine and F; `along` and `across` the sums over m with Y and its gradient.
    """
    place = 0
    for n in range(n_max):
        if s == other:
            result[place] += 2 * factors[0] * (slope[n] * along[n] + value[n] * across[n])
            for k in range(n + 1, n_max):
                term = slope[n] * along[k] + value[n] * across[k] + slope[k] * along[n] + value[k] * across[n]
                result[place + k - n] += factors[1] * term
            place += n_max - n
        elif s < other:
            for k in range(n_max):
                result[place + k] += factors[1] * (slope[n] * along[k] + value[n] * across[k])
            place += n_max
        else:
            for k in range(n_max):
                result[place + k] += factors[1] * (slope[k] * along[n] + value[k] * across[n])
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


@compiled
def _add_neighbour(
    s: int,
    direction: NDArray[np.float64],
    radial: Real,
    turned: Real,
    sums: Real,
    density: Real,
    factors: Real,
    n_max: int,
    four: tuple[int, ...],
    lanes: tuple[int, ...],
    scaled: Real,
    result: Real,
) -> None:
    """Add the derivatives of one neighbour of channel s to ``result[3, size]``."""
    n_channels, n_l, width = density.shape[0], factors.shape[1], len(lanes)
    for other in range(n_channels):
        start = _block_start(min(s, other), max(s, other), n_channels, n_l, n_max)
        length = n_max * (n_max + 1) // 2 if s == other else n_max * n_max
        for l_value in range(n_l):
            first = l_value * l_value
            multiply(
                sums, 0, width, turned, first, turned.shape[1], 1,
                density, (other * density.shape[1] + first) * width, width, 2 * l_value + 1, four, lanes,
            )  # fmt: skip
            begin, at = start + l_value * length, l_value * width
            for alpha in range(3):
                for n in range(n_max):
                    scaled[n] = radial[1, at + n] * direction[alpha]
                _add_products(
                    s, other, scaled, radial[0, at : at + n_max], sums[0], sums[1 + alpha],
                    factors[:, l_value], n_max, result[alpha, begin : begin + length],
                )  # fmt: skip


@compiled
def power_spectrum_gradients(
    atoms: NDArray[np.int64],
    own_slots: NDArray[np.int64],
    slots: NDArray[np.int64],
    first: NDArray[np.int64],
    vectors: NDArray[np.float64],
    channels: NDArray[np.int64],
    own_channel: NDArray[np.int64],
    table: Real,
    spacing: float,
    cutoff: float,
    width: float,
    legendre: NDArray[np.float64],
    factors: Real,
    n_channels: int,
    n_max: int,
    rows: tuple[int, ...],
    lanes: tuple[int, ...],
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
    n_harmonics, n_l = legendre.shape[1] * legendre.shape[1], legendre.shape[1]
    most = 1
    for i in atoms:
        most = max(most, first[i + 1] - first[i] + 1)
    most = (most + GROUP - 1) // GROUP * GROUP
    density = np.zeros((n_channels, n_harmonics + len(rows), len(lanes)), dtype=result.dtype)
    harmonics = np.zeros((n_harmonics + len(rows), most), dtype=result.dtype)
    shells = np.zeros((most, n_l * len(lanes)), dtype=result.dtype)
    unit, scratch, chosen = np.zeros((4, most)), np.zeros((4, most)), np.zeros(most, dtype=np.int64)
    turned, radial = np.zeros((4, n_harmonics), dtype=result.dtype), np.zeros((2, n_l * len(lanes)), dtype=result.dtype)
    sums, weights = np.zeros((4, len(lanes)), dtype=result.dtype), np.zeros((2, 4), dtype=result.dtype)
    scaled, change = np.zeros(len(lanes), dtype=result.dtype), np.zeros(result.shape[1:], dtype=result.dtype)
    for i, own in zip(atoms, own_slots):  # noqa: B905, numba knows no strict
        for s in range(n_channels):
            count = neighbours_of_channel(i, s, first, channels, own_channel, chosen)
            density_of_channel(
                chosen, count, vectors, table, spacing, cutoff, width, legendre,
                unit, scratch, harmonics, shells, rows, lanes, density[s],
            )  # fmt: skip
        for pair in range(first[i], first[i + 1]):
            if slots[pair] == own:
                continue
            r = np.sqrt(vectors[pair, 0] ** 2 + vectors[pair, 1] ** 2 + vectors[pair, 2] ** 2)
            direction = vectors[pair] / r
            harmonic_gradients(direction[0], direction[1], direction[2], r, legendre, turned)
            _radial_functions(r, table, spacing, cutoff, width, weights, lanes, radial)
            change[:] = 0.0
            _add_neighbour(
                channels[pair], direction, radial, turned, sums, density, factors, n_max, (0, 0, 0, 0), lanes, scaled, change
            )
            result[slots[pair]] += change
            result[own] -= change
