"""Who may import whom, and what must stay light. The rules are those of docs/architecture.md."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "sharvin": ROOT / "core" / "src" / "sharvin",
    "sharvin_md": ROOT / "plugins" / "md" / "src" / "sharvin_md",
    "sharvin_descriptors": ROOT / "plugins" / "descriptors" / "src" / "sharvin_descriptors",
    "sharvin_transport": ROOT / "plugins" / "transport" / "src" / "sharvin_transport",
    "sharvin_models": ROOT / "plugins" / "models" / "src" / "sharvin_models",
}
PLUGINS = [name for name in PACKAGES if name != "sharvin"]
HEAVY = ("torch", "lammps", "sisl", "kwant", "gpaw", "numba", "matplotlib", "mpi4py", "e3nn", "h5py", "pandas", "ase", "scipy")
HEAVY += ("vesin",)

BROAD_EXCEPT = {
    "sharvin/import_fence.py": "the plugin boundary: admission",
    "sharvin/registry.py": "the plugin boundary: imports of what a plugin names",
    "sharvin/part_checks.py": "the plugin boundary: imports of what a plugin names",
    "sharvin/context.py": "the plugin boundary: watchers",
    "sharvin/testing/regressors.py": "the plugin boundary: a part under test",
    "sharvin/testing/transport.py": "the plugin boundary: a part under test",
    "sharvin/workflows/break_junction_plan.py": "the plugin boundary: what a study tries before it starts",
    "sharvin/executors/serial.py": "the worker boundary",
    "sharvin/executors/processes.py": "the worker boundary",
    "sharvin/structure_files.py": "the readers of user files: ASE's may raise anything",
    "sharvin_transport/external/siesta.py": "the readers of user files: sisl's may raise anything",
    "sharvin_md/from_file.py": "the readers of user files: ASE's may raise anything",
    "sharvin/lammps.py": "LAMMPS swallows what a callback raises; it is raised again after the run",
}
LIGHT = {
    "plugin.py": {"__future__", "sharvin"},
    "configs.py": {
        "__future__",
        "json",
        "math",
        "pathlib",
        "pydantic",
        "re",
        "sharvin",
        "typing",
        "collections",
        "annotated_types",
    },
}


def modules(package):
    return [path for path in sorted(PACKAGES[package].rglob("*.py")) if "plugin-templates" not in path.parts]


def imported(path):
    """Full names of the modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def named_targets(path):
    """Packages named in ``"package.module:Name"`` strings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[\w.]+:\w+", node.value):
            yield node.value.split(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_plugins_import_the_core_and_never_each_other(package):
    forbidden = set(PLUGINS) - {package}
    for path in modules(package):
        found = {name.split(".")[0] for name in imported(path)}
        assert not found & forbidden, path


@pytest.mark.parametrize("package", PACKAGES)
def test_a_plugin_announces_its_own_parts_only(package):
    assert set(named_targets(PACKAGES[package] / "plugin.py")) == {package}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_listing_reads_is_light(package):
    for path in modules(package):
        if path.name in LIGHT:
            found = {name.split(".")[0] for name in imported(path)} - {package}
            assert found <= LIGHT[path.name] | {"sharvin"}, path


def test_folders_of_transport_import_nothing_themselves():
    """Reading a part's options imports the folder that they stand in."""
    for path in modules("sharvin_transport"):
        if path.name == "__init__.py":
            assert list(imported(path)) == [], path


def test_no_folder_of_transport_holds_more_than_twenty_modules():
    folders = {path.parent for path in modules("sharvin_transport")}
    assert all(len(list(folder.glob("*.py"))) <= 21 for folder in folders)  # and __init__.py


@pytest.mark.parametrize("package", PACKAGES)
def test_broad_excepts_are_at_the_boundaries_only(package):
    for path in modules(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ExceptHandler):
                continue
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {getattr(kind, "id", "everything") for kind in kinds if kind is None or isinstance(kind, ast.Name)}
            if not names & {"Exception", "BaseException", "everything"}:
                continue
            raised_again = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node))
            assert raised_again or f"{package}/{path.relative_to(PACKAGES[package])}" in BROAD_EXCEPT, f"{path}:{node.lineno}"


def test_file_names_say_what_they_hold():
    for package in PACKAGES:
        for path in modules(package):
            assert not re.fullmatch(r"(utils?|helpers?|common|misc|manager)\.py", path.name), path


EXAMPLE = str(ROOT / "examples" / "gold_break_junction.yaml")
COMMANDS = {
    "import": "import sharvin, sharvin.hooks, sharvin.component",
    "list": "from sharvin.cli import cli; cli(['plugins', 'list'], standalone_mode=False)",
    "show": "from sharvin.cli import cli; cli(['plugins', 'show', 'soap'], standalone_mode=False)",
    "help": "from sharvin.cli import cli; cli(['--help'], standalone_mode=False)",
    "config": f"from pathlib import Path; from sharvin.config import load_config; load_config(Path({EXAMPLE!r}))",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_listing_and_reading_a_config_import_nothing_that_computes(command):
    program = f"import json, sys; {COMMANDS[command]}; print('MODULES', json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.rpartition("MODULES ")[2]) == []
