"""Bilayers and ribbons of graphene: lattices, stackings, twists, marks, and options that do not fit."""

from math import acos, cos, degrees, radians, sin, sqrt
from typing import ClassVar

import numpy as np
import pytest
from sharvin import create
from sharvin.errors import InputError
from sharvin.junction import Junction
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.protocols import StructureSet
from sharvin.testing import StructureTests
from sharvin_md.graphene.commensurate import MOST_ATOMS, MOST_PERIODS, Twist, at_angle, nearest

BOND_A = 2.46 / sqrt(3)
TWISTS = [(1, 1), (2, 1), (6, 1), (2, 3), (1, 2), (5, 2), (1, 3), (4, 3), (1, 6), (3, 7)]


class TestBilayer(StructureTests):
    name = "bilayer_graphene"
    options: ClassVar = {
        "supercell": [4, 4],
        "random_shift": True,
        "displacement_A": [0.02, 0.12],
        "configurations": 3,
        "largest_strain": 0.01,
        "distance_spread_A": 0.2,
    }
    two_electrodes = False
    min_distance_A = 0.9


class TestTwistedBilayer(StructureTests):
    name = "bilayer_graphene"
    options: ClassVar = {"twist": [2, 1]}
    two_electrodes = False
    min_distance_A = 1.4


class TestRibbon(StructureTests):
    name = "graphene_ribbon"
    min_distance_A = 1.4


class TestBilayerZigzagRibbon(StructureTests):
    name = "graphene_ribbon"
    options: ClassVar = {"edge": "zigzag", "stacking": "AB", "width": 4, "electrode": 5, "rigid": 3}
    min_distance_A = 1.4


def bilayer(seed=1, **options):
    return create("structures", "bilayer_graphene", **options).build(np.random.default_rng(seed))


def ribbon(**options):
    return create("structures", "graphene_ribbon", **options).build(np.random.default_rng(1))


def pairs(atoms, cutoff_A):
    return neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, cutoff_A, full=True)


def above(atoms, tolerance_A=1e-6):
    """How many atoms have one of the other layer exactly above or below."""
    found = pairs(atoms, 4.0)
    return int((np.linalg.norm(found.vector[:, :2], axis=1)[np.abs(found.vector[:, 2]) > 1] < tolerance_A).sum())


def in_plane(atoms, layer):
    """Fractional coordinates of a layer in its cell, from 0 to 1."""
    return np.linalg.solve(atoms.cell.array[:2, :2].T, atoms.positions[atoms.arrays["layer"] == layer, :2].T).T % 1.0


def same_points(one, other, cell, tolerance_A=1e-8):
    """Whether two sets of fractional points are one set of places in a periodic cell."""
    apart = one[:, None] - other[None]
    distance = np.linalg.norm((apart - np.round(apart)) @ cell, axis=-1)
    return len(one) == len(other) and (distance.min(axis=0) < tolerance_A).all() and (distance.min(axis=1) < tolerance_A).all()


def require_graphene(atoms, bond_A=BOND_A):
    """Every atom has three neighbours at a bond length, six at √3 and three at 2 of it, all within its layer."""
    found = pairs(atoms, 2.9)
    layer = atoms.arrays["layer"]
    found = found.take(layer[found.first] == layer[found.second])
    for length, count in ((bond_A, 3), (sqrt(3) * bond_A, 6), (2 * bond_A, 3)):
        there = np.abs(found.distance - length) < 1e-8
        assert (np.bincount(found.first[there], minlength=len(atoms)) == count).all()
    assert len(found) == 12 * len(atoms)
    np.testing.assert_allclose(found.vector[:, 2], 0.0, atol=1e-12)


