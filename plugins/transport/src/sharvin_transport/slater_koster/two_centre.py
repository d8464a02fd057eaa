r"""Blocks of two-centre spd integrals between atoms in any direction (Slater and Koster, Phys. Rev. 94, 1498 (1954)).

With *u* the unit vector from the first atom to the second and real d harmonics :math:`D_m = u^T T_m u` (normalised, |D| = 1),

.. math:: \langle p_i|p_j\rangle = V_\sigma u u^T + V_\pi (1 - u u^T), \quad
          \langle p|d\rangle = V_\sigma u D^T + V_\pi Q, \quad Q_{im} = \tfrac{2}{\sqrt 3} (T_m u - u D_m)_i, \\
          \langle d|d\rangle = V_\sigma D D^T + V_\pi Q^T Q + V_\delta (1 - D D^T - Q^T Q).

Orbital order: s, x, y, z, xy, yz, zx, x²−y², 3z²−r².
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def _quadratic_forms() -> Floats:
    forms = np.zeros((5, 3, 3))
    for m, (a, b) in enumerate(((0, 1), (1, 2), (2, 0))):
        forms[m, a, b] = forms[m, b, a] = np.sqrt(3.0) / 2.0
    forms[3] = np.diag([1.0, -1.0, 0.0]) * np.sqrt(3.0) / 2.0
    forms[4] = np.diag([-0.5, -0.5, 1.0])
    return forms


FORMS = _quadratic_forms()


class Directions:
    """Angular factors of n pairs, shared by hopping and overlap.

    Parameters
    ----------
    unit : float64[n, 3]
        Unit vectors from the first atom to the second.
    orbitals : int
        1 (s), 4 (sp) or 9 (spd) orbitals per atom.
    """

    def __init__(self, unit: Floats, orbitals: int) -> None:
        self.u = unit
        self.orbitals = orbitals
        self.uu = unit[:, :, None] * unit[:, None, :]
        if orbitals == 9:
            tu = (unit @ FORMS.reshape(15, 3).T).reshape(-1, 5, 3)
            self.d = np.einsum("nmi,ni->nm", tu, unit)
            self.q = (2.0 / np.sqrt(3.0)) * (tu - self.d[:, :, None] * unit[:, None, :]).transpose(0, 2, 1)
            self.dd = self.d[:, :, None] * self.d[:, None, :]
            self.qq = self.q.transpose(0, 2, 1) @ self.q

    def blocks(self, forward: Floats, backward: Floats) -> Floats:
        """Matrices ⟨first|·|second⟩, float64[n, orbitals, orbitals].

        Parameters
        ----------
        forward, backward : float64[10, n]
            Two-centre integrals with the first orbital on the first and on the second atom.
        """
        n = len(self.u)
        out = np.zeros((n, self.orbitals, self.orbitals))
        v = forward[:, :, None]
        out[:, 0, 0] = forward[0]
        if self.orbitals >= 4:
            out[:, 0, 1:4] = v[1] * self.u
            out[:, 1:4, 0] = -backward[1][:, None] * self.u
            out[:, 1:4, 1:4] = (v[3] - v[4])[:, :, None] * self.uu
            for i in range(1, 4):
                out[:, i, i] += forward[4]
        if self.orbitals == 9:
            out[:, 0, 4:] = v[2] * self.d
            out[:, 4:, 0] = backward[2][:, None] * self.d
            ud = self.u[:, :, None] * self.d[:, None, :]
            out[:, 1:4, 4:] = v[5][:, :, None] * ud + v[6][:, :, None] * self.q
            reverse = backward[5][:, None, None] * ud + backward[6][:, None, None] * self.q
            out[:, 4:, 1:4] = -reverse.transpose(0, 2, 1)
            out[:, 4:, 4:] = (v[7] - v[9])[:, :, None] * self.dd + (v[8] - v[9])[:, :, None] * self.qq
            for i in range(4, 9):
                out[:, i, i] += forward[9]
        return out
