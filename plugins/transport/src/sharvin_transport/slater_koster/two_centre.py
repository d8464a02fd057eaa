r"""Blocks of two-centre spd integrals between atoms in any direction (Slater and Koster, Phys. Rev. 94, 1498 (1954)).

With *u* the unit vector from the first atom to the second and real d harmonics :math:`D_m = u^T T_m u` (normalised, |D| = 1),

.. math:: \langle p_i|p_j\rangle = V_\sigma u u^T + V_\pi (1 - u u^T), \quad
          \langle p|d\rangle = V_\sigma u D^T + V_\pi Q, \quad Q_{im} = \tfrac{2}{\sqrt 3} (T_m u - u D_m)_i, \\
          \langle d|d\rangle = V_\sigma D D^T + V_\pi Q^T Q + V_\delta (1 - D D^T - Q^T Q).

Orbital order: s, x, y, z, xy, yz, zx, x²−y², 3z²−r². A block depends, bit for bit, on its own pair only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.runs.compiled import njit

Floats = NDArray[np.float64]
Array = Any


def _quadratic_forms() -> Floats:
    forms = np.zeros((5, 3, 3))
    for m, (a, b) in enumerate(((0, 1), (1, 2), (2, 0))):
        forms[m, a, b] = forms[m, b, a] = np.sqrt(3.0) / 2.0
    forms[3] = np.diag([1.0, -1.0, 0.0]) * np.sqrt(3.0) / 2.0
    forms[4] = np.diag([-0.5, -0.5, 1.0])
    return forms


FORMS = _quadratic_forms()


def two_centre_blocks(unit: Floats, orbitals: int, forward: Floats, backward: Floats) -> Floats:
    """Matrices ⟨first|·|second⟩ of several operators, float64[operators, n, orbitals, orbitals].

    Parameters
    ----------
    unit : float64[n, 3]
        Unit vectors from the first atom to the second.
    orbitals : int
        1 (s), 4 (sp) or 9 (spd) orbitals per atom.
    forward, backward : float64[operators, 10, n]
        Two-centre integrals with the first orbital on the first and on the second atom.
    """
    out = np.empty((len(forward), len(unit), orbitals, orbitals))
    for operator in range(len(forward)):
        _fill(np.ascontiguousarray(unit), orbitals, forward[operator], backward[operator], FORMS, out[operator])
    return out


@njit(nogil=True, error_model="numpy")
def _fill(unit: Array, orbitals: int, forward: Array, backward: Array, forms: Array, out: Array) -> None:
    d, tu, q = np.empty(5), np.empty((5, 3)), np.empty((3, 5))
    for n in range(len(unit)):
        block = out[n]
        block[0, 0] = forward[0, n]
        if orbitals < 4:
            continue
        u = unit[n]
        sigma, pi = forward[3, n], forward[4, n]
        for i in range(3):
            block[0, 1 + i] = forward[1, n] * u[i]
            block[1 + i, 0] = -backward[1, n] * u[i]
            for j in range(3):
                block[1 + i, 1 + j] = (sigma - pi) * (u[i] * u[j])
            block[1 + i, 1 + i] += pi
        if orbitals < 9:
            continue
        for m in range(5):
            d[m] = 0.0
            for i in range(3):
                tu[m, i] = forms[m, i, 0] * u[0] + forms[m, i, 1] * u[1] + forms[m, i, 2] * u[2]
                d[m] += tu[m, i] * u[i]
            for i in range(3):
                q[i, m] = (2.0 / np.sqrt(3.0)) * (tu[m, i] - d[m] * u[i])
        for m in range(5):
            block[0, 4 + m] = forward[2, n] * d[m]
            block[4 + m, 0] = backward[2, n] * d[m]
            for i in range(3):
                along = u[i] * d[m]
                block[1 + i, 4 + m] = forward[5, n] * along + forward[6, n] * q[i, m]
                block[4 + m, 1 + i] = -(backward[5, n] * along + backward[6, n] * q[i, m])
        sigma, pi, delta = forward[7, n] - forward[9, n], forward[8, n] - forward[9, n], forward[9, n]
        for m in range(5):
            for k in range(m + 1):
                across = q[0, m] * q[0, k] + q[1, m] * q[1, k] + q[2, m] * q[2, k]
                block[4 + m, 4 + k] = block[4 + k, 4 + m] = sigma * (d[m] * d[k]) + pi * across
            block[4 + m, 4 + m] += delta
