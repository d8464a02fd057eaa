"""Symmetry functions of one atom and their adjoint, compiled with numba.

:func:`look_around` prepares what the sums need, :func:`row` gives the functions, and :func:`adjoint` the gradient of any weighted
sum of them with respect to the neighbours: that of an atom's energy with the weights ∂E/∂G, or that of one function. All sums of
an atom run in a fixed order on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sharvin.runs.compiled import njit

from sharvin_descriptors.symmetry_functions.arrays import MONOMIALS, FunctionArrays
from sharvin_descriptors.symmetry_functions.radial import (
    ANGLE,
    GAUSSIAN,
    angular_factor,
    compact_function,
    compiled,
    cutoff_function,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

vectorised: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(
    nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"}
)
"""The order of the sums is the compiler's: the same on one processor, not on all."""


class Workspace(NamedTuple):
    """Arrays that the functions of this module share, of one atom at a time.

    Of each neighbour: distance, unit vector, profiles ``g`` and their slopes, monomials. Of each channel and profile: moments,
    sums of squares of the profile, and the derivatives by both. Of a pair of neighbours: angular factors and third sides, with
    the number of the pair that they belong to.
    """

    distance: Floats
    unit: Floats
    g: Floats
    slope: Floats
    monomials: Floats
    moments: Floats
    squares: Floats
    by_moment: Floats
    by_square: Floats
    gathered: Floats
    used: NDArray[np.bool_]
    factor: Floats
    factor_slope: Floats
    factor_of: Integers
    third: Floats
    third_slope: Floats
    third_of: Integers


@compiled
def workspace(functions: FunctionArrays, most: int) -> Workspace:
    """Arrays for atoms with up to `most` neighbours."""
    n_p, n_f, n_c = len(functions.p_kind), len(functions.f_kind), functions.n_channels
    return Workspace(
        np.empty(most), np.empty((most, 3)), np.empty((most, n_p)), np.empty((most, n_p)), np.empty((most, MONOMIALS)),
        np.zeros((n_c, n_p, MONOMIALS)), np.zeros((n_c, n_p)), np.zeros((n_c, n_p, MONOMIALS)), np.zeros((n_c, n_p)),
        np.empty(MONOMIALS), np.zeros(n_p, dtype=np.bool_),
        np.empty(n_f), np.empty(n_f), np.full(n_f, -1, dtype=np.int64),
        np.empty(n_p), np.empty(n_p), np.full(n_p, -1, dtype=np.int64),
    )  # fmt: skip


@compiled
def _profile(p: int, r: float, functions: FunctionArrays) -> tuple[float, float]:
    if functions.p_kind[p] == GAUSSIAN:
        cut, cut_slope = cutoff_function(r, functions.p_cutoff[p], functions.p_type[p], functions.p_alpha[p])
        if cut == 0.0:
            return 0.0, 0.0
        d = r - functions.p_shift[p]
        gaussian = np.exp(-functions.p_eta[p] * d * d)
        return gaussian * cut, gaussian * (cut_slope - 2.0 * functions.p_eta[p] * d * cut)
    left, right = functions.p_inner[p], functions.p_cutoff[p]
    value, slope = compact_function(r, left, right, functions.p_core[p], functions.p_asymmetric[p])
    return value, slope


@compiled
def _profiles(r: float, weight: float, functions: FunctionArrays, g: Floats, slope: Floats) -> None:
    """All profiles at a distance; those with one cutoff function share it."""
    last, cut, cut_slope = -1, 0.0, 0.0
    for p in range(len(g)):
        if functions.p_kind[p] == GAUSSIAN:
            if (
                last < 0
                or functions.p_cutoff[p] != functions.p_cutoff[last]
                or functions.p_type[p] != functions.p_type[last]
                or functions.p_alpha[p] != functions.p_alpha[last]
            ):
                cut, cut_slope = cutoff_function(r, functions.p_cutoff[p], functions.p_type[p], functions.p_alpha[p])
                last = p
            if r >= functions.p_cutoff[p]:
                g[p], slope[p] = 0.0, 0.0
                continue
            d = r - functions.p_shift[p]
            gaussian = np.exp(-functions.p_eta[p] * d * d)
            g[p], slope[p] = gaussian * cut, gaussian * (cut_slope - 2.0 * functions.p_eta[p] * d * cut)
        else:
            g[p], slope[p] = _profile(p, r, functions)
        if functions.p_weighted[p]:
            g[p] *= weight
            slope[p] *= weight


@vectorised
def _add(moment: Floats, weight: float, monomials: Floats, count: int) -> None:
    for c in range(count):
        moment[c] += weight * monomials[c]


@vectorised
def _dot(a: Floats, b: Floats, count: int) -> float:
    total = 0.0
    for c in range(count):
        total += a[c] * b[c]
    return total


@compiled
def _count(degree: int) -> int:
    return (degree + 1) * (degree + 2) * (degree + 3) // 6


