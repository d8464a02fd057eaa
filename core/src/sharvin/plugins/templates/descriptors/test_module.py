"""part_name is invariant and fades in at its cutoff."""

from sharvin.testing import DescriptorTests


class TestPartName(DescriptorTests):
    """Conformance of ``descriptors/part_name``."""

    name = "part_name"
    cutoff_A = 6.0
