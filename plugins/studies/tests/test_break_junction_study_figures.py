from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from matplotlib.image import imread
from sharvin import figures
from sharvin.errors import InputError
from sharvin_studies.break_junction.figures.comparison import plot_histogram_comparison
from sharvin_studies.break_junction.figures.errors import (
    plot_error_against_pulls,
    plot_learning_curves_of_fits,
    plot_model_errors,
    plot_parity_by_wire,
)
from sharvin_studies.break_junction.figures.histograms import (
    plot_histograms_by_condition,
    plot_log_histogram,
    plot_plateau_lengths,
)
from sharvin_studies.break_junction.figures.profiles import plot_conductance_profile
from sharvin_studies.break_junction.figures.transmission import plot_transmission_cases
from sharvin_studies.break_junction.figures.uncertainty import plot_active_learning, plot_calibration
from sharvin_studies.statistics import histograms
from sharvin_studies.statistics.calibration import calibration
from sharvin_studies.statistics.histogram_comparison import overlap_matrix
from sharvin_studies.statistics.prediction_errors import ErrorEstimate, Predicted, mean_absolute_error_over_pulls

FEW = 20
"""Resamples: what is asserted does not depend on their number."""


@pytest.fixture(autouse=True)
def without_pyplot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it now fails


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def pulls(n: int = 5, seed: int = 1) -> tuple[list[np.ndarray], list[np.ndarray]]:
    random = np.random.default_rng(seed)
    widths = [np.repeat([3, 2, 1], random.integers(5, 20, 3)) for _ in range(n)]
    return [0.2 * np.arange(w.size) for w in widths], [0.95 * w + random.normal(0.02, 0.03, w.size) for w in widths]


def predicted(scale: float = 0.1, n: int = 60, groups: int = 4, seed: int = 2, with_std: bool = False) -> Predicted:
    random = np.random.default_rng(seed)
    exact, std = random.uniform(0.5, 5, n), scale * np.exp(random.normal(0, 0.4, n))
    return Predicted(exact, exact + std * random.normal(size=n), np.arange(n) % groups, std if with_std else None)


def errors(sets: dict[str, Predicted]) -> dict[str, ErrorEstimate]:
    return {name: mean_absolute_error_over_pulls(one, rng(), resamples=FEW) for name, one in sets.items()}


def drawn(path: Path) -> dict[str, np.ndarray]:
    """The data of a figure, after a look at its picture: of a size that fits a page, and not blank."""
    picture = imread(path)
    assert 400 <= picture.shape[1] <= 2200 and 300 <= picture.shape[0] <= 1800, picture.shape
    assert picture[..., :3].std() > 0.02
    entry = figures.list_figures(path.parent.parent)[-1]
    assert entry["png"] == path.name and entry["caption"].endswith(".") and "nan" not in entry["caption"]
    return figures.read_data(path.with_suffix(".csv"))


def test_plateau_lengths_are_those_of_the_traces(tmp_path: Path) -> None:
    series = {"33-6-55": pulls(), "one trace": pulls(1), "none": ([[0.0, 1.0]], [[3.0, 3.0]])}
    data = drawn(plot_plateau_lengths(tmp_path, series=series, rng=rng(), resamples=FEW))
    for label, (x, g) in series.items():
        np.testing.assert_array_equal(data[f"{label} length_A"], histograms.plateau_lengths(x, g))
        assert label == "none" or data[f"{label} counts"].sum() == np.count_nonzero(data[f"{label} length_A"])
    assert "33-6-55 band_lower_per_A" in data and "one trace band_lower_per_A" not in data
    assert "none: 1" in figures.list_figures(tmp_path)[0]["caption"]


def test_the_logarithmic_histogram_has_unit_area_and_counts_what_it_leaves_out(tmp_path: Path) -> None:
    g = [*pulls()[1], np.array([0.0, -0.01, 1e-3])]
    data = drawn(plot_log_histogram(tmp_path, series={"wire": g, "single": g[:1]}, rng=rng(), resamples=FEW))
    decades = np.log10(data["bin_upper_G0"] / data["bin_lower_G0"])
    assert np.sum(data["wire density_per_decade"] * decades) == pytest.approx(1.0)
    expected = histograms.count(histograms.pooled(g), np.append(data["bin_lower_G0"], data["bin_upper_G0"][-1]))
    np.testing.assert_array_equal(data["wire counts"], expected.counts)
    assert f"wire: {expected.outside} of {sum(map(len, g))}" in figures.list_figures(tmp_path)[0]["caption"]
    with pytest.raises(InputError, match="positive conductances"):
        plot_log_histogram(tmp_path, series={"dead": [[0.0]]}, rng=rng())


