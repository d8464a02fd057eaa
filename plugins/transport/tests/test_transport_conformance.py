"""Every part of sharvin-transport keeps the contract of its kind."""

from typing import ClassVar

import numpy as np
import pytest
from ase.build import bulk
from sharvin import Junction
from sharvin.testing import HamiltonianTests, TransportSolverTests


class TestRgf(TransportSolverTests):
    name = "rgf"


class TestSisl(TransportSolverTests):
    name = "sisl"
    complex_hamiltonians = False


def gold_junction(hamiltonian):
    """A thin bar of gold with displaced atoms between ideal ends just thick enough for the Hamiltonian's range."""
    reach = hamiltonian.range_A(np.array([79]))
    layers = 2 * int(np.ceil(reach / 4.08))
    bar = bulk("Au", a=4.08, cubic=True).repeat((1, 1, layers + 1))
    bar.pbc = (True, True, False)
    layer = np.rint(bar.positions[:, 2] / 2.04)
    middle = (layer >= layers) & (layer < layers + 2)
    bar.positions[middle] += np.random.default_rng(1).normal(0, 0.15, (int(middle.sum()), 3))
    return Junction.detect(bar, reach)


class TestSlaterKosterPtbp(HamiltonianTests):
    name = "slater_koster"

    @pytest.fixture
    def crystal(self):
        return bulk("Au", a=4.08)

    @pytest.fixture
    def junction(self, component):
        return gold_junction(component)


class TestSlaterKosterNrl(TestSlaterKosterPtbp):
    options: ClassVar = {"table": "nrl"}


class TestNeutralSlaterKoster(TestSlaterKosterPtbp):
    options: ClassVar = {"charge_neutrality": "local", "neutrality_tolerance": 1e-4}
    tolerance_eV = 2e-3
