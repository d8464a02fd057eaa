"""What ``thermal_transport`` tells its reader: numbers, sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms
from sharvin.context import Context
from sharvin.figures import clear_figures
from sharvin.options import Condition

from sharvin_studies.thermal_samples.means import SampleMean
from sharvin_studies.thermal_transport import figures
from sharvin_studies.thermal_transport.conductances import Conductances


@dataclass(frozen=True, eq=False)
class SeriesOutcome:
    """What is known of a series.

    Parameters
    ----------
    name : str
    condition : float or None
        Value of its condition.
    conductances : Conductances
    frozen_G0 : float
        Conductance of the structure at rest.
    single_G0 : float or None
        That of the one structure in place of all samples.
    """

    name: str
    condition: float | None
    conductances: Conductances
    frozen_G0: float
    single_G0: float | None

    @property
    def mean(self) -> SampleMean:
        """Mean over the samples."""
        return SampleMean.of(self.conductances.values)


def results(context: Context, atoms: Atoms, outcomes: Sequence[SeriesOutcome], condition: Condition | None) -> dict[str, Any]:
    """Numbers of the study, and the sentences and tables of its report."""
    series = {}
    for one in outcomes:
        name = "condition" if condition is None else f"{condition.name}_{condition.unit}".rstrip("_")
        series[one.name] = {
            name: one.condition,
            "conductance_G0": one.mean.numbers(),
            "frozen_G0": one.frozen_G0,
            "single_structure_G0": one.single_G0,
            "failed_samples": one.conductances.reasons,
        }
    return {
        "n_atoms": len(atoms),
        "n_samples": sum(one.mean.count for one in outcomes),
        "hamiltonian": context.config.selections["hamiltonian"].name,
        "potential": context.config.selections["potential"].name,
        "series": series,
        "summary": summary(outcomes),
        "tables": [table(outcomes, condition)],
    }


def summary(outcomes: Sequence[SeriesOutcome]) -> str:
    """The study in a few sentences."""
    said = []
    for one in outcomes:
        mean = one.mean
        sentence = (
            f"{one.name}: {mean.mean:.4f} ± {mean.standard_error:.4f} G0 from {mean.count} samples, {one.frozen_G0:.4f} at rest"
        )
        if one.single_G0 is not None:
            sentence += f", {one.single_G0:.4f} of the single structure"
        said.append(f"{sentence}.")
    failed = sum(len(one.conductances.reasons) for one in outcomes)
    if failed:
        said.append(f"{failed} samples have no conductance; results.json says why.")
    return " ".join(said)


def table(outcomes: Sequence[SeriesOutcome], condition: Condition | None) -> dict[str, Any]:
    """Means by series."""
    title = "condition" if condition is None else f"{condition.title} ({condition.unit})"
    rows = []
    for one in outcomes:
        mean = one.mean
        rows.append(
            [
                one.name,
                one.condition,
                mean.count,
                f"{mean.mean:.4f} ± {mean.standard_error:.4f}",
                f"{mean.std:.4f}",
                f"{one.frozen_G0:.4f}",
                None if one.single_G0 is None else f"{one.single_G0:.4f}",
            ]
        )
    return {
        "title": "Conductance",
        "columns": ["series", title, "samples", "mean (G0)", "spread (G0)", "at rest (G0)", "single structure (G0)"],
        "rows": rows,
        "caption": "Mean over the samples ± its standard error, and their standard deviation, beside the structure at rest. The "
        "single structure stands for all samples to second order in the displacements, the better the larger it is.",
    }


def draw(folder: Path, outcomes: Sequence[SeriesOutcome], condition: Condition | None) -> None:
    """All figures."""
    clear_figures(folder)
    figures.plot_means(folder, outcomes, condition)
    figures.plot_running_means(folder, outcomes)
    figures.plot_distributions(folder, outcomes)
