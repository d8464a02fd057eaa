r"""Atom-centred symmetry functions and their gradients, compiled with numba (J. Behler, J. Chem. Phys. 134, 074106 (2011)).

For the central atom i, with :math:`g(r) = e^{-\eta (r - r_s)^2} f_c(r)`,

.. math:: G_2 &= \sum_j g(r_{ij}), \\
          G_9 &= 2^{1-\zeta} \sum_{j<k} (1 + \lambda\cos\theta_{jik})^\zeta\, g(r_{ij})\, g(r_{ik}), \\
          G_4 &= 2^{1-\zeta} \sum_{j<k} (1 + \lambda\cos\theta_{jik})^\zeta\, g(r_{ij})\, g(r_{ik})\, g(r_{jk}),

and the cutoff function of x = r/r_c either :math:`\tfrac12(\cos\pi x + 1)` or :math:`((15 - 6x)x - 10)x^3 + 1`, zero beyond.

The Gaussians of a neighbour are computed once, not once a triple, and so are angular factors that several functions share:
what remains for each triple and function is a product of three numbers. All sums run in a fixed order on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sharvin.runs.compiled import njit

from sharvin_descriptors.neighbours import Neighbourhoods

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_compiled: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(nogil=True, error_model="numpy")


class Parameters(NamedTuple):
    """Parameters of all functions: float64 arrays, one element a function, except where stated.

    `term` (int64) tells which angular factor a function has; `lam` and `zeta` have one element a factor. `wide` (bool) marks G4.
    """

    cutoff_A: float
    polynomial: bool
    radial_eta: Floats
    radial_shift: Floats
    eta: Floats
    shift: Floats
    wide: NDArray[np.bool_]
    term: Integers
    lam: Floats
    zeta: Floats


@_compiled
def _cutoff_function(r: float, cutoff_A: float, polynomial: bool) -> tuple[float, float]:
    """Value and slope."""
    x = r / cutoff_A
    if x >= 1.0:
        return 0.0, 0.0
    if polynomial:
        return ((15.0 - 6.0 * x) * x - 10.0) * x * x * x + 1.0, -30.0 * x * x * (1.0 - x) * (1.0 - x) / cutoff_A
    return 0.5 * (np.cos(np.pi * x) + 1.0), -0.5 * np.pi * np.sin(np.pi * x) / cutoff_A


@_compiled
def _gaussians(r: float, eta: Floats, shift: Floats, cutoff_A: float, polynomial: bool, value: Floats, slope: Floats) -> None:
    """Write g(r) of every function, and its slope."""
    if r >= cutoff_A:
        value[:] = 0.0
        slope[:] = 0.0
        return
    weight, weight_slope = _cutoff_function(r, cutoff_A, polynomial)
    for f in range(len(eta)):
        d = r - shift[f]
        gaussian = np.exp(-eta[f] * d * d)
        value[f] = gaussian * weight
        slope[f] = gaussian * (weight_slope - 2.0 * eta[f] * d * weight)


@_compiled
def _angular_factors(cosine: float, lam: Floats, zeta: Floats, value: Floats, slope: Floats) -> None:
    """Write 2^(1−ζ) (1 + λ cos θ)^ζ of every factor, and its slope in cos θ."""
    for t in range(len(lam)):
        half = max(0.5 * (1.0 + lam[t] * cosine), 0.0)
        whole = int(zeta[t])
        power = half ** (whole - 1) if whole == zeta[t] else half ** (zeta[t] - 1.0)
        value[t] = 2.0 * power * half
        slope[t] = zeta[t] * lam[t] * power


@_compiled
def _pair_channel(a: int, b: int, n_channels: int) -> int:
    """Place of the pair of channels a and b among those with a ≤ b."""
    low, high = min(a, b), max(a, b)
    return low * n_channels - low * (low - 1) // 2 + high - low


@_compiled
def symmetry_functions(atoms: Integers, near: Neighbourhoods, n_channels: int, parameters: Parameters, result: Floats) -> None:
    """Symmetry functions of chosen atoms.

    Parameters
    ----------
    atoms : int64[n_chosen]
    near : Neighbourhoods
        No vector of zero length.
    n_channels : int
    parameters : Parameters
    result : float64[n_chosen, size]
        Written: radial functions of each channel, then angular ones of each pair of channels.
    """
    first, vectors, channels = near.first, near.vectors, near.channels
    cutoff, polynomial = parameters.cutoff_A, parameters.polynomial
    n_radial, n_angular = len(parameters.radial_eta), len(parameters.eta)
    most = np.max(first[1:] - first[:-1])
    g, slopes, distance = np.empty((most, n_angular)), np.empty((most, n_angular)), np.empty(most)
    radial, radial_slope = np.empty(n_radial), np.empty(n_radial)
    factor, factor_slope = np.empty(len(parameters.lam)), np.empty(len(parameters.lam))
    third, third_slope = np.ones(n_angular), np.empty(n_angular)
    any_wide = np.any(parameters.wide)
    result[:] = 0.0
    for row, i in enumerate(atoms):
        begin = first[i]
        for j in range(first[i + 1] - begin):
            v = vectors[begin + j]
            distance[j] = r = np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
            _gaussians(r, parameters.radial_eta, parameters.radial_shift, cutoff, polynomial, radial, radial_slope)
            _gaussians(r, parameters.eta, parameters.shift, cutoff, polynomial, g[j], slopes[j])
            place = channels[begin + j] * n_radial
            for f in range(n_radial):
                result[row, place + f] += radial[f]
        if n_angular == 0:
            continue
        for j in range(first[i + 1] - begin):
            v = vectors[begin + j]
            for k in range(j + 1, first[i + 1] - begin):
                w = vectors[begin + k]
                cosine = (v[0] * w[0] + v[1] * w[1] + v[2] * w[2]) / (distance[j] * distance[k])
                _angular_factors(cosine, parameters.lam, parameters.zeta, factor, factor_slope)
                if any_wide:
                    r = np.sqrt((v[0] - w[0]) ** 2 + (v[1] - w[1]) ** 2 + (v[2] - w[2]) ** 2)
                    _gaussians(r, parameters.eta, parameters.shift, cutoff, polynomial, third, third_slope)
                pair = _pair_channel(channels[begin + j], channels[begin + k], n_channels)
                place = n_channels * n_radial + pair * n_angular
                for f in range(n_angular):
                    value = factor[parameters.term[f]] * g[j, f] * g[k, f]
                    result[row, place + f] += value * third[f] if parameters.wide[f] else value


@_compiled
def _add_triple(
    v: Floats, w: Floats, by_cosine: Floats, by_j: Floats, by_k: Floats, by_third: Floats, at_j: Floats, at_k: Floats
) -> None:
    """Add a triple's gradients with respect to its neighbours at v and w, [3, n_angular] each."""
    for a in range(3):
        for f in range(len(by_cosine)):
            across = by_third[f] * (v[a] - w[a])
            at_j[a, f] += by_cosine[f] * w[a] + by_j[f] * v[a] + across
            at_k[a, f] += by_cosine[f] * v[a] + by_k[f] * w[a] - across


