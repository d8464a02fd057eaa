"""Descriptors with one row per structure: averaged SOAP and the Coulomb matrix."""

import numpy as np
import pytest
import sharvin
from ase import Atoms
from ase.build import bulk, fcc100, molecule
from sharvin.errors import InputError, ItemError
from sharvin.frames import Frames

SOAP = {"n_max": 4, "l_max": 3, "cutoff_A": 5.0, "dtype": "float64"}


def describe(name, *structures, **options):
    return sharvin.create("descriptors", name, **options).describe(Frames.from_atoms(structures)).values


def coulomb(atoms, **options):
    return describe("coulomb_matrix", atoms, **{"max_atoms": len(atoms), "dtype": "float64", **options})[0]


@pytest.fixture
def cluster():
    atoms = bulk("Au", "fcc", a=4.08, cubic=True).repeat(2)
    atoms.pbc = False
    atoms.rattle(0.15, seed=1)
    return atoms


def test_a_crystal_averages_to_the_row_of_one_atom_however_it_is_repeated():
    primitive = bulk("Au", "fcc", a=4.08)
    row = describe("soap", primitive, **SOAP)[0]
    for found in describe("average_soap", primitive, primitive.repeat((2, 3, 1)), **SOAP):
        np.testing.assert_allclose(found, row, rtol=0.0, atol=1e-10 * row.max())


def test_the_product_of_two_average_rows_is_the_mean_kernel_of_their_atoms(cluster):
    other = cluster[:20]
    a, b = (describe("soap", atoms, **SOAP) for atoms in (cluster, other))
    mean_a, mean_b = describe("average_soap", cluster, other, **SOAP)
    assert mean_a @ mean_b == pytest.approx((a @ b.T).mean(), rel=1e-12)


def test_single_precision_rows_are_averaged_in_double(cluster):
    options = {**SOAP, "dtype": "float32"}
    found = describe("average_soap", cluster, **options)
    assert found.dtype == np.float32
    expected = describe("soap", cluster, **options).astype(np.float64).mean(0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-7)


def test_nothing_can_be_averaged_over_no_atoms(cluster):
    with pytest.raises(ItemError, match="frame 1 has no atoms"):
        describe("average_soap", cluster, Atoms(), **SOAP)


def test_two_atoms_have_the_published_matrix():
    z_1, z_2, r = 79, 47, 2.8
    pair = Atoms([z_2, z_1], positions=[[0, 0, 0], [0, 0, r]])
    large, small, off = 0.5 * z_1**2.4, 0.5 * z_2**2.4, z_1 * z_2 / r
    np.testing.assert_allclose(coulomb(pair), [large, off, small], rtol=1e-14)
    middle, radius = (large + small) / 2, np.hypot((large - small) / 2, off)
    np.testing.assert_allclose(coulomb(pair, form="eigenvalues"), [middle + radius, middle - radius], rtol=1e-12)


def test_rows_descend_in_norm_and_hold_the_whole_matrix():
    water = molecule("CH3CH2OH")
    found = coulomb(water)
    n = len(water)
    matrix = np.zeros((n, n))
    matrix.T[np.tril_indices(n)] = found
    matrix = matrix + np.triu(matrix, 1).T
    assert np.all(np.diff(np.linalg.norm(matrix, axis=1)) <= 1e-9)
    z = water.numbers.astype(float)
    plain = np.outer(z, z) / (water.get_all_distances() + np.eye(n))
    np.fill_diagonal(plain, 0.5 * z**2.4)
    np.testing.assert_allclose(np.sort(matrix.ravel()), np.sort(plain.ravel()), rtol=1e-12)
    expected = np.linalg.eigvalsh(plain)
    found = coulomb(water, form="eigenvalues")
    np.testing.assert_allclose(found, expected[np.argsort(-np.abs(expected))], rtol=1e-10, atol=1e-12)
    assert np.all(np.diff(np.abs(found)) <= 0)


