r"""Standard deviations of a committee made as large as its errors.

Members of a committee agree more than they are right, because they share what none of them has learnt. A prediction states

.. math:: \sigma^2 = a^2 s^2 + b^2, \qquad a, b \ge 0,

with s the standard deviation of :func:`sharvin_studies.fitted_model.committee.combine`: the scaling of Levi, Gispan, Giladi and
Fetaya, Sensors 22, 5540 (2022), with a floor b. Both are learnt from labelled snapshots that members held back, and from the
error e of those members alone that did not learn from them. α and b maximise the likelihood of normal errors, with every pull of
the same weight w, shared by its snapshots,

.. math:: -2 \ln L = \sum_i w_i \left[ \ln(\alpha^2 s_i^2 + b^2) + \frac{e_i^2}{\alpha^2 s_i^2 + b^2} \right].

*Members with a standard deviation of their own* state :math:`s_i` without knowing the label; for them :math:`a = \alpha`.

*Members without one*: most of them learnt from the snapshot. The spread of all members holds the very error that it is to
predict, as those that know a label disagree with the one that does not by just its error: :math:`a \approx M/\sqrt{M-1}` and
b = 0 would follow, however large the errors are where no member knows the label. The spread of those that learnt, with the
unbiased variance :math:`q_i^2`, does not know :math:`e_i`, but is too small. It is taken as too small by as much as their own
errors r are:

.. math:: s_i^2 = \frac{M-1}{M} \, \frac{\sum_j w_j e_j^2}{\sum_j w_j r_j^2} \, q_i^2,

with :math:`r_j^2` the mean square of those members' errors, and the first factor as s² is the mean over M. Where fewer than two
members learnt from a snapshot, :math:`q_i^2` is the average over the others; in committees of two there are no others, and
α = 0. A prediction is as uncertain as the members disagree about it, and as those were wrong that had not learnt:
:math:`a^2 = 1 + \alpha^2`. For α = 0 this is the variance of CV+, which makes its intervals of predictions of members plus or
minus errors of samples that they held back (Barber, Candès, Ramdas and Tibshirani, Ann. Stat. 49, 486 (2021)). Two things are
left out: the error e is that of one member, and the mean of several has a smaller one; and the pulls that a member holds back
also choose the epoch at which its training ends, so that e is somewhat smaller than on pulls without any part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sharvin.errors import InputError
from sharvin.samples import Prediction

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Recalibration:
    """σ² = a² s² + b².

    Parameters
    ----------
    a : float
        Factor of the standard deviation.
    b : float
        Floor, in the unit of the predictions.

    Raises
    ------
    InputError
        If one is negative or no finite number.
    """

    a: float
    b: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.a, self.b]).all() and min(self.a, self.b) >= 0):
            raise InputError(f"a recalibration needs a, b ≥ 0, not {self.a} and {self.b}.")

    def apply(self, prediction: Prediction) -> Prediction:
        """The prediction with recalibrated standard deviation; itself where it states none."""
        if prediction.std is None:
            return prediction
        return replace(prediction, std=np.sqrt((self.a * prediction.std) ** 2 + self.b**2))

    @classmethod
    def learn(cls, members: Sequence[Prediction], held_back: Mask, exact: Array, pull: NDArray[np.int64]) -> Recalibration:
        """From labelled snapshots that at least one member held back.

        Parameters
        ----------
        members : sequence of Prediction
            What each of the M members predicts of the n snapshots.
        held_back : bool[M, n]
            Which member did not learn from which snapshot.
        exact : float64[n]
            Labels.
        pull : int64[n]
            The pull of each snapshot.

        Raises
        ------
        InputError
            If there is no snapshot, or one that all members learnt from.
        """
        if not len(exact) or not held_back.any(axis=0).all():
            raise InputError("a standard deviation is calibrated by labelled snapshots that were held back, and one at least.")
        _, place, size = np.unique(pull, return_inverse=True, return_counts=True)
        weight = 1.0 / (len(size) * size[place])
        alone = of_those_that_held_back(members, held_back)
        squares = (alone.mean - exact) ** 2
        if alone.std is not None and not squares.any():
            return cls(1.0, 0.0)
        if alone.std is not None:
            return cls(*_most_likely(squares, alone.std**2, weight))
        factor, floor = _most_likely(squares, _spread(members, held_back, exact, float(weight @ squares), weight), weight)
        return cls(float(np.hypot(1.0, factor)), floor)


def of_those_that_held_back(members: Sequence[Prediction], held_back: Mask) -> Prediction:
    """What the members predict of each snapshot that did not learn from it; arguments as of :meth:`Recalibration.learn`.

    It has a standard deviation, that of their mixture, where the members have one of their own.
    """
    count = held_back.sum(axis=0)
    means = np.stack([one.mean for one in members])
    mean = np.where(held_back, means, 0.0).sum(axis=0) / count
    stds = [one.std for one in members if one.std is not None]
    if not stds:
        return Prediction(mean)
    variance = np.where(held_back, (means - mean) ** 2 + np.square(stds), 0.0).sum(axis=0) / count
    return Prediction(mean, np.sqrt(variance))


def _spread(members: Sequence[Prediction], held_back: Mask, exact: Array, error: float, weight: Array) -> Array:
    """s² of the module's last equation, given ⟨e²⟩; 0 where it says nothing."""
    learnt = ~held_back
    others = learnt.sum(axis=0)
    if others.max() < 2:
        return np.zeros(len(exact))
    means = np.stack([one.mean for one in members])
    several = others >= 2
    residual = float(weight[several] @ (np.where(learnt, (means - exact) ** 2, 0.0).sum(axis=0)[several] / others[several]))
    if not residual:
        return np.zeros(len(exact))
    residual /= float(weight[several].sum())
    centre = np.where(learnt, means, 0.0).sum(axis=0) / np.maximum(others, 1)
    unbiased = np.where(learnt, (means - centre) ** 2, 0.0).sum(axis=0) / np.maximum(others - 1, 1)
    # Where too few learnt a snapshot to say how they spread, it is as uncertain as the others are on average.
    unbiased[~several] = float(weight[several] @ unbiased[several]) / float(weight[several].sum())
    return np.asarray((1.0 - 1.0 / len(members)) * (error / residual) * unbiased)


def _most_likely(squares: Array, variance: Array, weight: Array) -> tuple[float, float]:
    """Factor and floor of the highest likelihood; a factor of 0 if all variances are.

    With σ² = c v, v = t s²/⟨s²⟩ + 1 − t, the best c at given t is ⟨e²/v⟩; what is left is a function of t in (0, 1) alone.
    """
    mean = float(weight @ variance)
    if not squares.any() or not mean:
        return 0.0, float(np.sqrt(weight @ squares))
    relative = variance / mean

    def scale(t: float) -> float:
        return float(weight @ (squares / (t * relative + 1.0 - t)))

    def cost(x: float) -> float:
        t = float(expit(x))
        return float(np.log(scale(t)) + weight @ np.log(t * relative + 1.0 - t))

    grid = np.linspace(-18.0, 18.0, 73)  # there may be several minima
    best = grid[int(np.argmin([cost(x) for x in grid]))]
    t = float(expit(minimize_scalar(cost, bounds=(best - 0.5, best + 0.5), method="bounded", options={"xatol": 1e-6}).x))
    c = scale(t)
    return float(np.sqrt(c * t / mean)), float(np.sqrt(c * (1.0 - t)))
