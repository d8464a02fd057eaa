"""Frames of a pull: rows of the mobile atoms alone, and rows that need not be computed again."""

import numpy as np
import pytest
import sharvin
from ase.build import fcc100
from sharvin.errors import InputError, RigidAtomsUnknownError
from sharvin.frames import Frame, Frames
from sharvin_descriptors import soap as soap_module

SMALL = {"n_max": 5, "l_max": 3, "cutoff_A": 5.0}


def soap(**options):
    return sharvin.create("descriptors", "soap", **{**SMALL, **options})


@pytest.fixture
def pull():
    """A slab that is torn apart: its outer layers move as blocks, with the rounding of positions; the inner ones vibrate."""
    slab = fcc100("Au", (2, 2, 12), a=4.08, vacuum=10.0)
    slab.pbc = (True, True, False)
    layer = slab.get_tags()
    slab.arrays["rigid"] = (layer <= 5) | (layer >= 8)
    rng = np.random.default_rng(3)
    frames = []
    for step in range(4):
        moved = slab.copy()
        moved.positions[layer <= 5, 2] += np.float32(0.0123 * step)
        moved.positions[(layer > 5) & (layer < 8)] += rng.normal(scale=0.05, size=(8, 3))
        frames.append(Frame.from_atoms(moved))
    return Frames(frames)


@pytest.fixture
def computed(monkeypatch):
    """Number of rows that were computed, call by call."""
    counts = []

    def counting(atoms, *arguments):
        counts.append(len(atoms))
        original(atoms, *arguments)

    original = soap_module.power_spectrum
    monkeypatch.setattr(soap_module, "power_spectrum", counting)
    return counts


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_the_same_bits_whatever_was_described_before(pull, dtype):
    alone = [soap(dtype=dtype).describe(pull[k : k + 1]).values for k in range(len(pull))]
    together = soap(dtype=dtype).describe(pull)
    one_instance = soap(dtype=dtype)
    backwards = {k: one_instance.describe(pull[k : k + 1]).values for k in reversed(range(len(pull)))}
    for k in range(len(pull)):
        assert np.array_equal(together.rows(k), alone[k])
        assert np.array_equal(backwards[k], alone[k])


def test_only_atoms_whose_neighbourhood_changed_are_computed(pull, computed):
    described = soap()
    described.describe(pull)
    described.describe(pull[-1:])
    # Five layers a side are rigid, and 5 Å reach two layers of 2.04 Å: the outer three of four atoms each see rigid ones only.
    assert computed == [48, 24, 24, 24, 0]


def test_writing_to_features_does_not_change_those_of_the_next_frame(pull):
    described = soap()
    first = described.describe(pull[:1])
    expected = first.values.copy()
    first.values[:] = -1.0
    assert np.array_equal(described.describe(pull[:1]).values, expected)


def test_an_atom_that_becomes_another_element_is_computed_again(pull):
    described = soap(species=["Ag", "Au"])
    described.describe(pull[:1])
    numbers = pull[0].numbers.copy()
    numbers[0] = 47
    changed = Frame(numbers, pull[0].positions, pull[0].cell, pull[0].pbc)
    found = described.describe(Frames([changed])).values
    assert np.array_equal(found, soap(species=["Ag", "Au"]).describe(Frames([changed])).values)


def test_mobile_atoms_have_the_rows_that_they_have_among_all(pull):
    everything, mobile = soap().describe(pull), soap(centres="mobile").describe(pull)
    for k, frame in enumerate(pull):
        assert np.array_equal(mobile.rows(k), everything.rows(k)[~frame.rigid])


def test_rows_are_kept_by_atom_where_other_atoms_become_mobile(pull, computed):
    frame = pull[0]
    rigid = np.ones(len(frame), dtype=bool)
    rigid[[3, 20]] = False
    other = Frame(frame.numbers, frame.positions, frame.cell, frame.pbc, rigid=rigid)
    described = soap(centres="mobile")
    described.describe(pull[:1])
    found = described.describe(Frames([other])).values
    assert computed[1] == 1  # atom 20 had a row already
    assert np.array_equal(found, soap().describe(pull[:1]).values[[3, 20]])


def test_mobile_atoms_that_are_not_known_are_an_error(pull):
    frame = pull[0]
    unknown = Frame(frame.numbers, frame.positions, frame.cell, frame.pbc)
    fixed = Frame(frame.numbers, frame.positions, frame.cell, frame.pbc, rigid=np.ones(len(frame), dtype=bool))
    with pytest.raises(RigidAtomsUnknownError, match="frame 1 does not say; give the structure the array rigid"):
        soap(centres="mobile").describe(Frames([frame, unknown]))
    with pytest.raises(InputError, match="every atom of frame 0 is rigid"):
        soap(centres="mobile").describe(Frames([fixed]))


def test_derivatives_of_mobile_atoms_are_those_that_they_have_among_all(pull):
    options = {"dtype": "float64"}
    (everything,), (mobile,) = (list(soap(centres=which, **options).derivatives(pull[:1])) for which in ("all", "mobile"))
    rows = np.flatnonzero(~pull[0].rigid)
    chosen = np.isin(everything.rows, rows)
    assert np.array_equal(rows[mobile.rows], everything.rows[chosen])
    assert np.array_equal(mobile.atoms, everything.atoms[chosen])
    assert np.array_equal(mobile.values, everything.values[chosen])


def test_derivatives_belong_to_the_atoms_within_the_cutoff(pull):
    (found,) = soap().derivatives(pull[:1])
    near = np.zeros((48, 48), dtype=bool)
    near[found.rows, found.atoms] = True
    atoms = pull[0].to_atoms()
    expected = atoms.get_all_distances(mic=True) < SMALL["cutoff_A"]
    assert np.array_equal(near, expected)


def test_derivatives_up_to_high_angular_momentum_equal_finite_differences_for_two_species():
    cluster = fcc100("Au", (2, 2, 3), a=4.08, vacuum=5.0)
    cluster.pbc = False
    cluster.rattle(0.1, seed=1)
    cluster.numbers[::3] = 47
    described = soap(n_max=8, l_max=9, cutoff_A=6.0, species=["Ag", "Au"], dtype="float64")
    (found,) = described.derivatives(Frames.from_atoms([cluster]))
    dense = np.zeros((12, 12, 3, described.size))
    dense[found.rows, found.atoms] = found.values
    step = 1e-3
    for atom, direction in ((0, 2), (1, 0)):
        rows = []
        for steps in (-2, -1, 1, 2):
            moved = cluster.copy()
            moved.positions[atom, direction] += steps * step
            rows.append(described.describe(Frames.from_atoms([moved])).values)
        expected = (rows[0] - 8 * rows[1] + 8 * rows[2] - rows[3]) / (12 * step)
        np.testing.assert_allclose(dense[:, atom, direction], expected, rtol=0, atol=3e-7 * np.abs(expected).max())
    assert np.abs(dense.sum(axis=1)).max() < 1e-12 * np.abs(dense).max()


def test_no_atoms_have_no_derivatives():
    empty = Frame(np.zeros(0, dtype=np.int64), np.zeros((0, 3)), np.zeros((3, 3)), np.zeros(3, dtype=bool))
    (found,) = soap().derivatives(Frames([empty]))
    assert found.values.shape == (0, 3, soap().size)
