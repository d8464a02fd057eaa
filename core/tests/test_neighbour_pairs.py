"""Neighbour pairs: those of crystals are known, those of anything else are what ASE's own search finds."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import primitive_neighbor_list
from sharvin.errors import InputError, ItemError
from sharvin.numerics.neighbour_pairs import neighbour_pairs, periodic_cell


def of(atoms, cutoff_A, full=True):
    return neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, cutoff_A, full=full)


@pytest.mark.parametrize(
    ("crystal", "a", "shells"), [("fcc", 4.08, (12, 6, 24)), ("bcc", 5.23, (8, 6, 12)), ("sc", 3.0, (6, 12, 8))]
)
def test_an_atom_of_a_crystal_has_the_shells_of_its_lattice(crystal, a, shells):
    atoms = bulk("Au", crystal, a=a)  # one atom: all its neighbours are its own images
    squares = {"fcc": (0.5, 1.0, 1.5), "bcc": (0.75, 1.0, 2.0), "sc": (1.0, 2.0, 3.0)}[crystal]
    pairs = of(atoms, 1.001 * a * np.sqrt(squares[-1]))
    found = np.round((pairs.distance / a) ** 2, 6)
    assert [int((found == square).sum()) for square in squares] == list(shells)
    assert len(pairs) == sum(shells)
    np.testing.assert_allclose(pairs.image @ atoms.cell.array, pairs.vector, atol=1e-12)


def random_structure(seed):
    rng = np.random.default_rng(seed)
    cell = rng.normal(0, 5, (3, 3)) if seed % 2 else np.diag(rng.uniform(2, 12, 3))
    if abs(np.linalg.det(cell)) < 60:
        return random_structure(seed + 1000)
    count = int(rng.integers(1, 40))
    return Atoms(f"Au{count}", rng.uniform(-9, 9, (count, 3)), cell=cell, pbc=rng.random(3) < 0.6)


@pytest.mark.parametrize("seed", range(16))
def test_any_structure_has_the_pairs_that_ase_finds(seed):
    atoms = random_structure(seed)
    pairs = of(atoms, 3.7)
    i, j, image, distance = primitive_neighbor_list("ijSd", atoms.pbc, atoms.cell.array, atoms.positions, 3.7)
    image = image * atoms.pbc
    ours, theirs = (
        np.lexsort((*shift.T, second, first))
        for first, second, shift in ((pairs.first, pairs.second, pairs.image), (i, j, image))
    )
    np.testing.assert_array_equal(pairs.first[ours], i[theirs])
    np.testing.assert_array_equal(pairs.second[ours], j[theirs])
    np.testing.assert_array_equal(pairs.image[ours], image[theirs])
    np.testing.assert_allclose(pairs.distance[ours], distance[theirs], atol=1e-12)
    where = atoms.positions[pairs.second] + pairs.image @ atoms.cell.array - atoms.positions[pairs.first]
    np.testing.assert_allclose(pairs.vector, where, atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_a_half_list_has_each_pair_of_the_full_one_once(seed):
    atoms = random_structure(seed)
    full, half = of(atoms, 3.7), of(atoms, 3.7, full=False)
    assert (np.diff(full.first) >= 0).all()
    assert (half.first <= half.second).all()
    both = [
        (first, second, *image, *vector)
        for sign, a, b in ((1, half.first, half.second), (-1, half.second, half.first))
        for first, second, image, vector in zip(a, b, sign * half.image, sign * half.vector + 0.0, strict=True)
    ]
    rows = zip(full.first, full.second, full.image, full.vector + 0.0, strict=True)
    assert sorted(both) == sorted((first, second, *image, *vector) for first, second, image, vector in rows)


def test_equal_structures_have_equal_pairs_in_equal_order():
    atoms = random_structure(3)
    one, other = of(atoms, 5.0, full=False), of(atoms.copy(), 5.0, full=False)
    for name in ("first", "second", "image", "vector", "distance"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


def test_cell_vectors_of_open_directions_are_not_used():
    atoms = random_structure(5)
    atoms.pbc = (True, False, True)
    before = of(atoms, 4.0)
    atoms.cell[1] = [0.0, 1e-3, 0.0]
    assert of(atoms, 4.0).vector.tobytes() == before.vector.tobytes()


def test_a_structure_without_atoms_has_no_pairs():
    assert len(neighbour_pairs(np.empty((0, 3)), np.zeros((3, 3)), (False,) * 3, 3.0, full=True)) == 0


def test_a_sheet_much_wider_than_the_cutoff_is_searched_nevertheless():
    grid = np.stack(np.meshgrid(np.arange(0.0, 900.0, 30.0), np.arange(0.0, 900.0, 30.0), [0.0]), -1).reshape(-1, 3)
    near = grid[::7] + np.array([0.0, 0.0, 1.0])
    pairs = neighbour_pairs(np.concatenate([grid, near]), np.zeros((3, 3)), (False,) * 3, 1.4, full=False)
    assert len(pairs) == len(near)
    np.testing.assert_array_equal(pairs.distance, 1.0)


def test_structures_in_which_distances_mean_nothing_are_refused():
    two, box = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]), np.diag([5.0, 5.0, 5.0])
    for places, cell in ((np.full((2, 3), np.nan), box), (two, np.full((3, 3), np.inf))):
        with pytest.raises(ItemError, match=r"^soap: frame 3 has positions or cell vectors that are not finite"):
            neighbour_pairs(places, cell, (True, True, True), 3.0, full=True, what="soap: frame 3")
    for cell in (np.zeros((3, 3)), np.array([[4.0, 0.0, 0.0], [8.0, 0.0, 0.0], [0.0, 0.0, 9.0]])):
        with pytest.raises(InputError, match=r"^the structure is periodic along a direction without a cell vector"):
            periodic_cell(two, cell, (True, True, False))
    for length_A in (1e7, 1e30, 1e300):  # vesin would divide by zero
        with pytest.raises(InputError, match="lost in that space"):
            neighbour_pairs(two * length_A, box, (False,) * 3, 1.4, full=True)


def test_two_atoms_at_one_place_are_named():
    atoms = Atoms("Au3", [[0, 0, 0], [0, 0, 2.5], [0, 0, 2.54]])
    of(atoms[:2], 4.0).require_apart()
    with pytest.raises(ItemError, match=r"^acsf: frame 1 is broken: its atoms 1 and 2 are 0\.04 Å apart\.$"):
        of(atoms, 4.0).require_apart("acsf: frame 1")