@pytest.mark.parametrize(("m", "r"), TWISTS)
def test_twisted_cells_have_the_atoms_and_angles_of_the_formula(m, r):
    twist, atoms = Twist(m, r), bilayer(twist=[m, r])
    square = 3 * m**2 + 3 * m * r + r**2
    assert len(atoms) == twist.atoms == (4 * square // 3 if r % 3 == 0 else 4 * square)
    if r == 1:
        assert len(atoms) == 4 * (3 * m**2 + 3 * m + 1)
        assert cos(radians(twist.angle_deg)) == pytest.approx((3 * m**2 + 3 * m + 0.5) / (3 * m**2 + 3 * m + 1), abs=1e-14)
    require_graphene(atoms)
    bonds = pairs(atoms, 1.5)
    layer = atoms.arrays["layer"][bonds.first]
    directions = np.exp(6j * np.arctan2(bonds.vector[:, 1], bonds.vector[:, 0]))  # the same for a bond and one at 60° to it
    lower, upper = directions[layer == 0].mean(), directions[layer == 1].mean()
    assert abs(lower) == pytest.approx(1.0, abs=1e-9)
    turned = degrees(np.angle(upper / lower)) / 6
    assert turned % 60 == pytest.approx(twist.angle_deg, abs=1e-7)
    assert np.array_equal(np.bincount(atoms.arrays["layer"]), [len(atoms) // 2] * 2)
    lengths = atoms.cell.lengths()
    assert lengths[:2] == pytest.approx(2.46 * sqrt(twist.sites), abs=1e-9)
    assert atoms.cell.angles()[2] == pytest.approx(60.0)


def test_the_magic_angle_has_11164_atoms():
    atoms = bilayer(twist=[30, 1])
    assert len(atoms) == 11_164
    assert Twist(30, 1).angle_deg == pytest.approx(1.0845, abs=1e-4)
    assert degrees(acos(2790.5 / 2791)) == pytest.approx(Twist(30, 1).angle_deg, abs=1e-10)
    require_graphene(atoms)


@pytest.mark.parametrize("twist", [[2, 1], [1, 3], [3, 2]])
@pytest.mark.parametrize(("centre", "fold"), [("hexagon", 6), ("atom", 3)])
def test_the_axis_of_a_twist_has_its_symmetry(twist, centre, fold):
    atoms = bilayer(twist=twist, centre=centre)
    cell = atoms.cell.array[:2, :2]

    def turned(layer, angle):
        c, s = cos(angle), sin(angle)
        points = in_plane(atoms, layer) @ cell @ np.array([[c, s], [-s, c]])
        return np.linalg.solve(cell.T, points.T).T

    for layer in (0, 1):
        for count in (2, 3, 6):
            same = same_points(turned(layer, 2 * np.pi / count), in_plane(atoms, layer), cell)
            assert same == (fold % count == 0)
        nearest_A = np.linalg.norm((in_plane(atoms, layer) - np.round(in_plane(atoms, layer))) @ cell, axis=1).min()
        assert nearest_A == pytest.approx(BOND_A if centre == "hexagon" else 0.0, abs=1e-9)


def test_stackings_have_their_registry():
    assert above(bilayer(stacking="AA")) == 4
    assert above(bilayer(stacking="AB")) == 2
    assert len(bilayer(stacking="monolayer", supercell=[3, 2])) == 12
    for options in ({"stacking": "AA"}, {"stacking": "AB", "supercell": [3, 5]}, {"stacking": "monolayer"}):
        require_graphene(bilayer(**options))
    z = bilayer(distance_A=3.4, height_A=20.0).positions[:, 2]
    assert np.unique(z) == pytest.approx([8.3, 11.7])
    cell = bilayer().cell.array
    carbon = bilayer(stacking="monolayer")
    assert carbon.positions[:, 2] == pytest.approx(15.0)
    assert carbon.cell.array == pytest.approx(cell)


def test_shifts_turn_stackings_into_each_other():
    third = 1 / 3
    reference, cell = bilayer(stacking="AB"), bilayer().cell.array[:2, :2]
    shifted = bilayer(stacking="AA", shift=[third, third])
    assert same_points(in_plane(shifted, 1), in_plane(reference, 1), cell)
    assert same_points(in_plane(shifted, 0), in_plane(reference, 0), cell)
    assert same_points(in_plane(bilayer(shift=[-third, -third]), 1), in_plane(bilayer(stacking="AA"), 1), cell)
    assert above(bilayer(shift=[third, third])) == 2  # BA
    assert above(bilayer(shift=[2 * third, 2 * third])) == 4
    assert above(bilayer(shift=[0.5, 0.0])) == 0
    still, whole = bilayer(twist=[2, 1]), bilayer(twist=[2, 1], shift=[1.0, -2.0])
    vectors = np.linalg.inv(np.array([[2, 3], [-3, 5]])) @ still.cell.array[:2, :2]
    back = whole.copy()
    back.positions[:, :2] -= np.array([1.0, -2.0]) @ vectors  # a lattice vector of the lower layer: the same structure elsewhere
    for layer in (0, 1):
        assert same_points(in_plane(back, layer), in_plane(still, layer), still.cell.array[:2, :2])
    moved = bilayer(twist=[2, 1], shift=[0.25, 0.5])
    assert moved.positions[moved.arrays["layer"] == 0] == pytest.approx(still.positions[still.arrays["layer"] == 0])
    assert not same_points(in_plane(moved, 1), in_plane(still, 1), moved.cell.array[:2, :2])


def test_a_twist_in_a_supercell_is_the_cell_repeated():
    one, many = bilayer(twist=[1, 1]), bilayer(twist=[1, 1], supercell=[2, 3])
    assert len(many) == 6 * len(one)
    repeated = one.repeat((2, 3, 1))
    assert many.cell.array == pytest.approx(repeated.cell.array)
    for layer in (0, 1):
        assert same_points(in_plane(many, layer), in_plane(repeated, layer), many.cell.array[:2, :2])
    require_graphene(many)


def test_strain_changes_cell_and_bonds():
    atoms = bilayer(supercell=[2, 2], strain=[0.02, -0.01, 0.005])
    expected = bilayer(supercell=[2, 2])
    strain = np.array([[0.02, 0.005, 0], [0.005, -0.01, 0], [0, 0, 0]])
    assert atoms.cell.array == pytest.approx(expected.cell.array @ (np.eye(3) + strain))
    assert atoms.positions == pytest.approx(expected.positions @ (np.eye(3) + strain))
    require_graphene(bilayer(lattice_constant_A=2.4594), 2.4594 / sqrt(3))


def test_every_structure_marks_layers_and_their_normals():
    for atoms, normal in ((bilayer(twist=[1, 1]), [0, 0, 1]), (ribbon(stacking="AB"), [0, 1, 0])):
        layer = atoms.arrays["layer"]
        assert layer.dtype == np.int64
        assert set(layer) == {0, 1}
        assert np.array_equal(atoms.arrays["normal"], np.tile(np.array(normal, dtype=float), (len(atoms), 1)))
        height = atoms.positions @ normal
        assert height[layer == 1].min() - height[layer == 0].max() == pytest.approx(3.35)
        bonds = pairs(atoms, 1.5)
        assert (layer[bonds.first] == layer[bonds.second]).all()


def test_a_set_is_drawn_within_its_ranges():
    part = create(
        "structures",
        "bilayer_graphene",
        supercell=[4, 4],
        random_shift=True,
        displacement_A=[0.02, 0.12],
        largest_strain=0.02,
        distance_spread_A=0.3,
        configurations=40,
    )
    assert isinstance(part, StructureSet)
    atoms = part.build_all(np.random.default_rng(3))
    assert {one.info["group"] for one in atoms} == {"shifted"}
    assert {len(one) for one in atoms} == {64}
    ideal = bilayer(supercell=[4, 4]).cell.array[:2, :2]
    strain = np.array([np.linalg.solve(ideal, one.cell.array[:2, :2]) - np.eye(2) for one in atoms])
    np.testing.assert_allclose(strain, strain.transpose(0, 2, 1), atol=1e-12)
    assert 0.015 < np.abs(strain).max() <= 0.02
    distance = np.array([np.diff([one.positions[one.arrays["layer"] == k, 2].mean() for k in (0, 1)])[0] for one in atoms])
    assert np.abs(distance - 3.35).max() < 0.3 + 0.05
    assert np.ptp(distance) > 0.3
    deviation = np.array([one.positions[:32, 2].std() for one in atoms])
    assert 0.01 < deviation.min() < 0.04
    assert 0.09 < deviation.max() < 0.16
    atoms = create("structures", "bilayer_graphene", random_shift=True, configurations=100).build_all(np.random.default_rng(3))
    shifts = np.array([(in_plane(one, 1) - in_plane(one, 0))[0] % 1 for one in atoms])
    assert (np.histogram2d(*shifts.T, 2, ((0, 1), (0, 1)))[0] > 12).all()


def test_groups_name_the_kind():
    for options, group in (
        ({}, "AB"),
        ({"stacking": "AA"}, "AA"),
        ({"stacking": "monolayer"}, "monolayer"),
        ({"stacking": "AA", "shift": [0.1, 0.0]}, "shifted"),
        ({"twist": [1, 1]}, "twisted"),
        ({"twist": [1, 1], "random_shift": True}, "twisted"),
    ):
        assert bilayer(**options).info["group"] == group


def test_a_seed_beyond_the_first_configuration_does_not_change_it():
    few, many = (
        create("structures", "bilayer_graphene", random_shift=True, displacement_A=0.05, configurations=n).build_all(
            np.random.default_rng(5)
        )
        for n in (2, 4)
    )
    for one, other in zip(few, many, strict=False):
        assert np.array_equal(one.positions, other.positions)


@pytest.mark.parametrize("angle", [0.05, 0.9, 1.5, 3.3, 13.3, 23.4, 29.9, 30.1, 41.0, 47.0, 55.0, 59.95])
def test_the_nearest_twist_is_the_nearest_of_all(angle):
    every = [Twist(m, r) for m in range(1, 90) for r in range(1, 125) if np.gcd(m, r) == 1]
    every = [one for one in every if one.atoms <= MOST_ATOMS and one.moire_periods <= MOST_PERIODS]
    expected = min(abs(one.angle_deg - angle) for one in every)
    assert abs(nearest(angle).angle_deg - angle) == pytest.approx(expected, abs=1e-9)


def test_angles_are_found_as_they_are_written():
    for angle, twist in ((1.08, (30, 1)), (1.085, (30, 1)), (2.0, (16, 1)), (21.79, (1, 1)), (38.21, (1, 3)), (27.8, (2, 3))):
        found = at_angle(angle)
        assert (found.m, found.r) == twist
    assert len(bilayer(twist_angle_deg=21.79)) == 28
    assert at_angle(5.0) is None
    assert [Twist(*pair).moire_periods for pair in ((30, 1), (1, 3), (2, 3), (5, 2))] == [1, 1, 3, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"twist_angle_deg": 5.0}, r"nearest that is has twist \[6, 1\] of 5\.0858° and 508 atoms"),
        ({"twist": [2, 2]}, r"\[1, 1\] is the same angle"),
        ({"twist": [2, 1], "stacking": "AB"}, "only one of stacking and twist"),
        ({"twist": [2, 1], "twist_angle_deg": 3.0}, "only one of"),
        ({"centre": "atom"}, "centre would be ignored: the layers are not twisted"),
        ({"stacking": "monolayer", "shift": [0.1, 0.1]}, "shift would be ignored"),
        ({"stacking": "monolayer", "distance_A": 3.4}, "distance_A would be ignored"),
        ({"random_shift": True, "shift": [0.1, 0.1]}, "drawn at random"),
        ({"displacement_A": [0.2, 0.1]}, "more than its end"),
        ({"height_A": 3.0}, "height_A is less than the distance"),
        ({"distance_A": 1.0, "distance_spread_A": 1.0}, "smaller than distance_A"),
    ],
)
def test_bilayers_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        create("structures", "bilayer_graphene", **options)


