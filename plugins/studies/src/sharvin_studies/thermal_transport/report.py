"""What ``thermal_transport`` tells its reader: numbers, sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from sharvin.context import Context
from sharvin.figures import clear_figures
from sharvin.options import Condition

from sharvin_studies.thermal_samples.means import SampleMean, decimals, with_error
from sharvin_studies.thermal_samples.motion import Motion
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
    at_rest_G0 : float
        Conductance of the structure at rest.
    single_G0 : float or None
        That of the one structure in place of all samples; nan where it has none.
    motion : Motion
        How far atoms move.
    """

    name: str
    condition: float | None
    conductances: Conductances
    at_rest_G0: float
    single_G0: float | None
    motion: Motion

    @property
    def mean(self) -> SampleMean:
        """Mean over the samples."""
        return self.conductances.mean

    def like_mean(self, value: float | None) -> str | None:
        """A conductance with as many decimals as the mean has."""
        if value is None or np.isnan(value):
            return None
        return f"{value:.{decimals(self.mean.standard_error)}f}"


def results(context: Context, atoms: Atoms, outcomes: Sequence[SeriesOutcome], condition: Condition | None) -> dict[str, Any]:
    """Numbers of the study, and the sentences and tables of its report."""
    name = "condition" if condition is None else f"{condition.name}_{condition.unit}".rstrip("_")
    series = {
        one.name: {
            name: one.condition,
            "conductance_G0": one.mean.numbers(),
            "frozen_G0": one.at_rest_G0,
            "single_structure_G0": None if one.single_G0 is None or np.isnan(one.single_G0) else one.single_G0,
            "rms_displacement_A": one.motion.mean_A,
            "largest_rms_displacement_A": one.motion.largest_A,
            "failed_samples": one.conductances.reasons,
        }
        for one in outcomes
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
        number = "1 sample" if mean.count == 1 else f"{mean.count} samples"
        sentence = f"{one.name}: {with_error(mean.mean, mean.standard_error)} G0 from {number}"
        sentence += f", {one.like_mean(one.at_rest_G0)} at rest"
        if (single := one.like_mean(one.single_G0)) is not None:
            sentence += f", {single} of the single structure"
        said.append(f"{sentence}." if mean.count else f"{one.name}: no sample has a conductance.")
    said += [
        f"{one.name}: atom {one.motion.atom} moves by {one.motion.largest_A:.2g} Å (root mean square), "
        f"{one.motion.largest_A / one.motion.neighbour_A:.0%} of the distance to its neighbour: "
        "harmonic vibrations hardly describe that."
        for one in outcomes
        if one.motion.doubtful
    ]
    failed = sum(len(one.conductances.reasons) for one in outcomes)
    if failed:
        said.append(f"{failed} samples have no conductance; results.json says why.")
    return " ".join(said)


def table(outcomes: Sequence[SeriesOutcome], condition: Condition | None) -> dict[str, Any]:
    """Means by series."""
    columns = ["series", "samples", "mean (G0)", "standard deviation (G0)", "at rest (G0)", "single structure (G0)"]
    rows: list[list[Any]] = []
    for one in outcomes:
        mean = one.mean
        row = [
            one.name,
            mean.count,
            with_error(mean.mean, mean.standard_error),
            None if np.isnan(mean.std) else f"{mean.std:.{decimals(mean.std)}f}",
        ]
        rows.append([*row, one.like_mean(one.at_rest_G0), one.like_mean(one.single_G0), f"{one.motion.largest_A:.2f}"])
    columns.append("largest displacement (Å)")
    if condition is not None:
        columns.insert(1, f"{condition.title} ({condition.unit})")
        for row, one in zip(rows, outcomes, strict=True):
            row.insert(1, one.condition)
    return {
        "title": "Conductance",
        "columns": columns,
        "rows": rows,
        "caption": "Mean over the samples ± its standard error, and the standard deviation of the samples, beside the structure "
        "at rest. The single structure stands for all samples to second order in the displacements, the better the more atoms "
        "vibrate; where few do, products of two modes are left over. Largest displacement: root mean square of the atom that "
        "moves most.",
    }


def draw(folder: Path, outcomes: Sequence[SeriesOutcome], condition: Condition | None) -> None:
    """All figures."""
    clear_figures(folder)
    figures.plot_means(folder, outcomes, condition)
    figures.plot_running_means(folder, outcomes)
    figures.plot_distributions(folder, outcomes)
