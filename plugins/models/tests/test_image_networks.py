"""The networks on grids of on-site energies: what they obey, what they learn, what they refuse."""

import json

import numpy as np
import pytest
import sharvin
import torch
from sharvin.errors import InputError, RunError
from sharvin.samples import Dataset, Features, Images
from sharvin_models.images.symmetries import combinations_of, transform, transform_at_random

LENGTH, WIDTH = 6, 5
MODELS = {
    "cnn": {
        "convolutions": [{"channels": 6, "kernel": 3, "residual_blocks": 1}, {"channels": 8, "kernel": 2, "stride": 2}],
        "dense": [16],
    },
    "dnn": {"hidden": [24, 24]},
}
TRAINING = {"epochs": 5, "batch_size": 16, "learning_rate": 3e-3, "activation": "silu"}
GROUP = ("reflect_length", "reflect_width", "negate")


def wires(n, seed=0, shape=(LENGTH, WIDTH)):
    """Disordered grids whose target is a sum over neighbouring sites, without any symmetry."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(-2.0, 2.0, (n, *shape))
    slope = np.linspace(1.0, 2.0, shape[0])[:, None] * np.linspace(1.0, 1.5, shape[1])
    return Dataset(Images(values), np.tanh((slope * values).mean((1, 2))) + 1.0, np.arange(n))


def build(name, **options):
    return sharvin.create("regressors", name, **{**MODELS[name], **TRAINING, **options})


def fitted(name, seed=5, **options):
    model = build(name, **options)
    curves = model.fit(wires(100), wires(30, seed=1), np.random.default_rng(seed))
    return model, curves


@pytest.fixture(params=sorted(MODELS))
def name(request):
    return request.param


def chains(n, length, seed=0):
    """Sites between two clean chains, and T at the band centre from the product of their transfer matrices (t = 1)."""
    energies = np.random.default_rng(seed).uniform(-1.0, 1.0, (n, length, 1))
    # psi_{n+1} = (eps_n - E) psi_n - psi_{n-1} up to the sign of t; outgoing wave with k = pi/2 on the right.
    after, here = np.full(n, 1j * np.ones(n)), np.ones(n, dtype=complex)
    for site in range(length - 1, -1, -1):
        after, here = here, energies[:, site, 0] * here - after
    incoming = (here * np.exp(1j * np.pi / 2) - after) / 2
    return Dataset(Images(energies), 1.0 / np.abs(incoming) ** 2, np.arange(n))


@pytest.mark.parametrize(("model", "options"), [("dnn", {"hidden": [20, 20]}), ("cnn", {"dense": [20, 20]})])
def test_one_impurity_in_a_chain_has_the_transmission_of_a_single_scatterer(model, options):
    rng = np.random.default_rng(0)
    energies = rng.uniform(-2.0, 2.0, (2000, 1, 1))
    data = Dataset(Images(energies), 1.0 / (1.0 + (energies[:, 0, 0] / 2.0) ** 2), np.arange(2000))
    learner = sharvin.create("regressors", model, **options, activation="silu", epochs=30, batch_size=32, learning_rate=5e-3)
    learner.fit(data, data.take(slice(0, 200)), rng)
    test = np.linspace(-2.0, 2.0, 101)
    predicted = learner.predict(Images(test.reshape(-1, 1, 1))).mean
    assert np.abs(predicted - 1.0 / (1.0 + (test / 2.0) ** 2)).mean() < 0.01


@pytest.mark.parametrize("symmetries", [(symmetry,) for symmetry in GROUP] + [GROUP])
def test_predictions_have_the_symmetries_asked_for_bit_for_bit(name, symmetries):
    model, _ = fitted(name, symmetries=symmetries, epochs=1)
    images = wires(9, seed=2).samples.values
    expected = model.predict(Images(images)).mean
    for symmetry in GROUP:
        mapped = transform(torch.from_numpy(images), (symmetry,)).numpy()
        same = model.predict(Images(mapped)).mean == expected
        assert same.all() if symmetry in symmetries else not same.any()


def test_symmetries_generate_a_group_of_involutions():
    images = torch.arange(24.0).reshape(2, 3, 4)
    elements = combinations_of(GROUP)
    assert len({tuple(transform(images, element).flatten().tolist()) for element in elements}) == 8
    for element in elements:
        assert torch.equal(transform(transform(images, element), element), images)
    drawn = transform_at_random(images.repeat(4000, 1, 1), GROUP, np.random.default_rng(0))[::2]
    found, counts = np.unique(drawn.flatten(1).numpy(), axis=0, return_counts=True)
    assert len(found) == 8
    assert counts.min() > 400


def test_training_on_symmetric_copies_learns_a_symmetric_target_better(name):
    def even(n, seed):
        images = np.random.default_rng(seed).uniform(-1, 1, (n, 3, 2))
        return Dataset(Images(images), np.abs(images.sum((1, 2))), np.arange(n))

    train, validation, test = even(60, 0), even(60, 1), even(300, 2)
    error = {}
    for symmetries in ((), GROUP):
        model = build(name, symmetries=symmetries, epochs=60)
        model.fit(train, validation, np.random.default_rng(0))
        error[symmetries] = np.abs(model.predict(test.samples).mean - test.targets).mean()
    assert error[GROUP] < 0.8 * error[()]


def test_global_pooling_sees_a_periodic_pattern_wherever_it_lies():
    """A stride-1 kernel and an average over the grid cannot tell translations of what stays away from the edges."""
    model, _ = fitted("cnn", convolutions=[{"channels": 4, "kernel": 3}], pool="global")
    images = np.zeros((2, LENGTH, WIDTH))
    images[0, 2, 2] = images[1, 3, 2] = 1.5
    first, second = model.predict(Images(images)).mean
    assert first == pytest.approx(second, rel=1e-5)


def test_the_default_network_is_the_published_one():
    model = sharvin.create("regressors", "cnn", epochs=1)
    data = wires(4, shape=(40, 40))
    model.fit(data, data, np.random.default_rng(0))
    sizes = [tuple(weight.shape) for weight in model._network.parameters() if weight.ndim > 1]
    assert sizes == [(16, 1, 2, 2), (16, 16, 2, 2), (16, 16, 2, 2), (1024, 16 * 5 * 5), (1, 1024)]


def test_a_loaded_model_predicts_exactly_what_the_saved_one_did(name, tmp_path):
    model, _ = fitted(name, symmetries=("reflect_width",))
    model.save(tmp_path)
    restored = sharvin.create("regressors", name)
    restored.load(tmp_path)
    samples = wires(9, seed=2).samples
    assert np.array_equal(restored.predict(samples).mean, model.predict(samples).mean)
    assert not list(tmp_path.glob("*.tmp"))


def test_a_prediction_does_not_depend_on_batch_mates_bit_for_bit(name):
    model, _ = fitted(name)
    samples = wires(150, seed=2).samples
    together = model.predict(samples).mean
    alone = np.array([model.predict(samples.take(np.array([i]))).mean[0] for i in range(150)])
    assert np.array_equal(together, alone)
    assert np.array_equal(model.predict(samples.take(np.arange(150)[::-1])).mean, together[::-1])
    assert model.predict(samples.take(np.arange(0))).mean.shape == (0,)


def test_the_seed_and_nothing_else_decides_the_model(name):
    samples = wires(9, seed=2).samples
    predicted = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        state = torch.get_rng_state()
        predicted.append(fitted(name, symmetries=("negate",))[0].predict(samples).mean)
        assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(predicted[0], predicted[1])
    assert not np.array_equal(predicted[0], fitted(name, seed=6, symmetries=("negate",))[0].predict(samples).mean)


def test_single_precision_images_give_the_same_model_and_are_left_alone(name):
    data, validation = wires(40), wires(10, seed=1)
    small = Dataset(Images(data.samples.values.astype(np.float32)), data.targets, data.groups)
    exact = Dataset(Images(small.samples.values.astype(np.float64)), data.targets, data.groups)
    before = small.samples.values.copy()
    small.samples.values.flags.writeable = False
    predicted = []
    for dataset in (small, exact):
        model = build(name)
        model.fit(dataset, validation, np.random.default_rng(0))
        predicted.append(model.predict(validation.samples).mean)
    assert np.array_equal(predicted[0], predicted[1])
    assert np.array_equal(small.samples.values, before)


def test_learning_curves_hold_errors_in_the_unit_of_the_targets(name):
    model, curves = fitted(name, symmetries=("reflect_length",))
    validation = wires(30, seed=1)
    error = np.abs(model.predict(validation.samples).mean - validation.targets).mean()
    assert min(curves["validation_mae"]) == pytest.approx(error, rel=1e-12)
    assert len(curves["train_mae"]) == len(curves["validation_mae"]) == 5


@pytest.mark.parametrize(("loss", "centre"), [("mse", np.mean), ("mae", np.median)])
def test_where_nothing_can_be_learnt_squared_errors_give_the_mean_and_absolute_ones_the_median(loss, centre):
    targets = np.random.default_rng(0).exponential(size=2001)
    data = Dataset(Images(np.zeros((2001, 1, 1))), targets, np.arange(2001))
    model = sharvin.create("regressors", "dnn", hidden=[4], loss=loss, epochs=1, batch_size=16, learning_rate=0.03)
    model.fit(data, data, np.random.default_rng(0))
    assert model.predict(Images(np.zeros((1, 1, 1)))).mean[0] == pytest.approx(centre(targets), abs=0.1)


def test_a_constant_learning_rate_is_another_training(name):
    samples = wires(9, seed=2).samples
    first, second = (fitted(name, schedule=schedule)[0].predict(samples).mean for schedule in ("one_cycle", "constant"))
    assert not np.allclose(first, second)


def test_predicting_before_a_fit_is_refused(name, tmp_path):
    with pytest.raises(InputError, match="no model yet"):
        build(name).predict(wires(2).samples)
    with pytest.raises(InputError, match="no model yet"):
        build(name).save(tmp_path)


def test_samples_unlike_the_training_s_are_refused(name):
    model, _ = fitted(name, epochs=1)
    with pytest.raises(InputError, match="6×5 sites and got 5×6"):
        model.predict(wires(2, shape=(5, 6)).samples)
    with pytest.raises(InputError, match="of kind image, not per_structure"):
        model.predict(Features(np.zeros((2, 30))))
    with pytest.raises(InputError, match=r"\[n, length, width\]"):
        model.predict(Images(np.zeros((2, 30))))
    broken = wires(3).samples.values.copy()
    broken[1, 0, 0] = np.nan
    with pytest.raises(InputError, match="image 1 holds"):
        model.predict(Images(broken))


def test_unusable_training_sets_are_refused(name):
    data, validation, rng = wires(6), wires(3, seed=1), np.random.default_rng(0)
    unknown = Dataset(data.samples, np.where(np.arange(6) == 2, np.nan, data.targets), data.groups)
    with pytest.raises(InputError, match="1 of 6 training targets"):
        build(name).fit(unknown, validation, rng)
    with pytest.raises(InputError, match="validation set is empty"):
        build(name).fit(data, validation.take(np.arange(0)), rng)
    with pytest.raises(InputError, match="6×5 sites and got 3×3"):
        build(name).fit(data, wires(3, shape=(3, 3)), rng)


def test_divergence_is_reported_with_its_remedy(name):
    with pytest.raises(RunError, match="lower learning_rate"):
        fitted(name, learning_rate=1e30, epochs=20, activation="relu")


def test_folders_that_hold_something_else_are_refused(name, tmp_path):
    model, _ = fitted(name, epochs=1)
    model.save(tmp_path)
    other = "dnn" if name == "cnn" else "cnn"
    with pytest.raises(InputError, match=f"{name} model, not a {other}"):
        build(other).load(tmp_path)
    description = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**description, "version": 99}))
    with pytest.raises(InputError, match="format 99"):
        build(name).load(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_not_replaced(name):
    with pytest.raises(InputError, match="no GPU"):
        build(name, device="cuda")


def test_powers_of_pair_correlations_that_are_not_taken_are_refused(name):
    with pytest.raises(InputError, match="pair_powers would be ignored"):
        build(name, pair_powers=[1, 2])
