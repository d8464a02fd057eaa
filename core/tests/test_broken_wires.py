"""A wire is broken when no chain of bonds joins its ends, whatever it is made of."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from sharvin.electrodes.broken_wires import gap_A, holding_atoms, is_joined_through_z, is_unbroken, unbroken
from sharvin.electrodes.rigid_ends import marked_ends
from sharvin.frames import Frame


def bar(element, lattice_constant):
    atoms = bulk(element, "fcc", a=lattice_constant, cubic=True).repeat((2, 2, 6))
    atoms.pbc = False
    return atoms


def molecule(bond):
    """A chain of carbon with hydrogen between two tips of gold."""
    gold = [[0, 0, 2.7 * k] for k in range(8)]
    z = gold[-1][2] + 2.1
    carbon = [[0, 0, z + 1.3 * k] for k in range(4)]
    hydrogen = [[1.09, 0, z + 1.3 * k] for k in range(4)]
    right = [[0, 0, z + 3.9 + bond + 2.7 * k] for k in range(8)]
    return Atoms("Au8C4H4Au8", positions=gold + carbon + hydrogen + right)


WHOLE = {
    "gold": bar("Au", 4.08),
    "potassium": bulk("K", "bcc", a=5.32, cubic=True).repeat((2, 2, 6)),
    "chain": Atoms("Au12", positions=[[0, 0, 2.6 * k] for k in range(12)]),
    "chain of unlike bonds": Atoms("Au12", positions=[[0, 0, 2.6 * k + 0.2 * (k % 2)] for k in range(12)]),
    "alloy": Atoms("AuAg" * 6, positions=[[0, 0, 2.8 * k] for k in range(12)]),
    "molecule": molecule(2.1),
    "hydrogen": Atoms("Au6H2Au6", positions=[[0, 0, z] for z in [*np.arange(6) * 2.7, 15.3, 16.2, *(18.0 + np.arange(6) * 2.7)]]),
    "one atom": Atoms("Au"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_wires_are_whole_and_a_gap_of_6_A_breaks_them(name):
    atoms = WHOLE[name].copy()
    assert gap_A(Frame.from_atoms(atoms)) is None
    if len(atoms) > 1:
        z = np.sort(atoms.positions[:, 2])
        atoms.positions[atoms.positions[:, 2] > z[len(z) // 2 - 1] + 0.1, 2] += 6.0
        assert gap_A(Frame.from_atoms(atoms)) >= 6.0


def test_the_answer_depends_neither_on_the_order_of_atoms_nor_on_where_the_cell_is_cut():
    slab = fcc111("Au", (3, 3, 9), a=4.08, orthogonal=False)
    slab.pbc = (True, True, False)
    for shift, broken in ((0.0, False), (4.0, True)):
        atoms = slab.copy()
        atoms.positions[atoms.positions[:, 2] > 9.0, 2] += shift
        moved = atoms[np.random.default_rng(1).permutation(len(atoms))]
        moved.positions += 0.37 * atoms.cell[0] + 0.61 * atoms.cell[1]
        moved.wrap()
        assert (gap_A(Frame.from_atoms(atoms)) is not None) == (gap_A(Frame.from_atoms(moved)) is not None) == broken


def test_atoms_in_the_vacuum_are_no_end_of_a_wire_and_marked_ends_are_taken():
    for bond, expected in ((2.1, None), (8.0, 8.0)):
        stray = molecule(bond) + Atoms("He2", positions=[[5.0, 5.0, -30.0], [5.0, 5.0, 90.0]])
        marked = molecule(bond)
        marked.set_array("rigid", np.isin(np.arange(len(marked)), [0, 1, len(marked) - 2, len(marked) - 1]))
        for atoms in (stray, marked):
            assert gap_A(Frame.from_atoms(atoms)) == (expected if expected is None else pytest.approx(expected))


def test_a_wire_that_is_joined_through_z_through_z_is_told_from_a_broken_one():
    wire = bar("Au", 4.08)
    wire.cell[2, 2] += 10.0
    wire.pbc = (False, False, True)
    wire.positions[:, 2] += 20.0
    wire.wrap()
    assert gap_A(Frame.from_atoms(wire)) > 8.0 and is_joined_through_z(Frame.from_atoms(wire))
    wire = bar("Au", 4.08)
    wire.positions[wire.positions[:, 2] > 12.0, 2] += 6.0
    wire.cell[2, 2] += 16.0
    assert not is_joined_through_z(Frame.from_atoms(wire))


def test_a_measured_neck_decides_frame_by_frame_as_for_all_frames_at_once():
    widths = np.array([9.0, 1.0, 0.0, np.nan, 2.0])
    frames = [Frame.from_atoms(Atoms("Au2", positions=[[0, 0, 0], [0, 0, 2.7]]), neck_width=width) for width in widths]
    expected = [True, True, False, False, True]
    assert [is_unbroken(frame) for frame in frames] == expected
    assert unbroken({"elongation_A": np.zeros(5), "neck_width": widths}).tolist() == expected


def test_a_wire_whose_neck_nobody_measured_counts_as_unbroken():
    assert is_unbroken(Frame.from_atoms(Atoms("Au")))
    assert unbroken({"elongation_A": np.zeros(3)}).tolist() == [True] * 3


def test_marked_atoms_are_split_into_the_two_ends_wherever_the_wire_lies():
    z = 2.7 * np.arange(12)
    for shift in (0.0, -100.0):
        atoms = Atoms("Au12", positions=np.column_stack([0 * z, 0 * z, z + shift]))
        atoms.set_array("rigid", np.isin(np.arange(12), (0, 1, 2, 11)))
        left, right = marked_ends(Frame.from_atoms(atoms[::-1]))
        assert np.flatnonzero(left).tolist() == [9, 10, 11]
        assert np.flatnonzero(right).tolist() == [0]
    for frame in (Frame.from_atoms(Atoms("Au")), Frame.from_atoms(atoms[3:9])):
        assert not any(end.any() for end in marked_ends(frame))


def neck_of(*layers, spacing=2.0):
    """Two blocks of gold, their outer layers rigid, joined by layers of atoms at these places (x, y)."""
    block = np.array([(x, y, z) for z in range(3) for x in (-2.0, 0.0, 2.0) for y in (-2.0, 0.0, 2.0)]) * (1, 1, spacing)
    joined = np.array([(x, y, spacing * (3 + number)) for number, layer in enumerate(layers) for x, y in layer])
    top = block + np.array([0.0, 0.0, spacing * (3 + len(layers))])
    atoms = Atoms("Au" * (2 * len(block) + len(joined)), positions=np.concatenate([block, joined, top]))
    z = atoms.positions[:, 2]
    atoms.set_array("rigid", (z < 0.1) | (z > z.max() - 0.1))
    atoms.set_array("electrode", np.where(z < 0.1, -1, np.where(z > z.max() - 0.1, 1, 0)))
    return Frame.from_atoms(atoms), len(block)


def test_the_atoms_of_a_chain_hold_the_wire_alone_and_those_of_a_wider_neck_do_not():
    one = ((0.0, 0.0),)
    two = ((0.0, 0.0), (2.0, 0.0))
    chain, first = neck_of(one, one, one)
    below, above = first - 5, first + 7  # the atoms that the chain sits on
    assert holding_atoms(chain).tolist() == [below, first, first + 1, first + 2, above]
    wide, _ = neck_of(two, two)
    assert holding_atoms(wide).tolist() == []
    mixed, first = neck_of(two, one, two)
    assert holding_atoms(mixed).tolist() == [first, first + 2, first + 3], "of a pair, the one that the single atom sits on"
    assert holding_atoms(neck_of(((9.0, 9.0),))[0]).tolist() == [], "a broken wire is held by nothing"
