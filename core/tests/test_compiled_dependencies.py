"""Compiled code that numba keeps on disk follows changes of other modules of the same package."""

import subprocess
import sys

INNER = "from sharvin.runs.compiled import njit\n\n@njit()\ndef inner(x):\n    return x + {}\n"
OUTER = "from sharvin.runs.compiled import njit\nfrom kept.inner import inner\n\n@njit()\ndef outer(x):\n    return inner(x)\n"


def test_a_function_is_compiled_anew_when_one_that_it_calls_has_changed(tmp_path):
    package = tmp_path / "kept"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "outer.py").write_text(OUTER)
    found = []
    for number in (1, 1, 2):
        (package / "inner.py").write_text(INNER.format(number))
        command = "from kept.outer import outer; print(outer(1), sum(outer.stats.cache_hits.values()))"
        environment = {"PATH": "", "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True)
        found.append(tuple(map(int, done.stdout.split())))
    assert found == [(2, 0), (2, 1), (3, 0)]
