"""Overlaps of the histograms of a study's production wires, computed once for ``results.json`` and the figure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharvin_studies.break_junction.completed_study import CompletedStudy
from sharvin_studies.statistics.histogram_comparison import OverlapMatrix, overlap_matrix
from sharvin_studies.statistics.histograms import linear_edges

OVERLAP_BIN_G0 = 0.1


def overlap_edges(study: CompletedStudy) -> NDArray[np.float64]:
    """Bins in G0 in which histograms are compared, float64[n_bins + 1]."""
    return linear_edges(OVERLAP_BIN_G0, study.options.max_conductance_G0)


def wire_conductances(study: CompletedStudy) -> dict[str, list[NDArray[np.float64]]]:
    """Conductances in G0 of every trace of the config's own model, by production wire."""
    traces = study.traces[study.own.plan.model.name]
    found = {
        study.wire(name): [trace.conductance_G0 for trace in traces if trace.series == name] for name in study.production.names()
    }
    return {name: some for name, some in found.items() if some}


def overlaps_of_wires(study: CompletedStudy) -> OverlapMatrix | None:
    """Of the config's own model; None where the study has no two series of production pulls, or no trace."""
    series = wire_conductances(study)
    if len(study.production.names()) < 2 or not series:
        return None
    return overlap_matrix(series, overlap_edges(study), study.context.rng("bootstrap"))
