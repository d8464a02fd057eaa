"""Devices that are broken and devices between different leads, in every solver of two-terminal systems."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sharvin import GridWire, create
from sharvin.errors import RunError
from sharvin.testing import systems
from sharvin.two_terminal import TwoTerminal
from sharvin_transport.rgf.onsite_response import OnsiteResponse

SOLVERS = [
    "dense",
    "rgf",
    "sisl",
    pytest.param("kwant", marks=pytest.mark.skipif(importlib.util.find_spec("kwant") is None, reason="kwant is not installed")),
]


LEVEL = 0.3


def cut(bonds: list[int], sites: int = 3) -> TwoTerminal:
    """A chain without some of its bonds."""
    system = systems.chain(np.full(sites, LEVEL))
    H = system.H.toarray()
    for bond in bonds:
        H[bond, bond + 1] = H[bond + 1, bond] = 0.0
    return TwoTerminal(csr_array(H), system.S, system.left, system.right)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("bonds", [[1], [0], [3], [1, 2], [0, 1, 2, 3]])
def test_a_broken_chain_does_not_conduct_at_any_energy(name: str, bonds: list[int]) -> None:
    # The second energy is a level of the site, or of the three sites, that no lead touches.
    system = cut(bonds)
    assert not system.connected
    np.testing.assert_allclose(create("transport", name).transmission([system], np.array([-0.7, LEVEL, 1.3])), 0.0, atol=1e-12)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_wide_lead_and_a_narrow_one(name: str) -> None:
    # Three rows on the left, one on the right, joined to the middle row.
    wide, narrow = GridWire(np.zeros((1, 3))).lead(), GridWire(np.zeros((1, 1))).lead()
    H = np.zeros((7, 7))
    H[:3, :3] = H[3:6, 3:6] = wide.H00
    H[:3, 3:6] = wide.H01
    H[4, 6] = -1.0
    system = TwoTerminal(csr_array(np.triu(H) + np.triu(H, 1).T), csr_array(np.eye(7)), wide, narrow)
    energies = np.array([-2.7, -0.9, 0.45, 1.7])
    # The modes that reach the middle row have the energies ±√2 and a weight of ½ there; T = Γ_wide Γ_chain |G|² of the two ends.
    modes = np.array([-np.sqrt(2), np.sqrt(2)])
    z = energies[:, None] - modes
    wide_g = np.where(
        np.abs(z) < 2, (z - 1j * np.sqrt(4 - np.minimum(z**2, 4))) / 2, (z - np.sign(z) * np.sqrt(np.maximum(z**2, 4) - 4)) / 2
    )
    row = wide_g.sum(axis=1) / 2
    chain = np.where(np.abs(energies) < 2, (energies - 1j * np.sqrt(4 - np.minimum(energies**2, 4))) / 2, 0.0)
    joined = row / (1 - row * chain)  # Green function of row 2 of the last wide slice, with the chain attached by −1
    expected = 4 * (row.imag * chain.imag) * np.abs(joined / row) ** 2
    found = create("transport", name).transmission([system, system.reversed()], energies)
    np.testing.assert_allclose(found, [expected, expected], atol=1e-8)
    assert found[0, 2] > 0.3


def test_a_chain_is_connected() -> None:
    assert systems.chain(np.zeros(4)).connected
    assert not cut([2], 4).connected


@pytest.mark.parametrize("bonds", [[1], [0], [3], [1, 2], [0, 1, 2, 3]])
def test_observables_and_response_of_a_broken_chain_are_zero_where_no_lead_reaches(bonds: list[int]) -> None:
    """At a level of the sites that no lead touches, too, where T is zero and not an error."""
    solver, system = create("transport", "rgf"), cut(bonds)
    seen = solver.observables(system, np.array([LEVEL]))
    isolated = np.arange(min(bonds) + 1, max(bonds) + 1)
    assert seen.transmission == pytest.approx([0.0], abs=1e-12)
    assert np.abs(seen.bond_currents).max(initial=0.0) < 1e-12
    density = seen.ldos_left_per_eV[0] + seen.ldos_right_per_eV[0]
    assert np.all(density[isolated] == 0.0)
    assert density.sum() > 0.1
    transmission, response = OnsiteResponse(solver.surfaces, solver.couplings)(
        replace(system, fermi_energy_eV=LEVEL), np.array([-1, 0, 1, 2, -1])
    )
    assert transmission == pytest.approx(0.0, abs=1e-12)
    assert response == pytest.approx(np.zeros(3), abs=1e-12)


def test_a_level_that_no_lead_broadens_in_an_unbroken_device_is_an_error_for_all() -> None:
    """Two sites beside a chain, coupled to it and to each other such that one of their levels is its own."""
    system = systems.chain(np.zeros(3))
    H = np.zeros((7, 7))
    H[:5, :5] = system.H.toarray()
    order = [0, 1, 2, 5, 6, 3, 4]  # the two sites stand in the middle
    H[2, 5:] = H[5:, 2] = 0.5
    H[5, 5] = H[6, 6] = LEVEL
    own = TwoTerminal(csr_array(H[np.ix_(order, order)]), csr_array(np.eye(7)), system.left, system.right, fermi_energy_eV=LEVEL)
    assert own.connected
    solver = create("transport", "rgf")
    for compute in (
        lambda: solver.transmission([own], np.zeros(1)),
        lambda: solver.observables(own, np.zeros(1)),
        lambda: OnsiteResponse(solver.surfaces, solver.couplings)(own, np.arange(7)),
    ):
        with pytest.raises(RunError, match="move the energy by 1e-6 eV"):
            compute()
    assert solver.transmission([own], np.array([1.0])) > 0.1


def test_a_batch_on_torch_holds_broken_and_unbroken_devices() -> None:
    pytest.importorskip("torch")
    devices, energies = [cut([]), cut([1]), cut([1, 2]), cut([0, 1, 2, 3])], np.array([-0.7, LEVEL])
    found = create("transport", "rgf", backend="torch").transmission(devices, energies)
    np.testing.assert_allclose(found[1:], 0.0, atol=1e-12)
    np.testing.assert_allclose(found, create("transport", "rgf").transmission(devices, energies), atol=1e-10)
    assert found[0].min() > 0.5
