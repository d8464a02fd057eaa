"""Workflow ``thermal_transport``: the conductance of a contact whose atoms vibrate.

Structure → vibrations about its rest → samples of displaced structures in several series → Hamiltonian and conductance of each →
means with standard errors, beside the structure at rest and, where asked for, one special structure in place of all samples.
Every component is chosen by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ase import Atoms
from sharvin.config import Config, Selection
from sharvin.context import Context
from sharvin.errors import InputError, RunError
from sharvin.options import Condition
from sharvin.runs import seeds
from sharvin.runs.returned_values import built_atoms
from sharvin.study_plan import StudyPlan

from sharvin_studies.potential_study.labelling import PotentialSource
from sharvin_studies.thermal_samples.motion import Motion
from sharvin_studies.thermal_samples.series import condition_of, drawn, groups_at_rest, vibrations
from sharvin_studies.thermal_transport import report as reporting
from sharvin_studies.thermal_transport.conductances import Conductances, FermiRule, at_rest, of_series
from sharvin_studies.thermal_transport.configs import ThermalTransportOptions
from sharvin_studies.thermal_transport.plan import plan
from sharvin_studies.thermal_transport.report import SeriesOutcome


class ThermalTransport:
    """A study of thermal disorder in transport.

    See :class:`sharvin_studies.thermal_transport.configs.ThermalTransportOptions` for its options.
    """

    def __init__(self, options: ThermalTransportOptions) -> None:
        self.options = options

    def plan(self, config: Config, measure: bool) -> StudyPlan:
        """What a run would do. See :class:`sharvin.protocols.PlanningWorkflow`.

        Raises
        ------
        ConfigError
            If the structure has no two electrodes, its leads vibrate, or a part cannot be made or knows no vibrations.
        """
        return plan(config, self.options, measure)

    def run(self, context: Context) -> dict[str, Any]:
        """All steps; returns the content of ``results.json``."""
        options, config = self.options, context.config
        atoms = built_atoms(config.selections["structure"].build(), seeds.stream(config.seed, "structure"))
        potential = PotentialSource(config.selections["potential"])
        dynamics = {name: parts["dynamics"] for name, parts in config.variants["series"].items()}
        rest = structures_at_rest(context, atoms, potential, dynamics)
        rules = {name: fermi_rule(one, options.fermi_nodes) for name, one in dynamics.items()}
        still = at_rest(context, rest, rules)
        samples = drawn(context, atoms, potential, dynamics)
        found = of_series(context, rest, samples, rules)
        single: dict[str, Conductances] = {}
        if options.single is not None:
            one_each = {name: parts["dynamics"] for name, parts in config.variants["estimates"].items()}
            special = drawn(context, atoms, potential, one_each, "single structures")
            single = of_series(context, rest, special, rules, "single structures")
        outcomes = [
            SeriesOutcome(
                name,
                value_of(condition_of(dynamics[name])),
                one,
                still[name],
                single[name].mean.mean if name in single else None,
                Motion.of(rest[name], samples[name].positions_A()),
            )
            for name, one in found.items()
        ]
        if not any(one.mean.count for one in outcomes):
            raise RunError("no sample has a conductance; log.jsonl says why.")
        require_error(outcomes, options.largest_error_G0)
        condition = condition_of(next(iter(dynamics.values())))
        reporting.draw(context.folder, outcomes, None if condition is None else condition[0])
        return reporting.results(context, atoms, outcomes, None if condition is None else condition[0])


def structures_at_rest(
    context: Context, atoms: Atoms, potential: PotentialSource, dynamics: dict[str, Selection]
) -> dict[str, Atoms]:
    """The structure at rest of each series; series that differ in their conditions alone share it."""
    groups = groups_at_rest(dynamics)
    found = {
        name: vibrations(context, atoms, {"the potential": potential}, dynamics[name])["the potential"].rest
        for name in dict.fromkeys(groups.values())
    }
    return {name: found[first] for name, first in groups.items()}


def value_of(condition: tuple[Condition, float] | None) -> float | None:
    """The value of a condition, if there is one."""
    return None if condition is None else condition[1]


def fermi_rule(dynamics: Selection, nodes: int) -> FermiRule:
    """Energies of a series: of its temperature, where its dynamics declares one in K as its first condition."""
    condition = condition_of(dynamics)
    if condition is None or condition[0].unit != "K":
        return FermiRule.of(0.0, 1)
    return FermiRule.of(condition[1], nodes)


def require_error(outcomes: Sequence[SeriesOutcome], largest_G0: float | None) -> None:
    """Do nothing, or say how many samples the series need for the error that was asked for.

    Raises
    ------
    InputError
    """
    if largest_G0 is None:
        return
    lacking = []
    for one in outcomes:
        mean = one.mean
        needed = mean.needed_for(largest_G0)
        if needed is None:
            lacking.append(f"{one.name} has {mean.count} samples, too few to know its error")
        elif not mean.standard_error <= largest_G0:
            lacking.append(
                f"{one.name} has {mean.count} samples and a standard error of {mean.standard_error:.2g} G0, and needs about "
                f"{max(needed, mean.count + 1)} samples"
            )
    if lacking:
        raise InputError(
            f"the standard error is above largest_error_G0 {largest_G0:g}: {'; '.join(lacking)}. Those that are there are kept."
        )
