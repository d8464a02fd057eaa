r"""Radial profiles and angular factors of symmetry functions with their slopes, compiled with numba.

A profile is a Gaussian under a cutoff function, :math:`e^{-\eta (r - r_s)^2} f_c(r)`, or a function of compact support between
:math:`r_l` and :math:`r_c`, :math:`C(r) = f(|r - r_0| / w)` with :math:`r_0 = (r_l + r_c)/2`, :math:`w = (r_c - r_l)/2`.

Cutoff functions (J. Behler, J. Chem. Phys. 134, 074106 (2011); A. Singraber, J. Behler and C. Dellago, J. Chem. Theory Comput.
15, 1827 (2019)) have the numbers of n2p2's keyword ``cutoff_type``. Compact functions: M. P. Bircher, A. Singraber and C.
Dellago, Mach. Learn.: Sci. Technol. 2, 035026 (2021).
"""

from __future__ import annotations

import numpy as np

from sharvin_descriptors.harmonics import compiled

HARD, COSINE, TANH3_UNNORMALISED, TANH3, EXPONENTIAL, POLY1, POLY2, POLY3, POLY4 = range(9)
"""Cutoff functions: 1; (cos πx + 1)/2; tanh³(1 − r/r_c), and the same with 1 at r = 0; exp(1 − 1/(1 − x²)); polynomials whose
first one to four derivatives vanish at both ends. x = (r − α r_c)/(r_c − α r_c), and 1 below α r_c."""

GAUSSIAN, COMPACT = 0, 1
POWER, ANGLE = 0, 1

TANH_SCALE = float(np.tanh(1.0) ** -3)


@compiled
def core(x: float, kind: int) -> tuple[float, float]:
    """Value and slope of a step from 1 at x = 0 to 0 at x = 1."""
    if kind == POLY1:
        return (2.0 * x - 3.0) * x * x + 1.0, x * (6.0 * x - 6.0)
    if kind == POLY2:
        return ((15.0 - 6.0 * x) * x - 10.0) * x * x * x + 1.0, -30.0 * x * x * (1.0 - x) * (1.0 - x)
    if kind == POLY3:
        cube = x * x * x
        return (x * (x * (20.0 * x - 70.0) + 84.0) - 35.0) * cube * x + 1.0, 140.0 * cube * (x - 1.0) ** 3
    if kind == POLY4:
        fourth = x * x * x * x
        value = (x * (x * ((315.0 - 70.0 * x) * x - 540.0) + 420.0) - 126.0) * fourth * x + 1.0
        return value, -630.0 * fourth * (1.0 - x) ** 4
    if kind == EXPONENTIAL:
        down = 1.0 / (x * x - 1.0)
        value = np.exp(1.0 + down)
        return value, -2.0 * x * down * down * value
    return 0.5 * (np.cos(np.pi * x) + 1.0), -0.5 * np.pi * np.sin(np.pi * x)


@compiled
def cutoff_function(r: float, cutoff: float, kind: int, alpha: float) -> tuple[float, float]:
    """Value and slope of a cutoff function; zero from the cutoff on."""
    if r >= cutoff:
        return 0.0, 0.0
    if kind == HARD:
        return 1.0, 0.0
    if kind in (TANH3_UNNORMALISED, TANH3):
        t = np.tanh(1.0 - r / cutoff)
        scale = TANH_SCALE if kind == TANH3 else 1.0
        return scale * t * t * t, 3.0 * scale * t * t * (t * t - 1.0) / cutoff
    inner = alpha * cutoff
    if r < inner:
        return 1.0, 0.0
    width = cutoff - inner
    value, slope = core((r - inner) / width, kind)
    return value, slope / width


@compiled
def compact_function(a: float, left: float, right: float, kind: int, asymmetric: bool) -> tuple[float, float]:
    """Value and slope of a function that is 1 in the middle of an interval and 0 outside of it."""
    scale = 2.0 / (right - left)
    signed = (a - 0.5 * (left + right)) * scale
    x = abs(signed)
    if x >= 1.0:
        return 0.0, 0.0
    slope_of_x = 1.0
    if asymmetric:
        slope_of_x = 2.0 - 2.0 * x
        x = (2.0 - x) * x
    value, slope = core(x, kind)
    return value, np.copysign(scale, signed) * slope * slope_of_x


@compiled
def angular_factor(
    cosine: float,
    angle: float,
    kind: int,
    lam: float,
    zeta: float,
    left: float,
    right: float,
    core_kind: int,
    asymmetric: bool,
) -> tuple[float, float]:
    """2^(1−ζ) (1 + λ cos θ)^ζ or a compact function of θ between two angles in radians; value and slope in cos θ."""
    if kind == POWER:
        half = max(0.5 * (1.0 + lam * cosine), 0.0)
        whole = int(zeta)
        power = half ** (whole - 1) if whole == zeta else half ** (zeta - 1.0)
        return 2.0 * power * half, zeta * lam * power
    value, slope = compact_function(angle, left, right, core_kind, asymmetric)
    sine = np.sqrt(max((1.0 - cosine) * (1.0 + cosine), 0.0))
    return value, -slope / sine if sine > 1e-8 else 0.0
