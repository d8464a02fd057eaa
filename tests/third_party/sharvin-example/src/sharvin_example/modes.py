"""Transmission of a dense device with self-energies from the decaying modes of the leads.

Along a lead, with A = E S00 − H00 and B = E S01 − H01, waves obey B† ψ_{n−1} + A ψ_n + B ψ_{n+1} = 0. The solutions that decay to
the right satisfy ψ_{n+1} = F ψ_n; F is the deflating subspace of the linearised problem with |λ| < 1 (Wimmer,
*Quantum transport in nanostructures*, PhD thesis, Regensburg 2009, app. B). Then Σ_R = −B F, Σ_L likewise with B ↔ B†, and
T = Tr Γ_L G Γ_R G† (Caroli et al., J. Phys. C 4, 916 (1971)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import ordqz
from sharvin import TwoTerminal

from sharvin_example.configs import ModesOptions

ComplexMatrix = NDArray[np.complex128]


class ModesSolver:
    """Dense reference solver for small devices."""

    def __init__(self, options: ModesOptions) -> None:
        self._eta = options.eta_eV

    def transmission(self, systems: Sequence[TwoTerminal], energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
        """T(E), float64[n_systems, n_energies]."""
        return np.array([[self._one(system, energy) for energy in energies_eV] for system in systems])

    def _one(self, system: TwoTerminal, energy_eV: float) -> float:
        energy = system.fermi_energy + energy_eV
        z = energy + 1j * self._eta
        matrix = energy * system.S.toarray() - system.H.toarray() + 0j
        left, right = system.left, system.right
        n_left, n_right = left.size, right.size
        A, B = z * left.S00 - left.H00, energy * left.S01 - left.H01
        sigma_left = -B.conj().T @ _decay(A, B.conj().T, B)
        A, B = z * right.S00 - right.H00, energy * right.S01 - right.H01
        sigma_right = -B @ _decay(A, B, B.conj().T)
        matrix[:n_left, :n_left] -= sigma_left
        matrix[-n_right:, -n_right:] -= sigma_right
        across = np.linalg.solve(matrix, np.eye(system.size)[:, -n_right:])[:n_left]
        gamma_left, gamma_right = (1j * (sigma - sigma.conj().T) for sigma in (sigma_left, sigma_right))
        return float(np.trace(gamma_left @ across @ gamma_right @ across.conj().T).real)


def _decay(A: ComplexMatrix, outwards: ComplexMatrix, inwards: ComplexMatrix) -> ComplexMatrix:
    """F with ψ_{n+1} = F ψ_n outwards, [m, m]."""
    m = len(A)
    zero, one = np.zeros((m, m)), np.eye(m)
    first, second = np.block([[zero, one], [-inwards, -A]]), np.block([[one, zero], [zero, outwards]])
    *_, subspace = ordqz(first, second, sort="iuc", output="complex")
    return subspace[m:, :m] @ np.linalg.inv(subspace[:m, :m])
