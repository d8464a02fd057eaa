"""The network with a maximum over atoms, and how it learns."""

import numpy as np
import pytest
import sharvin
import torch
from sharvin.errors import InputError, RunError
from sharvin.samples import Dataset, Features
from sharvin_models.atoms.atom_network import AtomNetwork
from sharvin_models.training.standardisation import common_scale, mean_and_inverse_spread
from torch.nn import functional

SHAPE = {"atom_layers": (32, 32), "head_layers": (16,)}


def structures(n, atoms=7, size=10, seed=0):
    rng = np.random.default_rng(seed)
    features = Features(rng.normal(size=(n * atoms, size)).astype(np.float32), np.arange(n + 1) * atoms)
    targets = np.array([features.rows(i)[:, 0].max() + features.rows(i)[:, 1].min() for i in range(n)], dtype=np.float64)
    return Dataset(features, targets, np.arange(n))


def test_five_structures_are_learnt_by_heart():
    data = structures(5)
    model = sharvin.create("regressors", "fc_maxpool", **SHAPE, epochs=300, batch_size=5, learning_rate=1e-2, patience=300)
    curves = model.fit(data, data, np.random.default_rng(0))
    assert np.abs(model.predict(data.samples).mean - data.targets).max() < 0.02 * data.targets.std()
    assert len(curves["train_mae"]) == 300


def test_a_local_property_is_learnt_for_structures_of_any_length():
    train, validation, longer = structures(150), structures(30, seed=1), structures(30, atoms=7, seed=2)
    model = sharvin.create("regressors", "fc_maxpool", **SHAPE, epochs=40, batch_size=8, learning_rate=5e-3)
    model.fit(train, validation, np.random.default_rng(0))
    filler = np.repeat(longer.samples.values.reshape(30, 7, 10), 3, axis=1).reshape(-1, 10)
    predicted = model.predict(Features(filler, np.arange(31) * 21)).mean
    assert np.abs(predicted - longer.targets).mean() < 0.5 * np.abs(train.targets.mean() - longer.targets).mean()


def network(size=10, seed=0):
    rng = np.random.default_rng(seed)
    result = AtomNetwork(rng.normal(size=size), rng.uniform(0.5, 2.0, size=size), (8, 12), (6,))
    result.initialise(rng)
    return result


def test_the_gradient_through_the_winners_is_the_gradient_through_all_atoms():
    one = network()
    rows = [torch.from_numpy(structures(1, atoms=n, seed=n).samples.values) for n in (3, 9, 5)]
    one(rows).square().sum().backward()
    through_winners = [parameter.grad.clone() for parameter in one.parameters()]
    one.zero_grad()
    pooled = torch.stack([one.embed(structure).amax(0) for structure in rows])
    one.read_out(pooled).square().sum().backward()
    for found, parameter in zip(through_winners, one.parameters(), strict=True):
        torch.testing.assert_close(found, parameter.grad, rtol=1e-4, atol=1e-5)


def test_folded_standardisation_is_standardisation():
    one = network()
    rows = torch.from_numpy(structures(1).samples.values)
    standard = functional.elu(one.atoms[0]((rows - one.mean) * one.inverse_spread))
    torch.testing.assert_close(one.embed(rows), functional.elu(one.atoms[1](standard)), rtol=1e-5, atol=1e-6)


def test_standardised_columns_have_mean_zero_and_spread_one_and_constant_ones_are_dropped():
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(5000, 4)) * [1e-3, 1.0, 50.0, 0.0] + [1.0, -3.0, 1e3, 7.0]).astype(np.float32)
    mean, inverse_spread = mean_and_inverse_spread(values)
    standard = (values.astype(np.float64) - mean) * inverse_spread
    np.testing.assert_allclose(standard.mean(0), 0.0, atol=1e-9)
    np.testing.assert_allclose(standard.std(0), [1.0, 1.0, 1.0, 0.0], rtol=1e-9)


