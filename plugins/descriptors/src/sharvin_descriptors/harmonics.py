r"""Real spherical harmonics of many unit vectors at once, and their derivatives, compiled with numba.

With :math:`\bar Q_{lm}(z)` the normalised associated Legendre function without its factor :math:`(1 - z^2)^{m/2}`, which the
powers of x ± iy carry instead,

.. math:: Y_{lm} = \bar Q_{lm}(z)\, \mathrm{Re}(x + iy)^m, \qquad Y_{l,-m} = \bar Q_{lm}(z)\, \mathrm{Im}(x + iy)^m,

.. math:: \bar Q_{lm} = a_{lm} z \bar Q_{l-1,m} - b_{lm} \bar Q_{l-2,m}, \qquad \bar Q_{mm} = a_{mm}.

Nothing is divided by the distance from the z axis, so the poles are ordinary points.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.runs.compiled import njit

Real = NDArray[Any]

GROUP = 8
"""Vectors are worked on in whole groups of this many, so that loops over them have no remainder."""

compiled: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
"""Fused multiply-add is allowed, a changed order of sums is not."""


def legendre_coefficients(l_max: int) -> NDArray[np.float64]:
    """Coefficients a[l, m], b[l, m] of the recursion, float64[2, l_max + 1, l_max + 1]."""
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


@compiled
def spherical_harmonics(
    x: Real, y: Real, z: Real, groups: int, legendre: NDArray[np.float64], scratch: NDArray[np.float64], result: Real
) -> None:
    """Write Y_lm of unit vectors to ``result[l² + l + m, vector]``.

    Parameters
    ----------
    x, y, z : float64[at least GROUP × groups]
    groups : int
    legendre : float64[2, l_max + 1, l_max + 1]
        From :func:`legendre_coefficients`.
    scratch : float64[4, at least GROUP × groups]
    result : [at least (l_max + 1)², at least GROUP × groups]
        Written.
    """
    n = GROUP * groups
    cosine, sine, older, old = scratch[0], scratch[1], scratch[2], scratch[3]
    for j in range(n):
        cosine[j] = 1.0
        sine[j] = 0.0
    for m in range(legendre.shape[1]):
        start = legendre[0, m, m]
        top, bottom = result[m * m + 2 * m], result[m * m]
        for j in range(n):
            older[j] = 0.0
            old[j] = start
            bottom[j] = start * sine[j]
            top[j] = start * cosine[j]
        for l_value in range(m + 1, legendre.shape[1]):
            a, b, centre = legendre[0, l_value, m], legendre[1, l_value, m], l_value * (l_value + 1)
            plus, minus = result[centre + m], result[centre - m]
            for j in range(n):
                new = a * z[j] * old[j] - b * older[j]
                older[j] = old[j]
                old[j] = new
                minus[j] = new * sine[j]
                plus[j] = new * cosine[j]
        for j in range(n):
            turned = x[j] * cosine[j] - y[j] * sine[j]
            sine[j] = x[j] * sine[j] + y[j] * cosine[j]
            cosine[j] = turned


@compiled
def harmonic_gradients(x: float, y: float, z: float, r: float, legendre: NDArray[np.float64], result: Real) -> None:
    """Write Y_lm of a unit vector to ``result[0, l² + l + m]`` and its gradient with respect to r × (x, y, z) to ``result[1:]``.

    The formula above is a polynomial of x, y and z; the part of its gradient along the unit vector is no change of direction and
    is projected out.
    """
    cosine, sine, lower_cosine, lower_sine = 1.0, 0.0, 0.0, 0.0  # real and imaginary part of (x + iy)^m and of (x + iy)^(m − 1)
    for m in range(legendre.shape[1]):
        older, old, older_slope, old_slope = 0.0, legendre[0, m, m], 0.0, 0.0
        for l_value in range(m, legendre.shape[1]):
            if l_value > m:
                a, b = legendre[0, l_value, m], legendre[1, l_value, m]
                new, slope = a * z * old - b * older, a * (old + z * old_slope) - b * older_slope
                older, old, older_slope, old_slope = old, new, old_slope, slope
            for part in range(2 if m else 1):
                if part == 0:
                    lm, value = l_value * (l_value + 1) + m, old * cosine
                    gx, gy, gz = m * old * lower_cosine, -m * old * lower_sine, old_slope * cosine
                else:
                    lm, value = l_value * (l_value + 1) - m, old * sine
                    gx, gy, gz = m * old * lower_sine, m * old * lower_cosine, old_slope * sine
                radial = gx * x + gy * y + gz * z
                result[0, lm] = value
                result[1, lm] = (gx - radial * x) / r
                result[2, lm] = (gy - radial * y) / r
                result[3, lm] = (gz - radial * z) / r
        lower_cosine, lower_sine = cosine, sine
        cosine, sine = x * cosine - y * sine, x * sine + y * cosine
