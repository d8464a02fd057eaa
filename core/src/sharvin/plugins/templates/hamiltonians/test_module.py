"""part_name is Hermitian, knows no directions, and gives bands that do not depend on the cell."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from sharvin import Junction
from sharvin.testing import HamiltonianTests


class TestPartName(HamiltonianTests):
    """Conformance of ``hamiltonians/part_name``."""

    name = "part_name"

    @pytest.fixture
    def crystal(self) -> Atoms:
        """Gold in its primitive cell."""
        return bulk("Au", a=4.08)

    @pytest.fixture
    def junction(self) -> Junction:
        """A bar of gold with displaced atoms in the middle; principal layers of two lattice constants."""
        bar = bulk("Au", a=4.08, cubic=True).repeat((1, 1, 6))
        z = bar.positions[:, 2] / 4.08
        left, right = np.flatnonzero(z < 1.9), np.flatnonzero(z > 3.9)
        middle = np.setdiff1d(np.arange(len(bar)), np.concatenate([left, right]))
        bar.positions[middle] += np.random.default_rng(1).normal(0, 0.1, (len(middle), 3))
        bar.pbc = (True, True, False)
        return Junction(bar, left, right, 2 * 4.08, 2 * 4.08)
