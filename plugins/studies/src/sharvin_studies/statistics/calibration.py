"""Whether predicted standard deviations say how large the errors are: calibration of a regressor.

For n predictions with errors e and predicted standard deviations σ, sorted by σ into bins of nearly equal numbers:

- RMV_b = √⟨σ²⟩_b and RMSE_b = √⟨e²⟩_b; a calibrated model has RMSE_b = RMV_b in every bin.
- *Expected calibration error* here means the expected normalised calibration error, ECE = ⟨|RMV_b − RMSE_b| / RMV_b⟩ over bins
  (Levi, Gispan, Giladi and Fetaya, Sensors 22, 5540 (2022)): 0.2 says that stated error bars are wrong by 20 %.
- *Miscalibration area*: ∫₀¹ |q(p) − p| dp, with q(p) the share of exact values below the p-quantile of the predicted normal
  distribution (quantile calibration of Kuleshov, Fenner and Ermon, ICML 2018, PMLR 80, 2796; the area of Tran et al.,
  Mach. Learn.: Sci. Technol. 1, 025006 (2020)). 0 is best; it is at most ½.
- *Rank correlation* of |e| and σ (Spearman): whether large σ go with large errors, whatever their scale. Far below 1 even for a
  perfect model, whose errors are random at given σ.
- *Recalibration factor* √⟨e²/σ²⟩: σ multiplied by it has the highest likelihood of a normal distribution. It is learnt from the
  errors that it judges, so it is a measure; :mod:`sharvin_studies.fitted_model.recalibration` recalibrates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata
from sharvin.errors import InputError

from sharvin_studies.statistics.histograms import band
from sharvin_studies.statistics.prediction_errors import Predicted
from sharvin_studies.statistics.resampling import bootstrap_weights

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Predicted standard deviations against errors.

    Parameters
    ----------
    rmv_G0, rmse_G0 : float64[n_bins]
        Root mean predicted variance and root mean square error of each bin, ascending in the first.
    lower_G0, upper_G0 : float64[n_bins]
        95 % bootstrap interval of the error over pulls; nan for one pull.
    size : int64[n_bins]
        Predictions in each bin.
    expected_calibration_error : float
        ENCE; infinite if a bin states no uncertainty at all.
    miscalibration_area : float
    rank_correlation : float
        nan if all σ or all errors are equal.
    recalibration_factor : float
        Infinite if a prediction that states no uncertainty is wrong.
    """

    rmv_G0: Array
    rmse_G0: Array
    lower_G0: Array
    upper_G0: Array
    size: NDArray[np.int64]
    expected_calibration_error: float
    miscalibration_area: float
    rank_correlation: float
    recalibration_factor: float


def calibration(
    predicted: Predicted, rng: np.random.Generator, *, bins: int = 10, resamples: int = 1000, level: float = 0.95
) -> Calibration:
    """Binned errors, expected calibration error and the other numbers of this module.

    Fewer predictions than bins are put into one bin each.

    Raises
    ------
    InputError
        If there are no predictions, they state no standard deviation, or `bins` is not positive.
    """
    if predicted.std_G0 is None:
        raise InputError("calibration needs predicted standard deviations, but the model states none.")
    if not len(predicted) or bins < 1:
        raise InputError(f"calibration needs predictions and bins, not {len(predicted)} and {bins}.")
    std, error = predicted.std_G0, predicted.error_G0
    size = _equal_parts(len(std), bins)
    bin_of = np.empty(len(std), dtype=np.int64)
    bin_of[np.argsort(std, kind="stable")] = np.repeat(np.arange(len(size)), size)
    rmv = np.sqrt(np.bincount(bin_of, weights=std**2) / size)
    rmse = np.sqrt(np.bincount(bin_of, weights=error**2) / size)
    lower, upper = _intervals(predicted, bin_of, len(size), rng, resamples, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(rmse == rmv, 0.0, np.abs(rmv - rmse) / rmv)
        scaled = np.where(error == 0.0, 0.0, error / std)
    return Calibration(
        rmv_G0=rmv,
        rmse_G0=rmse,
        lower_G0=lower,
        upper_G0=upper,
        size=size,
        expected_calibration_error=float(relative.mean()),
        miscalibration_area=_miscalibration_area(scaled),
        rank_correlation=_rank_correlation(np.abs(error), std),
        recalibration_factor=float(np.sqrt(np.mean(scaled**2))),
    )


def _equal_parts(total: int, parts: int) -> NDArray[np.int64]:
    parts = min(parts, total)
    return np.diff(np.arange(parts + 1) * total // parts)


def _intervals(
    predicted: Predicted, bin_of: NDArray[np.int64], bins: int, rng: np.random.Generator, resamples: int, level: float
) -> tuple[Array, Array]:
    """Pulls are resampled while the bins stay; resamples in which a bin is empty do not count for it."""
    if predicted.pulls < 2:
        return np.full(bins, np.nan), np.full(bins, np.nan)
    _, pull = np.unique(predicted.pull, return_inverse=True)
    squares, sizes = np.zeros((predicted.pulls, bins)), np.zeros((predicted.pulls, bins))
    np.add.at(squares, (pull, bin_of), predicted.error_G0**2)
    np.add.at(sizes, (pull, bin_of), 1.0)
    weights = bootstrap_weights(predicted.pulls, rng, resamples)
    drawn = weights @ sizes
    rmse = np.sqrt((weights @ squares) / np.where(drawn > 0, drawn, np.nan))
    ends = [band(column[np.isfinite(column)], level) for column in rmse.T]
    return np.array([low for low, _ in ends], dtype=np.float64), np.array([high for _, high in ends], dtype=np.float64)


def _miscalibration_area(scaled: Array) -> float:
    """Area between the empirical distribution of Φ(−e/σ), a step function, and the diagonal: exact, with no grid of p."""
    places = np.sort(norm.cdf(-scaled))
    corners = np.concatenate([[0.0], places, [1.0]])
    left, right, level = corners[:-1], corners[1:], np.arange(len(corners) - 1) / len(places)
    middle = np.clip(level, left, right)  # where the diagonal crosses the step
    return float(np.sum(0.5 * np.abs(middle - left) * np.abs(2 * level - middle - left)
                        + 0.5 * np.abs(right - middle) * np.abs(right + middle - 2 * level)))  # fmt: skip


def _rank_correlation(first: Array, second: Array) -> float:
    one, other = rankdata(first), rankdata(second)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
