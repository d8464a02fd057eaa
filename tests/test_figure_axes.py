"""Axes of figures: numbers that a physicist reads at a glance, whatever the range."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sharvin import figures
from sharvin.figures.axes import frame_axis, from_zero, plain_log_ticks, whole_number_ticks
from sharvin_studies.break_junction.figures.elongation import plot_elongation_histogram, plot_log_elongation_histogram
from sharvin_studies.break_junction.figures.histograms import plot_histograms_by_condition, plot_plateau_lengths
from sharvin_studies.break_junction.figures.profiles import plot_conductance_profile
from sharvin_studies.predict.figures import draw_predictions
from sharvin_transport.transmission.figures import draw_transmission


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures that were saved while a test drew them."""
    found: list[Figure] = []
    save = figures.save_figure

    def keep(folder: Path, name: str, figure: Figure, *rest: object) -> Path:
        found.append(figure)
        return save(folder, name, figure, *rest)  # type: ignore[arg-type]

    for module in ("elongation", "histograms", "profiles"):
        monkeypatch.setattr(f"sharvin_studies.break_junction.figures.{module}.save_figure", keep)
    return found


def blank() -> Axes:
    return Figure().add_subplot()


def texts(axis: object) -> list[str]:
    """Numbers written along an axis, within its limits."""
    low, high = sorted(axis.get_view_interval())  # type: ignore[attr-defined]
    found = []
    for minor in (False, True):
        labels = [label.get_text() for label in axis.get_ticklabels(minor=minor)]  # type: ignore[attr-defined]
        places = axis.get_ticklocs(minor=minor)  # type: ignore[attr-defined]
        found += [text for text, place in zip(labels, places, strict=True) if text and low <= place <= high]
    return found


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.5, 1.0), (0.56, 0.98), (0.25, 0.75), (0.25, 1.0), (0.1, 1.0), (0.03, 2.0), (1e-3, 10.0), (1e-6, 10.0), (3, 3e9)],
)
def test_a_logarithmic_axis_has_at_least_two_numbers_in_one_notation(low: float, high: float) -> None:
    axes = blank()
    axes.set(yscale="log", ylim=(low, high))
    plain_log_ticks(axes.yaxis)
    shown = texts(axes.yaxis)
    assert 2 <= len(shown) <= 9, shown
    powers = ["10^" in text for text in shown]
    assert all(powers) or (not any(powers) and not any("e" in text or "times" in text for text in shown)), shown


def test_frames_are_whole_numbers_and_one_frame_is_one_tick() -> None:
    for frames in ([0], [7], range(4), range(300)):
        axes = blank()
        frame_axis(axes, list(frames))
        places = [float(text.replace("−", "-")) for text in texts(axes.xaxis)]
        assert places and all(place == round(place) for place in places), places
        assert axes.get_xlim()[0] < min(frames) <= max(frames) < axes.get_xlim()[1]
        if len(frames) == 1:
            assert places == [frames[0]] and np.ptp(axes.get_xlim()) == 1.0


@dataclass
class Curve:
    label: str = "wire.xyz"
    frame: list[int] = field(default_factory=lambda: [3])
    elongation_A: list[float] = field(default_factory=lambda: [float("nan")])
    conductance_G0: list[float] = field(default_factory=lambda: [0.9])
    std_G0: list[float] = field(default_factory=lambda: [0.1])
    score: list[float] = field(default_factory=lambda: [0.5])


def test_a_single_frame_has_no_axis_of_fractions_of_a_frame() -> None:
    grid, rows = np.zeros(1), np.ones((1, 1))
    assert texts(draw_transmission(grid, rows, [4], "one").axes[0].xaxis) == ["4"]
    assert texts(draw_predictions([Curve()]).axes[0].xaxis) == ["3"]
    assert draw_predictions([Curve(elongation_A=[2.0])]).axes[0].get_xlim() == (1.5, 2.5)


