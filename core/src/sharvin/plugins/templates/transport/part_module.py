"""T = Tr Γ_L G Γ_R G† of a dense device (Caroli et al., J. Phys. C 4, 916 (1971)).

Surface Green functions of the leads by decimation (López Sancho, López Sancho and Rubio, J. Phys. F 15, 851 (1985)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sharvin import TwoTerminal
from sharvin.errors import ItemError

from plugin_package.configs import PartNameOptions

ComplexMatrix = NDArray[np.complex128]


class PartName:
    """Dense solver for small devices."""

    def __init__(self, options: PartNameOptions) -> None:
        self._eta = options.eta_eV

    def transmission(self, systems: Sequence[TwoTerminal], energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
        """T(E), float64[n_systems, n_energies]."""
        return np.array([[self._one(system, energy) for energy in energies_eV] for system in systems])

    def _one(self, system: TwoTerminal, energy_eV: float) -> float:
        energy = system.fermi_energy_eV + energy_eV
        z = energy + 1j * self._eta
        inverse = energy * system.S.toarray() - system.H.toarray() + 0j
        sigmas = []
        for lead, outwards in ((system.left, -1), (system.right, 1)):
            coupling = np.asarray(energy * lead.S01 - lead.H01, dtype=np.complex128)
            if outwards < 0:
                coupling = coupling.conj().T
            surface = _surface(z * lead.S00 - lead.H00, coupling)
            sigmas.append(coupling @ surface @ coupling.conj().T)
        left, right = len(sigmas[0]), len(sigmas[1])
        inverse[:left, :left] -= sigmas[0]
        inverse[-right:, -right:] -= sigmas[1]
        across = np.linalg.solve(inverse, np.eye(len(inverse))[:, -right:])[:left]
        gamma_left, gamma_right = (1j * (sigma - sigma.conj().T) for sigma in sigmas)
        return float(np.trace(gamma_left @ across @ gamma_right @ across.conj().T).real)


def _surface(layer: ComplexMatrix, coupling: ComplexMatrix) -> ComplexMatrix:
    """Green function of the outermost layer of a half-infinite lead; `coupling` is E S − H towards its inside."""
    surface, bulk, inwards, outwards = layer.copy(), layer.copy(), coupling, coupling.conj().T
    for _ in range(200):
        step = np.linalg.inv(bulk)
        surface = surface - inwards @ step @ outwards
        bulk = bulk - inwards @ step @ outwards - outwards @ step @ inwards
        inwards, outwards = inwards @ step @ inwards, outwards @ step @ outwards
        if np.abs(inwards).max() < 1e-14 and np.abs(outwards).max() < 1e-14:
            return np.asarray(np.linalg.inv(surface), dtype=np.complex128)
    raise ItemError("the surface Green function of a lead did not converge: increase eta_eV.")
