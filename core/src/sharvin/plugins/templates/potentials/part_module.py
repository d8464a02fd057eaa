"""Morse pair potential: E = Σ_{i<j} D (e^{−2ρ(r/r0 − 1)} − 2 e^{−ρ(r/r0 − 1)}) (Morse, Phys. Rev. 34, 57 (1929))."""

from __future__ import annotations

from ase.calculators.morse import MorsePotential

from plugin_package.configs import PartNameOptions


class PartName:
    """Morse potential that fades out smoothly between 1.9 and 2.7 distances at rest."""

    def __init__(self, options: PartNameOptions) -> None:
        self._options = options

    def calculator(self) -> MorsePotential:
        """ASE calculator: energy in eV, forces in eV/Å, stress in eV/Å³."""
        options = self._options
        return MorsePotential(epsilon=options.depth_eV, r0=options.distance_A, rho0=options.stiffness)
