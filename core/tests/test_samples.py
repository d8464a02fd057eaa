"""Samples keep their rows together, and a split never puts one trajectory on both sides."""

import copy
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from sharvin import Dataset, Features, Frames, Images
from sharvin.errors import InputError
from sharvin.samples import DescribedFrames, FeatureShards


def ragged(counts, size=3):
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Features(np.arange(offsets[-1] * size, dtype=float).reshape(-1, size), offsets)


def dataset(groups):
    groups = np.asarray(groups)
    return Dataset(Features(np.arange(len(groups), dtype=float)[:, None]), np.arange(len(groups), dtype=float), groups)


def test_a_structure_keeps_its_rows():
    features = ragged([2, 1, 4])
    assert (features.kind, features.size, len(features)) == ("per_atom", 3, 3)
    chosen = features.take(np.array([2, 0, 2]))
    assert [len(chosen.rows(i)) for i in range(3)] == [4, 2, 4]
    for place, structure in enumerate([2, 0, 2]):
        assert np.array_equal(chosen.rows(place), features.rows(structure))
    chosen.values[:] = 0
    assert features.values.any()


def test_rows_of_structures_without_atoms_are_empty():
    features = ragged([0, 2, 0])
    assert [len(features.rows(i)) for i in range(3)] == [0, 2, 0]
    assert len(features.take(np.array([0])).values) == 0


def test_joined_features_are_those_of_the_parts():
    first, second = ragged([2, 1]), ragged([3])
    joined = Features.concatenate([first, second])
    assert len(joined) == 3
    assert np.array_equal(joined.rows(1), first.rows(1))
    assert np.array_equal(joined.rows(2), second.rows(0))
    whole = Features.concatenate([Features(np.eye(2)), Features(np.ones((1, 2)))])
    assert (whole.kind, len(whole)) == ("per_structure", 3)


@pytest.mark.parametrize("other", [Features(np.eye(3)), ragged([2], size=4)])
def test_features_of_different_kind_or_size_do_not_join(other):
    with pytest.raises(InputError):
        Features.concatenate([ragged([2, 1]), other])


@pytest.mark.parametrize("offsets", [[1, 3], [0, 2], [0, 2, 1, 3]])
def test_offsets_that_do_not_partition_the_rows_are_refused(offsets):
    with pytest.raises(InputError, match="offsets"):
        Features(np.zeros((3, 2)), np.array(offsets))


def test_rows_must_form_a_table():
    with pytest.raises(InputError, match="2-dimensional"):
        Features(np.zeros(3))


def test_a_dataset_has_a_target_and_a_group_for_each_sample():
    with pytest.raises(InputError, match="3 samples, 2 targets and 3 groups"):
        Dataset(Features(np.zeros((3, 1))), np.zeros(2), np.zeros(3))


@pytest.mark.parametrize("samples", [ragged([1, 2, 3]), Images(np.zeros((3, 2, 2))), Frames.from_atoms([bulk("Au")] * 3)])
def test_every_kind_of_samples_can_be_chosen_from(samples):
    data = Dataset(samples, np.arange(3.0), np.arange(3))
    chosen = data.take(np.array([2, 0]))
    assert len(chosen) == len(chosen.samples) == 2
    assert np.array_equal(chosen.targets, [2.0, 0.0])


@pytest.mark.parametrize("seed", range(20))
def test_a_group_split_keeps_trajectories_whole(seed):
    rng = np.random.default_rng(seed)
    data = dataset(rng.integers(0, 5, 40))
    parts = data.split((0.6, 0.2, 0.2), rng)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(40))
    owners = [set(data.groups[part]) for part in parts]
    assert all(owners)
    assert not owners[0] & owners[1] and not owners[0] & owners[2] and not owners[1] & owners[2]


@pytest.mark.parametrize("fractions", [(0.98, 0.01, 0.01), (0.01, 0.01, 0.98), (0.0, 0.0, 1.0), (1 / 3, 1 / 3, 1 / 3)])
@pytest.mark.parametrize("groups", [3, 4, 11])
def test_every_part_gets_at_least_one_group(fractions, groups):
    data = dataset(np.repeat(np.arange(groups), 2))
    parts = data.split(fractions, np.random.default_rng(1))
    assert all(len(part) >= 2 for part in parts)


def test_a_sample_split_has_the_sizes_asked_for():
    parts = dataset(np.zeros(100)).split((0.7, 0.2, 0.1), np.random.default_rng(1), by="sample")
    assert [len(part) for part in parts] == [70, 20, 10]


