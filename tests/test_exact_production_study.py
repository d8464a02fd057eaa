"""Studies that label every production snapshot: nothing is fitted, or predictions of all are held against all labels."""

import csv
import io
import json
import os
import shutil

import numpy as np
import pytest
from filelock import FileLock
from rich.console import Console
from sharvin import open_run
from sharvin.config import load_config
from sharvin.devices.brillouin import averaged_transmission, devices_at_k
from sharvin.electrodes.broken_wires import is_unbroken, unbroken
from sharvin.junction import Junction
from sharvin.runs.run import run
from sharvin.store import read_frames, read_json, read_observables, read_table
from small_study import ROOT, results

STUDY = """
workflow:
  use: break_junction
  production_pulls:
    - {name: EAM, pulls: 2}
    - {name: second moment, pulls: 2, potential: {use: second_moment, element: Au}}
seed: 1
structure: {use: nanowire, element: Au, lattice_constant_A: 4.08, neck: [2, 2, 3], electrode: [3, 3, 5]}
potential: {use: eam, file: Au_u3.eam}
dynamics: {use: lammps_pull, temperature_K: 4.5, speed_m_per_s: 300, snapshot_every_A: 0.4, equilibration_ps: 0.1,
           rupture_margin_A: 1.0}
hamiltonian: {use: slater_koster, table: ptbp}
transport: rgf
descriptor: null
regressor: null
executor: serial
profiles:
  fitted:
    workflow: {training_pulls: 4, production_labels: all, committee: {members: 2}, learning_curve: [2], compare_pulls: 1,
               compare: [{name: other epochs, regressor: {epochs: 2}}, {name: other table, hamiltonian: {table: nrl}}]}
    dynamics: {snapshot_every_A: 1.0}
    descriptor: {use: soap, n_max: 3, l_max: 2, cutoff_A: 5.0, centres: mobile}
    regressor: {use: ridge}
"""


@pytest.fixture(scope="session")
def exact_config(tmp_path_factory):
    path = tmp_path_factory.mktemp("exact") / "exact.yaml"
    path.write_text(STUDY.replace(", regressor: {epochs: 2}}", ", regressor: {alpha: 10.0}}"))
    return path


