"""Files of the store are whole or not there, give back what was written, and name themselves when damaged."""

import multiprocessing
import os
import warnings
from dataclasses import replace

import h5py
import numpy as np
import pytest
from sharvin.errors import InputError, ItemError, StoreError
from sharvin.files import h5md
from sharvin.files.own_trajectory import OwnTrajectory
from sharvin.frames import Frame
from sharvin.runs.atomic import atomically
from sharvin.store import (
    read_frames,
    read_json,
    read_observables,
    read_table,
    read_trajectory,
    verify,
    write_json,
    write_table,
    write_trajectory,
)


def some_frames(count=5, atoms=7, seed=3):
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 20, (atoms, 3))
    for i in range(count):
        yield Frame(
            numbers=np.full(atoms, 79),
            positions=start + 0.1 * rng.normal(size=(atoms, 3)),
            cell=np.diag([10.0, 10.0, 50.0 + i]),
            pbc=np.array([True, True, False]),
            scalars={"elongation_A": 0.1 * i, "neck_width": 3.0},
        )


@pytest.mark.parametrize("batch", [1, 2, 5, 64])
def test_a_trajectory_gives_back_its_frames_to_single_precision(tmp_path, batch):
    path = tmp_path / "pull.h5"
    write_trajectory(path, some_frames(), batch=batch)
    for before, after in zip(some_frames(), read_frames(path, batch=3), strict=True):
        np.testing.assert_allclose(after.positions, before.positions, atol=1e-7)
        np.testing.assert_array_equal(after.cell, before.cell)
        np.testing.assert_array_equal(after.pbc, before.pbc)
        assert dict(after.scalars) == dict(before.scalars)


def test_the_layout_is_h5md(tmp_path):
    """The rules of https://nongnu.org/h5md/h5md.html, version 1.1, that concern what is written."""
    frames = [replace(frame, scalars={**frame.scalars, "time_ps": 0.5 * i}) for i, frame in enumerate(some_frames())]
    write_trajectory(tmp_path / "pull.h5", frames)
    with h5py.File(tmp_path / "pull.h5") as file:
        assert list(file["h5md"].attrs["version"]) == [1, 1] and file["h5md"].attrs["version"].dtype.kind == "i"
        assert file["h5md/author"].attrs["name"] and file["h5md/creator"].attrs["name"] == b"sharvin"
        assert file["h5md/creator"].attrs["version"]
        box = file["particles/wire/box"]
        fixed = [
            (file["h5md/author"], "name"),
            (file["h5md/creator"], "name"),
            (file["h5md/creator"], "version"),
            (box, "boundary"),
        ]
        assert all(not group.attrs.get_id(name).get_type().is_variable_str() for group, name in fixed)
        assert box.attrs["dimension"] == 3 and set(box.attrs["boundary"]) <= {b"periodic", b"none"}
        elements = [file["particles/wire/position"], box["edges"], *file["observables"].values()]
        for element in elements:
            assert len(element["value"]) == len(element["time"]) == 5 and list(element["step"]) == [0, 1, 2, 3, 4]
            assert element["step"] == elements[0]["step"] and element["time"] == elements[0]["time"]  # the same, not copies
        assert elements[0]["value"].attrs["unit"] == "Angstrom" and elements[0]["time"].attrs["unit"] == "ps"
        assert file["observables/elongation_A/value"].attrs["unit"] == "Angstrom"
        np.testing.assert_allclose(elements[0]["value"][()], [frame.positions for frame in frames], atol=1e-6)
        assert file["particles/wire/species"].shape == (7,)


def test_another_program_sees_the_same_geometry(tmp_path):
    MDAnalysis = pytest.importorskip("MDAnalysis", reason="pip install MDAnalysis")
    frames = [replace(frame, scalars={"time_ps": 0.5 * i}) for i, frame in enumerate(some_frames())]
    write_trajectory(tmp_path / "pull.h5md", frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe.empty(7, trajectory=False)
        universe.load_new(str(tmp_path / "pull.h5md"))
        seen = [(step.time, step.positions.copy()) for step in universe.trajectory]
    assert [time for time, _ in seen] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0])
    for (_, positions), frame in zip(seen, frames, strict=True):
        np.testing.assert_allclose(positions, frame.positions, atol=1e-5)


def test_frames_are_read_by_number(tmp_path, monkeypatch):
    write_trajectory(tmp_path / "pull.h5", some_frames())
    every = list(read_trajectory(tmp_path / "pull.h5"))
    asked = []
    plain = h5md.h5py.Dataset.__getitem__

    def counted(dataset, chosen):
        if dataset.name.endswith("position/value"):
            asked.extend(np.atleast_1d(chosen))
        return plain(dataset, chosen)

    monkeypatch.setattr(h5md.h5py.Dataset, "__getitem__", counted)
    for numbers in ([3], [4, 1, 1], [0, 2], []):
        asked.clear()
        found = list(read_frames(tmp_path / "pull.h5", numbers))
        assert sorted(set(asked)) == sorted(set(numbers))
        for number, frame in zip(numbers, found, strict=True):
            np.testing.assert_array_equal(frame.positions, every[number].positions)
            assert frame.scalars == every[number].scalars


