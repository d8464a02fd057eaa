r"""How strong the prior of learnt terms is: chosen so that conductances of whole groups foretell those of others best.

Linear in the weights z, conductances are y = T + J (z' − z) + ε. With independent weights of spread s_c, c the value that they
belong to, and noise of variance σ²/ω_n, the residuals r = y − T + J z are Gaussian with covariance

.. math:: C = \sigma^2 \Omega^{-1} + \sum_c s_c^2\, J_c J_c^T .

What the others say of a group g is Gaussian, too: mean r_g − D r̃_g with D = ([C⁻¹]_{gg})⁻¹ and r̃ = C⁻¹ r, covariance D
(S. Sundararajan and S. S. Keerthi, Neural Comput. 13, 1103 (2001), for single ones). The spreads with the greatest probability of
all groups, each foretold by the others, are those chosen. A few labels tell little of them, so noise and spreads have log-normal
priors of their own about usual values. A spread may be zero: then nothing is learnt of that value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SPREADS_EV = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28)
"""Spreads of energies to choose from."""
SPREADS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
"""Spreads of factors to choose from."""
NOISES_G0 = (0.02, 0.03, 0.05, 0.08, 0.12, 0.18)
"""Noises to choose from. Larger errors come from T that is far from linear, and must not pass for noise."""
USUAL_NOISE_G0 = 0.05
USUAL_EV = 0.3
USUAL_FACTOR = 0.05
_WIDTH = np.log(2.0)
"""Standard deviation of the logarithms about the usual values."""
MOST_ROWS = 400
"""Structures that the choice is made from, at most."""
_SWEEPS = 4


@dataclass(frozen=True, eq=False)
class Prior:
    """Noise in G0, and the spread of each value by its name."""

    noise_G0: float
    spreads: Mapping[str, float]

    def of_weights(self, names: Sequence[str]) -> Floats:
        """Spread of each weight, float64[n], from the value that it belongs to."""
        return np.array([self.spreads[name] for name in names])


@dataclass(frozen=True, eq=False)
class Linearised:
    """Structures near some weights, linear in them.

    Parameters
    ----------
    residuals : float64[n]
        In G0, where all weights are zero.
    rows : float64[n, weights]
        Derivatives of the conductances.
    trust : float64[n]
        Huber's weights.
    groups : int64[n]
    """

    residuals: Floats
    rows: Floats
    trust: Floats
    groups: Integers

    def take(self, index: Integers) -> Linearised:
        """Some of the structures."""
        return Linearised(self.residuals[index], self.rows[index], self.trust[index], self.groups[index])


def choose_prior(linear: Linearised, names: Sequence[str], noise_G0: float | None, given: Mapping[str, float]) -> Prior:
    """Noise and spreads, those given as they are.

    Parameters
    ----------
    linear : Linearised
    names : sequence of str
        The value that each weight belongs to.
    noise_G0 : float or None
    given : mapping
        Spreads by name of value.
    """
    of = np.asarray(names)
    values = list(dict.fromkeys(names))
    grams = {value: linear.rows[:, of == value] @ linear.rows[:, of == value].T for value in values}
    free = [value for value in values if value not in given]
    spreads = {value: given.get(value, 0.0) for value in values}
    noise = USUAL_NOISE_G0 if noise_G0 is None else noise_G0

    def score(noise: float, spreads: Mapping[str, float]) -> float:
        covariance = np.diag(noise**2 / linear.trust)
        usual = _unusual(noise, USUAL_NOISE_G0)
        for value, spread in spreads.items():
            covariance += spread**2 * grams[value]
            usual += _unusual(spread, USUAL_EV if value.endswith("_eV") else USUAL_FACTOR)
        return foretold(covariance, linear.residuals, linear.groups) - usual

    best = score(noise, spreads)
    for _ in range(_SWEEPS):
        before = best
        if noise_G0 is None:
            scores = [score(one, spreads) for one in NOISES_G0]
            if max(scores) > best:
                best, noise = max(scores), NOISES_G0[int(np.argmax(scores))]
        for value in free:
            # with its spread the noise changes most
            noises = [noise] if noise_G0 is not None else _near(NOISES_G0, noise)
            grid = SPREADS_EV if value.endswith("_eV") else SPREADS
            tried = [(score(n, {**spreads, value: s}), -s, n) for s in grid for n in noises]
            top = max(tried)
            if top[0] > best:
                best, spreads[value], noise = top[0], -top[1], top[2]
        if best <= before:
            break
    return Prior(noise, spreads)


def errors_foretold(linear: Linearised, names: Sequence[str], prior: Prior) -> float:
    """Mean absolute error in G0 of what the other groups say of each group."""
    spreads = prior.of_weights(names)
    covariance = np.diag(prior.noise_G0**2 / linear.trust) + (linear.rows * spreads**2) @ linear.rows.T
    inverse = np.linalg.inv(covariance)
    solved, groups = inverse @ linear.residuals, _left_out(linear.groups)
    errors = np.empty(len(groups))
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        errors[own] = np.linalg.solve(inverse[np.ix_(own, own)], solved[own])
    return float(np.abs(errors).mean())


def _unusual(value: float, usual: float) -> float:
    """What a noise or a spread costs, compared with the usual one."""
    return 0.0 if value == 0.0 else 0.5 * (float(np.log(value / usual)) / _WIDTH) ** 2


def _left_out(groups: Integers) -> Integers:
    """Groups as they are; where there is one only, every structure is one of its own."""
    return np.arange(len(groups)) if len(np.unique(groups)) == 1 else groups


def _near(grid: Sequence[float], value: float) -> list[float]:
    place = int(np.argmin(np.abs(np.array(grid) - value)))
    return list(grid[max(0, place - 2) : place + 3])


def foretold(covariance: Floats, residuals: Floats, groups: Integers) -> float:
    """Logarithm of the probability of each group's residuals from those of all others, summed over groups.

    Parameters
    ----------
    covariance : float64[n, n]
    residuals : float64[n]
    groups : int64[n]
    """
    groups = _left_out(groups)
    factor = cho_factor(covariance, lower=True)
    inverse = cho_solve(factor, np.eye(len(covariance)))
    solved = inverse @ residuals
    total = 0.0
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        # the covariance of what the others foretell is the inverse of this block
        block = inverse[np.ix_(own, own)]
        error = np.linalg.solve(block, solved[own])
        total += 0.5 * float(np.linalg.slogdet(block)[1] - error @ block @ error)
    return total - 0.5 * len(residuals) * float(np.log(2.0 * np.pi))
