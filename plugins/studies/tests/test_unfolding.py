"""Unfolding of supercells and quasi-particles: sums, crystals at rest, perturbation theory, solvable self-energies."""

from functools import cache

import numpy as np
import pytest
import sharvin
from ase import Atoms
from ase.build import make_supercell
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.errors import InputError, ItemError
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin_studies.bands.dense import bands, matrices
from sharvin_studies.bands.dirac import cone_points, dirac_cone, half_splitting, velocities_m_per_s
from sharvin_studies.bands.folding import folding
from sharvin_studies.bands.quasi_particles import effective_hamiltonian, energy_grid, quasi_particles
from sharvin_studies.bands.sampled_cone import sampled_cone
from sharvin_studies.bands.unfolding import projected, unfolded_green, unfolded_states
from sharvin_studies.statistics.jackknife import jackknife

K = np.array([[0.0, 0.0, 0.0], [0.21, 0.13, 0.0], [0.5, 0.0, 0.0], [0.54, 0.63, 0.0]])
GOLD_FILM = Atoms("Au2", [[0, 0, 5], [1.4, 1.6, 6.5]], cell=[[2.9, 0, 0], [0.4, 3.1, 0], [0, 0, 12.0]], pbc=(True, True, False))


def hand_made(atoms, *, onsite=None):
    """H and S with s and p orbitals whose blocks are smooth functions of the vectors between atoms."""
    rng = np.random.default_rng(7)
    one, two, three = rng.normal(size=(3, 4, 4))
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 4.5, full=False)
    falling = np.exp(-0.8 * pairs.distance)[:, None, None]
    odd = (pairs.vector @ [0.3, -0.5, 0.2])[:, None, None] * (two - two.T)
    n = len(atoms)
    own = np.tile(three + three.T, (n, 1, 1)) + (0.0 if onsite is None else onsite)
    return HamiltonianBlocks(
        atoms,
        OrbitalBasis({79: (0, 1)}, {79: 1.0}),
        pairs.first,
        pairs.second,
        pairs.image,
        own,
        3.0 * falling * (one + one.T + odd),
        np.tile(np.eye(4), (n, 1, 1)),
        0.08 * falling * (two + two.T + odd),
    ).sparse_bloch()


@cache
def film(repeats=(3, 2, 1)):
    """A supercell with overlap, its folding, and the primitive crystal."""
    rest = GOLD_FILM.repeat(repeats)
    fold = folding(rest, repeats)
    return rest, fold, hand_made(fold.primitive)


def displaced(atoms, seed, amplitude_A=0.06):
    moved = atoms.copy()
    moved.positions += np.random.default_rng(seed).normal(scale=amplitude_A, size=moved.positions.shape)
    return moved


@cache
def graphene(stacking, repeats):
    create = sharvin.create
    rest = create("structures", "bilayer_graphene", stacking=stacking, supercell=repeats).build(np.random.default_rng(0))
    fold = folding(rest, (*repeats, 1))
    model = create("hamiltonians", "slater_koster_pz")
    return rest, fold, model.blocks(fold.primitive).sparse_bloch(), model


# The crystal at rest


def test_a_supercell_at_rest_has_the_primitive_matrices_bands_and_sharp_lines():
    rest, fold, primitive = film()
    assert len(fold.primitive) == 2 and fold.cells == 6
    supercell = hand_made(rest)
    H, S = projected(supercell, fold, K)
    exact = [matrices(primitive, k) for k in K]
    assert pytest.approx(np.array([one[0] for one in exact])) == H
    assert pytest.approx(np.array([one[1] for one in exact])) == S
    energies = bands(primitive, K)
    grid = energy_grid(energies)
    found = quasi_particles(unfolded_green(supercell, fold, K, grid, 0.1), grid, 0.1, S)
    assert found.energies_eV == pytest.approx(energies, abs=1e-8)
    assert np.abs(found.widths_eV).max() < 1e-8
    states = unfolded_states(supercell, fold, K)
    for levels, weights, own in zip(states.energies_eV, states.weights, energies, strict=True):
        assert np.sort(levels[weights > 0.5]) == pytest.approx(own, abs=1e-8), "weights are 1 on the primitive bands"
    assert np.minimum(np.abs(states.weights), np.abs(states.weights - 1)).max() < 1e-8


