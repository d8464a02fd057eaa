r"""Linear ridge regression on pooled features, the baseline that a network has to beat.

With the pooled features of a structure standardised to X and targets centred to y,

.. math:: w = \arg\min_w |X w - y|^2 + \alpha |w|^2 = V \,\mathrm{diag}\!\left(\frac{s}{s^2 + \alpha}\right) U^T y,
          \qquad X = U\,\mathrm{diag}(s)\,V^T,

(A. E. Hoerl and R. W. Kennard, Technometrics 12, 55 (1970)). One decomposition serves all penalties.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svd
from sharvin.numerics.error_measures import mean_absolute_error
from sharvin.samples import Dataset, Prediction, Samples

from sharvin_models.pooled.configs import RidgeOptions
from sharvin_models.pooled.pooling import pooled
from sharvin_models.training.inputs import require_datasets, require_features, require_finite
from sharvin_models.training.saved_model import Arrays, SavedRegressor
from sharvin_models.training.standardisation import mean_and_inverse_spread

KINDS = ("per_atom", "per_structure")


class Ridge(SavedRegressor[RidgeOptions]):
    """Ridge regression, kinds ``per_atom`` (pooled) and ``per_structure``.

    Parameters
    ----------
    options : RidgeOptions
    """

    name = "ridge"

    def __init__(self, options: RidgeOptions) -> None:
        super().__init__(options)
        self._kind = ""
        self._weights: NDArray[np.float64] | None = None
        self._intercept = 0.0
        self.alpha = options.alpha[0]
        """Penalty in use; after a fit, the one chosen."""

    def fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        """Learn; the penalty with the smallest validation error is kept, the largest of equals.

        Returns
        -------
        dict
            ``train_mae`` and ``validation_mae`` of the model kept, in the unit of the targets, one value each.

        Raises
        ------
        InputError
            If a set is empty, a target or feature is not finite, or the two sets do not fit together.
        """
        train, test = require_datasets(data, validation, self.name, KINDS)
        x, x_validation = (pooled(features, self.options.pooling, self.name) for features in (train, test))
        mean, inverse_spread = mean_and_inverse_spread(x)
        centre = float(data.targets.mean())
        u, s, vt = svd((x - mean) * inverse_spread, full_matrices=False)
        projected = u.T @ (data.targets - centre)
        best = np.inf
        for alpha in sorted(self.options.alpha, reverse=True):
            weights = inverse_spread * (vt.T @ (s / (s**2 + alpha) * projected))
            intercept = centre - float(mean @ weights)
            predicted = require_finite(x_validation @ weights + intercept, self.name)
            error = mean_absolute_error(predicted, validation.targets)
            if error < best:
                best, self.alpha, self._weights, self._intercept = error, alpha, weights, intercept
        self._kind = train.kind
        train_error = mean_absolute_error(self.predict(train).mean, data.targets)
        return {"train_mae": [train_error], "validation_mae": [best]}

    def predict(self, samples: Samples) -> Prediction:
        """Predictions in the order of the samples, without standard deviation.

        Raises
        ------
        InputError
            Before a fit or a load, or if the features differ in kind or size from the training's, or are not finite.
        """
        weights = self._require_learnt(self._weights)
        features = require_features(samples, self.name, (self._kind,), len(weights))
        x = pooled(features, self.options.pooling, self.name)
        # Row by row, so that a prediction does not depend on how many others are asked for.
        predicted = np.array([row @ weights + self._intercept for row in x], dtype=np.float64)
        return Prediction(require_finite(predicted, self.name))

    def _learnt(self) -> tuple[dict[str, Any], Arrays] | None:
        if self._weights is None:
            return None
        description = {"kind": self._kind, "alpha": self.alpha}
        return description, {"weights": self._weights, "intercept": np.array([self._intercept])}

    def _become(self, description: dict[str, Any], arrays: Arrays) -> None:
        self._kind, self.alpha = description["kind"], description["alpha"]
        self._weights, self._intercept = arrays["weights"], float(arrays["intercept"][0])
