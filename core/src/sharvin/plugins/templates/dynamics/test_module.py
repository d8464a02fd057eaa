"""part_name gives reproducible trajectories with rigid electrodes."""

from typing import ClassVar

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from sharvin.testing import DynamicsTests


class EffectiveMedium:
    """Any potential will do."""

    def calculator(self) -> EMT:
        """Effective medium theory."""
        return EMT()


class TestPartName(DynamicsTests):
    """Conformance of ``dynamics/part_name``."""

    name = "part_name"
    options: ClassVar = {"steps": 20, "frame_every": 5}

    @pytest.fixture
    def atoms(self) -> Atoms:
        """A bar of gold whose outer layers are rigid."""
        bar = bulk("Au", a=4.08, cubic=True).repeat((1, 1, 4))
        layer = np.rint(bar.positions[:, 2] / 2.04).astype(int)
        bar.set_array("electrode", np.where(layer < 2, -1, np.where(layer > 5, 1, 0)).astype(np.int8))
        bar.set_array("rigid", bar.arrays["electrode"] != 0)
        return bar

    @pytest.fixture
    def potential(self) -> EffectiveMedium:
        """A potential without parameters."""
        return EffectiveMedium()
