from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sharvin import figures
from sharvin.errors import InputError
from sharvin.report.html import write_report

RESULTS: dict[str, Any] = {
    "workflow": "break_junction",
    "summary": "20 production pulls of a gold wire were predicted; the histogram has a peak at 0.98 G0.",
    "seed": 17,
    "n_traces": 20,
    "n_predicted": 12345,
    "mae_test_G0": 0.07129,
    "peak_near_1G0": {"position_G0": 0.981, "height": 120.0, "prominence": 80.0},
    "histogram": {"edges_G0": [0.0, 0.1], "counts": [3]},
    "label_cost": {"cpu_seconds_each": 6.25, "reference_cpu_seconds_each": 9.5, "atoms": 304},
    "hamiltonian_learnt": {"quantity": "on-site shift (eV)", "pulls_held_out": 2, "mae": 0.0161, "mae_G0": 0.002},
    "seconds": {"train_pulls": 30.0, "labels": 120.0, "fit": 0.5},
    "failures": [],
    "tables": [{"title": "Errors", "columns": ["part", "MAE (G0)"], "rows": [["test", 0.071291]], "caption": "By pull."}],
}


class Page(HTMLParser):
    """Tags with their attributes, and the text that a reader sees."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        assert not self.open, f"unclosed tags {self.open}"
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def run_folder(folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    results = {key: value for key, value in {**RESULTS, **changes}.items() if value is not ...}
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "config.yaml").write_text("workflow: break_junction\nseed: 17\n")
    (folder / "versions.json").write_text(json.dumps({"sharvin": "0.1.0", "packages": {"numpy": "2.0.0"}}))
    with figures.style():
        figure = figures.new_figure(2, 2)
        figure.add_subplot().plot([0, 1], [0, 1])
    figures.save_figure(folder, "line", figure, {"x_A": [0.0, 1.0]}, "A line", "Straight.")
    return folder


def test_a_reader_finds_the_study_in_the_report(tmp_path: Path) -> None:
    page = Page(write_report(run_folder(tmp_path / "gold")))
    for told in (
        "Break junction: gold", RESULTS["summary"], "12,345", "0.0713 G0", "histogram peak near 1 G0 0.981 G0",
        "CPU time of one exact label 6.25 s", "CPU time of one snapshot computed in full 9.5 s",
        "hamiltonian learnt: mae 0.0161 eV", "hamiltonian learnt: mae 0.002 G0", "hamiltonian learnt: pulls held out 2",
        "atoms of a labelled structure 304",
        "A line", "Straight.", "Errors", "By pull.", "None: every item of every step finished.",
        "train_pulls 30.0 s", "labels 2 min 0 s", "all steps 2 min 30 s", "seed 17", "packages · numpy 2.0.0",
        "workflow: break_junction",
    ):  # fmt: skip
        assert re.sub(r"\s+", "", told) in re.sub(r"\s+", "", page.text), told


def test_cards_say_what_a_reader_understands_and_nothing_that_a_table_tells(tmp_path: Path) -> None:
    changes = {
        "split_by": "both",
        "recalibration": {"a": 1.0, "b_G0": 0.2, "pulls": 4, "snapshots": 30},
        "plateau_window_G0": [1.0, 2.5],
        "peak_in_window": {"position_G0": 1.72, "height": 1.0},
        "scale": 1,
        "bright_K": 7.5,
        "unknown": float("nan"),
    }
    page = Page(write_report(run_folder(tmp_path / "run", **changes)))
    cards = page.text.split("at 0.98 G0.")[1].split("Figures")[0]
    for told in (
        "the test set holds pulls never learnt from",
        "plateau window 1–2.5 G0",
        "peak of the histogram 1.72 G0",
        "bright 7.5 K",
    ):
        assert told.replace(" ", "") in cards.replace(" ", ""), cards
    assert "unknown–" in cards.replace(" ", "") and "nan" not in page.text.lower()
    for left_out in ("both", "recalibration", "scale", "near 1 G0"):
        assert left_out not in cards, cards


def test_a_column_has_equally_many_decimals_and_no_nan(tmp_path: Path) -> None:
    rows = [[0.593, 1.0, 1e-9, float("nan"), 3], [0.09, -0.086, 2.0, 12.5, 12000], [None, 1.0, 3.0, float("inf"), -1]]
    tables = [{"title": "t", "columns": list("abcde"), "rows": rows}]
    text = write_report(run_folder(tmp_path / "run", tables=tables)).read_text(encoding="utf-8")
    shown = [
        re.findall(r"<td[^>]*>(.*?)</td>", row) for row in text.split('id="tables"')[1].split("<tbody>")[1].split("<tr>")[1:4]
    ]
    assert shown == [
        ["0.593", "1.000", "1e-09", "–", "3"],
        ["0.090", "−0.086", "2", "12.5", "12,000"],
        ["–", "1.000", "3", "∞", "−1"],
    ]


def test_the_report_is_self_contained(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    path = write_report(folder)
    page = Page(path)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base"}
    sources = [attributes["src"] or "" for _, attributes in page.tags if "src" in attributes]
    assert len(sources) == 1
    assert base64.b64decode(sources[0].removeprefix("data:image/png;base64,")) == (folder / "figures" / "line.png").read_bytes()
    assert all((attributes["href"] or "").startswith(("#", "data:")) for _, attributes in page.tags if "href" in attributes)
    without_data = re.sub(r"base64,[\w+/=]+", "", path.read_text(encoding="utf-8"))
    assert "http" not in without_data and "url(" not in without_data and "@import" not in without_data


def test_the_data_of_a_figure_travel_with_the_report(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    page = Page(write_report(folder))
    link = next(attributes for _, attributes in page.tags if attributes.get("download") == "line.csv")
    content = base64.b64decode((link["href"] or "").removeprefix("data:text/csv;base64,"))
    assert content == (folder / "figures" / "line.csv").read_bytes()


def test_everything_that_users_wrote_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'&"
    folder = run_folder(
        tmp_path / "run",
        summary=evil,
        note=evil,
        seconds={evil: 1.0},
        failures=[{"step": evil, "item": evil, "reason": evil}],
        tables=[{"title": evil, "columns": [evil], "rows": [[evil]], "caption": evil}],
    )
    (folder / "config.yaml").write_text(f"# {evil}\n")
    (folder / "versions.json").write_text(json.dumps({evil: evil}))
    with figures.style():
        figures.save_figure(folder, "evil", figures.new_figure(1, 1), {}, evil, evil)
    page = Page(write_report(folder))
    assert not any(tag == "script" for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count(evil) == 15


def test_failures_are_shown_with_their_reasons(tmp_path: Path) -> None:
    page = Page(
        write_report(run_folder(tmp_path / "run", failures=[{"step": "labels", "item": 4, "reason": "did not converge"}]))
    )
    assert "1 item failed" in page.text
    assert "did not converge" in page.text
    assert "every item of every step finished" not in page.text


def test_missing_parts_are_left_out_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"peak_near_1G0": null}')
    page = Page(write_report(tmp_path))
    for sentence in (
        "wrote no summary", "holds no figures", "wrote no tables", "did not record whether items failed", "recorded no times",
        "recorded no seed", "holds no config.yaml", "holds no versions.json", "not found",
    ):  # fmt: skip
        assert sentence in page.text, sentence
    run_folder(tmp_path)
    (tmp_path / "figures" / "line.png").unlink()
    assert "picture of this figure is missing" in Page(write_report(tmp_path)).text


def test_large_data_stay_in_the_run_folder(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    (folder / "figures" / "line.csv").write_bytes(b"x\n" + b"1\n" * 200_000)
    page = Page(write_report(folder))
    assert "figures/line.csv in the run folder" in page.text
    assert not any("download" in attributes for _, attributes in page.tags)


def test_the_same_run_gives_the_same_report(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.yaml",
        "figures",
        "report.html",
        "results.json",
        "versions.json",
    ]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run folder"):
        write_report(tmp_path / "absent")
    with pytest.raises(InputError, match="not a run folder"):
        write_report(tmp_path)
    (tmp_path / "config.yaml").write_text("seed: 1\n")
    with pytest.raises(InputError, match="has not finished"):
        write_report(tmp_path)
    (tmp_path / "results.json").write_text('{"seed": ')
    with pytest.raises(InputError, match="damaged"):
        write_report(tmp_path)
    (tmp_path / "results.json").write_text('{"seconds": []}')
    with pytest.raises(InputError, match="'seconds'"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_strangers_folder_cannot_pull_other_files_into_the_report(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    (tmp_path / "secret.csv").write_text("secret")
    entry = {"name": "x", "title": "x", "caption": "x", "png": "line.png", "csv": "../../secret.csv"}
    (folder / "figures" / "figures.json").write_text(json.dumps([entry]))
    with pytest.raises(InputError, match="not in that folder"):
        write_report(folder)
