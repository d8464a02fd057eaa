r"""A plain transmission for the kit to compare with: textbook formulae, dense matrices, nothing shared with any solver.

.. math:: T = \mathrm{Tr}\, \Gamma_L G \Gamma_R G^\dagger, \quad G = [E S - H - \Sigma_L - \Sigma_R]^{-1}, \quad
          \Gamma = i(\Sigma - \Sigma^\dagger)

(Caroli et al., J. Phys. C 4, 916 (1971)), with the self-energies of :mod:`sharvin.two_terminal`. The waves of a lead obey
:math:`K_{in} \psi_{n-1} + K_{00} \psi_n + K_{out} \psi_{n+1} = 0` with *K = z S − H*; those that decay away from the device span
the deflating subspace with |λ| < 1, where ψ(n+1) = F ψ(n), and Σ = −K_out F. At z = E + iη each wave that travels away decays.
The limit η → 0 is taken by extrapolation from η and 2η, whose error is of order η².
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import ordqz

from sharvin.two_terminal import Lead, TwoTerminal

ETA_EV = 1e-6


def reference_transmission(
    system: TwoTerminal, energies_eV: NDArray[np.float64], extrapolate: bool = True
) -> NDArray[np.float64]:
    """T(E), float64[n_energies], at energies relative to the Fermi energy that are not within 1e-3 eV of a band edge.

    The error is of order 1e-9 at 0.1 eV from a band edge, and of order 1e-5 in half the time if nothing is extrapolated.
    """
    energies = system.fermi_energy_eV + np.asarray(energies_eV, dtype=np.float64)
    T = np.array([_transmission(system, energy, ETA_EV) for energy in energies])
    return 2 * T - np.array([_transmission(system, energy, 2 * ETA_EV) for energy in energies]) if extrapolate else T


def _transmission(system: TwoTerminal, energy_eV: float, eta_eV: float) -> float:
    sigma_left = self_energy(system.left.reversed(), energy_eV, eta_eV)
    sigma_right = self_energy(system.right, energy_eV, eta_eV)
    left, right = system.left.size, system.right.size
    inverse = (energy_eV * system.S - system.H).toarray().astype(np.complex128)
    inverse[:left, :left] -= sigma_left
    inverse[-right:, -right:] -= sigma_right
    green = np.linalg.inv(inverse)[:left, -right:]
    gamma_left, gamma_right = (1j * (sigma - sigma.conj().T) for sigma in (sigma_left, sigma_right))
    return float(np.trace(gamma_left @ green @ gamma_right @ green.conj().T).real)


def self_energy(lead: Lead, energy_eV: float, eta_eV: float) -> NDArray[np.complex128]:
    """Self-energy of the half-infinite lead that continues the device towards +z, complex128[m, m] in eV."""
    z, m = energy_eV + 1j * eta_eV, lead.size
    inside, outwards = z * lead.S00 - lead.H00, z * lead.S01 - lead.H01
    inwards = z * lead.S01.conj().T - lead.H01.conj().T
    one, zero = np.eye(m), np.zeros((m, m))
    first = np.block([[zero, one], [-inwards, -inside]])
    second: NDArray[Any] = np.block([[one, zero], [zero, outwards]])
    *_, waves = ordqz(first, second, sort="iuc", output="complex")
    propagation = waves[m:, :m] @ np.linalg.inv(waves[:m, :m])
    return np.asarray(-outwards @ propagation, dtype=np.complex128)