def test_a_large_cell_can_be_displaced_as_far_as_a_hot_lattice():
    """Gaussian tails would put some of thousands of atoms on top of each other; they are cut."""
    ideal, atoms = bilayer(twist=[10, 1]), bilayer(twist=[10, 1], displacement_A=0.09)
    steps = (atoms.positions - ideal.positions) / 0.09
    assert steps.std() == pytest.approx(1.0, abs=0.05)
    assert np.abs(steps).max() == pytest.approx(2.5)
    assert pairs(atoms, 2.0).distance.min() > 0.9


def test_displacements_that_bring_atoms_together_are_refused():
    with pytest.raises(InputError, match="smaller displacement_A"):
        bilayer(supercell=[4, 4], displacement_A=0.6)


@pytest.mark.parametrize(
    ("options", "period_A"),
    [
        ({}, 8.5217),
        ({"edge": "zigzag", "width": 5}, 9.84),
        ({"stacking": "AB", "width": 5}, 8.5217),
        ({"edge": "zigzag", "stacking": "AB", "width": 4}, 9.84),
        ({"edge": "zigzag", "stacking": "AA", "width": 4, "periodic": True}, 9.84),
        ({"periodic": True, "width": 6, "stacking": "AB"}, 8.5217),
    ],
)
def test_the_electrodes_of_a_ribbon_are_found(options, period_A):
    atoms = ribbon(**options)
    junction = Junction.detect(atoms, 8.0)
    assert junction.left_period_A == pytest.approx(period_A, abs=1e-3)
    assert junction.right_period_A == pytest.approx(period_A, abs=1e-3)
    assert junction.deviation_A < 1e-9
    for side, members in ((-1, junction.left), (1, junction.right)):
        assert (atoms.arrays["electrode"][members] == side).all()
        assert atoms.arrays["rigid"][members].all()


