"""Symmetry functions of one atom and their adjoint, compiled with numba.

:func:`look_around` prepares what the sums need, :func:`row` gives the functions, and :func:`adjoint` the gradient of any weighted
sum of them with respect to the neighbours: that of an atom's energy with the weights ∂E/∂G, or that of one function. All sums of
an atom run in a fixed order on one thread.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

from sharvin_descriptors.harmonics import compiled
from sharvin_descriptors.symmetry_functions.arrays import PADDED, FunctionArrays
from sharvin_descriptors.symmetry_functions.atom_space import AtomSpace, vectorised
from sharvin_descriptors.symmetry_functions.radial import (
    ANGLE,
    GAUSSIAN,
    angular_factor,
    compact_function,
    cutoff_function,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LOG2_E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.693147180369123816490, 1.90821492927058770002e-10
"""log2 e, and ln 2 in two parts, so that a multiple of it is subtracted without rounding."""
ROUNDING = 1.5 * 2.0**52
"""Added and subtracted, it leaves a whole number, which then stands in the last bits of the sum."""
LOWEST = -700.0
"""Exponent below which a Gaussian is zero for any purpose."""
A = tuple(1.0 / factorial(order) for order in range(14))
"""Coefficients of the exponential's series."""


@compiled
def _profile(p: int, r: float, functions: FunctionArrays) -> tuple[float, float]:
    """One profile and its slope, without the weight."""
    if functions.p_kind[p] == GAUSSIAN:
        if r >= functions.p_cutoff[p]:
            return 0.0, 0.0
        cut, cut_slope = cutoff_function(r, functions.p_cutoff[p], functions.p_type[p], functions.p_alpha[p])
        d = r - functions.p_shift[p]
        gaussian = np.exp(-functions.p_eta[p] * d * d)
        return gaussian * cut, gaussian * (cut_slope - 2.0 * functions.p_eta[p] * d * cut)
    left, right = functions.p_inner[p], functions.p_cutoff[p]
    value, slope = compact_function(r, left, right, functions.p_core[p], functions.p_asymmetric[p])
    return value, slope


@compiled
def _gaussians(n: int, functions: FunctionArrays, space: AtomSpace) -> None:
    """Gaussian profiles of n neighbours.

    The exponential is :math:`2^n e^s` with |s| ≤ ½ ln 2 and its series to the order 13, within 2e-16: no call, so the loop over
    profiles is one of whole vectors. Sums must keep their order here: that of ROUNDING is undone otherwise.
    """
    for group in range(len(functions.c_first) - 1):
        first, last = functions.c_first[group], functions.c_first[group + 1]
        cutoff, kind, alpha = functions.p_cutoff[first], functions.p_type[first], functions.p_alpha[first]
        eta, shift = functions.p_eta[first:last], functions.p_shift[first:last]
        for k in range(n):
            g, slope, r = space.g[k, first:last], space.slope[k, first:last], space.distance[k]
            if r >= cutoff:
                g[:] = 0.0
                slope[:] = 0.0
                continue
            cut, cut_slope = cutoff_function(r, cutoff, kind, alpha)
            for p in range(last - first):
                d = r - shift[p]
                y = max(-eta[p] * d * d, LOWEST)
                shifted = y * LOG2_E + ROUNDING
                space.scale[p] = shifted
                whole = shifted - ROUNDING
                s = (y - whole * LN2_HIGH) - whole * LN2_LOW
                s2 = s * s
                low = (1.0 + s) + s2 * (A[2] + A[3] * s)
                middle = (A[4] + A[5] * s) + s2 * (A[6] + A[7] * s)
                high = (A[8] + A[9] * s) + s2 * (A[10] + A[11] * s) + s2 * s2 * (A[12] + A[13] * s)
                space.gaussian[p] = low + s2 * s2 * (middle + s2 * s2 * high)
            for p in range(last - first):
                space.bits[p] = (space.bits[p] << 52) + (1023 << 52)
            for p in range(last - first):
                gaussian = space.gaussian[p] * space.scale[p]
                g[p] = gaussian * cut
                slope[p] = gaussian * (cut_slope - 2.0 * eta[p] * (r - shift[p]) * cut)


