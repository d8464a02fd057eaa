"""Kernel ridge regression and Gaussian processes against closed forms, each other, and an independent program."""

import numpy as np
import pytest
import sharvin
from sharvin.errors import InputError
from sharvin.frames import Frame, Frames
from sharvin.samples import Dataset, DescribedFrames, Features


def smooth_data(n, seed=0, size=4, noise=0.0):
    rng = np.random.default_rng(seed)
    values = rng.uniform(-1, 1, (n, size)) * np.array([1.0, 2.0, 0.5, 3.0])[:size]
    targets = np.sin(values[:, 0] * 2) + 0.3 * values[:, 1] ** 2 + 2.0
    return Dataset(Features(values), targets + noise * rng.normal(size=n), np.arange(n))


def fitted(name, data, validation=None, seed=0, **options):
    model = sharvin.create("regressors", name, **options)
    model.fit(data, data if validation is None else validation, np.random.default_rng(seed))
    return model


def common(values, reference):
    return (values - reference.mean(0)) / np.sqrt((reference.std(0) ** 2).mean())


def lengths(a, b, order=2):
    return np.linalg.norm(a[:, None] - b[None], ord=order, axis=-1)


def median_of_pairs(d):
    return np.median(d[np.triu_indices(len(d), 1)])


@pytest.mark.parametrize("kernel", ["rbf", "laplacian", "polynomial"])
def test_predictions_solve_the_kernel_equations(kernel):
    data, test = smooth_data(25), smooth_data(10, seed=1)
    alpha, parameter = 1e-3, 2
    option = {"zeta": parameter} if kernel == "polynomial" else {"width": float(parameter)}
    model = fitted("kernel_ridge", data, kernel=kernel, alpha=alpha, **option)

    def k(a, b):
        if kernel == "polynomial":
            return (a @ b.T / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))) ** 2
        x, a, b = data.samples.values, common(a, data.samples.values), common(b, data.samples.values)
        order = 2 if kernel == "rbf" else 1
        d = lengths(a, b, order) / (2.0 * median_of_pairs(lengths(common(x, x), common(x, x), order)))
        return np.exp(-0.5 * d**2) if kernel == "rbf" else np.exp(-d)

    x = data.samples.values
    centre = data.targets.mean()
    expected = centre + k(test.samples.values, x) @ np.linalg.solve(k(x, x) + alpha * np.eye(25), data.targets - centre)
    np.testing.assert_allclose(model.predict(test.samples).mean, expected, rtol=1e-8)


def test_a_linear_kernel_is_ridge_regression():
    """The polynomial kernel of power 1 on rows of length 1 is the dual form of ridge regression without intercept."""
    data, test = smooth_data(30), smooth_data(10, seed=1)
    unit, unit_test = (d.samples.values / np.linalg.norm(d.samples.values, axis=1)[:, None] for d in (data, test))
    centre = data.targets.mean()
    weights = np.linalg.solve(unit.T @ unit + 0.1 * np.eye(4), unit.T @ (data.targets - centre))
    model = fitted("kernel_ridge", data, kernel="polynomial", zeta=1, alpha=0.1)
    np.testing.assert_allclose(model.predict(test.samples).mean, unit_test @ weights + centre, rtol=1e-9)


def test_the_combination_with_the_smallest_validation_error_is_kept():
    data, validation = smooth_data(30, noise=0.2), smooth_data(40, seed=1)
    errors = {}
    for width in (0.1, 1.0, 10.0):
        for alpha in (1e-6, 1e-2, 10.0):
            model = sharvin.create("regressors", "kernel_ridge", width=width, alpha=alpha)
            errors[width, alpha] = model.fit(data, validation, np.random.default_rng(0))["validation_mae"][0]
    model = sharvin.create("regressors", "kernel_ridge", width=(0.1, 1.0, 10.0), alpha=(1e-6, 1e-2, 10.0))
    curves = model.fit(data, validation, np.random.default_rng(0))
    assert (model.chosen["width"], model.chosen["alpha"]) == min(errors, key=errors.get)
    assert curves["validation_mae"] == [min(errors.values())]
    found = np.abs(model.predict(validation.samples).mean - validation.targets).mean()
    assert found == pytest.approx(curves["validation_mae"][0], rel=1e-12)


