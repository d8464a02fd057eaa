"""``traces.csv``: conductance against elongation of every labelled and predicted snapshot; ``pulls.json``: where the frames lie.

One row per snapshot, pull by pull, so that any program can draw the traces or histograms anew. Cells are empty where there is no
value: no exact conductance of a production snapshot outside the check set, no standard deviation from a model that states none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sharvin.runs.atomic import atomically
from sharvin.store import read_observables, write_json

from sharvin_studies.break_junction.completed_study import PARTS, CompletedStudy
from sharvin_studies.break_junction.configs import OWN
from sharvin_studies.break_junction.data import Pulls
from sharvin_studies.break_junction.production.produced_wires import ProducedWires

COLUMNS = (
    "pulls",
    "series",
    "pull",
    "snapshot",
    "elongation_A",
    "exact_G0",
    "predicted_G0",
    "predicted_std_G0",
    "neck_width_atoms",
    "part",
)
"""``pulls``: training or production. ``series``: name of the series of pulls, if it has one. ``snapshot``: number of the frame.
``exact_G0``: T(E_F), the label. ``predicted_G0``: by the config's own model; what members of a committee held back is predicted
by those members. ``part``: train, validation or test in training pulls; check where a production snapshot was labelled."""

TRACES_FILE = "traces.csv"
PULLS_FILE = "pulls.json"
"""Trajectories by number of the pull, training and production, as paths within the run folder."""

Row = list[object]


def write_traces(study: CompletedStudy) -> Path:
    """Write ``traces.csv`` into the run folder, one pull after the other, and return its path."""
    return write_rows(study.context.folder, chain(_training_rows(study), _production_rows(study)))


def write_rows(folder: Path, rows: Iterable[Row]) -> Path:
    """Write ``traces.csv`` with these rows into a run folder and return its path."""
    path = folder / TRACES_FILE

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows([_text(cell) for cell in row] for row in rows)

    atomically(path, write)
    return path


def write_pulls(folder: Path, training: Pulls, production: Pulls) -> None:
    """Write ``pulls.json`` into the run folder: where the trajectory of each pull lies."""
    content = {
        part: {str(pull): path.relative_to(folder).as_posix() for pull, path in sorted(pulls.trajectories.items())}
        for part, pulls in (("training", training), ("production", production))
    }
    write_json(folder / PULLS_FILE, content)


def exact_rows(produced: ProducedWires) -> Iterator[Row]:
    """Labelled snapshots of production pulls, of a study that predicts nothing."""
    for trace in produced.traces:
        elongation, width = _elongation_and_width(produced.pulls.trajectories[trace.pull], trace.snapshot)
        for place, snapshot in enumerate(trace.snapshot):
            numbers = [elongation[place], trace.conductance_G0[place], None, None, width[place]]
            yield ["production", _series(trace.series), trace.pull, snapshot, *numbers, ""]


def _training_rows(study: CompletedStudy) -> Iterator[Row]:
    """Labelled snapshots of the training pulls."""
    own, snapshots = study.own, study.snapshots
    stated, exact = own.stated(own.predicted), study.labels.conductance_G0
    names = {number: name for name, number in PARTS.items()}
    for pull, trajectory in snapshots.pulls.trajectories.items():
        rows = np.flatnonzero((snapshots.pull == pull) & np.isfinite(exact))
        elongation, width = _elongation_and_width(trajectory, snapshots.snapshot[rows])
        for place, row in enumerate(rows):
            std = None if stated.std is None else stated.std[row]
            numbers = [elongation[place], exact[row], stated.mean[row], std, width[place]]
            series = _series(snapshots.pulls.series[pull])
            yield ["training", series, pull, snapshots.snapshot[row], *numbers, names.get(int(own.part[row]), "")]


def _production_rows(study: CompletedStudy) -> Iterator[Row]:
    """Predicted snapshots of the production pulls, with the labels of those that were checked."""
    checked = _checked(study)
    for trace in study.traces[study.own.plan.model.name]:
        elongation, width = _elongation_and_width(study.production.trajectories[trace.pull], trace.snapshot)
        for place, snapshot in enumerate(trace.snapshot):
            exact = checked.get((trace.pull, int(snapshot)))
            std = None if trace.std_G0 is None else trace.std_G0[place]
            numbers = [elongation[place], exact, trace.conductance_G0[place], std, width[place]]
            part = "check" if exact is not None else ""
            yield ["production", _series(trace.series), trace.pull, snapshot, *numbers, part]


def _checked(study: CompletedStudy) -> Mapping[tuple[int, int], float]:
    """Exact conductances of the check set by pull and snapshot."""
    snapshots, labels = study.check_snapshots, study.check_labels
    if snapshots is None or labels is None:
        return {}
    return {(int(snapshots.pull[row]), int(snapshots.snapshot[row])): float(labels.conductance_G0[row]) for row in labels.known}


def _elongation_and_width(trajectory: Path, snapshots: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Elongation in Å and neck width in atoms of snapshots; nan where the dynamics states none."""
    observables = read_observables(trajectory)
    absent = np.full(len(snapshots), np.nan)
    elongation, width = (observables.get(name) for name in ("elongation_A", "neck_width"))
    return absent if elongation is None else elongation[snapshots], absent if width is None else width[snapshots]


def _series(name: str) -> str:
    return "" if name == OWN else name


def _text(cell: object) -> object:
    """Numbers with all their digits, nothing for what is missing."""
    if cell is None or (isinstance(cell, float | np.floating) and not np.isfinite(cell)):
        return ""
    return cell.item() if isinstance(cell, np.generic) else cell
