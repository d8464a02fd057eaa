"""What an open device shows besides its transmission: channels, densities of states, currents, noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from scipy.sparse import csr_array
from sharvin.errors import InputError
from sharvin.grid_wire import GridWire
from sharvin.junction import Junction
from sharvin.observables import Observables
from sharvin.protocols import ObservingSolver
from sharvin.testing import systems
from sharvin.two_terminal import TwoTerminal
from sharvin_transport.dense.configs import DenseOptions
from sharvin_transport.dense.dense_green import DenseGreen, self_energy
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

SOLVER = RecursiveGreen(RecursiveGreenOptions())
ENERGIES = np.array([-1.3, 0.1, 0.8])


@pytest.fixture(scope="module")
def gold(contact: Callable[..., Atoms]) -> tuple[Atoms, TwoTerminal]:
    h = SlaterKoster(SlaterKosterOptions())
    atoms = contact(seed=2)
    shuffled = atoms[np.random.default_rng(4).permutation(len(atoms))]
    return shuffled, h.two_terminal(Junction.detect(shuffled, h.range_A(shuffled.numbers)))


@pytest.fixture(scope="module")
def gold_observed(gold: tuple[Atoms, TwoTerminal]) -> Observables:
    return SOLVER.observables(gold[1], np.array([-0.6, 0.0]), wave_functions=True)


def disordered(width: int = 4, hopping: complex = -1.0) -> TwoTerminal:
    onsite = np.random.default_rng(0).uniform(-1.5, 1.5, (6, width))
    return systems.square_lattice_wire(onsite, hopping_eV=hopping)


def green(system: TwoTerminal, energy: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """G of the device by one dense inverse, and the self-energies padded to its size."""
    surfaces = DenseGreen(DenseOptions()).surfaces
    n = system.size
    sigma = np.zeros((2, n, n), dtype=complex)
    left, right = system.left, system.right
    sigma[0, : left.size, : left.size] = self_energy(
        np.conj(energy * left.S01 - left.H01).T, surfaces.surface(left, "left", energy)
    )
    sigma[1, n - right.size :, n - right.size :] = self_energy(
        energy * right.S01 - right.H01, surfaces.surface(right, "right", energy)
    )
    return np.linalg.inv((energy * system.S - system.H).toarray() - sigma.sum(axis=0)), sigma[0], sigma[1]


def test_the_solver_observes() -> None:
    assert isinstance(SOLVER, ObservingSolver)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_the_channels_of_a_clean_wire_are_open_or_closed_and_make_no_noise(width: int) -> None:
    found = SOLVER.observables(GridWire(np.zeros((4, width))), ENERGIES)
    open_channels = systems.open_channels(width, ENERGIES)
    assert np.array_equal(found.open_channels, np.stack([open_channels, open_channels], axis=1))
    for row, count in zip(found.eigenchannels, open_channels, strict=True):
        np.testing.assert_allclose(row, np.arange(len(row)) < count, atol=1e-9)
    np.testing.assert_allclose(found.fano, 0.0, atol=1e-9)


def test_one_impurity_in_a_chain_makes_the_noise_of_its_reflection() -> None:
    found = SOLVER.observables(systems.chain([0.0, 0.7, 0.0]), ENERGIES)
    T = systems.impurity_transmission(ENERGIES, 0.7)
    np.testing.assert_allclose(found.transmission, T, atol=1e-9)
    np.testing.assert_allclose(found.fano, 1 - T, atol=1e-9)


@pytest.mark.parametrize("overlap", [0.0, -0.12, 0.2])
def test_every_site_of_a_clean_chain_has_the_density_of_states_of_the_infinite_chain(overlap: float) -> None:
    # D = (1/π) dk/dE with cos k = E/(2(τ − E s)); at s = 0 it is 1/(π √(4t² − E²)), for one spin.
    energies = np.array([-0.8, 0.1, 0.9])
    found = SOLVER.observables(systems.chain(np.zeros(4), overlap=overlap), energies)
    hopping = -1.0 - energies * overlap
    exact = 1 / (np.pi * hopping**2 * np.sqrt(1 - (energies / (2 * hopping)) ** 2)) / 2
    np.testing.assert_allclose(found.ldos_per_eV, np.repeat(exact[:, None], 6, axis=1), rtol=1e-8)
    if overlap == 0.0:
        np.testing.assert_allclose(exact, 1 / (np.pi * np.sqrt(4 - energies**2)))


@pytest.mark.parametrize("hopping", [-1.0, -np.exp(0.4j)])
def test_states_from_both_leads_fill_the_spectral_function_of_the_green_function(hopping: complex) -> None:
    system = disordered(hopping=hopping)
    found = SOLVER.observables(system, ENERGIES)
    for energy, left, right in zip(ENERGIES, found.ldos_left_per_eV, found.ldos_right_per_eV, strict=True):
        G, sigma_left, sigma_right = green(system, energy)
        np.testing.assert_allclose(left + right, -np.diag(G).imag / np.pi, atol=1e-8)
        for part, sigma in ((left, sigma_left), (right, sigma_right)):
            A = G @ (1j * (sigma - sigma.conj().T)) @ G.conj().T
            np.testing.assert_allclose(part, np.diag(A).real / (2 * np.pi), atol=1e-8)


def test_mulliken_densities_of_overlapping_orbitals_agree_with_the_green_function(
    gold: tuple[Atoms, TwoTerminal], gold_observed: Observables
) -> None:
    atoms, system = gold
    G, _, _ = green(system, system.fermi_energy_eV - 0.6)
    by_orbital = -np.asarray((G * system.S.toarray().T).sum(axis=1)).imag / np.pi
    assert system.atom is not None
    by_atom = np.bincount(system.atom, by_orbital)
    inside = np.setdiff1d(np.arange(len(atoms)), system.atom[np.r_[: system.left.size, -system.right.size : 0]])
    np.testing.assert_allclose(gold_observed.ldos_per_eV[0, inside], by_atom[inside], atol=1e-7)


def test_atoms_of_an_undisturbed_crystal_have_equal_densities(bulk: Callable[..., Atoms]) -> None:
    h = SlaterKoster(SlaterKosterOptions())
    atoms = bulk(layers=10, width=2)
    found = SOLVER.observables(h.two_terminal(Junction.detect(atoms, h.range_A(atoms.numbers))), np.array([0.0]))
    # The leads' coordinates are snapped to 1e-5 Å, those between them are not.
    np.testing.assert_allclose(found.ldos_per_eV, found.ldos_per_eV[0, 0], rtol=1e-4)
    np.testing.assert_allclose(found.ldos_left_per_eV, found.ldos_right_per_eV, rtol=1e-4)


@pytest.mark.parametrize("hopping", [-1.0, -np.exp(0.4j)])
def test_the_current_through_every_cut_of_a_wire_is_the_transmission(hopping: complex) -> None:
    system = disordered(hopping=hopping)
    found = SOLVER.observables(system, ENERGIES)
    np.testing.assert_allclose(found.transmission, SOLVER.transmission([system], ENERGIES)[0], atol=1e-9)
    for atoms in range(4, 29):  # not only straight cuts
        np.testing.assert_allclose(found.current_from(np.arange(32) < atoms), found.transmission, atol=1e-9)


def test_the_current_through_every_cut_of_a_gold_contact_is_the_transmission(
    gold: tuple[Atoms, TwoTerminal], gold_observed: Observables
) -> None:
    atoms, system = gold
    T = SOLVER.transmission([system], np.array([-0.6, 0.0]))[0]
    assert T[1] > 0.5
    np.testing.assert_allclose(gold_observed.transmission, T, atol=1e-8)
    z = atoms.positions[:, 2]
    thickness = 4 * 2.04 - 0.1
    for cut in np.linspace(z.min() + thickness, z.max() - thickness, 9):
        np.testing.assert_allclose(gold_observed.current_from(z < cut), T, atol=1e-8)
    assert np.abs(gold_observed.bond_currents).max() < 1.5


def test_eigenchannels_add_up_to_the_transmission_and_carry_their_part_of_it(
    gold: tuple[Atoms, TwoTerminal], gold_observed: Observables
) -> None:
    _, system = gold
    T = gold_observed.eigenchannels
    assert np.all(T >= 0) and np.all(T <= 1 + 1e-9) and np.all(np.diff(T, axis=1) <= 0)
    assert np.all(gold_observed.fano > 0) and np.all(gold_observed.fano < 1)
    assert gold_observed.wave_functions is not None and system.atom is not None
    for energy, rows, channels in zip((-0.6, 0.0), gold_observed.wave_functions, T, strict=True):
        K = ((energy + system.fermi_energy_eV) * system.S - system.H).tocsr()
        n = system.size // 2
        for psi, expected in zip(rows.T[:4], channels[:4], strict=True):
            current = 2 * np.vdot(psi[:n], K[:n, n:] @ psi[n:]).imag
            assert current == pytest.approx(expected, abs=1e-8)
        inside = slice(system.left.size, -system.right.size)
        assert np.abs((K @ rows)[inside]).max() < 1e-8


def test_observables_do_not_depend_on_the_side_from_which_they_are_seen() -> None:
    system = disordered()
    forward, backward = SOLVER.observables(system, ENERGIES), SOLVER.observables(system.reversed(), ENERGIES)
    np.testing.assert_allclose(forward.eigenchannels, backward.eigenchannels, atol=1e-9)
    np.testing.assert_allclose(forward.dos_per_eV, backward.dos_per_eV, atol=1e-9)


def test_leads_of_different_widths() -> None:
    # Four rows on the left, two on the right; the lower two rows of the left lead end.
    wide, narrow = GridWire(np.zeros((1, 4))).lead(), GridWire(np.zeros((1, 2))).lead()
    H = np.zeros((10, 10))
    H[:4, :4] = H[4:8, 4:8] = wide.H00
    H[8:, 8:] = narrow.H00
    H[:4, 4:8] = wide.H01
    H[4:6, 8:] = narrow.H01
    H = np.triu(H) + np.triu(H, 1).T
    system = TwoTerminal(csr_array(H), csr_array(np.eye(10)), wide, narrow)
    found = SOLVER.observables(system, ENERGIES)
    dense = DenseGreen(DenseOptions()).transmission([system, system.reversed()], ENERGIES)
    np.testing.assert_allclose([found.transmission, found.transmission], dense, atol=1e-8)
    np.testing.assert_array_equal(found.open_channels[:, 0], systems.open_channels(4, ENERGIES))
    np.testing.assert_array_equal(found.open_channels[:, 1], systems.open_channels(2, ENERGIES))
    assert np.all(found.eigenchannels.shape[1] <= 2) and np.all(found.transmission > 0.3)


def test_outside_the_bands_nothing_flows_and_noise_is_not_defined() -> None:
    found = SOLVER.observables(systems.chain([0.3]), np.array([2.5, 0.0]))
    assert found.transmission[0] == 0.0 and np.isnan(found.fano[0]) and found.dos_per_eV[0] == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_array_equal(found.open_channels, [[0, 0], [1, 1]])


def test_a_minor_that_is_singular_on_the_way_does_no_harm() -> None:
    # Cut in front, sites 1 to 3 alone have a level at 0: the elimination from the left meets it, the whole device does not.
    system = systems.chain(np.zeros(5))
    H = system.H.toarray()
    H[0, 1] = H[1, 0] = 0.0
    cut = TwoTerminal(csr_array(H), system.S, system.left, system.right)
    found = SOLVER.observables(cut, np.array([0.0]))
    assert found.transmission[0] == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(found.ldos_per_eV[0], -np.diag(green(cut, 0.0)[0]).imag / np.pi, atol=1e-9)


def test_states_of_the_leads_vanish_on_a_part_that_they_do_not_touch_at_its_level_as_beside_it() -> None:
    system = systems.chain(np.zeros(3))
    H = system.H.toarray()
    H[2, 1] = H[1, 2] = H[2, 3] = H[3, 2] = 0.0
    found = SOLVER.observables(TwoTerminal(csr_array(H), system.S, system.left, system.right), np.array([0.0, 1e-9]))
    assert np.all(found.ldos_per_eV[:, 2] == 0.0) and np.all(found.transmission == 0.0)
    assert found.ldos_per_eV[0, 1] > 0.1
    np.testing.assert_allclose(found.ldos_per_eV[0], found.ldos_per_eV[1], atol=1e-7)


def test_a_batch_of_wires_is_refused() -> None:
    with pytest.raises(InputError, match="one system at a time"):
        SOLVER.observables(GridWire(np.zeros((2, 3, 3))), ENERGIES)