def test_far_from_all_training_structures_the_prediction_is_their_mean():
    data = smooth_data(20)
    far = Features(np.full((1, 4), 1e4))
    for kernel in ("rbf", "laplacian"):
        assert fitted("kernel_ridge", data, kernel=kernel).predict(far).mean[0] == pytest.approx(data.targets.mean())


def test_the_average_soap_kernel_is_the_mean_over_pairs_of_atoms():
    """With rows of length 1 and mean pooling, the cosine is the normalised mean of all kernels of two environments."""
    rng = np.random.default_rng(0)
    counts = np.array([3, 5, 4, 6, 2, 7])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    atoms = Features(rng.uniform(0.1, 1.0, (int(offsets[-1]), 8)), offsets)
    targets = rng.normal(size=6)
    unit = [atoms.rows(i) / np.linalg.norm(atoms.rows(i), axis=1)[:, None] for i in range(6)]
    average = np.array([[(a @ b.T).mean() for b in unit] for a in unit])
    kernel = (average / np.sqrt(np.outer(np.diag(average), np.diag(average)))) ** 4
    centre = targets.mean()
    expected = centre + kernel @ np.linalg.solve(kernel + 1e-2 * np.eye(6), targets - centre)
    data = Dataset(atoms, targets, np.arange(6))
    model = fitted("kernel_ridge", data, kernel="polynomial", zeta=4, alpha=1e-2, unit_rows=True, pooling="mean")
    np.testing.assert_allclose(model.predict(atoms).mean, expected, rtol=1e-8)


@pytest.mark.parametrize("name", ["gaussian_process", "kernel_ridge", "ridge"])
def test_rows_that_are_computed_when_asked_for_give_the_same_model(name):
    if name == "gaussian_process":
        pytest.importorskip("gpytorch", exc_type=ImportError)
    rng = np.random.default_rng(1)
    frames = Frames(Frame(np.full(n, 79), rng.normal(size=(n, 3)), np.eye(3), np.zeros(3, bool)) for n in (3, 4, 5, 6, 4, 3))

    def describe(some):
        offsets = np.concatenate([[0], np.cumsum([len(frame) for frame in some])]).astype(np.int64)
        return Features(np.concatenate([np.tanh(frame.positions) for frame in some]), offsets)

    targets = np.array([frame.positions.max() for frame in frames])
    loaded = Dataset(describe(frames), targets, np.arange(6))
    lazy = Dataset(DescribedFrames(frames, describe), targets, np.arange(6))
    one, other = (fitted(name, data).predict(lazy.samples).mean for data in (loaded, lazy))
    assert np.array_equal(one, other)


def test_options_that_a_kernel_ignores_are_refused():
    with pytest.raises(InputError, match="polynomial would ignore width"):
        sharvin.create("regressors", "kernel_ridge", kernel="polynomial", width=1.0)
    with pytest.raises(InputError, match="polynomial would ignore feature_scale"):
        sharvin.create("regressors", "kernel_ridge", kernel="polynomial", feature_scale="column")
    with pytest.raises(InputError, match="rbf would ignore zeta"):
        sharvin.create("regressors", "kernel_ridge", kernel="rbf", zeta=2)


def test_a_penalty_too_small_for_two_equal_structures_is_refused():
    data = smooth_data(10)
    twice = data.take(np.array([0, 0, 1, 1, 2, 2, 3, 4, 5, 6]))
    with pytest.raises(InputError, match="alpha 1e-30 is not positive definite"):
        fitted("kernel_ridge", twice, kernel="rbf", alpha=1e-30, width=4.0)


def test_features_that_are_not_finite_are_refused_in_a_prediction():
    model = fitted("kernel_ridge", smooth_data(10))
    with pytest.raises(InputError, match="structure 1 has features that are not finite"):
        model.predict(Features(np.array([[0.0] * 4, [0.0, np.nan, 0.0, 0.0]])))


@pytest.fixture
def gpytorch():
    return pytest.importorskip("gpytorch", exc_type=ImportError)


