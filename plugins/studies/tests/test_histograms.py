from __future__ import annotations

import numpy as np
import pytest
from sharvin.errors import InputError
from sharvin.numerics.error_measures import r_squared
from sharvin_studies.statistics import histograms
from sharvin_studies.statistics.resampling import mean_over_traces


def staircase(steps: list[tuple[float, int]], spacing_A: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """A trace whose conductance stays at each value for a number of points."""
    conductance = np.concatenate([np.full(points, value) for value, points in steps])
    return spacing_A * np.arange(conductance.size), conductance


def gold_like(rng: np.random.Generator) -> np.ndarray:
    """Conductances of a trace: a last plateau at 1 G0 of random length, and a smooth background above."""
    return np.concatenate([rng.normal(1.0, 0.08, rng.integers(20, 120)), rng.uniform(0.2, 6.0, 200)])


def test_every_conductance_is_counted_once_or_lies_outside() -> None:
    values = np.random.default_rng(1).uniform(0.0, 10.0, 5000)
    histogram = histograms.conductance_histogram(values, bin_width_G0=0.07, max_G0=8.0)
    assert histogram.total + histogram.outside == values.size
    assert histogram.outside == np.count_nonzero(values > histogram.edges[-1])
    assert np.sum(histogram.density * histogram.widths) == pytest.approx(1.0)


def test_edges_cover_the_range_in_equal_steps() -> None:
    edges = histograms.linear_edges(0.05, 8.0)
    assert edges.size == 161
    assert edges[20] == pytest.approx(1.0)
    assert histograms.linear_edges(0.3, 1.0)[-1] == pytest.approx(1.2)


def test_logarithmic_bins_hold_equal_shares_of_a_log_uniform_distribution() -> None:
    values = 10.0 ** np.linspace(-4, 1, 100_001)[:-1]
    histogram = histograms.log_conductance_histogram(np.append(values, 0.0), bins_per_decade=10)
    assert histogram.counts == pytest.approx(np.full(50, 2000), abs=1)
    assert histogram.outside == 1


def test_failed_frames_are_refused_rather_than_dropped() -> None:
    with pytest.raises(InputError, match="not finite"):
        histograms.conductance_histogram([1.0, np.nan])


def test_the_peak_of_a_normal_distribution_lies_at_its_mean() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0.93, 0.1, 20_000), rng.uniform(0.0, 8.0, 20_000)])
    peak = histograms.find_peak(histograms.conductance_histogram(values))
    assert peak is not None
    assert peak.position_G0 == pytest.approx(0.93, abs=0.01)
    background = 20_000 * 0.05 / 8.0
    smoothed_sigma = np.hypot(0.1, 0.05)
    height = 20_000 * 0.05 / (smoothed_sigma * np.sqrt(2 * np.pi))
    assert peak.height == pytest.approx(height + background, rel=0.03)
    assert peak.prominence == pytest.approx(height, rel=0.05)


def test_a_flat_histogram_has_no_peak() -> None:
    for seed in range(20):
        values = np.random.default_rng(seed).uniform(0.0, 8.0, 3000)
        assert histograms.find_peak(histograms.conductance_histogram(values)) is None


def test_a_peak_elsewhere_is_not_the_1_G0_peak() -> None:
    values = np.random.default_rng(3).normal(2.5, 0.1, 5000)
    histogram = histograms.conductance_histogram(values)
    assert histograms.find_peak(histogram) is None
    found = histograms.find_peak(histogram, near_G0=2.6)
    assert found is not None and found.position_G0 == pytest.approx(2.5, abs=0.01)


def test_smoothing_conserves_counts() -> None:
    histogram = histograms.conductance_histogram(np.random.default_rng(4).uniform(0, 8, 1000))
    assert histograms.smoothed(histogram, 0.1).sum() == pytest.approx(1000)


def test_plateau_lengths_of_a_staircase_are_its_steps() -> None:
    first = staircase([(3.0, 20), (2.0, 15), (1.0, 42), (0.0, 10)])
    second = staircase([(2.0, 30), (0.0, 10)])
    lengths = histograms.plateau_lengths([first[0], second[0]], [first[1], second[1]], (0.5, 1.5))
    assert lengths == pytest.approx([4.2, 0.0])
    assert histograms.plateau_lengths([first[0]], [first[1]], (1.5, 2.5)) == pytest.approx([1.5])


def test_a_trace_breaks_where_it_crosses_the_threshold_for_the_last_time() -> None:
    elongation = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert histograms.rupture_elongation(elongation, [2.0, 0.2, 1.0, 0.0, 0.0]) == pytest.approx(2.5)
    assert histograms.rupture_elongation(elongation, [5.0, 4.0, 3.0, 2.0, 1.0]) == 4.0


def test_aligned_traces_end_at_zero_elongation_whatever_their_length() -> None:
    traces = [staircase([(2.0, 20), (1.0, points), (0.0, 10)]) for points in (10, 25, 60)]
    found = histograms.elongation_histogram_2d(
        *zip(*traces, strict=True), elongation_bin_A=0.5, before_A=8.0, after_A=1.0, max_G0=3.0
    )
    assert found.counts.sum() + found.outside == sum(x.size for x, _ in traces)
    before = found.elongation_edges_A[1:] <= 1e-9
    conducting = found.conductance_edges_G0[:-1] > 0.5
    assert found.counts[np.ix_(before, conducting)].sum() + found.outside == sum(np.count_nonzero(g > 0.5) for _, g in traces)
    assert found.counts[np.ix_(~before, conducting)].sum() == 0
    last = found.counts[np.flatnonzero(before)[-1]]
    assert last[np.flatnonzero(np.isclose(found.conductance_edges_G0, 1.0))[0]] == 3 * 5  # 0.5 Å in steps of 0.1 Å


