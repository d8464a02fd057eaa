"""Predictions held against exact production: how far the histogram of each model is from that of the labels, wire by wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin_studies.break_junction.completed_study import CompletedStudy
from sharvin_studies.break_junction.production.production_report import Table, rounded
from sharvin_studies.break_junction.production.wire_numbers import overlap_edges, plain, wire_conductances
from sharvin_studies.statistics.histogram_comparison import OverlapMatrix, overlap_matrix

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ComparedWire:
    """Histograms of one production wire by all models, and by exact labels where all of it is labelled, on the same pulls.

    Parameters
    ----------
    name : str
    series : mapping of str to sequence of float64[n]
        Conductances of each pull by what they come from; exact labels first.
    matrix : OverlapMatrix
        Of these histograms.
    exact : str or None
        What the exact labels are called in `series`; None where there are none.
    with_exact : mapping of str to OverlapMatrix
        Of the exact labels and each model that predicted more pulls than all of them did, on its pulls.
    """

    name: str
    series: dict[str, list[Array]]
    matrix: OverlapMatrix
    exact: str | None
    with_exact: dict[str, OverlapMatrix]


def compared_wires(study: CompletedStudy) -> list[ComparedWire]:
    """Every wire of which there are two histograms, on the pulls that all of them have."""
    exact = study.exact
    sources = {} if exact is None else {exact.conductances: exact.by_wire()}
    sources |= {name: replace(study.produced, traces=traces).by_wire() for name, traces in study.traces.items()}
    found = []
    for wire in wire_conductances(study.produced):
        by_pull = {name: {t.pull: t.conductance_G0 for t in wires.get(wire, [])} for name, wires in sources.items()}
        shared = sorted(set.intersection(*(set(pulls) for pulls in by_pull.values())))
        if len(by_pull) > 1 and shared:
            series, matrix = _on_pulls(study, by_pull, shared)
            if exact is None:
                found.append(ComparedWire(wire, series, matrix, None, {}))
                continue
            label = exact.conductances
            with_exact = {}
            for name, pulls in by_pull.items():
                common = sorted(set(pulls) & set(by_pull[label]))
                if name != label and len(common) > len(shared):
                    with_exact[name] = _on_pulls(study, {label: by_pull[label], name: pulls}, common)[1]
            found.append(ComparedWire(wire, series, matrix, label, with_exact))
    return found


def _on_pulls(
    study: CompletedStudy, by_pull: Mapping[str, Mapping[int, Array]], pulls: Sequence[int]
) -> tuple[dict[str, list[Array]], OverlapMatrix]:
    """Conductances of these pulls by what they come from, and the overlaps of their histograms."""
    series = {name: [found[pull] for pull in pulls] for name, found in by_pull.items()}
    return series, overlap_matrix(series, overlap_edges(study.produced), study.context.rng("bootstrap"), paired=True)


def distances(compared: Sequence[ComparedWire]) -> list[dict[str, Any]]:
    """Distance of the histogram of every model from that of the exact labels, wire by wire.

    The distance is 1 less the common area of both, half of the integral of abs(p − q) (total variation): 0 for equal
    histograms, 1 where they share no bin. ``halves`` is that of two random halves of the labelled pulls from each other.
    """
    found = []
    for wire in compared:
        if wire.exact is None:
            continue
        for model in (label for label in wire.matrix.labels if label != wire.exact):
            matrix = wire.with_exact.get(model, wire.matrix)
            exact, number = matrix.labels.index(wire.exact), matrix.labels.index(model)
            bounds = [plain(1.0 - matrix.upper[exact, number]), plain(1.0 - matrix.lower[exact, number])]
            found.append(
                {
                    "wire": wire.name,
                    "model": model,
                    "pulls": matrix.traces[number],
                    "distance": plain(1.0 - matrix.overlap[exact, number]),
                    "distance_95_percent": bounds if bounds[0] is not None else None,
                    "halves": plain(1.0 - matrix.halves[exact]),
                    "p_value": plain(matrix.p_value[exact, number]),
                }
            )
    return found


def tables(compared: Sequence[ComparedWire]) -> list[Table]:
    """One table of the distances; none where no wire is labelled in full."""
    rows = []
    for one in distances(compared):
        interval = one["distance_95_percent"]
        said = f"{one['distance']:.3f}" + (f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else "")
        rows.append([one["wire"], one["model"], one["pulls"], said, rounded(one["halves"]), rounded(one["p_value"])])
    if not rows:
        return []
    caption = (
        "Half of ∫|p − q| dG of the two histograms, in bins of 0.1 G0: 0 for equal histograms, 1 for disjoint ones; 95 % "
        "bootstrap "
        "intervals over whole pulls. Halves: the distance of two random halves of the labelled pulls, which chance alone leaves. "
        "p: probability of so large a distance if both came from one distribution (traces of pulls swapped at random)."
    )
    columns = ["wire", "model", "pulls", "distance", "halves", "p"]
    return [{"title": "Histograms of predictions against exact production", "columns": columns, "rows": rows, "caption": caption}]
