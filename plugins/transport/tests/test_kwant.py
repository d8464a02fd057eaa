"""Kwant's scattering matrix gives the transmission of the Green-function solvers."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from sharvin.grid_wire import GridWire
from sharvin.junction import Junction
from sharvin.testing import TransportSolverTests, systems
from sharvin_transport.external.configs import KwantOptions
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeWarning)
    pytest.importorskip("kwant")

from sharvin_transport.external.kwant_solver import KwantTransport

RGF = RecursiveGreen(RecursiveGreenOptions())
KWANT = KwantTransport(KwantOptions())


class TestKwant(TransportSolverTests):
    name = "kwant"


class TestKwantOnGridWires(TransportSolverTests):
    name = "kwant"
    system_types = ("grid_wire",)

    def wire(self, onsite_eV):
        return GridWire(np.atleast_2d(onsite_eV))


def test_a_spd_contact_of_overlapping_orbitals(contact: Callable[..., Atoms]) -> None:
    h = SlaterKoster(SlaterKosterOptions())
    atoms = contact(seed=2)
    system = h.two_terminal(Junction.detect(atoms, h.range_A(atoms.numbers)))
    energies = np.array([-0.5, 0.0])
    found = KWANT.transmission([system], energies)
    np.testing.assert_allclose(found, RGF.transmission([system], energies), atol=1e-8)
    assert found[0, 1] > 0.5


def test_disordered_wires_in_a_batch_and_alone() -> None:
    wires = GridWire(np.random.default_rng(3).uniform(-2, 2, (3, 12, 7)), t=0.8)
    energies = np.array([-1.1, 0.05, 0.9])
    np.testing.assert_allclose(KWANT.transmission(wires, energies), RGF.transmission(wires, energies), atol=1e-8)


def test_a_magnetic_field_and_an_overlap_at_once() -> None:
    chain = systems.chain([0.4, -0.3], left_eV=0.1, right_eV=-0.2, overlap=0.15)
    energies = np.array([-0.8, 0.3, 1.1])
    np.testing.assert_allclose(KWANT.transmission([chain], energies), RGF.transmission([chain], energies), atol=1e-8)
