"""Properties of the trained potentials, their reference and others: one item for each potential and property."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context, Failure
from sharvin.errors import ItemError
from sharvin.executors.threads import one_thread
from sharvin.runs.digests import digest_of
from sharvin.store import read_json, write_json

from sharvin_studies.potential_study.labelling import PotentialSource
from sharvin_studies.potential_study.properties import Findings, Material, compute
from sharvin_studies.potential_study.trainings import Trained

Array = NDArray[np.float64]
WITHOUT_LATTICE = ("dimer", "chain")
"""Properties for which the crystal need not be known."""
_LATTICES: dict[str, tuple[float, float]] = {}


@dataclass(frozen=True)
class PropertyTask:
    """A property of an element by a potential."""

    source: PotentialSource
    element: str
    guess_A: float | None
    name: str


def measure(task: PropertyTask, path: Path) -> None:
    """Write values and curves of a property, or why there are none."""
    content: dict[str, Any]
    try:
        with one_thread():
            potential = task.source.build()
            material = Material(potential.calculator, task.element, task.guess_A)
            if task.name not in WITHOUT_LATTICE:
                material = replace(material, known_lattice=_lattice(task, material))
            found = compute(material, task.name)
        finite = np.isfinite(list(found.values.values())).all() and all(np.isfinite(c).all() for c in found.curves.values())
        if not finite:
            raise ItemError("its numbers are not finite.")
        content = {"values": found.values, "curves": {name: curve.tolist() for name, curve in found.curves.items()}}
    except ItemError as error:
        content = {"failed": str(error)}
    write_json(path, content)


def _lattice(task: PropertyTask, material: Material) -> tuple[float, float]:
    """Lattice constant and energy at rest, found once in a process for all properties of a potential."""
    key = digest_of({"part": task.source.selection.identity, "model": str(task.source.model), "element": task.element})
    key += f" {task.guess_A}"
    if key not in _LATTICES:
        _LATTICES[key] = material.lattice
    return _LATTICES[key]


@dataclass(frozen=True)
class Measured:
    """Properties by one potential.

    Parameters
    ----------
    values : dict of str to float
        All numbers by name.
    curves : dict of str to dict of str to float64[n]
        By property and name.
    failed : dict of str to str
        Reasons by property.
    """

    values: dict[str, float] = field(default_factory=dict)
    curves: dict[str, dict[str, Array]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, content: Mapping[str, Any]) -> None:
        """What the file of a property holds."""
        if "failed" in content:
            self.failed[name] = content["failed"]
            return
        found = Findings(content["values"], {curve: np.array(values) for curve, values in content["curves"].items()})
        self.values.update(found.values)
        self.curves[name] = found.curves


@dataclass(frozen=True)
class Asked:
    """A potential whose properties are wanted: what it is called, the potential, and what a trained one depends on."""

    label: str
    source: PotentialSource
    depends_on: Mapping[str, Any]

    @classmethod
    def of_model(cls, trained: Trained) -> Asked:
        """A trained potential."""
        return cls(trained.training.label, trained.source, {"fit": trained.training.key})

    @classmethod
    def of_part(cls, label: str, selection: Selection) -> Asked:
        """A potential that needs no training."""
        return cls(label, PotentialSource(selection), {"potential": selection.identity})


def measured(
    context: Context, asked: Sequence[Asked], names: Sequence[str], element: str, guess_A: float | None, detail: str = ""
) -> list[Measured]:
    """Properties by each potential; what a potential does not have is recorded and never ends the study."""
    tasks: dict[str, PropertyTask] = {}
    depends_on: dict[str, dict[str, Any]] = {}
    for one in asked:
        for name in names:
            key = f"{one.depends_on} {name}"
            tasks[key] = PropertyTask(one.source, element, guess_A, name)
            depends_on[key] = {**one.depends_on, "property": name, "element": element, "guess_A": guess_A}
    if not tasks:
        return [Measured() for _ in asked]
    result = context.map(
        "properties", measure, list(tasks.values()), {}, suffix=".json", detail=detail, items_depend_on=list(depends_on.values())
    )
    paths = dict(zip(tasks, result.paths, strict=True))
    items = {key: number for number, key in enumerate(tasks)}
    found = []
    for one in asked:
        known = Measured()
        for name in names:
            key = f"{one.depends_on} {name}"
            path = paths[key]
            known.add(name, {"failed": "its computation failed; see log.jsonl."} if path is None else read_json(path))
            if path is not None and name in known.failed:
                context.failures.append(Failure("properties", items[key], f"{one.label}: {name}: {known.failed[name]}"))
        found.append(known)
    return found