@pytest.mark.parametrize("count", [1, 5])
def test_compared_histograms_are_those_of_the_traces_and_overlap_as_they_do(tmp_path: Path, count: int) -> None:
    series = {f"wire {k}": pulls(4 if k else 1, seed=k)[1] for k in range(count)}
    edges = histograms.linear_edges(0.1, 3.0)
    matrix = overlap_matrix(series, edges, rng(), resamples=FEW)
    data = drawn(plot_histogram_comparison(tmp_path, series=series, matrix=matrix, edges=edges, rng=rng(), resamples=FEW))
    np.testing.assert_array_equal(np.append(data["bin_lower_G0"], data["bin_upper_G0"][-1]), edges)
    shown = {label: histograms.count(histograms.pooled(g), edges) for label, g in series.items()}
    for label, histogram in shown.items():
        np.testing.assert_array_equal(data[f"{label} counts"], histogram.counts)
        np.testing.assert_array_equal(data[f"{label} density_per_G0"], histogram.density)
    assert len(data["first"]) == count * (count - 1) // 2
    for first, second, overlap in zip(data["first"], data["second"], data["overlap"], strict=True):
        assert overlap == pytest.approx(histograms.overlap(shown[first], shown[second]), abs=1e-12)


def test_histograms_by_condition_are_ordered_by_it_and_state_shares_and_lengths(tmp_path: Path) -> None:
    series = {50.0: pulls(4), 2.0: pulls(1), 10.0: pulls(3, seed=5)}
    data = drawn(plot_histograms_by_condition(tmp_path, series=series, rng=rng(), resamples=FEW))
    np.testing.assert_array_equal(data["condition"], [2, 10, 50])
    for place, key in enumerate(sorted(series)):
        x, g = series[key]
        values = histograms.pooled(g)
        assert data["share_in_window"][place] == pytest.approx(np.mean((values >= 0.5) & (values < 1.5)))
        assert data["plateau_length_A"][place] == pytest.approx(histograms.plateau_lengths(x, g).mean())
    assert np.isnan(data["plateau_length_A_lower"][0]) and np.isfinite(data["plateau_length_A_lower"][1:]).all()


def test_learning_curves_of_fits_are_given_back_with_their_gaps(tmp_path: Path) -> None:
    fits = {f"fit {k}": {"train_mae": [1.0, 0.5, 0.2], "validation_mae": [1.2, 0.4, np.nan]} for k in range(1, 4)}
    fits |= {"ridge": {"train_mae": [0.1]}, "diverged": {"train_mae": [np.inf, np.nan], "validation_mae": [np.nan, np.nan]}}
    data = drawn(plot_learning_curves_of_fits(tmp_path, fits=fits))
    np.testing.assert_array_equal(data["fit 3 train_mae_G0"], [1.0, 0.5, 0.2])
    np.testing.assert_array_equal(data["fit 3 validation_mae_G0"], [1.2, 0.4, np.nan])
    drawn(plot_learning_curves_of_fits(tmp_path, fits={"diverged": fits["diverged"]}, name="alone"))
    with pytest.raises(InputError, match="'untrained' has neither"):
        plot_learning_curves_of_fits(tmp_path, fits={"untrained": {"loss": [1.0]}})


def test_errors_of_the_models_are_mean_absolute_errors_with_intervals_over_pulls(tmp_path: Path) -> None:
    group = {"ridge": {"compact": predicted(), "full": predicted(0.3)}, "transformer": {"compact": predicted(0.05, groups=1)}}
    random = {"ridge": {"compact": predicted(0.02)}}
    found = {model: errors(sets) for model, sets in group.items()}
    at_random = {model: errors(sets) for model, sets in random.items()}
    data = drawn(plot_model_errors(tmp_path, group_split=found, random_split=at_random))
    rows = list(zip(data["model"], data["test_set"], data["split"], strict=True))
    assert set(rows) == {
        ("ridge", "compact", "group"), ("ridge", "compact", "random"),
        ("transformer", "compact", "group"), ("ridge", "full", "group"),
    }  # fmt: skip
    for (model, test, split), mae, lower in zip(rows, data["mae_G0"], data["mae_lower_G0"], strict=True):
        given = (group if split == "group" else random)[model][test]
        assert mae == np.abs(given.error_G0).mean()
        assert np.isnan(lower) == (given.pulls == 1)
        assert np.isnan(lower) or lower == (found if split == "group" else at_random)[model][test].lower_G0
    drawn(plot_model_errors(tmp_path, group_split={"ridge": errors({"compact": predicted()})}, name="single"))


