"""The material whose properties are computed: an element, how its energy is found, and its relaxed fcc crystal.

Everything works on any ASE calculator. What a potential does not have, such as a minimum, is an
:class:`~sharvin.errors.ItemError` of that property.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.data import atomic_numbers, reference_states
from ase.optimize import BFGS
from numpy.typing import NDArray
from sharvin.errors import ItemError

Array = NDArray[np.float64]

GPA = 1.0 / units.GPa
"""GPa per eV/Å³."""
J_PER_M2 = 1.0 / (units.J / units.m**2)
"""J/m² per eV/Å²."""
NN = 1e9 * units.m / units.J
"""nN per eV/Å."""
VACUUM_A = 20.0
"""Empty space around what is not periodic; no short-range potential reaches across."""
STRAINS = np.linspace(-0.16, 0.16, 33)
"""Strains of the guessed lattice constant among which the minimum is looked for."""
FINE = 0.006
"""Strain up to which a polynomial gives the minimum exactly."""
DEGREE = 4


@dataclass(frozen=True)
class Findings:
    """What is known of one property.

    Parameters
    ----------
    values : dict of str to float
        Numbers by name with the unit in it.
    curves : dict of str to float64[n]
        What is drawn; equally long.
    """

    values: dict[str, float]
    curves: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Material:
    """An fcc element as a potential describes it.

    Parameters
    ----------
    calculator : callable
        Gives a new ASE calculator: ``lambda: sharvin.calculator("eam", file="Au_u3.eam")``.
    element : str
    guess_A : float, optional
        Guess of the lattice constant; default that of the element, or of an fcc crystal with its volume per atom.
    fmax_eV_per_A : float
        Largest force on an atom of a relaxed structure.
    most_steps : int
        Steps of a relaxation, after which it has failed.
    known_lattice : (float, float), optional
        Lattice constant in Å and energy in eV per atom at rest, where they are known already.
    """

    calculator: Callable[[], Calculator]
    element: str
    guess_A: float | None = None
    fmax_eV_per_A: float = 0.003
    most_steps: int = 1000
    known_lattice: tuple[float, float] | None = None

    @cached_property
    def _calculator(self) -> Calculator:
        return self.calculator()

    def energy(self, atoms: Atoms) -> float:
        """Energy in eV; ItemError if it is no finite number."""
        atoms.calc = self._calculator
        energy = float(atoms.get_potential_energy())
        if not np.isfinite(energy):
            raise ItemError(f"the energy of {atoms.get_chemical_formula()} is not a finite number.")
        return energy

    def relaxed(self, atoms: Atoms) -> float:
        """Energy in eV of the atoms, which are moved to rest; ItemError if they do not come to it."""
        atoms.calc = self._calculator
        done = BFGS(atoms, logfile=None, maxstep=0.1).run(fmax=self.fmax_eV_per_A, steps=self.most_steps)
        forces = atoms.get_forces()
        if not done or not np.isfinite(forces).all():
            largest = float(np.linalg.norm(forces, axis=1).max())
            raise ItemError(
                f"{atoms.get_chemical_formula()} does not come to rest: after {self.most_steps} steps the largest force is "
                f"{largest:.3g} eV/Å."
            )
        return self.energy(atoms)

    @cached_property
    def expected_A(self) -> float:
        """Lattice constant to start from.

        Raises
        ------
        ItemError
            If none is given and none is known of the element.
        """
        if self.guess_A is not None:
            return self.guess_A
        state: Any = reference_states[atomic_numbers[self.element]]
        if state is None or "a" not in state:
            raise ItemError(f"no lattice constant of {self.element} is known to start from; give a guess.")
        atoms_per_cell = {"fcc": 4, "bcc": 2, "sc": 1, "diamond": 8, "hcp": 2}.get(state["symmetry"])
        if atoms_per_cell is None:
            raise ItemError(f"{self.element} is no simple crystal; give a guess of the lattice constant of its fcc form.")
        volume = state["a"] ** 3
        if state["symmetry"] == "hcp":
            volume *= np.sqrt(0.75) * state["c/a"]
        return float(np.cbrt(4 * volume / atoms_per_cell))

    def fcc(self, a_A: float) -> Atoms:
        """Conventional cell of four atoms."""
        return bulk(self.element, "fcc", a=a_A, cubic=True)

    @cached_property
    def lattice(self) -> tuple[float, float]:
        """Lattice constant in Å and energy in eV per atom of the fcc crystal at rest.

        Raises
        ------
        ItemError
            If the energy has no minimum within 16 % of the expected lattice constant.
        """
        if self.known_lattice is not None:
            return self.known_lattice
        a = self.expected_A * (1 + STRAINS)
        energies = np.array([self.energy(self.fcc(float(one))) / 4 for one in a])
        found = minima(energies)
        if not found:
            raise ItemError(
                f"the fcc crystal of {self.element} has no minimum of energy between lattice constants of {a[0]:.2f} and "
                f"{a[-1]:.2f} Å."
            )
        centre = float(a[min(found, key=lambda place: abs(STRAINS[place]))])  # farther ones are holes that no data have filled
        for reach in (2 * FINE, FINE):
            grid = centre * (1 + np.linspace(-reach, reach, 9))
            fine = np.array([self.energy(self.fcc(float(one))) / 4 for one in grid])
            centre, energy = polynomial_minimum(grid, fine)
        return centre, energy

    @property
    def a_A(self) -> float:
        """Lattice constant of the fcc crystal at rest."""
        return self.lattice[0]

    @property
    def energy_per_atom_eV(self) -> float:
        """Energy of an atom of the fcc crystal at rest."""
        return self.lattice[1]

    @property
    def nearest_A(self) -> float:
        """Distance of nearest neighbours of the expected crystal, which need not be that of the potential."""
        return self.expected_A / float(np.sqrt(2))

    @cached_property
    def atom_energy_eV(self) -> float:
        """Energy of an atom alone."""
        return self.energy(boxed(Atoms(self.element)))


def boxed(atoms: Atoms) -> Atoms:
    """The same atoms in the middle of an empty periodic box, which any calculator takes."""
    atoms.center(vacuum=VACUUM_A / 2)
    atoms.pbc = True
    return atoms


def minima(energies: Array) -> list[int]:
    """Indices of energies that are lower than both of their neighbours, ascending."""
    return [int(i) + 1 for i in np.flatnonzero((energies[1:-1] < energies[:-2]) & (energies[1:-1] < energies[2:]))]


def polynomial_minimum(x: Array, energies: Array) -> tuple[float, float]:
    """Place and value of the minimum of a polynomial of degree four through points around it.

    Raises
    ------
    ItemError
        If the polynomial has no minimum between the points.
    """
    middle, scale = float(x.mean()), float(np.ptp(x)) / 2
    fit: Any = np.polynomial.Polynomial.fit((x - middle) / scale, energies, DEGREE)
    roots = fit.deriv().roots()
    real = [float(root.real) for root in np.atleast_1d(roots) if abs(root.imag) < 1e-9 and abs(root.real) <= 1.5]
    minima = [root for root in real if fit.deriv(2)(root) > 0]
    if not minima:
        raise ItemError("the energy is not smooth around its minimum.")
    best = min(minima, key=lambda root: float(fit(root)))
    return middle + scale * best, float(fit(best))
