"""The executors of the core keep their contract."""

from typing import ClassVar

from sharvin.testing import ExecutorTests


class TestSerial(ExecutorTests):
    name = "serial"
    isolates_workers = False


class TestProcesses(ExecutorTests):
    name = "processes"
    options: ClassVar = {"workers": 2}
    settings: ClassVar = [{"workers": 1}, {"workers": 3}]
