"""The key of a step changes with the code under development that it runs, and with nothing else."""

import importlib
import sys

import pytest
from sharvin.runs import source_code
from sharvin.runs.source_code import code_identity, importable_beside


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package under development: a part, a module that it imports, one that it does not, and a table."""
    root = tmp_path / "wire_models"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "part.py").write_text(
        "from typing import TYPE_CHECKING\nimport numpy\nfrom . import hopping\n"
        "if TYPE_CHECKING:\n    from wire_models import figures\n"
    )
    (root / "hopping.py").write_text("t = -1.0\n")
    (root / "figures.py").write_text("colour = 'red'\n")
    (root / "table.csv").write_text("Au,1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield root
    forget()


def forget():
    """A new process knows nothing of the files as they were."""
    for name in vars(source_code).values():
        if hasattr(name, "cache_clear"):
            name.cache_clear()
    importlib.invalidate_caches()


def identity(module="wire_models.part", **options):
    forget()
    return code_identity(module, **options)


def edited(path):
    path.write_text(path.read_text() + "\n# edited\n")


def test_an_edit_of_the_part_of_what_it_imports_and_of_its_tables_changes_the_key(package):
    keys = [identity()]
    for name in ("part.py", "hopping.py", "table.csv", "__init__.py"):
        edited(package / name)
        keys.append(identity())
    assert len({key["source"] for key in keys}) == 5


def test_what_the_part_does_not_run_leaves_the_key(package):
    before, without_data = identity(), identity(data_files=False)
    edited(package / "figures.py")
    assert identity() == before
    edited(package / "table.csv")
    assert identity(data_files=False) == without_data


def test_the_key_does_not_depend_on_where_the_package_lies(package, tmp_path_factory, monkeypatch):
    before = identity()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    package.rename(elsewhere / package.name)
    monkeypatch.syspath_prepend(elsewhere)
    assert identity() == before


def test_a_module_beside_the_config_counts_with_its_source_and_an_installed_one_with_its_version(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_calculator.py").write_text("import my_parameters\n")
    (tmp_path / "my_parameters.py").write_text("a = 1\n")
    importable_beside(tmp_path / "study.yaml")
    before = identity("my_calculator")
    edited(tmp_path / "my_parameters.py")
    assert "source" in before and identity("my_calculator") != before
    assert identity("ase.calculators.emt")["version"].startswith("ase ")
    assert identity("json.decoder") == {} and identity("no_such_module.at_all") == {}
    forget()


def test_code_that_is_no_python_does_not_end_the_run(package):
    (package / "hopping.py").write_text("def (:\n")
    assert "source" in identity()