def test_a_file_of_an_earlier_version_is_refused_in_words(tmp_path):
    write_trajectory(tmp_path / "pull.h5", some_frames())
    with h5py.File(tmp_path / "pull.h5", "r+") as file:
        file["particles/wire/reference"] = np.zeros((7, 3))
    with pytest.raises(StoreError, match="an earlier version of sharvin wrote"):
        read_trajectory(tmp_path / "pull.h5")
    with pytest.raises(InputError, match="an earlier version of sharvin wrote"):
        list(OwnTrajectory(tmp_path / "pull.h5", ()).frames(range(3)))


def test_a_frame_that_is_not_there_is_no_other_frame(tmp_path):
    write_trajectory(tmp_path / "pull.h5", some_frames())
    for number in (-1, 5):
        with pytest.raises(IndexError, match=f"no frame {number} among 5"):
            list(read_frames(tmp_path / "pull.h5", [number]))


def test_observables_are_read_without_positions(tmp_path):
    write_trajectory(tmp_path / "pull.h5", some_frames())
    np.testing.assert_allclose(read_observables(tmp_path / "pull.h5")["elongation_A"], 0.1 * np.arange(5))


def test_rigidly_moved_atoms_keep_their_distances_exactly(tmp_path):
    lattice = np.array([[0.1, 0.2, 3.3], [2.88, 0.0, 30.7], [1.44, 1.44, 41.93]])
    frames = [Frame(np.full(3, 79), lattice + np.array([0, 0, s]), np.eye(3) * 60, np.ones(3, bool)) for s in (0.0, 1.2345678)]
    write_trajectory(tmp_path / "pull.h5", frames)
    last = read_trajectory(tmp_path / "pull.h5")[1].positions
    np.testing.assert_allclose(last - last[0], lattice - lattice[0], atol=1e-13)


def test_a_trajectory_without_frames_is_an_error_and_leaves_no_file(tmp_path):
    with pytest.raises(ItemError, match="no frame"):
        write_trajectory(tmp_path / "pull.h5", iter(()))
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.h5"
    write_table(path, {"a": np.arange(3)})

    def failing():
        yield next(some_frames())
        raise ValueError("the dynamics broke")

    with pytest.raises(ValueError, match="broke"):
        write_trajectory(path, failing())
    np.testing.assert_array_equal(read_table(path)[0]["a"], np.arange(3))
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.h5"]


def test_tables_keep_arrays_and_notes(tmp_path):
    columns = {"energy": np.linspace(-1, 1, 200), "few": np.array([1, 2])}
    write_table(tmp_path / "t.h5", columns, {"atoms": np.int64(304), "reasons": {"3": "too close"}})
    table, notes = read_table(tmp_path / "t.h5")
    for name, values in columns.items():
        np.testing.assert_array_equal(table[name], values)
    assert notes == {"atoms": 304, "reasons": {"3": "too close"}}


@pytest.mark.parametrize("place", [0.3, 0.5, 0.9])
def test_damage_is_noticed_and_the_file_named(tmp_path, place):
    path = tmp_path / "table.h5"
    write_table(path, {"values": np.random.default_rng(1).normal(size=5000)})
    data = bytearray(path.read_bytes())
    at = int(place * len(data))
    data[at : at + 64] = bytes(64)
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"table\.h5 is damaged.*--repair"):
        verify(path)


def test_a_truncated_file_is_damaged(tmp_path):
    path = tmp_path / "pull.h5"
    write_trajectory(path, some_frames())
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StoreError, match="damaged"):
        read_trajectory(path)
    (tmp_path / "r.json").write_text('{"a": ')
    with pytest.raises(StoreError, match=r"r\.json is damaged"):
        read_json(tmp_path / "r.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"gone\.h5 is missing"):
        read_table(tmp_path / "gone.h5")


def _hold_open(path, ready, done):
    with h5py.File(path, "r+"):
        ready.set()
        done.wait(30)


def test_a_file_locked_by_another_process_is_named(tmp_path):
    path = tmp_path / "table.h5"
    write_table(path, {"a": np.arange(3)})
    spawn = multiprocessing.get_context("spawn")
    ready, done = spawn.Event(), spawn.Event()
    holder = spawn.Process(target=_hold_open, args=(path, ready, done))
    holder.start()
    try:
        assert ready.wait(30)
        with pytest.raises(StoreError, match=r"table\.h5 is locked by another process"):
            read_table(path)
    finally:
        done.set()
        holder.join()


@pytest.mark.parametrize("kind", ["a folder for a file", "a file for a folder", "a file for the folder above"])
def test_a_folder_in_the_place_of_a_file_and_the_reverse_are_one_sentence(tmp_path, kind):
    path = tmp_path / "place" / "report.html"
    if kind == "a folder for a file":
        (path / "inside").mkdir(parents=True)
    elif kind == "a file for a folder":
        path.parent.mkdir()
        path.touch()
    else:
        path.parent.touch()
    write = (lambda temporary: temporary.mkdir()) if kind == "a file for a folder" else (lambda temporary: temporary.touch())
    with pytest.raises(StoreError, match=r"report.html cannot be written: there is a .* in the place of .*; move it away"):
        atomically(path, write)
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_full_disk_is_said_in_one_sentence_and_loses_nothing(tmp_path):
    path = tmp_path / "results.json"
    write_json(path, {"a": 1})

    def onto_a_full_disk(temporary):
        temporary.symlink_to("/dev/full")
        with temporary.open("wb", buffering=0) as stream:
            os.write(stream.fileno(), b"x" * 100)

    with pytest.raises(StoreError, match="no space left on the disk"):
        atomically(path, onto_a_full_disk)
    assert read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]
