"""A training that is interrupted goes on as if it had not been."""

import json
from typing import ClassVar

import numpy as np
import pytest
import sharvin
from interrupted_fit import Interruption
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sharvin.errors import InputError, StoreError
from sharvin.runs.fit_progress import FitProgress
from sharvin.samples import Dataset, FeatureRows, Features, Images

MODELS = {
    "fc_maxpool": {"atom_layers": (8, 8), "head_layers": (8,), "batch_size": 4},
    "cnn": {
        "convolutions": [{"channels": 4, "kernel": 2, "stride": 2}],
        "dense": [16],
        "batch_size": 4,
        "symmetries": ["reflect_width"],
        "baseline": "mean_energy",
        "averaging": 0.9,
    },
    "transformer": {
        "atom_layers": (8,),
        "d_model": 8,
        "heads": 2,
        "feed_forward": 8,
        "head_layers": (8,),
        "batch_size": 4,
        "dropout": 0.2,
    },
}
TRAINING = {"epochs": 8, "patience": 8, "learning_rate": 0.01}


def samples(name, n, seed):
    rng = np.random.default_rng(seed)
    if name == "cnn":
        images = rng.uniform(-1, 1, (n, 4, 4))
        return Dataset(Images(images), np.exp(images.mean(axis=(1, 2))), np.arange(n))
    offsets = np.concatenate([[0], np.cumsum(rng.integers(3, 7, n))])
    features = Features(rng.normal(size=(int(offsets[-1]), 5)).astype(np.float32), offsets)
    return Dataset(features, np.array([features.rows(i)[:, 0].max() for i in range(n)], dtype=np.float64), np.arange(n))


def fit(name, folder=None, data=None, seed=3, **options):
    """The model after a fit, and its curves."""
    model = sharvin.create("regressors", name, **{**TRAINING, **MODELS[name], **options})
    if folder is not None:
        model.keep_progress(folder)
    curves = model.fit(data or samples(name, 18, 0), samples(name, 6, 1), np.random.default_rng(seed))
    return model, curves


@pytest.fixture(params=sorted(MODELS))
def name(request):
    return request.param


@pytest.fixture
def stop_after(monkeypatch):
    """Interrupt fits right behind the given epoch."""
    save = FitProgress.save

    def install(epoch):
        def save_then_stop(self, checkpoint, rng):
            save(self, checkpoint, rng)
            if checkpoint.curves.epochs == epoch:
                raise Interruption

        monkeypatch.setattr(FitProgress, "save", save_then_stop)

    yield install


def same(one, other, name):
    held_out = samples(name, 7, 2).samples
    return np.array_equal(one[0].predict(held_out).mean, other[0].predict(held_out).mean) and one[1] == other[1]


def test_a_fit_that_is_stopped_twice_ends_with_the_bits_of_one_that_was_not(name, stop_after, tmp_path):
    whole = fit(name)
    for epoch in (2, 5):
        stop_after(epoch)
        with pytest.raises(Interruption):
            fit(name, tmp_path)
        assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == epoch
    stop_after(0)
    resumed = fit(name, tmp_path)
    assert same(resumed, whole, name)
    assert not list(tmp_path.glob("*.tmp"))


def test_keeping_progress_changes_nothing(name, tmp_path):
    assert same(fit(name, tmp_path), fit(name), name)


class StopsInTheMiddle(FeatureRows):
    """Rows of which the n-th that is read never comes."""

    kind: ClassVar = "per_atom"

    def __init__(self, inner, reads):
        self.inner, self.reads = inner, reads

    size = property(lambda self: self.inner.size)
    counts = property(lambda self: self.inner.counts)

    def rows(self, index):
        self.reads -= 1
        if self.reads == 0:
            raise Interruption
        return self.inner.rows(index)

    def heights(self, index):
        return self.inner.heights(index)

    def take(self, index):
        return self.inner.take(index)


@pytest.mark.parametrize("name", ["fc_maxpool", "transformer"])
def test_a_fit_stopped_within_an_epoch_goes_on_from_the_one_before(name, tmp_path):
    whole = samples(name, 18, 0)
    # The standardisation reads every structure, and so does each epoch: this is the fourth.
    broken = Dataset(StopsInTheMiddle(whole.samples, 18 * 4 + 7), whole.targets, whole.groups)
    with pytest.raises(Interruption):
        fit(name, tmp_path, broken)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3
    assert same(fit(name, tmp_path), fit(name), name)


def test_a_finished_fit_is_not_trained_again(name, tmp_path, monkeypatch):
    whole = fit(name, tmp_path)
    monkeypatch.setattr(FitProgress, "save", lambda *_: pytest.fail("an epoch more"))
    assert same(fit(name, tmp_path), whole, name)


def test_a_fit_that_ended_early_stays_ended(tmp_path, monkeypatch):
    options = {"epochs": 100, "patience": 2, "learning_rate": 0.1}
    whole = fit("fc_maxpool", tmp_path, **options)
    assert len(whole[1]["train_mae"]) < 100
    monkeypatch.setattr(FitProgress, "save", lambda *_: pytest.fail("an epoch more"))
    assert same(fit("fc_maxpool", tmp_path, **options), whole, "fc_maxpool")


def test_metrics_hold_an_epoch_a_line_in_the_unit_of_the_targets(name, tmp_path):
    _, curves = fit(name, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(1, 9))
    assert {line["epochs"] for line in lines} == {8}
    assert [line["train_mae"] for line in lines] == pytest.approx(curves["train_mae"], rel=1e-12)
    assert [line["validation_mae"] for line in lines] == curves["validation_mae"]
    assert lines[-1]["learning_rate"] < lines[2]["learning_rate"] <= TRAINING["learning_rate"]
    assert np.all(np.diff([line["seconds"] for line in lines]) > 0)


def test_a_line_left_by_an_epoch_without_its_checkpoint_is_dropped(stop_after, tmp_path):
    stop_after(3)
    with pytest.raises(Interruption):
        fit("fc_maxpool", tmp_path)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4')
    stop_after(0)
    fit("fc_maxpool", tmp_path)
    lines = [json.loads(line)["epoch"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == list(range(1, 9))


def test_the_checkpoint_of_another_fit_is_refused(tmp_path):
    fit("fc_maxpool", tmp_path)
    data = samples("fc_maxpool", 18, 0)
    other_targets = Dataset(data.samples, data.targets + 1e-9 * np.arange(18), data.groups)
    other_rows = Dataset(Features(data.samples.values * np.float32(1.001), data.samples.offsets), data.targets, data.groups)
    for changed in ({"learning_rate": 0.02}, {"seed": 4}, {"data": other_targets}, {"data": other_rows}):
        with pytest.raises(StoreError, match="other options, data or seed"):
            fit("fc_maxpool", tmp_path, **changed)


def test_the_number_of_threads_is_no_other_fit(tmp_path):
    fit("fc_maxpool", tmp_path)
    fit("fc_maxpool", tmp_path, threads=2)


def test_checkpoints_of_another_format_and_damaged_ones_are_refused(tmp_path):
    fit("fc_maxpool", tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    arrays = load_file(path)
    with safe_open(path, framework="numpy") as file:
        header = file.metadata()
    save_file(arrays, path, {**header, "format": "99"})
    with pytest.raises(StoreError, match="format 99, and this version reads 2"):
        fit("fc_maxpool", tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="damaged"):
        fit("fc_maxpool", tmp_path)


def test_progress_needs_a_folder(name, tmp_path):
    model = sharvin.create("regressors", name)
    with pytest.raises(InputError, match="create it first"):
        model.keep_progress(tmp_path / "missing")