@compiled
def look_around(vectors: Floats, channels: Integers, weights: Floats, functions: FunctionArrays, space: AtomSpace) -> None:
    """Prepare the sums of an atom with neighbours at `vectors`, float64[n, 3]; `weights` are atomic numbers of the channels."""
    n = len(vectors)
    for k in range(n):
        x, y, z = vectors[k, 0], vectors[k, 1], vectors[k, 2]
        r = np.sqrt(x * x + y * y + z * z)
        space.distance[k] = r
        inverse = 1.0 / r
        space.unit[k, 0], space.unit[k, 1], space.unit[k, 2] = x * inverse, y * inverse, z * inverse
    _gaussians(n, functions, space)
    for p in range(functions.c_first[-1], len(functions.p_kind)):
        for k in range(n):
            space.g[k, p], space.slope[k, p] = _profile(p, space.distance[k], functions)
    for p in range(len(functions.p_kind)):
        if functions.p_weighted[p]:
            for k in range(n):
                space.g[k, p] *= weights[channels[k]]
                space.slope[k, p] *= weights[channels[k]]
    if len(functions.m_out):
        _moments(channels, functions, space)


@vectorised
def _moments(channels: Integers, functions: FunctionArrays, space: AtomSpace) -> None:
    """Moments of each channel and profile, and sums of squares of the profiles."""
    space.moments[:] = 0.0
    space.squares[:] = 0.0
    for k in range(len(channels)):
        _monomials(space.unit[k, 0], space.unit[k, 1], space.unit[k, 2], space.monomials[k])
        channel = channels[k]
        for used in range(len(functions.m_used)):
            p = functions.m_used[used]
            g = space.g[k, p]
            for c in range(functions.m_count[p]):
                space.moments[channel, p, c] += g * space.monomials[k, c]
            space.squares[channel, p] += g * g


@vectorised
def _monomials(x: float, y: float, z: float, result: Floats) -> None:
    """Write the monomials in the order of `EXPONENTS`.

    Those of a degree are x times all of the degree before, then y times those of it without x, then z times its last.
    """
    result[0], result[1], result[2], result[3] = 1.0, x, y, z
    for m in range(3):
        result[4 + m] = result[1 + m] * x
    for m in range(2):
        result[7 + m] = result[2 + m] * y
    result[9] = z * z
    for m in range(6):
        result[10 + m] = result[4 + m] * x
    for m in range(3):
        result[16 + m] = result[7 + m] * y
    result[19] = result[9] * z
    for m in range(10):
        result[20 + m] = result[10 + m] * x
    for m in range(4):
        result[30 + m] = result[16 + m] * y
    result[34] = result[19] * z


@compiled
def row(channels: Integers, functions: FunctionArrays, vectors: Floats, space: AtomSpace, result: Floats) -> None:
    """Write the functions of the atom that was looked around, float64[size]."""
    result[:] = 0.0
    for f in range(len(functions.r_out)):
        total = 0.0
        for k in range(len(channels)):
            if functions.r_channel[f] < 0 or functions.r_channel[f] == channels[k]:
                total += space.g[k, functions.r_profile[f]]
        result[functions.r_out[f]] = total
    for f in range(len(functions.m_out)):
        p, a, b = functions.m_profile[f], functions.m_a[f], functions.m_b[f]
        total = 0.0
        for c in range(functions.m_monomials[f]):
            total += functions.m_coefficient[f, c] * space.moments[a, p, c] * space.moments[b, p, c]
        if a == b:
            total = 0.5 * (total - functions.m_self[f] * space.squares[a, p])
        result[functions.m_out[f]] = total
    if len(functions.t_out):
        _pairs(channels, functions, vectors, space, result)


@vectorised
def _adjoint_of_radial(weights: Floats, channels: Integers, functions: FunctionArrays, space: AtomSpace, result: Floats) -> None:
    """Gradients of the radial functions, along the bonds."""
    by_profile = space.by_profile
    by_profile[:] = 0.0
    for f in range(len(functions.r_out)):
        weight, channel, p = weights[functions.r_out[f]], functions.r_channel[f], functions.r_profile[f]
        if channel >= 0:
            by_profile[channel, p] += weight
        else:
            for every in range(functions.n_channels):
                by_profile[every, p] += weight
    for k in range(len(channels)):
        channel, slope = channels[k], 0.0
        for p in range(by_profile.shape[1]):
            slope += by_profile[channel, p] * space.slope[k, p]
        for a in range(3):
            result[k, a] = slope * space.unit[k, a]


