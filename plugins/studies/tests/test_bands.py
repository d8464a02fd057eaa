"""Paths, bands of small and large crystals, densities of states, Dirac cones: limits, sums, independent diagonalisation."""

from functools import cache

import numpy as np
import pytest
import sharvin
from ase import Atoms
from ase.build import bulk
from scipy.linalg import eigh
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.crystals.sparse_bloch import SparseBlochHamiltonian
from sharvin.errors import InputError, ItemError
from sharvin.figures import read_data
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin_studies.bands.dense import bands, density_of_states, eigenstates, fermi_level_eV, k_grid
from sharvin_studies.bands.dirac import DiracCone, cone_points, dirac_cone, half_splitting
from sharvin_studies.bands.dissection import dissect
from sharvin_studies.bands.elimination import SingularBlockError, factorise
from sharvin_studies.bands.figures import BandSet, plot_bands, plot_spectral_function
from sharvin_studies.bands.paths import band_path, reciprocal_vectors, special_points
from sharvin_studies.bands.sparse_bands import SparseBands

A = 2.46
FLAT = (True, True, False)
GENERIC = np.array([0.21, 0.13, 0.0])


def hexagonal(second=(0.5, 0.75**0.5, 0.0)):
    return np.array([[A, 0, 0], [A * second[0], A * second[1], 0], [0, 0, 20.0]])


@cache
def graphene(**options):
    """A structure of graphene and its H(k)."""
    atoms = sharvin.create("structures", "bilayer_graphene", **options).build(np.random.default_rng(0))
    return atoms, sharvin.create("hamiltonians", "slater_koster_pz").blocks(atoms).sparse_bloch()


@cache
def random_sheet(cells=14, overlap=True, seed=3):
    """A sheet of two s and p orbitals an atom with random couplings, and an S that is positive definite."""
    rng = np.random.default_rng(seed)
    fractions = np.stack(np.meshgrid(np.arange(cells), np.arange(cells), [0], indexing="ij"), axis=-1).reshape(-1, 3)
    atoms = Atoms(f"Au{cells**2}", positions=3.0 * fractions, cell=[3.0 * cells, 3.0 * cells, 12.0], pbc=FLAT)
    atoms.positions += rng.normal(scale=0.05, size=(cells**2, 3))
    basis = OrbitalBasis({79: (0, 1)}, {79: 1.0})
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 3.4, full=False)
    H, own = rng.normal(size=(len(pairs), 4, 4)), rng.normal(size=(cells**2, 4, 4))
    S = 0.05 * rng.normal(size=H.shape) if overlap else None
    onsite = np.tile(np.eye(4), (cells**2, 1, 1)) if overlap else None
    blocks = HamiltonianBlocks(atoms, basis, pairs.first, pairs.second, pairs.image, own + own.transpose(0, 2, 1), H, onsite, S)
    return blocks.sparse_bloch()


# Paths


@pytest.mark.parametrize("second", [(0.5, 0.75**0.5, 0.0), (-0.5, 0.75**0.5, 0.0)])
def test_a_hexagonal_path_is_the_same_at_60_and_at_120_degrees(second):
    cell = hexagonal(second)
    path = band_path(cell, FLAT, "ΓKMK'Γ", 61)
    side = 4 * np.pi / (3 * A)
    assert path.labels == ("Γ", "K", "M", "K′", "Γ") and len(path) == 61
    assert path.ticks_per_A == pytest.approx(np.array([0, 1, 1.5, 2, 3]) * side)
    K, M = (path.k[corner] @ reciprocal_vectors(cell) for corner in path.corners[1:3])
    assert pytest.approx([side, 0, 0]) == K and np.linalg.norm(M) == pytest.approx(side * 0.75**0.5)
    steps = np.linalg.norm(np.diff(path.k @ reciprocal_vectors(cell), axis=0), axis=1)
    assert np.diff(path.distance_per_A) == pytest.approx(steps)