@pytest.mark.parametrize("with_std", [True, False])
def test_parity_by_wire_shows_the_pairs_given(tmp_path: Path, with_std: bool) -> None:
    wires = {"33-10-55": predicted(with_std=with_std), "one label": predicted(n=1, with_std=with_std)}
    data = drawn(plot_parity_by_wire(tmp_path, wires=wires, errors=errors(wires), model="ridge"))
    for label, given in wires.items():
        np.testing.assert_array_equal(data[f"{label} exact_G0"], given.exact_G0)
        np.testing.assert_array_equal(data[f"{label} predicted_G0"], given.predicted_G0)
        assert (f"{label} std_G0" in data) == with_std


def test_error_against_pulls_keeps_every_fit(tmp_path: Path) -> None:
    sizes, labels = [3, 3, 12], [400, 410, 1600]
    tests = {"compact": [predicted(1 / n) for n in sizes], "full": [predicted(2 / n, groups=1) for n in sizes]}
    found = {name: [mean_absolute_error_over_pulls(one, rng(), resamples=FEW) for one in fits] for name, fits in tests.items()}
    data = drawn(plot_error_against_pulls(tmp_path, training_pulls=sizes, training_labels=labels, test_sets=found))
    np.testing.assert_array_equal(data["training_pulls"], sizes)
    np.testing.assert_array_equal(data["training_labels"], labels)
    np.testing.assert_array_equal(data["full mae_G0"], [np.abs(one.error_G0).mean() for one in tests["full"]])
    with pytest.raises(InputError, match="each fit"):
        plot_error_against_pulls(tmp_path, training_pulls=[3], training_labels=[1], test_sets={"compact": []})


def test_the_calibration_figure_shows_the_calibration(tmp_path: Path) -> None:
    sets = {"compact": predicted(with_std=True), "full": predicted(0.3, n=7, groups=1, with_std=True)}
    found = {label: calibration(given, rng(), bins=5, resamples=FEW) for label, given in sets.items()}
    data = drawn(plot_calibration(tmp_path, sets=sets, found=found))
    for label, expected in found.items():
        np.testing.assert_array_equal(data[f"{label} predicted_std_G0"], expected.rmv_G0)
        np.testing.assert_array_equal(data[f"{label} rms_error_G0"], expected.rmse_G0)
        assert data[f"{label} expected_calibration_error"][0] == expected.expected_calibration_error
    narrow = {label: replace(one, std_G0=0.2 * one.std_G0) for label, one in sets.items()}
    before = {label: calibration(one, rng(), bins=5, resamples=FEW) for label, one in narrow.items()}
    data = drawn(plot_calibration(tmp_path, sets=sets, found=found, before=before))
    for label in sets:
        np.testing.assert_allclose(data[f"{label} before predicted_std_G0"], 0.2 * data[f"{label} predicted_std_G0"], rtol=1e-12)
        np.testing.assert_array_equal(data[f"{label} before rms_error_G0"], data[f"{label} rms_error_G0"])
    with pytest.raises(InputError, match="same sets"):
        plot_calibration(tmp_path, sets=sets, found=found, before={"full": before["full"]})
    with pytest.raises(InputError, match="calibration of every one"):
        plot_calibration(tmp_path, sets=sets, found={"compact": found["compact"]})


def test_active_learning_shows_the_error_of_every_round(tmp_path: Path) -> None:
    labels = {"acquired": [100, 200], "random": [100, 200, 100, 200]}
    tests = {"full": {way: [predicted(10 / n) for n in spent] for way, spent in labels.items()}}
    found = {
        test: {
            way: [mean_absolute_error_over_pulls(one, rng(), resamples=FEW) for one in rounds] for way, rounds in by_way.items()
        }
        for test, by_way in tests.items()
    }
    data = drawn(plot_active_learning(tmp_path, labels=labels, test_sets=found))
    for way, spent in labels.items():
        np.testing.assert_array_equal(data[f"{way} labels"], spent)
        np.testing.assert_array_equal(
            data[f"full {way} mae_G0"], [mean_absolute_error_over_pulls(p, rng()).mae_G0 for p in tests["full"][way]]
        )
    with pytest.raises(InputError, match="'random' needs one error"):
        plot_active_learning(tmp_path, labels=labels, test_sets={"full": {"acquired": found["full"]["acquired"]}})


