"""How far a potential is trusted: evaluations that leave the training data are counted, or end the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from sharvin.errors import ItemError
from sharvin.numerics.neighbour_pairs import CLOSEST_A
from sharvin.protocols import NeighbourList

from sharvin_descriptors.hdnnp.evaluation import CommitteeEvaluator, Evaluation
from sharvin_descriptors.hdnnp.model import HdnnpModel


class WatchedEvaluator:
    """An evaluator that counts extrapolations, and ends a run that leaves the potential's domain if it is asked to.

    Parameters
    ----------
    members : sequence of HdnnpModel
    on_extrapolation : "count" or "stop"
    closest_A : float
        Atoms closer than this are refused: nothing so close was trained.
    largest_std_eV_per_A : float, optional
        Disagreement of a committee on the force of an atom at which the run ends.
    """

    def __init__(
        self,
        members: Sequence[HdnnpModel],
        on_extrapolation: Literal["count", "stop"] = "count",
        closest_A: float = 0.0,
        largest_std_eV_per_A: float | None = None,
    ) -> None:
        self._evaluator = CommitteeEvaluator(members)
        self.model = members[0]
        self.cutoff_A = self._evaluator.cutoff_A
        self._stop = on_extrapolation == "stop"
        self._closest_A = max(closest_A, CLOSEST_A)
        self._largest_std = largest_std_eV_per_A
        self._n_members = len(members)
        self._extrapolations = 0
        self._std = 0.0

    def evaluate(self, near: NeighbourList) -> Evaluation:
        """Evaluate, and keep watch.

        Raises
        ------
        ItemError
            If two atoms are too close, or the run is to end because of an extrapolation or a disagreement.
        """
        found = self._evaluator.evaluate(near)
        if found.closest_A < self._closest_A:
            raise ItemError(
                f"two atoms are {found.closest_A:.3g} Å apart, closer than any that the potential was trained on (below "
                f"{self._closest_A:.3g} Å it is not used); train it on such structures, or look for the mistake in this one."
            )
        self._extrapolations += found.extrapolations
        if self._stop and found.extrapolations:
            raise ItemError(
                f"{found.extrapolations} symmetry functions lie outside the range that the potential was trained on; the run "
                "ends here as on_extrapolation: stop asks for."
            )
        if self._n_members > 1:
            std = float(np.linalg.norm(found.forces_eV_per_A.std(axis=0, ddof=1), axis=1).max())
            self._std = max(self._std, std)
            if self._largest_std is not None and std > self._largest_std:
                raise ItemError(
                    f"the members of the committee disagree by {std:.3g} eV/Å on a force, more than the "
                    f"{self._largest_std:g} eV/Å that are allowed."
                )
        return found

    def monitored(self) -> dict[str, float]:
        """Extrapolations and, of a committee, the largest disagreement on a force since the last call."""
        result = {"extrapolations": float(self._extrapolations)}
        if self._n_members > 1:
            result["force_std_eV_per_A"] = self._std
        self._extrapolations, self._std = 0, 0.0
        return result
