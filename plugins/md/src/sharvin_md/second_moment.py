r"""Tight-binding potentials in the second-moment approximation, for metals whose bonds are of s or d electrons.

.. math::

    E = \sum_i \Big[ \sum_j A\, e^{-p (r_{ij}/r_0 - 1)} f(r_{ij})
        - \Big( \sum_j \xi^2 e^{-2q (r_{ij}/r_0 - 1)} f(r_{ij}) \Big)^{1/2} \Big]

The band energy goes with the square root of the second moment of the local density of states, a sum of squared hoppings: an atom
of the last contact is bonded more strongly to each of its few neighbours than one of the crystal
(V. Rosato, M. Guillopé and B. Legrand, Philos. Mag. A 59, 321 (1989); F. Cleri and V. Rosato, Phys. Rev. B 48, 22 (1993);
alkali metals: Y. Li, E. Blaisten-Barojas and D. A. Papaconstantopoulos, Phys. Rev. B 57, 15519 (1998)). The factor f falls
from 1 to 0 between two distances, with vanishing first and second derivatives at both.

The parameters of potassium are a fit of this project to measured values at a few kelvin: lattice constant 5.23 Å, cohesive energy
0.934 eV, C11, C12, C44 of 4.16, 3.41, 2.86 GPa, fcc 0.5 meV above bcc, vacancy 0.4 eV, surface 0.135 J/m², and 0.26 eV per atom
of the dimer. They give 5.23 Å, 0.934 eV, 4.1, 3.5, 2.7 GPa, 0.5 meV, 0.37 eV, 0.14 J/m² and 0.25 eV.

Those of silver and gold are Cleri and Rosato's (their Table II), with interactions up to fifth neighbours, which end here between
6.5 and 7.0 Å: 4.09 Å and 2.96 eV, 4.08 Å and 3.78 eV. The bond of gold's dimer is 2.31 Å, that of its infinite chain 2.47 Å.

LAMMPS reads it as an embedded-atom potential, F(ρ) = −√ρ, from tables that are written once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.options import SYMBOLS
from sharvin.protocols import LammpsPotential

from sharvin_md.configs import SecondMomentOptions, SecondMomentParameters
from sharvin_md.generated_file import generated_file

Floats = NDArray[np.float64]
DISTANCES, DENSITIES = 5000, 20_000
"""Rows of the tables."""
CLOSEST_A = 1.0
"""The tables are flat below this distance, which no atoms reach."""
DENSEST = 0.7
"""The densest crystal of the tables has its neighbours at this part of r0; beyond it LAMMPS goes on with the last slope."""


class SecondMoment:
    """Potential ``second_moment``.

    Parameters
    ----------
    options : SecondMomentOptions
    """

    def __init__(self, options: SecondMomentOptions) -> None:
        self.element = options.element
        self.parameters = options.parameters()

    def lammps_commands(self, species: Sequence[str]) -> LammpsPotential:
        """Pair style and coefficients for these atom types.

        Raises
        ------
        InputError
            For a species other than the element of the options.
        """
        others = [symbol for symbol in species if symbol != self.element]
        if others:
            raise InputError(f"the second_moment potential is set up for {self.element}, not {', '.join(others)}.")
        key = f"second_moment 1 {self.element} {self.parameters}"
        path = generated_file(key, ".eam.alloy", lambda: _setfl(self.element, self.parameters))
        return LammpsPotential(("pair_style eam/alloy", f'pair_coeff * * "{path}" {" ".join(species)}'), suffix="opt")

    def calculator(self) -> Calculator:
        """ASE calculator that runs LAMMPS in this process."""
        from sharvin_md.lammps_calculator import LammpsCalculator

        return LammpsCalculator(self)


def repulsion_eV(distance_A: Floats, parameters: SecondMomentParameters) -> Floats:
    """Repulsive energy of an atom by a neighbour at these distances."""
    decay = np.exp(-parameters.repulsion_decay * (distance_A / parameters.distance_A - 1.0))
    return np.asarray(parameters.repulsion_eV * decay * taper(distance_A, parameters))


def squared_hopping_eV2(distance_A: Floats, parameters: SecondMomentParameters) -> Floats:
    """Contribution of a neighbour at these distances to the second moment."""
    decay = np.exp(-2.0 * parameters.hopping_decay * (distance_A / parameters.distance_A - 1.0))
    return np.asarray(parameters.hopping_eV**2 * decay * taper(distance_A, parameters))


def taper(distance_A: Floats, parameters: SecondMomentParameters) -> Floats:
    """The factor f, x³ (10 − 15 x + 6 x²) with x = 1 at ``taper_from_A`` and 0 at ``cutoff_A``."""
    x = np.clip((parameters.cutoff_A - distance_A) / (parameters.cutoff_A - parameters.taper_from_A), 0.0, 1.0)
    return np.asarray(x**3 * (10.0 - 15.0 * x + 6.0 * x**2))


def _setfl(element: str, parameters: SecondMomentParameters) -> str:
    """The tables in DYNAMO's setfl form: F(ρ), ρ(r), r φ(r) with φ twice an atom's repulsion."""
    step = parameters.cutoff_A / (DISTANCES - 1)
    r = np.arange(DISTANCES) * step
    clipped = np.maximum(r, CLOSEST_A)
    rise = _largest_density(parameters) / (DENSITIES - 1)
    embedding = -np.sqrt(np.arange(DENSITIES) * rise)
    columns = (embedding, squared_hopping_eV2(clipped, parameters), 2.0 * r * repulsion_eV(clipped, parameters))
    head = [
        f"second-moment potential of {element}",
        " ".join(f"{name}={value!r}" for name, value in parameters._asdict().items()),
        "F, rho, r*phi",
        f"1 {element}",
        f"{DENSITIES} {rise!r} {DISTANCES} {step!r} {parameters.cutoff_A!r}",
        f"{SYMBOLS.index(element) + 1} 1.0 0.0 none",
    ]
    return "\n".join([*head, *(f"{value:.16e}" for column in columns for value in column), ""])


def _largest_density(parameters: SecondMomentParameters) -> float:
    """Second moment in the densest crystal of the tables, an fcc lattice."""
    side = DENSEST * parameters.distance_A * np.sqrt(2.0)
    n = int(np.ceil(parameters.cutoff_A / side * 2.0))
    half = np.stack(np.meshgrid(*[np.arange(-n, n + 1)] * 3), axis=-1).reshape(-1, 3)
    lattice = half[(half.sum(axis=1) % 2 == 0) & half.any(axis=1)] * side / 2.0
    return float(squared_hopping_eV2(np.linalg.norm(lattice, axis=1), parameters).sum())
