from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from ase.build import bulk
from sharvin import figures
from sharvin_studies import regression_figures
from sharvin_studies.break_junction.figures import pulls as plots
from sharvin_studies.break_junction.figures.elongation import (
    plot_elongation_histogram,
    plot_log_elongation_histogram,
    plot_traces,
)
from sharvin_studies.regression_figures import plot_learning_curves, plot_parity
from sharvin_studies.statistics import histograms


def simple_figure() -> matplotlib.figure.Figure:
    with figures.style():
        figure = figures.new_figure()
        figure.add_subplot().plot([0, 1], [0, 1])
    return figure


def size_of(png: Path) -> tuple[int, int]:
    content = png.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def pulls(n: int = 6) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(1)
    widths = [np.repeat([3, 2, 1, 0], rng.integers(5, 20, 4)) for _ in range(n)]
    elongations = [0.2 * np.arange(width.size) for width in widths]
    conductances = [0.95 * width + rng.normal(0.02, 0.005, width.size) for width in widths]
    return elongations, conductances, widths


def test_every_figure_of_a_break_junction_study_is_drawn_without_pyplot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it now fails
    x, g, widths = pulls()
    exact = g[0].copy()
    exact[::3] = np.nan
    wire = bulk("Au", "fcc", a=4.08, cubic=True).repeat((2, 2, 6))
    wire.set_array("electrode", np.sign(np.round((wire.positions[:, 2] - 11.0) / 8.0)).astype(np.int8))
    paths = [
        plots.plot_conductance_histogram(
            tmp_path, g, np.random.default_rng(3), others_G0=g[0], others="training labels", resamples=50
        ),
        plot_elongation_histogram(tmp_path, x, g),
        plot_log_elongation_histogram(tmp_path, x, g),
        plot_traces(tmp_path, x, g, max_traces=3),
        plots.plot_training_pull(tmp_path, x[0], exact, g[0], widths[0], held_out=True),
        plot_parity(tmp_path, {"train": (g[0], g[0] + 0.1), "validation": ([], []), "test": (g[1], g[1])}),
        plot_learning_curves(tmp_path, {"train_mae": [1.0, 0.5], "validation_mae": [1.2, 0.7], "train_loss": [3.0, 0.0]}),
        plots.plot_neck_widths(tmp_path, np.concatenate(widths), np.concatenate(g)),
        plots.plot_wire(tmp_path, [wire, wire, wire], [0.0, 1.0, 2.0], [4.0, 2.0, 1.0]),
    ]
    assert len(figures.list_figures(tmp_path)) == len(paths) == 9
    for path in paths:
        width, height = size_of(path)
        assert 600 <= width <= 1300 and 300 <= height <= 1500, path.name
        assert 5_000 < path.stat().st_size < 400_000, path.name


def test_the_histogram_figure_shows_the_histogram(tmp_path: Path) -> None:
    _, g, _ = pulls()
    plots.plot_conductance_histogram(tmp_path, g, np.random.default_rng(3), bin_width_G0=0.1, max_G0=2.0, resamples=200)
    data = figures.read_data(tmp_path / "figures" / "conductance_histogram.csv")
    values = np.concatenate(g)
    expected = histograms.conductance_histogram(values, 0.1, 2.0)
    np.testing.assert_array_equal(data["counts"], expected.counts)
    assert np.all(data["band_lower_per_G0"] <= data["band_upper_per_G0"])
    caption = figures.list_figures(tmp_path)[0]["caption"]
    assert f"{expected.outside} conductances lie outside" in caption


def test_one_trace_has_a_histogram_but_no_band(tmp_path: Path) -> None:
    _, g, _ = pulls(1)
    plots.plot_conductance_histogram(tmp_path, g, np.random.default_rng(3))
    assert "band_lower_per_G0" not in figures.read_data(tmp_path / "figures" / "conductance_histogram.csv")


def test_parity_states_the_mean_absolute_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[matplotlib.figure.Figure] = []
    monkeypatch.setattr(regression_figures, "save_figure", lambda folder, name, figure, *rest: drawn.append(figure))
    plot_parity(tmp_path, {"test": (np.array([1.0, 2.0, 3.0]), np.array([1.1, 1.9, 3.4]))})
    legend = drawn[0].axes[0].get_legend()
    assert legend is not None and "MAE 0.200" in legend.get_texts()[0].get_text()


def test_a_wire_is_drawn_along_the_horizontal(tmp_path: Path) -> None:
    long = bulk("Au", "fcc", a=4.08, cubic=True).repeat((1, 1, 8))
    width, height = size_of(plots.plot_wire(tmp_path, [long], [0.0], [1.0]))
    assert width > 3 * height


def test_captions_and_lists_are_plain_json(tmp_path: Path) -> None:
    figures.save_figure(tmp_path, "quoted", simple_figure(), {}, "<b>", 'a "b" & c')
    entry = json.loads((tmp_path / "figures" / "figures.json").read_text(encoding="utf-8"))[0]
    assert entry == {"name": "quoted", "title": "<b>", "caption": 'a "b" & c', "png": "quoted.png", "csv": "quoted.csv"}
