"""What holds for every regressor of this distribution."""

import json

import numpy as np
import pytest
import sharvin
from sharvin.errors import InputError, SharvinError
from sharvin.samples import Dataset, Features, Images

SIZE = 12
MODELS = {
    "fc_maxpool": {"atom_layers": (16, 16), "head_layers": (8,), "epochs": 6, "batch_size": 4, "learning_rate": 3e-3},
    "kernel_ridge": {"pooling": "max"},
    "ridge": {"pooling": "max"},
    "transformer": {"d_model": 8, "heads": 2, "feed_forward": 16, "head_layers": (8,), "epochs": 6, "learning_rate": 3e-3},
}


def wires(n, seed=0, size=SIZE):
    """Ragged structures whose target is a local property: the largest value of one feature over the atoms."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(3, 9, size=n)
    values = (5.0 + rng.normal(size=(counts.sum(), size)) * np.linspace(0.1, 3.0, size)).astype(np.float32)
    features = Features(values, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
    targets = np.array([features.rows(i)[:, 3].max() for i in range(n)], dtype=np.float64)
    return Dataset(features, targets, np.arange(n))


def build(name, **options):
    return sharvin.create("regressors", name, **{**MODELS[name], **options})


def fitted(name, seed=5, **options):
    model = build(name, **options)
    curves = model.fit(wires(24), wires(8, seed=1), np.random.default_rng(seed))
    return model, curves


@pytest.fixture(params=sorted(MODELS))
def name(request):
    return request.param


def test_a_loaded_model_predicts_exactly_what_the_saved_one_did(name, tmp_path):
    model, _ = fitted(name)
    model.save(tmp_path)
    restored = sharvin.create("regressors", name)
    restored.load(tmp_path)
    samples = wires(9, seed=2).samples
    assert np.array_equal(restored.predict(samples).mean, model.predict(samples).mean)
    assert not list(tmp_path.glob("*.tmp"))
    again = tmp_path / "again"
    again.mkdir()
    restored.save(again)
    assert (again / "model.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


def test_a_prediction_does_not_depend_on_batch_mates(name):
    model, _ = fitted(name)
    samples = wires(9, seed=2).samples
    alone = np.array([model.predict(samples.take(np.array([i]))).mean[0] for i in range(9)])
    assert np.array_equal(model.predict(samples).mean, alone)
    assert np.array_equal(model.predict(samples.take(np.arange(9)[::-1])).mean, alone[::-1])


def test_the_order_of_the_atoms_does_not_matter(name):
    model, _ = fitted(name)
    samples = wires(6, seed=2).samples
    rng = np.random.default_rng(3)
    order = np.concatenate([a + rng.permutation(b - a) for a, b in zip(samples.offsets[:-1], samples.offsets[1:], strict=True)])
    np.testing.assert_allclose(
        model.predict(Features(samples.values[order], samples.offsets)).mean, model.predict(samples).mean, rtol=1e-5
    )


@pytest.mark.parametrize("name", ["fc_maxpool", "kernel_ridge", "ridge"])
def test_copies_of_an_atom_change_nothing_under_a_maximum(name):
    model, _ = fitted(name)
    rows = wires(1, seed=2).samples.values
    copied = np.concatenate([rows, np.repeat(rows[1:2], 20, axis=0)])
    predicted = [model.predict(Features(r, np.array([0, len(r)]))).mean[0] for r in (rows, copied)]
    assert predicted[0] == pytest.approx(predicted[1], rel=1e-5)


def test_the_seed_decides_the_model(name):
    samples = wires(9, seed=2).samples
    first, again = (fitted(name)[0].predict(samples).mean for _ in range(2))
    assert np.array_equal(first, again)
    if name not in ("kernel_ridge", "ridge"):
        assert not np.array_equal(first, fitted(name, seed=6)[0].predict(samples).mean)


def test_learning_curves_hold_errors_in_the_unit_of_the_targets(name):
    model, curves = fitted(name)
    validation = wires(8, seed=1)
    error = np.abs(model.predict(validation.samples).mean - validation.targets).mean()
    assert set(curves) == {"train_mae", "validation_mae"}
    assert len(curves["train_mae"]) == len(curves["validation_mae"])
    assert min(curves["validation_mae"]) == pytest.approx(error, rel=1e-12)


def test_no_standard_deviation_is_made_up(name):
    assert fitted(name)[0].predict(wires(3).samples).std is None


def test_no_structures_no_predictions(name):
    empty = Features(np.empty((0, SIZE), np.float32), np.array([0]))
    assert fitted(name)[0].predict(empty).mean.shape == (0,)


def test_the_caller_keeps_its_features(name):
    data = wires(24)
    before = data.samples.values.copy()
    data.samples.values.flags.writeable = False
    build(name).fit(data, wires(8, seed=1), np.random.default_rng(0))
    assert np.array_equal(data.samples.values, before)


def test_predicting_before_a_fit_is_refused(name, tmp_path):
    with pytest.raises(InputError, match="no model yet"):
        build(name).predict(wires(2).samples)
    with pytest.raises(InputError, match="no model yet"):
        build(name).save(tmp_path)


def test_features_unlike_the_training_s_are_refused(name):
    model, _ = fitted(name)
    with pytest.raises(InputError, match=r"12 features .* got 7"):
        model.predict(wires(2, size=7).samples)
    with pytest.raises(InputError, match="not image"):
        model.predict(Images(np.zeros((2, 3, 3))))
    with pytest.raises(InputError, match="per_structure"):
        model.predict(Features(np.zeros((2, SIZE))))
    with pytest.raises(InputError, match="structure 1 has no atoms"):
        model.predict(Features(np.zeros((2, SIZE), np.float32), np.array([0, 2, 2])))
    broken = wires(3).samples
    broken.values[-1, 3] = np.nan
    with pytest.raises(InputError, match="structure 2 has features that are not finite"):
        model.predict(broken)


def test_unusable_training_sets_are_refused(name):
    data, validation, rng = wires(6), wires(3, seed=1), np.random.default_rng(0)
    unknown = Dataset(data.samples, np.where(np.arange(6) == 2, np.nan, data.targets), data.groups)
    with pytest.raises(InputError, match="1 of 6 training targets"):
        build(name).fit(unknown, validation, rng)
    with pytest.raises(InputError, match="validation set is empty"):
        build(name).fit(data, validation.take(np.arange(0)), rng)
    with pytest.raises(InputError, match="12 features"):
        build(name).fit(data, wires(3, size=7), rng)
    broken = wires(3, seed=1).samples
    broken.values[0, 1] = np.inf
    with pytest.raises(SharvinError, match="not finite"):
        build(name).fit(data, Dataset(broken, validation.targets, validation.groups), rng)
    without_atoms = Dataset(Features(data.samples.values[:0], np.zeros(7, np.int64)), data.targets, data.groups)
    with pytest.raises(InputError, match="structure 0 has no atoms"):
        build(name).fit(without_atoms, validation, rng)
    broken = data.samples.values.copy()
    broken[4, 2] = np.nan
    with pytest.raises(InputError, match="not finite"):
        build(name).fit(Dataset(Features(broken, data.samples.offsets), data.targets, data.groups), validation, rng)


def test_folders_that_hold_something_else_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="no trained model"):
        build(name).load(tmp_path)
    model, _ = fitted(name)
    model.save(tmp_path)
    other = "ridge" if name == "fc_maxpool" else "fc_maxpool"
    with pytest.raises(InputError, match=f"{name} model, not a {other}"):
        build(other).load(tmp_path)
    description = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**description, "version": 99}))
    with pytest.raises(InputError, match="format 99"):
        build(name).load(tmp_path)
    lost = {key: value for key, value in description.items() if key != "options"}
    for text in ("{", "[]", json.dumps(lost), json.dumps({**description, "options": {"depth": 3}})):
        (tmp_path / "model.json").write_text(text)
        with pytest.raises(InputError, match="damaged"):
            build(name).load(tmp_path)
