r"""Kernel ridge regression: a prediction is a sum over the training structures, weighted by their similarity.

.. math:: G(x) = \bar G + \sum_i w_i\, k(x, x_i), \qquad (K + \alpha 1)\, w = G - \bar G,

with the kernels of :mod:`sharvin_models.pooled.structure_kernels` (C. Saunders, A. Gammerman and V. Vovk, ICML 15, 515 (1998)).
Rows of atoms are first pooled to one row x per structure, so the cost does not grow with the atoms: with n training structures,
memory n², time n³/3 for each width and penalty, and n kernels per prediction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from sharvin.errors import InputError
from sharvin.numerics.error_measures import mean_absolute_error
from sharvin.samples import Dataset, Prediction, Samples

from sharvin_models.pooled.configs import KernelRidgeOptions
from sharvin_models.pooled.pooling import pooled
from sharvin_models.pooled.structure_kernels import all_separations, kernel_values, median_separation, of_length_one, separations
from sharvin_models.training.inputs import require_datasets, require_features
from sharvin_models.training.saved_model import Arrays, SavedRegressor
from sharvin_models.training.standardisation import common_scale, mean_and_inverse_spread

NAME = "kernel_ridge"
KINDS = ("per_atom", "per_structure")

Floats = NDArray[np.float64]


class KernelRidge(SavedRegressor[KernelRidgeOptions]):
    """Kernel ridge regression, kinds ``per_atom`` (pooled) and ``per_structure``.

    Parameters
    ----------
    options : KernelRidgeOptions
    """

    name = NAME

    def __init__(self, options: KernelRidgeOptions) -> None:
        super().__init__(options)
        self._kind = ""
        self._rows: Floats | None = None
        self._mean, self._scale, self._weights = np.empty(0), np.empty(0), np.empty(0)
        self._centre = 0.0
        self._parameter = 1.0
        self.chosen: dict[str, float] = {}
        """``alpha`` and ``width`` or ``zeta`` in use, as in the options."""

    def fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        """Learn; of all widths (or exponents) and penalties, those with the smallest validation error are kept.

        Of equals, the widest kernel (the smallest exponent) and the largest penalty are kept.

        Returns
        -------
        dict
            ``train_mae`` and ``validation_mae`` of the model kept, in the unit of the targets, one value each.

        Raises
        ------
        InputError
            If a set is empty, a target or feature is not finite, the two sets do not fit together, or a penalty is too small for
            the kernel matrix to be positive definite.
        """
        train, test = require_datasets(data, validation, NAME, KINDS)
        x, x_validation = (pooled(features, self.options.pooling, NAME, self.options.unit_rows) for features in (train, test))
        self._set_scale(x)
        rows = self._scaled(x)
        kernel, self._centre = self.options.kernel, float(data.targets.mean())
        apart = all_separations(kernel, rows, rows)
        from_validation = all_separations(kernel, rows, self._scaled(x_validation))
        unit = 1.0 if kernel == "polynomial" else median_separation(apart)
        best, train_error = np.inf, np.inf
        for choice in self._grid():
            matrix = kernel_values(kernel, apart, choice * unit)
            similar = kernel_values(kernel, from_validation, choice * unit)
            for alpha in sorted(self.options.alpha, reverse=True):
                weights = _solve(matrix, alpha, data.targets - self._centre)
                error = mean_absolute_error(np.array([row @ weights for row in similar]) + self._centre, validation.targets)
                if error < best:
                    best, self._weights, self._parameter = error, weights, choice * unit
                    train_error = mean_absolute_error(matrix @ weights + self._centre, data.targets)
                    self.chosen = {"zeta" if kernel == "polynomial" else "width": choice, "alpha": alpha}
        self._kind, self._rows = train.kind, rows
        return {"train_mae": [train_error], "validation_mae": [best]}

    def predict(self, samples: Samples) -> Prediction:
        """Predictions in the order of the samples, without standard deviation; structures pass one by one.

        Raises
        ------
        InputError
            Before a fit or a load, or if the features differ in kind or size from the training's or are not finite.
        """
        training = self._require_learnt(self._rows)
        features = require_features(samples, NAME, (self._kind,), training.shape[1])
        rows = self._scaled(pooled(features, self.options.pooling, NAME, self.options.unit_rows))
        kernel = self.options.kernel
        similar = (kernel_values(kernel, separations(kernel, training, row), self._parameter) for row in rows)
        return Prediction(np.array([row @ self._weights + self._centre for row in similar], dtype=np.float64))

    def _learnt(self) -> tuple[dict[str, Any], Arrays] | None:
        if self._rows is None:
            return None
        arrays = {
            "rows": self._rows,
            "weights": self._weights,
            "mean": self._mean,
            "scale": self._scale,
            "centre_and_parameter": np.array([self._centre, self._parameter]),
        }
        return {"kind": self._kind, "chosen": self.chosen}, arrays

    def _become(self, description: dict[str, Any], arrays: Arrays) -> None:
        self._kind, self.chosen = description["kind"], description["chosen"]
        self._rows, self._weights = arrays["rows"], arrays["weights"]
        self._mean, self._scale = arrays["mean"], arrays["scale"]
        self._centre, self._parameter = (float(value) for value in arrays["centre_and_parameter"])

    def _grid(self) -> list[float]:
        if self.options.kernel == "polynomial":
            return [float(zeta) for zeta in sorted(self.options.zeta)]
        return sorted(self.options.width, reverse=True)

    def _set_scale(self, x: Floats) -> None:
        self._mean, self._scale = np.zeros(x.shape[1]), np.ones(x.shape[1])
        if self.options.kernel != "polynomial":
            self._mean, self._scale = mean_and_inverse_spread(x)
            if self.options.feature_scale == "common":
                self._scale = common_scale(self._scale)

    def _scaled(self, x: Floats) -> Floats:
        scaled: Floats = (x - self._mean) * self._scale
        return of_length_one(scaled) if self.options.kernel == "polynomial" else scaled


def _solve(matrix: Floats, alpha: float, targets: Floats) -> Floats:
    """Weights of the training structures."""
    try:
        factor = cho_factor(matrix + alpha * np.eye(len(matrix)), lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        raise InputError(
            f"{NAME}: the kernel matrix with alpha {alpha:g} is not positive definite in double precision; leave this alpha out."
        ) from None
    return np.asarray(cho_solve(factor, targets, check_finite=False))
