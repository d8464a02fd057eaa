"""Cached arrays come back bit for bit, are computed once, and damage costs time only."""

import numpy as np
import pytest
from sharvin.cache import ContentCache, cache_folder


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
    cache = ContentCache("lead", in_memory=2)
    for key in ("one", "two", "three"):
        cache.get_or_compute(key, arrays)
    for path in (folder / "lead").glob("*.arrays"):
        path.unlink()
    for key in ("two", "three"):
        same(cache.get_or_compute(key, unexpected), arrays())
    with pytest.raises(AssertionError, match="computed again"):
        cache.get_or_compute("one", unexpected)


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
