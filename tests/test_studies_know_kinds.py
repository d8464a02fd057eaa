"""A study names kinds of part and what parts declare; it names no part, and no option of a part.

Looked for are names of several words (``slater_koster``, ``charge_neutrality``), which mean nothing else, in every text of the
studies' modules, docstrings among them.
"""

import ast
import importlib
import re
from pathlib import Path

import pytest
from sharvin.registry import Registry

OF_RESULTS = {
    "k_points": "number of k-points of a spectrum, in results.json",
    "reach_A": "the longest pair of blocks of a Hamiltonian, a type of the core",
    "eta_eV": "imaginary part of the energies of Green's functions, an argument of the studies' bands",
    "at_rest": "the cone of a crystal at rest, an attribute of the studies' bands",
}
"""Names in the studies' results, in their bands and in the core's types that some part's option has, too."""


@pytest.fixture(scope="module")
def parts():
    """Names of several words of parts other than workflows and of their options; those of the workflows' own options aside."""
    registry = Registry(disabled=())
    found, own = set(), set()
    for kind, offered in registry.parts.items():
        for name, part in offered.items():
            fields = registry.options_model(part).model_fields
            if kind == "workflows":
                own |= {name, *fields}
            else:
                found |= {name, *fields}
    return {name for name in found - own if "_" in name} - OF_RESULTS.keys()


def studies():
    """Modules of the folders from which workflows come."""
    offered = Registry(disabled=()).parts["workflows"].values()
    modules = {part.component.target.partition(":")[0] for part in offered if part.distribution.startswith("sharvin")}
    folders = {Path(importlib.import_module(module).__file__).parent for module in modules}
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def named(source):
    """Words in the texts of a module, and names of attributes and arguments, each with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((word, node.lineno) for word in re.findall(r"\w+", node.value))
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg, node.value.lineno


def test_no_study_names_a_part_or_an_option_of_one(parts):
    assert {"charge_neutrality", "speed_m_per_s", "temperature_K", "slater_koster", "fc_maxpool"} <= parts
    modules = studies()
    assert any(path.name.startswith("break_junction") or path.parent.name == "break_junction" for path in modules)
    known = [
        f"{path.name}:{line}: {word}"
        for path in modules
        for word, line in named(path.read_text(encoding="utf-8"))
        if word in parts
    ]
    assert not known


@pytest.mark.parametrize(
    "line", ['x = "choose charge_neutrality: local"', "x = part.options.speed_m_per_s", "f(temperature_K=3)"]
)
def test_such_a_name_would_be_found(parts, line):
    assert any(word in parts for word, _ in named(line))
