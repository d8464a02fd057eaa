"""What the SOAP power spectrum must not depend on, and what it must change smoothly with."""

import numpy as np
import pytest
import sharvin
from ase import Atoms
from ase.build import bulk, fcc100
from scipy.spatial.transform import Rotation
from sharvin.errors import InputError, ItemError
from sharvin.frames import Frames

SMALL = {"n_max": 6, "l_max": 4, "cutoff_A": 5.0, "dtype": "float64"}


def features(atoms, **options):
    return sharvin.create("descriptors", "soap", **{**SMALL, **options}).describe(Frames.from_atoms([atoms])).values


def equal(a, b, tolerance=1e-10):
    np.testing.assert_allclose(a, b, rtol=0.0, atol=tolerance * np.abs(b).max())


@pytest.fixture
def cluster():
    atoms = bulk("Au", "fcc", a=4.08, cubic=True).repeat(2)
    atoms.pbc = False
    atoms.rattle(0.15, seed=1)
    return atoms


@pytest.fixture
def alloy(cluster):
    cluster.numbers[::3] = 47
    return cluster


def test_features_do_not_depend_on_orientation(alloy):
    turned = alloy.copy()
    turned.positions = Rotation.from_euler("xyz", [0.3, -1.1, 2.0]).apply(alloy.positions)
    for options in ({}, {"n_max": 17, "l_max": 9, "cutoff_A": 6.55}):
        equal(features(turned, species=("Ag", "Au"), **options), features(alloy, species=("Ag", "Au"), **options))


def test_features_do_not_depend_on_handedness_or_place(cluster):
    moved = cluster.copy()
    moved.positions = [3.0, -70.0, 11.0] - cluster.positions
    equal(features(moved), features(cluster))


def test_atoms_keep_their_features_when_renumbered(alloy):
    order = np.random.default_rng(2).permutation(len(alloy))
    equal(features(alloy[order], species=("Ag", "Au")), features(alloy, species=("Ag", "Au"))[order])


def test_a_crystal_has_the_features_of_its_primitive_cell():
    primitive = features(bulk("Au", "fcc", a=4.08))
    skewed = bulk("Au", "fcc", a=4.08)
    skewed.set_cell([[1, 0, 0], [2, 1, 0], [-1, 3, 1]] @ skewed.cell.array)
    for cell in (bulk("Au", "fcc", a=4.08, cubic=True).repeat((2, 1, 3)), skewed):
        found = features(cell)
        equal(found, np.repeat(primitive, len(found), axis=0))


@pytest.mark.parametrize("periodic", [(1, 1, 0), (1, 0, 0), (0, 1, 1)])
def test_periodic_directions_are_the_same_as_explicit_images(periodic):
    slab = fcc100("Au", (2, 2, 3), a=4.08)
    slab.cell[2] = [0.4, 0.3, 8.0]
    slab.pbc = periodic
    slab.rattle(0.1, seed=3)
    shifts = np.stack(np.meshgrid(*[range(-3, 4) if p else [0] for p in periodic], indexing="ij"), -1).reshape(-1, 3)
    shifts = sorted(shifts.tolist(), key=lambda shift: np.abs(shift).sum())
    images = np.concatenate([slab.positions + shift @ slab.cell.array for shift in shifts])
    explicit = Atoms(["Au"] * len(images), positions=images)
    equal(features(slab), features(explicit)[: len(slab)])


def test_the_cell_along_open_directions_does_not_matter(cluster):
    boxed = cluster.copy()
    boxed.cell[:] = np.diag([1.0, 2.0, 3.0])
    equal(features(boxed), features(cluster))


def test_features_are_continuous_as_an_atom_crosses_the_cutoff():
    def at(r):
        return features(Atoms("Au3", positions=[[0, 0, 0], [0, 2.8, 0], [0, 0, r]]))[0]

    alone = at(100.0)
    equal(at(SMALL["cutoff_A"] - 1e-9), alone, 1e-12)
    far, near = np.abs(at(SMALL["cutoff_A"] - 0.02) - alone).max(), np.abs(at(SMALL["cutoff_A"] - 0.01) - alone).max()
    assert near < far / 6.0  # two continuous derivatives: the weight vanishes with the cube of the distance
    assert np.abs(at(SMALL["cutoff_A"] - 0.5) - alone).max() > 1e-2