def test_a_common_scale_keeps_the_weights_of_the_columns_and_gives_them_unit_variance_on_average():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5000, 4)) * [1e-3, 1.0, 50.0, 0.0] + 2.0
    scale = common_scale(mean_and_inverse_spread(values)[1])
    assert scale[0] == scale[1] == scale[2]
    assert scale[3] == 0.0
    assert np.mean((values * scale).var(0)) == pytest.approx(1.0, rel=1e-9)


def test_columns_of_different_units_are_learnt_with_scales_of_their_own():
    data, validation = structures(150), structures(30, seed=1)
    unit = np.array([1e-4, 1e-4, *[100.0] * 8], dtype=np.float32)
    data, validation = (
        Dataset(Features(d.samples.values * unit, d.samples.offsets), d.targets, d.groups) for d in (data, validation)
    )
    error = {}
    for scale in ("common", "column"):
        model = sharvin.create("regressors", "fc_maxpool", **SHAPE, epochs=20, learning_rate=5e-3, feature_scale=scale)
        error[scale] = min(model.fit(data, validation, np.random.default_rng(0))["validation_mae"])
    assert error["column"] < 0.7 * error["common"]


def test_training_stops_when_it_no_longer_helps_and_the_best_epoch_is_kept():
    data = structures(20)
    noise = Dataset(data.samples, np.random.default_rng(1).normal(size=20), data.groups)
    validation = structures(20, seed=2)
    model = sharvin.create("regressors", "fc_maxpool", **SHAPE, epochs=200, batch_size=4, learning_rate=1e-2, patience=3)
    curve = model.fit(noise, validation, np.random.default_rng(0))["validation_mae"]
    assert len(curve) < 200
    assert int(np.argmin(curve)) == len(curve) - 1 - 3
    assert np.abs(model.predict(validation.samples).mean - validation.targets).mean() == pytest.approx(min(curve), rel=1e-12)


def test_the_number_of_threads_is_restored():
    before = torch.get_num_threads()
    model = sharvin.create("regressors", "fc_maxpool", **SHAPE, epochs=1, threads=before + 1)
    model.fit(structures(4), structures(2), np.random.default_rng(0))
    assert torch.get_num_threads() == before


def test_neither_the_global_random_state_nor_its_seed_matters():
    data, validation = structures(8), structures(4, seed=1)
    predicted = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        model = sharvin.create("regressors", "fc_maxpool", **SHAPE, epochs=2)
        model.fit(data, validation, np.random.default_rng(0))
        predicted.append(model.predict(data.samples).mean)
        assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(predicted[0], predicted[1])


def test_equal_targets_are_no_obstacle():
    data = structures(6)
    same = Dataset(data.samples, np.full(6, 2.0), data.groups)
    model = sharvin.create("regressors", "fc_maxpool", **SHAPE, epochs=30, batch_size=6)
    model.fit(same, same, np.random.default_rng(0))
    np.testing.assert_allclose(model.predict(data.samples).mean, 2.0, atol=0.3)


def test_divergence_is_reported_with_its_remedy():
    data = structures(8)
    model = sharvin.create("regressors", "fc_maxpool", **SHAPE, epochs=20, batch_size=2, learning_rate=1e30)
    with pytest.raises(RunError, match="lower learning_rate"):
        model.fit(data, data, np.random.default_rng(0))


def test_a_failed_fit_leaves_the_model_of_the_one_before(monkeypatch):
    data = structures(8)
    model = sharvin.create("regressors", "fc_maxpool", **SHAPE, epochs=2)
    model.fit(data, data, np.random.default_rng(0))
    before = model.predict(data.samples).mean

    def diverging(*_, **__):
        raise RunError("diverged")

    monkeypatch.setattr("sharvin_models.training.trained_regressor.train", diverging)
    others = structures(8, seed=1)
    with pytest.raises(RunError, match="diverged"):
        model.fit(Dataset(others.samples, 10.0 * others.targets, others.groups), others, np.random.default_rng(0))
    assert np.array_equal(model.predict(data.samples).mean, before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_not_replaced():
    with pytest.raises(InputError, match="no GPU"):
        sharvin.create("regressors", "fc_maxpool", device="cuda")
