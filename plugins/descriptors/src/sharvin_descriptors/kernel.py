r"""Power spectrum of atomic neighbourhoods, compiled with numba.

For the density channel s of one element around an atom,

.. math:: c^s_{nlm} = \sum_{j \in s} f_c(r_j)\, R_{nl}(r_j)\, Y_{lm}(\hat r_j),
          \qquad p^{ss'}_{nn'l} = \pi \sqrt{\frac{8}{2l + 1}} \sum_m c^s_{nlm} c^{s'}_{n'lm},

with real spherical harmonics (S. De, A. P. Bartók, G. Csányi and M. Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016)). The
central atom is a neighbour at distance zero. All sums run in a fixed order on one thread, so equal input gives equal bits in
every process.

Three matrix products of :mod:`sharvin_descriptors.tiles` do the work: the interpolation of R_nl between knots, the sum over
neighbours, and the sum over m. The density is kept as ``density[s, l² + l + m, n]`` with n padded to whole vector registers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharvin_descriptors.harmonics import GROUP, Real, compiled, spherical_harmonics
from sharvin_descriptors.tiles import multiply


@compiled
def cutoff_weight(r: float, cutoff: float, width: float) -> float:
    """1 up to cutoff − width, then down to 0 with two continuous derivatives."""
    x = (r - (cutoff - width)) / width
    if x <= 0.0:
        return 1.0
    if x >= 1.0:
        return 0.0
    return 1.0 - x * x * x * (10.0 + x * (6.0 * x - 15.0))


@compiled
def _interpolation(r: float, weight: float, spacing: float, knots: int, result: Real) -> int:
    """Weights of the values and slopes at both ends of an interval (cubic Hermite), times `weight`, and its first knot."""
    knot = min(int(r / spacing), knots - 2)
    t = r / spacing - knot
    result[0] = weight * (1.0 + 2.0 * t) * (1.0 - t) * (1.0 - t)
    result[1] = weight * t * (1.0 - t) * (1.0 - t)
    result[2] = weight * t * t * (3.0 - 2.0 * t)
    result[3] = weight * t * t * (t - 1.0)
    return knot


@compiled
def neighbours_of_channel(
    i: int,
    s: int,
    first: NDArray[np.int64],
    channels: NDArray[np.int64],
    own_channel: NDArray[np.int64],
    result: NDArray[np.int64],
) -> int:
    """Number of atom i's neighbours in channel s; `result` gets their pairs, and −1 for the atom itself."""
    count = 0
    if own_channel[i] == s:
        result[0] = -1
        count = 1
    for pair in range(first[i], first[i + 1]):
        if channels[pair] == s:
            result[count] = pair
            count += 1
    return count


@compiled
def _directions(chosen: NDArray[np.int64], count: int, vectors: NDArray[np.float64], unit: NDArray[np.float64]) -> None:
    """Distances ``unit[3]`` and unit vectors ``unit[:3]`` of the chosen pairs; pair −1 is the central atom."""
    for j in range(count):
        if chosen[j] < 0:
            x, y, z, r = 0.0, 0.0, 1.0, 0.0
        else:
            x, y, z = vectors[chosen[j], 0], vectors[chosen[j], 1], vectors[chosen[j], 2]
            r = np.sqrt(x * x + y * y + z * z)
            x, y, z = x / r, y / r, z / r
        unit[0, j], unit[1, j], unit[2, j], unit[3, j] = x, y, z, r


@compiled
def density_of_channel(
    chosen: NDArray[np.int64],
    count: int,
    vectors: NDArray[np.float64],
    table: Real,
    spacing: float,
    cutoff: float,
    width: float,
    legendre: NDArray[np.float64],
    unit: NDArray[np.float64],
    scratch: NDArray[np.float64],
    harmonics: Real,
    radial: Real,
    rows: tuple[int, ...],
    lanes: tuple[int, ...],
    density: Real,
) -> None:
    """Coefficients ``density[l² + l + m, n]`` of the neighbours `chosen`; the arrays before `rows` are working space."""
    n_l, row = legendre.shape[1], n_row(lanes, legendre)
    _directions(chosen, count, vectors, unit)
    groups = (count + GROUP - 1) // GROUP
    spherical_harmonics(unit[0], unit[1], unit[2], groups, legendre, scratch, harmonics)
    weights = np.empty(4, dtype=radial.dtype)
    for j in range(count):
        r = unit[3, j]
        knot = _interpolation(r, cutoff_weight(r, cutoff, width), spacing, table.shape[0], weights)
        for l_value in range(n_l):
            at = l_value * len(lanes)
            multiply(radial, j * row + at, 0, weights, 0, 0, 1, table, 2 * knot * row + at, row, 4, (0,), lanes)
        if chosen[j] < 0:
            harmonics[1:, j] = 0.0
    for l_value in range(n_l):
        for lm in range(l_value * l_value, (l_value + 1) * (l_value + 1), len(rows)):
            # The last tile may write rows of l + 1, whose turn is yet to come.
            multiply(
                density, lm * len(lanes), len(lanes), harmonics, lm * harmonics.shape[1], harmonics.shape[1], 1,
                radial, l_value * len(lanes), row, count, rows, lanes,
            )  # fmt: skip


