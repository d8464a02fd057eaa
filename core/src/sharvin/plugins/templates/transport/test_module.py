"""part_name agrees with the closed forms."""

from sharvin.testing import TransportSolverTests


class TestPartName(TransportSolverTests):
    """Conformance of ``transport/part_name``."""

    name = "part_name"
    tolerance = 1e-6