@_compiled
def symmetry_function_gradients(
    atoms: Integers,
    own_slots: Integers,
    slots: Integers,
    near: Neighbourhoods,
    n_channels: int,
    parameters: Parameters,
    result: Floats,
) -> None:
    """Gradients of chosen atoms' symmetry functions with respect to the positions of their neighbours and their own.

    Parameters
    ----------
    atoms, near, n_channels, parameters
        As in :func:`symmetry_functions`.
    own_slots, slots : int64[n_chosen], int64[n_pairs]
        Place in the result of an atom's own gradient, and of that of each pair. Images of one atom share a place.
    result : float64[n_slots, 3, size]
        Added to.
    """
    first, vectors, channels = near.first, near.vectors, near.channels
    cutoff, polynomial = parameters.cutoff_A, parameters.polynomial
    n_radial, n_angular = len(parameters.radial_eta), len(parameters.eta)
    most = np.max(first[1:] - first[:-1])
    g, slopes, distance = np.empty((most, n_angular)), np.empty((most, n_angular)), np.empty(most)
    radial, radial_slope = np.empty(n_radial), np.empty(n_radial)
    factor, factor_slope = np.empty(len(parameters.lam)), np.empty(len(parameters.lam))
    third, third_slope = np.ones(n_angular), np.zeros(n_angular)
    by_cosine, by_j, by_k, by_third = np.empty(n_angular), np.empty(n_angular), np.empty(n_angular), np.empty(n_angular)
    any_wide = np.any(parameters.wide)
    change = np.empty((most, 3, result.shape[2]))
    for i, own in zip(atoms, own_slots):  # noqa: B905, numba knows no strict
        begin = first[i]
        change[:] = 0.0
        for j in range(first[i + 1] - begin):
            v = vectors[begin + j]
            distance[j] = r = np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
            _gaussians(r, parameters.radial_eta, parameters.radial_shift, cutoff, polynomial, radial, radial_slope)
            _gaussians(r, parameters.eta, parameters.shift, cutoff, polynomial, g[j], slopes[j])
            place = channels[begin + j] * n_radial
            for a in range(3):
                for f in range(n_radial):
                    change[j, a, place + f] += radial_slope[f] * v[a] / r
        for j in range(first[i + 1] - begin if n_angular else 0):
            v = vectors[begin + j]
            for k in range(j + 1, first[i + 1] - begin):
                w = vectors[begin + k]
                r_j, r_k = distance[j], distance[k]
                cosine = (v[0] * w[0] + v[1] * w[1] + v[2] * w[2]) / (r_j * r_k)
                _angular_factors(cosine, parameters.lam, parameters.zeta, factor, factor_slope)
                r = 1.0
                if any_wide:
                    r = np.sqrt((v[0] - w[0]) ** 2 + (v[1] - w[1]) ** 2 + (v[2] - w[2]) ** 2)
                    _gaussians(r, parameters.eta, parameters.shift, cutoff, polynomial, third, third_slope)
                pair = _pair_channel(channels[begin + j], channels[begin + k], n_channels)
                here = slice(n_channels * n_radial + pair * n_angular, n_channels * n_radial + (pair + 1) * n_angular)
                for f in range(n_angular):
                    if not parameters.wide[f]:
                        third[f], third_slope[f] = 1.0, 0.0
                    value, slope = factor[parameters.term[f]], factor_slope[parameters.term[f]]
                    by_cosine[f] = slope * g[j, f] * g[k, f] * third[f] / (r_j * r_k)
                    by_j[f] = value * slopes[j, f] * g[k, f] * third[f] / r_j - by_cosine[f] * cosine * r_k / r_j
                    by_k[f] = value * g[j, f] * slopes[k, f] * third[f] / r_k - by_cosine[f] * cosine * r_j / r_k
                    by_third[f] = value * g[j, f] * g[k, f] * third_slope[f] / r
                _add_triple(v, w, by_cosine, by_j, by_k, by_third, change[j, :, here], change[k, :, here])
        for j in range(first[i + 1] - begin):
            result[slots[begin + j]] += change[j]
            result[own] -= change[j]
