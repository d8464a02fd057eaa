"""A whole break-junction study with all that it can compare: complete, honest in its splits, the same however it came about."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from filelock import FileLock
from rich.console import Console
from sharvin.config import load_config
from sharvin.errors import ItemError, RunError
from sharvin.figures import list_figures, read_data
from sharvin.runs.run import run
from sharvin.store import read_json, read_table, read_trajectory
from sharvin_studies.break_junction import steps
from sharvin_studies.break_junction.data import SampleSource
from sharvin_studies.break_junction.fit_tasks import DescribeTask, describe
from sharvin_studies.predict.command import PredictionRequest, predict_files
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from small_study import results

STUDY = """
workflow:
  use: break_junction
  training_pulls:
    - {name: slow, pulls: 4}
    - {name: fast, pulls: 2, dynamics: {speed_m_per_s: 600}}
  production_pulls:
    - {name: short, pulls: 2}
    - {name: long, pulls: 1, structure: {neck: [2, 2, 5]}}
    - {name: "short, fast", pulls: 1, dynamics: {speed_m_per_s: 600}}
  check_snapshots: 3
  split_by: both
  committee: {members: 2}
  learning_curve: [2]
  compare:
    - {name: linear, regressor: {use: ridge}}
    - {name: slower, regressor: {learning_rate: 1.0e-4}}
    - {name: other table, hamiltonian: {table: nrl}}
    - {name: attention, regressor: {use: transformer, epochs: 2}}
    - {name: graph, descriptor: null, regressor: {use: equivariant, epochs: 1}}
  compare_pulls: 1
  spectra:
    - {name: gamma}
    - {name: other table, hamiltonian: {table: nrl}}
    - {name: k-points, hamiltonian: {k_points: [2, 1]}}
  spectrum_points: 5
  spectrum_half_width_eV: 1.0
seed: 1
structure: {use: nanowire, element: Au, lattice_constant_A: 4.08, neck: [2, 2, 3], electrode: [3, 3, 5]}
potential: {use: eam, file: Au_u3.eam}
dynamics: {use: lammps_pull, temperature_K: 4.5, speed_m_per_s: 300, snapshot_every_A: 1.0, equilibration_ps: 0.1,
           rupture_margin_A: 1.0}
hamiltonian: {use: slater_koster, table: ptbp}
transport: rgf
descriptor: {use: soap, n_max: 3, l_max: 2, cutoff_A: 5.0, centres: mobile}
regressor: {use: fc_maxpool, epochs: 3}
executor: {use: processes, workers: 2}
profiles:
  plain:
    workflow: {compare: [], compare_pulls: null, learning_curve: [], spectra: [], split_by: group, committee: null,
               check_snapshots: 0, spectrum_points: 121, spectrum_half_width_eV: 3.0}
    executor: serial
  active:
    workflow: {compare: [], compare_pulls: null, learning_curve: [], spectra: [], split_by: group, check_snapshots: 0,
               spectrum_points: 121, spectrum_half_width_eV: 3.0, acquire: {rounds: 2, per_round: 3, start: 10}}
    executor: serial
"""
FITTED = ("fit", "domain", "features", "predictions")


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "study.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="session")
def study(config, sharvin, tmp_path_factory):
    """Run folder of the study, finished; nobody writes into it. Workers of a parallel test run share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "whole-study"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "report.html").exists():
            done = sharvin("run", config, "--out", folder)
            assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def copied(study, tmp_path, monkeypatch, cache):
    """A copy of the study without the steps of these names, to be worked on in this process."""
    monkeypatch.setenv("SHARVIN_CACHE", str(cache))

    def copy(*without):
        dropped = shutil.ignore_patterns(*(f"{step}-*" for step in without), ".lock", "report.html")
        shutil.copytree(study, tmp_path / "run", ignore=dropped)
        return tmp_path / "run"

    return copy


@pytest.fixture
def undrawn(monkeypatch):
    """Runs in this process draw no figures, which takes most of their time; the study itself has drawn them all."""
    monkeypatch.setattr("sharvin_studies.break_junction.figures.drawings.draw", lambda *_: None)


def go_on(config, folder, *settings, profile=None):
    """Run in this process and give the lines that it said of its steps."""
    said = io.StringIO()
    run(load_config(config, settings, profile), folder, Console(file=said, width=200), update=True)
    return {line.split(":")[0]: line for line in said.getvalue().splitlines()}


def items(folder, step):
    return sorted(folder.glob(f"store/{step}-*/item-*"))


