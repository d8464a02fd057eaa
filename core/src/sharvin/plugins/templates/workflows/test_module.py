"""part_name runs, resumes, and knows the conductance of a clean wire."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from sharvin.testing import WorkflowTests


class TestPartName(WorkflowTests):
    """Conformance of ``workflows/part_name``."""

    name = "part_name"
    options: ClassVar = {"batches": 2}
    config: ClassVar = {
        "hamiltonian": {"use": "square_lattice", "disorder": "II", "length": 4, "width": 3},
        "transport": {"use": "grid_transfer"},
    }

    def test_a_clean_wire_conducts_one_quantum_for_each_of_its_channels(self, study: dict[str, Any], tmp_path: Path) -> None:
        """At the band centre all three rows of a clean wire three sites wide are open."""
        clean = {**study["hamiltonian"], "concentration": 0.0}
        results = self.completed(study, tmp_path / "run", hamiltonian=clean)
        assert results["mean_G0"] == pytest.approx(3.0, abs=1e-6)
        assert results["std_G0"] == pytest.approx(0.0, abs=1e-6)
