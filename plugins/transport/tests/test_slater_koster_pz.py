"""p_z orbitals: the Dirac cone and what bilayers, ribbons and rippled layers make of it."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.units import _e, _hbar
from sharvin.devices.lead_channels import channels
from sharvin.errors import InputError, ItemError
from sharvin.junction import Junction
from sharvin.registry import create
from sharvin.testing import HamiltonianTests
from sharvin_transport.dense.configs import DenseOptions
from sharvin_transport.dense.dense_green import DenseGreen
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen

A, D = 2.46, 3.35
BOND = A / np.sqrt(3)
CELL = np.array([[A, 0, 0], [A / 2, A * np.sqrt(3) / 2, 0], [0, 0, 20.0]])
K = np.array([2 / 3, 1 / 3, 0.0])
GAMMA = 3 * 0.110
"""Hopping between layers at K in eV, three times the amplitude that the publication gives for the moiré bands."""
CARBON = np.array([6])


def layer(height: float = 8.0, shift: float = 0.0) -> Atoms:
    """Two atoms, moved by `shift` times the vector that takes one sublattice to the other."""
    fractions = np.array([[0, 0, 0], [1 / 3, 1 / 3, 0]]) + shift * np.array([1 / 3, 1 / 3, 0])
    atoms = Atoms("C2", scaled_positions=fractions, cell=CELL, pbc=(True, True, False))
    atoms.positions[:, 2] = height
    return atoms


def bilayer(shift: float = 1.0) -> Atoms:
    """AB by default; 0 is AA."""
    atoms = layer() + layer(8.0 + D, shift)
    atoms.set_array("layer", np.array([0, 0, 1, 1]))
    return atoms


def zigzag_ribbon(rows: int, cells: int) -> Atoms:
    """Zigzag ribbon along z in the plane x = 6 Å; its cell has two atoms a row."""
    places = [
        (6.0, row * 1.5 * BOND + (0 if kind == row % 2 else 0.5 * BOND), (0.5 * A if kind else 0.0))
        for row in range(rows)
        for kind in (0, 1)
    ]
    return _ribbon(places, A, cells)


def armchair_ribbon(dimers: int, cells: int) -> Atoms:
    """Armchair ribbon along z; two atoms a dimer line."""
    places = [
        (6.0, row * 0.5 * A, (0.0 if row % 2 == 0 else 1.5 * BOND) + atom * BOND) for row in range(dimers) for atom in (0, 1)
    ]
    return _ribbon(places, 3 * BOND, cells)


def _ribbon(places: list[tuple[float, float, float]], period: float, cells: int) -> Atoms:
    atoms = Atoms(f"C{len(places)}", positions=places, cell=[12, np.ptp([p[1] for p in places]) + 12, period])
    return atoms.repeat((1, 1, cells))


def along(ribbon: Atoms, period: float) -> Atoms:
    """The one cell of a ribbon, periodic along z."""
    crystal = ribbon.copy()
    crystal.cell[2, 2] = period
    crystal.pbc = (False, False, True)
    return crystal


def velocity(hamiltonian, direction: float, step_per_A: float = 1e-4) -> float:
    """Slope of the upper cone at K in m/s."""
    bloch = hamiltonian.bloch(layer())
    q = step_per_A * np.array([np.cos(direction), np.sin(direction), 0.0])
    energies = np.linalg.eigvalsh(bloch.at(K + q @ CELL.T / (2 * np.pi))[0])
    return 0.5 * (energies[1] - energies[0]) * 1e-10 * _e / (step_per_A * _hbar)


@pytest.mark.parametrize(("cutoff_A", "expected"), [(8.0, 7.937e5), (5.0, 7.924e5)])
def test_the_dirac_cone_has_its_published_slope(cutoff_A, expected):
    """Trigonal warping is even in the step to first order: the mean over opposite directions is the slope."""
    hamiltonian = create("hamiltonians", "slater_koster_pz", cutoff_A=cutoff_A)
    slopes = [velocity(hamiltonian, angle) for angle in np.linspace(0, 2 * np.pi, 7)[:-1]]
    assert np.mean(slopes) == pytest.approx(expected, rel=1e-4)
    assert np.ptp(slopes) < 1e-3 * expected


def test_the_bands_of_a_layer_touch_at_both_valleys_alike():
    bloch = create("hamiltonians", "slater_koster_pz").bloch(layer())
    energies = [np.linalg.eigvalsh(bloch.at(k)[0]) for k in (K, -K)]
    assert np.ptp(energies[0]) < 1e-10 and np.allclose(energies[0], energies[1], rtol=0, atol=1e-12)
    at_M = np.linalg.eigvalsh(bloch.at([0.5, 0, 0])[0])
    assert at_M[0] < energies[0][0] < at_M[1]


def test_ab_bands_are_parabolic_and_split_aa_bands_are_two_cones():
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    ab = hamiltonian.bloch(bilayer())
    at_K = np.linalg.eigvalsh(ab.at(K)[0])
    assert at_K[2] - at_K[1] < 1e-9  # two atoms without a neighbour above or below
    assert at_K[3] - at_K[0] == pytest.approx(2 * GAMMA, rel=0.03)  # a dimer
    step = 0.016  # beyond the warping by skewed hoppings, where the bands are E = (ħvq)²/γ; the cone of a layer is at ħvq
    at_q = np.linalg.eigvalsh(ab.at(K + np.array([0.0, step, 0.0]) @ CELL.T / (2 * np.pi))[0])
    parabola = (velocity(hamiltonian, 0.0) * _hbar / _e * 1e10 * step) ** 2 / (0.5 * (at_K[3] - at_K[0]))
    assert 0.5 * (at_q[2] - at_q[1]) == pytest.approx(parabola, rel=0.05)
    aa = np.linalg.eigvalsh(hamiltonian.bloch(bilayer(0.0)).at(K)[0])
    assert aa[1] - aa[0] < 1e-9 and aa[3] - aa[2] < 1e-9 and aa[2] - aa[1] == pytest.approx(2 * GAMMA, rel=0.03)


def by_loops(atoms: Atoms, k: np.ndarray, normals: np.ndarray, cutoff: float = 8.0) -> np.ndarray:
    """The published formula, one pair after the other."""
    H = np.zeros((len(atoms), len(atoms)), dtype=complex)
    reach = [int(np.ceil(cutoff / np.linalg.norm(v))) + 2 if p else 0 for v, p in zip(atoms.cell, atoms.pbc, strict=True)]
    for R in np.ndindex(*(2 * r + 1 for r in reach)):
        image = np.array(R) - reach
        for i in range(len(atoms)):
            for j in range(len(atoms)):
                d = atoms.positions[j] + image @ atoms.cell.array - atoms.positions[i]
                length = np.linalg.norm(d)
                if not 0 < length < cutoff:
                    continue
                pi, sigma = -2.7 * np.exp(-(length - 1.42) / 0.453), 0.48 * np.exp(-(length - 3.35) / 0.453)
                block = pi * (np.eye(3) - np.outer(d, d) / length**2) + sigma * np.outer(d, d) / length**2
                H[i, j] += normals[i] @ block @ normals[j] * np.exp(2j * np.pi * image @ k)
    return H


@pytest.mark.parametrize("tilted", [False, True])
def test_every_element_is_that_of_the_formula(tilted):
    rng = np.random.default_rng(3)
    atoms = bilayer().repeat((1, 2, 1))
    atoms.positions += rng.normal(0, 0.1, (8, 3))
    normals = np.tile([0.0, 0.0, 1.0], (8, 1))
    if tilted:
        normals += rng.normal(0, 0.3, (8, 3))
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        atoms.set_array("normal", normals)
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    blocks = hamiltonian.blocks(atoms)
    bloch = blocks.bloch()
    for k in ([0, 0, 0], [0.1, -0.37, 0]):
        H = blocks.sparse_bloch().at(k)[0].toarray()
        expected = by_loops(atoms, np.array(k), normals)
        assert np.abs(H - expected).max() < 1e-10
        assert np.abs(bloch.at(k)[0] - expected).max() < 1e-10
        assert np.abs(H - H.conj().T).max() < 1e-14


def twisted_bilayer() -> Atoms:
    """The smallest commensurate one, 28 atoms, 21.8°: a vector of either layer is 2 a₁ + a₂ or a₁ + 2 a₂ of its own lattice."""
    a1, a2 = CELL[:2, :2]
    first, second = 2 * a1 + a2, a1 + 2 * a2
    angle = np.arctan2(first[1], first[0]) - np.arctan2(second[1], second[0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    sixth = np.array([[0.5, -np.sqrt(0.75)], [np.sqrt(0.75), 0.5]])
    cell = np.array([first, sixth @ first])
    inverse, points = np.linalg.inv(cell), []
    for height, rotation in ((8.0, np.eye(2)), (8.0 + D, turn)):
        for i, j in np.ndindex(21, 21):
            for place in (0.0, 1 / 3):
                p = rotation @ ((i - 10 + place) * a1 + (j - 10 + place) * a2)
                fraction = p @ inverse
                if np.all((fraction > -1e-6) & (fraction < 1 - 1e-6)):
                    points.append([*p, height])
    full = np.zeros((3, 3))
    full[:2, :2], full[2, 2] = cell, 20.0
    return Atoms(f"C{len(points)}", positions=points, cell=full, pbc=(True, True, False))


@pytest.mark.parametrize("cutoff_A", [5.0, 8.0])
def test_every_energy_of_a_twisted_bilayer_is_that_of_the_formula(cutoff_A):
    atoms = twisted_bilayer()
    assert len(atoms) == 28
    hamiltonian = create("hamiltonians", "slater_koster_pz", cutoff_A=cutoff_A)
    sparse = hamiltonian.blocks(atoms).sparse_bloch()
    k = np.array([0.21, 0.34, 0.0])
    expected = np.linalg.eigvalsh(by_loops(atoms, k, np.tile([0.0, 0.0, 1.0], (28, 1)), cutoff_A))
    assert np.abs(np.linalg.eigvalsh(sparse.at(k)[0].toarray()) - expected).max() < 1e-10


def test_a_supercell_folds_the_bands():
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    small = hamiltonian.bloch(bilayer())
    large = hamiltonian.blocks(bilayer().repeat((3, 2, 1))).sparse_bloch()
    k = np.array([0.3, 0.16, 0.0])
    folded = [(k + np.array([i, j, 0])) / [3, 2, 1] for i in range(3) for j in range(2)]
    expected = np.sort(np.concatenate([np.linalg.eigvalsh(small.at(one)[0]) for one in folded]))
    assert np.allclose(np.linalg.eigvalsh(large.at(k)[0].toarray()), expected, rtol=0, atol=1e-9)
    assert large.electrons == 24.0


def test_local_normals_are_those_of_flat_layers_and_turn_with_the_structure():
    rng = np.random.default_rng(5)
    flat = create("hamiltonians", "slater_koster_pz")
    local = create("hamiltonians", "slater_koster_pz", normals="local")
    atoms = bilayer().repeat((3, 3, 1))
    assert np.allclose(local.blocks(atoms).axes, [0, 0, 1], rtol=0, atol=1e-12)
    rippled = atoms.copy()
    rippled.positions += rng.normal(0, 0.05, (len(atoms), 3))
    normals = local.blocks(rippled).axes
    assert normals[:, 2].min() > 0.9 and np.abs(normals[:, :2]).max() > 0.01
    # perpendicular to the plane through the three neighbours in its own layer
    distances = rippled.get_all_distances(mic=True, vector=True)[0]
    distances[rippled.arrays["layer"] != rippled.arrays["layer"][0]] = 99.0
    near = distances[np.argsort(np.linalg.norm(distances, axis=1))[1:4]]
    assert np.abs((near[1:] - near[0]) @ normals[0]).max() < 1e-12
    # a rotation: directions follow, and the spectrum stays
    axis, angle = [0.2, 0.9, -0.4], 40.0
    turned = rippled.copy()
    turned.rotate(angle, axis, rotate_cell=True)
    spectra = [np.linalg.eigvalsh(local.blocks(one).sparse_bloch().at([0.1, 0.2, 0])[0].toarray()) for one in (rippled, turned)]
    assert np.allclose(*spectra, rtol=0, atol=1e-10)
    # flat layers in any direction have the bands of e_z
    slanted = atoms.copy()
    slanted.rotate(angle, axis, rotate_cell=True)
    with pytest.raises(InputError, match="perpendicular to none of the axes"):
        flat.blocks(slanted)
    both = (flat.blocks(atoms), local.blocks(slanted))
    spectra = [np.linalg.eigvalsh(one.sparse_bloch().at([0, 0, 0])[0].toarray()) for one in both]
    assert np.allclose(*spectra, rtol=0, atol=1e-9)


def test_a_tube_has_normals_that_point_out_of_it():
    from ase.build import nanotube

    tube = nanotube(8, 0, length=1, bond=1.42)
    tube.center(vacuum=4.0, axis=(0, 1))
    axes = create("hamiltonians", "slater_koster_pz", normals="local").blocks(tube).axes
    radial = tube.positions - tube.positions.mean(axis=0)
    radial[:, 2] = 0.0
    radial /= np.linalg.norm(radial, axis=1)[:, None]
    assert np.abs((radial * axes).sum(axis=1)).min() > 0.99


def test_the_sign_of_a_normal_is_a_gauge():
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    atoms = bilayer()
    expected = np.linalg.eigvalsh(hamiltonian.bloch(atoms).at([0.1, 0.3, 0])[0])
    atoms.set_array("normal", np.array([[0, 0, 1], [0, 0, 1], [0, 0, -1], [0, 0, -1]], dtype=float))
    found = hamiltonian.blocks(atoms)
    assert np.allclose(np.linalg.eigvalsh(found.bloch().at([0.1, 0.3, 0])[0]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dimers", [6, 7, 8])
def test_armchair_ribbons_come_in_three_families(dimers):
    """Of 3p + 2 dimer lines the gap is almost closed; the others have gaps of the order of an eV (small ribbons)."""
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    crystal = along(armchair_ribbon(dimers, 1), 3 * BOND)
    bloch = hamiltonian.bloch(crystal)
    bands = np.array([np.linalg.eigvalsh(bloch.at([0, 0, k])[0]) for k in np.linspace(0, 0.5, 41)])
    gap = bands[:, dimers].min() - bands[:, dimers - 1].max()
    assert (gap < 0.2) if dimers % 3 == 2 else (gap > 0.6)


def test_zigzag_ribbons_have_a_flat_band_at_their_edges():
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    rows = 8
    bloch = hamiltonian.bloch(along(zigzag_ribbon(rows, 1), A))
    values, vectors = np.linalg.eigh(bloch.at([0, 0, 0.5])[0])
    edge = [2 * rows - 1, 2 * rows - 2, 0, 1]
    weight = (np.abs(vectors[edge][:, rows - 1 : rows + 1]) ** 2).sum(axis=0)
    assert values[rows] - values[rows - 1] < 1e-3 and np.all(weight > 0.95)


def test_a_clean_ribbon_transmits_its_bands():
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    ribbon = zigzag_ribbon(4, 14)
    system = hamiltonian.two_terminal(Junction.detect(ribbon, hamiltonian.range_A(CARBON)))
    energies = np.array([-1.0, 0.6, 1.5, 3.0])
    T = RecursiveGreen(RecursiveGreenOptions()).transmission([system], energies)[0]
    assert np.allclose(T, np.round(T), rtol=0, atol=1e-5) and T.max() >= 2
    assert np.array_equal(np.round(T), channels(system.left, system.fermi_energy_eV + energies))
    # the bands of the ribbon that cross the energy, in the primitive cell
    bloch = hamiltonian.bloch(along(zigzag_ribbon(4, 1), A))
    bands = np.array([np.linalg.eigvalsh(bloch.at([0, 0, k])[0]) for k in np.linspace(0, 0.5, 401)])
    crossings = [np.count_nonzero(np.diff(bands > system.fermi_energy_eV + energy, axis=0)) for energy in energies]
    assert np.array_equal(np.round(T), crossings)


def test_a_rippled_ribbon_scatters_alike_in_two_solvers():
    hamiltonian = create("hamiltonians", "slater_koster_pz", normals="local")
    ribbon = armchair_ribbon(5, 10)
    z = ribbon.positions[:, 2]
    middle = (z > 13.0) & (z < z.max() - 13.0)
    ribbon.positions[middle] += np.random.default_rng(2).normal(0, 0.08, (int(middle.sum()), 3))
    system = hamiltonian.two_terminal(Junction.detect(ribbon, hamiltonian.range_A(CARBON)))
    energies = np.array([-1.2, 0.9, 2.2])
    T = RecursiveGreen(RecursiveGreenOptions()).transmission([system], energies)
    assert np.allclose(T, DenseGreen(DenseOptions()).transmission([system], energies), rtol=0, atol=1e-7)
    assert np.all(channels(system.left, system.fermi_energy_eV + energies) + 1e-9 > T) and np.all(T > 0)
    given = create("hamiltonians", "slater_koster_pz", normals="local", fermi_energy_eV=0.3)
    assert given.two_terminal(Junction.detect(ribbon, 8.0)).fermi_energy_eV == 0.3


def test_a_stated_normal_reaches_leads_and_device():
    """Ribbons at a slant have no coordinate axis across them; the array `normal` says which direction is."""
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    ribbon = zigzag_ribbon(3, 14)
    straight = hamiltonian.two_terminal(Junction.detect(ribbon, 8.0))
    ribbon.set_array("normal", np.tile([1.0, 0.0, 0.0], (len(ribbon), 1)))
    ribbon.rotate(35.0, "z", center="COM")
    angle = np.deg2rad(35.0)
    with pytest.raises(InputError, match="perpendicular to none"):
        bare = ribbon.copy()
        del bare.arrays["normal"]
        hamiltonian.two_terminal(Junction.detect(bare, 8.0))
    ribbon.arrays["normal"][:] = [np.cos(angle), np.sin(angle), 0.0]
    turned = hamiltonian.two_terminal(Junction.detect(ribbon, 8.0))
    energies = np.linspace(-2, 2, 5)
    solver = RecursiveGreen(RecursiveGreenOptions())
    assert np.allclose(*(solver.transmission([one], energies) for one in (straight, turned)), rtol=0, atol=1e-6)
    assert turned.fermi_energy_eV == pytest.approx(straight.fermi_energy_eV, abs=1e-6)


def test_what_it_cannot_do_is_said():
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    with pytest.raises(InputError, match=r"cutoff_A 1\.6 is not longer than pi_bond_A 1\.7"):
        create("hamiltonians", "slater_koster_pz", cutoff_A=1.6, pi_bond_A=1.7)
    with pytest.raises(InputError, match="no orbitals of H; it has those of C"):
        hamiltonian.blocks(Atoms("CH", positions=[[0, 0, 0], [0, 0, 1]]))
    with pytest.raises(InputError, match="no orbitals of H"):
        hamiltonian.range_A(np.array([1, 6]))
    with pytest.raises(InputError, match="perpendicular to none of the axes"):
        hamiltonian.blocks(Atoms("C4", positions=[[0, 0, 0], [1.4, 0, 0], [0, 1.4, 0], [0, 0, 1.4]]))
    with pytest.raises(ItemError, match=r"atoms 0 and 1 are 0\.05 Å apart"):
        hamiltonian.blocks(Atoms("C2", positions=[[0, 0, 0], [0, 0, 0.05]]))
    wrong = layer()
    wrong.set_array("normal", np.array([[0, 0, 1], [0, 0, 2.0]]))
    with pytest.raises(InputError, match="unit vectors; that of atom 1"):
        hamiltonian.blocks(wrong)
    local = create("hamiltonians", "slater_koster_pz", normals="local")
    with pytest.raises(InputError, match="atom 0 has no local normal: the 1 atoms of its layer"):
        local.blocks(Atoms("C2", positions=[[0, 0, 0], [1.4, 0, 0]]))
    with pytest.raises(InputError, match="use the sparse"):
        hamiltonian.bloch(bilayer().repeat((40, 40, 1)))
    with pytest.raises(InputError, match=r"principal layer is 4\.26 Å thick"):
        hamiltonian.two_terminal(Junction.detect(armchair_ribbon(5, 8), 4.0))


class TestSlaterKosterPz(HamiltonianTests):
    name = "slater_koster_pz"

    @pytest.fixture
    def junction(self):
        ribbon = armchair_ribbon(5, 10)
        z = ribbon.positions[:, 2]
        ribbon.positions[(z > 14) & (z < z.max() - 14), 0] += 0.1
        return Junction.detect(ribbon, 8.0)

    @pytest.fixture
    def crystal(self):
        atoms = bilayer()
        atoms.cell[2] = [0.0, 0.0, 2 * D]
        atoms.pbc = True
        return atoms


class TestSlaterKosterPzWithLocalNormals(TestSlaterKosterPz):
    options = {"normals": "local"}  # noqa: RUF012

    def test_atoms_beyond_the_range_do_not_couple(self):
        """Single atoms have no local normal; the range is tested without it."""
