"""How networks are trained: learning rates, losses, averages, precision."""

import numpy as np
import pytest
import sharvin
import torch
from pydantic import ValidationError
from sharvin.errors import InputError, RunError
from sharvin_models.training.configs import TrainingOptions
from sharvin_models.training.training_loop import rate_factor, train
from torch import nn

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
TARGETS = (X @ np.array([1.0, -2.0, 0.5]) + 0.01 * X[:, 0] ** 3).astype(np.float64)


def line(**options):
    """A linear network from zero weights, trained on TARGETS; its weights and the two curves."""
    network = nn.Linear(3, 1)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    tensor = torch.from_numpy(X)

    def error():
        with torch.no_grad():
            return float((network(tensor)[:, 0] - torch.from_numpy(TARGETS)).abs().mean())

    settings = TrainingOptions(**{"epochs": 3, "batch_size": 10, "learning_rate": 0.1, "loss": "mse", **options})
    curves = train(network, lambda batch: network(tensor[batch])[:, 0], TARGETS, error, settings, np.random.default_rng(1))
    return network.weight.detach().numpy().copy(), curves


def rates(schedule, n_steps=100, errors=(), **options):
    settings = TrainingOptions(schedule=schedule, **options)
    return np.array([rate_factor(settings, step, n_steps, errors) for step in range(n_steps)])


def test_one_cycle_rises_linearly_then_falls_to_nearly_zero():
    factor = rates("one_cycle")
    np.testing.assert_allclose(np.diff(factor[:10]), 0.1, atol=1e-12)
    assert factor.max() == 1.0
    assert np.all(np.diff(factor[10:]) <= 0)
    assert factor[-1] < 1e-3


def test_a_cosine_falls_from_the_full_rate_through_half_of_it_in_the_middle():
    factor = rates("cosine")
    assert factor[0] == 1.0
    assert factor[50] == pytest.approx(0.5)
    assert np.all(np.diff(factor) < 0)


def test_a_plateau_halves_the_rate_each_time_the_error_has_not_fallen_for_long_enough():
    errors = [3.0, 2.0, 2.5, 2.1, 2.0, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6]
    factor = [rates("plateau", 1, errors[:n], plateau_epochs=3)[0] for n in range(len(errors) + 1)]
    assert factor == [1.0] * 5 + [0.5] * 4 + [0.25] * 3 + [0.125]


def test_a_constant_rate_stays():
    assert set(rates("constant", errors=[1.0] * 50)) == {1.0}


def test_huber_s_loss_is_half_the_square_of_small_errors_and_the_absolute_value_of_large_ones():
    halved = line(loss="mse", optimizer="adam", epochs=1)[0]
    # Adam does not feel a factor of the loss but for its epsilon, so a knee beyond all errors is the squared error.
    np.testing.assert_allclose(line(loss="huber", huber_delta=1e3, epochs=1)[0], halved, rtol=1e-5)
    absolute = line(loss="mae", epochs=1, gradient_clip=1e9)[0]
    np.testing.assert_allclose(line(loss="huber", huber_delta=1e-6, epochs=1, gradient_clip=1e9)[0], absolute, rtol=0.1)
    assert not np.allclose(absolute, halved, rtol=1e-3)


def test_without_decay_adam_and_adamw_are_one_method_and_with_it_they_are_two():
    assert np.array_equal(line(optimizer="adam")[0], line(optimizer="adamw")[0])
    decayed = {name: line(optimizer=name, weight_decay=0.5)[0] for name in ("adam", "adamw")}
    assert not np.allclose(decayed["adam"], decayed["adamw"], rtol=1e-3)


def test_decay_of_adamw_shrinks_the_weights():
    free, decayed = line(epochs=30)[0], line(epochs=30, weight_decay=5.0)[0]
    assert np.linalg.norm(decayed) < 0.9 * np.linalg.norm(free)


def test_the_average_of_weights_is_steadier_than_the_weights():
    noisy = {"epochs": 30, "batch_size": 2, "schedule": "constant", "learning_rate": 0.3, "patience": 30}
    last, averaged = (np.array(line(averaging=keep, **noisy)[1][1][10:]) for keep in (0.0, 0.95))
    assert averaged.std() < 0.5 * last.std()
    assert averaged.mean() < 0.5 * last.mean()


def test_the_averaged_weights_are_those_validated_and_kept():
    weights, (_, validation) = line(averaging=0.9, epochs=20, patience=20)
    error = np.abs(X @ weights[0] - TARGETS).mean()
    assert error == pytest.approx(min(validation), abs=0.05)


def test_an_option_that_would_be_ignored_is_refused():
    with pytest.raises(ValidationError, match="set loss: huber"):
        TrainingOptions(loss="mse", huber_delta=2.0)
    with pytest.raises(ValidationError, match="set schedule: plateau"):
        TrainingOptions(plateau_epochs=7)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", ["fc_maxpool", "transformer", "cnn", "dnn"])
def test_half_precision_and_gpus_that_are_not_there_are_not_replaced(name):
    with pytest.raises(InputError, match="precision: single"):
        sharvin.create("regressors", name, precision="mixed")
    with pytest.raises(InputError, match="no GPU"):
        sharvin.create("regressors", name, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_mixed_precision_learns_what_single_precision_does():
    network = nn.Linear(3, 1, device="cuda")
    tensor = torch.from_numpy(X).cuda()
    options = TrainingOptions(epochs=60, batch_size=10, learning_rate=0.1, precision="mixed", patience=60)

    def error():
        with torch.no_grad():
            return float((network(tensor)[:, 0].cpu() - torch.from_numpy(TARGETS)).abs().mean())

    train(network, lambda batch: network(tensor[batch])[:, 0], TARGETS, error, options, np.random.default_rng(1))
    assert error() < 0.1


def test_a_validation_error_that_is_not_finite_ends_the_training_with_its_remedy():
    network = nn.Linear(3, 1)
    tensor = torch.from_numpy(X)
    with pytest.raises(RunError, match="validation error is not finite in epoch 1"):
        train(
            network,
            lambda batch: network(tensor[batch])[:, 0],
            TARGETS,
            lambda: float("nan"),
            TrainingOptions(),
            np.random.default_rng(0),
        )