@compiled
def look_around(vectors: Floats, channels: Integers, weights: Floats, functions: FunctionArrays, space: Workspace) -> None:
    """Prepare the sums of an atom with neighbours at `vectors`, float64[n, 3]; `weights` are atomic numbers of the channels."""
    by_moments = len(functions.m_out) > 0
    if by_moments:
        space.moments[:] = 0.0
        space.squares[:] = 0.0
    for k in range(len(vectors)):
        v = vectors[k]
        r = np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
        space.distance[k] = r
        for a in range(3):
            space.unit[k, a] = v[a] / r
        _profiles(r, weights[channels[k]], functions, space.g[k], space.slope[k])
        if not by_moments:
            continue
        x = space.monomials[k]
        x[0] = 1.0
        for c in range(1, MONOMIALS):
            a = 0 if functions.power[0, c] > 0.0 else (1 if functions.power[1, c] > 0.0 else 2)
            x[c] = x[functions.lower[a, c]] * space.unit[k, a]
        for p in range(len(functions.p_kind)):
            degree = functions.m_degree_of_profile[p]
            if degree > 0:
                _add(space.moments[channels[k], p], space.g[k, p], x, _count(degree))
                space.squares[channels[k], p] += space.g[k, p] * space.g[k, p]


@compiled
def row(channels: Integers, functions: FunctionArrays, vectors: Floats, space: Workspace, result: Floats) -> None:
    """Write the functions of the atom that was looked around, float64[size]."""
    result[:] = 0.0
    n = len(channels)
    for f in range(len(functions.r_out)):
        total = 0.0
        for k in range(n):
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


@compiled
def _pair_place(a: int, b: int, n_channels: int) -> int:
    low, high = min(a, b), max(a, b)
    return low * n_channels - low * (low - 1) // 2 + high - low


@compiled
def _evaluate(
    t: int, number: int, cosine: float, angle: float, third: float, functions: FunctionArrays, space: Workspace
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
def _geometry(j: int, k: int, vectors: Floats, angles: bool, space: Workspace) -> tuple[float, float, float]:
    """Cosine of θ, θ where it is needed, and the distance of the neighbours j and k of an atom."""
    u, v = space.unit[j], space.unit[k]
    cosine = min(max(u[0] * v[0] + u[1] * v[1] + u[2] * v[2], -1.0), 1.0)
    x, y, z = vectors[k, 0] - vectors[j, 0], vectors[k, 1] - vectors[j, 1], vectors[k, 2] - vectors[j, 2]
    return cosine, np.arccos(cosine) if angles else 0.0, np.sqrt(x * x + y * y + z * z)


@compiled
def _pairs(channels: Integers, functions: FunctionArrays, vectors: Floats, space: Workspace, result: Floats) -> None:
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
    weights: Floats, channels: Integers, functions: FunctionArrays, vectors: Floats, space: Workspace, result: Floats
) -> None:
    """Gradient of Σ_f weights[f] G_f with respect to the positions of the neighbours, float64[n, 3]: written."""
    n = len(channels)
    by_moments = _adjoint_of_moments(weights, functions, space)
    for k in range(n):
        slope, u = 0.0, space.unit[k]
        for f in range(len(functions.r_out)):
            if functions.r_channel[f] < 0 or functions.r_channel[f] == channels[k]:
                slope += weights[functions.r_out[f]] * space.slope[k, functions.r_profile[f]]
        x, y, z = 0.0, 0.0, 0.0
        if by_moments:
            slope += _gather(k, channels[k], functions, space)
            for c in range(1, MONOMIALS):
                x += space.gathered[c] * functions.power[0, c] * space.monomials[k, functions.lower[0, c]]
                y += space.gathered[c] * functions.power[1, c] * space.monomials[k, functions.lower[1, c]]
                z += space.gathered[c] * functions.power[2, c] * space.monomials[k, functions.lower[2, c]]
            along = x * u[0] + y * u[1] + z * u[2]
            r = space.distance[k]
            x, y, z = (x - along * u[0]) / r, (y - along * u[1]) / r, (z - along * u[2]) / r
        result[k, 0], result[k, 1], result[k, 2] = slope * u[0] + x, slope * u[1] + y, slope * u[2] + z
    if len(functions.t_out):
        _adjoint_of_pairs(weights, channels, functions, vectors, space, result)


@compiled
def _adjoint_of_moments(weights: Floats, functions: FunctionArrays, space: Workspace) -> bool:
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


@compiled
def _gather(k: int, channel: int, functions: FunctionArrays, space: Workspace) -> float:
    """Slope of the sum along a neighbour's bond, by its profiles; its derivatives by the monomials go to ``gathered``."""
    space.gathered[:] = 0.0
    slope = 0.0
    for p in range(len(functions.p_kind)):
        if functions.m_degree_of_profile[p] == 0 or not space.used[p]:
            continue
        count = _count(functions.m_degree_of_profile[p])
        g, by_moment = space.g[k, p], space.by_moment[channel, p]
        slope += space.slope[k, p] * (_dot(by_moment, space.monomials[k], count) - space.by_square[channel, p] * g)
        _add(space.gathered, g, by_moment, count)
    return slope


@compiled
def _adjoint_of_pairs(
    weights: Floats, channels: Integers, functions: FunctionArrays, vectors: Floats, space: Workspace, result: Floats
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