def test_unbroken_traces_fill_no_bin_after_rupture() -> None:
    x, g = staircase([(2.0, 20), (1.0, 20)])
    found = histograms.elongation_histogram_2d([x], [g], before_A=5.0, after_A=0.0, max_G0=3.0)
    assert found.elongation_edges_A[-1] == 0.0
    assert found.counts.sum() == x.size


def test_bootstrap_bands_hold_the_true_histogram_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    edges = histograms.linear_edges(0.25, 6.0)
    truth = np.mean([histograms.count(gold_like(rng), edges).counts for _ in range(4000)], axis=0)
    inside = []
    for _ in range(30):
        traces = [gold_like(rng) for _ in range(40)]
        lower, upper = histograms.band(histograms.bootstrap(traces, edges, rng, 400) / len(traces), level=0.9)
        inside.append((lower <= truth) & (truth <= upper))
    assert np.mean(inside) == pytest.approx(0.9, abs=0.05)


def test_traces_vary_more_than_counting_noise() -> None:
    """Points of a plateau come together, so a band from √N would be too narrow at the 1 G0 peak."""
    rng = np.random.default_rng(6)
    edges = np.array([0.7, 1.3])
    traces = [gold_like(rng) for _ in range(60)]
    resampled = histograms.bootstrap(traces, edges, rng, 500)
    assert resampled.std() > 1.5 * np.sqrt(resampled.mean())


def test_bootstrap_is_set_by_its_generator_and_needs_two_traces() -> None:
    edges = histograms.linear_edges(0.5, 6.0)
    traces = [gold_like(np.random.default_rng(seed)) for seed in range(5)]
    first, second = (histograms.bootstrap(traces, edges, np.random.default_rng(7), 20) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(InputError, match="at least 2 traces"):
        histograms.bootstrap(traces[:1], edges, np.random.default_rng(7))


def test_a_number_has_one_interval_however_often_it_is_taken() -> None:
    """Two figures and a table that share a generator state the same interval, and it covers the mean as often as it should."""
    rng = np.random.default_rng(11)
    edges = histograms.linear_edges(0.5, 6.0)
    traces = [gold_like(np.random.default_rng(seed)) for seed in range(5)]
    lengths = [float(len(trace)) for trace in traces]
    np.testing.assert_array_equal(*(histograms.bootstrap(traces, edges, rng, 20) for _ in range(2)))
    assert mean_over_traces(lengths, rng) == mean_over_traces(lengths, rng)
    assert np.isnan(mean_over_traces([1.0], rng).lower) and mean_over_traces([1.0], rng).mean == 1.0
    weighted = mean_over_traces([0.0, 1.0], rng, weights=[1.0, 3.0])
    assert (weighted.mean, weighted.lower, weighted.upper) == (0.75, 0.0, 1.0)
    covered = [mean_over_traces(rng.normal(size=40), rng, resamples=200) for _ in range(200)]
    assert np.mean([found.lower <= 0.0 <= found.upper for found in covered]) == pytest.approx(0.95, abs=0.05)
    with pytest.raises(InputError, match="at least one trace"):
        mean_over_traces([], rng)


def test_the_peak_is_looked_for_in_the_plateau_window() -> None:
    """A platinum-like histogram peaks near 1.7 G0, where the window of gold has nothing."""
    rng = np.random.default_rng(12)
    values = np.concatenate([rng.normal(1.7, 0.15, 4000), rng.uniform(0.0, 6.0, 4000)])
    histogram = histograms.conductance_histogram(values)
    assert histograms.peak_in_window(histogram) == histograms.find_peak(histogram), "the default is the peak near 1 G0"
    assert histograms.peak_in_window(histogram) is None
    found = histograms.peak_in_window(histogram, (1.0, 2.5))
    assert found is not None and found.position_G0 == pytest.approx(1.7, abs=0.05)


def test_overlap_is_1_for_equal_shapes_and_0_for_disjoint_ones() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(1.0, 0.1, 500)
    one = histograms.conductance_histogram(values)
    assert histograms.overlap(one, histograms.conductance_histogram(np.tile(values, 3))) == pytest.approx(1.0)
    assert histograms.overlap(one, histograms.conductance_histogram(values + 3.0)) == 0.0
    with pytest.raises(InputError, match="same bins"):
        histograms.overlap(one, histograms.conductance_histogram(values, bin_width_G0=0.1))


def test_r_squared_is_1_for_equality_and_0_for_the_mean() -> None:
    reference = np.array([1.0, 2.0, 4.0])
    assert r_squared(reference, reference) == 1.0
    assert r_squared(np.full(3, reference.mean()), reference) == pytest.approx(0.0)
    with pytest.raises(InputError, match="all equal"):
        r_squared(reference, np.ones(3))


def test_histograms_that_differ_in_one_peak_agree_outside_it() -> None:
    edges = histograms.linear_edges(0.1, 4.0)
    counts = np.arange(40, dtype=np.int64) * 10
    first = histograms.Histogram(edges, counts)
    moved = counts.copy()
    moved[8:12] = moved[8:12].sum() // 4 + np.array([-60, 60, 60, -60])  # same total
    second = histograms.Histogram(edges, moved)
    assert histograms.histogram_r_squared(second, first) < 0.999
    assert histograms.histogram_r_squared(second, first, leave_out_G0=(0.75, 1.25)) == pytest.approx(1.0)
