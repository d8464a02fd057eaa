"""Predictions that no conductance can have, or that none of the training had: they are marked, no number is altered."""

from __future__ import annotations

import numpy as np

from sharvin_studies.fitted_model.model import FittedModel

ERRORS = 3.0
"""A prediction this many mean absolute errors below zero, or beyond the conductances of the training, is no mere error."""
ROUNDING_G0 = 1e-3
"""A prediction so little below zero is zero as it is printed."""
BEYOND = 0.5
"""Of the range of conductances of the training; a prediction farther beyond it is extrapolated."""


def is_negative(model: FittedModel, conductance_G0: float) -> bool:
    """Whether a prediction is below zero by more than the model's error explains."""
    return bool(np.isfinite(conductance_G0)) and conductance_G0 < -max(ERRORS * (model.error_G0 or 0.0), ROUNDING_G0)


def is_far_outside(model: FittedModel, conductance_G0: float) -> bool:
    """Whether a prediction is far from all conductances that the model learnt from."""
    if model.conductances_G0 is None or not np.isfinite(conductance_G0):
        return False
    low, high = model.conductances_G0
    margin = max(ERRORS * (model.error_G0 or 0.0), BEYOND * (high - low))
    return not low - margin <= conductance_G0 <= high + margin


def doubt(model: FittedModel, conductance_G0: float) -> str:
    """What to note of a prediction; nothing if a wire like those of the training may have it."""
    if is_negative(model, conductance_G0):
        return "not a conductance: negative"
    if is_far_outside(model, conductance_G0):
        return f"far outside the conductances of the training, {learnt_range(model)}"
    return ""


def learnt_range(model: FittedModel) -> str:
    """The conductances that the model learnt from, in words."""
    assert model.conductances_G0 is not None
    low, high = model.conductances_G0
    return f"{low:.2g} to {high:.2g} G0"
