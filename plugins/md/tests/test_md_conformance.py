"""Every part of sharvin-md keeps the contract of its kind."""

from typing import ClassVar

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from sharvin import create
from sharvin.testing import DynamicsTests, PotentialTests, StructureTests

WIRE = {"element": "Au", "lattice_constant_A": 4.08, "neck": [1, 1, 3], "electrode": [2, 2, 3]}


class TestNanowire(StructureTests):
    name = "nanowire"
    options: ClassVar = WIRE


class TestNanowireByName(StructureTests):
    name = "nanowire"
    options: ClassVar = {"name": "22-4-33"}


class TestFromFile(StructureTests):
    name = "from_file"

    @pytest.fixture
    def component_options(self, tmp_path):
        wire = create("structures", "nanowire", **WIRE).build(np.random.default_rng(1))
        for mark in ("electrode", "rigid"):
            del wire.arrays[mark]
        write(tmp_path / "wire.xyz", wire, format="extxyz")
        return {"path": str(tmp_path / "wire.xyz"), "electrode_layers": 3, "rigid_layers": 2}


class TestSetFromFile(StructureTests):
    name = "set_from_file"
    two_electrodes = False
    min_distance_A = 1.0

    @pytest.fixture
    def component_options(self, tmp_path):
        dimers = [Atoms("C2", positions=[[0, 0, 0], [0, 0, bond]], info={"group": "dimer"}) for bond in (1.2, 1.3, 1.5)]
        write(tmp_path / "dimers.extxyz", dimers, format="extxyz")
        return {"path": str(tmp_path / "dimers.extxyz")}


class TestEam(PotentialTests):
    name = "eam"
    options: ClassVar = {"file": "Au_u3.eam"}
    cutoff_A = 5.55


class TestMeam(PotentialTests):
    name = "meam"
    options: ClassVar = {"species": ["K"]}
    symbol = "K"
    crystal_structure = "bcc"
    lattice_constant_A = 5.344
    cutoff_A = 10.0


class TestSecondMoment(PotentialTests):
    name = "second_moment"
    symbol = "K"
    crystal_structure = "bcc"
    lattice_constant_A = 5.23
    cutoff_A = 11.695


class TestAse(PotentialTests):
    name = "ase"
    options: ClassVar = {"calculator": "ase.calculators.emt.EMT"}


class GoldDynamics(DynamicsTests):
    @pytest.fixture
    def atoms(self):
        return create("structures", "nanowire", **WIRE).build(np.random.default_rng(1))

    @pytest.fixture
    def potential(self):
        return create("potentials", "eam", file="Au_u3.eam")


class TestLammpsPull(GoldDynamics):
    name = "lammps_pull"
    options: ClassVar = {
        "speed_m_per_s": 500,
        "equilibration_ps": 0.05,
        "snapshot_every_A": 1.0,
        "max_elongation_A": 8.0,
        "relax_fmax": 0.5,
    }
    elongation_A_per_ps = 5.0


class TestLammpsNvt(GoldDynamics):
    name = "lammps_nvt"
    options: ClassVar = {"equilibration_ps": 0.02, "duration_ps": 0.2, "snapshot_every_ps": 0.05}


class TestLammpsRelax(GoldDynamics):
    name = "lammps_relax"
    options: ClassVar = {"fmax": 0.05}
    seed_matters = False