@pytest.mark.parametrize("kernel", ["rbf", "matern52"])
def test_a_process_predicts_the_conditional_gaussian(gpytorch, kernel):
    data, test = smooth_data(25, noise=0.1), smooth_data(8, seed=1)
    model = fitted("gaussian_process", data, kernel=kernel, steps=30)
    of = model.hyperparameters

    def k(a, b):
        d = lengths(common(a, data.samples.values), common(b, data.samples.values)) / of["length_scale"]
        values = np.exp(-0.5 * d**2) if kernel == "rbf" else (1 + 5**0.5 * d + 5 / 3 * d**2) * np.exp(-(5**0.5) * d)
        return of["amplitude"] ** 2 * values

    x, y = data.samples.values, test.samples.values
    inverse = np.linalg.inv(k(x, x) + of["noise"] ** 2 * np.eye(25))
    found = model.predict(test.samples)
    np.testing.assert_allclose(found.mean, of["constant"] + k(y, x) @ inverse @ (data.targets - of["constant"]), rtol=1e-6)
    variance = of["amplitude"] ** 2 + of["noise"] ** 2 - np.diag(k(y, x) @ inverse @ k(x, y))
    np.testing.assert_allclose(found.std, np.sqrt(variance), rtol=1e-6)


def log_likelihood(model, data, kernel="matern52", **scaled):
    of = {name: value * scaled.get(name, 1.0) for name, value in model.hyperparameters.items()}
    r = lengths(*[common(data.samples.values, data.samples.values)] * 2) / of["length_scale"]
    values = np.exp(-0.5 * r**2) if kernel == "rbf" else (1 + 5**0.5 * r + 5 / 3 * r**2) * np.exp(-(5**0.5) * r)
    covariance = of["amplitude"] ** 2 * values + of["noise"] ** 2 * np.eye(len(data))
    deviation = data.targets - of["constant"]
    return -0.5 * deviation @ np.linalg.solve(covariance, deviation) - 0.5 * np.linalg.slogdet(covariance)[1]


@pytest.mark.parametrize("kernel", ["rbf", "matern52"])
def test_hyperparameters_are_at_a_maximum_of_the_marginal_likelihood(gpytorch, kernel):
    data = smooth_data(40, noise=0.3)
    model = fitted("gaussian_process", data, kernel=kernel, steps=400)
    highest = log_likelihood(model, data, kernel)
    for name in ("length_scale", "amplitude", "noise", "constant"):
        for factor in (0.8, 1.25):
            assert log_likelihood(model, data, kernel, **{name: factor}) < highest


def test_noise_is_recovered_and_errors_are_as_large_as_stated(gpytorch):
    data, test = smooth_data(150, noise=0.2), smooth_data(300, seed=1, noise=0.2)
    model = fitted("gaussian_process", data, steps=80)
    assert model.hyperparameters["noise"] == pytest.approx(0.2, rel=0.25)
    found = model.predict(test.samples)
    assert np.std((found.mean - test.targets) / found.std) == pytest.approx(1.0, abs=0.15)


def test_far_from_all_training_structures_nothing_is_known(gpytorch):
    data = smooth_data(30)
    model = fitted("gaussian_process", data, steps=30)
    of = model.hyperparameters
    far = model.predict(Features(np.full((1, 4), 1e5)))
    assert far.mean[0] == pytest.approx(of["constant"])
    assert far.std[0] == pytest.approx(np.hypot(of["amplitude"], of["noise"]))
    assert np.all(model.predict(data.samples).std < far.std)


def test_more_starting_points_are_drawn_from_the_generator_and_never_worse(gpytorch):
    data = smooth_data(25, noise=0.1)
    one, other = (fitted("gaussian_process", data, steps=2, seed=seed) for seed in (1, 2))
    assert one.hyperparameters == other.hyperparameters
    many, again = (fitted("gaussian_process", data, steps=2, starts=30, seed=1) for _ in range(2))
    assert many.hyperparameters == again.hyperparameters
    assert log_likelihood(many, data) > log_likelihood(one, data)


def test_a_process_refuses_what_it_was_not_trained_for(gpytorch, tmp_path):
    model = sharvin.create("regressors", "gaussian_process")
    with pytest.raises(InputError, match="no model yet"):
        model.predict(smooth_data(2).samples)
    with pytest.raises(InputError, match="no model yet"):
        model.save(tmp_path)
    data = smooth_data(12)
    broken = Dataset(data.samples, np.where(np.arange(12) == 3, np.nan, data.targets), data.groups)
    with pytest.raises(InputError, match="1 of 12 training targets"):
        fitted("gaussian_process", broken, data)
    model = fitted("gaussian_process", data, steps=3)
    with pytest.raises(InputError, match=r"4 features .* got 3"):
        model.predict(smooth_data(2, size=3).samples)
    with pytest.raises(InputError, match="per_structure, not per_atom"):
        model.predict(Features(data.samples.values, np.array([0, 5, 12])))