def test_corners_do_not_depend_on_the_order_of_axes_or_turns_of_the_cell():
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    upright = np.array([[20.0, 0, 0], [0, A, 0], [0, A / 2, A * 0.75**0.5]])
    flat = band_path(hexagonal(), FLAT, "GKMG", 40)
    for cell, pbc in ((hexagonal() @ turn, FLAT), (upright, (False, True, True))):
        path = band_path(cell, pbc, ["Γ", "K", "M", "Γ"], 40)
        assert path.distance_per_A == pytest.approx(flat.distance_per_A)


def test_other_cells_have_the_points_of_their_lattice():
    assert set(special_points(np.diag([3.0, 4.0, 20.0]), FLAT)) == {"Γ", "X", "Y", "S"}
    assert set(special_points(np.diag([20.0, 20.0, 4.0]), (False, False, True))) == {"Γ", "X"}
    gold = bulk("Au").cell.array
    assert {"Γ", "X", "L", "W", "K", "U"} <= set(special_points(gold, (True,) * 3))
    path = band_path(gold, (True,) * 3, "ΓXWKΓLUWLK", 101)
    assert len(path) == 101 and path.ticks_per_A[1] == pytest.approx(2 * np.pi / 4.08)
    graphite = hexagonal() * [[1], [1], [6.7 / 20]]
    K = special_points(graphite, (True,) * 3)["K"] @ reciprocal_vectors(graphite)
    assert np.linalg.norm(K) == pytest.approx(4 * np.pi / (3 * A))


def test_a_path_that_cannot_be_is_refused_with_what_is_known():
    with pytest.raises(InputError, match="'X' of a band path is not known; those of this cell are Γ, M, K, K′"):
        band_path(hexagonal(), FLAT, "ΓXM", 40)
    with pytest.raises(InputError, match="two points or more"):
        band_path(hexagonal(), FLAT, "Γ", 40)
    with pytest.raises(InputError, match="must differ"):
        band_path(hexagonal(), FLAT, "ΓΓK", 40)
    with pytest.raises(InputError, match="at least 7 points"):
        band_path(hexagonal(), FLAT, "ΓKMΓ", 6)
    with pytest.raises(InputError, match="must consist of names"):
        band_path(hexagonal(), FLAT, "Γ→K", 40)
    with pytest.raises(InputError, match="at least one periodic direction"):
        band_path(hexagonal(), (False,) * 3, "ΓK", 40)


# Dense bands


def test_dense_bands_of_a_chain_with_overlap_are_those_of_its_formula():
    atoms = Atoms("Au", cell=[20, 20, 3.0], pbc=(False, False, True))
    basis = OrbitalBasis({79: (0,)}, {79: 1.0})
    one, image = np.zeros(1, dtype=np.int64), np.array([[0, 0, 1]])
    shapes = ((1, 1, 1),) * 2
    e, t, s = 0.3, -1.2, 0.1
    blocks = HamiltonianBlocks(
        atoms, basis, one, one, image, np.full(shapes[0], e), np.full(shapes[1], t), np.ones(shapes[0]), np.full(shapes[1], s)
    )
    k = np.stack([np.zeros(9), np.zeros(9), np.linspace(-0.5, 0.5, 9)], axis=1)
    cosine = np.cos(2 * np.pi * k[:, 2])
    exact = (e + 2 * t * cosine) / (1 + 2 * s * cosine)
    for crystal in (blocks.sparse_bloch(), blocks.bloch()):
        assert bands(crystal, k)[:, 0] == pytest.approx(exact)
    _, x = eigenstates(blocks.sparse_bloch(), k[2])
    assert abs(x[0, 0]) ** 2 * (1 + 2 * s * cosine[2]) == pytest.approx(1)


