"""Current and conductance at finite temperature and bias."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from sharvin.errors import InputError
from sharvin_transport.transmission.landauer import (
    BOLTZMANN_EV_PER_K,
    CONDUCTANCE_QUANTUM_S,
    conductance_G0,
    current_A,
    window_eV,
)

GRID = np.linspace(-1.5, 1.5, 31)
RESONANCE = 0.02 / ((GRID - 0.13) ** 2 + 0.02)


def fermi(x: float, kT: float) -> float:
    return float(0.5 * (1 - np.tanh(x / (2 * kT))))


def test_the_conductance_tends_to_the_transmission_at_the_fermi_energy_as_the_temperature_vanishes() -> None:
    T_at_fermi_energy = np.interp(0.0, GRID, RESONANCE)
    found = conductance_G0(GRID, RESONANCE, [0.0, 1e-3, 0.1, 1.0])
    assert found[0] == pytest.approx(T_at_fermi_energy, abs=1e-14)
    assert np.all(np.abs(found[1:] - T_at_fermi_energy) < [1e-6, 1e-4, 1e-3])


@pytest.mark.parametrize("temperature", [0.0, 4.5, 300.0])
def test_the_current_at_small_bias_is_ohmic(temperature: float) -> None:
    G = conductance_G0(GRID, RESONANCE, temperature)[0]
    biases = np.array([-1e-4, 1e-5, 1e-4])
    np.testing.assert_allclose(current_A(GRID, RESONANCE, biases, temperature) / biases, CONDUCTANCE_QUANTUM_S * G, rtol=1e-4)


@pytest.mark.parametrize("temperature", [0.0, 300.0])
def test_a_constant_transmission_obeys_ohms_law_at_every_bias(temperature: float) -> None:
    biases = np.array([-1.2, 0.0, 0.3, 1.2])
    found = current_A(GRID, np.full(31, 2.5), biases, temperature)
    np.testing.assert_allclose(found, 2.5 * CONDUCTANCE_QUANTUM_S * biases, rtol=1e-13, atol=1e-20)
    np.testing.assert_allclose(conductance_G0(GRID, np.full(31, 2.5), [0.0, 77.0, 1000.0]), 2.5, rtol=1e-13)


@pytest.mark.parametrize(("temperature", "bias"), [(300.0, 0.8), (300.0, -0.2), (4.5, 0.5)])
def test_the_integrals_are_those_of_the_straight_lines_between_the_energies(temperature: float, bias: float) -> None:
    kT = BOLTZMANN_EV_PER_K * temperature
    uneven = np.sort(np.r_[GRID, np.random.default_rng(0).uniform(-1.5, 1.5, 20)])
    T = 1 + np.sin(7 * uneven)

    def current(E: float) -> float:
        return float(np.interp(E, uneven, T)) * (fermi(E - bias / 2, kT) - fermi(E + bias / 2, kT))

    def edge(E: float) -> float:
        return float(np.interp(E, uneven, T)) * fermi(E, kT) * fermi(-E, kT) / kT

    for integrand, found in (
        (current, current_A(uneven, T, bias, temperature)[0] / CONDUCTANCE_QUANTUM_S),
        (edge, conductance_G0(uneven, T, temperature)[0]),
    ):
        points = np.unique(np.r_[uneven, np.linspace(-1.5, 1.5, 1001)])
        exact = sum(quad(integrand, a, b, epsabs=1e-13)[0] for a, b in pairwise(points) if abs(b) < 1.4)
        assert found == pytest.approx(exact, rel=1e-7)


def test_a_step_in_the_transmission_is_smeared_as_the_fermi_function() -> None:
    # T = θ(E − 0.1): G = f(0.1), and above threshold the current is that of the open part of the window.
    grid = np.r_[np.linspace(-1, 0.1 - 1e-9, 4), np.linspace(0.1, 1.0, 4)]
    T = (grid >= 0.1).astype(float)
    kT = BOLTZMANN_EV_PER_K * 300
    assert conductance_G0(grid, T, 300.0)[0] == pytest.approx(fermi(0.1, kT), rel=1e-6)
    found = current_A(grid, T, [0.1, 0.2, 0.6], 0.0) / CONDUCTANCE_QUANTUM_S
    np.testing.assert_allclose(found, [0.0, 0.0, 0.2], atol=1e-8)


def test_the_current_reverses_with_the_bias_and_grows_with_it() -> None:
    biases = np.linspace(-1.5, 1.5, 13)
    found = current_A(GRID, RESONANCE, biases, 300.0)
    np.testing.assert_allclose(found, -found[::-1], rtol=1e-10, atol=1e-18)
    assert np.all(np.diff(found) > 0)


def test_many_curves_in_any_order_of_the_energies() -> None:
    both = np.stack([RESONANCE, 2 * RESONANCE])[None]
    assert current_A(GRID, both, [0.1, 0.2, 0.3], 4.5).shape == (1, 2, 3)
    order = np.random.default_rng(1).permutation(31)
    np.testing.assert_array_equal(
        conductance_G0(GRID[order], both[..., order], [0.0, 300.0]), conductance_G0(GRID, both, [0.0, 300.0])
    )


def test_the_window_must_be_covered() -> None:
    assert window_eV(300.0, 0.5) == pytest.approx(0.25 + 15 * 0.025852, abs=1e-4)
    with pytest.raises(InputError, match=r"a temperature of 300 K and a bias of 2\.4 V need it from -1\.59 to 1\.59 eV"):
        current_A(GRID, RESONANCE, [0.1, -2.4], 300.0)
    with pytest.raises(InputError, match="extend the energies"):
        conductance_G0(GRID + 1.2, RESONANCE, 300.0)
    with pytest.raises(InputError, match="two different energies"):
        conductance_G0([0.0], [1.0], 0.0)
    with pytest.raises(InputError, match="not negative"):
        conductance_G0(GRID, RESONANCE, -1.0)
    with pytest.raises(InputError, match="does not fit"):
        conductance_G0(GRID, RESONANCE[1:], 1.0)
    with pytest.raises(InputError, match="finite"):
        current_A(GRID, RESONANCE, np.nan, 1.0)