def test_everything_that_was_asked_for_is_in_the_results(study):
    found = read_json(study / "results.json")
    fits = [(one["model"], one["fit"], one.get("split_by"), one.get("members")) for one in found["models"]]
    assert fits == [
        ("fc_maxpool", "as configured", "pull", 2),
        ("fc_maxpool", "split by snapshot", "snapshot", 2),
        ("fc_maxpool", "2 pulls", "pull", 2),
        ("linear", "as configured", "pull", 1),
        ("slower", "as configured", "pull", 1),
        ("attention", "as configured", "pull", 1),
        ("graph", "as configured", "pull", 1),
        ("other table", "another Hamiltonian, not fitted", None, None),
    ]
    tests = ["held-out pulls", "short", "long", "short, fast"]
    assert all(list(one["errors"]) == tests for one in found["models"])
    assert all(np.isfinite(one["errors"][test]["mae_G0"]) for one in found["models"] for test in tests)
    assert all(one["errors"][test]["snapshots"] == 3 for one in found["models"] for test in tests[1:])
    assert [(wire["wire"], wire["pulls"]) for wire in found["wires"]] == [("short", 2), ("long", 1), ("short, fast", 1)]
    assert sum(wire["predicted"] for wire in found["wires"]) == found["n_predicted"]
    assert found["overlap_of_histograms"]["wires"] == tests[1:] and list(found["calibration"]) == tests
    assert all(set(one["before_recalibration"]) == set(one) - {"before_recalibration"} for one in found["calibration"].values())
    titles = [table["title"] for table in found["tables"]]
    assert {"Mean absolute errors of all models (G0)", "Predicted standard deviations", "Production wires"} <= set(titles)
    assert found["failures"] == []
    assert set(found["seconds"]) >= {"check_labels", "baseline", "baseline_check", "spectra", "features", "domain", "fit"}


def test_every_model_is_tested_on_the_same_snapshots(study):
    models = read_json(study / "results.json")["models"]
    by_pull = [one for one in models if one.get("split_by") != "snapshot"]
    held_out = {(one["errors"]["held-out pulls"]["pulls"], one["errors"]["held-out pulls"]["snapshots"]) for one in by_pull}
    assert len(by_pull) == 7 and len(held_out) == 1
    learnt_from = {one["fit"]: one["training_pulls"] for one in by_pull if "training_pulls" in one}
    assert learnt_from == {"as configured": 4, "2 pulls": 2}


def test_every_comparison_has_its_figure(study):
    pictures = {path.stem for path in study.glob("figures/*.png")}
    for name in (
        "parity_by_wire",
        "model_errors",
        "error_training_pulls",
        "learning_curves_of_fits",
        "calibration",
        "histograms_of_wires",
        "log_histogram",
        "log_elongation_histogram",
        "conductance_profile",
        "transmission_cases",
    ):
        assert name in pictures, pictures
    assert any(name.startswith("histograms_of_models") for name in pictures)
    assert "plateau_lengths" not in pictures, "no trace of this study has a plateau at 1 G0, so there is none to draw"


def test_a_number_has_one_interval_in_results_and_figures(study):
    models = {
        (one["model"], one["fit"], one.get("split_by")): one["errors"] for one in read_json(study / "results.json")["models"]
    }
    intervals = {
        (name, test, "random" if by == "snapshot" else "group"): one["mae_95_percent_G0"]
        for (name, fit, by), tests in models.items()
        for test, one in tests.items()
        if not fit.endswith(" pulls")
    }
    drawn = read_data(study / "figures" / "model_errors.csv")
    keys = list(zip(drawn["model"], drawn["test_set"], drawn["split"], strict=True))
    assert set(keys) == set(intervals)
    for key, lower, upper in zip(keys, drawn["mae_lower_G0"], drawn["mae_upper_G0"], strict=True):
        assert ([lower, upper] == intervals[key]) or (intervals[key] is None and np.isnan(lower)), key
    curve = read_data(study / "figures" / "error_training_pulls.csv")
    own = models["fc_maxpool", "as configured", "pull"]["short"]["mae_95_percent_G0"]
    assert [curve["short mae_lower_G0"][-1], curve["short mae_upper_G0"][-1]] == own
    overlaps, pairs = (
        read_json(study / "results.json")["overlap_of_histograms"],
        read_data(study / "figures" / "histograms_of_wires.csv"),
    )
    assert pairs["overlap"].tolist() == [overlaps["overlap"][i][j] for i, j in ((0, 1), (0, 2), (1, 2))]


