"""Blocks of two-centre tables: those of the Hamiltonian's own matrices, in the common order of orbitals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from scipy.spatial.transform import Rotation
from sharvin.crystals.block_devices import DeviceOfBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis, harmonics, turned_shells
from sharvin.errors import InputError, ItemError
from sharvin.junction import Junction
from sharvin.protocols import BlockHamiltonian
from sharvin.registry import create
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.table_orbitals import HARMONIC_ORDER
from sharvin_transport.slater_koster.two_centre import FORMS


def places(atoms: Atoms, basis: OrbitalBasis) -> np.ndarray:
    """Where the orbitals of a structure stand in the Hamiltonian's own matrices."""
    count = basis.count(atoms.numbers)
    start = np.cumsum(count) - count
    return np.concatenate([first + HARMONIC_ORDER[:n] for first, n in zip(start, count, strict=True)])


def shaken(atoms: Atoms, seed: int = 4) -> Atoms:
    atoms.positions += np.random.default_rng(seed).normal(0, 0.08, (len(atoms), 3))
    return atoms


def alloy() -> Atoms:
    atoms = bulk("Au", a=4.08, cubic=True)
    atoms.numbers[1] = 47
    return shaken(atoms)


def molecule() -> Atoms:
    return Atoms("CHAu", positions=[[0.1, 0, 0], [0.8, 0.7, 0.3], [-1.2, 0.9, 1.3]])


def wire() -> Atoms:
    atoms = shaken(bulk("Cu", a=3.61, cubic=True).repeat((1, 1, 2)))
    atoms.pbc = [False, False, True]
    return atoms


def test_the_order_of_orbitals_is_that_of_the_harmonics():
    u = np.random.default_rng(0).normal(size=(5, 3))
    u /= np.linalg.norm(u, axis=1)[:, None]
    own = np.concatenate([np.ones((5, 1)), u, np.einsum("ni,mij,nj->nm", u, FORMS, u)], axis=1)
    assert np.allclose(own[:, HARMONIC_ORDER], np.concatenate([harmonics(order, u) for order in range(3)], axis=1), atol=1e-14)


@pytest.mark.parametrize(
    ("table", "atoms"),
    [("ptbp", bulk("Au", a=4.08)), ("nrl", bulk("Au", a=4.08)), ("ptbp", alloy()), ("ptbp", molecule()), ("nrl", wire())],
)
def test_blocks_make_the_matrices_of_the_hamiltonian(table: str, atoms: Atoms):
    hamiltonian = create("hamiltonians", "slater_koster", table=table)
    assert isinstance(hamiltonian, BlockHamiltonian)
    atoms.set_array("layer", np.arange(len(atoms)))
    blocks = hamiltonian.blocks(atoms)
    order, own = places(atoms, blocks.basis), hamiltonian.bloch(atoms)
    sparse, dense = blocks.sparse_bloch(), blocks.bloch()
    assert sparse.electrons == own.electrons and np.array_equal(blocks.atoms.arrays["layer"], atoms.arrays["layer"])
    assert blocks.reach_A < hamiltonian.range_A(atoms.numbers)
    for k in ([0, 0, 0], [0.11, 0.37, -0.2]):
        for expected, found, also in zip(own.at(k), sparse.at(k), dense.at(k), strict=True):
            expected = expected[order][:, order]
            assert np.abs(found.toarray() - expected).max() < 1e-10
            assert np.abs(also - expected).max() < 1e-10


@pytest.mark.parametrize("table", ["ptbp", "nrl"])
def test_turned_structures_have_turned_blocks(table: str):
    hamiltonian = create("hamiltonians", "slater_koster", table=table)
    atoms = shaken(bulk("Au", a=4.08))
    R = Rotation.from_euler("zyx", [0.4, 1.1, -0.7]).as_matrix()
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ R.T)
    turned.positions = atoms.positions @ R.T
    before, after = hamiltonian.blocks(atoms), hamiltonian.blocks(turned)
    D = turned_shells((0, 1, 2), R)
    place, flipped = after.places(before.first, before.second, before.image)
    assert place.min() >= 0
    for name in ("H", "S"):
        found = np.where(flipped[:, None, None], getattr(after, name)[place].transpose(0, 2, 1), getattr(after, name)[place])
        assert np.abs(found - D @ getattr(before, name) @ D.T).max() < 1e-12
    assert np.abs(after.H_onsite - D @ before.H_onsite @ D.T).max() < 1e-12


@pytest.mark.parametrize(("table", "shape"), [("ptbp", "contact"), ("nrl", "contact"), ("nrl", "crystal")])
def test_devices_of_blocks_are_those_of_the_hamiltonian(
    table: str, shape: str, contact: Callable[..., Atoms], loosened: Callable[..., Atoms]
):
    hamiltonian = create("hamiltonians", "slater_koster", table=table)
    atoms = contact(seed=3) if shape == "contact" else loosened()
    reach = hamiltonian.range_A(atoms.numbers)
    junction = Junction.detect(atoms, reach)
    expected = hamiltonian.two_terminal(junction)
    found = DeviceOfBlocks(hamiltonian.blocks, reach, reach).two_terminal(junction)
    assert np.array_equal(found.atom, expected.atom)
    assert found.fermi_energy_eV == pytest.approx(expected.fermi_energy_eV, abs=1e-8)
    basis = hamiltonian.blocks(atoms).basis
    order = places(atoms[junction.left], basis)
    for mine, theirs in ((found.left, expected.left), (found.right, expected.right)):
        for name in ("H00", "H01", "S00", "S01"):
            assert np.abs(getattr(mine, name) - getattr(theirs, name)[order][:, order]).max() < 1e-10
    order = places(Atoms(numbers=[atoms.numbers[0]] * len(atoms)), basis)
    for name in ("H", "S"):
        assert np.abs((getattr(found, name) - getattr(expected, name)[order][:, order]).toarray()).max() < 1e-10
    energies = np.array([-0.4, 0.0, 0.3])
    T = RecursiveGreen(RecursiveGreenOptions()).transmission([found, expected], energies)
    assert np.allclose(T[0], T[1], rtol=0, atol=1e-7)


def test_what_has_no_blocks_is_said():
    hamiltonian = create("hamiltonians", "slater_koster")
    with pytest.raises(InputError, match="no parameters for Fe"):
        hamiltonian.blocks(Atoms("Fe"))
    with pytest.raises(ItemError, match="atoms"):
        hamiltonian.blocks(Atoms("Au2", positions=[[0, 0, 0], [0, 0, 0.5]]))