@pytest.mark.parametrize("form", ["sorted", "eigenvalues"])
def test_smaller_structures_are_padded_with_zeros(cluster, form):
    small = cluster[:5]
    own, padded = coulomb(small, form=form), coulomb(small, form=form, max_atoms=9)
    assert np.array_equal(padded[: len(own)], own)
    assert not padded[len(own) :].any()
    assert len(padded) == (9 if form == "eigenvalues" else 45)


def test_matrices_equal_those_of_an_independent_program(cluster):
    dscribe = pytest.importorskip("dscribe.descriptors")
    theirs = dscribe.CoulombMatrix(n_atoms_max=40, permutation="sorted_l2").create(cluster).reshape(40, 40)
    np.testing.assert_allclose(coulomb(cluster, max_atoms=40), theirs.T[np.tril_indices(40)], rtol=1e-10)
    theirs = dscribe.CoulombMatrix(n_atoms_max=40, permutation="eigenspectrum").create(cluster)
    np.testing.assert_allclose(coulomb(cluster, max_atoms=40, form="eigenvalues"), theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("periodic", [(1, 1, 0), (1, 1, 1), (0, 1, 0)])
def test_along_periodic_directions_the_closest_image_counts(periodic):
    slab = fcc100("Au", (3, 3, 2), a=4.08, vacuum=5.0)
    slab.set_cell(np.array([[1, 0, 0], [2, 1, 0], [1, -1, 1]]) @ slab.cell.array)  # the same crystal, skewed
    slab.rattle(0.1, seed=2)
    slab.pbc = periodic
    z = slab.numbers.astype(float)
    grid = np.stack(np.meshgrid(*[range(-4, 5) if p else [0] for p in periodic], indexing="ij"), -1).reshape(-1, 3)
    between = slab.positions[:, None] - slab.positions[None]
    distances = np.linalg.norm(between[:, :, None] + grid @ slab.cell.array, axis=-1).min(-1)
    plain = np.outer(z, z) / (distances + np.eye(len(z)))
    np.fill_diagonal(plain, 0.5 * z**2.4)
    expected = np.linalg.eigvalsh(plain)
    found = coulomb(slab, form="eigenvalues")
    np.testing.assert_allclose(found, expected[np.argsort(-np.abs(expected))], rtol=1e-9, atol=1e-8)


def test_plain_distances_do_not_know_the_cell(cluster):
    periodic = cluster.copy()
    periodic.pbc = True
    assert np.array_equal(coulomb(periodic, distances="plain"), coulomb(cluster))
    assert np.abs(coulomb(periodic) - coulomb(cluster)).max() > 1.0


def test_unusable_structures_are_refused(cluster):
    with pytest.raises(InputError, match="max_atoms"):
        sharvin.create("descriptors", "coulomb_matrix")
    with pytest.raises(ItemError, match="32 atoms and max_atoms is 31; set it"):
        coulomb(cluster, max_atoms=31)
    with pytest.raises(ItemError, match="needs atoms"):
        coulomb(Atoms(), max_atoms=3)
    broken = cluster.copy()
    broken.positions[3, 1] = np.nan
    with pytest.raises(ItemError, match="finite"):
        coulomb(broken)
    broken.positions[3] = broken.positions[5] + [0.0, 0.01, 0.0]
    with pytest.raises(ItemError, match="atoms 3 and 5"):
        coulomb(broken)
    flat = cluster.copy()
    flat.cell[2] = 0.0
    flat.pbc = True
    with pytest.raises(InputError, match="cell vector"):
        coulomb(flat)


def test_mobile_atoms_alone_can_be_averaged_over(cluster):
    rigid = np.arange(len(cluster)) < 8
    cluster.set_array("rigid", rigid)
    rows = describe("soap", cluster, **SOAP)
    found = describe("average_soap", cluster, centres="mobile", **SOAP)[0]
    np.testing.assert_allclose(found, rows[~rigid].mean(0), rtol=1e-12)