def test_transmission_at_the_fermi_energy_is_interpolated(tmp_path: Path) -> None:
    even, odd = np.linspace(-3, 3, 10), np.linspace(-3, 3, 61)
    cases = {"1×1": (even, 1.0 + 0.1 * even), "3×3": (odd, 1.1 + 0.1 * odd)}
    data = drawn(plot_transmission_cases(tmp_path, cases=cases))
    np.testing.assert_array_equal(data["1×1 transmission"], cases["1×1"][1])
    assert data["1×1 at_fermi"][0] == pytest.approx(1.0) and data["3×3 at_fermi"][0] == pytest.approx(1.1)
    with pytest.raises(InputError, match="both sides of the Fermi energy"):
        plot_transmission_cases(tmp_path, cases={"above": ([1.0, 2.0], [1.0, 1.0])})
    with pytest.raises(InputError, match="ascending"):
        plot_transmission_cases(tmp_path, cases={"back": ([1.0, -1.0], [1.0, 1.0])})


def test_the_profile_marks_what_it_pictures(tmp_path: Path) -> None:
    x = 0.1 * np.arange(30)
    exact = np.where(np.arange(30) % 3 == 0, 3.0 - x, np.nan)
    wire = bulk("Au", "fcc", a=4.08, cubic=True).repeat((2, 2, 6))
    given = {"elongation_A": x, "exact_G0": exact, "predicted_G0": 3.0 - 1.1 * x, "std_G0": 0.1 + 0 * x, "force_nN": np.sin(x)}
    data = drawn(plot_conductance_profile(tmp_path, **given, points=[0, 13, 29], pictures=[wire] * 3))
    for key, values in given.items():
        np.testing.assert_array_equal(data[key][: len(values)], values[: len(data[key])])
    assert list(data["marked_letter"]) == ["a", "b", "c"]
    np.testing.assert_array_equal(data["marked_frame"], [0, 13, 29])
    drawn(plot_conductance_profile(tmp_path, elongation_A=x, exact_G0=exact, name="plain"))
    with pytest.raises(InputError, match="one picture for each"):
        plot_conductance_profile(tmp_path, elongation_A=x, exact_G0=exact, points=[1])
    with pytest.raises(InputError, match="as many values"):
        plot_conductance_profile(tmp_path, elongation_A=x, exact_G0=exact[:-1])


def test_figures_of_nothing_are_refused(tmp_path: Path) -> None:
    for draw in (
        lambda: plot_plateau_lengths(tmp_path, series={}, rng=rng()),
        lambda: plot_plateau_lengths(tmp_path, series={"one snapshot a trace": ([[0.0]], [[1.0]])}, rng=rng()),
        lambda: plot_log_histogram(tmp_path, series={}, rng=rng()),
        lambda: overlap_matrix({}, histograms.linear_edges(0.1, 3.0), rng()),
        lambda: overlap_matrix({"empty": []}, histograms.linear_edges(0.1, 3.0), rng()),
        lambda: plot_histograms_by_condition(tmp_path, series={}, rng=rng()),
        lambda: plot_learning_curves_of_fits(tmp_path, fits={}),
        lambda: plot_model_errors(tmp_path, group_split={}),
        lambda: plot_parity_by_wire(tmp_path, wires={}, errors={}, model="ridge"),
        lambda: plot_calibration(tmp_path, sets={}, found={}),
        lambda: plot_active_learning(tmp_path, labels={}, test_sets={}),
        lambda: plot_transmission_cases(tmp_path, cases={}),
        lambda: plot_conductance_profile(tmp_path, elongation_A=[], exact_G0=[]),
    ):
        with pytest.raises(InputError):
            draw()
    assert not figures.list_figures(tmp_path)


def test_failed_frames_are_refused_and_not_left_out_silently(tmp_path: Path) -> None:
    x, g = [[0.0, 1.0]], [[1.0, np.nan]]
    for draw in (
        lambda: plot_plateau_lengths(tmp_path, series={"wire": (x, g)}, rng=rng()),
        lambda: plot_log_histogram(tmp_path, series={"wire": g}, rng=rng()),
        lambda: overlap_matrix({"wire": g}, histograms.linear_edges(0.1, 3.0), rng()),
        lambda: plot_histograms_by_condition(tmp_path, series={2.0: (x, g)}, rng=rng()),
        lambda: plot_transmission_cases(tmp_path, cases={"ptbp": ([-1.0, 1.0], g[0])}),
        lambda: plot_conductance_profile(tmp_path, elongation_A=g[0], exact_G0=x[0]),
    ):
        with pytest.raises(InputError, match="finite"):
            draw()
