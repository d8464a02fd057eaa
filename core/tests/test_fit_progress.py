"""What a fit leaves in its folder is what it goes on from, and nothing of another fit is taken for it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sharvin.errors import InputError, StoreError
from sharvin.runs.fit_progress import Checkpoint, FitProgress, LearningCurves, fingerprint_of, forget_damaged, require_folder

ARRAYS = {
    "w": np.arange(6.0).reshape(2, 3),
    "step": np.array(7, dtype=np.int64),
    "none": np.zeros(0),
    "x": np.full(3, 0.1, np.float32),
}
FORTRAN = {**ARRAYS, "w": np.asfortranarray(ARRAYS["w"])}


def after(epochs):
    curves = LearningCurves()
    for epoch in range(epochs):
        curves.train_error.append(1.0 / (epoch + 3))
        curves.validation_error.append(0.1 + 0.7**epoch)
        curves.add_line(epochs=9, learning_rate=0.3, seconds=0.5 * (epoch + 1), unit=2.0)
    return curves


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.SFC64])
def test_a_checkpoint_is_read_as_it_was_written_and_the_generator_goes_on(kind, tmp_path):
    rng = np.random.Generator(kind(5))
    rng.random(3)
    progress = FitProgress(tmp_path, "this fit")
    progress.save(Checkpoint(after(1), FORTRAN, {"damping": 0.1}), rng)
    progress.save(Checkpoint(after(2), FORTRAN, {"damping": 0.3, "best": None}), rng)
    expected = rng.random(4)
    other = np.random.Generator(kind(6))
    found = progress.restore(other)
    assert np.array_equal(other.random(4), expected)
    assert found.curves == after(2)
    assert found.curves.seconds == 1.0
    assert found.numbers == {"damping": 0.3, "best": None}
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].shape == array.shape
        assert np.array_equal(found.arrays[name], array)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.safetensors", "metrics.jsonl"]


def test_metrics_hold_the_epochs_of_the_checkpoint_and_no_others(tmp_path):
    progress, rng = FitProgress(tmp_path, "this fit"), np.random.default_rng(0)
    for epochs in (1, 2):
        progress.save(Checkpoint(after(epochs), ARRAYS), rng)
    metrics = tmp_path / "metrics.jsonl"
    whole = metrics.read_text()
    assert [json.loads(line)["epoch"] for line in whole.splitlines()] == [1, 2]
    assert json.loads(whole.splitlines()[0])["train_mae"] == 2.0 / 3.0
    with metrics.open("a") as file:
        file.write('{"epoch": 3')
    progress.restore(rng)
    assert metrics.read_text() == whole
    (tmp_path / "checkpoint.safetensors").unlink()
    assert progress.restore(rng) is None
    assert metrics.read_text() == ""


def test_checkpoints_of_other_fits_other_formats_and_damaged_ones_are_refused(tmp_path):
    progress, rng = FitProgress(tmp_path, "this fit"), np.random.default_rng(0)
    progress.save(Checkpoint(after(1), ARRAYS), rng)
    before = rng.bit_generator.state
    with pytest.raises(StoreError, match="other options, data or seed"):
        FitProgress(tmp_path, "another fit").restore(rng)
    path = tmp_path / "checkpoint.safetensors"
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    save_file(load_file(path), path, {**metadata, "format": "1"})
    with pytest.raises(StoreError, match="has format 1, and this version reads 2; remove it"):
        progress.restore(rng)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match="damaged"):
        progress.restore(rng)
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="damaged"):
        progress.restore(rng)
    path.rename(tmp_path / "checkpoint.npz")
    with pytest.raises(StoreError, match=r"another version has left the checkpoint .*npz; remove it"):
        progress.restore(rng)
    assert rng.bit_generator.state == before
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1


def test_a_fingerprint_tells_every_part_of_a_fit(tmp_path):
    def fingerprint(options=None, seed=0, **arrays):
        content = {"weights": np.arange(4.0), "targets": np.ones(3), **arrays}
        return fingerprint_of({"rate": 0.1, **(options or {})}, np.random.default_rng(seed), content.items())

    assert fingerprint() == fingerprint()
    others = [
        fingerprint({"rate": 0.2}),
        fingerprint(seed=1),
        fingerprint(weights=np.arange(4.0) + 1e-15),
        fingerprint(weights=np.arange(4.0).reshape(2, 2)),
        fingerprint(weights=np.arange(4.0, dtype=np.float32)),
        fingerprint(more=np.zeros(0)),
    ]
    assert len({fingerprint(), *others}) == 7


def test_progress_needs_a_folder(tmp_path):
    assert require_folder(tmp_path) == tmp_path
    with pytest.raises(InputError, match="create it first"):
        require_folder(tmp_path / "missing")


def test_progress_needs_no_torch():
    program = "import sys, sharvin.runs.fit_progress; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


def test_a_wrong_bit_anywhere_in_a_checkpoint_is_found(tmp_path):
    progress, rng = FitProgress(tmp_path, "this fit"), np.random.default_rng(0)
    progress.save(Checkpoint(after(1), ARRAYS), rng)
    path = tmp_path / "checkpoint.safetensors"
    whole = path.read_bytes()
    for place in (whole.index(b"0.3333"), len(whole) - 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(StoreError, match="damaged"):
            progress.restore(rng)
    assert forget_damaged(tmp_path) == [path] and progress.restore(rng) is None
    path.write_bytes(whole)
    assert forget_damaged(tmp_path) == [] and progress.restore(rng) is not None