def test_features_are_smooth_inside_the_cutoff():
    def at(r):
        return features(Atoms("Au2", positions=[[0, 0, 0], [0, 0, r]]))[0]

    knot = 1.0  # a knot of the table
    left, right = (at(knot) - at(knot - 1e-4)) / 1e-4, (at(knot + 1e-4) - at(knot)) / 1e-4
    np.testing.assert_allclose(left, right, atol=1e-3 * np.abs(left).max())


def test_species_order_only_renames_the_channels(alloy):
    n, n_l = SMALL["n_max"], SMALL["l_max"] + 1
    same, mixed = n_l * n * (n + 1) // 2, n_l * n * n
    one, two = features(alloy, species=("Ag", "Au")), features(alloy, species=("Au", "Ag"))
    assert one.shape[1] == same + mixed + same
    equal(two[:, :same], one[:, same + mixed :])
    equal(two[:, same + mixed :], one[:, :same])
    transposed = one[:, same : same + mixed].reshape(-1, n_l, n, n).swapaxes(2, 3).reshape(-1, mixed)
    equal(two[:, same : same + mixed], transposed)


def test_an_absent_species_has_an_empty_channel(cluster):
    n, n_l = SMALL["n_max"], SMALL["l_max"] + 1
    both = features(cluster, species=("Au", "Ag"))
    equal(both[:, : n_l * n * (n + 1) // 2], features(cluster))
    assert not both[:, n_l * n * (n + 1) // 2 :].any()


def test_a_lone_atom_has_only_its_own_spherical_density():
    lone = features(Atoms("Au", positions=[[5.0, 5.0, 5.0]]))[0].reshape(SMALL["l_max"] + 1, -1)
    assert lone[0].max() > 0.0
    assert not lone[1:].any()


def test_rows_belong_to_their_structures_and_do_not_depend_on_the_batch(cluster):
    lone = Atoms("Au", positions=[[0.0, 0.0, 0.0]])
    soap = sharvin.create("descriptors", "soap", **SMALL)
    batch = soap.describe(Frames.from_atoms([lone, cluster, lone]))
    assert batch.offsets.tolist() == [0, 1, 1 + len(cluster), 2 + len(cluster)]
    assert np.array_equal(batch.rows(1), features(cluster))
    assert np.array_equal(batch.rows(2), batch.rows(0))
    assert len(soap.describe(Frames())) == 0


def test_one_element_at_the_published_size_has_1530_features():
    soap = sharvin.create("descriptors", "soap", n_max=17, l_max=9, cutoff_A=6.55)
    assert soap.size == 1530
    found = soap.describe(Frames.from_atoms([bulk("Au", "fcc", a=4.08)])).values
    assert found.shape == (1, 1530)
    assert found.dtype == np.float32


def test_single_precision_agrees_with_double(cluster):
    options = {"n_max": 17, "l_max": 9, "cutoff_A": 6.55}
    equal(features(cluster, dtype="float32", **options), features(cluster, **options), 2e-6)


def test_unusable_structures_are_refused(cluster):
    mixed = cluster.copy()
    mixed.numbers[0] = 47
    with pytest.raises(InputError, match=r"set species: \[Ag, Au\]"):
        features(mixed)
    with pytest.raises(InputError, match="Ag"):
        features(mixed, species=("Au",))
    with pytest.raises(InputError, match="Xy"):
        features(cluster, species=("Xy",))
    with pytest.raises(InputError, match="cutoff_width_A"):
        features(cluster, cutoff_width_A=6.0)
    broken = cluster.copy()
    broken.positions[3, 1] = np.nan
    with pytest.raises(ItemError, match="finite"):
        features(broken)
    overlapping = cluster.copy()
    overlapping.positions[3] = overlapping.positions[5] + [0.0, 0.01, 0.0]
    with pytest.raises(ItemError, match="atoms 3 and 5"):
        features(overlapping)
    flat = cluster.copy()
    flat.cell[2] = 0.0
    flat.pbc = (1, 1, 1)
    with pytest.raises(InputError, match="cell vector"):
        features(flat)