@compiled
def _pair_place(a: int, b: int, n_channels: int) -> int:
    low, high = min(a, b), max(a, b)
    return low * n_channels - low * (low - 1) // 2 + high - low


@compiled
def _evaluate(
    t: int, number: int, cosine: float, angle: float, third: float, functions: FunctionArrays, space: AtomSpace
) -> tuple[float, float, float, float]:
    """Angular factor and third side of a function by pairs, with their slopes, computed once for pair number `number`."""
    f, p = functions.t_factor[t], functions.t_plain[t]
    if space.factor_of[f] != number:
        space.factor[f], space.factor_slope[f] = angular_factor(
            cosine,
            angle,
            functions.f_kind[f],
            functions.f_lam[f],
            functions.f_zeta[f],
            functions.f_left[f],
            functions.f_right[f],
            functions.f_core[f],
            functions.f_asymmetric[f],
        )
        space.factor_of[f] = number
    if not functions.t_narrow[t]:
        return space.factor[f], space.factor_slope[f], 1.0, 0.0
    if space.third_of[p] != number:
        space.third[p], space.third_slope[p] = _profile(p, third, functions)
        space.third_of[p] = number
    return space.factor[f], space.factor_slope[f], space.third[p], space.third_slope[p]


@compiled
def _geometry(j: int, k: int, vectors: Floats, angles: bool, space: AtomSpace) -> tuple[float, float, float]:
    """Cosine of θ, θ where it is needed, and the distance of the neighbours j and k of an atom."""
    u, v = space.unit[j], space.unit[k]
    cosine = min(max(u[0] * v[0] + u[1] * v[1] + u[2] * v[2], -1.0), 1.0)
    x, y, z = vectors[k, 0] - vectors[j, 0], vectors[k, 1] - vectors[j, 1], vectors[k, 2] - vectors[j, 2]
    return cosine, np.arccos(cosine) if angles else 0.0, np.sqrt(x * x + y * y + z * z)


@compiled
def _pairs(channels: Integers, functions: FunctionArrays, vectors: Floats, space: AtomSpace, result: Floats) -> None:
    """Add the functions by pairs of neighbours."""
    angles = np.any(functions.f_kind == ANGLE)
    space.factor_of[:] = -1
    space.third_of[:] = -1
    n = len(channels)
    for j in range(n):
        for k in range(j + 1, n):
            place = _pair_place(channels[j], channels[k], functions.n_channels)
            ready, cosine, angle, third = False, 0.0, 0.0, 0.0
            for index in range(functions.pair_first[place], functions.pair_first[place + 1]):
                t = functions.pair_members[index]
                p = functions.t_profile[t]
                both = space.g[j, p] * space.g[k, p]
                if both == 0.0:
                    continue
                if not ready:
                    cosine, angle, third = _geometry(j, k, vectors, angles, space)
                    ready = True
                factor, _, side, _ = _evaluate(t, j * n + k, cosine, angle, third, functions, space)
                result[functions.t_out[t]] += factor * both * side


@compiled
def adjoint(
    weights: Floats, channels: Integers, functions: FunctionArrays, vectors: Floats, space: AtomSpace, result: Floats
) -> None:
    """Gradient of Σ_f weights[f] G_f with respect to the positions of the neighbours, float64[n, 3]: written."""
    _adjoint_of_radial(weights, channels, functions, space, result)
    if _adjoint_of_moments(weights, functions, space):
        _gather(channels, functions, space, result)
    if len(functions.t_out):
        _adjoint_of_pairs(weights, channels, functions, vectors, space, result)