@compiled
def n_row(lanes: tuple[int, ...], legendre: NDArray[np.float64]) -> int:
    """Length of a row of the table of R_nl."""
    return len(lanes) * int(legendre.shape[1])


@compiled
def _contract(
    density: Real, factors: Real, n_max: int, rows: tuple[int, ...], lanes: tuple[int, ...], square: Real, result: Real
) -> None:
    """Sum over m; `result` runs over pairs of channels s ≤ s', then l, then n, then n' (from n on where s = s')."""
    place, width, channel = 0, len(lanes), density.shape[1] * len(lanes)
    for s in range(density.shape[0]):
        for other in range(s, density.shape[0]):
            for l_value in range(factors.shape[1]):
                first = l_value * l_value * width
                for n in range(0, n_max, len(rows)):
                    multiply(
                        square, n * width, width, density, s * channel + first + n, 1, width,
                        density, other * channel + first, width, 2 * l_value + 1, rows, lanes,
                    )  # fmt: skip
                for n in range(n_max):
                    begin = 0
                    if other == s:
                        begin = n + 1
                        result[place] = factors[0, l_value] * square[n, n]
                        place += 1
                    for k in range(begin, n_max):
                        result[place + k - begin] = factors[1, l_value] * square[n, k]
                    place += n_max - begin


@compiled
def power_spectrum(
    atoms: NDArray[np.int64],
    places: NDArray[np.int64],
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
    """Power spectrum of chosen atoms.

    Parameters
    ----------
    atoms, places : int64[n_chosen]
        Indices of the atoms, and their rows in the result.
    first : int64[n_atoms + 1]
        Neighbours of atom i are ``first[i]:first[i + 1]``.
    vectors : float64[n_pairs, 3]
        From the atom to its neighbours, Å; none of zero length.
    channels, own_channel : int64[n_pairs], int64[n_atoms]
        Density channel of the neighbours and of the atoms.
    table : [n_knots, 2, (l_max + 1) len(lanes)]
        R_nl and its slope (:func:`sharvin_descriptors.radial.radial_table`), padded with zeros in n.
    spacing, cutoff, width : float
        Å.
    legendre : float64[2, l_max + 1, l_max + 1]
        From :func:`sharvin_descriptors.harmonics.legendre_coefficients`.
    factors : [2, l_max + 1]
        Prefactor of diagonal and off-diagonal elements.
    n_channels, n_max : int
    rows, lanes
        Tuples as long as the rows of a tile and as the padded n axis.
    result : [n_rows, size]
        Written at `places`.
    """
    n_harmonics = legendre.shape[1] * legendre.shape[1]
    most = 1
    for i in atoms:
        most = max(most, first[i + 1] - first[i] + 1)
    most = (most + GROUP - 1) // GROUP * GROUP
    density = np.zeros((n_channels, n_harmonics + len(rows), len(lanes)), dtype=result.dtype)
    harmonics = np.zeros((n_harmonics + len(rows), most), dtype=result.dtype)
    radial = np.zeros((most, n_row(lanes, legendre)), dtype=result.dtype)
    square = np.zeros((n_max + len(rows), len(lanes)), dtype=result.dtype)
    unit, scratch = np.zeros((4, most)), np.zeros((4, most))
    chosen = np.zeros(most, dtype=np.int64)
    for i, place in zip(atoms, places):  # noqa: B905, numba knows no strict
        for s in range(n_channels):
            count = neighbours_of_channel(i, s, first, channels, own_channel, chosen)
            density_of_channel(
                chosen, count, vectors, table, spacing, cutoff, width, legendre,
                unit, scratch, harmonics, radial, rows, lanes, density[s],
            )  # fmt: skip
        _contract(density, factors, n_max, rows, lanes, square, result[place])
