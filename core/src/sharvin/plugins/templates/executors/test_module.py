"""part_name gives every item its outcome."""

from typing import ClassVar

from sharvin.testing import ExecutorTests


class TestPartName(ExecutorTests):
    """Conformance of ``executors/part_name``."""

    name = "part_name"
    settings: ClassVar = [{"workers": 1}, {"workers": 3}]
    isolates_workers = False
