"""Pulls in files are what they say, or one sentence says what is wrong; labels are spent on pulls that are not held out."""

import re

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from pydantic import ValidationError
from sharvin.errors import InputError
from sharvin.frames import Frame
from sharvin.store import write_trajectory
from sharvin_studies.break_junction.configs import BreakJunctionOptions
from sharvin_studies.break_junction.label_curve.draws import parts_held_out, spending_order, spent
from sharvin_studies.break_junction.labelled_files.reading import read_pulls

FILE = {"name": "DFT", "file": "x.extxyz"}


def frame(pull=0, elongation=0.0, **info):
    atoms = Atoms("Au3", positions=[[0, 0, 2.9 * n + elongation] for n in range(3)], cell=[9, 9, 20], pbc=[True, True, True])
    atoms.set_array("rigid", np.array([True, False, True]))
    atoms.info = {"pull": pull, "elongation_A": elongation, **info}
    return atoms


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pulls.extxyz"


def labelled(numbers=(0, 1), elongations=(0.0, 0.5)):
    return [frame(p, e, conductance_G0=1.0 + e, label_source="SIESTA") for p in numbers for e in elongations]


def test_pulls_are_grouped_and_ordered_by_elongation(path):
    frames = labelled((3, "second"), (0.5, 0.0, 1.0))
    for atoms in frames[3:]:
        atoms.positions[1, 0] = 0.1
    write(path, frames[::2] + frames[1::2])
    found = read_pulls(str(path))
    assert [pull.name for pull in found.pulls] == ["3", "second"] and found.frames == 6
    assert found.labelled and found.sources == ("SIESTA",)
    for pull in found.pulls:
        assert [one.scalars["elongation_A"] for one in pull.frames] == [0.0, 0.5, 1.0]
        assert [one.scalars["conductance_G0"] for one in pull.frames] == [1.0, 1.5, 2.0]
    first = found.pulls[0].frames[0]
    assert first.pbc.tolist() == [True, True, False], "the leads continue a wire along z"
    assert first.rigid.tolist() == [True, False, True]


def test_a_file_without_conductances_has_no_labels(path):
    write(path, [frame(0), frame(0, 0.5)])
    assert not read_pulls(str(path)).labelled


def test_a_trajectory_of_a_run_is_one_pull(tmp_path):
    path = tmp_path / "training-0003-pulls.h5"
    write_trajectory(path, [Frame.from_atoms(frame(), elongation_A=float(n)) for n in range(3)])
    (pull,) = read_pulls(str(path)).pulls
    assert pull.name == "training-0003-pulls" and len(pull.frames) == 3


def test_the_digest_of_a_pull_tells_all_that_it_holds(path):
    def digest(atoms):
        write(path, atoms)
        return read_pulls(str(path)).pulls[0].digest

    same, moved, other_label = labelled((0,)), labelled((0,)), labelled((0,))
    moved[1].positions[1, 0] += 1e-3
    other_label[1].info["conductance_G0"] += 1e-3
    free = labelled((0,))
    for atoms in free:
        atoms.arrays["rigid"][:] = False
    digests = [digest(atoms) for atoms in (same, moved, other_label, free)]
    assert len(set(digests)) == 4 and digest(labelled((0,))) == digests[0]
    renamed = labelled((7,))
    assert digest(renamed) == digests[0], "the name of a pull changes nothing that is computed"


def lacking(key, number):
    frames = labelled()
    del frames[number].info[key]
    return frames


def stating(key, value, number=2):
    frames = labelled()
    frames[number].info[key] = value
    return frames


def another_wire():
    frames = labelled()
    frames[1] = frames[1][[0, 1]]
    return frames


