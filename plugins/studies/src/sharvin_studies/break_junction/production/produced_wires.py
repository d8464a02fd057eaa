"""The production pulls of a study with their traces, predicted or exact: what its histograms and plateaus are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sharvin.context import Context
from sharvin.store import read_observables

from sharvin_studies.break_junction.configs import OWN, BreakJunctionOptions
from sharvin_studies.break_junction.data import Pulls
from sharvin_studies.break_junction.production.pulled_traces import Trace

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ProducedWires:
    """Production pulls and the traces of those that have one.

    Parameters
    ----------
    context : Context
    options : BreakJunctionOptions
    pulls : Pulls
    traces : sequence of Trace
    exact : bool
        Whether the conductances are exact labels, not predictions.
    """

    context: Context
    options: BreakJunctionOptions
    pulls: Pulls
    traces: Sequence[Trace]
    exact: bool

    @property
    def conductances(self) -> str:
        """What to call the conductances."""
        return "exact labels" if self.exact else "predicted conductances"

    @property
    def count(self) -> int:
        """How many conductances there are."""
        return sum(len(trace.conductance_G0) for trace in self.traces)

    @property
    def states_elongation(self) -> bool:
        """Whether the dynamics states the elongation; where it does not, the number of the snapshot stands for it."""
        return all("elongation_A" in read_observables(path) for path in list(self.pulls.trajectories.values())[:1])

    def wire(self, series: str) -> str:
        """What to call a series of production pulls."""
        return "production wire" if series == OWN else series

    def by_wire(self) -> dict[str, list[Trace]]:
        """Traces of every wire that has some, by what it is called."""
        found = {self.wire(name): [trace for trace in self.traces if trace.series == name] for name in self.pulls.names()}
        return {name: some for name, some in found.items() if some}
