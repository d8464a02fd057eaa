"""What the image networks are told of the disorder: pair correlations, and the baseline of the mean energy."""

import numpy as np
import pytest
import sharvin
import torch
from pydantic import ValidationError
from sharvin.samples import Dataset, Images
from sharvin_models.images.configs import DnnOptions, ImageOptions
from sharvin_models.images.mean_energy_scale import MeanEnergyScale
from sharvin_models.images.pair_correlations import SMALLEST_VARIANCE, PairCorrelations
from sharvin_models.images.symmetries import transform

SHAPE = (7, 5)


def images(n, seed=0, shape=SHAPE):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32))


def summed_pair_by_pair(image, dx, dy):
    """The definition, one pair of sites after the other."""
    delta = image - image.mean()
    length, width = image.shape
    total, pairs = 0.0, 0
    for x in range(length - dx):
        for y in range(width):
            for step in {dy, -dy} if dx else {dy}:
                if 0 <= y + step < width:
                    total += delta[x, y] * delta[x + dx, y + step]
                    pairs += 1
    return total / (np.sqrt(pairs) * (delta.var() + SMALLEST_VARIANCE))


def test_pair_correlations_are_sums_over_pairs():
    wires = images(3)
    found = PairCorrelations(SHAPE, 4, (1,))(wires).reshape(3, 4, 4).numpy()
    for wire, correlations in zip(wires.numpy().astype(np.float64), found, strict=True):
        for dx in range(4):
            for dy in range(4):
                expected = wire.mean() if dx == dy == 0 else summed_pair_by_pair(wire, dx, dy)
                assert correlations[dx, dy] == pytest.approx(expected, abs=2e-5)


def test_correlations_reach_no_farther_than_the_wire():
    assert PairCorrelations((3, 1), 8, (1, 2)).size == 2 * 3 * 1


def test_independent_sites_have_correlations_of_mean_zero_and_spread_one():
    found = PairCorrelations((20, 20), 5, (1,))(images(4000, shape=(20, 20))).numpy()[:, 1:]
    assert np.abs(found.mean(0)).max() < 0.12
    assert np.abs(found.std(0) - 1.0).max() < 0.08


def test_a_density_wave_shows_at_its_own_period():
    wave = torch.from_numpy(np.cos(np.pi * np.arange(12)))[None, :, None].repeat(1, 1, 6).float()
    found = PairCorrelations((12, 6), 3, (1,))(wave).reshape(3, 3)
    assert found[1, 0] < -5 < 5 < found[2, 0]


def test_pair_correlations_have_the_mirror_symmetries_of_the_wire():
    features = PairCorrelations(SHAPE, 5, (1, 2))
    for symmetry in ("reflect_length", "reflect_width"):
        torch.testing.assert_close(features(transform(images(6), (symmetry,))), features(images(6)), rtol=0, atol=2e-5)
    assert not torch.allclose(features(images(6, shape=(5, 5)).mT), features(images(6, shape=(5, 5))), atol=0.1)


def test_standardised_features_have_mean_zero_and_spread_one():
    features = PairCorrelations(SHAPE, 3, (1, 2))
    features.standardise(images(500))
    found = features(images(500)).numpy()
    np.testing.assert_allclose(found.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(found.std(0), 1.0, rtol=1e-5)


def test_a_target_made_of_neighbouring_pairs_is_learnt_from_pair_correlations_alone():
    values = np.random.default_rng(0).normal(size=(3000, 8, 8))
    targets = (values[:, 1:] * values[:, :-1]).mean((1, 2))
    data = Dataset(Images(values), targets, np.arange(3000))
    train, test = data.take(slice(0, 2500)), data.take(slice(2500, 3000))
    error = {}
    for sites in (True, False):
        options = {"pair_reach": 0} if sites else {"pair_reach": 3}
        model = sharvin.create("regressors", "dnn", hidden=[32], sites=sites, epochs=20, learning_rate=3e-3, **options)
        model.fit(train, test, np.random.default_rng(0))
        error[sites] = np.abs(model.predict(test.samples).mean - test.targets).mean()
    assert error[False] < 0.2 * error[True]


def test_the_baseline_is_centre_and_spread_at_a_mean_energy():
    rng = np.random.default_rng(0)
    energies = rng.uniform(0.0, 1.0, 30000)
    targets = np.exp(-3.0 * energies) + (1.0 - energies) * rng.normal(size=30000)
    for median in (True, False):
        centre, spread = MeanEnergyScale.fit(energies, targets, median)(np.linspace(0.05, 0.95, 10))
        np.testing.assert_allclose(centre, np.exp(-3.0 * np.linspace(0.05, 0.95, 10)), atol=0.4)
        np.testing.assert_allclose(spread, (1.0 - np.linspace(0.05, 0.95, 10)) * np.sqrt(2.0 / np.pi), atol=0.2)


def test_squared_errors_start_from_means_and_absolute_ones_from_medians():
    targets = np.random.default_rng(0).exponential(size=4000)
    energies = np.zeros(4000)
    assert MeanEnergyScale.fit(energies, targets, median=True)(np.zeros(1))[0] == pytest.approx(np.log(2.0), abs=0.15)
    assert MeanEnergyScale.fit(energies, targets, median=False)(np.zeros(1))[0] == pytest.approx(1.0, abs=0.25)


def test_wires_without_fluctuation_are_predicted_by_the_baseline_exactly():
    """A wire full of impurities does not conduct, whatever the network makes of it."""
    rng = np.random.default_rng(0)
    density = rng.uniform(size=1000)
    values = (rng.uniform(size=(1000, 6, 6)) < density[:, None, None]).astype(np.float64)
    targets = np.where(values.mean((1, 2)) < 0.5, values[:, 0].mean(1), 0.0)
    data = Dataset(Images(values), targets, np.arange(1000))
    model = sharvin.create("regressors", "dnn", hidden=[8], baseline="mean_energy", epochs=2)
    model.fit(data, data, rng)
    assert np.all(model.predict(Images(np.ones((3, 6, 6)))).mean == 0.0)


@pytest.mark.parametrize("name", ["cnn", "dnn"])
def test_everything_together_is_symmetric_reproducible_and_survives_saving_bit_for_bit(name, tmp_path):
    symmetries = ("reflect_length", "reflect_width")
    options = {"baseline": "mean_energy", "pair_reach": 3, "pair_powers": (1, 2), "symmetries": symmetries, "epochs": 2}
    values = np.random.default_rng(0).normal(size=(400, *SHAPE))
    data = Dataset(Images(values), np.exp(-values.mean((1, 2))), np.arange(400))
    predicted = []
    for _ in range(2):
        model = sharvin.create("regressors", name, **options)
        model.fit(data, data.take(slice(0, 50)), np.random.default_rng(3))
        predicted.append(model.predict(data.samples).mean)
    assert np.array_equal(predicted[0], predicted[1])
    for mirrored in (values[:, ::-1], values[:, :, ::-1]):
        assert np.array_equal(model.predict(Images(mirrored)).mean, predicted[0])
    alone = [model.predict(Images(values[i : i + 1])).mean[0] for i in range(70)]
    assert np.array_equal(alone, predicted[0][:70])
    model.save(tmp_path)
    loaded = sharvin.create("regressors", name)
    loaded.load(tmp_path)
    assert np.array_equal(loaded.predict(data.samples).mean, predicted[0])


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(ValidationError, match="changes its sign under negate"):
        ImageOptions(baseline="mean_energy", symmetries=("negate",))
    with pytest.raises(ValidationError, match="needs pair_reach"):
        DnnOptions(sites=False)
