"""part_name gives forces that are derivatives of its energy."""

from sharvin.testing import PotentialTests


class TestPartName(PotentialTests):
    """Conformance of ``potentials/part_name``."""

    name = "part_name"
    cutoff_A = 2.7 * 2.9