@pytest.fixture(scope="session")
def exact(exact_config, sharvin, tmp_path_factory):
    """Run folder of the study without a regressor, finished; nobody writes into it. Workers of a parallel test run share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "exact-study"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "report.html").exists():
            done = sharvin("run", exact_config, "--out", folder)
            assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def go_on(exact, exact_config, tmp_path, monkeypatch, cache):
    """Copy the finished study without the items that `lost` chooses and run it on, undrawn; gives its folder and what it said."""
    monkeypatch.setenv("SHARVIN_CACHE", str(cache))
    monkeypatch.setattr("sharvin_studies.break_junction.production.exact_study.draw", lambda *_: None)
    folder = tmp_path / "run"

    def run_on(*settings, lost=(), config=exact_config):
        shutil.copytree(exact, folder, ignore=shutil.ignore_patterns(".lock", "report.html"))
        for path in (path for pattern in lost for path in folder.glob(pattern)):
            path.unlink()
        said = io.StringIO()
        run(load_config(config, settings), folder, Console(file=said, width=200), update=True)
        return folder, {line.split(":")[0]: line for line in said.getvalue().splitlines()}

    return run_on


def rows_of(folder):
    with (folder / "traces.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_unbroken_production_snapshot_is_labelled_and_nothing_is_fitted(exact):
    found, rows = results(exact), rows_of(exact)
    pulls = sorted(exact.glob("store/production_pulls-*/*.h5"))
    assert len(pulls) == 4 and not list(exact.glob("store/train_pulls-*")) and not list(exact.glob("store/fit-*"))
    assert len(rows) == found["n_labelled"] == sum(int(unbroken(read_observables(path)).sum()) for path in pulls) > 40
    assert all(row["exact_G0"] and not row["predicted_G0"] and row["pulls"] == "production" for row in rows)
    assert sum(found["histogram"]["counts"]) + found["histogram"]["outside"] == len(rows)
    assert "models" not in found and "mae_test_G0" not in found and not (exact / "model.json").exists()
    files = list(exact.glob("store/production_labels-*/*.h5"))
    assert len(files) < len(rows) / 8, "a file holds a series of snapshots"
    assert max(len(read_table(path)[0]["snapshot"]) for path in files) == 16


def test_a_label_is_the_transmission_of_its_frame(exact, exact_config):
    parts = load_config(exact_config).selections
    hamiltonian, solver = parts["hamiltonian"].build(), parts["transport"].build()
    trajectory = exact / read_json(exact / "pulls.json")["production"]["2"]
    labels = {int(row["snapshot"]): float(row["exact_G0"]) for row in rows_of(exact) if row["pull"] == "2"}
    first = next(read_frames(trajectory, [0])).to_atoms()
    junction = Junction.detect(first, hamiltonian.range_A(first.numbers))
    for number in (0, max(labels)):
        moved = junction.with_positions(next(read_frames(trajectory, [number])).to_atoms())
        T = averaged_transmission(solver, devices_at_k(hamiltonian, moved), np.zeros(1))[0]
        assert labels[number] == pytest.approx(T, rel=1e-9)


def test_results_figures_and_report_say_that_the_conductances_are_exact(exact):
    found = results(exact)
    assert found["summary"].startswith("Exact production") and "eam and second_moment" in found["summary"]
    listed = read_json(exact / "figures" / "figures.json")
    told = {one["name"]: f"{one['title']}: {one['caption']}" for one in listed}
    assert "series_side_by_side" in told and "conductance_histogram" in told
    assert all("exact labels" in words and "predicted" not in words for words in told.values()), told
    assert "Series side by side" in (exact / "report.html").read_text(encoding="utf-8")


def test_series_are_pulled_by_their_own_potentials_and_held_against_each_other(exact):
    one, other = results(exact)["series"]
    assert (one["name"], other["name"]) == ("EAM", "second moment")
    assert other["one_atom_share"]["mean"] > 0.5 > one["one_atom_share"]["mean"], "its chains are longer"
    assert 2.3 < other["shortest_bond_A"]["least"] <= other["shortest_bond_A"]["median"] < 2.9
    narrow = [
        float(row["exact_G0"]) for row in rows_of(exact) if row["series"] == other["name"] and row["neck_width_atoms"] == "1.0"
    ]
    assert other["one_atom_G0"]["count"] == other["shortest_bond_A"]["count"] == len(narrow)
    assert other["one_atom_G0"]["median"] == pytest.approx(np.median(narrow))


def test_another_potential_of_one_series_pulls_that_series_alone_anew(exact, exact_config, go_on, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text(exact_config.read_text().replace("{use: second_moment, element: Au}", "{use: eam, file: Au_u3.eam}"))
    folder, said = go_on(config=changed)
    assert "2 of 4" in said["production_pulls"] or len(list(folder.glob("store/production_pulls-*/*.h5"))) == 6
    kept, new = (read_json(path / "pulls.json")["production"] for path in (exact, folder))
    assert [kept[pull] == new[pull] for pull in "0123"] == [True, True, False, False]


def test_a_study_that_lost_labels_goes_on_to_equal_results_with_other_workers(exact, go_on):
    folder, said = go_on("executor={use: processes, workers: 2}", lost=["store/production_labels-*/item-*[0-7].h5"])
    assert "nothing to compute" in said["production_pulls"] and "done" in said["production_labels"]
    assert results(folder) == results(exact)


def test_such_a_run_is_checked_exported_opened_and_reported_but_predicts_nothing(exact, exact_config, sharvin, tmp_path):
    checked = sharvin("check", exact_config)
    assert checked.returncode == 0 and "labels" in checked.stdout
    assert "fits" not in checked.stdout and "predicted" not in checked.stdout and "training" not in checked.stdout
    frames = next(exact.glob("store/production_pulls-*/*.h5"))
    refused = sharvin("predict", exact, frames)
    assert refused.returncode == 2 and "fitted nothing (regressor: null)" in refused.stderr
    exported = sharvin("export", exact, "--what", "labels", "--to", "csv", "--out", tmp_path)
    assert exported.returncode == 0, exported.stderr
    with (tmp_path / "labels.csv").open(newline="", encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == results(exact)["n_labelled"]
    opened = open_run(exact)
    assert set(opened.trajectories) == {("production", pull) for pull in range(4)}
    folder = tmp_path / "run"
    shutil.copytree(exact, folder, ignore=shutil.ignore_patterns("store", "report.html"))
    assert sharvin("report", folder).returncode == 0 and (folder / "report.html").is_file()


def test_predictions_of_all_are_held_against_labels_of_all(exact_config, sharvin, tmp_path):
    folder = tmp_path / "run"
    done = sharvin("run", exact_config, "--profile", "fitted", "--out", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    found, rows = results(folder), [row for row in rows_of(folder) if row["pulls"] == "production"]
    assert len(rows) == found["n_predicted"] == found["n_labelled_production"]
    own = found["models"][0]["errors"]
    for series in ("EAM", "second moment"):
        both = np.array([(float(r["exact_G0"]), float(r["predicted_G0"])) for r in rows if r["series"] == series])
        error = np.abs(both[:, 0] - both[:, 1])
        assert own[series]["snapshots"] == len(both) and own[series]["mae_G0"] == pytest.approx(error.mean(), rel=1e-9)
        narrow = both[:, 0] < 1.2
        assert own[series]["by_conductance"]["< 1.2 G0"]["snapshots"] == narrow.sum()
        if narrow.any():
            assert own[series]["by_conductance"]["< 1.2 G0"]["mae_G0"] == pytest.approx(error[narrow].mean(), rel=1e-9)
    shorter = next(one for one in found["models"] if one["fit"] == "2 pulls")
    assert shorter["errors"]["EAM"]["snapshots"] == own["EAM"]["snapshots"], "a learning curve is tested on all of them, too"
    told = {(one["wire"], one["model"]): one for one in found["distance_from_exact_production"]}
    assert set(told) == {(wire, model) for wire in ("EAM", "second moment") for model in ("ridge", "other epochs")}
    assert [told["EAM", model]["pulls"] for model in ("ridge", "other epochs")] == [2, 1]
    assert all(0.0 <= one["distance"] <= 1.0 for one in told.values())
    assert {"Mean absolute errors by conductance (G0)", "Histograms of predictions against exact production"} <= {
        table["title"] for table in found["tables"]
    }
    assert {one["before_recalibration"] is not None for one in found["calibration"].values()} == {True}


def test_the_example_takes_its_references_from_both_series_and_says_what_their_prediction_costs(sharvin, tmp_path):
    folder = tmp_path / "run"
    done = sharvin("run", ROOT / "examples" / "gold_exact_production.yaml", "--profile", "small", "--out", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((folder / "results.json").read_text())
    learnt = found["hamiltonian_learnt"]
    assert learnt["snapshots_learnt_from"] + learnt["snapshots_held_out"] == 8 and learnt["pulls_held_out"] == 1
    assert len(list(folder.glob("store/references-*/*.h5"))) == 4, "of both pulls of both series"
    (histogram,) = (one for one in read_json(folder / "figures" / "figures.json") if one["name"] == "conductance_histogram")
    assert f"off by {learnt['mae_G0']:.3f} G0 on average" in histogram["caption"]
    assert [one["name"] for one in found["series"]] == ["second moment", "EAM"] and not found["failures"]
    whole = sum(is_unbroken(frame) for path in folder.glob("store/production_pulls-*/*.h5") for frame in read_frames(path))
    assert found["n_labelled"] == whole


@pytest.mark.parametrize("profile", [None, "small"])
def test_the_example_is_a_study_of_two_potentials_without_a_regressor(profile):
    config = load_config(ROOT / "examples" / "gold_exact_production.yaml", profile=profile)
    assert config.without == {"descriptor", "regressor"}
    parts = config.variants["production_pulls"].values()
    assert [one["potential"].name for one in parts] == ["second_moment", "eam"]
