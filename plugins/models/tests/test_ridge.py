"""Ridge regression against its closed form."""

import numpy as np
import pytest
import sharvin
from sharvin.samples import Dataset, Features


def linear_data(n, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 6)) * np.arange(1, 7) + 3.0
    return Dataset(Features(values), values @ [1.0, -2.0, 0.5, 0.0, 0.3, 1.5] + 4.0 + noise * rng.normal(size=n), np.arange(n))


@pytest.mark.parametrize("alpha", [1e-2, 30.0])
@pytest.mark.parametrize("n", [40, 5])
def test_predictions_equal_the_normal_equations(alpha, n):
    data, test = linear_data(n, noise=1.0), linear_data(10, seed=1)
    model = sharvin.create("regressors", "ridge", alpha=(alpha,))
    model.fit(data, test, np.random.default_rng(0))
    values = data.samples.values
    x = (values - values.mean(0)) / values.std(0)
    w = np.linalg.solve(x.T @ x + alpha * np.eye(6), x.T @ (data.targets - data.targets.mean()))
    expected = (test.samples.values - values.mean(0)) / values.std(0) @ w + data.targets.mean()
    np.testing.assert_allclose(model.predict(test.samples).mean, expected, rtol=1e-9)


def test_five_samples_are_learnt_by_heart_as_the_penalty_vanishes():
    data = linear_data(5, noise=1.0)
    model = sharvin.create("regressors", "ridge", alpha=(1e-10,))
    model.fit(data, data, np.random.default_rng(0))
    np.testing.assert_allclose(model.predict(data.samples).mean, data.targets, atol=1e-6)


def test_the_penalty_with_the_smallest_validation_error_is_kept():
    data, validation = linear_data(12, noise=3.0), linear_data(50, seed=1)
    alphas = (1e-6, 1.0, 10.0, 1e6)
    errors = {}
    for alpha in alphas:
        one = sharvin.create("regressors", "ridge", alpha=(alpha,))
        errors[alpha] = one.fit(data, validation, np.random.default_rng(0))["validation_mae"][0]
    model = sharvin.create("regressors", "ridge", alpha=alphas)
    curves = model.fit(data, validation, np.random.default_rng(0))
    assert model.alpha == min(errors, key=errors.get)
    assert curves["validation_mae"] == [min(errors.values())]


@pytest.mark.parametrize(("pooling", "pool"), [("mean", np.mean), ("max", np.max), ("sum", np.sum)])
def test_pooled_atoms_are_one_row_a_structure(pooling, pool):
    rng = np.random.default_rng(0)
    values, offsets = rng.normal(size=(50, 3)), np.array([0, 4, 9, 20, 30, 41, 50])
    atoms = Features(values, offsets)
    rows = Features(np.array([pool(atoms.rows(i), axis=0) for i in range(6)]))
    targets = rng.normal(size=6)
    predicted = []
    for features in (atoms, rows):
        data = Dataset(features, targets, np.arange(6))
        model = sharvin.create("regressors", "ridge", pooling=pooling, alpha=(0.1,))
        model.fit(data, data, rng)
        predicted.append(model.predict(features).mean)
    np.testing.assert_allclose(predicted[0], predicted[1], rtol=1e-12)