def test_a_grid_halved_by_time_reversal_has_the_same_bands_and_weights():
    _, crystal = graphene(stacking="AB")
    sums = []
    for halved in (True, False):
        k, weights = k_grid((6, 6, 1), time_reversal=halved)
        assert weights.sum() == pytest.approx(1)
        sums.append(weights @ bands(crystal, k) ** 3)
    assert sums[0] == pytest.approx(sums[1])
    with pytest.raises(InputError, match="positive numbers of divisions"):
        k_grid((6, 0, 1))


@pytest.mark.parametrize("shape", ["gaussian", "lorentzian"])
def test_the_density_of_states_integrates_to_the_number_of_states(shape):
    _, crystal = graphene(stacking="monolayer")
    k, weights = k_grid((12, 12, 1))
    at = np.linspace(-60, 60, 24001)
    density = density_of_states(bands(crystal, k), weights, at, 0.1, shape=shape)
    assert np.trapezoid(density, at) == pytest.approx(4, rel=2e-3)
    with pytest.raises(InputError, match="width"):
        density_of_states(bands(crystal, k), weights, at, 0.0)


def test_half_filled_graphene_has_its_fermi_level_at_the_dirac_point():
    atoms, crystal = graphene(stacking="monolayer")
    k, weights = k_grid((12, 12, 1))
    energies = bands(crystal, k)
    K = bands(crystal, special_points(atoms.cell.array, atoms.pbc)["K"][None])[0]
    assert K[1] - K[0] == pytest.approx(0, abs=1e-9)
    assert fermi_level_eV(energies, weights, crystal.electrons) == pytest.approx(K[0], abs=1e-9)
    warm = fermi_level_eV(energies, weights, crystal.electrons, thermal_eV=0.3)
    filled = 2 * weights @ (1 / (1 + np.exp((energies - warm) / 0.3))).sum(axis=1)
    assert filled == pytest.approx(2)
    with pytest.raises(InputError, match="do not fit"):
        fermi_level_eV(energies, weights, 5.0)


def test_an_overlap_that_is_not_positive_fails_the_structure():
    blocks = random_sheet(cells=4)
    broken = SparseBlochHamiltonian(**{**vars_of(blocks), "S": -blocks.S})
    with pytest.raises(ItemError, match="not positive definite"):
        bands(broken, GENERIC[None])


def vars_of(bloch):
    names = ("size", "translations", "translation", "row", "column", "H", "S", "electrons", "atom", "positions", "cell")
    return {name: getattr(bloch, name) for name in names}


# Sparse bands


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("k", [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.21, 0.13, 0.0)])
def test_sparse_bands_are_the_dense_ones_and_carry_their_numbers(overlap, k):
    crystal = random_sheet(overlap=overlap)
    assert crystal.size > 700
    H, S = crystal.at(k)
    exact = eigh(H.toarray(), None if S is None else S.toarray(), eigvals_only=True)
    sparse = SparseBands(crystal)
    for energy in (-4.0, 0.03, 2.5):
        assert sparse.count_below(k, energy) == np.count_nonzero(exact < energy)
    found = sparse.around(k, 0.03, 12)
    assert found.energies_eV == pytest.approx(exact[found.first : found.stop], abs=1e-9)
    near = np.sort(np.abs(exact - 0.03))[:12]
    assert np.sort(np.abs(found.energies_eV - 0.03)) == pytest.approx(near, abs=1e-9)
    x = found.vectors
    assert np.abs(x.conj().T @ (x if S is None else S @ x) - np.eye(12)).max() < 1e-9
    residual = H @ x - (x if S is None else S @ x) * found.energies_eV
    assert np.linalg.norm(residual, axis=0).max() < 1e-5
    chosen = sparse.numbered(k, range(300, 307))
    assert chosen.first == 300 and chosen.energies_eV == pytest.approx(exact[300:307], abs=1e-9)


