"""The executors of the core keep their contract."""

import subprocess
import sys
from typing import ClassVar

from sharvin.testing import ExecutorTests


class TestSerial(ExecutorTests):
    name = "serial"
    isolates_workers = False


class TestProcesses(ExecutorTests):
    name = "processes"
    options: ClassVar = {"workers": 2}
    settings: ClassVar = [{"workers": 1}]


def test_a_script_that_starts_workers_as_it_is_imported_is_told_so(tmp_path):
    script = tmp_path / "study.py"
    script.write_text(
        "import sharvin\n"
        "with sharvin.create('executors', 'processes', workers=1) as pool:\n"
        "    print(list(pool.map(abs, [-1])))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "RunError" in done.stderr and "under `if __name__ == '__main__':`" in done.stderr