def test_every_trace_is_in_one_table_with_its_labels(study):
    with (study / "traces.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    found = read_json(study / "results.json")
    production = [row for row in rows if row["pulls"] == "production"]
    labelled = [row for row in rows if row["pulls"] == "training"]
    assert (len(production), len(labelled)) == (found["n_predicted"], found["n_labelled"])
    assert {"elongation_A", "exact_G0", "predicted_G0", "predicted_std_G0", "neck_width_atoms"} < set(rows[0])
    assert {row["series"] for row in production} == {"short", "long", "short, fast"}
    checked = [row for row in production if row["exact_G0"]]
    assert len(checked) == 9 and all(row["part"] == "check" for row in checked)
    test = [row for row in labelled if row["part"] == "test"]
    mae = np.mean([abs(float(row["exact_G0"]) - float(row["predicted_G0"])) for row in test])
    assert mae == pytest.approx(found["mae_test_G0"], rel=1e-12)
    elongation = [float(row["elongation_A"]) for row in production if row["series"] == "long"]
    assert elongation == sorted(elongation) and all(float(row["predicted_std_G0"]) > 0 for row in rows)


def test_spectra_at_more_k_points_are_other_spectra_of_one_snapshot(study):
    with next(study.glob("figures/transmission_cases.csv")).open() as stream:
        header = next(csv.reader(line for line in stream if not line.startswith("#")))
    assert all(any(name in column for column in header) for name in ("gamma", "other table", "k-points")), header
    notes = [read_table(path)[1]["k_points"] for path in items(study, "spectra")]
    assert sorted(notes) == [1, 1, 2]


def test_a_finished_study_keeps_models_and_drops_what_only_fits_needed(study):
    assert len(items(study, "fit")) == 10
    assert all((path / "model").is_dir() and (path / "predictions.h5").is_file() for path in items(study, "fit"))
    assert not items(study, "features")
    assert not (study / "store" / "fits-in-progress").exists()


def test_the_same_study_again_recomputes_nothing(study, copied, config, undrawn):
    folder = copied()
    said = go_on(config, folder)
    assert not [line for line in said.values() if "items, done" in line]
    assert results(folder) == results(study)
    steps_said = {name.split(" (")[0] for name, line in said.items() if "nothing to compute" in line}
    assert steps_said | {"features"} == set(read_json(study / "results.json")["seconds"]), "one name for a step"
    assert {path.name.rpartition("-")[0] for path in folder.glob("store/*-*")} >= steps_said


def test_another_name_of_a_case_and_another_window_recompute_no_fit_and_change_no_error(study, copied, config):
    folder = copied()
    config_of_this_test = folder.with_name("renamed.yaml")
    config_of_this_test.write_text(STUDY.replace("name: slower", "name: a tenth of the rate"))
    (folder / "figures" / "model_errors.png").rename(folder / "figures" / "of_an_earlier_config.png")
    listed = folder / "figures" / "figures.json"
    listed.write_text(listed.read_text().replace("model_errors.png", "of_an_earlier_config.png"))
    said = go_on(config_of_this_test, folder, "workflow.plateau_window_G0=[1.8,3.0]")
    assert not (folder / "figures" / "of_an_earlier_config.png").exists(), "a report shows figures of its own config only"
    assert "nothing to compute" in said["fit"]
    first, second = (read_json(path / "results.json") for path in (study, folder))
    before, after = first["models"][4], second["models"][4]
    assert (before["model"], after["model"]) == ("slower", "a tenth of the rate")
    assert before["errors"] == after["errors"]
    assert first["peak_near_1G0"] == second["peak_near_1G0"] and second["plateau_window_G0"] == [1.8, 3.0]
    assert first["wires"][0]["plateau_A"]["mean"] < second["wires"][0]["plateau_A"]["mean"], "the model predicts about 2 G0"
    columns = [column for table in second["tables"] for column in table["columns"]]
    assert "length at 1.8–3 G0 (Å)" in columns and not any("0.5–1.5" in column for column in columns)
    captions = " ".join(entry["caption"] for entry in list_figures(folder))
    assert "between 1.8 and 3 G0" in captions and "between 0.5 and 1.5 G0" not in captions


def test_a_study_killed_during_its_fits_goes_on_to_the_same_results_with_another_number_of_workers(
    study, copied, config, cache, undrawn
):
    folder = copied(*FITTED, "labels", "check_labels", "baseline", "baseline_check", "spectra")
    arguments = ["run", str(config), "--out", str(folder), "--set", "executor=serial"]
    environment = {**os.environ, "SHARVIN_CACHE": str(cache)}
    process = subprocess.Popen(
        [sys.executable, "-m", "sharvin", *arguments], env=environment, start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        while process.poll() is None and not (items(folder, "fit") and list(folder.glob("store/fits-in-progress/*/*"))):
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kept = {path: path.stat().st_mtime_ns for path in items(folder, "fit")}
    assert 0 < len(kept) < 10, "some fits were done and others were not"
    assert list(folder.glob("store/fits-in-progress/*")), "one was under way"
    said = go_on(config, folder, "executor=serial")
    assert "done" in said["fit"] and "nothing to compute" in said["labels"]
    assert len(items(folder, "fit")) == 10 and all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
    assert results(folder) == results(study)


def test_the_committee_predicts_a_file_as_the_study_did(study, tmp_path):
    description = read_json(study / "model.json")
    assert len(description["members"]) == 2
    folder = study / "store"
    tables = [read_table(path) for path in items(study, "predictions")]
    with_std = [table for table, _ in tables if "std_G0" in table]
    assert len(with_std) == 4, "the config's own model alone is a committee"
    for pull in sorted(folder.glob("production_pulls-*/item-*.h5"))[:2]:
        predict_files(PredictionRequest(study, [pull], out=tmp_path / "g.csv"))
        with (tmp_path / "g.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        mean, std = (np.array([float(row[name] or "nan") for row in rows]) for name in ("conductance_G0", "std_G0"))
        whole = np.array([frame.scalars["neck_width"] > 0 for frame in read_trajectory(pull)])
        assert (std[whole] > 0).all() and np.isnan(mean[~whole]).all()
        of_length = [table for table in with_std if len(table["snapshot"]) == whole.sum()]
        same = [table for table in of_length if np.allclose(table["conductance_G0"], mean[whole], atol=1e-5)]
        assert len(same) == 1
        np.testing.assert_allclose(same[0]["std_G0"], std[whole], atol=1e-5)


def test_no_standard_deviation_is_below_the_error_of_pulls_held_back(study):
    """Of two members, a = 1 and b is the error of the one that held a pull back; every pull has the same weight."""
    found = read_json(study / "results.json")
    recalibration = found["recalibration"]
    assert read_json(study / "model.json")["recalibration"] == {"a": 1.0, "b_G0": recalibration["b_G0"]}
    validation = next(table for table in found["tables"] if table["title"] == "Errors of the regressor")["rows"][1]
    assert validation[:3] == ["validation", recalibration["pulls"], recalibration["snapshots"]]
    assert recalibration["b_G0"] == pytest.approx(validation[4], rel=0.3), "the same errors, weighed by snapshot"
    with_std = [table for table in (read_table(path)[0] for path in items(study, "predictions")) if "std_G0" in table]
    assert with_std and all((table["std_G0"] >= recalibration["b_G0"]).all() for table in with_std)


def test_features_in_files_are_those_computed_on_demand(study, config, tmp_path):
    soap = load_config(config).selections["descriptor"]
    pull, numbers = items(study, "train_pulls")[0], (0, 2, 3)
    describe(DescribeTask(pull, numbers, soap), tmp_path / "shard")
    kept = SampleSource(((pull, numbers),), soap, (tmp_path / "shard",)).samples()
    demanded = SampleSource(((pull, numbers),), soap).samples()
    frames = SampleSource(((pull, numbers),), None).samples()
    assert type(kept) is not type(demanded) and len(kept) == len(demanded) == len(frames) == 3
    for place in range(3):
        assert np.array_equal(kept.rows(place), demanded.rows(place))
        assert kept.counts[place] == np.count_nonzero(~frames[place].rigid)


def test_active_learning_spends_as_many_labels_a_round_as_it_was_given_and_is_tested_on_the_same_pulls(study, copied, config):
    folder = copied(*FITTED, "labels", "baseline", "spectra")
    said = go_on(config, folder, profile="active")
    assert "nothing to compute" in said["train_pulls"]
    found = read_json(folder / "results.json")
    learning = found["active_learning"]
    assert list(learning) == ["largest standard deviation", "random choice"]
    for rounds in learning.values():
        assert [entry["labels"] for entry in rounds] == [10, 13, 16]
        assert all(np.isfinite(entry["held-out pulls"]) for entry in rounds)
    chosen, at_random = learning.values()
    assert chosen[0] == at_random[0], "both begin with the same labels and fits"
    assert chosen[-1] != at_random[-1]
    own = found["models"][0]
    assert own["training_snapshots"] == 16 and own["errors"]["held-out pulls"]["mae_G0"] == chosen[-1]["held-out pulls"]
    assert found["n_labelled"] < read_json(study / "results.json")["n_labelled"]
    assert (folder / "figures" / "active_learning.png").is_file()
    test = [one["models"][0]["errors"]["held-out pulls"] for one in (read_json(study / "results.json"), found)]
    assert (test[0]["pulls"], test[0]["snapshots"]) == (test[1]["pulls"], test[1]["snapshots"])


# Bad input of a whole study


def test_snapshots_that_cannot_be_labelled_are_left_out_and_counted(study, copied, config, monkeypatch, undrawn):
    folder = copied(*FITTED, "labels")
    exact = RecursiveGreen.transmission

    def flaky(solver, systems, energies_eV):
        T = exact(solver, systems, energies_eV)
        T[[int(abs(system.H.data.sum()) * 1e3) % 5 == 0 for system in systems]] = np.nan
        return T

    monkeypatch.setattr(RecursiveGreen, "transmission", flaky)
    go_on(config, folder, profile="plain")
    whole, found = read_json(study / "results.json"), read_json(folder / "results.json")
    lost = len(found["failures"])
    assert 2 < lost < whole["n_labelled"] // 2 and found["n_labelled"] == whole["n_labelled"] - lost
    assert f"({lost} more could not be labelled and were left out)" in found["summary"]
    assert all("RecursiveGreen.transmission returned numbers that are not finite" in one["reason"] for one in found["failures"])
    assert np.isfinite([found["mae_train_G0"], found["mae_test_G0"]]).all()


def test_labels_of_too_few_pulls_are_no_training_set(copied, config, command):
    folder = copied(*FITTED)
    trajectories = items(folder, "train_pulls")
    number = len(trajectories)
    for path in trajectories[2:]:
        path.with_name(f"{path.name}.failed.json").write_text(json.dumps({"reason": "the wire melted"}))
        path.unlink()
    code, said = command("run", config, "--out", folder, "--profile", "plain", "--update")
    assert code == 1 and said.count("\n") == 1
    assert f"only 2 of {number} training pulls have labels, and a split by pull needs 3" in said
    code, said = command("check", config, "--profile", "plain", "--set", "workflow.training_pulls=1")
    assert code == 2 and "at least 3 training_pulls" in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(
    "setting", ["regressor.device=cuda", "workflow.compare=[{name: a, regressor: {use: transformer, device: cuda}}]"]
)
def test_a_gpu_that_is_not_there_is_missed_before_anything_is_computed(config, command, tmp_path, setting):
    code, said = command("run", config, "--out", tmp_path / "run", "--profile", "plain", "--set", setting)
    assert code == 2 and said.count("\n") == 1 and "torch finds no GPU" in said
    assert not list((tmp_path / "run").glob("store/*/item-*"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"descriptor": {"use": "soap", "n_max": 4, "l_max": 2, "cutoff_A": 5.0, "centres": "mobile"}}, "features"),
        ({"format": 0}, "was written by another version of sharvin"),
    ],
)
def test_a_model_that_is_not_this_study_s_predicts_nothing(copied, command, tmp_path, changes, words):
    folder = copied("features", "labels")
    content = read_json(folder / "model.json") | changes
    (folder / "model.json").write_text(json.dumps(content))
    code, said = command("predict", folder, items(folder, "production_pulls")[0], "--out", tmp_path / "g.csv")
    assert code == 2 and said.count("\n") == 1 and words in said
    assert not (tmp_path / "g.csv").exists()


def test_a_case_may_not_be_called_what_the_config_s_own_model_is(config, command, tmp_path):
    same = "workflow.compare=[{name: fc_maxpool, regressor: {use: ridge}}]"
    code, said = command("run", config, "--out", tmp_path / "run", "--profile", "plain", "--set", same)
    assert code == 2 and "a case is named fc_maxpool, which is what the config's own model is called" in said


def test_a_profile_is_checked_by_its_name(config, command):
    assert command("check", config, "--profile", "active")[0] == 0
    code, said = command("check", config, "--profile", "passive")
    assert code == 2 and "there is no profile 'passive' in this config (did you mean 'active'?); it has plain, active." in said


class OnOneBandEdge:
    """A solver with T = 1 at all energies but one, which it refuses."""

    def transmission(self, systems, energies_eV):
        if np.any(energies_eV == 0.5):
            raise RunError("on a band edge")
        return np.ones((len(systems), len(energies_eV)))


def test_an_energy_on_a_band_edge_leaves_the_rest_of_a_spectrum():
    found = steps._where_possible(OnOneBandEdge(), [(1.0, None)], np.array([0.0, 0.5, 1.0]))
    assert found[[0, 2]].tolist() == [1.0, 1.0] and np.isnan(found[1])
    with pytest.raises(ItemError, match="refuses"):
        steps._where_possible(OnOneBandEdge(), [(1.0, None)], np.array([0.5, 1.0]))
