r"""Shifts at which atoms are neutral: Broyden's method, with what a series of similar geometries has learnt.

The equations :math:`n_i(U) = Z_i` are solved by Broyden's method (Math. Comput. 19, 577 (1965)), from the exact response ∂n/∂U at
the start of a series; it is computed again only where the residual does not fall to half. A step that raises the residual is
not taken. A following geometry takes over the inverse response, with all that Broyden's updates have put into it.

A step costs nothing, only the populations that check it do. So the last step is taken without a check: as soon as it is
expected to leave less than the tolerance, from how far the last step of this kind that was checked has reduced the residual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import ItemError

from sharvin_transport.neutrality.open_device import Populated
from sharvin_transport.neutrality.open_device_real import RealOpenDevice
from sharvin_transport.neutrality.shift_changes import ShiftChanges

Floats = NDArray[np.float64]
_LARGEST_STEP_EV = 1.0
_SMALLEST_STEP_EV = 1e-7
_GOOD_STEP = 0.9
"""A step that leaves more of the residual than this asks for a new response, which costs as much as six evaluations."""
_RELIABLE_STEP = 0.5
"""A step that leaves more than this says nothing of the next one."""
_MOST_EXPECTED = 0.1
"""No step is expected to leave less than this, however well the last one went."""
_SAFETY = 1.5
"""How much more than the last checked step an unchecked one is expected to leave."""
_AGEING = 1.25
"""The same for each geometry in between."""


@dataclass(frozen=True, eq=False)
class Shifts:
    """Shifts, and what helps to find those of a similar geometry.

    Parameters
    ----------
    values : float64[atoms]
        In eV.
    inverse_response : float64[atoms, atoms] or None
        In eV per electron; None if none was needed.
    evaluations : int
        Of the populations.
    first_step : float
        What the first step of a geometry leaves of the largest charge, as far as known.
    changes : ShiftChanges, optional
        How they changed in the series.
    devices : tuple of RealOpenDevice or None
        At each k-point, what the next geometry may take over.
    frame : str
        What these have in common with others of their series: leads and contour.
    """

    values: Floats
    inverse_response: Floats | None
    evaluations: int
    first_step: float = 1.0
    changes: ShiftChanges | None = None
    devices: tuple[RealOpenDevice | None, ...] = ()
    frame: str = ""

    @classmethod
    def none(cls) -> Shifts:
        """Those of a device without atoms between the leads."""
        return cls(np.zeros(0), None, 0)


class QuasiNewton:
    """Finds shifts.

    Parameters
    ----------
    tolerance : float
        Largest charge of an atom that is left.
    iterations : int
        After as many evaluations of the populations without convergence there is an error.
    """

    def __init__(self, tolerance: float, iterations: int) -> None:
        self.tolerance, self.iterations = tolerance, iterations

    def solve(self, device: Populated, names: Sequence[str], electrons: Floats, start: Shifts | None) -> Shifts:
        """Shifts of a device whose atoms, with these names in messages, have so many valence electrons.

        Raises
        ------
        ItemError
            If they do not converge.
        """
        values = np.zeros(len(electrons)) if start is None else start.values
        inverse = None if start is None else start.inverse_response
        left = 1.0 if start is None else min(1.0, _SAFETY * start.first_step)
        first_step = 1.0 if start is None else _AGEING * start.first_step
        excess = device.populations(values) - electrons
        exact, radius = False, _LARGEST_STEP_EV
        for evaluations in range(1, self.iterations + 1):
            worst = _largest(excess)
            if worst * max(left, _MOST_EXPECTED) < self.tolerance:
                final = values if inverse is None else values - inverse @ excess
                return Shifts(final, inverse, evaluations, first_step)
            if evaluations == self.iterations:
                break
            if inverse is None:
                inverse, exact = np.linalg.inv(device.response(values)), True
            step = -inverse @ excess
            step *= min(1.0, radius / float(np.abs(step).max()))
            following = device.populations(values + step) - electrons
            ratio = float(np.linalg.norm(following) / np.linalg.norm(excess))
            if ratio > 1.0:
                # A level of a weakly bound atom crosses E_F on the way: a shorter step, with the response of here.
                radius = 0.25 * float(np.abs(step).max()) if exact else radius
                inverse, left = inverse if exact else None, 1.0
                if radius < _SMALLEST_STEP_EV:
                    break
                continue
            radius = min(2.0 * radius, _LARGEST_STEP_EV)
            change = inverse @ (following - excess)
            good = ratio < _GOOD_STEP
            inverse = inverse + np.outer(step - change, step @ inverse) / (step @ change) if good else None
            left = max(ratio, _largest(following) / worst)
            left = left if left < _RELIABLE_STEP else 1.0
            if evaluations == 1 and start is not None:
                first_step = left
            values, excess, exact = values + step, following, False
        raise ItemError(self._failure(names, excess, evaluations, radius))

    def _failure(self, names: Sequence[str], excess: Floats, evaluations: int, radius: float) -> str:
        i = int(np.argmax(np.abs(excess)))
        remedy = "raise neutrality_iterations"
        if radius < _SMALLEST_STEP_EV:
            remedy = (
                "no step along its response makes that smaller, since a sharp level lies at E_F: more iterations do not help, "
                "more k-points or a larger cell may"
            )
        return (
            f"local charge neutrality has not converged after {evaluations} evaluations: atom {names[i]} still "
            f"has a charge of {-excess[i]:+.4f} e; {remedy}."
        )


def _largest(charges: Floats) -> float:
    worst = float(np.abs(charges).max())
    if not np.isfinite(worst):
        raise ItemError("the populations of the device are not numbers; some atoms are too close for this table.")
    return worst
