r"""Damped Gauss–Newton steps on conductances, on all structures or on batches of them.

With weights z whose prior is Gaussian of variances s², the fit minimises

.. math:: \sum_n \rho\big(y_n - T_n(z)\big) / \sigma^2 + \sum_a z_a^2 / s_a^2,

ρ Huber's loss. A step takes T and its derivatives J of a batch, chooses σ and s from them
(:mod:`~sharvin_transport.learnt_shifts.prior`), and solves the linearised problem. Normal equations of earlier batches count on,
each step less by the factor 1 − batch / n, so that they hold about as many structures as there are (an incremental Gauss–Newton
method: D. P. Bertsekas, SIAM J. Optim. 6, 807 (1996)); where a batch is all, only it counts.

T is far from linear in large changes, so a step is shortened until the batch is explained better than before, and the next one is
damped more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from sharvin_transport.learnt_shifts.configs import LearntShiftsOptions
from sharvin_transport.learnt_shifts.prior import MOST_ROWS, Linearised, Prior, choose_prior, errors_foretold
from sharvin_transport.learnt_shifts.progress import FitState
from sharvin_transport.learnt_shifts.wires import Wires

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
HUBER_G0 = 0.3
"""Errors beyond it count linearly."""
_LENGTHS = (1.0, 0.5, 0.25, 0.1)
_EASIER, _HARDER = 0.3, 3.0
"""What the damping is multiplied by after a whole step, and after a shorter one."""
_LEAST_DAMPING = 1e-3
_CONVERGED_G0 = 1e-4
"""A step of all structures that changes their conductances by less on average is the last one."""


@dataclass(frozen=True, eq=False)
class Step:
    """What a step was like: mean absolute error of its structures before it, its length, and the prior that was chosen."""

    train_mae: float
    length: float
    prior: Prior


class GaussNewton:
    """Steps of one fit.

    Parameters
    ----------
    wires : Wires
        To learn from.
    targets : float64[n]
        Their conductances in G0.
    groups : int64[n]
    options : LearntShiftsOptions
    """

    def __init__(self, wires: Wires, targets: Floats, groups: Integers, options: LearntShiftsOptions) -> None:
        self.wires, self.targets, self.groups, self.options = wires, targets, groups, options
        self._names = wires.hamiltonian.weight_names
        self._last: tuple[bytes, Floats, Floats] | None = None

    @property
    def batch(self) -> int:
        """Structures of a step."""
        return min(self.options.batch, len(self.wires))

    def foretold_mae(self, rng: np.random.Generator) -> float:
        """Mean absolute error in G0 of groups that a first step on the others foretells, without taking it."""
        linear = self._linearised(np.zeros(len(self._names)), self._drawn(rng))[1]
        linear = linear.take(np.arange(min(MOST_ROWS, len(linear.residuals))))
        return errors_foretold(linear, self._names, self._prior(linear))

    def step(self, state: FitState, rng: np.random.Generator) -> Step:
        """Change the weights of a state, its damping and its normal equations."""
        chosen = self._drawn(rng)
        weights = state.weights
        found, linear = self._linearised(weights, chosen)
        some = rng.permutation(len(chosen))[:MOST_ROWS] if len(chosen) > MOST_ROWS else np.arange(len(chosen))
        prior = self._prior(linear.take(np.sort(some)))
        spreads = prior.of_weights(self._names)
        normal = linear.rows.T @ (linear.trust[:, None] * linear.rows)
        slope = linear.rows.T @ (linear.trust * linear.residuals)
        if self.batch < len(self.wires):
            remembered = 1.0 - self.batch / len(self.wires)
            if len(state.slope):
                normal, slope = normal + remembered * state.normal, slope + remembered * state.slope
            state.normal, state.slope = normal, slope
        aim = _solution(normal, slope, weights, spreads, prior.noise_G0, state.damping)
        targets = self.targets[chosen]
        before = self._loss(found, targets, weights, spreads, prior)
        for length in _LENGTHS:
            tried = weights + length * (aim - weights)
            then = self._conductances(tried, chosen)
            if length == 1.0:
                state.over = self.batch == len(self.wires) and float(np.abs(then - found).mean()) < _CONVERGED_G0
            if state.over or self._loss(then, targets, tried, spreads, prior) < before:
                break
        else:
            length, tried = 0.0, weights
        state.damping = max(_LEAST_DAMPING, state.damping * (_EASIER if length == 1.0 else _HARDER))
        state.weights = tried
        return Step(float(np.abs(targets - found).mean()), length, prior)

    def _drawn(self, rng: np.random.Generator) -> Integers:
        if self.batch == len(self.wires):
            return np.arange(len(self.wires))
        return np.sort(rng.permutation(len(self.wires))[: self.batch])

    def _linearised(self, weights: Floats, chosen: Integers) -> tuple[Floats, Linearised]:
        """T of the structures, and the problem that is linear in the weights there."""
        if self._last is not None and self._last[0] == weights.tobytes():
            found, rows = self._last[1:]
        else:
            found, rows = self.wires.responses(weights, chosen)
        residuals = self.targets[chosen] - found
        trust = 1.0 / np.maximum(1.0, np.abs(residuals) / HUBER_G0)
        return found, Linearised(residuals + rows @ weights, rows, trust, self.groups[chosen])

    def _conductances(self, weights: Floats, chosen: Integers) -> Floats:
        """T of the structures; where every step takes all, with what the next step needs."""
        if self.batch < len(self.wires):
            return self.wires.conductances(weights, chosen)
        found, rows = self.wires.responses(weights, chosen)
        self._last = (weights.tobytes(), found, rows)
        return found

    def _prior(self, linear: Linearised) -> Prior:
        return choose_prior(linear, self._names, self.options.noise_G0, self.options.spread)

    def _loss(self, found: Floats, targets: Floats, weights: Floats, spreads: Floats, prior: Prior) -> float:
        """Of a batch, with its share of the prior."""
        error = np.abs(targets - found)
        huber = np.where(error < HUBER_G0, error**2, 2.0 * HUBER_G0 * error - HUBER_G0**2)
        free = spreads > 0.0
        share = self.batch / len(self.wires)
        return float(huber.sum() / prior.noise_G0**2 + share * np.sum((weights[free] / spreads[free]) ** 2))


def _solution(normal: Floats, slope: Floats, weights: Floats, spreads: Floats, noise: float, damping: float) -> Floats:
    """Weights that solve the linearised problem, drawn by the damping to those of now; zero where nothing is learnt."""
    free = np.flatnonzero(spreads > 0.0)
    aim = np.zeros(len(weights))
    if not len(free):
        return aim
    s = spreads[free]
    # in units of the spreads the prior is the unit matrix
    matrix = normal[np.ix_(free, free)] * np.outer(s, s)
    matrix[np.diag_indices(len(free))] += noise**2 * (1.0 + damping)
    aim[free] = s * solve(matrix, s * slope[free] + noise**2 * damping * weights[free] / s, assume_a="pos")
    return aim