def other_rigid():
    frames = labelled()
    frames[1].arrays["rigid"][1] = True
    return frames


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (lacking("pull", 1), "frame 1 of PATH does not say which pull it belongs to"),
        (lacking("conductance_G0", 2), "frame 2 of PATH has no conductance_G0, which frame 0 has: label all frames or none"),
        (lacking("conductance_G0", 0), "frame 0 of PATH has no conductance_G0, which frame 1 has"),
        (lacking("elongation_A", 3), "frame 3 of PATH has no elongation_A, which frame 0 has: state it in all or in none"),
        (
            stating("conductance_G0", np.nan),
            "frame 2 of PATH has conductance_G0=nan, which is no finite number; leave out frames",
        ),
        (stating("conductance_G0", "high"), "frame 2 of PATH has conductance_G0=high, which is no finite number"),
        (stating("conductance_G0", -0.1), "frame 2 of PATH has conductance_G0=-0.1, and a conductance is not negative"),
        (stating("pull", 0.5), "frame 2 of PATH has pull=0.5, where a whole number or a name is expected"),
        (stating("pull", True), "frame 2 of PATH has pull=True, where a whole number or a name is expected"),
        (another_wire(), "frames 0 and 1 of PATH are of one pull (0) and their atoms differ"),
        (other_rigid(), "frames 0 and 1 of PATH are of one pull (0) and their rigid atoms differ"),
        (labelled((0,)) + labelled((5,)), "pull 5 of PATH has the same frames as pull 0 of PATH"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_the_frame(path, frames, words):
    if "the same frames" not in words:
        for number, atoms in enumerate(frames):
            atoms.positions[1, 1] += 0.01 * number
    write(path, frames)
    with pytest.raises(InputError, match=re.escape(words.replace("PATH", str(path)))):
        read_pulls(str(path))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"training_pulls": [{"name": "a"}]}, "series a needs a number of pulls, or a file that holds them"),
        ({"training_pulls": [{**FILE, "pulls": 3}]}, "read from a file, so its pulls would be ignored"),
        ({"training_pulls": [{**FILE, "dynamics": {"x": 1}}]}, "read from a file, so its dynamics would be ignored"),
        ({"production_pulls": [{**FILE, "pulls": 3}]}, "Extra inputs are not permitted"),
        ({"folds": 3}, "folds would be ignored without learning_curve_labels"),
        ({"learning_curve_repeats": 3}, "learning_curve_repeats would be ignored without learning_curve_labels"),
        ({"learning_curve_labels": [1]}, "greater than or equal to 2"),
        ({"learning_curve_labels": [2, 10]}, "of 2 labels the validation_fraction 0.17 leaves none"),
        ({"learning_curve_labels": [10], "split_by": "sample"}, "split_by must be group or both"),
        ({"learning_curve_labels": [10], "acquire": {}, "committee": {}}, "leave learning_curve_labels out"),
    ],
)
def test_options_that_would_be_ignored_are_refused(options, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        BreakJunctionOptions(**options)


def test_nothing_that_pulls_is_needed_where_nothing_is_pulled():
    def needed(**options):
        return set(BreakJunctionOptions(**options).needed_kinds())

    pulling = {"structures", "potentials", "dynamics"}
    assert not needed(training_pulls=[FILE], production_pulls=0) & pulling
    assert needed(training_pulls=[FILE], production_pulls=2) >= pulling
    assert needed(training_pulls=[FILE, {"name": "b", "pulls": 1}], production_pulls=0) >= pulling
    assert needed(training_pulls=3) == set(BreakJunctionOptions.kinds)


# Labels spent

GROUPS = np.repeat(np.arange(7), [9, 3, 5, 5, 8, 2, 6])
LABELLED = np.setdiff1d(np.arange(len(GROUPS)), [4, 20])


def test_every_pull_is_held_out_once():
    parts = parts_held_out(GROUPS, LABELLED, 3, np.random.default_rng(0))
    assert np.array_equal(np.sort(np.concatenate(parts)), LABELLED)
    pulls = [set(GROUPS[part]) for part in parts]
    assert set.union(*pulls) == set(range(7)) and sum(map(len, pulls)) == 7
    assert max(map(len, parts)) - min(map(len, parts)) <= 4, "parts of nearly equal size"
    other = parts_held_out(GROUPS, LABELLED, 3, np.random.default_rng(1))
    assert {frozenset(GROUPS[part]) for part in other} != {frozenset(one) for one in pulls}


def test_labels_are_nested_and_spread_over_the_pulls():
    order = spending_order(LABELLED, GROUPS, np.random.default_rng(0))
    assert np.array_equal(np.sort(order), LABELLED)
    assert set(GROUPS[order[:7]]) == set(range(7)), "each pull has its turn"
    assert np.unique(GROUPS[order[:14]], return_counts=True)[1].tolist() == [2] * 7
    before = (np.empty(0, dtype=int), np.empty(0, dtype=int))
    for number in (4, 10, 20, 35):
        train, validation = spent(order, number, 0.17)
        assert len(train) + len(validation) == number and len(validation) == int(0.17 * number + 0.5)
        assert set(train).isdisjoint(validation) and set(order[:number]) == {*train, *validation}
        assert {*before[0]} <= {*train} and {*before[1]} <= {*validation}
        before = train, validation
