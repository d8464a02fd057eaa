"""Cached arrays come back bit for bit, are computed once, and damage costs time only."""

import os
import pickle

import numpy as np
import pytest
from sharvin.errors import InputError, StoreError
from sharvin.runs import cache
from sharvin.runs.cache import ContentCache, cache_folder, clear, limit_bytes, most_recent, usage


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SHARVIN_CACHE", str(tmp_path))
    return tmp_path


def arrays():
    rng = np.random.default_rng(1)
    return {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=2) + 1j, "c": np.arange(5)}


def unexpected():
    raise AssertionError("computed again")


def same(found, expected):
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) and found[name].dtype == expected[name].dtype for name in expected)


def test_another_process_reads_what_one_computed():
    ContentCache("lead").get_or_compute("key", arrays)
    same(ContentCache("lead").get_or_compute("key", unexpected), arrays())


def test_this_process_keeps_the_most_recent_entries(folder):
    entry = sum(array.nbytes for array in arrays().values())
    recent = ContentCache("lead", memory_bytes=2 * entry)
    for key in ("one", "two", "three"):
        recent.get_or_compute(key, arrays)
    for path in (folder / "lead").glob("*.arrays"):
        path.unlink()
    for key in ("two", "three"):
        same(recent.get_or_compute(key, unexpected), arrays())
    with pytest.raises(AssertionError, match="computed again"):
        recent.get_or_compute("one", unexpected)


@pytest.mark.parametrize(("limit", "kept"), [(100, [4, 5, 6, 7]), (110, [4, 5, 6, 7]), (10, [6, 7])])
def test_memory_is_bounded_by_bytes_but_for_the_last_two(limit, kept):
    values = most_recent(limit, len)
    for number in range(8):
        values[number] = bytes(25)
        assert values[number] == bytes(25)
    assert sorted(values) == kept
    values.get(kept[0])
    values[8] = bytes(25)
    assert kept[0] in values and kept[1] not in values, "what was read of late is kept"
    assert sorted(pickle.loads(pickle.dumps(values))) == sorted(values)


@pytest.mark.parametrize("size", [0, 10, 300])
def test_a_truncated_entry_is_computed_again(folder, size):
    ContentCache("lead").get_or_compute("key", arrays)
    path = folder / "lead" / "key.arrays"
    path.write_bytes(path.read_bytes()[:size])
    same(ContentCache("lead").get_or_compute("key", arrays), arrays())
    same(ContentCache("lead").get_or_compute("key", unexpected), arrays())


def test_every_flipped_byte_is_noticed(folder):
    ContentCache("lead").get_or_compute("key", arrays)
    path = folder / "lead" / "key.arrays"
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        same(ContentCache("lead").get_or_compute("key", arrays), arrays())


def test_a_failed_computation_leaves_nothing_behind(folder):
    with pytest.raises(AssertionError, match="computed again"):
        ContentCache("lead").get_or_compute("key", unexpected)
    assert list((folder / "lead").glob("*.arrays")) == []
    assert list((folder / "lead").glob("*.tmp")) == []


def test_the_folder_is_the_users_choice(folder, monkeypatch):
    assert cache_folder() == folder
    monkeypatch.delenv("SHARVIN_CACHE")
    assert cache_folder().name == "sharvin"


def test_the_cache_stays_below_its_limit_and_keeps_what_was_read_last(folder, monkeypatch):
    make("size")
    size = (folder / "lead" / "size.arrays").stat().st_size
    monkeypatch.setenv("SHARVIN_CACHE_GB", str(4.5 * size / 1e9))
    cache._SIZES.clear()
    for number in range(3):
        make(str(number))
        os.utime(folder / "lead" / f"{number}.arrays", (1000 + number, 1000 + number))
    os.utime(folder / "lead" / "size.arrays", (900, 900))
    same(ContentCache("lead").get_or_compute("0", unexpected), arrays())  # read, so younger than 1 and 2
    make("new")
    assert sorted(path.stem for path in (folder / "lead").glob("*.arrays")) == ["0", "2", "new"]
    assert sum(one.bytes for one in usage()) <= limit_bytes()


def make(key):
    return ContentCache("lead").get_or_compute(key, arrays)


def test_usage_and_clear(folder):
    make("one")
    ContentCache("energies").get_or_compute("two", arrays)
    held = usage()
    assert [(one.name, one.entries) for one in held] == [("energies", 1), ("lead", 1)]
    assert clear() == sum(one.bytes for one in held) > 0
    assert usage() == [] and not list(folder.glob("*/*"))


@pytest.mark.parametrize("value", ["much", "-1", "nan", "inf"])
def test_a_limit_that_is_no_size_is_refused(monkeypatch, value):
    monkeypatch.setenv("SHARVIN_CACHE_GB", value)
    with pytest.raises(InputError, match="SHARVIN_CACHE_GB"):
        limit_bytes()


def test_without_a_cache_everything_is_computed(folder, monkeypatch):
    monkeypatch.setenv("SHARVIN_CACHE", "off")
    same(ContentCache("lead").get_or_compute("key", arrays), arrays())
    with pytest.raises(AssertionError, match="computed again"):
        ContentCache("lead").get_or_compute("key", unexpected)
    assert usage() == [] and clear() == 0


def test_a_folder_that_cannot_be_written_is_said_once_and_everything_computed(folder, monkeypatch, capsys):
    (folder / "file").write_text("")
    monkeypatch.setenv("SHARVIN_CACHE", str(folder / "file" / "cache"))
    for key in ("one", "two"):
        same(ContentCache("lead").get_or_compute(key, arrays), arrays())
    said = capsys.readouterr().err
    assert said.count("Computing without a cache") == 1 and "set SHARVIN_CACHE to a folder that can be written" in said


def test_a_closed_entry_and_a_full_disk_cost_time_only(folder, monkeypatch):
    def full(path, content):
        raise StoreError("no space left")

    monkeypatch.setattr(cache, "write_bytes", full)
    same(ContentCache("lead").get_or_compute("key", arrays), arrays())
    (folder / "lead" / "closed.arrays").mkdir()  # reading a folder fails like reading a closed file
    same(ContentCache("lead").get_or_compute("closed", arrays), arrays())
