r"""Gaussian process regression: predictions with standard deviations, hyperparameters from the training set itself.

For pooled rows x of structures, with standardised targets y and K the kernel matrix plus noise on its diagonal,

.. math:: \mu(x) = c + k(x)^T K^{-1} (y - c), \qquad
          \sigma^2(x) = a^2 + \nu^2 - k(x)^T K^{-1} k(x),

where k holds :math:`a^2 k(x, x_i)`. Length scale, amplitude a, noise ν and constant c maximise the marginal likelihood (C. E.
Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, MIT Press (2006)), which GPyTorch differentiates. All is
exact and in double precision: no inducing points, no conjugate gradients. A step of the fit costs n³ for n training structures;
one length scale serves all features.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from sharvin.errors import RunError
from sharvin.numerics.error_measures import mean_absolute_error
from sharvin.samples import Dataset, Prediction, Samples
from torch import Tensor

from sharvin_models.pooled.configs import GaussianProcessOptions
from sharvin_models.pooled.pooling import pooled
from sharvin_models.pooled.structure_kernels import all_separations, kernel_values, median_separation, separations
from sharvin_models.training.inputs import require_datasets, require_features
from sharvin_models.training.saved_model import Arrays, SavedRegressor
from sharvin_models.training.standardisation import common_scale, mean_and_inverse_spread
from sharvin_models.training.training_loop import threads

with warnings.catch_warnings():
    # GPyTorch compiles a solver that is not used here with a function that newer torch announces the end of.
    warnings.filterwarnings("ignore", message=".*torch.jit.script.* is deprecated", category=DeprecationWarning)
    import gpytorch  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from gpytorch.constraints import GreaterThan  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from gpytorch.distributions import MultivariateNormal  # type: ignore[import-not-found, import-untyped, unused-ignore]

NAME = "gaussian_process"
KINDS = ("per_atom", "per_structure")
SMALLEST_NOISE = 1e-6
"""Variance of the noise in units of that of the targets; below, kernel matrices of thousands of structures lose definiteness."""

Floats = NDArray[np.float64]


class GaussianProcess(SavedRegressor[GaussianProcessOptions]):
    """Exact Gaussian process, kinds ``per_atom`` (pooled) and ``per_structure``.

    Parameters
    ----------
    options : GaussianProcessOptions
    """

    name = NAME

    def __init__(self, options: GaussianProcessOptions) -> None:
        super().__init__(options)
        self._kind = ""
        self._arrays: Arrays | None = None
        self.hyperparameters: dict[str, float] = {}
        """``length_scale`` in that of the scaled features; ``amplitude``, ``noise``, ``constant`` in the unit of the targets."""

    def fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        """Learn from `data`; the validation set is only predicted.

        Parameters
        ----------
        data, validation : Dataset
        rng : numpy.random.Generator
            Draws the starting points after the first.

        Returns
        -------
        dict
            ``train_mae`` and ``validation_mae`` in the unit of the targets, one value each.

        Raises
        ------
        InputError
            If a set is empty, a target or feature is not finite, or the two sets do not fit together.
        RunError
            If no starting point leads to a finite likelihood.
        """
        train, _ = require_datasets(data, validation, NAME, KINDS)
        x = pooled(train, self.options.pooling, NAME, self.options.unit_rows)
        mean, scale = mean_and_inverse_spread(x)
        if self.options.feature_scale == "common":
            scale = common_scale(scale)
        rows = (x - mean) * scale
        apart = all_separations(self.options.kernel, rows, rows)
        unit = median_separation(apart)
        centre, spread = float(data.targets.mean()), float(data.targets.std()) or 1.0
        with threads(self.options.threads):
            found = _largest_likelihood(apart / unit, (data.targets - centre) / spread, self.options, rng)
        self.hyperparameters = {
            "length_scale": found["length_scale"] * unit,
            "amplitude": found["amplitude"] * spread,
            "noise": found["noise"] * spread,
            "constant": found["constant"] * spread + centre,
        }
        self._kind = train.kind
        self._arrays = {"rows": rows, "mean": mean, "scale": scale, **self._factorised(apart, data.targets)}
        sets = {"train_mae": data, "validation_mae": validation}
        return {name: [mean_absolute_error(self.predict(one.samples).mean, one.targets)] for name, one in sets.items()}

    def predict(self, samples: Samples) -> Prediction:
        """Predictions in the order of the samples; the standard deviation is that of a label, noise included.

        Raises
        ------
        InputError
            Before a fit or a load, or if the features differ in kind or size from the training's or are not finite.
        """
        learnt = self._require_learnt(self._arrays)
        features = require_features(samples, NAME, (self._kind,), learnt["rows"].shape[1])
        x = pooled(features, self.options.pooling, NAME, self.options.unit_rows)
        of = self.hyperparameters
        mean, variance = np.empty(len(x)), np.empty(len(x))
        for index, row in enumerate((x - learnt["mean"]) * learnt["scale"]):
            similar = self._covariance(separations(self.options.kernel, learnt["rows"], row))
            known = solve_triangular(learnt["cholesky"], similar, lower=True, check_finite=False)
            mean[index] = of["constant"] + similar @ learnt["weights"]
            variance[index] = of["amplitude"] ** 2 - known @ known
        # The variance of the function is not negative; rounding may leave it just below zero at a training structure.
        return Prediction(mean, np.sqrt(np.maximum(variance, 0.0) + of["noise"] ** 2))

    def _learnt(self) -> tuple[dict[str, Any], Arrays] | None:
        if self._arrays is None:
            return None
        return {"kind": self._kind, "hyperparameters": self.hyperparameters}, self._arrays

    def _become(self, description: dict[str, Any], arrays: Arrays) -> None:
        self._kind, self.hyperparameters = description["kind"], description["hyperparameters"]
        self._arrays = arrays

    def _covariance(self, apart: Floats) -> Floats:
        values = kernel_values(self.options.kernel, apart, self.hyperparameters["length_scale"])
        return np.asarray(self.hyperparameters["amplitude"] ** 2 * values)

    def _factorised(self, apart: Floats, targets: Floats) -> dict[str, Floats]:
        """Cholesky factor of the covariance of the training targets, and the weights of their deviations."""
        covariance = self._covariance(apart) + self.hyperparameters["noise"] ** 2 * np.eye(len(apart))
        factor = np.ascontiguousarray(cholesky(covariance, lower=True))  # as it is when it was loaded
        half = solve_triangular(factor, targets - self.hyperparameters["constant"], lower=True)
        return {"cholesky": factor, "weights": np.asarray(solve_triangular(factor, half, lower=True, trans="T"))}


class _Stationary(gpytorch.kernels.Kernel):  # type: ignore[misc]
    """Kernel of structures named by number, from their distances: these are computed once, not in every step."""

    has_lengthscale = True

    def __init__(self, kernel: str, apart: Tensor) -> None:
        super().__init__()
        self._kernel, self._apart = kernel, apart

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **_: Any) -> Tensor:
        i, j = x1[..., 0].long(), x2[..., 0].long()
        d: Tensor = (self._apart[i, j] if diag else self._apart[i][:, j]) / self.lengthscale.reshape(())
        if self._kernel == "rbf":
            return torch.exp(-0.5 * d**2)
        polynomial: Tensor = 1.0 + 5.0**0.5 * d + 5.0 / 3.0 * d**2
        return polynomial * torch.exp(-(5.0**0.5) * d)


class _Model(gpytorch.models.ExactGP):  # type: ignore[misc]
    def __init__(self, kernel: str, apart: Floats, targets: Floats, start: tuple[float, float, float]) -> None:
        likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_constraint=GreaterThan(SMALLEST_NOISE))
        numbers = torch.arange(len(targets), dtype=torch.float64)[:, None]
        super().__init__(numbers, torch.from_numpy(targets), likelihood)
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = gpytorch.kernels.ScaleKernel(_Stationary(kernel, torch.from_numpy(apart)))
        self.double()
        self.covar_module.base_kernel.lengthscale, self.covar_module.outputscale, likelihood.noise = start

    def forward(self, x: Tensor) -> MultivariateNormal:
        return MultivariateNormal(self.mean_module(x), self.covar_module(x))

    @torch.no_grad()
    def values(self) -> dict[str, float]:
        return {
            "length_scale": float(self.covar_module.base_kernel.lengthscale),
            "amplitude": float(self.covar_module.outputscale) ** 0.5,
            "noise": float(self.likelihood.noise) ** 0.5,
            "constant": float(self.mean_module.constant),
        }


def _largest_likelihood(
    apart: Floats, targets: Floats, options: GaussianProcessOptions, rng: np.random.Generator
) -> dict[str, float]:
    """Hyperparameters with the largest marginal likelihood that Adam passes, in units of the arguments."""
    starts = [(1.0, 1.0, 0.01), *((10 ** rng.uniform(-1, 1), 1.0, 10 ** rng.uniform(-4, -1)) for _ in range(options.starts - 1))]
    best, found = np.inf, None
    # Exact arithmetic: beyond 800 structures, GPyTorch's own choice is a stochastic estimate.
    exact = gpytorch.settings.fast_computations(False, False, False), gpytorch.settings.max_cholesky_size(10**9)
    with exact[0], exact[1]:
        for start in starts:
            model = _Model(options.kernel, apart, targets, start)
            model.train()
            objective = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
            optimizer = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
            for _ in range(options.steps):
                optimizer.zero_grad()
                loss = -objective(model(*model.train_inputs), model.train_targets)
                if not torch.isfinite(loss):
                    break
                if float(loss.detach()) < best:
                    best, found = float(loss.detach()), model.values()
                loss.backward()
                optimizer.step()
    if found is None:
        raise RunError(f"{NAME}: the marginal likelihood is not finite at any starting point; are the features constant?")
    return found
