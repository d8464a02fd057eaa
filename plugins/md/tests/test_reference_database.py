"""The structure set reference_database: its composition, and whether what a potential shall learn is in it."""

from collections import Counter
from typing import ClassVar

import numpy as np
import pytest
import sharvin
from ase import Atoms
from ase.build import bulk
from ase.units import GPa
from sharvin import create
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.protocols import StructureSet
from sharvin.registry import registry
from sharvin.testing import StructureTests

EVERY = ("slabs_100", "slabs_111", "bcc", "fcc", "vacancies", "surfaces_110", "chains", "dimers", "necks")
NONE = dict.fromkeys(EVERY, 0)
NEAREST = 4.08 / 2**0.5


class TestReferenceDatabase(StructureTests):
    name = "reference_database"
    options: ClassVar = dict.fromkeys(EVERY, 3)
    two_electrodes = False


class TestPublishedReferenceDatabase(StructureTests):
    name = "reference_database"
    two_electrodes = False


def database(seed=1, **options):
    return create("structures", "reference_database", **options).build_all(np.random.default_rng(seed))


def pairs(atoms, cutoff_A):
    return neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, cutoff_A, full=True)


def strains(structures, perfect):
    """Strain of each crystal against the first, from their cells."""
    return np.array([np.linalg.solve(perfect.cell.array, one.cell.array) - np.eye(3) for one in structures])


@pytest.fixture(scope="module")
def published():
    return database()


def test_the_default_has_the_composition_of_the_published_database(published):
    assert Counter(one.info["group"] for one in published) == {"fcc100": 30, "fcc111": 30, "bcc": 25, "fcc": 20}
    assert 3 * sum(map(len, published)) == pytest.approx(45_240, rel=0.01)
    assert all(140 <= len(one) <= 144 for one in published)
    assert isinstance(create("structures", "reference_database"), StructureSet)
    assert set("".join(set(published[0].symbols))) == set("Au")


def test_crystals_are_periodic_and_slabs_end_in_vacuum(published):
    for one in published:
        slab = one.info["group"].startswith("fcc1")
        assert one.pbc.tolist() == [True, True, not slab]
        if slab:
            gap = one.cell.lengths()[2] - np.ptp(one.positions[:, 2])
            assert gap == pytest.approx(12.0, abs=1.0)


