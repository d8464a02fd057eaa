r"""Conductances of displaced structures.

In linear response

.. math:: G = G_0 \int T(E) \left(-\frac{\partial f}{\partial E}\right) dE = G_0 \int_0^1 T(E(u))\, du,
          \qquad E(u) = E_F + k_B T \ln\frac{1 - u}{u},

with the Fermi function as the variable u, in which a Gauss–Legendre rule of few nodes is accurate
wherever T(E) is smooth over a few kT.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.devices.transmission_series import series_at_k, transmission_series
from sharvin.errors import InputError
from sharvin.executors.threads import one_thread
from sharvin.junction import Junction
from sharvin.store import read_table, write_table

from sharvin_studies.potential_study.labelling import digest_of_atoms
from sharvin_studies.thermal_samples.series import Samples

Floats = NDArray[np.float64]
CHUNK = 16
"""Samples that are one item, a series of their own, so that results do not depend on the number of workers."""


@dataclass(frozen=True, eq=False)
class FermiRule:
    """Energies relative to the Fermi energy, float64[n] in eV, and their weights, of sum 1."""

    energies_eV: Floats
    weights: Floats

    @classmethod
    def of(cls, temperature: float, nodes: int) -> FermiRule:
        """The rule at a temperature in K; the Fermi energy alone at 0 K or with one node."""
        if nodes == 1 or temperature <= 0.0:
            return cls(np.zeros(1), np.ones(1))
        x, w = np.polynomial.legendre.leggauss(nodes)
        u = 0.5 * (x + 1.0)
        return cls(units.kB * temperature * np.log((1.0 - u) / u), 0.5 * w)


@dataclass(frozen=True, eq=False)
class ConductanceTask:
    """Some samples of a series, whose conductances a worker computes."""

    atoms: Atoms
    samples: Samples
    numbers: tuple[int, ...]
    rule: FermiRule
    hamiltonian: Selection
    transport: Selection


def conduct(task: ConductanceTask, path: Path) -> None:
    """Write the conductances of some samples, nan where there is none, with the reasons.

    Raises
    ------
    InputError
        If the structure has no two electrodes.
    """
    with one_thread():
        values, reasons = conductances(
            task.atoms, task.samples.structures(task.numbers), task.rule, task.hamiltonian, task.transport
        )
    write_table(path, {"conductance_G0": values}, {"reasons": reasons})


def conductances(
    atoms: Atoms, structures: list[Atoms], rule: FermiRule, hamiltonian: Selection, transport: Selection
) -> tuple[Floats, dict[str, str]]:
    """Conductances float64[n] in G0 of structures with the electrodes of `atoms`; reasons by number where they are nan."""
    part = hamiltonian.built()
    junction = Junction.detect(atoms, part.range_A(np.unique(atoms.numbers)))
    junctions = [junction.with_positions(moved) for moved in structures]
    found = list(transmission_series(transport.built(), series_at_k(part, junctions), rule.energies_eV))
    values = np.array([one.transmission @ rule.weights for one in found])
    return values, {str(number): one.reason for number, one in enumerate(found) if one.reason is not None}


@dataclass(frozen=True, eq=False)
class Conductances:
    """Conductances float64[n] in G0 of the samples of a series, nan where there is none, and the reasons why."""

    values: Floats
    reasons: list[str]


def of_series(
    context: Context, rest: Atoms, series: dict[str, Samples], rules: dict[str, FermiRule], detail: str
) -> dict[str, Conductances]:
    """Conductances of all samples of all series."""
    selections = context.config.selections
    tasks, depends, places = [], [], []
    for name, samples in series.items():
        count = len(samples)
        for start in range(0, count, CHUNK):
            numbers = tuple(range(start, min(start + CHUNK, count)))
            rule = rules[name]
            tasks.append(ConductanceTask(rest, samples, numbers, rule, selections["hamiltonian"], selections["transport"]))
            store = f"{samples.path.parent.name}/{samples.path.name}"
            depends.append({"samples": store, "numbers": numbers, "energies": rule.energies_eV.tolist(), "series": name})
            places.append((name, numbers))
    identity = context.identity("hamiltonian", "transport")
    result = context.map(
        "conductances",
        conduct,
        tasks,
        {**identity, "rest": digest_of_atoms(rest)},
        detail=detail,
        items_depend_on=depends,
    )
    found = {name: Conductances(np.full(len(samples), np.nan), []) for name, samples in series.items()}
    for (name, numbers), path in zip(places, result.paths, strict=True):
        if path is None:
            continue
        table, notes = read_table(path)
        found[name].values[list(numbers)] = table["conductance_G0"]
        found[name].reasons.extend(f"sample {numbers[int(k)]}: {reason}" for k, reason in notes["reasons"].items())
    return found


def frozen(context: Context, rest: Atoms, rules: dict[str, FermiRule]) -> dict[str, float]:
    """Conductance in G0 of the structure at rest under the condition of each series.

    Raises
    ------
    InputError
        If it has none.
    """
    selections = context.config.selections
    found = {}
    for name, rule in rules.items():
        with one_thread():
            values, reasons = conductances(rest, [rest], rule, selections["hamiltonian"], selections["transport"])
        if reasons:
            raise InputError(f"the structure at rest has no conductance: {reasons['0']}")
        found[name] = float(values[0])
    return found
