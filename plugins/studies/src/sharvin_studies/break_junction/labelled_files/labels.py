"""Labels of training snapshots: those that files state, and computed ones of the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context, StepResult
from sharvin.store import read_observables

from sharvin_studies.break_junction import data
from sharvin_studies.break_junction.labelled_files.reading import CONDUCTANCE


def stated_conductances(snapshots: data.Snapshots) -> NDArray[np.float64]:
    """Conductances in G0 that the files of snapshots state, float64[n]; nan where there is no file, or one without labels."""
    found = np.full(len(snapshots), np.nan)
    for pull, trajectory, numbers in snapshots.by_pull():
        if snapshots.pulls.is_labelled(pull):
            found[snapshots.pull == pull] = read_observables(trajectory)[CONDUCTANCE][list(numbers)]
    return found


def label(context: Context, snapshots: data.Snapshots, hamiltonian: Selection, learnt: StepResult | None) -> data.Labels:
    """Conductances of training snapshots; what a file states is not computed again."""
    found = stated_conductances(snapshots)
    missing = np.flatnonzero(np.isnan(found))
    if not len(missing):
        return data.Labels(found, 0.0, 0, 0, stated=len(found))
    computed = data.label(context, "labels", snapshots.take(missing), hamiltonian, learnt)
    found[missing] = computed.conductance_G0
    return data.Labels(found, computed.cpu_seconds, computed.atoms, computed.orbitals, stated=len(found) - len(missing))
