"""Electrodes that are not ideal, fall apart, or are cut off by the file: what is mended, what is said, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from sharvin.errors import InputError
from sharvin.junction import Junction


def bar(layers: int = 12, width: int = 2, a: float = 4.08) -> Atoms:
    """A bar of Au(100), width² atoms a layer, and a cell without vacuum along z."""
    d = a / np.sqrt(2)
    grid = np.array([[i, j] for i in range(width) for j in range(width)])
    xyz = [np.column_stack([(grid + 0.5 * (k % 2)) * d, np.full(len(grid), k * a / 2)]) for k in range(layers)]
    cell = np.diag([width * d, width * d, layers * a / 2])
    return Atoms(f"Au{layers * width**2}", positions=np.concatenate(xyz), cell=cell, pbc=[True, True, False])


def wire() -> Atoms:
    """Five ideal layers, three of a disordered neck of one atom each, and five ideal layers, with 15 Å of vacuum along z."""
    atoms = bar(13)
    layer = np.rint(atoms.positions[:, 2] / 2.04)
    neck = (layer > 4) & (layer < 8)
    kept = atoms[~neck | (np.arange(len(atoms)) % 4 == 1)]
    layer = np.rint(kept.positions[:, 2] / 2.04)
    inside = (layer > 4) & (layer < 8)
    kept.positions[inside] += np.random.default_rng(4).normal(0, 0.2, (3, 3))
    kept.cell[2, 2] += 15.0
    return kept


def test_coordinates_rounded_to_a_ten_thousandth_are_averaged_not_amplified() -> None:
    exact = bar(a=4.0857)
    exact.positions += [0.12345678, 0.3333333, 0.7654321]
    rounded = exact.copy()
    rounded.positions = np.round(rounded.positions, 4)
    lead, given = Junction.detect(exact, 7.0).electrodes()[1], Junction.detect(rounded, 7.0)
    _, left, right = given.electrodes()
    assert 1e-6 < left.deviation_A < 3e-4 and given.imperfection() is None
    assert left.key == right.key and left.repeats == (2, 2)
    assert np.abs(left.positions - lead.positions).max() < 1e-4
    assert lead.period_A == pytest.approx(8.1714, abs=1e-10)
    assert np.array_equal(lead.cell[:2], exact.cell.array[:2])


def test_snapshots_in_single_precision_have_one_lead() -> None:
    keys = set()
    for shift in (0.0, 11.3, 40.7):
        atoms = bulk("Mg").repeat((2, 2, 5))
        atoms.pbc = [True, True, False]
        atoms.positions = (atoms.positions + np.array([1.0, -1.0, 2.0]) * shift).astype(np.float32)
        keys |= {electrode.key for electrode in Junction.detect(atoms, 5.0).electrodes()[1:]}
    assert len(keys) == 1


def test_a_displaced_layer_is_reported_and_the_lead_with_atoms_as_they_are_can_be_had() -> None:
    atoms = bar()
    atoms.positions[4:8, 2] += 0.01
    junction = Junction.detect(atoms, 7.0)
    _, left, right = junction.electrodes()
    assert 5e-3 < left.deviation_A < 2e-2 and right.deviation_A < 1e-9
    words = junction.imperfection()
    assert words is not None and "left 0.0" in words and "right" not in words
    given = junction.as_given()
    assert given.left_electrode is not None
    assert np.diff(np.unique(np.round(given.left_electrode.positions[:, 2], 6)))[0] == pytest.approx(2.05)
    atoms.positions[4:8, 2] += 0.06
    with pytest.raises(InputError, match=r"left end .* layer 3 from the end is .* off its ideal place"):
        Junction.detect(atoms, 7.0)


def test_a_displaced_layer_behind_an_ideal_electrode_belongs_to_the_device() -> None:
    atoms = bar(14)
    atoms.positions[20:24, 2] += 0.02
    assert Junction.detect(atoms, 7.0).imperfection() is None


def test_atoms_apart_from_one_another_are_no_electrode() -> None:
    z = [0.0, 10.0, 20.0, *(30.0 + 2.7 * np.arange(6)), 53.5, 63.5, 73.5]
    atoms = Atoms(f"Au{len(z)}", positions=[[0, 0, height] for height in z])
    with pytest.raises(InputError, match=r"does not conduct along z: atoms of its layers are 10\.00 Å apart.* up to 7\.70 Å"):
        Junction.detect(atoms, 7.7)


def test_a_broken_wire_with_equal_electrodes_is_a_junction_of_the_electrodes_crystal() -> None:
    atoms = bar(20)
    atoms.positions[40:, 2] += 20.0
    for electrode in Junction.detect(atoms, 7.7).electrodes()[1:]:
        assert (electrode.layers, electrode.period_layers, electrode.copies) == (4, 2, 5)


@pytest.mark.parametrize("height", [19.0, 21.0, 35.0])
def test_a_wire_folded_into_its_cell_along_z_is_made_whole(height: float) -> None:
    whole = wire()
    folded = whole.copy()
    folded.positions[:, 2] = (folded.positions[:, 2] + height) % whole.cell[2, 2]
    junction, reference = Junction.detect(folded, 7.7), Junction.detect(whole, 7.7)
    assert junction.joined and not reference.joined
    assert np.ptp(junction.atoms.positions[:, 2]) == pytest.approx(np.ptp(whole.positions[:, 2]))
    assert set(junction.left) == set(reference.left) and set(junction.right) == set(reference.right)
    later = whole.copy()
    later.positions[:, 2] = (later.positions[:, 2] + height + 0.5) % whole.cell[2, 2]
    assert np.ptp(junction.with_positions(later).atoms.positions[:, 2]) == pytest.approx(np.ptp(whole.positions[:, 2]))
    folded.cell[2] = 0.0
    with pytest.raises(InputError, match=r"gap of 17\.0 Å above z = .* wire cut along z, move the atoms beyond"):
        Junction.detect(folded, 7.7)


def test_a_gap_between_electrodes_that_also_meet_across_the_boundary_is_ambiguous() -> None:
    atoms = bar(20)
    atoms.positions[40:, 2] += 20.0
    atoms.cell[2, 2] = np.ptp(atoms.positions[:, 2]) + 2.04
    with pytest.raises(InputError, match=r"the wire is cut along z, by a gap of 22\.0 Å .* electrodes either way"):
        Junction.detect(atoms, 7.7)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_wire_across_z_is_told_which_way_it_runs(axis: int) -> None:
    atoms = wire()
    axes = [[2, 0, 1], [0, 2, 1]][axis]
    turned = Atoms(atoms.numbers, positions=atoms.positions[:, axes], cell=np.diag(atoms.cell.lengths()[axes]))
    for periodic in ([True, True, False], [axis == 1, axis == 0, False]):
        turned.pbc = periodic
        with pytest.raises(InputError, match=f"the wire runs along {'xy'[axis]}; turn it"):
            Junction.detect(turned, 7.7)