def test_supercells_may_be_turned_against_the_primitive_cell():
    rest, fold, primitive, model = graphene("AB", (1, 1))
    matrix = np.array([[2, -1, 0], [1, 1, 0], [0, 0, 1]])
    large = make_supercell(rest, matrix)
    large.set_pbc(rest.pbc)
    fold = folding(large, matrix)
    assert fold.cells == 3
    supercell = model.blocks(large).sparse_bloch()
    own = model.blocks(fold.primitive).sparse_bloch()
    H, _ = projected(supercell, fold, K)
    assert pytest.approx(np.array([matrices(own, k)[0] for k in K]), abs=1e-9) == H
    assert bands(own, K) == pytest.approx(bands(primitive, K), abs=1e-9)


def test_three_divides_six_so_that_both_corners_fold_onto_the_centre():
    _, fold, _, _ = graphene("monolayer", (6, 6))
    folded = fold.folded([[2 / 3, 1 / 3, 0], [1 / 3, 2 / 3, 0]])
    assert folded == pytest.approx(np.rint(folded)), "K and K′ fold onto Γ"
    assert len(fold.images(K[1])) == 36


def test_the_velocity_of_a_supercell_at_rest_is_that_of_the_layer():
    rest, fold, primitive, model = graphene("monolayer", (6, 6))
    points = cone_points(fold.primitive.cell.array, fold.primitive.pbc, window_per_A=(1e-4, 3e-3))
    grid = energy_grid(bands(primitive, points.all))
    green = unfolded_green(model.blocks(rest).sparse_bloch(), fold, points.all, grid, 0.1)
    energies = quasi_particles(green, grid, 0.1).energies_eV[1:]
    half = half_splitting(energies, 0, "inner").reshape(points.k.shape[:2])
    assert velocities_m_per_s(points.distance_per_A, half).mean() == pytest.approx(7.937e5, rel=2e-4)


# Displaced structures


@pytest.mark.parametrize("overlap", [True, False])
def test_weights_of_a_displaced_structure_add_up_both_ways(overlap):
    if overlap:
        rest, fold, primitive = film()
        supercell, orbitals = hand_made(displaced(rest, 1)), 8
    else:
        rest, fold, primitive, model = graphene("AB", (3, 3))
        supercell, orbitals = model.blocks(displaced(rest, 1)).sparse_bloch(), 4
    every = unfolded_states(supercell, fold, fold.images(K[1]))
    assert len(every.weights) == fold.cells
    assert every.weights.sum(axis=0) == pytest.approx(np.ones(supercell.size))
    assert every.weights.sum(axis=1) == pytest.approx(np.full(fold.cells, orbitals))
    if not overlap:
        assert every.weights.min() > -1e-12
    at = np.linspace(-60, 60, 12001)
    assert np.trapezoid(every.spectral_function(at, 0.1)[0], at) == pytest.approx(orbitals)
    assert bands(primitive, K).shape == (4, orbitals)


def test_the_unfolded_greens_function_is_the_inverse_between_bloch_sums():
    rest, fold, _ = film()
    supercell = hand_made(displaced(rest, 2))
    at = np.array([-0.7, 0.4])
    found = unfolded_green(supercell, fold, K, at, 0.05)
    for k, row in zip(K, found, strict=True):
        H, S = matrices(supercell, fold.folded(k))
        T = fold.bloch_sums(k, supercell.atom)
        for energy, G in zip(at, row, strict=True):
            exact = T.conj().T @ np.linalg.solve((energy + 0.05j) * S - H, T)
            assert pytest.approx(exact, abs=1e-9) == G


def test_weak_disorder_agrees_with_perturbation_theory_of_second_order():
    """Of one site at a time moved by ±w, averaged over sites, Σ(z) = w²/N Σ_k' G(k', z) on the site's diagonal, to w⁴."""
    repeats, strength, eta = (3, 2, 1), 0.05, 0.1
    rest, fold, primitive = film(repeats)
    _, S = projected(hand_made(rest), fold, K)
    at = np.linspace(-1.0, 1.0, 5)
    samples = []
    for atom in range(len(rest)):
        for orbital in range(4):
            for sign in (1, -1):
                change = np.zeros((len(rest), 4, 4))
                change[atom, orbital, orbital] = sign * strength
                samples.append(unfolded_green(hand_made(rest, onsite=change), fold, K, at, eta))
    H = effective_hamiltonian(np.mean(samples, axis=0), at, eta, S)
    orbitals = 4 * len(rest)
    for k, row in zip(K, H, strict=True):
        local = np.zeros((len(at), 8))
        for other in fold.images(k):
            H0, S0 = matrices(primitive, other)
            inverse = np.array([np.linalg.inv((energy + 1j * eta) * S0 - H0) for energy in at])
            local = local + np.diagonal(inverse, axis1=1, axis2=2) / fold.cells
        for energy, self_energy in zip(range(len(at)), row - matrices(primitive, k)[0], strict=True):
            exact = np.diag(local[energy]) * strength**2 / orbitals
            assert np.abs(self_energy - exact).max() < 0.03 * np.abs(exact).max()


