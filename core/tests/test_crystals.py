"""Blocks between atoms: orbitals, their turning, pairs, files, sparse H(k) and devices."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y
from sharvin.crystals.block_devices import DeviceOfBlocks
from sharvin.crystals.block_files import read_blocks, write_blocks
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis, harmonics, turned, turned_shells
from sharvin.errors import InputError
from sharvin.junction import Junction
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.store import write_table
from sharvin.testing import systems
from sharvin.testing.reference import reference_transmission

MIXED = OrbitalBasis({6: (0, 0, 1), 1: (0,)}, {6: 4.0, 1: 1.0})
PZ = OrbitalBasis({6: (1,)}, {6: 1.0}, along_axes=True)


def random_blocks(atoms: Atoms, basis: OrbitalBasis, cutoff: float, seed: int = 1, overlap: bool = True) -> HamiltonianBlocks:
    """Random elements, falling with distance, for all pairs within the cutoff."""
    rng = np.random.default_rng(seed)
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, cutoff, full=False)
    count, m = basis.count(atoms.numbers), basis.largest
    present = np.arange(m) < count[:, None]
    own = present[:, :, None] & present[:, None, :]
    within = present[pairs.first][:, :, None] & present[pairs.second][:, None, :]
    fall = np.exp(-pairs.distance)[:, None, None]

    def symmetric(scale: float) -> np.ndarray:
        values = rng.normal(scale=scale, size=own.shape)
        return (values + values.transpose(0, 2, 1)) * own

    S, S_onsite = (0.1 * rng.normal(size=within.shape) * fall * within, np.eye(m) * own) if overlap else (None, None)
    axes = np.tile([0.0, 0.0, 1.0], (len(atoms), 1)) if basis.along_axes else None
    H = rng.normal(size=within.shape) * fall * within
    return HamiltonianBlocks(atoms, basis, pairs.first, pairs.second, pairs.image, symmetric(1.0), H, S_onsite, S, axes)


def cell_of(symbols: str = "C2H", seed: int = 0) -> Atoms:
    """Atoms in a slanted cell, periodic along two directions, with arrays of their own."""
    rng = np.random.default_rng(seed)
    atoms = Atoms(symbols, cell=[[2.6, 0, 0], [0.7, 2.9, 0], [0.2, -0.3, 7.0]], pbc=(True, True, False))
    atoms.set_scaled_positions(np.linspace(0.1, 0.8, len(atoms))[:, None] + rng.normal(0, 0.03, (len(atoms), 3)))
    return atoms


@pytest.mark.parametrize(("basis", "overlap", "symbols"), [(MIXED, True, "C2H"), (MIXED, False, "C2H"), (PZ, False, "C3")])
def test_files_give_back_what_was_written(tmp_path, basis, overlap, symbols):
    atoms = cell_of(symbols)
    atoms.set_array("layer", np.array([0, 0, 1]))
    atoms.set_array("name", np.array(["α", "b", "cc"]))
    atoms.set_velocities(np.ones((3, 3)))
    atoms.info.update(group="first", temperature_K=300.0, other=np.eye(2))
    written = [random_blocks(atoms, basis, 4.0, seed, overlap) for seed in (1, 2)] + [random_blocks(atoms, basis, 0.1)]
    if basis is MIXED:
        written.append(random_blocks(Atoms("H", positions=[[1.0, 2.0, 3.0]]), basis, 4.0))
    write_blocks(tmp_path / "blocks.h5", written)
    found = read_blocks(tmp_path / "blocks.h5")
    assert len(found) == len(written)
    for one, other in zip(found, written, strict=True):
        assert one.atoms == other.atoms and one.basis == other.basis
        assert one.atoms.arrays.keys() == other.atoms.arrays.keys()
        for name, values in other.atoms.arrays.items():
            assert np.array_equal(one.atoms.arrays[name], values) and one.atoms.arrays[name].dtype == values.dtype
        for name in ("first", "second", "image", "H_onsite", "H", "S_onsite", "S", "axes"):
            values = getattr(other, name)
            assert getattr(one, name) is None if values is None else np.array_equal(getattr(one, name), values)
    assert found[0].atoms.info == {"group": "first", "temperature_K": 300.0}
    write_blocks(tmp_path / "blocks.h5", written[:1], single_precision=True)
    (single,) = read_blocks(tmp_path / "blocks.h5")
    assert single.H.dtype == np.float64 and np.allclose(single.H, written[0].H, rtol=1e-7)
    write_table(tmp_path / "table.h5", {"H": np.eye(3)})
    with pytest.raises(InputError, match="holds no blocks"):
        read_blocks(tmp_path / "table.h5")


@pytest.mark.parametrize("order", [0, 1, 2])
def test_harmonics_are_the_real_spherical_harmonics_from_minus_l_to_l(order):
    """Against those of scipy, without the sign (−1)^m of Condon and Shortley."""
    points = np.random.default_rng(0).normal(size=(7, 3))
    r = np.linalg.norm(points, axis=1)
    theta, phi = np.arccos(points[:, 2] / r), np.arctan2(points[:, 1], points[:, 0])
    expected = []
    for m in range(-order, order + 1):
        complex_one = sph_harm_y(order, abs(m), theta, phi) * (-1) ** m
        expected.append(complex_one.real if m == 0 else np.sqrt(2) * (complex_one.imag if m < 0 else complex_one.real))
    scale = np.sqrt(4 * np.pi / (2 * order + 1))
    assert np.allclose(harmonics(order, points), scale * np.array(expected).T, rtol=0, atol=1e-14)
    assert np.allclose((harmonics(order, points) ** 2).sum(axis=1), 1.0)


def test_p_and_d_orbitals_turn_as_they_should():
    R = Rotation.from_rotvec([0.3, -1.1, 0.6]).as_matrix()
    yzx = [1, 2, 0]
    assert np.allclose(turned(1, R), R[yzx][:, yzx], rtol=0, atol=1e-13)
    quarter = Rotation.from_euler("z", 90, degrees=True).as_matrix()  # x → y, y → −x
    # f'(r) = f(R⁻¹ r): the orbital xy becomes −xy, yz becomes −zx, zx becomes yz, x²−y² becomes −(x²−y²)
    expected = np.zeros((5, 5))
    expected[0, 0] = expected[4, 4] = -1.0
    expected[2, 2] = 1.0
    expected[3, 1], expected[1, 3] = -1.0, 1.0
    assert np.allclose(turned(2, quarter), expected, rtol=0, atol=1e-13)
    mirror = np.diag([1.0, 1.0, -1.0])
    assert np.allclose(turned(2, mirror), np.diag([1, -1, 1, -1, 1]), rtol=0, atol=1e-13)
    other = Rotation.from_rotvec([-0.8, 0.1, 2.0]).as_matrix()
    D = turned_shells((0, 1, 2, 1), R)
    assert D.shape == (12, 12) and np.allclose(D @ D.T, np.eye(12), rtol=0, atol=1e-12)
    assert np.allclose(turned_shells((0, 1, 2, 1), R @ other), D @ turned_shells((0, 1, 2, 1), other), rtol=0, atol=1e-12)


def test_a_basis_says_what_it_has_and_is_made_again_of_its_description():
    assert MIXED.largest == 5 and MIXED.count(np.array([1, 6, 6])).tolist() == [1, 5, 5]
    assert MIXED.electrons_of(np.array([1, 6, 6])) == 9.0 and PZ.largest == 1
    assert MIXED.words() == "H: s; C: s s p" and PZ.words() == "C: p along an axis"
    assert OrbitalBasis.described(MIXED.description()) == MIXED and OrbitalBasis.described(PZ.description()) == PZ
    with pytest.raises(InputError, match="no orbitals of Au; it has those of H, C"):
        MIXED.count(np.array([6, 79]))
    with pytest.raises(InputError, match="must be s, p or d"):
        OrbitalBasis({6: (3,)}, {6: 4.0})
    with pytest.raises(InputError, match="how many valence electrons"):
        OrbitalBasis({6: (1,)}, {})
    with pytest.raises(InputError, match="consists of p shells"):
        OrbitalBasis({6: (0, 1)}, {6: 4.0}, along_axes=True)


def test_blocks_of_the_wrong_shape_are_refused():
    blocks = random_blocks(cell_of(), MIXED, 3.0)
    parts = {name: getattr(blocks, name) for name in ("atoms", "basis", "first", "second", "image", "H_onsite", "H")}
    with pytest.raises(InputError, match="H of the blocks of 3 atoms and"):
        HamiltonianBlocks(**{**parts, "H": blocks.H[:, :4]})
    with pytest.raises(InputError, match="both S and S_onsite"):
        HamiltonianBlocks(**parts, S=blocks.S)
    with pytest.raises(InputError, match="need the axes"):
        HamiltonianBlocks(**parts, axes=np.zeros((3, 3)))


def test_pairs_are_found_in_either_direction():
    blocks = random_blocks(cell_of(), MIXED, 5.0)
    pairs = len(blocks)
    order = np.random.default_rng(1).permutation(pairs)
    back = np.random.default_rng(2).random(pairs) < 0.5
    first, second = (
        np.where(back, one, other)[order] for one, other in ((blocks.second, blocks.first), (blocks.first, blocks.second))
    )
    image = np.where(back[:, None], -blocks.image, blocks.image)[order]
    place, flipped = blocks.places(first, second, image)
    assert np.array_equal(place, order) and np.array_equal(flipped, back[order])
    nowhere = blocks.places(np.array([0, 0]), np.array([1, 0]), np.array([[9, 0, 0], [0, 0, 0]]))[0]
    assert nowhere.tolist() == [-1, -1]
    empty = random_blocks(cell_of(), MIXED, 0.1)
    assert empty.places(first, second, image)[0].tolist() == [-1] * pairs


def by_loops(blocks: HamiltonianBlocks, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """H(k) and S(k), one block after the other."""
    count = blocks.basis.count(blocks.atoms.numbers)
    start = np.concatenate([[0], np.cumsum(count)])
    matrices = []
    for onsite, hopping in ((blocks.H_onsite, blocks.H), (blocks.S_onsite, blocks.S)):
        full = np.zeros((start[-1],) * 2, dtype=complex)
        for i, n in enumerate(count):
            full[start[i] : start[i + 1], start[i] : start[i + 1]] += onsite[i, :n, :n]
        for i, j, R, block in zip(blocks.first, blocks.second, blocks.image, hopping, strict=True):
            piece = block[: count[i], : count[j]] * np.exp(2j * np.pi * R @ k)
            full[start[i] : start[i + 1], start[j] : start[j + 1]] += piece
            full[start[j] : start[j + 1], start[i] : start[i + 1]] += piece.conj().T
        matrices.append(full)
    return matrices[0], matrices[1]


def test_sparse_and_dense_matrices_are_sums_over_the_blocks():
    blocks = random_blocks(cell_of("C2H2C"), MIXED, 6.0)
    sparse, dense = blocks.sparse_bloch(), blocks.bloch()
    assert sparse.electrons == dense.electrons == 14.0 and sparse.size == 17
    assert np.array_equal(np.bincount(sparse.atom), [5, 5, 1, 1, 5])
    assert np.array_equal(sparse.cell[2], np.zeros(3)) and np.array_equal(sparse.cell[:2], blocks.atoms.cell.array[:2])
    for k in ([0, 0, 0], [0.5, 0.5, 0], [0.13, -0.4, 0]):
        for found, also, expected in zip(sparse.at(k), dense.at(k), by_loops(blocks, np.array(k)), strict=True):
            assert np.abs(found.toarray() - expected).max() < 1e-12 and np.abs(also - expected).max() < 1e-12
            assert np.abs(expected - expected.conj().T).max() < 1e-12
    assert sparse.at([0.5, 0, 0])[0].dtype == np.float64 and sparse.at([0.2, 0, 0])[0].dtype == np.complex128
    orthonormal = random_blocks(cell_of("C3"), PZ, 4.0, overlap=False)
    assert orthonormal.sparse_bloch().at([0.1, 0, 0])[1] is None
    assert np.allclose(orthonormal.bloch().at([0.1, 0, 0])[1], np.eye(3))


def test_a_hamiltonian_takes_the_overlap_of_another():
    atoms = cell_of("C3")
    H = random_blocks(atoms, MIXED, 4.0, seed=1, overlap=False)
    carbon = OrbitalBasis({6: (0, 0, 1)}, {6: 4.0})
    for basis in (MIXED, carbon):
        for reach in (3.0, 6.0):
            S = random_blocks(atoms, basis, reach, seed=2)
            turned_round = HamiltonianBlocks(
                atoms, basis, S.second, S.first, -S.image, S.H_onsite, S.H, S.S_onsite, S.S.transpose(0, 2, 1)
            )
            joined = H.with_overlap_of(turned_round)
            k = np.array([0.2, 0.4, 0])
            assert np.abs(joined.sparse_bloch().at(k)[0] - H.sparse_bloch().at(k)[0]).max() < 1e-12
            assert np.abs(joined.sparse_bloch().at(k)[1] - S.sparse_bloch().at(k)[1]).max() < 1e-12
    assert H.with_overlap_of(random_blocks(atoms, MIXED, 4.0, overlap=False)).S is None
    with pytest.raises(InputError, match="different atoms"):
        H.with_overlap_of(random_blocks(cell_of("C2H"), MIXED, 4.0))
    with pytest.raises(InputError, match="H has the basis"):
        H.with_overlap_of(random_blocks(atoms, OrbitalBasis({6: (0, 1)}, {6: 4.0}), 4.0))


CHAIN = OrbitalBasis({6: (0,), 1: (0,), 7: (0,)}, {6: 1.0, 1: 1.0, 7: 1.0})
SPACING_A, HOPPING_EV = 1.5, -1.0
ENERGIES_EV = np.linspace(-1.7, 1.6, 9)


class ChainHamiltonian:
    """s orbitals with nearest-neighbour hopping; on-site energies of impurities, or by the number of neighbours."""

    def __init__(
        self, overlap: float = 0.0, impurity_eV: float = 0.0, per_neighbour_eV: float = 0.0, sees_A: float = 0.0
    ) -> None:
        self.overlap, self.impurity_eV, self.per_neighbour_eV, self.sees_A = overlap, impurity_eV, per_neighbour_eV, sees_A

    def blocks(self, atoms: Atoms) -> HamiltonianBlocks:
        near = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, max(self.sees_A, 1.8), full=True)
        energies = self.per_neighbour_eV * np.bincount(near.first, minlength=len(atoms)) + self.impurity_eV * (atoms.numbers == 1)
        pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 1.8, full=False)
        H, S = (np.full((len(pairs), 1, 1), value) for value in (HOPPING_EV, self.overlap))
        onsite = (np.asarray(energies, dtype=float)[:, None, None], np.ones((len(atoms), 1, 1)))
        return HamiltonianBlocks(atoms, CHAIN, pairs.first, pairs.second, pairs.image, onsite[0], H, onsite[1], S)


def chain_of(symbols: str) -> Atoms:
    n = len(symbols)
    return Atoms(list(symbols), positions=[[0, 0, SPACING_A * i] for i in range(n)], cell=[15, 15, SPACING_A * n + 10])


@pytest.mark.parametrize("overlap", [0.0, 0.1])
def test_a_device_of_blocks_transmits_as_its_closed_form(overlap):
    hamiltonian = ChainHamiltonian(overlap, impurity_eV=0.8)
    junction = Junction.detect(chain_of("CCCCCHCCCCC"), 1.8)
    system = DeviceOfBlocks(hamiltonian.blocks, 1.8, 1.8).two_terminal(junction, 0.0)
    assert system.fermi_energy_eV == 0.0 and np.array_equal(system.atom, np.arange(11))
    expected = systems.impurity_transmission(ENERGIES_EV, 0.8, HOPPING_EV, overlap)
    assert reference_transmission(system, ENERGIES_EV) == pytest.approx(expected, abs=1e-6)


def test_no_atom_of_a_device_sees_a_free_end():
    """On-site energies that depend on atoms up to four spacings away: a clean chain is nevertheless without scattering."""
    hamiltonian = ChainHamiltonian(per_neighbour_eV=0.1, sees_A=6.3)
    device = DeviceOfBlocks(hamiltonian.blocks, 1.8, 6.3)
    system = device.two_terminal(Junction.detect(chain_of("C" * 13), 1.8))
    assert system.fermi_energy_eV == pytest.approx(0.8, abs=1e-6)  # half filling: in the middle of the band
    assert np.allclose(system.H.diagonal(), 0.8, rtol=0, atol=1e-12)
    assert reference_transmission(system, ENERGIES_EV) == pytest.approx(1.0, abs=1e-6)
    # arrays of the atoms reach the leads
    seen = []

    def remembered(atoms: Atoms) -> HamiltonianBlocks:
        seen.append(atoms.arrays["layer"].copy())
        return hamiltonian.blocks(atoms)

    marked = chain_of("C" * 13)
    marked.set_array("layer", np.full(13, 3))
    DeviceOfBlocks(remembered, 1.8, 6.3).two_terminal(Junction.detect(marked, 1.8))
    assert len(seen) >= 2 and all((one == 3).all() for one in seen)


def test_principal_layers_thinner_than_the_range_are_refused():
    junction = Junction.detect(chain_of("C" * 13), 1.8)
    with pytest.raises(InputError, match=r"principal layer is 3\.00 Å thick, the Hamiltonian reaches 3\.20 Å"):
        DeviceOfBlocks(ChainHamiltonian().blocks, 3.2, 3.2).two_terminal(junction)