def test_strains_are_symmetric_and_cover_volumes_and_every_shear(published):
    """Enough to fit a lattice constant, a bulk modulus and the three elastic constants of a cubic crystal."""
    for group in ("fcc", "bcc"):
        members = [one for one in published if one.info["group"] == group]
        strain = strains(members[1:], members[0])
        np.testing.assert_allclose(strain, strain.transpose(0, 2, 1), atol=1e-12)
        volume = np.trace(strain, axis1=1, axis2=2) / 3
        assert np.abs(np.linalg.eigvalsh(strain)).max() <= 0.05 + 1e-12
        assert volume.min() < -0.035
        assert volume.max() > 0.035
        voigt = strain[:, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        assert np.linalg.matrix_rank(voigt, tol=0.01) == 6
        assert np.abs(volume).min() < 1e-12, "some shears keep the volume"


def test_elastic_constants_can_be_learnt_from_the_stresses_of_strained_crystals():
    """A harmonic crystal with the leading anharmonicity, fitted to them, has the constants that the potential is known for."""
    crystals = database(**NONE | {"fcc": 20}, at_rest=1.0, largest_strain=0.02, atoms=32)
    calculator = sharvin.calculator("eam", file="Au_u3.eam")
    rows, stresses = [], []
    for one, strain in zip(crystals, strains(crystals, crystals[0]), strict=True):
        one.calc = calculator
        stress = one.get_stress(voigt=False) / GPa * one.get_volume() / crystals[0].get_volume()
        volume = np.trace(strain)
        for row, column in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
            e = strain[row, column]
            rows.append([e, volume - e, 0, e**2, volume**2] if row == column else [0, 0, 2 * e, 0, 0])
            stresses.append(stress[row, column])
    c11, c12, c44 = np.linalg.lstsq(np.array(rows), np.array(stresses), rcond=None)[0][:3]
    assert (c11, c12, c44) == pytest.approx((183.2, 158.8, 44.7), rel=0.01)


def test_a_quarter_of_crystals_is_not_displaced_and_the_first_is_perfect(published):
    members = [one for one in published if one.info["group"] == "fcc"]
    perfect = members[0]
    assert pairs(perfect, 3.0).distance == pytest.approx(NEAREST, abs=1e-9)
    scaled = [one.cell.scaled_positions(one.positions) - perfect.cell.scaled_positions(perfect.positions) for one in members]
    off = np.array([np.sqrt(((one @ perfect.cell.array) ** 2).mean()) for one in scaled])
    assert np.sum(off < 1e-9) == 5
    moved = off[off > 1e-9]
    assert 0.02 < moved.min() < 0.06
    assert 0.11 < moved.max() < 0.15


def test_surfaces_lie_inside_of_what_the_slabs_show():
    """The outermost distance of layers goes from 10 % shorter to longer than in the crystal; relaxed gold is 1 to 3 % off."""
    for group, spacing in (("slabs_100", 4.08 / 2), ("slabs_111", 4.08 / 3**0.5), ("surfaces_110", 4.08 / 8**0.5)):
        slabs = database(**NONE | {group: 30}, at_rest=1.0)
        outer = []
        for one in slabs:
            heights = np.unique(np.round(one.positions[:, 2], 5))
            assert len(heights) >= 7
            outer += [heights[1] - heights[0], heights[-1] - heights[-2]]
        change = np.array(outer) / spacing - 1
        assert change.min() < -0.10
        assert change.max() > 0.05
        assert change.min() > -0.25


def test_faces_have_the_neighbours_of_their_atoms():
    """An atom at the surface has 8 (100), 9 (111) or 7 (110) nearest neighbours, one of the bcc crystal 8."""
    for group, fewest in (("slabs_100", 8), ("slabs_111", 9), ("surfaces_110", 7)):
        (one,) = database(**NONE | {group: 1})
        counts = np.bincount(pairs(one, 1.1 * NEAREST).first, minlength=len(one))
        assert (counts.min(), counts.max()) == (fewest, 12)
    (bcc,) = database(**NONE | {"bcc": 1})
    a_bcc = 4.08 / 2 ** (1 / 3)
    assert set(np.bincount(pairs(bcc, 0.93 * a_bcc).first)) == {8}
    assert bcc.get_volume() / len(bcc) == pytest.approx(4.08**3 / 4)


def test_small_pieces_are_what_they_are_called():
    made = database(**NONE | {"vacancies": 3, "chains": 6, "dimers": 5, "necks": 9}, bond_lengths_A=(2.4, 4.0))
    of = {group: [one for one in made if one.info["group"] == group] for group in ("vacancy", "chain", "dimer", "neck")}
    assert [144 - len(one) for one in of["vacancy"]] == [1, 2, 3]
    assert [one.get_distance(0, 1) for one in of["dimer"]] == pytest.approx([2.4, 2.8, 3.2, 3.6, 4.0])
    for one in of["chain"]:
        assert one.pbc.tolist() == [False, False, True]
    lengths = [np.mean([one.get_distance(i, (i + 1) % 8, mic=True) for i in range(8)]) for one in of["chain"]]
    assert lengths == pytest.approx(np.linspace(2.4, 4.0, 6), abs=0.2)
    straight = of["chain"][0]
    assert np.ptp(straight.positions[:, :2], axis=0).max() == pytest.approx(0, abs=1e-12)
    assert pairs(straight, 2.5).distance == pytest.approx(2.4)
    narrowest = of["neck"][0]
    _, counts = np.unique(np.round(narrowest.positions[:, 2], 4), return_counts=True)
    assert counts.min() == 1
    assert counts[0] == counts[-1] > 9
    for one in of["neck"]:
        first = pairs(one, 1.3 * NEAREST)
        assert np.bincount(first.first, minlength=len(one)).min() >= 2, "every atom of a neck has neighbours on two sides"


def test_a_group_does_not_depend_on_the_numbers_of_the_others():
    few = database(**NONE | {"fcc": 4})
    many = [one for one in database(fcc=7, dimers=2) if one.info["group"] == "fcc"][:4]
    for one, other in zip(few, many, strict=True):
        assert np.array_equal(one.positions, other.positions)
    other_seed = database(seed=2, **NONE | {"fcc": 4})
    assert not np.array_equal(few[1].positions, other_seed[1].positions)


def test_the_lattice_constant_of_the_element_or_the_given_one_is_taken():
    assert isinstance(few := database(**NONE | {"fcc": 1}, element="Ag")[0], Atoms)
    assert few.get_volume() / len(few) == pytest.approx(bulk("Ag").get_volume())
    potassium = database(**NONE | {"bcc": 1, "fcc": 1}, element="K")
    assert [one.get_volume() / len(one) for one in potassium] == pytest.approx([bulk("K").get_volume()] * 2)
    given = database(**NONE | {"fcc": 1}, lattice_constant_A=4.17)[0]
    assert given.get_volume() / len(given) == pytest.approx(4.17**3 / 4)
    with pytest.raises(InputError, match="Si has no measured fcc or bcc crystal; give lattice_constant_A"):
        database(element="Si")


def test_sizes_follow_the_number_of_atoms_asked_for():
    for atoms in (32, 64, 108, 250):
        for one in database(**NONE | {"bcc": 1, "fcc": 1, "slabs_100": 1, "slabs_111": 1}, atoms=atoms):
            assert len(one) == pytest.approx(atoms, rel=0.2), one.info["group"]


def test_wrong_options_are_refused():
    with pytest.raises(InputError, match="the set has no structures"):
        database(**NONE)
    with pytest.raises(InputError, match=r"rattle_A begins with 0\.2 Å, which is more than its end, 0\.1 Å"):
        database(rattle_A=[0.2, 0.1])
    with pytest.raises(InputError, match=r"come closer than 1\.88 Å in each of 50 draws; take a smaller rattle_A"):
        database(**NONE | {"fcc": 2}, rattle_A=[0.8, 0.8], largest_strain=0.0)
    model = registry().options_model(registry().find("structures", "reference_database"))
    assert model().elements() == {"Au"}
