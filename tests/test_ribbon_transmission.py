"""Ribbons of graphene as transport devices: a clean one transmits the bands of its leads."""

import numpy as np
import pytest
from sharvin import create
from sharvin.devices.lead_channels import channels
from sharvin.junction import Junction

ENERGIES_EV = np.linspace(-2.0, 2.0, 7) + 0.0131
"""Away from band edges."""


@pytest.mark.parametrize(
    "options",
    [
        {"width": 7, "length": 2},
        {"width": 5, "length": 1, "stacking": "AB"},
        {"edge": "zigzag", "width": 4, "length": 3},
        {"edge": "zigzag", "width": 3, "length": 2, "stacking": "AA"},
        {"edge": "zigzag", "width": 4, "length": 1, "stacking": "AB", "periodic": True},
    ],
)
def test_a_clean_ribbon_transmits_a_whole_number_of_bands(options):
    ribbon = create("structures", "graphene_ribbon", **options).build(np.random.default_rng(1))
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    system = hamiltonian.two_terminal(Junction.detect(ribbon, hamiltonian.range_A(np.array([6]))))
    (transmission,) = create("transport", "rgf").transmission([system], ENERGIES_EV)
    expected = channels(system.left, system.fermi_energy_eV + ENERGIES_EV)
    assert transmission == pytest.approx(expected, abs=1e-4)
    assert expected.max() >= 2


@pytest.mark.parametrize(("width", "gapped"), [(6, True), (7, True), (8, False)])
def test_an_armchair_ribbon_is_a_metal_where_two_lines_are_beyond_a_multiple_of_three(width, gapped):
    """Of widths 3p + 2 the gap is almost closed."""
    ribbon = create("structures", "graphene_ribbon", width=width, length=1).build(np.random.default_rng(1))
    hamiltonian = create("hamiltonians", "slater_koster_pz")
    system = hamiltonian.two_terminal(Junction.detect(ribbon, hamiltonian.range_A(np.array([6]))))
    counted = channels(system.left, system.fermi_energy_eV + np.array([-0.3, 0.3]))
    assert (counted == 0).all() == gapped
