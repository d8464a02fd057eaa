"""Conformance of Hamiltonians: Hermiticity, positive overlap, rotation, order of atoms, bands that know no cell."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from ase import Atoms
from numpy.typing import NDArray
from scipy.linalg import eigh

from sharvin.junction import Junction
from sharvin.testing.component import ComponentTests
from sharvin.testing.systems import shuffled
from sharvin.two_terminal import BlochHamiltonian

K_POINTS = np.array([[0.0, 0.0, 0.0], [0.1, 0.23, -0.31], [0.5, 0.0, 0.25]])


class HamiltonianTests(ComponentTests):
    """H and S from a structure. Subclasses give the fixtures `junction` and `crystal`.

    Attributes
    ----------
    tolerance_eV : float
        Largest difference of eigenvalues that should be equal.
    """

    kind = "hamiltonians"
    tolerance_eV: ClassVar[float] = 1e-8

    @pytest.fixture
    def junction(self) -> Junction:
        """A small junction with principal layers thicker than the Hamiltonian's range."""
        raise NotImplementedError("give your subclass a fixture 'junction' that returns a small sharvin.Junction")

    @pytest.fixture
    def crystal(self) -> Atoms:
        """A crystal, periodic in all directions."""
        raise NotImplementedError("give your subclass a fixture 'crystal' that returns a small periodic ase.Atoms")

    def test_device_and_leads_are_hermitian(self, component: Any, junction: Junction) -> None:
        """H = H† and S = S† of the device and of the leads' principal layers."""
        system = component.two_terminal(junction)
        blocks = [system.H.toarray(), system.S.toarray()]
        blocks += [block for lead in (system.left, system.right) for block in (lead.H00, lead.S00)]
        for block in blocks:
            np.testing.assert_allclose(block, block.conj().T, atol=1e-12)

    def test_overlap_is_positive_definite(self, component: Any, junction: Junction) -> None:
        """S is the Gram matrix of a basis."""
        assert np.linalg.eigvalsh(component.two_terminal(junction).S.toarray()).min() > 0

    def test_outer_principal_layers_are_the_leads(self, component: Any, junction: Junction) -> None:
        """The first and last blocks of the device equal the bulk lead's, or the contact itself would scatter."""
        system = component.two_terminal(junction)
        for matrix, name in ((system.H.toarray(), "H00"), (system.S.toarray(), "S00")):
            left, right = getattr(system.left, name), getattr(system.right, name)
            np.testing.assert_allclose(matrix[: len(left), : len(left)], left, atol=1e-10)
            np.testing.assert_allclose(matrix[-len(right) :, -len(right) :], right, atol=1e-10)

    def test_energies_are_finite(self, component: Any, junction: Junction) -> None:
        """No nan in H or S; the Fermi energy lies within the spectrum of H."""
        system = component.two_terminal(junction)
        energies = _spectrum(component, junction)
        assert np.all(np.isfinite(energies))
        assert energies.min() < system.fermi_energy < energies.max()

    def test_rotation_about_the_wire_keeps_the_spectrum(self, component: Any, junction: Junction) -> None:
        """A quarter turn about z turns the blocks, not the eigenvalues."""
        turned = Junction(
            _quarter_turn(junction.atoms),
            junction.left,
            junction.right,
            junction.left_period_A,
            junction.right_period_A,
        )
        assert _spectrum(component, turned) == pytest.approx(_spectrum(component, junction), abs=self.tolerance_eV)

    def test_translation_keeps_the_spectrum(self, component: Any, junction: Junction) -> None:
        """Only distances between atoms count."""
        moved = junction.atoms.copy()
        moved.translate([0.37, -0.21, 0.55])
        found = _spectrum(component, junction.with_positions(moved))
        assert found == pytest.approx(_spectrum(component, junction), abs=self.tolerance_eV)

    def test_order_of_atoms_keeps_the_spectrum(self, component: Any, junction: Junction) -> None:
        """Atoms have no numbers."""
        assert _spectrum(component, shuffled(junction)) == pytest.approx(_spectrum(component, junction), abs=self.tolerance_eV)

    def test_bands_do_not_depend_on_the_cell(self, component: Any, crystal: Atoms) -> None:
        """A doubled cell folds the bands: ε(k_z) of the double cell are ε(k_z/2) and ε((k_z + 1)/2) of the single one."""
        single, double = component.bloch(crystal), component.bloch(crystal.repeat((1, 1, 2)))
        assert double.electrons == pytest.approx(2 * single.electrons)
        for kx, ky, kz in K_POINTS:
            halves = [_bands(single, np.array([kx, ky, (kz + fold) / 2])) for fold in (0, 1)]
            expected = np.sort(np.concatenate(halves))
            assert _bands(double, np.array([kx, ky, kz])) == pytest.approx(expected, abs=self.tolerance_eV)

    def test_bands_do_not_depend_on_the_origin(self, component: Any, crystal: Atoms) -> None:
        """Atoms moved together and wrapped back into the cell give the same crystal."""
        moved = crystal.copy()
        moved.translate([0.61, 1.3, -0.4])
        moved.wrap()
        for k in K_POINTS:
            expected = _bands(component.bloch(crystal), k)
            assert _bands(component.bloch(moved), k) == pytest.approx(expected, abs=self.tolerance_eV)

    def test_bands_are_real_and_symmetric_under_time_reversal(self, component: Any, crystal: Atoms) -> None:
        """H(k) is Hermitian, S(k) positive, and ε(−k) = ε(k) without a magnetic field."""
        bloch = component.bloch(crystal)
        for k in K_POINTS:
            H, S = bloch.at(k)
            np.testing.assert_allclose(H, H.conj().T, atol=1e-10)
            assert np.linalg.eigvalsh(S).min() > 0
            assert _bands(bloch, -k) == pytest.approx(_bands(bloch, k), abs=self.tolerance_eV)

    def test_atoms_beyond_the_range_do_not_couple(self, component: Any, crystal: Atoms) -> None:
        """Two atoms further apart than `range_A` give a block-diagonal H: their levels are those of one atom, twice."""
        reach = component.range_A(np.unique(crystal.numbers))
        assert reach > 0

        def levels(distances_A: list[float]) -> NDArray[np.float64]:
            atoms = Atoms(
                [crystal.symbols[0]] * len(distances_A),
                positions=[[0.0, 0.0, z] for z in distances_A],
                cell=np.full(3, 5 * reach),
                pbc=True,
            )
            return _bands(component.bloch(atoms), np.zeros(3))

        one, apart, close = levels([0.0]), levels([0.0, 1.01 * reach]), levels([0.0, 0.5 * reach])
        assert apart == pytest.approx(np.sort(np.tile(one, 2)), abs=self.tolerance_eV)
        assert np.abs(close - apart).max() > 1e-3


def _spectrum(component: Any, junction: Junction) -> NDArray[np.float64]:
    system = component.two_terminal(junction)
    energies: NDArray[np.float64] = eigh(system.H.toarray(), system.S.toarray(), eigvals_only=True)
    return energies


def _bands(bloch: BlochHamiltonian, k: NDArray[np.float64]) -> NDArray[np.float64]:
    energies: NDArray[np.float64] = eigh(*bloch.at(k), eigvals_only=True)
    return energies


def _quarter_turn(atoms: Atoms) -> Atoms:
    """The structure turned by 90° about z; x and y cell vectors exchange their places, so that a box stays a box."""
    rotation = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turned: Atoms = atoms.copy()
    a, b, c = atoms.cell.array @ rotation
    turned.set_cell([-b, a, c])
    turned.positions = atoms.positions @ rotation
    turned.pbc = atoms.pbc[[1, 0, 2]]
    return turned
