r"""Radial functions of the smeared density: an orthonormal basis of the ball, and its overlap with a displaced Gaussian.

The basis is a discrete-variable representation. With the Gauss-Legendre nodes :math:`r_n` and weights :math:`w_n` of
:math:`[0, r_c]` and the Lagrange polynomials :math:`L_n` on these nodes,

.. math:: g_n(r) = \frac{L_n(r)}{\sqrt{w_n}\, r}, \qquad \int_0^{r_c} r^2 g_n(r) g_{n'}(r)\,dr = \delta_{nn'},

exactly, because Gauss quadrature with N nodes integrates polynomials of degree 2N − 1. No overlap matrix is inverted, so the
basis is well conditioned for any number of functions and any cutoff (J. C. Light and T. Carrington, Adv. Chem. Phys. 114, 263
(2000)). :math:`g_n` peaks near :math:`r_n`, so n tells a distance.

A Gaussian :math:`e^{-|r - r_j|^2 / 2\sigma^2}` at distance :math:`r_j` in direction :math:`\hat r_j` has the coefficients
:math:`R_{nl}(r_j)\, Y_{lm}(\hat r_j)`,

.. math:: R_{nl}(r_j) = 4\pi \int_0^{r_c} r^2 g_n(r)\, e^{-(r^2 + r_j^2)/2\sigma^2}\, i_l(r r_j/\sigma^2)\,dr,

with the modified spherical Bessel functions :math:`i_l` (A. P. Bartók, R. Kondor and G. Csányi, Phys. Rev. B 87, 184115 (2013)).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import ive

KNOTS_PER_SIGMA = 40
"""Spacing of the tabulated R_nl; the interpolation error is then below 1e-7 of its maximum."""


def radial_basis(r: NDArray[np.float64], n_max: int, cutoff_A: float) -> NDArray[np.float64]:
    """Values of r g_n(r), the orthonormal radial basis times the distance.

    Parameters
    ----------
    r : float64[n_points]
        Distances in Å, within the cutoff.
    n_max : int
    cutoff_A : float

    Returns
    -------
    float64[n_points, n_max]
        In Å^(−1/2); the factor r keeps it finite at the origin.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_max)
    x = 2.0 * np.asarray(r) / cutoff_A - 1.0
    # L_n(x) = w_n Σ_k (2k + 1)/2 P_k(x_n) P_k(x): the same polynomial as Lagrange's product, without its cancellation.
    k = np.arange(n_max) + 0.5
    at_nodes = np.polynomial.legendre.legvander(nodes, n_max - 1) * k
    lagrange = np.polynomial.legendre.legvander(x, n_max - 1) @ at_nodes.T * weights
    result: NDArray[np.float64] = lagrange / np.sqrt(weights * cutoff_A / 2.0)
    return result


def radial_integrals(
    distances_A: NDArray[np.float64], n_max: int, l_max: int, cutoff_A: float, sigma_A: float
) -> NDArray[np.float64]:
    """R_nl of Gaussians at given distances.

    Parameters
    ----------
    distances_A : float64[n]
        All positive.
    n_max, l_max : int
    cutoff_A, sigma_A : float

    Returns
    -------
    float64[n, l_max + 1, n_max]
        Å^(3/2).
    """
    # Enough points for the Gaussian (a few per sigma) and for polynomials of degree n_max.
    points, weights = np.polynomial.legendre.leggauss(2 * n_max + int(16 * cutoff_A / sigma_A))
    r: NDArray[np.float64] = (points + 1.0) * cutoff_A / 2.0
    weighted = radial_basis(r, n_max, cutoff_A) * (r * weights * cutoff_A / 2.0)[:, None]
    argument = np.outer(distances_A, r) / sigma_A**2
    envelope = 4.0 * np.pi * np.exp(-((distances_A[:, None] - r) ** 2) / (2.0 * sigma_A**2)) * np.sqrt(np.pi / (2.0 * argument))
    result = np.empty((len(distances_A), l_max + 1, n_max))
    for l_value in range(l_max + 1):
        result[:, l_value] = (envelope * ive(l_value + 0.5, argument)) @ weighted
    return result


def radial_table(n_max: int, l_max: int, cutoff_A: float, sigma_A: float) -> tuple[NDArray[np.float64], float]:
    """R_nl on a grid of distances from 0 to the cutoff, with slopes, for cubic Hermite interpolation.

    Returns
    -------
    table : float64[n_knots, 2, l_max + 1, n_max]
        ``table[k, 0]`` is R_nl at knot k and ``table[k, 1]`` its derivative times the spacing.
    spacing : float
        Å; knot k lies at k times the spacing.
    """
    intervals = int(np.ceil(cutoff_A / sigma_A * KNOTS_PER_SIGMA))
    spacing = cutoff_A / intervals
    grid: NDArray[np.float64] = spacing * np.arange(intervals + 1, dtype=np.float64)
    knots = np.maximum(grid, 1e-6 * sigma_A)  # the integrand at 0 is a limit; R_nl changes by less than 1e-6 up to here
    values = radial_integrals(knots, n_max, l_max, cutoff_A, sigma_A)
    slopes = CubicSpline(grid, values)(grid, 1)
    return np.stack([values, spacing * slopes], axis=1), spacing
