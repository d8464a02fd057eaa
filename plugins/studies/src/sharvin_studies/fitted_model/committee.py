r"""What several models say together.

Each of M models gives a mean :math:`\mu_m` and, some of them, a variance :math:`\sigma_m^2`; the mixture of their distributions
with equal weights has

.. math:: \mu = \frac1M \sum_m \mu_m, \qquad \sigma^2 = \frac1M \sum_m (\mu_m - \mu)^2 + \frac1M \sum_m \sigma_m^2

(B. Lakshminarayanan, A. Pritzel and C. Blundell, Adv. Neural Inf. Process. Syst. 30 (2017)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sharvin.errors import InputError
from sharvin.samples import Prediction


def combine(predictions: Sequence[Prediction]) -> Prediction:
    """The mixture of the predictions of several models for the same samples.

    Parameters
    ----------
    predictions : sequence of Prediction
        One a model; of one model alone it is what that model says.

    Raises
    ------
    InputError
        If there is none, they are of different lengths, or some state a standard deviation and others do not.
    """
    if not predictions:
        raise InputError("a committee needs one model at least.")
    if len(predictions) == 1:
        return predictions[0]
    if len({len(one.mean) for one in predictions}) > 1:
        raise InputError("the models of a committee must predict the same samples.")
    stds = [one.std for one in predictions if one.std is not None]
    if stds and len(stds) < len(predictions):
        raise InputError("some models of the committee state a standard deviation and others do not; use one kind of model.")
    means = np.stack([one.mean for one in predictions])
    variance = means.var(axis=0) + (np.mean(np.square(stds), axis=0) if stds else 0.0)
    return Prediction(means.mean(axis=0), np.sqrt(variance))
