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

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sharvin_descriptors.harmonics import GROUP, Real, compiled, spherical_harmonics
from sharvin_descriptors.neighbours import Neighbourhoods
from sharvin_descriptors.tiles import multiply


class Basis(NamedTuple):
    """What the density is expanded in, and how arrays are laid out for it.

    Parameters
    ----------
    table : [n_knots, 2, (l_max + 1) len(lanes)]
        R_nl and its slope (:func:`sharvin_descriptors.radial.radial_table`), padded with zeros in n; all arithmetic with n has
        its precision.
    spacing_A : float
        Of the knots.
    cutoff_A, width_A : float
        Radius of a neighbourhood, and width of the shell inside it over which a neighbour's weight falls to zero.
    legendre : float64[2, l_max + 1, l_max + 1]
        From :func:`sharvin_descriptors.harmonics.legendre_coefficients`.
    factors : [2, l_max + 1]
        Prefactor of diagonal and off-diagonal elements of the power spectrum.
    n_channels, n_max : int
    rows, lanes : tuple of int
        As long as the rows of a tile and as the padded n axis; the values are not used.
    """

    table: Real
    spacing_A: float
    cutoff_A: float
    width_A: float
    legendre: NDArray[np.float64]
    factors: Real
    n_channels: int
    n_max: int
    rows: tuple[int, ...]
    lanes: tuple[int, ...]


class Workspace(NamedTuple):
    """Arrays that are written anew for every atom and channel: for `n` neighbours, the central atom among them.

    Parameters
    ----------
    chosen : int64[n]
        Their pairs; −1 is the central atom.
    unit : float64[4, n]
        Unit vectors and distances.
    scratch : float64[4, n]
        Of the spherical harmonics.
    harmonics : [(l_max + 1)² + len(rows), n]
    radial : [n, (l_max + 1) len(lanes)]
    density : [n_channels, (l_max + 1)² + len(rows), len(lanes)]
        Coefficients ``density[s, l² + l + m, n]``.
    """

    chosen: NDArray[np.int64]
    unit: NDArray[np.float64]
    scratch: NDArray[np.float64]
    harmonics: Real
    radial: Real
    density: Real


@compiled
def workspace(atoms: NDArray[np.int64], near: Neighbourhoods, basis: Basis) -> Workspace:
    """Working space that suffices for each of the atoms, int64[n_chosen]."""
    n_harmonics, n_lanes = basis.legendre.shape[1] * basis.legendre.shape[1], len(basis.lanes)
    most = 1
    for i in atoms:
        most = max(most, near.first[i + 1] - near.first[i] + 1)
    most = (most + GROUP - 1) // GROUP * GROUP
    return Workspace(
        np.zeros(most, dtype=np.int64),
        np.zeros((4, most)),
        np.zeros((4, most)),
        np.zeros((n_harmonics + len(basis.rows), most), dtype=basis.table.dtype),
        np.zeros((most, basis.table.shape[2]), dtype=basis.table.dtype),
        np.zeros((basis.n_channels, n_harmonics + len(basis.rows), n_lanes), dtype=basis.table.dtype),
    )


@compiled
def cutoff_weight(r: float, cutoff_A: float, width_A: float) -> float:
    """1 up to cutoff − width, then down to 0 with two continuous derivatives."""
    x = (r - (cutoff_A - width_A)) / width_A
    if x <= 0.0:
        return 1.0
    if x >= 1.0:
        return 0.0
    return 1.0 - x * x * x * (10.0 + x * (6.0 * x - 15.0))


@compiled
def _interpolation(r: float, weight: float, spacing_A: float, knots: int, result: Real) -> int:
    """Weights of the values and slopes at both ends of an interval (cubic Hermite), times `weight`, and its first knot."""
    knot = min(int(r / spacing_A), knots - 2)
    t = r / spacing_A - knot
    result[0] = weight * (1.0 + 2.0 * t) * (1.0 - t) * (1.0 - t)
    result[1] = weight * t * (1.0 - t) * (1.0 - t)
    result[2] = weight * t * t * (3.0 - 2.0 * t)
    result[3] = weight * t * t * (t - 1.0)
    return knot


@compiled
def neighbours_of_channel(i: int, s: int, near: Neighbourhoods, result: NDArray[np.int64]) -> int:
    """Number of atom i's neighbours in channel s; `result` gets their pairs, and −1 for the atom itself."""
    count = 0
    if near.own_channel[i] == s:
        result[0] = -1
        count = 1
    for pair in range(near.first[i], near.first[i + 1]):
        if near.channels[pair] == s:
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
def expand_density(i: int, near: Neighbourhoods, basis: Basis, work: Workspace) -> None:
    """Write the coefficients of all channels around atom i to ``work.density``."""
    for s in range(basis.n_channels):
        count = neighbours_of_channel(i, s, near, work.chosen)
        _expand_channel(count, near.vectors, basis, work, work.density[s])


@compiled
def _expand_channel(count: int, vectors: NDArray[np.float64], basis: Basis, work: Workspace, density: Real) -> None:
    """Coefficients ``density[l² + l + m, n]`` of the first `count` neighbours in ``work.chosen``."""
    rows, lanes, unit, harmonics, radial = basis.rows, basis.lanes, work.unit, work.harmonics, work.radial
    n_l, row = basis.legendre.shape[1], basis.table.shape[2]
    _directions(work.chosen, count, vectors, unit)
    groups = (count + GROUP - 1) // GROUP
    spherical_harmonics(unit[0], unit[1], unit[2], groups, basis.legendre, work.scratch, harmonics)
    weights = np.empty(4, dtype=radial.dtype)
    for j in range(count):
        r = unit[3, j]
        weight = cutoff_weight(r, basis.cutoff_A, basis.width_A)
        knot = _interpolation(r, weight, basis.spacing_A, basis.table.shape[0], weights)
        for l_value in range(n_l):
            at = l_value * len(lanes)
            multiply(radial, j * row + at, 0, weights, 0, 0, 1, basis.table, 2 * knot * row + at, row, 4, (0,), lanes)
        if work.chosen[j] < 0:
            harmonics[1:, j] = 0.0
    for l_value in range(n_l):
        for lm in range(l_value * l_value, (l_value + 1) * (l_value + 1), len(rows)):
            # The last tile may write rows of l + 1, whose turn is yet to come.
            multiply(
                density, lm * len(lanes), len(lanes), harmonics, lm * harmonics.shape[1], harmonics.shape[1], 1,
                radial, l_value * len(lanes), row, count, rows, lanes,
            )  # fmt: skip


@compiled
def _contract(density: Real, basis: Basis, square: Real, result: Real) -> None:
    """Sum over m; `result` runs over pairs of channels s ≤ s', then l, then n, then n' (from n on where s = s')."""
    rows, lanes, factors, n_max = basis.rows, basis.lanes, basis.factors, basis.n_max
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
def power_spectrum(atoms: NDArray[np.int64], places: NDArray[np.int64], near: Neighbourhoods, basis: Basis, result: Real) -> None:
    """Power spectrum of chosen atoms.

    Parameters
    ----------
    atoms, places : int64[n_chosen]
        Indices of the atoms, and their rows in the result.
    near : Neighbourhoods
        No vector of zero length.
    basis : Basis
    result : [n_rows, size]
        Written at `places`; of the precision of the basis.
    """
    work = workspace(atoms, near, basis)
    square = np.zeros((basis.n_max + len(basis.rows), len(basis.lanes)), dtype=result.dtype)
    for i, place in zip(atoms, places):  # noqa: B905, numba knows no strict
        expand_density(i, near, basis, work)
        _contract(work.density, basis, square, result[place])
