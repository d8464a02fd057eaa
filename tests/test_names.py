"""One meaning per name: units at the end of options, and no two classes of one name."""

import ast
import re
from collections import defaultdict

from sharvin import hooks
from sharvin.registry import registry
from test_architecture import folders

UNITS = {"Å": "A", "eV": "eV", "K": "K", "fs": "fs", "ps": "ps", "G0": "G0", "m/s": "m_per_s"}
GIVEN = {"rc", "delr", "r_s", "eta", "fmax", "relax_fmax"}
"""Names and symbols of LAMMPS's MEAM, of symmetry functions and of ASE."""
OWN_UNIT = {"hopping", "impurity_energy", "strength"}
"""Of the square lattice, whose published energies are in units of t."""


def test_an_option_that_is_a_quantity_names_its_unit():
    wrong = []
    found = registry()
    for kind in hooks.KINDS:
        for name in found.parts[kind]:
            model = found.options_model(found.find(kind, name))
            for option, field in model.model_fields.items():
                said = re.search(r"\bin (Å|eV|K|fs|ps|G0|m/s)(?=[\s.,;:]|$)", field.description or "")
                if "float" not in str(field.annotation) or not said or option in GIVEN | OWN_UNIT:
                    continue
                if not option.endswith(f"_{UNITS[said[1]]}"):
                    wrong.append(f"{kind} {name}: {option} is {said[0]}")
    assert not wrong


def test_no_two_classes_have_one_name():
    defined = defaultdict(list)
    for paths in folders().values():
        for path in paths:
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    defined[node.name].append(path.name)
    assert {name: paths for name, paths in defined.items() if len(paths) > 1} == {}
