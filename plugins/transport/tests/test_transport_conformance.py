"""Every part of sharvin-transport keeps the contract of its kind."""

from typing import ClassVar

import numpy as np
import pytest
import sisl
from ase import Atoms
from ase.build import bulk
from sharvin import GridWire, Junction, create
from sharvin.devices.two_terminal_file import Device, write_two_terminal
from sharvin.testing import HamiltonianTests, LatticeHamiltonianTests, StoredHamiltonianTests, TransportSolverTests


class TestRgf(TransportSolverTests):
    name = "rgf"


class TestSisl(TransportSolverTests):
    name = "sisl"
    complex_hamiltonians = False


class TestDense(TransportSolverTests):
    name = "dense"


class GridWires:
    """The kit's wires as a solver of lattices takes them."""

    system_types = ("grid_wire",)

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


def stored_chain(folder):
    """Options and junction of a chain of gold whose H and S lie in a file."""
    hopping = create("hamiltonians", "slater_koster")
    atoms = Atoms("Au14", positions=[[0, 0, 2.9 * i] for i in range(14)])
    junction = Junction.detect(atoms, hopping.range_A(atoms.numbers))
    write_two_terminal(folder / "chain.h5", [Device([(1.0, hopping.two_terminal(junction))], atoms)])
    return {"file": str(folder / "chain.h5")}, junction


class TestArrays(StoredHamiltonianTests):
    name = "arrays"

    @pytest.fixture
    def component_options(self, tmp_path):
        return stored_chain(tmp_path)[0]

    @pytest.fixture
    def junction(self, tmp_path):
        return stored_chain(tmp_path)[1]


@pytest.mark.filterwarnings("ignore::sisl.SislWarning")
class TestSiesta(StoredHamiltonianTests):
    name = "siesta"

    @pytest.fixture
    def component_options(self, tmp_path):
        for name, layers, images in (("device", 9, 1), ("lead", 1, 3)):
            lattice = sisl.Lattice([3.0, 3.0, 2.0 * layers], nsc=[3, 3, images])
            geometry = sisl.Geometry([[0, 0, 2.0 * k] for k in range(layers)], sisl.Atom(6, R=3.1), lattice)
            H = sisl.Hamiltonian(geometry, orthogonal=False)
            H.construct([[0.1, 2.1, 3.1], [[0.5, 1.0], [-1.0, 0.1], [-0.2, 0.02]]])
            H.write(tmp_path / f"{name}.HSX")
        return {"file": str(tmp_path / "device.HSX"), "left": str(tmp_path / "lead.HSX"), "k_points": [3, 2]}

    @pytest.fixture
    def junction(self, component):
        return Junction.detect(component.stored_atoms()[0], 2.0)


class TestNeutralSlaterKoster(HamiltonianTests):
    """On a chain, because every energy of the contour needs the leads anew."""

    name = "slater_koster"
    options: ClassVar = {"charge_neutrality": "local", "neutrality_tolerance": 1e-4}
    tolerance_eV = 2e-3

    @pytest.fixture
    def crystal(self):
        return Atoms("Au", cell=[2.7, 2.7, 2.7], pbc=True)

    @pytest.fixture
    def junction(self, component):
        reach = component.range_A(np.array([79]))
        layer = int(np.ceil(reach / 2.7))
        chain = Atoms(f"Au{2 * layer + 2}", positions=[[0, 0, 2.7 * k] for k in range(2 * layer + 2)])
        chain.positions[layer : layer + 2] += [[0.1, 0.05, 0.08], [-0.06, 0.1, -0.05]]
        n = len(chain)
        return Junction(chain, np.arange(layer), np.arange(n - layer, n), 2.7 * layer, 2.7 * layer)
