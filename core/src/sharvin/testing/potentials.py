"""Conformance of potentials: forces and stress as derivatives, extensivity, symmetries, smoothness at the cutoff."""

from __future__ import annotations

import copy
import pickle
from typing import Any, ClassVar

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from numpy.typing import NDArray

from sharvin.testing.applicability import applies_where
from sharvin.testing.component import ComponentTests

LARGEST_JUMP_EV_PER_A = 0.01
"""Of the force of a pair at the cutoff; published tables of embedded-atom potentials end with 0.006 eV/Å."""


class PotentialTests(ComponentTests):
    """Energies and forces of a crystal with displaced atoms, of a cluster and of a pair.

    Attributes
    ----------
    symbol, crystal_structure, lattice_constant_A
        The crystal that the default fixture `atoms` displaces.
    cutoff_A : float or None
        Distance beyond which a pair of atoms does not interact; None for a potential that states none.
    force_tolerance : float
        Largest error of a force against −dE/dx, in eV/Å.
    step_A : float
        Displacement of the finite differences.
    """

    kind = "potentials"
    symbol: ClassVar[str] = "Au"
    crystal_structure: ClassVar[str] = "fcc"
    lattice_constant_A: ClassVar[float] = 4.08
    cutoff_A: ClassVar[float | None] = None
    force_tolerance: ClassVar[float] = 1e-6
    energy_tolerance_eV: ClassVar[float] = 1e-8
    step_A: ClassVar[float] = 2e-4
    accepted: ClassVar[dict[str, tuple[float, float]]] = {
        "force_tolerance": (0.0, 1e-3),
        "energy_tolerance_eV": (0.0, 1e-3),
        "step_A": (1e-6, 0.01),
    }

    @pytest.fixture
    def atoms(self, component: Any) -> Atoms:
        """A periodic crystal with displaced atoms and the component's calculator."""
        return self.rattled_crystal(component)

    def rattled_crystal(self, component: Any) -> Atoms:
        """A periodic crystal with displaced atoms and the component's calculator."""
        crystal: Atoms = bulk(self.symbol, self.crystal_structure, a=self.lattice_constant_A, cubic=True).repeat((2, 2, 3))
        crystal.rattle(0.08, seed=1)
        crystal.calc = component.calculator()
        return crystal

    @pytest.fixture
    def cluster(self, component: Any, atoms: Atoms) -> Atoms:
        """The same atoms in empty space."""
        cluster: Atoms = atoms.copy()
        cluster.pbc = False
        cluster.center(vacuum=12.0)
        cluster.calc = component.calculator()
        return cluster

    def test_forces_are_derivatives_of_the_energy(self, atoms: Atoms) -> None:
        """F = −dE/dx by central differences."""
        forces = atoms.get_forces()
        largest = np.abs(forces).max()
        assert largest > 0.01, f"the largest force on a displaced atom is {largest:.2g} eV/Å: this crystal tests nothing"
        for index, axis in ((0, 0), (len(atoms) // 2, 1), (len(atoms) - 1, 2)):
            energies = []
            for sign in (1, -1):
                displaced = atoms.copy()
                displaced.calc = atoms.calc
                displaced.positions[index, axis] += sign * self.step_A
                energies.append(displaced.get_potential_energy())
            slope = (energies[0] - energies[1]) / (2 * self.step_A)
            force = float(forces[index, axis])
            assert abs(force + slope) <= self.force_tolerance, (
                f"the force on atom {index} along {'xyz'[axis]} is {force:.8g} eV/Å, −dE/dx is {-slope:.8g} eV/Å: they differ by "
                f"{abs(force + slope):.1e}, and {self.force_tolerance:.1e} is accepted"
            )

    def test_newtons_third_law(self, atoms: Atoms, cluster: Atoms) -> None:
        """Internal forces sum to zero."""
        for structure, what in ((atoms, "the crystal"), (cluster, "the cluster")):
            total = structure.get_forces().sum(axis=0)
            axis = int(np.argmax(np.abs(total)))
            assert abs(total[axis]) < self.force_tolerance, (
                f"the forces on the atoms of {what} add up to {total[axis]:.2e} eV/Å along {'xyz'[axis]}, not to zero"
            )

    def test_energy_is_extensive(self, component: Any, atoms: Atoms) -> None:
        """Twice the crystal has twice the energy and the same forces."""
        double = atoms.repeat((1, 1, 2))
        double.calc = component.calculator()
        self._same_energy("the energy of twice the crystal", double, 2 * atoms.get_potential_energy(), "twice the energy of one")
        self._same_forces("in twice the crystal", double, np.tile(atoms.get_forces(), (2, 1)), "in one")

    def test_rotation_turns_the_forces(self, component: Any, cluster: Atoms) -> None:
        """Energy is a scalar, forces are vectors."""
        turned = cluster.copy()
        turned.cell = cluster.cell.array[[1, 2, 0]][:, [1, 2, 0]]
        turned.positions = cluster.positions[:, [1, 2, 0]]
        turned.calc = component.calculator()
        self._same_energy("the energy of the turned cluster", turned, cluster.get_potential_energy(), "that before")
        self._same_forces("in the turned cluster", turned, cluster.get_forces()[:, [1, 2, 0]], "before, turned with it,")

    def test_atoms_are_interchangeable(self, component: Any, atoms: Atoms) -> None:
        """A permutation of equal atoms permutes the forces."""
        order = np.random.default_rng(2).permutation(len(atoms))
        shuffled = atoms[order]
        shuffled.calc = component.calculator()
        self._same_energy("the energy of the atoms in another order", shuffled, atoms.get_potential_energy(), "that before")
        self._same_forces("of the atoms in another order", shuffled, atoms.get_forces()[order], "before")

    def test_a_calculator_has_no_memory(self, component: Any, atoms: Atoms) -> None:
        """One calculator gives of each structure what a new one gives, whatever it computed before.

        Atoms that moved far have other neighbours; the cell, the number of atoms and the periodic directions may change as well.
        """
        used = component.calculator()
        for what, other in (
            ("the first structure", atoms.copy()),
            ("atoms that moved far", _far_moved(atoms)),
            ("a cell that was stretched", _stretched(atoms)),
            ("fewer atoms", atoms[: len(atoms) // 2]),
            ("the same atoms as a cluster", _as_cluster(atoms)),
            ("the first structure once more", atoms.copy()),
        ):
            expected = other.copy()
            other.calc, expected.calc = used, component.calculator()
            said = f"by a calculator that was used before, of {what},"
            self._same_energy(f"the energy {said}", other, expected.get_potential_energy(), "that by a new one")
            self._same_forces(said, other, expected.get_forces(), "by a new one")

    def test_periodic_images_are_the_same_atom(self, component: Any, atoms: Atoms) -> None:
        """An atom moved by a lattice vector has not moved."""
        moved = atoms.copy()
        moved.positions[1] += atoms.cell.array[0] - atoms.cell.array[2]
        moved.calc = component.calculator()
        what = "the energy with an atom moved by a lattice vector"
        self._same_energy(what, moved, atoms.get_potential_energy(), "that before")

    def test_a_calculator_can_be_copied_and_pickled(self, atoms: Atoms) -> None:
        """Atoms that were copied with their calculator, or sent to another process, have the same energy and forces."""
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        for again in (copy.deepcopy(atoms), pickle.loads(pickle.dumps(atoms))):
            assert again.calc is not atoms.calc
            again.calc.reset()  # what it computes, not what it remembers
            self._same_energy("the energy by a copy of the calculator", again, energy, "that by the calculator itself")
            self._same_forces("by a copy of the calculator", again, forces, "by the calculator itself")

    def test_stress_is_the_strain_derivative_of_the_energy(self, component: Any, atoms: Atoms) -> None:
        """σ = (1/V) dE/dε, for one normal and one shear strain; a calculator that announces no stress gives none."""
        if "stress" not in atoms.calc.implemented_properties:
            with pytest.raises(PropertyNotImplementedError):
                atoms.get_stress()
            return
        stress = atoms.get_stress(voigt=False)
        strain = 1e-5
        for row, column in ((2, 2), (0, 1)):
            energies = []
            for sign in (1, -1):
                deformation = np.eye(3)
                deformation[row, column] += sign * strain / (1 if row == column else 2)
                if row != column:
                    deformation[column, row] += sign * strain / 2
                strained = atoms.copy()
                strained.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
                strained.calc = component.calculator()
                energies.append(strained.get_potential_energy())
            slope = (energies[0] - energies[1]) / (2 * strain * atoms.get_volume())
            found = float(stress[row, column])
            assert abs(found - slope) <= 1e-6, (
                f"the stress σ_{'xyz'[row]}{'xyz'[column]} is {found:.8g} eV/Å³, (1/V) dE/dε is {slope:.8g} eV/Å³"
            )

    @applies_where(lambda tests: tests.cutoff_A is not None)
    def test_interaction_ends_smoothly_at_the_cutoff(self, component: Any) -> None:
        """The energy of a pair has no jump at the cutoff and is flat beyond."""
        assert self.cutoff_A is not None
        pairs = [self._pair(component, self.cutoff_A + shift) for shift in (-1e-5, 1e-5, 1.0)]
        inside, outside, far = (pair.get_potential_energy() for pair in pairs)
        assert abs(inside - outside) <= 1e-6, (
            f"the energy of a pair jumps by {outside - inside:.2g} eV at the cutoff, {self.cutoff_A:g} Å"
        )
        assert abs(outside - far) <= self.energy_tolerance_eV, (
            f"a pair interacts beyond the cutoff, {self.cutoff_A:g} Å: its energy changes by {far - outside:.2g} eV in the next Å"
        )
        jump = np.abs(pairs[0].get_forces() - pairs[1].get_forces()).max()
        assert jump <= LARGEST_JUMP_EV_PER_A, f"the force of a pair jumps by {jump:.2g} eV/Å at the cutoff, {self.cutoff_A:g} Å"
        near = self._pair(component, self.lattice_constant_A / np.sqrt(2)).get_potential_energy()
        assert abs(near - far) > 1e-3, (
            f"a pair of neighbours does not interact: its energy differs by {abs(near - far):.1e} eV only"
        )

    def _same_energy(self, what: str, atoms: Atoms, expected_eV: float, other: str) -> None:
        found = float(atoms.get_potential_energy())
        assert abs(found - expected_eV) <= self.energy_tolerance_eV, (
            f"{what} is {found:.10g} eV, {other} is {expected_eV:.10g} eV"
        )

    def _same_forces(self, where: str, atoms: Atoms, expected: NDArray[np.float64], other: str) -> None:
        found = atoms.get_forces()
        assert found.shape == expected.shape, f"the forces {where} have the shape {found.shape}, not {expected.shape}"
        index, axis = np.unravel_index(int(np.argmax(np.abs(found - expected))), found.shape)
        one, two = float(found[index, axis]), float(expected[index, axis])
        assert abs(one - two) <= self.force_tolerance, (
            f"the force {where} on atom {index} along {'xyz'[axis]} is {one:.8g} eV/Å, {other} it is {two:.8g} eV/Å"
        )

    def _pair(self, component: Any, distance_A: float) -> Atoms:
        pair = Atoms([self.symbol] * 2, positions=[[0, 0, 0], [0, 0, distance_A]], pbc=False)
        pair.center(vacuum=15.0)
        pair.calc = component.calculator()
        return pair


def _far_moved(atoms: Atoms) -> Atoms:
    """Atoms in places that others had, none of them near its own, and displaced at random."""
    moved: Atoms = atoms.copy()
    moved.positions = atoms.positions[::-1] + np.random.default_rng(7).normal(0.0, 0.15, atoms.positions.shape)
    return moved


def _stretched(atoms: Atoms) -> Atoms:
    """The same positions in a cell that is 4 % larger."""
    stretched: Atoms = atoms.copy()
    stretched.set_cell(1.04 * atoms.cell.array, scale_atoms=False)
    return stretched


def _as_cluster(atoms: Atoms) -> Atoms:
    cluster: Atoms = atoms.copy()
    cluster.pbc = False
    return cluster