@pytest.mark.parametrize("edge", ["armchair", "zigzag"])
def test_a_ribbon_has_its_width_length_and_bonds(edge):
    atoms = ribbon(edge=edge, width=6, length=3, electrode=8)
    assert len(atoms) == 2 * 6 * (3 + 16)
    across = 5 * 2.46 / 2 if edge == "armchair" else 5 * 1.5 * BOND_A + BOND_A / 2
    assert np.ptp(atoms.positions[:, 0]) == pytest.approx(across)
    found = pairs(atoms, 2.0)
    assert found.distance == pytest.approx(BOND_A)
    neighbours = np.bincount(found.first, minlength=len(atoms))
    z = atoms.positions[:, 2]
    inside = (z > z.min() + 5) & (z < z.max() - 5)
    edges = inside & (np.minimum(atoms.positions[:, 0] - atoms.positions[:, 0].min(), 1) < 0.1)
    assert (neighbours[edges] == 2).all()
    assert set(neighbours[inside]) == {2, 3}
    assert (neighbours == 1).sum() <= 4
    assert atoms.pbc.tolist() == [False, False, False]
    sheet = ribbon(edge=edge, width=6, length=3, periodic=True)
    assert sheet.pbc.tolist() == [True, False, False]
    z = sheet.positions[:, 2]
    inside = (z > z.min() + 2) & (z < z.max() - 2)
    assert (np.bincount(pairs(sheet, 2.0).first, minlength=len(sheet))[inside] == 3).all()


def test_the_layers_of_a_ribbon_are_stacked():
    for edge in ("armchair", "zigzag"):
        sheet = ribbon(edge=edge, width=4, stacking="AB", periodic=True)
        z = sheet.positions[:, 2]
        inside = (z > z.min() + 5) & (z < z.max() - 5)
        for stacking, share in (("AA", 1.0), ("AB", 0.5)):
            sheet = ribbon(edge=edge, width=4, stacking=stacking, periodic=True)
            found = pairs(sheet, 4.0)
            covered = found.first[np.linalg.norm(found.vector[:, [0, 2]], axis=1) < 1e-6]
            assert np.isin(np.flatnonzero(inside), covered).mean() == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"periodic": True, "width": 5}, "even width"),
        ({"distance_A": 3.4}, "distance_A would be ignored"),
        ({"electrode": 2, "rigid": 3}, "3 rigid cells are more than the 2"),
        ({"width": 1}, "width"),
    ],
)
def test_ribbons_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        create("structures", "graphene_ribbon", **options)
