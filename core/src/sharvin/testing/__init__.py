"""Conformance kit for authors of components: one pytest class per kind, to be subclassed in a plugin's own tests.

::

    from sharvin.testing import TransportSolverTests

    class TestMySolver(TransportSolverTests):
        name = "my_solver"
        options = {"eta_eV": 1e-9}
        tolerance = 1e-7

Each test is a statement of physics or of the kind's contract (:mod:`sharvin.protocols`); tolerances and sizes are class
attributes, and a test that does not apply can be overridden. The kit needs pytest.
"""

from __future__ import annotations

import pytest

_MODULES = (
    "component",
    "descriptors",
    "dynamics",
    "executors",
    "hamiltonians",
    "lattice",
    "potentials",
    "regressors",
    "stored",
    "structures",
    "transport",
    "workflows",
)
pytest.register_assert_rewrite(*(f"sharvin.testing.{name}" for name in _MODULES))  # before their import: readable failures

from sharvin.testing.component import ComponentTests  # noqa: E402
from sharvin.testing.descriptors import DescriptorTests  # noqa: E402
from sharvin.testing.dynamics import DynamicsTests  # noqa: E402
from sharvin.testing.executors import ExecutorTests  # noqa: E402
from sharvin.testing.hamiltonians import HamiltonianTests  # noqa: E402
from sharvin.testing.lattice import LatticeHamiltonianTests  # noqa: E402
from sharvin.testing.potentials import PotentialTests  # noqa: E402
from sharvin.testing.regressors import RegressorTests  # noqa: E402
from sharvin.testing.stored import StoredHamiltonianTests  # noqa: E402
from sharvin.testing.structures import StructureTests  # noqa: E402
from sharvin.testing.transport import TransportSolverTests  # noqa: E402
from sharvin.testing.workflows import WorkflowTests  # noqa: E402

__all__ = [
    "ComponentTests",
    "DescriptorTests",
    "DynamicsTests",
    "ExecutorTests",
    "HamiltonianTests",
    "LatticeHamiltonianTests",
    "PotentialTests",
    "RegressorTests",
    "StoredHamiltonianTests",
    "StructureTests",
    "TransportSolverTests",
    "WorkflowTests",
]
