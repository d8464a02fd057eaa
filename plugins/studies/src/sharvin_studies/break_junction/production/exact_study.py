"""A break-junction study without a regressor: what it found, and what it tells its reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sharvin.context import StepResult
from sharvin.figures import clear_figures
from sharvin.store import read_table

from sharvin_studies.break_junction import hamiltonian as teaching
from sharvin_studies.break_junction.completed_study import Spectrum
from sharvin_studies.break_junction.data import Labels, Pulls, only
from sharvin_studies.break_junction.figures import production as drawn
from sharvin_studies.break_junction.figures.transmission import plot_transmission_cases
from sharvin_studies.break_junction.production import production_report as told
from sharvin_studies.break_junction.production.produced_wires import ProducedWires
from sharvin_studies.break_junction.production.series_statistics import SeriesStatistics, series_statistics
from sharvin_studies.break_junction.production.wire_numbers import overlaps, overlaps_of_wires, wires
from sharvin_studies.break_junction.traces import exact_rows, write_pulls, write_rows
from sharvin_studies.statistics.histogram_comparison import OverlapMatrix


@dataclass(frozen=True)
class ExactStudy:
    """All that the steps of a study without a regressor gave.

    Parameters
    ----------
    produced : ProducedWires
        The production pulls with the traces of their labels.
    labels : Labels
        Of all unbroken snapshots of the production pulls.
    training : Pulls
        Where a Hamiltonian that learns took its references from; none where these are production pulls.
    spectra : sequence of Spectrum
    taught : StepResult or None
        What a Hamiltonian has learnt.
    """

    produced: ProducedWires
    labels: Labels
    training: Pulls
    spectra: Sequence[Spectrum]
    taught: StepResult | None


def exact_report(study: ExactStudy) -> dict[str, Any]:
    """Write ``traces.csv``, draw all figures and return the content of ``results.json``."""
    produced, folder = study.produced, study.produced.context.folder
    matrix, series = overlaps_of_wires(produced), series_statistics(produced)
    found = results(study, matrix, series)
    note = ""
    if study.taught is not None:
        evaluation, notes = read_table(only(study.taught) / "evaluation.h5")
        note = teaching.cost_in_accuracy(teaching.errors(evaluation, notes))
    write_rows(folder, exact_rows(produced))
    write_pulls(folder, study.training, produced.pulls)
    draw(study, matrix, series, note)
    if study.taught is not None:
        teaching.add_to_report(folder, found, evaluation, notes)
    return found


def results(study: ExactStudy, matrix: OverlapMatrix | None, series: Sequence[SeriesStatistics]) -> dict[str, Any]:
    """Numbers of the study, and the sentences and tables of its report."""
    produced, labels = study.produced, study.labels
    return {
        "exact_production": True,
        "n_traces": len(produced.traces),
        "n_labelled": len(labels.known),
        "wires": wires(produced),
        "series": [one.plain() for one in series],
        **({"overlap_of_histograms": overlaps(matrix)} if matrix is not None else {}),
        **told.results(produced),
        "label_cost": {
            "cpu_seconds_each": labels.cpu_seconds / max(len(labels.known), 1),
            "atoms": labels.atoms,
            "orbitals": labels.orbitals,
        },
        "summary": summary(study),
        "tables": [told.components(produced.context), told.series_table(series, produced), *told.tables(produced)],
    }


def summary(study: ExactStudy) -> str:
    """The study in a few sentences."""
    config = study.produced.context.config
    chosen = config.selections
    potentials = dict.fromkeys(parts["potential"].name for parts in config.variants["production_pulls"].values())
    dropped = len(study.labels.conductance_G0) - len(study.labels.known)
    sentences = [
        f"Exact production: every unbroken snapshot of the production pulls ({chosen['structure'].name}, "
        f"{' and '.join(potentials)}, {chosen['dynamics'].name}) was labelled with the zero-bias transmission at the Fermi "
        f"energy ({chosen['hamiltonian'].name}, {chosen['transport'].name}); nothing was fitted, so histograms, plateaus and "
        "traces carry no error of a model.",
        *([f"{dropped} snapshots could not be labelled and were left out."] if dropped else []),
        *told.sentences(study.produced),
    ]
    return " ".join(sentences)


def draw(study: ExactStudy, matrix: OverlapMatrix | None, series: Sequence[SeriesStatistics], note: str = "") -> None:
    """All figures that the study has something for, with their data; `note` ends the caption of the histogram."""
    produced = study.produced
    clear_figures(produced.context.folder)
    drawn.draw_histograms(produced, note=note)
    drawn.draw_series(produced, series)
    drawn.draw_neck_widths(produced)
    drawn.draw_compared_wires(produced, matrix)
    drawn.draw_conditions(produced)
    if study.spectra:
        cases = {one.name: (one.energy_eV, one.transmission) for one in study.spectra}
        plot_transmission_cases(produced.context.folder, cases=cases, snapshot=study.spectra[0].structure)
