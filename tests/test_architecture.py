"""The table of folders in docs/architecture.md is true, and no folder and no module outgrows its limit."""

import re

import pytest
from test_dependency_rules import PACKAGES, ROOT, modules

LARGEST_MODULE, MODULES_PER_FOLDER = 400, 20
TABLE = re.compile(r"^\| `([\w/]+)/` \| (\d+) \| (\d+) \|", re.MULTILINE)


def folders():
    """Modules by folder, named as in the table: ``sharvin/electrodes``."""
    found = {}
    for package, root in PACKAGES.items():
        for path in modules(package):
            name = "/".join([package, *path.parent.relative_to(root).parts])
            found.setdefault(name, []).append(path)
    return found


def lines(paths):
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def test_the_table_of_folders_is_true():
    told = {
        name: (int(count), int(total)) for name, count, total in TABLE.findall((ROOT / "docs" / "architecture.md").read_text())
    }
    found = folders()
    assert set(told) == set(found)
    for name, (count, total) in told.items():
        assert count == len(found[name]), name
        assert total == pytest.approx(lines(found[name]), rel=0.1, abs=30), name


def test_folders_and_modules_stay_small():
    for name, paths in folders().items():
        assert len(paths) <= MODULES_PER_FOLDER, name
        for path in paths:
            assert lines([path]) <= LARGEST_MODULE, path
