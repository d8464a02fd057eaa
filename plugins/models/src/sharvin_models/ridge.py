r"""Linear ridge regression on pooled features, the baseline that a network has to beat.

With the pooled features of a structure standardised to X and targets centred to y,

.. math:: w = \arg\min_w |X w - y|^2 + \alpha |w|^2 = V \,\mathrm{diag}\!\left(\frac{s}{s^2 + \alpha}\right) U^T y,
          \qquad X = U\,\mathrm{diag}(s)\,V^T,

(A. E. Hoerl and R. W. Kennard, Technometrics 12, 55 (1970)). One decomposition serves all penalties.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svd
from sharvin.errors import InputError
from sharvin.samples import Dataset, Prediction, Samples

from sharvin_models.configs import RidgeOptions
from sharvin_models.inputs import require_datasets, require_features, require_finite
from sharvin_models.pooling import pooled
from sharvin_models.saved_model import load_model, save_model
from sharvin_models.standardisation import mean_and_inverse_spread

NAME = "ridge"
VERSION = 1
KINDS = ("per_atom", "per_structure")


class Ridge:
    """Ridge regression, kinds ``per_atom`` (pooled) and ``per_structure``.

    Parameters
    ----------
    options : RidgeOptions
    """

    def __init__(self, options: RidgeOptions) -> None:
        self.options = options
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
        train, test = require_datasets(data, validation, NAME, KINDS)
        x, x_validation = (pooled(features, self.options.pooling, NAME) for features in (train, test))
        mean, inverse_spread = mean_and_inverse_spread(x)
        centre = float(data.targets.mean())
        u, s, vt = svd((x - mean) * inverse_spread, full_matrices=False)
        projected = u.T @ (data.targets - centre)
        best = np.inf
        for alpha in sorted(self.options.alpha, reverse=True):
            weights = inverse_spread * (vt.T @ (s / (s**2 + alpha) * projected))
            intercept = centre - float(mean @ weights)
            predicted = require_finite(x_validation @ weights + intercept, NAME)
            error = float(np.abs(predicted - validation.targets).mean())
            if error < best:
                best, self.alpha, self._weights, self._intercept = error, alpha, weights, intercept
        self._kind = train.kind
        train_error = float(np.abs(self.predict(train).mean - data.targets).mean())
        return {"train_mae": [train_error], "validation_mae": [best]}

    def predict(self, samples: Samples) -> Prediction:
        """Predictions in the order of the samples, without standard deviation.

        Raises
        ------
        InputError
            Before a fit or a load, or if the features differ in kind or size from the training's, or are not finite.
        """
        if self._weights is None:
            raise InputError("ridge: there is no model yet; fit or load one before predicting.")
        features = require_features(samples, NAME, (self._kind,), len(self._weights))
        x = pooled(features, self.options.pooling, NAME)
        # Row by row, so that a prediction does not depend on how many others are asked for.
        predicted = np.array([row @ self._weights + self._intercept for row in x], dtype=np.float64)
        return Prediction(require_finite(predicted, NAME))

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` into an existing folder.

        Raises
        ------
        InputError
            If there is no model yet.
        """
        if self._weights is None:
            raise InputError("ridge: there is no model yet; fit one before saving.")
        description = {"options": self.options.model_dump(mode="json"), "kind": self._kind, "alpha": self.alpha}
        arrays = {"weights": self._weights, "intercept": np.array([self._intercept])}
        save_model(folder, NAME, VERSION, description, arrays)

    def load(self, folder: Path) -> None:
        """Become the saved model, its options included.

        Raises
        ------
        InputError
            If the folder holds no ridge model of this version.
        """
        description, arrays = load_model(folder, NAME, VERSION)
        self.options = RidgeOptions.model_validate(description["options"])
        self._kind, self.alpha = description["kind"], description["alpha"]
        self._weights, self._intercept = arrays["weights"], float(arrays["intercept"][0])
