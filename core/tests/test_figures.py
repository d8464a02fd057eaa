from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from sharvin import figures
from sharvin.errors import InputError


def simple_figure() -> matplotlib.figure.Figure:
    with figures.style():
        figure = figures.new_figure()
        figure.add_subplot().plot([0, 1], [0, 1])
    return figure


def test_csv_gives_back_exactly_what_was_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    data = {
        "long_G0": rng.normal(size=9) * 10.0 ** rng.integers(-300, 300, 9),
        "short_G0": np.array([0.1, np.nan, np.inf, np.nan]),
        "count": np.arange(3),
        "set": np.array(["train", "a, b"]),
        "none": np.empty(0),
    }
    figures.save_figure(tmp_path, "example", simple_figure(), data, "Title", "Caption")
    read = figures.read_data(tmp_path / "figures" / "example.csv")
    assert list(read) == list(data)
    for name, values in data.items():
        np.testing.assert_array_equal(read[name], values)


def test_figures_are_listed_in_order_and_replaced_in_place(tmp_path: Path) -> None:
    for name, caption in (("first", "old"), ("second", "–"), ("first", "new ½ Å")):
        figures.save_figure(tmp_path, name, simple_figure(), {}, name, caption)
    listed = figures.list_figures(tmp_path)
    assert [(entry["name"], entry["caption"]) for entry in listed] == [("first", "new ½ Å"), ("second", "–")]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "figures.json", "first.csv", "first.png", "second.csv", "second.png",
    ]  # fmt: skip


def test_figures_of_an_earlier_config_do_not_stay(tmp_path: Path) -> None:
    figures.save_figure(tmp_path, "first", simple_figure(), {}, "", "")
    (tmp_path / "figures" / "my_own.png").write_bytes(b"kept")
    figures.clear_figures(tmp_path)
    assert figures.list_figures(tmp_path) == [] and [path.name for path in (tmp_path / "figures").iterdir()] == ["my_own.png"]
    figures.clear_figures(tmp_path / "nothing there")


def test_the_same_figure_gives_the_same_bytes_whatever_the_users_style(tmp_path: Path) -> None:
    one = figures.save_figure(tmp_path / "a", "same", simple_figure(), {}, "", "").read_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "lines.linewidth": 9}):
        other = figures.save_figure(tmp_path / "b", "same", simple_figure(), {}, "", "").read_bytes()
        assert matplotlib.rcParams["font.size"] == 30
    assert one == other


def test_wrong_names_columns_and_damaged_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="figure name"):
        figures.save_figure(tmp_path, "../escape", simple_figure(), {}, "", "")
    with pytest.raises(InputError, match="one dimension"):
        figures.save_figure(tmp_path, "flat", simple_figure(), {"grid": np.zeros((2, 2))}, "", "")
    figures.save_figure(tmp_path, "fine", simple_figure(), {}, "", "")
    (tmp_path / "figures" / "figures.json").write_text("[{]")
    with pytest.raises(InputError, match="damaged"):
        figures.list_figures(tmp_path)
