"""Every part of sharvin-transport keeps the contract of its kind."""

from typing import ClassVar

import numpy as np
import pytest
from ase.build import bulk
from sharvin import GridWire, Junction
from sharvin.testing import HamiltonianTests, LatticeHamiltonianTests, TransportSolverTests


class TestRgf(TransportSolverTests):
    name = "rgf"


class TestSisl(TransportSolverTests):
    name = "sisl"
    complex_hamiltonians = False


class TestDense(TransportSolverTests):
    name = "dense"


class GridWires:
    """The kit's wires as a solver of lattices takes them."""

    def wire(self, onsite_eV):
        return GridWire(np.atleast_2d(onsite_eV))


class TestGridTransfer(GridWires, TransportSolverTests):
    name = "grid_transfer"
    tolerance = 1e-11


class TestRgfOnGridWires(GridWires, TransportSolverTests):
    name = "rgf"


class TestSquareLattice(LatticeHamiltonianTests):
    name = "square_lattice"
    options: ClassVar = {"length": 5, "width": 3}


class TestBoxDisorder(TestSquareLattice):
    options: ClassVar = {"length": 2, "width": 6, "disorder": "I", "strength": 2.0, "hopping": 0.5}


class TestImpuritiesOfOnesOwn(TestSquareLattice):
    options: ClassVar = {"disorder": "values", "values": (1.0, -2.0), "probabilities": (1.0, 3.0), "concentration": 0.2}


class TestOnsiteMaps(TestSquareLattice):
    @pytest.fixture
    def component_options(self, tmp_path):
        np.save(tmp_path / "maps.npy", np.random.default_rng(3).normal(size=(4, 5, 3)))
        return {"length": 5, "width": 3, "disorder": "file", "onsite_file": str(tmp_path / "maps.npy")}


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
