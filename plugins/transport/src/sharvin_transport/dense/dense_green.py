r"""The solver `dense`: transmission from one dense inverse, a plain reference for small systems.

.. math:: G = [E S - H - \Sigma_L - \Sigma_R]^{-1}, \quad \Gamma = i(\Sigma - \Sigma^\dagger), \quad
          T = \mathrm{Tr}\, \Gamma_L G \Gamma_R G^\dagger

(Meir and Wingreen, Phys. Rev. Lett. 68, 2512 (1992), without interaction), with the self-energies of
:mod:`sharvin.two_terminal`. It shares the surface Green functions with `rgf`, and nothing else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sharvin.grid_wire import Systems
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.broken_devices import zero_if_broken
from sharvin_transport.dense.configs import DenseOptions
from sharvin_transport.leads.surface_green import SurfaceGreen, SurfaceGreens
from sharvin_transport.one_by_one import one_by_one

Complex = NDArray[np.complex128]


class DenseGreen:
    """Elastic transmission by dense inversion, O(n³) in the number of orbitals.

    Parameters
    ----------
    options : DenseOptions
    """

    def __init__(self, options: DenseOptions) -> None:
        self.options = options
        self.surfaces = SurfaceGreens(options.eta_eV)

    def transmission(self, systems: Systems, energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
        """T(E), float64[n_systems, n_energies]; energies are relative to each system's Fermi energy.

        Raises
        ------
        RunError
            If a lead's surface Green function does not converge, or the device has a level exactly at E that no lead broadens.
        """
        return one_by_one(self._transmission, systems, energies_eV)

    def _transmission(self, system: TwoTerminal, energy_eV: float) -> float:
        left, right = system.left, system.right
        to_left = np.conj(energy_eV * left.S01 - left.H01).T
        to_right = energy_eV * right.S01 - right.H01
        sigma_left = self_energy(to_left, self.surfaces.surface(left, "left", energy_eV))
        sigma_right = self_energy(to_right, self.surfaces.surface(right, "right", energy_eV))
        inverse = (energy_eV * system.S - system.H).toarray().astype(np.complex128)
        first, last = slice(0, left.size), slice(system.size - right.size, system.size)
        inverse[first, first] -= sigma_left
        inverse[last, last] -= sigma_right
        try:
            green = np.linalg.inv(inverse)[first, last]
        except np.linalg.LinAlgError:
            return zero_if_broken(system, energy_eV)
        return float(np.trace(broadening(sigma_left) @ green @ broadening(sigma_right) @ green.conj().T).real)


def self_energy(coupling: NDArray[np.float64] | Complex, surface: SurfaceGreen) -> Complex:
    """Σ = A g A† with A the coupling of the outermost principal layer to the lead."""
    green = surface.hermitian - 0.5j * (surface.w @ surface.w.conj().T)
    return np.asarray(coupling @ green @ coupling.conj().T, dtype=np.complex128)


def broadening(sigma: Complex) -> Complex:
    """Γ = i(Σ − Σ†)."""
    return np.asarray(1j * (sigma - sigma.conj().T))
