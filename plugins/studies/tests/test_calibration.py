from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, spearmanr
from sharvin.errors import InputError
from sharvin_studies.statistics.calibration import calibration
from sharvin_studies.statistics.prediction_errors import Predicted, mean_absolute_error_over_pulls


def normal_errors(n: int = 20_000, factor: float = 1.0, pulls: int = 100) -> Predicted:
    """Errors drawn from the stated normal distributions, stated standard deviations then multiplied by a factor."""
    rng = np.random.default_rng(1)
    std = np.exp(rng.normal(-2.0, 0.6, n))
    exact = rng.uniform(0, 6, n)
    return Predicted(exact, exact + std * rng.normal(size=n), np.arange(n) % pulls, factor * std)


def test_a_model_that_states_its_own_errors_is_calibrated() -> None:
    found = calibration(normal_errors(), np.random.default_rng(2))
    assert found.expected_calibration_error < 0.03
    assert found.miscalibration_area < 0.01
    assert found.recalibration_factor == pytest.approx(1.0, abs=0.02)
    assert np.all(np.diff(found.rmv_G0) > 0)
    assert np.mean((found.lower_G0 <= found.rmv_G0) & (found.rmv_G0 <= found.upper_G0)) >= 0.8
    np.testing.assert_array_equal(found.size, 2000)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_error_bars_off_by_a_factor_show_it_in_the_calibration_error_and_are_mended_by_the_factor(factor: float) -> None:
    predicted = normal_errors(factor=factor)
    found = calibration(predicted, np.random.default_rng(2))
    assert found.expected_calibration_error == pytest.approx(abs(1 - 1 / factor), abs=0.03)  # |σ − σ/factor| / σ
    p = np.linspace(0, 1, 20_001)
    expected = np.trapezoid(np.abs(norm.cdf(factor * norm.ppf(p)) - p), p)
    assert found.miscalibration_area == pytest.approx(expected, abs=0.01)
    assert predicted.std_G0 is not None
    mended = calibration(replace(predicted, std_G0=found.recalibration_factor * predicted.std_G0), np.random.default_rng(2))
    assert mended.expected_calibration_error < 0.03
    assert mended.recalibration_factor == pytest.approx(1.0, abs=1e-12)


def test_a_biased_model_has_the_area_of_its_bias() -> None:
    n = 50_000
    exact = np.random.default_rng(3).normal(size=n)
    found = calibration(Predicted(exact, np.full(n, 100.0), np.zeros(n), np.ones(n)), np.random.default_rng(4))
    assert found.miscalibration_area == pytest.approx(0.5, abs=1e-4)


def test_rank_correlation_is_spearmans_and_does_not_know_the_scale() -> None:
    predicted = normal_errors(2_000)
    one = calibration(predicted, np.random.default_rng(2)).rank_correlation
    assert one == pytest.approx(spearmanr(np.abs(predicted.error_G0), predicted.std_G0).statistic, abs=1e-12)
    assert calibration(normal_errors(2_000, factor=7.0), np.random.default_rng(2)).rank_correlation == pytest.approx(one)


def test_bins_hold_all_predictions_and_their_mean_squares() -> None:
    predicted = normal_errors(103)
    assert predicted.std_G0 is not None
    found = calibration(predicted, np.random.default_rng(2), bins=10)
    assert found.size.sum() == 103 and np.ptp(found.size) == 1
    assert np.sum(found.size * found.rmse_G0**2) == pytest.approx(np.sum(predicted.error_G0**2))
    assert np.sum(found.size * found.rmv_G0**2) == pytest.approx(np.sum(predicted.std_G0**2))
    assert len(calibration(normal_errors(4), np.random.default_rng(2), bins=10).size) == 4


def test_a_model_that_claims_to_be_exact_and_errs_is_infinitely_miscalibrated() -> None:
    wrong = calibration(Predicted([1.0, 2.0], [1.1, 2.1], [0, 1], [0.0, 0.0]), np.random.default_rng(0), bins=1)
    assert wrong.expected_calibration_error == np.inf and wrong.recalibration_factor == np.inf
    right = calibration(Predicted([1.0, 2.0], [1.0, 2.0], [0, 0], [0.0, 0.0]), np.random.default_rng(0), bins=1)
    assert right.expected_calibration_error == 0.0 and np.isnan(right.rank_correlation) and np.isnan(right.lower_G0).all()


def test_interval_of_the_error_reflects_pulls_and_not_snapshots() -> None:
    rng = np.random.default_rng(5)
    pull = np.repeat(np.arange(10), 200)
    exact = np.zeros(pull.size)
    by_pull = rng.normal(0, 0.1, 10)[pull]
    common = mean_absolute_error_over_pulls(Predicted(exact, by_pull, pull), np.random.default_rng(6))
    independent = mean_absolute_error_over_pulls(Predicted(exact, by_pull, np.arange(pull.size)), np.random.default_rng(6))
    assert common.mae_G0 == independent.mae_G0 == pytest.approx(np.abs(by_pull).mean())
    assert common.lower_G0 < common.mae_G0 < common.upper_G0
    assert common.upper_G0 - common.lower_G0 > 5 * (independent.upper_G0 - independent.lower_G0)
    assert (common.pulls, common.snapshots) == (10, 2000)


def test_one_pull_has_an_error_without_an_interval() -> None:
    found = mean_absolute_error_over_pulls(Predicted([1.0, 2.0], [1.5, 2.5], [3, 3]), np.random.default_rng(0))
    assert found.mae_G0 == 0.5 and np.isnan(found.lower_G0) and np.isnan(found.upper_G0)


def test_predictions_that_cannot_be_judged_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="exact_G0 a snapshot"):
        Predicted([1.0], [1.0, 2.0], [0, 0])
    with pytest.raises(InputError, match=r"1 of 2 values of predicted_G0 are not finite"):
        Predicted([1.0, 2.0], [1.0, np.nan], [0, 0])
    with pytest.raises(InputError, match="negative"):
        Predicted([1.0], [1.0], [0], [-0.1])
    with pytest.raises(InputError, match="states none"):
        calibration(Predicted([1.0], [1.0], [0]), rng)
    with pytest.raises(InputError, match="at least one prediction"):
        mean_absolute_error_over_pulls(Predicted([], [], []), rng)
    with pytest.raises(InputError, match="needs predictions"):
        calibration(Predicted([], [], [], []), rng)