@compiled
def _adjoint_of_moments(weights: Floats, functions: FunctionArrays, space: AtomSpace) -> bool:
    """Derivatives with respect to the moments and squares; whether there are any."""
    found = False
    for f in range(len(functions.m_out)):
        weight = weights[functions.m_out[f]]
        if weight == 0.0:
            continue
        p, a, b = functions.m_profile[f], functions.m_a[f], functions.m_b[f]
        if not found:
            space.used[:] = False
            found = True
        if not space.used[p]:
            space.used[p] = True
            space.by_moment[:, p] = 0.0
            space.by_square[:, p] = 0.0
        for c in range(functions.m_monomials[f]):
            factor = weight * functions.m_coefficient[f, c]
            space.by_moment[a, p, c] += factor * space.moments[b, p, c]
            if a != b:
                space.by_moment[b, p, c] += factor * space.moments[a, p, c]
        if a == b:
            space.by_square[a, p] += weight * functions.m_self[f]
    return found


@vectorised
def _gather(channels: Integers, functions: FunctionArrays, space: AtomSpace, result: Floats) -> None:
    """Add the gradients that come through the moments: along the bonds by the profiles, across them by the unit vectors."""
    for k in range(len(channels)):
        channel, slope = channels[k], 0.0
        for c in range(PADDED):
            space.gathered[c] = 0.0
        for used in range(len(functions.m_used)):
            p = functions.m_used[used]
            if not space.used[p]:
                continue
            g, total = space.g[k, p], 0.0
            for c in range(functions.m_count[p]):
                by_moment = space.by_moment[channel, p, c]
                total += by_moment * space.monomials[k, c]
                space.gathered[c] += g * by_moment
            slope += space.slope[k, p] * (total - space.by_square[channel, p] * g)
        x, y, z = 0.0, 0.0, 0.0
        for m in range(functions.source.shape[1]):
            monomial = space.monomials[k, m]
            x += functions.power[0, m] * space.gathered[functions.source[0, m]] * monomial
            y += functions.power[1, m] * space.gathered[functions.source[1, m]] * monomial
            z += functions.power[2, m] * space.gathered[functions.source[2, m]] * monomial
        u, v, w, r = space.unit[k, 0], space.unit[k, 1], space.unit[k, 2], space.distance[k]
        along = slope - (x * u + y * v + z * w) / r
        result[k, 0] += along * u + x / r
        result[k, 1] += along * v + y / r
        result[k, 2] += along * w + z / r


@compiled
def _adjoint_of_pairs(
    weights: Floats, channels: Integers, functions: FunctionArrays, vectors: Floats, space: AtomSpace, result: Floats
) -> None:
    angles = np.any(functions.f_kind == ANGLE)
    space.factor_of[:] = -1
    space.third_of[:] = -1
    n = len(channels)
    for j in range(n):
        for k in range(j + 1, n):
            place = _pair_place(channels[j], channels[k], functions.n_channels)
            ready, cosine, angle, third = False, 0.0, 0.0, 1.0
            by_cosine, by_j, by_k, by_third = 0.0, 0.0, 0.0, 0.0
            for index in range(functions.pair_first[place], functions.pair_first[place + 1]):
                t = functions.pair_members[index]
                p, weight = functions.t_profile[t], weights[functions.t_out[t]]
                g_j, g_k = space.g[j, p], space.g[k, p]
                if weight == 0.0 or (g_j == 0.0 and g_k == 0.0):
                    continue
                if not ready:
                    cosine, angle, third = _geometry(j, k, vectors, angles, space)
                    ready = True
                factor, factor_slope, side, side_slope = _evaluate(t, j * n + k, cosine, angle, third, functions, space)
                by_cosine += weight * factor_slope * g_j * g_k * side
                by_j += weight * factor * space.slope[j, p] * g_k * side
                by_k += weight * factor * g_j * space.slope[k, p] * side
                by_third += weight * factor * g_j * g_k * side_slope
            if ready:
                for a in range(3):
                    u, v = space.unit[j, a], space.unit[k, a]
                    across = by_third * (vectors[j, a] - vectors[k, a]) / third
                    result[j, a] += by_j * u + by_cosine * (v - cosine * u) / space.distance[j] + across
                    result[k, a] += by_k * v + by_cosine * (u - cosine * v) / space.distance[k] - across
