"""The symmetries offered to the image networks are those of the conductance that the transport solver gives."""

import numpy as np
import pytest
import sharvin
import torch
from sharvin.grid_wire import GridWire
from sharvin_models.images.symmetries import combinations_of, transform

ENERGIES = 0.36 * (np.arange(10) / 9 - 0.5)


@pytest.fixture(scope="module")
def onsite():
    return np.random.default_rng(0).uniform(-2.0, 2.0, (20, 6, 5))


def transmission(onsite, energies):
    return sharvin.create("transport", "grid_transfer").transmission(GridWire(onsite), np.atleast_1d(energies))


@pytest.mark.parametrize("element", combinations_of(("reflect_length", "reflect_width", "negate")))
def test_conductance_at_the_band_centre_and_its_average_over_a_symmetric_bias_window_have_them(onsite, element):
    mapped = transform(torch.from_numpy(onsite), element).numpy()
    np.testing.assert_allclose(transmission(mapped, 0.0), transmission(onsite, 0.0), rtol=1e-8)
    np.testing.assert_allclose(transmission(mapped, ENERGIES).mean(1), transmission(onsite, ENERGIES).mean(1), rtol=1e-8)


def test_the_opposite_disorder_conducts_alike_at_the_opposite_energy_only(onsite):
    np.testing.assert_allclose(transmission(-onsite, -0.18), transmission(onsite, 0.18), rtol=1e-8)
    assert np.abs(transmission(-onsite, 0.18) - transmission(onsite, 0.18)).max() > 0.01


def test_a_square_turned_by_its_diagonal_is_another_wire(onsite):
    square = onsite[:, :5, :5]
    assert np.abs(transmission(square.transpose(0, 2, 1), 0.0) - transmission(square, 0.0)).max() > 0.01
