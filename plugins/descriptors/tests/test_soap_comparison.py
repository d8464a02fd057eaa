"""featomic's and DScribe's power spectra beside ours: the same environments are alike, and open directions are exact."""

from importlib.util import find_spec

import numpy as np
import pytest
import sharvin
from ase import Atoms
from ase.build import fcc100
from scipy.spatial.distance import pdist
from sharvin.errors import InputError
from sharvin.frames import Frame, Frames

PARTS = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"))
    for name in ("featomic", "dscribe")
]
SMALL = {"n_max": 5, "l_max": 3, "cutoff_A": 5.0}


def rows(part, atoms, **options):
    return sharvin.create("descriptors", part, **{**SMALL, **options}).describe(Frames.from_atoms([atoms])).values


@pytest.fixture
def wire():
    """A rough wire without periodicity, with atoms of every coordination."""
    atoms = fcc100("Au", (3, 3, 6), a=4.08, vacuum=5.0)
    atoms.pbc = False
    atoms.rattle(0.1, seed=2)
    return atoms


def distances(features):
    features = features.astype(np.float64)
    return pdist(features / np.linalg.norm(features, axis=1)[:, None])


def test_distances_between_environments_are_those_of_featomic(wire):
    pytest.importorskip("featomic")
    options = {"n_max": 17, "l_max": 9, "cutoff_A": 6.0}
    ours, theirs = (distances(rows(part, wire, **options)) for part in ("soap", "featomic"))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.999


def test_distances_between_environments_resemble_those_of_dscribe(wire):
    """There is no cutoff function in DScribe, so its distances weigh far neighbours in another way."""
    pytest.importorskip("dscribe")
    options = {"l_max": 9, "cutoff_A": 6.0}
    ours, theirs = (distances(rows(part, wire, n_max=n_max, **options)) for part, n_max in (("soap", 17), ("dscribe", 12)))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95


@pytest.mark.parametrize("part", ["soap", *PARTS[:1]])
def test_densities_of_two_species_add_up_to_that_of_one(part, wire):
    """Σ over pairs of species of p is p of the whole density: columns have the order and the factors that they should."""
    single = rows(part, wire)
    wire.numbers[::3] = 47
    both = rows(part, wire, species=["Ag", "Au"])
    n, shells = SMALL["n_max"], SMALL["l_max"] + 1
    same = shells * n * (n + 1) // 2
    mixed = both[:, same : same + shells * n * n].reshape(-1, shells, n, n) / np.sqrt(2)
    mixed = mixed + mixed.swapaxes(2, 3)
    i, j = np.triu_indices(n)
    whole = both[:, :same] + both[:, -same:] + (mixed[:, :, i, j] * np.where(i == j, 1, np.sqrt(2))).reshape(-1, same)
    np.testing.assert_allclose(whole, single, rtol=0, atol=1e-6 * np.abs(single).max())


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("periodic", [(1, 1, 0), (0, 1, 0), (0, 1, 1)])
def test_open_directions_are_exact(part, periodic):
    slab = fcc100("Au", (2, 2, 3), a=4.08)
    slab.cell[2] = [0.4, 0.3, 8.0]
    slab.pbc = periodic
    slab.rattle(0.1, seed=3)
    shifts = np.stack(np.meshgrid(*[range(-3, 4) if p else [0] for p in periodic], indexing="ij"), -1).reshape(-1, 3)
    shifts = sorted(shifts.tolist(), key=lambda shift: np.abs(shift).sum())
    images = np.concatenate([slab.positions + shift @ slab.cell.array for shift in shifts])
    explicit = rows(part, Atoms(["Au"] * len(images), positions=images))[: len(slab)]
    np.testing.assert_allclose(rows(part, slab), explicit, rtol=0, atol=1e-6 * np.abs(explicit).max())


@pytest.mark.parametrize("part", PARTS)
def test_mobile_atoms_have_the_rows_that_they_have_among_all(part, wire):
    rigid = wire.get_tags() != 3
    frame = Frame(wire.numbers, wire.positions, np.zeros((3, 3)), np.zeros(3, dtype=bool), rigid=rigid)
    mobile = sharvin.create("descriptors", part, **SMALL, centres="mobile").describe(Frames([frame]))
    assert np.array_equal(mobile.values, rows(part, wire)[~rigid])
    unknown = Frame(wire.numbers, wire.positions, np.zeros((3, 3)), np.zeros(3, dtype=bool))
    with pytest.raises(InputError, match=f"{part}: centres: mobile needs to know"):
        sharvin.create("descriptors", part, **SMALL, centres="mobile").describe(Frames([unknown]))


@pytest.mark.parametrize("part", PARTS)
def test_structures_that_have_no_channel_are_refused(part, wire):
    wire.numbers[0] = 47
    with pytest.raises(InputError, match=rf"{part}: .* set species: \[Ag, Au\]"):
        rows(part, wire)
    flat = fcc100("Au", (1, 1, 2), a=4.08)
    flat.pbc = True
    with pytest.raises(InputError, match=f"{part}: frame 0 is periodic along a direction without a cell vector"):
        rows(part, flat)


def test_radial_functions_that_dscribe_cannot_make_orthonormal_are_refused():
    pytest.importorskip("dscribe")
    with pytest.raises(InputError, match="no orthonormal radial basis of more than 16 functions"):
        sharvin.create("descriptors", "dscribe", n_max=17, cutoff_A=6.0)
    with pytest.raises(InputError, match="n_max 16 at cutoff 4 Å the overlap of its radial functions is singular"):
        sharvin.create("descriptors", "dscribe", n_max=16, cutoff_A=4.0)
    with pytest.raises(InputError, match="n_max 15 at cutoff 4 Å its radial functions miss orthonormality by"):
        sharvin.create("descriptors", "dscribe", n_max=15, cutoff_A=4.0)
