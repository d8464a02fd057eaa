"""The form of a part's record, as far as it shows without importing anything: names, targets, what it takes and gives."""

from __future__ import annotations

import re

from sharvin.component import Command, Component
from sharvin.words.suggestions import did_you_mean

SAMPLE_KINDS = ("per_atom", "per_structure", "image", "graph")
SYSTEM_TYPES = ("two_terminal", "grid_wire")
TAKEN_OR_GIVEN = {
    "descriptors": SAMPLE_KINDS,
    "regressors": SAMPLE_KINDS,
    "hamiltonians": (*SYSTEM_TYPES, "file"),
    "transport": SYSTEM_TYPES,
}
"""Sample kinds or system types by kind of part; parts of other kinds take and give none."""

_NAME = r"[^\W\d]\w*"
_MODULE = rf"{_NAME}(\.{_NAME})*"


def form_problems(kind: str, record: Component) -> list[str]:
    """What is wrong with a record by its form alone, so that no config could use the part.

    Parameters
    ----------
    kind : str
        Kind of the part, one of :data:`sharvin.hooks.KINDS`.
    record : Component

    Returns
    -------
    list of str
        One sentence each, without the name of the part.
    """
    problems = []
    if not re.fullmatch(r"[a-z][a-z0-9_]*", record.name):
        problems.append(f"the name {record.name!r} is not lower_snake_case")
    for what, target in (("target", record.target), ("config", record.config)):
        if not re.fullmatch(rf"{_MODULE}:{_NAME}", target):
            problems.append(f"{what} {target!r} is not of the form 'package.module:Name'")
    problems += [
        f"needs {name!r}, which is no import name of a package" for name in record.needs if not re.fullmatch(_MODULE, name)
    ]
    known = TAKEN_OR_GIVEN.get(kind, ())
    for verb, names in (("takes", record.takes), ("gives", filter(None, [record.gives]))):
        for name in names:
            if name not in known:
                offered = f"known are {', '.join(known)}" if known else "leave it out"
                problems.append(f"{verb} {name!r}, which no {kind} {verb[:-1]}{did_you_mean(name, known)}; {offered}")
    return problems


def command_form_problems(record: Command) -> list[str]:
    """What is wrong with the record of a command by its form alone, one sentence each."""
    problems = []
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", record.name):
        problems.append(f"the name {record.name!r} is not lower-case letters, digits and single hyphens")
    if not re.fullmatch(rf"{_MODULE}:{_NAME}", record.target):
        problems.append(f"target {record.target!r} is not of the form 'package.module:name'")
    if not record.summary.strip() or "\n" in record.summary:
        problems.append("the summary is not one line of text")
    return problems


def entry_point_problem(name: str, value: str) -> str:
    """What is wrong with the form of an entry point; empty if it can be imported by its form."""
    if re.fullmatch(rf"\s*{_MODULE}\s*(:\s*{_MODULE}\s*)?(\[.*\]\s*)?", value):
        return ""
    return f"the entry point '{name} = {value}' is not of the form module or module:attr"
