"""Workflow ``thermal_transport``: the conductance of a contact whose atoms vibrate.

Structure → vibrations about its rest → samples of displaced structures in several series → Hamiltonian and conductance of each →
means with standard errors, beside the structure at rest and, where asked for, one special structure in place of all samples.
Every component is chosen by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sharvin.config import Config, Selection
from sharvin.context import Context
from sharvin.errors import InputError, RunError
from sharvin.runs import seeds
from sharvin.runs.returned_values import built_atoms
from sharvin.study_plan import StudyPlan

from sharvin_studies.potential_study.labelling import PotentialSource
from sharvin_studies.thermal_samples.means import SampleMean
from sharvin_studies.thermal_samples.series import condition_of, drawn, vibrations
from sharvin_studies.thermal_transport import report as reporting
from sharvin_studies.thermal_transport.conductances import FermiRule, frozen, of_series
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
            If the structure has no two electrodes, or a part cannot be made or knows no vibrations.
        """
        return plan(config, self.options, measure)

    def run(self, context: Context) -> dict[str, Any]:
        """All steps; returns the content of ``results.json``."""
        options, config = self.options, context.config
        atoms = built_atoms(config.selections["structure"].build(), seeds.stream(config.seed, "structure"))
        potential = PotentialSource(config.selections["potential"])
        dynamics = {name: parts["dynamics"] for name, parts in config.variants["series"].items()}
        first = next(iter(dynamics.values()))
        rest = vibrations(context, atoms, {"the potential": potential}, first)["the potential"].rest
        rules = {name: fermi_rule(one, options.fermi_nodes) for name, one in dynamics.items()}
        samples = drawn(context, atoms, potential, dynamics)
        found = of_series(context, rest, samples, rules, "")
        at_rest = frozen(context, rest, rules)
        single = {}
        if options.single is not None:
            one_each = {name: parts["dynamics"] for name, parts in config.variants["estimates"].items()}
            special = drawn(context, atoms, potential, one_each, "single structures")
            single = of_series(context, rest, special, rules, "single structures")
        outcomes = []
        for name, one in found.items():
            condition = condition_of(dynamics[name])
            estimate = single.get(name)
            outcomes.append(
                SeriesOutcome(
                    name,
                    None if condition is None else condition[1],
                    one,
                    at_rest[name],
                    None if estimate is None else float(np.nanmean(estimate.values)),
                )
            )
        if not outcomes:
            raise RunError("no series has samples; see log.jsonl.")
        require_error(outcomes, options.largest_error_G0)
        condition = condition_of(first)
        reporting.draw(context.folder, outcomes, None if condition is None else condition[0])
        return reporting.results(context, atoms, outcomes, None if condition is None else condition[0])


def fermi_rule(dynamics: Selection, nodes: int) -> FermiRule:
    """Energies of a series: of its temperature, where its dynamics declares one in K as its first condition."""
    condition = condition_of(dynamics)
    if condition is None or condition[0].unit != "K":
        return FermiRule.of(0.0, 1)
    return FermiRule.of(condition[1], nodes)


def require_error(outcomes: list[SeriesOutcome], largest_G0: float | None) -> None:
    """Do nothing, or say how many samples a series needs for the error that was asked for.

    Raises
    ------
    InputError
    """
    if largest_G0 is None:
        return
    for one in outcomes:
        mean = SampleMean.of(one.conductances.values)
        if not mean.standard_error <= largest_G0:
            raise InputError(
                f"the series {one.name} has {mean.count} samples and a standard error of {mean.standard_error:.2g} G0, above "
                f"largest_error_G0 {largest_G0:g}; it needs about {mean.needed_for(largest_G0)} samples. Those that are there "
                "are kept."
            )
