r"""Symmetry functions of one element's atoms as arrays for compiled code, with what several of them share computed once.

A profile or an angular factor that several functions have is evaluated once. Of wide angular functions with small whole ζ no pair
of neighbours is visited at all: with the unit vectors :math:`\hat r_j` and the moments

.. math:: M_{lmn} = \sum_j g(r_{ij})\, \hat x_j^l \hat y_j^m \hat z_j^n,

.. math:: \sum_{jk} g_j g_k (1 + \lambda\, \hat r_j\!\cdot\!\hat r_k)^\zeta
          = \sum_{l+m+n \le \zeta} \binom{\zeta}{l+m+n} \frac{(l+m+n)!}{l!\,m!\,n!}\, \lambda^{l+m+n} M_{lmn}^2,

so the cost grows with the number of neighbours, not with its square; the terms j = k are subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sharvin_descriptors.symmetry_functions.definitions import COMPACT_TYPES, NARROW, WEIGHTED, WIDE, AtomFunction
from sharvin_descriptors.symmetry_functions.radial import ANGLE, COMPACT, EXPONENTIAL, GAUSSIAN, POWER

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

HIGHEST_DEGREE = 4
"""Highest ζ by moments; beyond it their number outgrows the pairs of neighbours, and so does cancellation."""
EXPONENTS = [(x, y, d - x - y) for d in range(HIGHEST_DEGREE + 1) for x in range(d, -1, -1) for y in range(d - x, -1, -1)]
"""Exponents of the monomials, by degree."""
MONOMIALS = len(EXPONENTS)
LANES = 8
"""Monomials are worked on in whole groups of this many, so that loops over them have no remainder."""
PADDED = -(-MONOMIALS // LANES) * LANES


class FunctionArrays(NamedTuple):
    """Functions of the atoms of one element; compiled functions take it as it is.

    ``p_*``: distinct profiles, Gaussians first; ``c_first``: where those of each distinct cutoff function begin.

    ``r_*``: radial functions, channel −1 for all.

    ``m_*``: wide angular functions by moments: their profile, channels a ≤ b, number of monomials, coefficients float64[n,
    MONOMIALS], and what the terms j = k contribute; ``m_used``, ``m_count``: profiles that have moments, and by profile how
    many, in whole groups.

    ``t_*``: angular functions by pairs of neighbours; ``pair_first``, ``pair_members``: which of them a pair of channels has.

    ``f_*``: distinct angular factors. ``*_out``: place of the function in a row.

    ``source``, ``power``: ∂/∂x_a of Σ_c B_c X_c is Σ_m power[a, m] B[source[a, m]] X_m.
    """

    size: int
    n_channels: int
    p_kind: Integers
    p_eta: Floats
    p_shift: Floats
    p_cutoff: Floats
    p_type: Integers
    p_alpha: Floats
    p_inner: Floats
    p_core: Integers
    p_asymmetric: Flags
    p_weighted: Flags
    r_profile: Integers
    r_channel: Integers
    r_out: Integers
    m_profile: Integers
    m_a: Integers
    m_b: Integers
    m_monomials: Integers
    m_coefficient: Floats
    m_self: Floats
    m_out: Integers
    m_used: Integers
    m_count: Integers
    c_first: Integers
    t_profile: Integers
    t_plain: Integers
    t_factor: Integers
    t_narrow: Flags
    t_out: Integers
    pair_first: Integers
    pair_members: Integers
    f_kind: Integers
    f_lam: Floats
    f_zeta: Floats
    f_left: Floats
    f_right: Floats
    f_core: Integers
    f_asymmetric: Flags
    source: Integers
    power: Floats


def function_arrays(functions: Sequence[AtomFunction], channel_of: dict[int, int]) -> FunctionArrays:
    """Arrays of functions of one element's atoms, whose values keep the order of `functions`.

    Parameters
    ----------
    functions : sequence of AtomFunction
    channel_of : dict of int to int
        Channel of the neighbours with an atomic number: 0, 1, … .
    """
    profiles, ends = _ordered_profiles(functions)
    factors: dict[tuple[float, ...], int] = {}
    radial: list[tuple[int, int, int]] = []
    moments: list[tuple[int, int, int, int]] = []
    powers: list[AtomFunction] = []
    triples: list[tuple[int, int, int, bool, int]] = []
    n = len(set(channel_of.values()))
    members: list[list[int]] = [[] for _ in range(n * (n + 1) // 2)]
    for out, function in enumerate(functions):
        profile = profiles[_profile(function, function.type in WEIGHTED)]
        channels = sorted(channel_of[z] for z in function.neighbours)
        if function.radial:
            radial.append((profile, channels[0] if channels else -1, out))
        elif function.type in WIDE and function.type not in COMPACT_TYPES and _by_moments(function.zeta):
            moments.append((profile, channels[0], channels[1], out))
            powers.append(function)
        else:
            plain = profiles[_profile(function, False)]
            factor = factors.setdefault(_factor(function), len(factors))
            places = range(len(members)) if not channels else [pair_of_channels(channels[0], channels[1], n)]
            for place in places:
                members[place].append(len(triples))
            triples.append((profile, plain, factor, function.type in NARROW, out))
    degrees = np.zeros(len(profiles), dtype=np.int64)
    for (profile, *_), function in zip(moments, powers, strict=True):
        degrees[profile] = max(degrees[profile], int(function.zeta))
    p = np.array(list(profiles), dtype=np.float64).reshape(-1, 10).T
    f = np.array(list(factors), dtype=np.float64).reshape(-1, 7).T
    r, t = _columns(radial, 3), _columns(triples, 5)
    m = _columns(moments, 4)
    rows = [_coefficients(function) for function in powers]
    first = np.concatenate([[0], np.cumsum([len(ones) for ones in members])]).astype(np.int64)
    return FunctionArrays(
        len(functions),
        n,
        p[0].astype(np.int64), p[1].copy(), p[2].copy(), p[3].copy(), p[4].astype(np.int64), p[5].copy(), p[6].copy(),
        p[7].astype(np.int64), p[8].astype(bool), p[9].astype(bool),
        r[0], r[1], r[2],
        m[0], m[1], m[2],
        np.array([comb(int(function.zeta) + 3, 3) for function in powers], dtype=np.int64),
        np.array(rows, dtype=np.float64).reshape(-1, MONOMIALS),
        np.array([2.0 ** (1 - function.zeta) * (1 + function.lam) ** function.zeta for function in powers]),
        m[3],
        np.flatnonzero(degrees).astype(np.int64),
        np.array([-(-comb(int(degree) + 3, 3) // LANES) * LANES for degree in degrees], dtype=np.int64),
        np.array(ends, dtype=np.int64),
        t[0], t[1], t[2], t[3].astype(bool), t[4],
        first,
        np.array([index for ones in members for index in ones], dtype=np.int64),
        f[0].astype(np.int64), f[1].copy(), f[2].copy(), f[3].copy(), f[4].copy(), f[5].astype(np.int64), f[6].astype(bool),
        *_derivative_table(),
    )  # fmt: skip


def _ordered_profiles(functions: Sequence[AtomFunction]) -> tuple[dict[tuple[float, ...], int], list[int]]:
    """Distinct profiles, Gaussians first and those of one cutoff function together, and where each of these begins and ends."""
    found = {_profile(function, function.type in WEIGHTED) for function in functions}
    found |= {_profile(function, False) for function in functions if not function.radial}
    ordered = sorted(found, key=lambda profile: (profile[0], profile[3:6], profile))
    ends = [k for k, profile in enumerate(ordered) if profile[0] == GAUSSIAN and (k == 0 or profile[3:6] != ordered[k - 1][3:6])]
    return {profile: k for k, profile in enumerate(ordered)}, [*ends, sum(profile[0] == GAUSSIAN for profile in ordered)]


def pair_of_channels(a: int, b: int, n_channels: int) -> int:
    """Place of the pair of channels a ≤ b among all of them."""
    return a * n_channels - a * (a - 1) // 2 + b - a


def _by_moments(zeta: float) -> bool:
    return zeta == int(zeta) and 1 <= zeta <= HIGHEST_DEGREE


def _profile(function: AtomFunction, weighted: bool) -> tuple[float, ...]:
    """kind, η, r_s, cutoff, cutoff type, α, left end, core, asymmetric, weighted."""
    if function.type in COMPACT_TYPES:
        return (COMPACT, 0.0, 0.0, function.cutoff_A, 0, 0.0, function.inner_A, *_core(function.subtype), weighted)
    cut = (function.cutoff_A, function.cutoff_type, function.cutoff_alpha)
    return (GAUSSIAN, function.eta_per_A2, function.shift_A, *cut, 0.0, 0, False, weighted)


def _factor(function: AtomFunction) -> tuple[float, ...]:
    """kind, λ, ζ, left and right angle, core, asymmetric."""
    if function.type in COMPACT_TYPES:
        left, right = np.deg2rad(function.angles_deg)
        return (ANGLE, 0.0, 1.0, float(left), float(right), *_core(function.subtype))
    return (POWER, function.lam, function.zeta, 0.0, 0.0, 0, False)


def _core(subtype: str) -> tuple[int, bool]:
    if subtype == "e":
        return EXPONENTIAL, False
    return EXPONENTIAL + int(subtype[1]), subtype.endswith("a")


def _coefficients(function: AtomFunction) -> list[float]:
    """2^(1−ζ) λ^d binomial × multinomial of every monomial; zero beyond degree ζ."""
    zeta, norm = int(function.zeta), 2.0 ** (1 - function.zeta)
    result = []
    for x, y, z in EXPONENTS:
        d = x + y + z
        ways = factorial(d) // (factorial(x) * factorial(y) * factorial(z))
        result.append(norm * comb(zeta, d) * function.lam**d * ways if d <= zeta else 0.0)
    return result


def _derivative_table() -> tuple[Integers, Floats]:
    """``source`` and ``power``."""
    index = {exponents: c for c, exponents in enumerate(EXPONENTS)}
    lower = [exponents for exponents in EXPONENTS if sum(exponents) < HIGHEST_DEGREE]
    source, power = np.zeros((3, len(lower)), dtype=np.int64), np.zeros((3, len(lower)))
    for m, exponents in enumerate(lower):
        for a in range(3):
            more = list(exponents)
            more[a] += 1
            source[a, m], power[a, m] = index[(more[0], more[1], more[2])], more[a]
    return source, power


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> Integers:
    return np.array(rows, dtype=np.int64).reshape(-1, width).T.copy()
