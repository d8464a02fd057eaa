from __future__ import annotations

import numpy as np
import pytest
from sharvin.errors import InputError
from sharvin_studies.statistics import histograms
from sharvin_studies.statistics.histogram_comparison import overlap_matrix, overlap_of_halves, plateau_histogram

EDGES = histograms.linear_edges(0.1, 4.0)


def traces(seed: int, n: int = 24, shift: float = 0.0) -> list[np.ndarray]:
    """Correlated traces: each has a plateau of its own near 1 and 2 G0."""
    rng = np.random.default_rng(seed)
    return [np.concatenate([rng.normal(level + shift + 0.1 * rng.normal(), 0.1, 60) for level in (1.0, 2.0)]) for _ in range(n)]


def test_the_matrix_holds_the_overlaps_and_r_squared_of_the_histograms() -> None:
    sets = {"a": traces(1), "b": traces(2), "c": traces(3, 10, shift=0.3)}
    found = overlap_matrix(sets, EDGES, np.random.default_rng(4), resamples=50)
    pooled = {label: histograms.count(histograms.pooled(g), EDGES) for label, g in sets.items()}
    for i, first in enumerate(sets):
        for j, second in enumerate(sets):
            assert found.overlap[i, j] == pytest.approx(histograms.overlap(pooled[first], pooled[second]), abs=1e-12)
            assert found.r_squared[i, j] == pytest.approx(
                histograms.histogram_r_squared(pooled[first], pooled[second]), abs=1e-12
            )
    assert found.labels == ("a", "b", "c") and found.traces == (24, 24, 10)
    off = ~np.eye(3, dtype=bool)
    assert np.all(found.lower[off] <= found.overlap[off]) and np.all(found.overlap[off] <= found.upper[off])


def test_wires_of_one_distribution_are_consistent_and_shifted_ones_are_not() -> None:
    found = overlap_matrix({"a": traces(1), "b": traces(2), "shifted": traces(3, shift=0.2)}, EDGES, np.random.default_rng(5))
    assert found.p_value[0, 1] > 0.05
    assert found.p_value[0, 2] < 0.01 and found.p_value[1, 2] < 0.01
    assert found.overlap[0, 2] < found.lower[0, 1] < found.exchanged[0, 1]
    assert found.overlap[0, 2] < found.halves.min()


def test_p_values_of_equal_wires_are_spread_evenly() -> None:
    values = []
    for seed in range(60):
        sets = {"a": traces(2 * seed, 8), "b": traces(2 * seed + 1, 8)}
        values.append(overlap_matrix(sets, EDGES, np.random.default_rng(seed), resamples=99).p_value[0, 1])
    assert 0.35 < np.mean(values) < 0.65
    assert np.mean(np.array(values) < 0.2) < 0.4


def test_halves_of_a_set_agree_as_well_as_two_sets_of_half_as_many_traces() -> None:
    halves = overlap_of_halves(traces(1, 40), EDGES, np.random.default_rng(6), splits=300)
    pairs = []
    for seed in range(40):
        first, second = (histograms.count(histograms.pooled(traces(100 + 2 * seed + k, 20)), EDGES) for k in (0, 1))
        pairs.append(histograms.overlap(first, second))
    assert halves.shape == (300,) and np.all((halves > 0) & (halves < 1))
    assert halves.mean() == pytest.approx(np.mean(pairs), abs=0.03)


def test_equal_predictions_of_the_same_pulls_overlap_fully_whatever_is_resampled() -> None:
    same = traces(1)
    paired = overlap_matrix(
        {"a": same, "b": [g.copy() for g in same]}, EDGES, np.random.default_rng(7), paired=True, resamples=99
    )
    assert [paired.overlap[0, 1], paired.lower[0, 1], paired.upper[0, 1]] == pytest.approx([1.0, 1.0, 1.0], abs=1e-12)
    assert paired.p_value[0, 1] == 1.0


def test_pairing_finds_a_small_systematic_difference_that_the_choice_of_pulls_hides() -> None:
    g = traces(1, 12)
    sets = {"a": g, "b": [values + 0.04 for values in g]}
    alone = overlap_matrix(sets, EDGES, np.random.default_rng(8), resamples=500)
    paired = overlap_matrix(sets, EDGES, np.random.default_rng(8), paired=True, resamples=500)
    assert paired.p_value[0, 1] < 0.05 < alone.p_value[0, 1]
    assert paired.upper[0, 1] - paired.lower[0, 1] < alone.upper[0, 1] - alone.lower[0, 1]


def test_a_single_trace_has_an_overlap_without_an_interval() -> None:
    found = overlap_matrix({"one": traces(1, 1), "many": traces(2)}, EDGES, np.random.default_rng(9), resamples=20)
    assert 0 < found.overlap[0, 1] < 1
    assert np.isnan([found.lower[0, 1], found.upper[0, 1], found.p_value[0, 1], found.halves[0]]).all()
    assert np.isfinite(found.halves[1])


def test_a_model_that_predicts_nothing_within_the_bins_has_nothing_in_common_with_the_others() -> None:
    found = overlap_matrix({"wire": traces(1), "lost": [np.full(50, -1.0)] * 24}, EDGES, np.random.default_rng(9), resamples=99)
    assert found.overlap[0, 1] == found.upper[0, 1] == 0.0 and found.p_value[0, 1] == pytest.approx(0.01)
    assert np.isnan(found.r_squared[0, 1]) and found.r_squared[1, 0] < 0


def test_sets_that_cannot_be_compared_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="at least one set"):
        overlap_matrix({}, EDGES, rng)
    with pytest.raises(InputError, match="'empty' holds no trace"):
        overlap_matrix({"empty": []}, EDGES, rng)
    with pytest.raises(InputError, match="not finite"):
        overlap_matrix({"bad": [np.array([1.0, np.nan])]}, EDGES, rng)
    with pytest.raises(InputError, match="same pulls"):
        overlap_matrix({"a": traces(1, 2), "b": traces(1, 3)}, EDGES, rng, paired=True)
    with pytest.raises(InputError, match="at least 2 traces"):
        overlap_of_halves(traces(1, 1), EDGES, rng)


def test_plateau_histogram_counts_the_traces_that_have_a_plateau() -> None:
    found = plateau_histogram([0.0, 0.2, 0.7, 0.9, 2.1, 0.0], bin_width_A=0.5)
    np.testing.assert_array_equal(found.counts, [1, 2, 0, 0, 1, 0])
    assert found.total == 4 and found.outside == 0
    assert plateau_histogram([0.0, 0.0]).total == 0