def test_counted_quantities_have_whole_ticks_and_what_is_all_zero_has_an_axis_of_one() -> None:
    axes = blank()
    axes.set_ylim(0.0, 2.2)
    whole_number_ticks(axes.yaxis)
    assert texts(axes.yaxis) == ["0", "1", "2"]
    from_zero(axes, 0.0)
    assert axes.get_ylim() == (0.0, 1.0)
    from_zero(axes, 0.5)
    assert axes.get_ylim() == pytest.approx((0.0, 0.55))


def test_the_colour_bar_of_few_traces_is_readable(tmp_path: Path, kept: list[Figure]) -> None:
    x, g = [np.arange(6.0), np.arange(5.0)], [np.linspace(3, 0.9, 6), np.linspace(2.9, 0.8, 5)]
    plot_elongation_histogram(tmp_path, x, g)
    plot_log_elongation_histogram(tmp_path, x, [0.01 * one for one in g])
    for figure in kept:
        bar = texts(figure.axes[1].yaxis)
        assert len(bar) >= 2 and not any("times" in text for text in bar), bar


def test_the_logarithmic_2d_histogram_counts_decades_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    x, g = [np.arange(4.0)] * 2, [[3.0, 1.0, 0.9, 0.011], [2.0, 1.0, 0.0, 0.02]]
    plot_log_elongation_histogram(tmp_path, x, g, ruptures_A=[3.0, 3.0])
    data = figures.read_data(tmp_path / "figures" / "log_elongation_histogram.csv")
    assert data["counts"].sum() == 7
    ratio = np.unique(data["conductance_G0"])[1:] / np.unique(data["conductance_G0"])[:-1]
    np.testing.assert_allclose(ratio, 10**0.1)
    assert "Outside the range shown: 1 of 8 points." in figures.list_figures(tmp_path)[0]["caption"]


def test_snapshots_far_apart_leave_no_empty_columns_between_them(tmp_path: Path) -> None:
    for step, width in ((0.2, 0.5), (1.005, 1.0)):
        plot_elongation_histogram(tmp_path, [step * np.arange(9)], [np.linspace(4, 1, 9)])
        data = figures.read_data(tmp_path / "figures" / "elongation_histogram.csv")
        assert np.diff(np.unique(data["elongation_from_rupture_A"]))[0] == pytest.approx(width)
        by_column = data["counts"].reshape(len(np.unique(data["elongation_from_rupture_A"])), -1).sum(axis=1)
        assert (by_column > 0).all(), by_column


def test_a_series_without_a_plateau_has_no_empty_panel(tmp_path: Path, kept: list[Figure]) -> None:
    with_one, without = ([[0.0, 1.0, 2.0]], [[2.0, 1.0, 0.9]]), ([[0.0, 1.0]], [[3.0, 3.0]])
    rng = np.random.default_rng(1)
    plot_plateau_lengths(tmp_path, series={"with": with_one, "without": without}, rng=rng, resamples=20)
    assert len(kept[0].axes) == 1 and kept[0].axes[0].get_title(loc="left").startswith("with:")
    assert "without: 1 of 1" in figures.list_figures(tmp_path)[0]["caption"]
    plot_histograms_by_condition(tmp_path, series={1.0: without, 2.0: without}, rng=rng, resamples=20)
    for axes in kept[1].axes[-2:]:
        assert axes.get_ylim()[1] == 1.0


def test_letters_of_a_profile_stay_inside_its_axes(tmp_path: Path, kept: list[Figure]) -> None:
    x = np.arange(6.0)
    from ase.build import bulk

    wires = [bulk("Au", cubic=True).repeat((1, 1, 3))] * 3
    plot_conductance_profile(tmp_path, elongation_A=x, exact_G0=3.9 - 0.7 * x, points=[0, 3, 5], pictures=wires)
    axes = next(axes for axes in kept[0].axes if axes.get_xlabel() == "elongation (Å)")
    inside = axes.get_window_extent()
    letters = [text for text in axes.texts if text.get_text() in "abc"]
    assert len(letters) == 3
    for letter in letters:
        box = letter.get_window_extent()
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1, letter.get_text()
