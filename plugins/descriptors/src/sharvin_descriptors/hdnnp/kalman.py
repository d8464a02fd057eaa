r"""The global extended Kalman filter as an optimiser of networks, with one observation at a time.

With the gradient h of a prediction by the weights w, and the error ξ of the prediction,

.. math:: x = P h, \quad a = h^T x + R, \quad w \leftarrow w + \frac{x}{a}\,\xi, \quad
          P \leftarrow \frac{1}{\lambda}\Big(P - \frac{x x^T}{a}\Big) + q I .

Standard filter: R = 1/η with η growing, λ = 1. Fading memory: R = λ, and λ goes to 1 by λ ← ν λ + 1 − ν. T. B. Blank and S. D.
Brown, J. Chemometrics 8, 391 (1994); A. Singraber, T. Morawietz, J. Behler and C. Dellago, J. Chem. Theory Comput. 15, 3075
(2019), whose parameters these are.

The weights are known before P changes, and with them the next h. So the change of P waits for the next product P h, and both
are one sweep over the lower triangle: n² multiplications and additions twice, n²/2 numbers read and written once. P is kept as a
factor times a matrix, so λ costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin_descriptors.hdnnp.configs import HdnnpOptions
from sharvin_descriptors.symmetry_functions.atom_space import vectorised

Floats = NDArray[np.float64]

LARGEST_FACTOR = 1e6
NUMBERS = ("factor", "noise", "forgetting", "process_noise", "waiting_scale", "waiting_noise")


@dataclass
class KalmanFilter:
    """State of the filter.

    Parameters
    ----------
    covariance : float64[n (n + 1) / 2]
        Lower triangle of P divided by `factor`, row after row, without the change that waits.
    n_weights : int
    noise, growth, largest_noise : float
        η, its growth per update, and where it ends.
    process_noise, decay, least_process_noise : float
        q, its decay per update, and where it ends.
    forgetting, nu : float
        λ and ν.
    fading : bool
    factor : float
    """

    covariance: Floats
    n_weights: int
    noise: float
    growth: float
    largest_noise: float
    process_noise: float
    decay: float
    least_process_noise: float
    forgetting: float
    nu: float
    fading: bool
    factor: float = 1.0
    waiting_scale: float = 0.0
    waiting_noise: float = 0.0
    waiting: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.waiting = np.zeros(self.n_weights)

    @classmethod
    def start(cls, n_weights: int, options: HdnnpOptions, updates_per_epoch: int) -> KalmanFilter:
        """The filter before the first update."""
        covariance = np.zeros(n_weights * (n_weights + 1) // 2)
        rows = np.arange(n_weights)
        covariance[rows * (rows + 3) // 2] = 1.0 / options.kalman_epsilon
        return cls(
            covariance,
            n_weights,
            options.kalman_eta,
            float(np.exp(options.kalman_etatau / updates_per_epoch)),
            options.kalman_etamax,
            options.kalman_q0,
            float(np.exp(-options.kalman_qtau / updates_per_epoch)),
            options.kalman_qmin,
            options.kalman_lambda,
            options.kalman_nu,
            options.optimiser == "fading_kalman",
        )

    def update(self, weights: Floats, gradient: Floats, error: float) -> None:
        """Change the weights in place by one observation.

        Parameters
        ----------
        weights, gradient : float64[n_weights]
        error : float
            Reference minus prediction.
        """
        x = np.empty(self.n_weights)
        _change_and_multiply(self.covariance, self.waiting, self.waiting_scale, self.waiting_noise, gradient, x)
        x *= self.factor
        if not self.fading and self.noise < self.largest_noise:
            self.noise *= self.growth
        a = float(gradient @ x) + (self.forgetting if self.fading else 1.0 / self.noise)
        weights += x * (error / a)
        self.waiting, self.waiting_scale = x, -1.0 / (a * self.factor)
        if self.fading:
            self._forget()
        self.waiting_noise = self.process_noise / self.factor
        if self.process_noise > self.least_process_noise:
            self.process_noise *= self.decay

    def _forget(self) -> None:
        self.factor /= self.forgetting
        self.forgetting = self.nu * self.forgetting + 1.0 - self.nu
        if self.factor > LARGEST_FACTOR:
            self.covariance *= self.factor
            self.waiting_scale *= self.factor
            self.factor = 1.0

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and numbers of a checkpoint."""
        return {"covariance": self.covariance, "waiting": self.waiting}, {name: getattr(self, name) for name in NUMBERS}

    def restore(self, arrays: dict[str, NDArray[Any]], numbers: dict[str, Any]) -> None:
        """Become the filter of a checkpoint."""
        self.covariance, self.waiting = arrays["covariance"].copy(), arrays["waiting"].copy()
        for name in NUMBERS:
            setattr(self, name, float(numbers[name]))


@vectorised
def _change_and_multiply(triangle: Floats, waiting: Floats, scale: float, noise: float, vector: Floats, product: Floats) -> None:
    """P ← P + scale · waiting waitingᵀ + noise · 1, and product ← P vector, in one sweep over the rows of the triangle."""
    begin = 0
    product[:] = 0.0
    for j in range(len(vector)):
        row = triangle[begin : begin + j + 1]
        factor, own, total = scale * waiting[j], vector[j], 0.0
        for i in range(j):
            value = row[i] + factor * waiting[i]
            row[i] = value
            total += value * vector[i]
            product[i] += value * own
        value = row[j] + factor * waiting[j] + noise
        row[j] = value
        product[j] += total + value * own
        begin += j + 1
