r"""Power spectra of the surroundings of atoms, compiled.

By the addition theorem of spherical harmonics, with real ones :math:`Y_{lm}` normalised to
:math:`\sum_m Y_{lm}(u) Y_{lm}(v) = P_l(u \cdot v)`,

.. math:: p_{abl} = \sum_{jk} f_a(r_j)\, P_l(\cos\theta_{jk})\, f_b(r_k) = \sum_m c_{alm} c_{blm}, \quad
          c_{alm} = \sum_j f_a(r_j)\, Y_{lm}(\hat r_j).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.runs.compiled import njit

Array = Any
LARGEST_L = 4
_HARMONICS = (LARGEST_L + 1) ** 2


def power_spectrum(
    row: NDArray[np.int64], kind: NDArray[np.int64], radial: Array, direction: Array, n: int, kinds: int
) -> tuple[Array, Array]:
    """Moments c₀ float64[n, f] and power spectra float64[n, 5, f (f + 1) / 2] for l from 0 to 4, of f = kinds · radial functions.

    Parameters
    ----------
    row : int64[p]
        Which of the n atoms a neighbour belongs to.
    kind : int64[p]
        Which of the `kinds` the neighbour is.
    radial : float64[p, f / kinds]
        Radial functions at its distance.
    direction : float64[p, 3]
        Unit vectors towards it.
    n, kinds : int
    """
    functions = kinds * radial.shape[1]
    c = np.zeros((n, functions, _HARMONICS))
    _expand(row, kind, np.ascontiguousarray(radial), np.ascontiguousarray(direction), c)
    power = np.empty((n, LARGEST_L + 1, functions * (functions + 1) // 2))
    _square(c, power)
    return c[:, :, 0], power


@njit(nogil=True, error_model="numpy")
def harmonics(x: float, y: float, z: float, out: Array) -> None:
    """Y of a unit vector for l from 0 to 4, l² + l + 1 numbers before those of l + 1, in any order of m."""
    xx, yy, zz = x * x, y * y, z * z
    out[0] = 1.0
    out[1], out[2], out[3] = x, y, z
    three = np.sqrt(3.0)
    out[4], out[5], out[6] = three * x * y, three * y * z, three * z * x
    out[7], out[8] = 0.5 * three * (xx - yy), 0.5 * (3.0 * zz - 1.0)
    out[9] = 0.5 * z * (5.0 * zz - 3.0)
    a = np.sqrt(0.375) * (5.0 * zz - 1.0)
    out[10], out[11] = a * x, a * y
    out[12], out[13] = 0.5 * np.sqrt(15.0) * z * (xx - yy), np.sqrt(15.0) * x * y * z
    out[14], out[15] = np.sqrt(0.625) * x * (xx - 3.0 * yy), np.sqrt(0.625) * y * (3.0 * xx - yy)
    out[16] = 0.125 * (35.0 * zz * zz - 30.0 * zz + 3.0)
    a = 0.25 * np.sqrt(10.0) * z * (7.0 * zz - 3.0)
    out[17], out[18] = a * x, a * y
    a = 0.25 * np.sqrt(5.0) * (7.0 * zz - 1.0)
    out[19], out[20] = a * (xx - yy), 2.0 * a * x * y
    a = 0.25 * np.sqrt(70.0) * z
    out[21], out[22] = a * x * (xx - 3.0 * yy), a * y * (3.0 * xx - yy)
    a = 0.125 * np.sqrt(35.0)
    out[23], out[24] = a * (xx * xx - 6.0 * xx * yy + yy * yy), 4.0 * a * x * y * (xx - yy)


@njit(nogil=True, error_model="numpy")
def _expand(row: Array, kind: Array, radial: Array, direction: Array, c: Array) -> None:
    y = np.empty(_HARMONICS)
    functions = radial.shape[1]
    for p in range(len(row)):
        harmonics(direction[p, 0], direction[p, 1], direction[p, 2], y)
        for f in range(functions):
            value = radial[p, f]
            own = c[row[p], kind[p] * functions + f]
            for m in range(_HARMONICS):
                own[m] += value * y[m]


@njit(nogil=True, error_model="numpy")
def _square(c: Array, power: Array) -> None:
    functions = c.shape[1]
    for i in range(len(c)):
        at = 0
        for a in range(functions):
            for b in range(a, functions):
                for order in range(LARGEST_L + 1):
                    total = 0.0
                    for m in range(order * order, (order + 1) * (order + 1)):
                        total += c[i, a, m] * c[i, b, m]
                    power[i, order, at] = total
                at += 1
