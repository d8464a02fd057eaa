r"""Conductances of displaced structures.

In linear response

.. math:: G = G_0 \int T(E) \left(-\frac{\partial f}{\partial E}\right) dE = G_0 \int_0^1 T(E(u))\, du,
          \qquad E(u) = E_F + k_B T \ln\frac{1 - u}{u},

with the Fermi function as the variable u. With u = v²(3 − 2v), which takes the logarithm's ends out, a Gauss–Legendre rule in v
of few nodes is accurate wherever T(E) is smooth over about kT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.devices.transmission_series import series_at_k, transmission_series
from sharvin.errors import InputError, RunError
from sharvin.executors.threads import one_thread
from sharvin.junction import Junction
from sharvin.runs.digests import digest_of_array
from sharvin.store import read_table, write_table

from sharvin_studies.potential_study.labelling import digest_of_atoms
from sharvin_studies.thermal_samples.means import SampleMean
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
        v = 0.5 * (x + 1.0)
        u = v**2 * (3.0 - 2.0 * v)
        weights = 3.0 * w * v * (1.0 - v)
        return cls(units.kB * temperature * np.log((1.0 - u) / u), weights / weights.sum())


@dataclass(frozen=True, eq=False)
class ConductanceTask:
    """Some samples of a series, or the structure at rest, whose conductances a worker computes."""

    rest: Atoms
    samples: Samples | None
    numbers: tuple[int, ...]
    rule: FermiRule
    hamiltonian: Selection
    transport: Selection

    def structures(self) -> list[Atoms]:
        """They."""
        return [self.rest] if self.samples is None else self.samples.structures(self.numbers)


def conduct(task: ConductanceTask, path: Path) -> None:
    """Write the conductances of some samples, nan where there is none, with the reasons.

    Raises
    ------
    InputError
        If the structure has no two electrodes.
    """
    with one_thread():
        values, reasons = conductances(task.rest, task.structures(), task.rule, task.hamiltonian, task.transport)
    write_table(path, {"conductance_G0": values}, {"reasons": reasons})


def between_leads_at_rest(atoms: Atoms, range_A: float) -> Junction:
    """The junction of a structure, whose leads do not vibrate.

    Raises
    ------
    InputError
        If it has no two electrodes, or atoms of their outermost principal layers are not rigid.
    """
    junction = Junction.detect(atoms, range_A)
    rigid = np.asarray(atoms.arrays.get("rigid", np.zeros(len(atoms))), dtype=bool)
    ends = np.concatenate([junction.left, junction.right])
    if not rigid[ends].all():
        raise InputError(
            f"{int((~rigid[ends]).sum())} of {len(ends)} atoms of the leads vibrate: the outermost "
            f"{junction.left_period_A:.1f} and {junction.right_period_A:.1f} Å are repeated as leads and must be rigid; mark "
            "more layers as rigid."
        )
    return junction


def conductances(
    atoms: Atoms, structures: list[Atoms], rule: FermiRule, hamiltonian: Selection, transport: Selection
) -> tuple[Floats, dict[str, str]]:
    """Conductances float64[n] in G0 of structures with the electrodes of `atoms`; reasons by number where they are nan."""
    part = hamiltonian.built()
    junction = between_leads_at_rest(atoms, part.range_A(np.unique(atoms.numbers)))
    junctions = [junction.with_positions(moved) for moved in structures]
    found = list(transmission_series(transport.built(), series_at_k(part, junctions), rule.energies_eV))
    values = np.array([one.transmission @ rule.weights for one in found])
    return values, {str(number): one.reason for number, one in enumerate(found) if one.reason is not None}


@dataclass(frozen=True, eq=False)
class Conductances:
    """Conductances of the samples of a series.

    Parameters
    ----------
    values : float64[n]
        In G0; nan where there is none.
    draws : float64[n]
        Number of the random draw of each sample.
    reasons : list of str
        Why there is none.
    """

    values: Floats
    draws: Floats
    reasons: list[str]

    @property
    def mean(self) -> SampleMean:
        """Mean over the samples."""
        return SampleMean.of(self.values, self.draws)


def of_series(
    context: Context, rest: dict[str, Atoms], series: dict[str, Samples], rules: dict[str, FermiRule], detail: str = ""
) -> dict[str, Conductances]:
    """Conductances of all samples of all series, which vibrate about the structures at rest `rest`.

    They are stored by the positions of the samples: a series that gets longer keeps those that it has.
    """
    tasks, depends, places = [], [], []
    found = {}
    for name, samples in series.items():
        positions = samples.positions_A()
        found[name] = Conductances(np.full(len(positions), np.nan), samples.draws(), [])
        for start in range(0, len(positions), CHUNK):
            numbers = tuple(range(start, min(start + CHUNK, len(positions))))
            tasks.append(_task(context, rest[name], samples, numbers, rules[name]))
            depends.append(_depends(name, rest[name], digest_of_array(positions[list(numbers)]), rules[name]))
            places.append((name, numbers))
    for (name, numbers), path in zip(places, _mapped(context, tasks, depends, detail), strict=True):
        if path is None:
            continue
        table, notes = read_table(path)
        found[name].values[list(numbers)] = table["conductance_G0"]
        found[name].reasons.extend(f"sample {numbers[int(k)]}: {reason}" for k, reason in notes["reasons"].items())
    return found


def at_rest(context: Context, rest: dict[str, Atoms], rules: dict[str, FermiRule]) -> dict[str, float]:
    """Conductance in G0 of the structure at rest under the condition of each series.

    Raises
    ------
    InputError
        If it has none.
    """
    tasks = [_task(context, rest[name], None, (0,), rule) for name, rule in rules.items()]
    depends = [_depends(name, rest[name], None, rule) for name, rule in rules.items()]
    found = {}
    for name, path in zip(rules, _mapped(context, tasks, depends, "at rest"), strict=True):
        if path is None:
            raise RunError("the conductance of the structure at rest could not be computed; see log.jsonl.")
        table, notes = read_table(path)
        if notes["reasons"]:
            raise InputError(f"the structure at rest has no conductance: {notes['reasons']['0']}")
        found[name] = float(table["conductance_G0"][0])
    return found


def _task(context: Context, rest: Atoms, samples: Samples | None, numbers: tuple[int, ...], rule: FermiRule) -> ConductanceTask:
    selections = context.config.selections
    return ConductanceTask(rest, samples, numbers, rule, selections["hamiltonian"], selections["transport"])


def _depends(name: str, rest: Atoms, positions: str | None, rule: FermiRule) -> dict[str, Any]:
    return {"series": name, "rest": digest_of_atoms(rest), "positions": positions, "energies": rule.energies_eV.tolist()}


def _mapped(context: Context, tasks: list[ConductanceTask], depends: list[dict[str, Any]], detail: str) -> Sequence[Path | None]:
    identity = context.identity("hamiltonian", "transport")
    return context.map("conductances", conduct, tasks, identity, detail=detail, items_depend_on=depends).paths