def test_equal_generators_split_alike_and_others_do_not():
    data = dataset(np.arange(30))
    first, second = (data.split((0.5, 0.5), np.random.default_rng(1))[0] for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, data.split((0.5, 0.5), np.random.default_rng(2))[0])


def test_impossible_splits_are_refused():
    with pytest.raises(InputError, match="at least 3 groups"):
        dataset([0, 0, 1, 1]).split((0.5, 0.3, 0.2), np.random.default_rng(1))
    with pytest.raises(InputError, match="sum to 1"):
        dataset([0, 1]).split((0.5, 0.3), np.random.default_rng(1))
    with pytest.raises(InputError, match="by"):
        dataset([0, 1]).split((0.5, 0.5), np.random.default_rng(1), by="trajectory")


class TestRowsFromElsewhere:
    """Rows in files, and rows computed when asked for, are the rows in memory."""

    @pytest.fixture
    def parts(self) -> list[Features]:
        rng = np.random.default_rng(4)
        counts = [[3, 1, 2], [4, 5]]
        return [
            Features(rng.normal(size=(sum(n), 6)), np.concatenate([[0], np.cumsum(n)]), rng.normal(size=sum(n))) for n in counts
        ]

    @pytest.fixture
    def shards(self, parts: list[Features], tmp_path: Path) -> FeatureShards:
        folders = [tmp_path / str(number) for number in range(len(parts))]
        for folder, part in zip(folders, parts, strict=True):
            folder.mkdir()
            FeatureShards.write(folder, part)
        return FeatureShards(folders)

    def test_shards_hold_the_rows_in_order(self, parts: list[Features], shards: FeatureShards) -> None:
        whole = Features.concatenate(parts)
        assert (shards.kind, shards.size, len(shards)) == ("per_atom", 6, 5)
        assert np.array_equal(shards.counts, whole.counts)
        assert all(np.array_equal(shards.rows(i), whole.rows(i)) for i in range(5))
        assert np.array_equal(shards.loaded().values, whole.values)

    def test_chosen_structures_keep_the_order_asked_for_in_a_copy(self, parts: list[Features], shards: FeatureShards) -> None:
        whole, order = Features.concatenate(parts), np.array([4, 0, 3])
        chosen = copy.copy(shards.take(order))
        assert np.array_equal(chosen.loaded().values, whole.take(order).values)
        assert np.array_equal(chosen.take(np.array([2])).rows(0), whole.rows(3))

    def test_heights_go_where_their_rows_go(self, parts: list[Features], shards: FeatureShards) -> None:
        whole, order = Features.concatenate(parts), np.array([4, 0, 3])
        known = whole.heights_A
        assert known is not None
        expected = np.concatenate([known[10:15], known[:3], known[6:10]])
        for chosen in (whole.take(order), shards.take(order), shards.take(order).loaded()):
            one_by_one = [chosen.structure(i) for i in range(3)]
            assert np.array_equal(Features.concatenate(one_by_one).heights_A, expected)  # type: ignore[arg-type]
            assert all(np.array_equal(one.rows(0), chosen.rows(i)) for i, one in enumerate(one_by_one))

    def test_what_a_worker_is_sent_holds_no_rows(self, tmp_path: Path) -> None:
        rows = Features(np.ones((60_000, 4)), 60 * np.arange(1001), np.zeros(60_000))
        FeatureShards.write(tmp_path, rows)
        assert len(ForkingPickler.dumps(FeatureShards([tmp_path]))) < rows.values.nbytes / 10

    def test_shards_of_different_sizes_are_refused(self, shards: FeatureShards, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        FeatureShards.write(other, Features(np.zeros((2, 7)), np.array([0, 2])))
        with pytest.raises(InputError, match="one kind and size"):
            FeatureShards([*shards.shards, other])

    def test_described_frames_are_computed_when_asked_for(self) -> None:
        frames = Frames.from_atoms([Atoms("Au2", [[0, 0, 0], [0, 0, d]]) for d in (2.5, 2.7, 2.9)])

        def distances(some: Frames) -> Features:
            return Features(np.concatenate([frame.positions[:, 2:] for frame in some]), 2 * np.arange(len(some) + 1))

        described = DescribedFrames(frames, distances)
        assert (described.kind, described.size, len(described)) == ("per_atom", 1, 3)
        assert described.counts.tolist() == [2, 2, 2]
        assert described.take(np.array([2, 0])).loaded().values.ravel().tolist() == [0, 2.9, 0, 2.5]
