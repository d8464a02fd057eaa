"""One row per structure: rows of atoms pooled while they stream by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.samples import FeatureRows

from sharvin_models.pooled.structure_kernels import of_length_one
from sharvin_models.training.inputs import rows_of

POOL: dict[str, Callable[..., Any]] = {"mean": np.mean, "max": np.max, "sum": np.sum}


def pooled(features: FeatureRows, pooling: str, name: str, unit_rows: bool = False) -> NDArray[np.float64]:
    """One row per structure; the rows of one structure at a time are read.

    Parameters
    ----------
    features : FeatureRows
        One row per structure stays as it is.
    pooling : {"mean", "max", "sum"}
    name : str
        Of the regressor, for error messages.
    unit_rows : bool
        Scale every row to length 1 first; rows of zeros stay.

    Returns
    -------
    float64[n_structures, size]

    Raises
    ------
    InputError
        If a structure has no atoms or values that are not finite.
    """
    result = np.empty((len(features), features.size))
    for index in range(len(features)):
        rows = rows_of(features, index, name).astype(np.float64)
        if unit_rows:
            rows = of_length_one(rows)
        result[index] = POOL[pooling](rows, axis=0)
        if not np.isfinite(result[index]).all():
            raise InputError(f"{name}: structure {index} has features that are not finite.")
    return result
