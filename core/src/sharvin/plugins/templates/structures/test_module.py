"""part_name is a reproducible, marked structure."""

from sharvin.testing import StructureTests


class TestPartName(StructureTests):
    """Conformance of ``structures/part_name``."""

    name = "part_name"