def test_the_dissection_takes_every_orbital_once_and_factors_solve_equations():
    crystal = random_sheet()
    order = dissect(crystal)
    assert np.array_equal(np.sort(order.order), np.arange(crystal.size)) and len(order.fronts) > 5
    assert order.stored < 0.6 * crystal.size**2
    H, S = crystal.at(GENERIC)
    matrix = H - 0.4 * S
    factors = factorise(matrix, order)
    right = np.random.default_rng(0).normal(size=(crystal.size, 3))
    assert np.linalg.norm(matrix @ factors.solve(right) - right) < 1e-8 * np.linalg.norm(right)
    with pytest.raises(SingularBlockError):
        factorise(0.0 * matrix, order)


def test_degenerate_bands_at_a_corner_are_all_found():
    _, crystal = graphene(stacking="AA", supercell=(12, 12))
    gamma = np.zeros(3)
    exact = bands(crystal, gamma[None])[0]
    middle = crystal.size // 2
    assert exact[middle + 1] - exact[middle] < 1e-9, "K and K′ fold onto Γ"
    found = SparseBands(crystal).numbered(gamma, range(middle - 6, middle + 6), exact[middle] + 0.01)
    assert found.energies_eV == pytest.approx(exact[middle - 6 : middle + 6], abs=1e-9)


def test_bands_followed_along_a_path_keep_their_numbers():
    atoms, crystal = graphene(twist=(5, 1))
    assert crystal.size == 364
    path = band_path(atoms.cell.array, atoms.pbc, "KΓMK", 9)
    exact = bands(crystal, path.k)
    assert SparseBands(crystal).along(path.k, range(178, 186), 0.0) == pytest.approx(exact[:, 178:186], abs=1e-9)


def test_bands_that_are_not_there_are_refused():
    sparse = SparseBands(random_sheet())
    for wrong in (range(780, 790), range(3, 3), range(0, 4, 2)):
        with pytest.raises(InputError, match="successive numbers from 0 to 783"):
            sparse.numbered(GENERIC, wrong)
    with pytest.raises(InputError, match="between 1 and 784"):
        sparse.around(GENERIC, 0.0, 0)


# Dirac cones


def test_the_velocity_of_a_layer_is_that_of_the_p_z_model():
    atoms, crystal = graphene(stacking="monolayer")
    for directions in (1, 2, 3, 5, 6):
        points = cone_points(atoms.cell.array, atoms.pbc, window_per_A=(1e-4, 3e-3), directions=directions)
        cone = dirac_cone(crystal, points, crystal.electrons)
        assert cone.velocity_m_per_s == pytest.approx(7.937e5, rel=2e-4)
        assert cone.gap_eV == pytest.approx(0, abs=1e-9)
    other = cone_points(atoms.cell.array, atoms.pbc, window_per_A=(1e-4, 3e-3), corner="K′")
    assert dirac_cone(crystal, other, 2.0).velocity_m_per_s == pytest.approx(cone.velocity_m_per_s, rel=1e-6)


def test_the_slope_of_a_straight_cone_is_its_velocity_and_of_a_hyperbola_that_of_its_window():
    points = cone_points(hexagonal(), FLAT, window_per_A=(0.03, 0.06), distances=5)
    q = np.concatenate([[0.0], np.tile(points.distance_per_A, 3)])
    straight = np.stack([-5.0 * q, 5.0 * q], axis=1)
    assert DiracCone.of(points, straight, 0).velocity_m_per_s == pytest.approx(5.0 * 1.519267e5, rel=1e-6)
    root = np.sqrt(0.18**2 + (5.0 * q) ** 2)
    four = np.stack([-root - 0.18, 0.18 - root, root - 0.18, root + 0.18], axis=1)
    inner, outer, both = (DiracCone.of(points, four, 1, branch).velocity_m_per_s for branch in ("inner", "outer", "both"))
    assert inner == pytest.approx(outer) and inner == pytest.approx(both)
    slope = (root[5] - root[1]) / 0.03
    assert inner == pytest.approx(slope * 1.519267e5, rel=0.02) and inner < 0.85 * 5.0 * 1.519267e5
    with pytest.raises(InputError, match="one layer only"):
        half_splitting(straight, 0, "outer")


