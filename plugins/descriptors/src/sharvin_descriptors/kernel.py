r"""Power spectrum of atomic neighbourhoods, compiled with numba.

For the density channel s of one element around an atom,

.. math:: c^s_{nlm} = \sum_{j \in s} f_c(r_j)\, R_{nl}(r_j)\, Y_{lm}(\hat r_j),
          \qquad p^{ss'}_{nn'l} = \pi \sqrt{\frac{8}{2l + 1}} \sum_m c^s_{nlm} c^{s'}_{n'lm},

with real spherical harmonics (S. De, A. P. Bartók, G. Csányi and M. Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016)). All
sums run in a fixed order on one thread, so equal input gives equal bits in every process.

`lanes` is a tuple whose length is `n_max` rounded up to whole vector registers: the length of a tuple is known to the compiler,
so the innermost loops have a constant number of steps and become vector instructions without remainder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Real = NDArray[Any]

BLOCK = 4
"""Neighbours added to the density at once: a coefficient is loaded and stored once for all of them."""

_compiled: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"}
)
"""Fused multiply-add is allowed, a changed order of sums is not."""


def legendre_coefficients(l_max: int) -> NDArray[np.float64]:
    r"""Coefficients a[l, m], b[l, m] of the recursion of normalised associated Legendre functions.

    With :math:`\bar Q_{lm}(z)` the function without its factor :math:`(1 - z^2)^{m/2}`,
    :math:`\bar Q_{lm} = a_{lm} z \bar Q_{l-1,m} - b_{lm} \bar Q_{l-2,m}` and :math:`\bar Q_{mm} = a_{mm}`.

    Returns
    -------
    float64[2, l_max + 1, l_max + 1]
    """
    result = np.zeros((2, l_max + 1, l_max + 1))
    for m in range(l_max + 1):
        odd = np.arange(1, m + 1)
        result[0, m, m] = np.sqrt((2.0 if m else 1.0) / (4.0 * np.pi) * np.prod((2.0 * odd + 1.0) / (2.0 * odd)))
        for l_value in range(m + 1, l_max + 1):
            a = np.sqrt((4.0 * l_value**2 - 1.0) / (l_value**2 - m**2))
            previous = l_value - 1
            result[0, l_value, m] = a
            if previous > m:
                result[1, l_value, m] = a * np.sqrt((previous**2 - m**2) / (4.0 * previous**2 - 1.0))
    return result


@_compiled
def spherical_harmonics(x: float, y: float, z: float, legendre: NDArray[np.float64], scale: float, result: Real) -> None:
    """Write `scale` × Y_lm of the unit vector (x, y, z) to ``result[l² + l + m]``."""
    l_max = legendre.shape[1] - 1
    cosine, sine = 1.0, 0.0
    for m in range(l_max + 1):
        older, old = 0.0, legendre[0, m, m] * scale
        result[m * m + 2 * m] = old * cosine
        if m:
            result[m * m] = old * sine
        for l_value in range(m + 1, l_max + 1):
            new = legendre[0, l_value, m] * z * old - legendre[1, l_value, m] * older
            centre = l_value * (l_value + 1)
            result[centre + m] = new * cosine
            if m:
                result[centre - m] = new * sine
            older, old = old, new
        cosine, sine = x * cosine - y * sine, x * sine + y * cosine


@_compiled
def _cutoff_weight(r: float, cutoff: float, width: float) -> float:
    """1 up to cutoff − width, then down to 0 with two continuous derivatives."""
    x = (r - (cutoff - width)) / width
    if x <= 0.0:
        return 1.0
    if x >= 1.0:
        return 0.0
    return 1.0 - x * x * x * (10.0 + x * (6.0 * x - 15.0))


@_compiled
def _interpolate(r: float, table: Real, spacing: float, weights: Real, result: Real) -> None:
    """Cubic Hermite interpolation of R_nl, all n and l at once."""
    knot = min(int(r / spacing), table.shape[0] - 2)
    t = r / spacing - knot
    weights[0] = (1.0 + 2.0 * t) * (1.0 - t) * (1.0 - t)
    weights[1] = t * (1.0 - t) * (1.0 - t)
    weights[2] = t * t * (3.0 - 2.0 * t)
    weights[3] = t * t * (t - 1.0)
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    for k in range(table.shape[2]):
        result[k] = w0 * table[knot, 0, k] + w1 * table[knot, 1, k] + w2 * table[knot + 1, 0, k] + w3 * table[knot + 1, 1, k]


@_compiled
def _add_neighbours(harmonics: Real, radial: Real, l_max: int, lanes: tuple[int, ...], density: Real) -> None:
    """Add a block of neighbours to the coefficients ``density[l² + l + m, n]``."""
    for l_value in range(l_max + 1):
        offset = l_value * len(lanes)
        for lm in range(l_value * l_value, (l_value + 1) * (l_value + 1)):
            y0, y1, y2, y3 = harmonics[0, lm], harmonics[1, lm], harmonics[2, lm], harmonics[3, lm]
            for n in range(len(lanes)):
                density[lm, n] += (
                    y0 * radial[0, offset + n]
                    + y1 * radial[1, offset + n]
                    + y2 * radial[2, offset + n]
                    + y3 * radial[3, offset + n]
                )


@_compiled
def _contract(density: Real, factors: Real, n_max: int, lanes: tuple[int, ...], row: Real, result: Real) -> None:
    """Sum over m; `result` runs over pairs of channels s ≤ s', then l, then n, then n' (from n on where s = s')."""
    place = 0
    for s in range(density.shape[0]):
        for other in range(s, density.shape[0]):
            for l_value in range(factors.shape[1]):
                for n in range(n_max):
                    for k in range(len(lanes)):
                        row[k] = 0.0
                    for lm in range(l_value * l_value, (l_value + 1) * (l_value + 1)):
                        value = density[s, lm, n]
                        for k in range(len(lanes)):
                            row[k] += value * density[other, lm, k]
                    begin = 0
                    if other == s:
                        begin = n + 1
                        result[place] = factors[0, l_value] * row[n]
                        place += 1
                    for k in range(begin, n_max):
                        result[place] = factors[1, l_value] * row[k]
                        place += 1


@_compiled
def power_spectrum(
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
    lanes: tuple[int, ...],
    result: Real,
) -> None:
    """Power spectrum of every atom.

    Parameters
    ----------
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
        From :func:`legendre_coefficients`.
    factors : [2, l_max + 1]
        Prefactor of diagonal and off-diagonal elements.
    n_channels, n_max, lanes
        Number of channels, of radial functions, and a tuple as long as the padded n axis.
    result : [n_atoms, size]
        Written.
    """
    l_max = legendre.shape[1] - 1
    n_harmonics = (l_max + 1) * (l_max + 1)
    density = np.zeros((n_channels, n_harmonics, len(lanes)), dtype=result.dtype)
    harmonics = np.zeros((BLOCK, n_harmonics), dtype=result.dtype)
    radial = np.zeros((BLOCK, table.shape[2]), dtype=result.dtype)
    weights = np.zeros(4, dtype=result.dtype)
    row = np.zeros(len(lanes), dtype=result.dtype)
    for i in range(len(own_channel)):
        density[:] = 0.0
        for n in range(len(lanes)):
            density[own_channel[i], 0, n] = legendre[0, 0, 0] * table[0, 0, n]
        for s in range(n_channels):
            filled = 0
            for pair in range(first[i], first[i + 1]):
                if channels[pair] != s:
                    continue
                x, y, z = vectors[pair, 0], vectors[pair, 1], vectors[pair, 2]
                r = np.sqrt(x * x + y * y + z * z)
                spherical_harmonics(x / r, y / r, z / r, legendre, _cutoff_weight(r, cutoff, width), harmonics[filled])
                _interpolate(r, table, spacing, weights, radial[filled])
                filled += 1
                if filled == BLOCK:
                    _add_neighbours(harmonics, radial, l_max, lanes, density[s])
                    filled = 0
            if filled:
                harmonics[filled:] = 0.0
                _add_neighbours(harmonics, radial, l_max, lanes, density[s])
        _contract(density, factors, n_max, lanes, row, result[i])
