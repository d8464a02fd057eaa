"""Conformance of transport solvers: closed-form transmissions, unitarity, symmetries, devices without any symmetry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from sharvin.errors import InputError
from sharvin.protocols import ObservingSolver
from sharvin.testing import random_devices, systems
from sharvin.testing.applicability import applies_where, has_method, takes
from sharvin.testing.component import ComponentTests
from sharvin.testing.reference import reference_transmission
from sharvin.two_terminal import TwoTerminal

Energies = NDArray[np.float64]
ENERGIES_EV = np.array([-3.3, -2.1, -0.8, 0.1, 0.8, 1.7, 4.5])  # away from the band edges of wires of width 1, 2 and 4

TUNNELLING_EV = np.array([-0.8, 0.1, 0.8, 1.7])  # in the band of a chain
TUNNELLING_RELATIVE_ERROR = 1e-3


def _two_terminal(tests: type[Any]) -> bool:
    return "two_terminal" in tests.system_types if tests.system_types is not None else takes(tests, "two_terminal")


def _observes(tests: type[Any]) -> bool:
    return _two_terminal(tests) and has_method(tests, "observables")


class TransportSolverTests(ComponentTests):
    """A solver of elastic transmission, on square-lattice wires and chains whose T(E) is known.

    Attributes
    ----------
    tolerance : float
        Largest error of T against a closed form. Solvers that broaden states by a finite η state theirs.
    complex_hamiltonians : bool
        False for a solver that treats real H only, and refuses others with an ``InputError``.
    system_types : tuple of str or None
        Which of the systems that the solver takes this subclass is about, ``two_terminal`` or ``grid_wire``; by default all that
        its record names. Tests of devices that are no wires of a square lattice need ``two_terminal``.
    """

    kind = "transport"
    tolerance: ClassVar[float] = 1e-8
    accepted: ClassVar[dict[str, tuple[float, float]]] = {"tolerance": (0.0, 1e-4)}
    complex_hamiltonians: ClassVar[bool] = True
    system_types: ClassVar[tuple[str, ...] | None] = None

    def wire(self, onsite_eV: Any, **settings: Any) -> Any:
        """The square-lattice wire in the form the solver takes; override for a solver that takes no ``TwoTerminal``."""
        return systems.square_lattice_wire(onsite_eV, **settings)

    def expect(self, solver: Any, system: Any, expected: Energies, energies_eV: Energies = ENERGIES_EV) -> None:
        """Assert that the transmission is `expected` within the tolerance."""
        found = solver.transmission([system], energies_eV)
        np.testing.assert_allclose(found, expected[None, :], rtol=0, atol=self.tolerance)

    @pytest.mark.parametrize("width", [1, 2, 4])
    def test_clean_wire_transmits_its_open_channels(self, component: Any, width: int) -> None:
        """T is the number of propagating modes, an integer at every energy."""
        self.expect(component, self.wire(np.zeros((3, width))), systems.open_channels(width, ENERGIES_EV))

    @pytest.mark.parametrize("impurity_eV", [-0.7, 2.5])
    def test_one_impurity_in_a_chain(self, component: Any, impurity_eV: float) -> None:
        """T = 1/(1 + (ε/(2t sin k))²)."""
        expected = systems.impurity_transmission(ENERGIES_EV, impurity_eV)
        self.expect(component, self.wire([[0.0], [impurity_eV], [0.0]]), expected)

    @pytest.mark.parametrize("distance", [1, 4])
    def test_double_barrier_is_a_fabry_perot_resonator(self, component: Any, distance: int) -> None:
        """Waves reflected between the barriers add up to the amplitude t²/(1 − r² e^{2ikd})."""
        onsite = np.zeros((distance + 1, 1))
        onsite[[0, -1]] = 1.2
        self.expect(component, self.wire(onsite), systems.double_barrier_transmission(ENERGIES_EV, 1.2, distance))

    def test_tunnelling_through_a_barrier(self, component: Any) -> None:
        """A conductance of 1e-8 is as exact as one of 1: six sites above the band, T = 1e-8 … 1e-5, relative error below 1e-3."""
        barrier_eV, sites = 4.5, 6
        expected = systems.barrier_transmission(TUNNELLING_EV, barrier_eV, sites)
        found = component.transmission([self.wire(np.full((sites, 1), barrier_eV))], TUNNELLING_EV)[0]
        for energy, value, exact in zip(TUNNELLING_EV, found, expected, strict=True):
            assert abs(value - exact) <= TUNNELLING_RELATIVE_ERROR * exact, (
                f"through a barrier of {barrier_eV} eV on {sites} sites, T({energy:g} eV) is {value:.4g}, not {exact:.4g}: "
                "small transmissions, of tunnelling, must have a small relative error"
            )

    def test_transmission_is_an_array_in_double_precision(self, component: Any) -> None:
        """T is float64[n_systems, n_energies]."""
        found = component.transmission([self.wire(np.zeros((3, 2)))] * 2, TUNNELLING_EV)
        assert isinstance(found, np.ndarray), f"transmission gives a {type(found).__name__}, not a numpy array"
        assert found.dtype == np.float64, f"transmission gives an array of type {found.dtype}, not float64"
        wanted = (2, len(TUNNELLING_EV))
        assert found.shape == wanted, (
            f"of 2 systems at {wanted[1]} energies, transmission has the shape {found.shape}, not {wanted}"
        )

    def test_uniform_barriers_leave_the_modes_separate(self, component: Any) -> None:
        """On-site energies that depend on z alone: the transmissions of the W one-dimensional problems add up."""
        width, onsite = 3, np.zeros((4, 3))
        onsite[[0, -1], :] = 0.9
        modes = -2 * np.cos(np.pi * np.arange(1, width + 1) / (width + 1))
        expected = sum(systems.double_barrier_transmission(ENERGIES_EV - mode, 0.9, 3) for mode in modes)
        self.expect(component, self.wire(onsite), np.asarray(expected))

    def test_transmission_lies_between_zero_and_the_open_channels(self, component: Any) -> None:
        """Unitarity: 0 ≤ T ≤ number of open channels of a strongly disordered wire."""
        onsite = np.random.default_rng(1).uniform(-2, 2, (5, 8, 4))
        found = component.transmission([self.wire(one) for one in onsite], ENERGIES_EV)
        assert np.all(found >= -self.tolerance)
        assert np.all(found <= systems.open_channels(4, ENERGIES_EV) + self.tolerance)

    def test_longer_clean_leads_change_nothing(self, component: Any) -> None:
        """Clean columns moved from the leads into the device leave T as it is."""
        onsite = np.random.default_rng(2).uniform(-1, 1, (4, 3))
        expected = component.transmission([self.wire(onsite)], ENERGIES_EV)[0]
        self.expect(component, self.wire(np.pad(onsite, ((3, 5), (0, 0)))), expected)

    def test_reflection_of_the_wire_changes_nothing(self, component: Any) -> None:
        """The same wire upside down, and seen from the other end, has the same T."""
        onsite = np.random.default_rng(3).uniform(-1, 1, (4, 3))
        expected = component.transmission([self.wire(onsite)], ENERGIES_EV)[0]
        self.expect(component, self.wire(onsite[:, ::-1]), expected)
        self.expect(component, self.wire(onsite[::-1]), expected)

    def test_each_system_is_solved_on_its_own(self, component: Any) -> None:
        """Rows follow the systems' order, columns the energies'; company, also of other sizes, has no influence."""
        rng = np.random.default_rng(4)
        wires = [self.wire(rng.uniform(-1, 1, shape)) for shape in ((3, 2), (6, 2), (3, 2))]
        energies = ENERGIES_EV[::-1].copy()
        together = component.transmission(wires, energies)
        assert together.shape == (3, len(energies))
        for wire, row in zip(wires, together, strict=True):
            for energy, value in zip(energies[::3], row[::3], strict=True):
                alone = component.transmission([wire], np.array([energy]))[0, 0]
                assert alone == pytest.approx(value, abs=self.tolerance)

    @applies_where(_two_terminal)
    def test_transmission_is_the_same_in_both_directions(self, component: Any) -> None:
        """T_LR = T_RL, here with different leads on the two sides."""
        system = systems.chain([0.3, -0.8, 1.1], left_eV=0.2, right_eV=-0.4)
        self.expect(component, system.reversed(), component.transmission([system], ENERGIES_EV)[0])
        wire = systems.square_lattice_wire(np.random.default_rng(5).uniform(-1, 1, (4, 3)))
        self.expect(component, wire.reversed(), component.transmission([wire], ENERGIES_EV)[0])

    @applies_where(_two_terminal)
    def test_potential_step_between_different_leads(self, component: Any) -> None:
        """T = sin k_L sin k_R / sin²((k_L + k_R)/2)."""
        expected = systems.step_transmission(ENERGIES_EV, -0.35, 0.55)
        self.expect(component, systems.chain([], left_eV=-0.35, right_eV=0.55), expected)

    @applies_where(_two_terminal)
    def test_orbital_signs_are_a_matter_of_choice(self, component: Any) -> None:
        """Orbitals multiplied by −1, alike in every principal layer, leave T as it is."""
        wire = systems.square_lattice_wire(np.random.default_rng(6).uniform(-1, 1, (4, 3)))
        turned = systems.with_orbital_signs(wire, np.array([1.0, -1.0, -1.0]))
        self.expect(component, turned, component.transmission([wire], ENERGIES_EV)[0])

    @applies_where(_two_terminal)
    def test_energies_count_from_the_fermi_energy(self, component: Any) -> None:
        """A constant added to all energies, H + E S, and to the Fermi energy changes nothing."""
        system = systems.chain([0.5], overlap=0.1)
        expected = component.transmission([system], ENERGIES_EV)[0]
        self.expect(component, system.shifted(1.7), expected)
        moved = systems.chain([0.5]).shifted(-0.9)
        self.expect(component, moved, systems.impurity_transmission(ENERGIES_EV, 0.5))

    @applies_where(_two_terminal)
    @pytest.mark.parametrize("overlap", [-0.12, 0.2])
    def test_overlapping_orbitals_move_the_band(self, component: Any, overlap: float) -> None:
        """In a non-orthogonal chain E = 2τ cos k/(1 + 2s cos k): one channel inside this band, none outside."""
        inside = systems.in_band(ENERGIES_EV, overlap=overlap).astype(np.float64)
        self.expect(component, systems.chain([0.0, 0.0], overlap=overlap), inside)

    @applies_where(_two_terminal)
    def test_impurity_among_overlapping_orbitals(self, component: Any) -> None:
        """T = 1/(1 + (ε/(2(τ − E s) sin k))²)."""
        expected = systems.impurity_transmission(ENERGIES_EV, 0.8, overlap=0.15)
        self.expect(component, systems.chain([0.8], overlap=0.15), expected)

    @applies_where(_observes)
    def test_observables_agree_with_the_transmission(self, component: Any) -> None:
        """Eigenchannels between 0 and 1 add up to T, which is the current through every cut; no density is negative."""
        if not isinstance(component, ObservingSolver):
            pytest.skip("this is not the solver that the record names")
        onsite = np.random.default_rng(8).uniform(-1, 1, (4, 3))
        for system in (systems.square_lattice_wire(onsite), systems.chain([0.3, -0.8, 1.1], left_eV=0.2, overlap=0.1)):
            seen = component.observables(system, ENERGIES_EV)
            self.expect(component, system, seen.transmission)
            assert np.all(seen.eigenchannels >= 0.0) and np.all(seen.eigenchannels <= 1.0 + self.tolerance)
            assert np.all(seen.ldos_left_per_eV.sum(axis=1) >= 0.0) and np.all(seen.ldos_right_per_eV.sum(axis=1) >= 0.0)
            layers = range(system.left.size, system.size - system.right.size + 1)
            for cut in layers:
                current = seen.current_from(np.arange(system.size) < cut)
                np.testing.assert_allclose(current, seen.transmission, rtol=0, atol=self.tolerance)

    @applies_where(_two_terminal)
    def test_a_uniform_phase_of_the_hopping_is_a_gauge(self, component: Any) -> None:
        """τ → τ e^{iφ} along the wire moves k, not T; a solver for real H only says so."""
        onsite = np.random.default_rng(7).uniform(-1, 1, (3, 2))
        turned = systems.square_lattice_wire(onsite, hopping_eV=-np.exp(0.4j))
        if self.complex_hamiltonians:
            expected = component.transmission([systems.square_lattice_wire(onsite)], ENERGIES_EV)[0]
            self.expect(component, turned, expected)
        else:
            with pytest.raises(InputError):
                component.transmission([turned], ENERGIES_EV)

    def test_equal_calls_give_equal_bits(self, component: Any) -> None:
        """T is a function of system and energy: no noise, nothing left over from other calls."""
        onsite = np.random.default_rng(9).uniform(-1, 1, (2, 4, 3))
        first = component.transmission([self.wire(onsite[0])], ENERGIES_EV).copy()
        component.transmission([self.wire(onsite[1])], ENERGIES_EV[:2])
        difference = np.abs(component.transmission([self.wire(onsite[0])], ENERGIES_EV) - first).max()
        assert difference == 0.0, (
            f"two equal calls give transmissions that differ by {difference:.1e}; they must be the same bits"
        )

    @applies_where(_two_terminal)
    def test_leads_without_symmetry_and_of_different_sizes(self, component: Any) -> None:
        """Random complex H and S, several orbitals, a smaller or a larger lead on the right: T of the kit's plain reference.

        Two devices whose leads have the same sizes but not the same elements are asked for at once.
        """
        seeds = (20, 21) if self.complex_hamiltonians else (101, 131)
        devices = [self._random_device(seed, left=a, right=b) for seed in seeds for a, b in ((2, 4), (4, 2))]
        self._expect_reference(component, devices, "leads without symmetry, with 2 and 4 orbitals in their principal layers")

    @applies_where(_two_terminal)
    def test_orbitals_that_do_not_reach_the_next_layer(self, component: Any) -> None:
        """H01 and E S01 − H01 need not have an inverse."""
        seeds = (23, 23) if self.complex_hamiltonians else (233, 169)  # of which some orbitals do conduct
        devices = [self._random_device(seeds[k], left=2 + k, right=3 - k, rank=1) for k in (0, 1)]
        self._expect_reference(component, devices, "leads with a singular H01, as orbitals that do not reach the next layer give")

    @applies_where(_two_terminal)
    def test_the_basis_of_a_layer_is_a_matter_of_choice(self, component: Any) -> None:
        """H → C†HC and S → C†SC, with a random C for each layer that is not unitary, leave T as it is."""
        devices = [self._random_device(31 if self.complex_hamiltonians else 39, overlap=overlap) for overlap in (True, False)]
        turned = [random_devices.in_another_basis(device, 11, self.complex_hamiltonians) for device in devices]
        self._expect_reference(component, turned, "another, non-orthogonal basis of each layer", devices)

    def _random_device(self, seed: int, **settings: Any) -> TwoTerminal:
        return random_devices.random_device(seed, complex_valued=self.complex_hamiltonians, **settings)

    def _expect_reference(
        self, solver: Any, systems: Sequence[TwoTerminal], what: str, same_as: Sequence[TwoTerminal] | None = None
    ) -> None:
        """Assert that the solver gives the transmission of the kit's reference, of `same_as` if that is given."""
        energies = random_devices.ENERGIES_EV
        expected = np.array([reference_transmission(system, energies) for system in same_as or systems])
        try:
            found = np.asarray(solver.transmission(systems, energies))
        except Exception as error:  # of whatever kind: the sentence must say on which systems the solver fails
            raise AssertionError(f"for {what}, the solver fails with {type(error).__name__}: {error}") from error
        np.testing.assert_allclose(
            found, expected, rtol=0, atol=max(self.tolerance, 1e-8), err_msg=f"for {what}, T is not that of the reference"
        )