def test_stacked_layers_have_the_cones_of_their_stacking():
    window = {"window_per_A": (0.03, 0.06)}
    single, crystal = graphene(stacking="monolayer")
    alone = dirac_cone(crystal, cone_points(single.cell.array, FLAT, **window), 2.0).velocity_m_per_s
    _, bernal = graphene(stacking="AB")
    points = cone_points(single.cell.array, FLAT, **window)
    cone = dirac_cone(bernal, points, 4.0, "both")
    assert cone.gap_eV == pytest.approx(0, abs=1e-6), "parabolas touch"
    assert 0.7 * alone < cone.velocity_m_per_s < 0.9 * alone
    wide = cone_points(single.cell.array, FLAT, window_per_A=(0.12, 0.16))
    assert dirac_cone(bernal, wide, 4.0, "both").velocity_m_per_s > 0.95 * alone
    _, above = graphene(stacking="AA")
    cone = dirac_cone(above, points, 4.0, "outer")
    assert cone.velocity_m_per_s == pytest.approx(alone, rel=0.01) and cone.gap_eV > 0.5


def test_twisted_layers_are_slower_the_smaller_the_angle():
    found = []
    for m in (2, 4):
        atoms, crystal = graphene(twist=(m, 1))
        points = cone_points(atoms.cell.array, atoms.pbc, window_per_A=(1e-3, 1e-2))
        found.append(dirac_cone(crystal, points, crystal.electrons, "both").velocity_m_per_s)
    assert 6e5 < found[1] < found[0] < 7.9e5


def test_a_large_cell_has_the_cone_of_a_small_one():
    atoms, crystal = graphene(stacking="monolayer", supercell=(16, 16))
    assert crystal.size > 400
    points = cone_points(atoms.cell.array, atoms.pbc, window_per_A=(1e-3, 3e-3), distances=2, directions=1)
    assert dirac_cone(crystal, points, crystal.electrons).velocity_m_per_s == pytest.approx(7.937e5, rel=2e-4)


def test_a_cone_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="hexagonal"):
        cone_points(np.diag([3.0, 4.0, 20.0]), FLAT)
    with pytest.raises(InputError, match="half-way"):
        cone_points(hexagonal(), FLAT, window_per_A=(0.1, 1.0))
    with pytest.raises(InputError, match="smaller distance first"):
        cone_points(hexagonal(), FLAT, window_per_A=(0.1, 0.05))
    _, crystal = graphene(stacking="monolayer")
    with pytest.raises(InputError, match="even number"):
        dirac_cone(crystal, cone_points(hexagonal(), FLAT), 3.0)


# Figures


def test_figures_of_bands_say_where_the_corners_are(tmp_path):
    atoms, crystal = graphene(stacking="AB")
    path = band_path(atoms.cell.array, atoms.pbc, "ΓKMΓ", 13)
    energies = bands(crystal, path.k)
    sets = {"reference": BandSet(energies), "network": BandSet(energies + 0.1, np.full(energies.shape, 0.5))}
    picture = plot_bands(tmp_path, path, sets, caption="Bands.", fermi_eV=0.8, window=(-3, 3))
    data = read_data(picture.with_suffix(".csv"))
    assert data["set_0_band_2_eV"] == pytest.approx(energies[:, 2] - 0.8) and data["distance_per_A"][-1] > 4
    at = np.linspace(-3, 3, 31)
    plot_spectral_function(tmp_path, path, at, np.ones((13, 31)), bands=BandSet(energies), caption="Spectral function.")
    with pytest.raises(InputError, match="do not belong to a path"):
        plot_bands(tmp_path, path, {"wrong": BandSet(energies[1:])}, caption="")
    with pytest.raises(InputError, match="cannot have shape"):
        plot_spectral_function(tmp_path, path, at, np.ones((31, 13)), caption="")