@pytest.mark.parametrize(("stacking", "branch"), [("monolayer", "inner"), ("AB", "inner"), ("AB", "both")])
def test_disorder_slows_the_electrons(stacking, branch):
    rest, fold, primitive, model = graphene(stacking, (3, 3))
    points = cone_points(fold.primitive.cell.array, fold.primitive.pbc, window_per_A=(0.03, 0.06), distances=2)
    supercell = model.blocks(rest).sparse_bloch()
    cone = sampled_cone(supercell, fold, points, branch=branch, eta_eV=0.2)
    still = dirac_cone(primitive, points, primitive.electrons, branch).velocity_m_per_s
    assert cone.at_rest.velocity_m_per_s == pytest.approx(still)
    assert cone.cone(cone.sample(supercell)).velocity_m_per_s == pytest.approx(still)
    samples = [cone.sample(model.blocks(displaced(rest, seed, 0.02)).sparse_bloch()) for seed in range(12)]
    found = cone.velocity_m_per_s(np.array(samples))
    assert found.pseudo_values.shape == (12,) and 0 < found.standard_error < 2e4
    assert 0.9 * still < found.value < 1.1 * still
    if branch != "inner" or stacking == "monolayer":  # inner bands of AB bend, and their slope may grow in the window
        assert found.value < still - found.standard_error
    assert 0 <= cone.gap_eV(np.array(samples)).of_all < 0.2, "noise of few samples"


# Self-energies that can be solved


def test_quasi_particles_of_a_self_energy_linear_in_energy():
    """Σ = aE + b − ic: E = (e + b)/(1 − a)."""
    grid, eta = np.linspace(-3, 3, 61), 0.1
    z = grid + 1j * eta
    levels = np.array([[-1.0, 0.5], [-0.3, 0.9]])
    inverse = z[None, :, None] - levels[:, None] - (-0.4 * grid[None, :, None] + 0.07 - 0.2j)
    green = np.zeros((2, 61, 2, 2), dtype=complex)
    green[..., [0, 1], [0, 1]] = 1 / inverse
    mixed = np.linalg.qr(np.random.default_rng(2).normal(size=(2, 2)))[0]
    found = quasi_particles(mixed @ green @ mixed.T, grid, eta)
    assert found.energies_eV == pytest.approx((levels + 0.07) / 1.4, abs=1e-9)
    assert found.widths_eV == pytest.approx(np.full((2, 2), 0.4), abs=1e-9)
    upper = quasi_particles(green, grid, eta, bands=slice(1, 2))
    assert upper.energies_eV == pytest.approx((levels[:, 1:] + 0.07) / 1.4, abs=1e-9)


def test_bands_outside_the_energies_given_fail():
    grid = np.linspace(-1, 1, 21)
    green = (1 / (grid + 0.1j - 2.0)).reshape(1, 21, 1, 1)
    with pytest.raises(ItemError, match="band 0 at wave vector number 0 is not found between -1 and 1 eV"):
        quasi_particles(green, grid, 0.1)


# Mistakes


def test_what_is_no_supercell_is_refused():
    rest, fold, _ = film()
    with pytest.raises(InputError, match="does not consist of 5 primitive cells"):
        folding(rest, (5, 1, 1))
    with pytest.raises(InputError, match="does not repeat 6 times"):
        folding(displaced(rest, 3, 0.3), (3, 2, 1))
    with pytest.raises(InputError, match="not periodic"):
        folding(rest, (3, 2, 2))
    with pytest.raises(InputError, match="not those of its primitive cell"):
        fold.bloch_sums(K[0], np.array([0, 0, 1]))
    with pytest.raises(InputError, match="positive imaginary part"):
        unfolded_green(hand_made(rest), fold, K, [0.0], 0.0)


# Jackknife


def test_a_jackknife_of_a_mean_is_its_standard_error_and_of_a_square_removes_the_bias():
    values = np.random.default_rng(5).normal(1.0, 2.0, size=(40, 3))
    plain = jackknife(values, lambda mean: 2 * mean)
    assert plain.value == pytest.approx(2 * values.mean(axis=0)) and plain.of_all == pytest.approx(plain.value)
    assert plain.standard_error == pytest.approx(2 * values.std(axis=0, ddof=1) / np.sqrt(40))
    square = jackknife(values, lambda mean: mean**2)
    assert square.value == pytest.approx(values.mean(axis=0) ** 2 - values.var(axis=0, ddof=1) / 40)
    with pytest.raises(InputError, match="two samples"):
        jackknife(values[:1], lambda mean: mean)
