"""Frames hold geometries as they are and give them back."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from sharvin import Frame, Frames
from sharvin.errors import InputError


def gold(n=1):
    return bulk("Au", a=4.08, cubic=True).repeat((1, 1, n))


def test_a_structure_comes_back_as_it_was():
    atoms = gold(2)
    atoms.pbc = (True, True, False)
    back = Frame.from_atoms(atoms, elongation_A=1.5).to_atoms()
    assert np.array_equal(back.positions, atoms.positions)
    assert np.array_equal(back.cell.array, atoms.cell.array)
    assert np.array_equal(back.pbc, atoms.pbc)
    assert back.get_chemical_formula() == "Au8"
    assert back.info["elongation_A"] == 1.5


def test_a_frame_does_not_follow_the_atoms_that_it_was_made_from():
    atoms = gold()
    frame = Frame.from_atoms(atoms)
    atoms.positions += 1.0
    assert np.array_equal(frame.positions, gold().positions)


def test_positions_must_be_as_many_as_atoms():
    with pytest.raises(InputError, match=r"needs positions of shape \(2, 3\)"):
        Frame(np.array([79, 79]), np.zeros((3, 3)), np.eye(3), np.zeros(3, dtype=bool))


def test_indexing_is_that_of_an_array():
    frames = Frames.from_atoms(gold(n) for n in (1, 2, 3, 4))
    sizes = [len(frame) for frame in frames]
    assert [len(frame) for frame in frames[1:3]] == sizes[1:3]
    assert [len(frame) for frame in frames[np.array([3, 0])]] == [16, 4]
    assert [len(frame) for frame in frames[np.array([True, False, False, True])]] == [4, 16]
    assert [len(frame) for frame in frames.take(np.array([2]))] == [12]
    assert len(frames[-1]) == len(frames[np.int64(3)]) == 16
    assert frames[0] is next(iter(frames))


def test_scalars_that_a_frame_lacks_are_nan():
    frames = Frames([Frame.from_atoms(gold(), time_ps=1.0), Frame.from_atoms(gold())])
    times = frames.scalar("time_ps")
    assert times[0] == 1.0
    assert np.isnan(times[1])


def test_species_are_ordered_by_atomic_number():
    frames = Frames.from_atoms([Atoms("AuAg"), Atoms("K2")])
    assert frames.species() == ("K", "Ag", "Au")
