"""Conductance traces of production pulls, made of predictions or of exact labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.context import StepResult
from sharvin.electrodes.broken_wires import unbroken
from sharvin.samples import Prediction
from sharvin.store import read_observables, read_table

from sharvin_studies.break_junction.data import Labels, Pulls, Snapshots

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """Conductances of one production pull while the wire is whole, predicted or exact.

    Parameters
    ----------
    pull : int
    series : str
    snapshot : int64[n]
        Numbers of the frames of the pull.
    elongation_A : float64[n]
        The numbers of the snapshots where the dynamics states no elongation.
    conductance_G0 : float64[n]
    std_G0 : float64[n] or None
    neck_width : float64[n]
        In atoms; nan where the dynamics states none.
    shortest_bond_A : float64[n]
        Of necks one atom wide; nan elsewhere.
    std_before_G0 : float64[n] or None
        Standard deviation before it was recalibrated, where it was.
    """

    pull: int
    series: str
    snapshot: NDArray[np.int64]
    elongation_A: Array
    conductance_G0: Array
    std_G0: Array | None
    neck_width: Array
    shortest_bond_A: Array
    std_before_G0: Array | None = None

    @classmethod
    def of(cls, pull: int, series: str, trajectory: Path, snapshot: NDArray[np.int64], **columns: Any) -> Trace:
        """With the elongations and neck widths that the trajectory states."""
        observables = read_observables(trajectory)
        elongation = observables.get("elongation_A", np.arange(len(unbroken(observables)), dtype=float))
        width = observables.get("neck_width", np.full(len(elongation), np.nan))
        return cls(pull, series, snapshot, elongation_A=elongation[snapshot], neck_width=width[snapshot], **columns)


def predicted_traces(
    production: Pulls, places: Sequence[tuple[int, int]], predicted: StepResult, models: int
) -> list[list[Trace]]:
    """Traces of the production pulls that were predicted, by model; `places` are numbers of model and pull of each item."""
    trajectories = production.trajectories
    found: list[list[Trace]] = [[] for _ in range(models)]
    for item, path in predicted.finished:
        model, pull = places[item]
        table: Mapping[str, Any] = read_table(path)[0]
        if len(table["snapshot"]):
            columns = {name: table.get(name) for name in ("conductance_G0", "std_G0", "shortest_bond_A")}
            columns["std_before_G0"] = table.get("std_before_recalibration_G0")
            found[model].append(Trace.of(pull, production.series[pull], trajectories[pull], table["snapshot"], **columns))
    return found


def labelled_traces(snapshots: Snapshots, labels: Labels) -> list[Trace]:
    """Traces of exact labels of whole production pulls; snapshots without a label are left out."""
    known = labels.known
    assert labels.shortest_bond_A is not None
    found = []
    for pull, trajectory, numbers in snapshots.take(known).by_pull():
        rows = known[snapshots.pull[known] == pull]
        columns = {"conductance_G0": labels.conductance_G0[rows], "shortest_bond_A": labels.shortest_bond_A[rows]}
        series = snapshots.pulls.series[pull]
        found.append(Trace.of(pull, series, trajectory, np.array(numbers, dtype=np.int64), std_G0=None, **columns))
    return found


def at_snapshots(traces: Sequence[Trace], snapshots: Snapshots) -> Prediction:
    """What these traces say of snapshots, with standard deviations before recalibration; nan of those that none of them has."""
    mean, std = np.full((2, len(snapshots)), np.nan)
    stated = False
    for trace in traces:
        spread = trace.std_G0 if trace.std_before_G0 is None else trace.std_before_G0
        rows = np.flatnonzero(snapshots.pull == trace.pull)
        there, places = np.intersect1d(snapshots.snapshot[rows], trace.snapshot, assume_unique=True, return_indices=True)[1:]
        mean[rows[there]] = trace.conductance_G0[places]
        if spread is not None:
            std[rows[there]], stated = spread[places], True
    return Prediction(mean, std if stated else None)
