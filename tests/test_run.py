"""A study runs from a config to its report, resumes, and every stage is swapped by one line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from sharvin.store import read_table
from small_study import GOLD, results, small


def test_the_run_folder_holds_what_a_reader_needs(finished):
    names = {entry.name for entry in finished.iterdir()}
    assert names >= {"config.yaml", "versions.json", "results.json", "log.jsonl", "report.html", "traces.csv", "figures", "store"}
    content = json.loads((finished / "results.json").read_text())
    for key in ("n_traces", "n_labelled", "n_predicted", "mae_train_G0", "mae_test_G0", "histogram", "peak_near_1G0", "seconds"):
        assert key in content
    assert content["n_traces"] == 2
    steps = {"train_pulls", "labels", "features", "fit", "domain", "production_pulls", "predictions"}
    assert set(content["seconds"]) == steps
    assert not list(finished.glob("store/features-*/item-*")), "features are kept as long as a fit needs them"
    assert sum(content["histogram"]["counts"]) + content["histogram"]["outside"] == content["n_predicted"] > 0
    assert np.isfinite([content["mae_train_G0"], content["mae_test_G0"]]).all()


def test_a_finished_run_recomputes_nothing_and_says_so(finished, sharvin):
    before = results(finished)
    again = sharvin("run", GOLD, "--out", finished, *small())
    assert again.returncode == 0 and "nothing was recomputed" in again.stdout
    assert results(finished) == before
    content = json.loads((finished / "results.json").read_text())
    assert content["seconds"]["features"] > 0, "times of steps that nothing needs any more are kept"


@pytest.mark.parametrize("attempt", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_killed_run_completes_with_the_results_of_an_uninterrupted_one(finished, sharvin, cache, tmp_path, attempt):
    folder = tmp_path / "killed"
    wait = np.random.default_rng([os.getpid(), attempt]).uniform(1.5, 9.0)
    command = [sys.executable, "-m", "sharvin", "run", str(GOLD), "--out", str(folder), *small()]
    environment = {**os.environ, "SHARVIN_CACHE": str(cache)}
    process = subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    resumed = sharvin("run", GOLD, "--out", folder, *small())
    assert resumed.returncode == 0, resumed.stderr
    assert results(folder) == results(finished), f"killed after {wait:.2f} s"


def test_ctrl_c_leaves_a_run_that_resumes(finished, sharvin, cache, tmp_path):
    folder = tmp_path / "stopped"
    command = [sys.executable, "-m", "sharvin", "run", str(GOLD), "--out", str(folder), *small()]
    environment = {**os.environ, "SHARVIN_CACHE": str(cache)}
    process = subprocess.Popen(
        command,
        env=environment,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which tests in the background inherit as ignored
    )
    log = folder / "log.jsonl"
    while process.poll() is None and not (log.exists() and "step started" in log.read_text()):
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said and "resumes" in said
    assert sharvin("run", GOLD, "--out", folder, *small()).returncode == 0
    assert results(folder) == results(finished)


NAN = """
from ase.calculators.emt import EMT

class SometimesNan(EMT):
    made = 0

    def __init__(self, **options):
        super().__init__(**options)
        type(self).made += 1
        self.number, self.calls = self.made, 0

    def calculate(self, *arguments, **options):
        super().calculate(*arguments, **options)
        self.calls += 1
        if self.number % 3 == 0 and self.calls > 20:
            self.results["forces"] = self.results["forces"] * float("nan")
"""


SWAPS = {
    "regressor": "{use: ridge}",
    "hamiltonian": "{use: slater_koster, table: nrl}",
    "potential": "{use: ase, calculator: ase.calculators.emt.EMT}",
}


@pytest.mark.parametrize("key", ["regressor", "hamiltonian", pytest.param("potential", marks=pytest.mark.slow)])
def test_every_stage_is_swapped_by_one_line(finished, sharvin, tmp_path, key):
    folder = tmp_path / "swapped"
    shutil.copytree(finished, folder)
    swap = small(**{key: SWAPS[key]})
    refused = sharvin("run", GOLD, "--out", folder, *swap)
    assert refused.returncode == 2 and "belongs to another config" in refused.stderr and key in refused.stderr
    done = sharvin("run", GOLD, "--out", folder, "--update", *swap)
    assert done.returncode == 0, done.stderr
    assert results(folder)["mae_test_G0"] != results(finished)["mae_test_G0"]


@pytest.mark.slow  # in seconds the solvers' own tests compare them on the same devices
def test_another_solver_gives_the_same_labels(finished, sharvin, tmp_path):
    folder = tmp_path / "swapped"
    shutil.copytree(finished, folder)
    few = {"workflow": "{use: break_junction, training_pulls: 3, production_pulls: 0, label_every: 4}"}
    labelled = {}
    for solver in ("rgf", "sisl"):
        done = sharvin("run", GOLD, "--out", folder, "--update", *small(transport=solver, **few))
        assert done.returncode == 0, done.stderr
        latest = max(folder.glob("store/labels-*"), key=lambda path: path.stat().st_mtime)
        labelled[solver] = {path.name: read_table(path)[0]["conductance_G0"] for path in latest.glob("item-*.h5")}
    exact, same = (np.concatenate([labelled[solver][name] for name in labelled["sisl"]]) for solver in ("rgf", "sisl"))
    assert len(same) > 4
    np.testing.assert_allclose(same, exact, atol=1e-8)


def test_a_changed_regressor_recomputes_only_what_depends_on_it(finished, sharvin, tmp_path):
    folder = tmp_path / "refit"
    shutil.copytree(finished, folder)
    done = sharvin("run", GOLD, "--out", folder, "--update", *small(regressor="{use: ridge}"))
    assert done.returncode == 0, done.stderr
    for step, state in {"train_pulls": "nothing to compute", "labels": "nothing to compute", "fit": "done"}.items():
        assert any(line.startswith(f"{step}:") and state in line for line in done.stdout.splitlines()), done.stdout


def test_a_damaged_store_file_is_named_and_recomputed_on_request(finished, sharvin, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(finished, folder)
    victim = next(folder.glob("store/labels-*/item-*.h5"))
    victim.write_bytes(victim.read_bytes()[:200])
    refused = sharvin("run", GOLD, "--out", folder, *small())
    assert refused.returncode == 2 and f"{victim.name} is damaged" in refused.stderr
    mended = sharvin("run", GOLD, "--out", folder, "--repair", *small())
    assert mended.returncode == 0, mended.stderr
    assert results(folder) == results(finished)


def test_a_damaged_model_is_fitted_anew_on_request(finished, sharvin, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(finished, folder)
    weights = next(folder.glob("store/fit*/item-*/model/model.safetensors"))
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    mended = sharvin("run", GOLD, "--out", folder, "--repair", *small())
    assert mended.returncode == 0 and "is damaged" in mended.stdout, mended.stderr
    assert weights.read_bytes() == whole and results(folder) == results(finished)


def test_a_run_whose_config_changed_is_not_finished_before_it_is_computed(finished, sharvin, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(finished, folder)
    stopped = sharvin("run", GOLD, "--out", folder, "--update", *small(), "--set", "regressor.learning_rate=1e300")
    assert stopped.returncode == 1 and "every item of step fit failed" in stopped.stderr, stopped.stdout
    assert not (folder / "results.json").exists() and not (folder / "traces.csv").exists()
    for command in ("report", "export"):
        refused = sharvin(command, folder)
        assert refused.returncode == 2 and "Traceback" not in refused.stderr
    again = sharvin("run", GOLD, "--out", folder, "--update", *small())
    assert again.returncode == 0 and results(folder) == results(finished)


@pytest.mark.parametrize("content", ["garbage", "[1, 2]", "", "a: [", "\xff"])
def test_a_damaged_config_in_a_run_folder_is_named(finished, sharvin, tmp_path, content):
    folder = tmp_path / "damaged"
    shutil.copytree(finished, folder)
    (folder / "config.yaml").write_bytes(content.encode("latin-1"))
    refused = sharvin("run", GOLD, "--out", folder, *small())
    assert refused.returncode == 2 and "config.yaml is damaged" in refused.stderr and "Traceback" not in refused.stderr


def test_a_store_file_that_another_program_holds_is_named(finished, sharvin, tmp_path):
    folder = tmp_path / "locked"
    shutil.copytree(finished, folder)
    held = next(folder.glob("store/labels-*/item-*.h5"))
    with h5py.File(held, "r+"):
        refused = sharvin("run", GOLD, "--out", folder, *small())
    assert refused.returncode == 2 and f"{held.name} is locked by another process" in refused.stderr
    assert sharvin("run", GOLD, "--out", folder, *small()).returncode == 0


def test_an_unknown_failure_of_the_potential_fails_the_item_and_not_the_run(sharvin, tmp_path):
    (tmp_path / "nan_after_a_while.py").write_text(NAN)
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    wire = {
        "potential": "{use: ase, calculator: nan_after_a_while.SometimesNan}",
        "workflow": "{use: break_junction, training_pulls: 6, production_pulls: 0}",
        "executor": "{use: processes, workers: 1}",
    }
    done = sharvin("run", GOLD, "--out", tmp_path / "run", *small(**wire), env=environment)
    assert done.returncode == 0, done.stderr
    failures = json.loads((tmp_path / "run" / "results.json").read_text())["failures"]
    assert [failure["step"] for failure in failures] == ["train_pulls"] * len(failures)
    assert failures and all("nan" in failure["reason"] for failure in failures)
    report = (tmp_path / "run" / "report.html").read_text()
    assert "nan" in report


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"structure": "{use: nanowire, lattice_constant_A: 4.08, neck: [2, 2, 3], electrode: [3, 3, 3]}"},
            "electrode is too thin",
        ),
        ({"dynamics.bond_cutoff_A": "2.0"}, "broken before the pull"),
    ],
)
def test_a_wire_that_cannot_be_studied_is_refused_before_hours_are_spent(sharvin, tmp_path, settings, words):
    arguments = small()
    for key, value in settings.items():
        arguments += ["--set", f"{key}={value}"]
    refused = sharvin("run", GOLD, "--out", tmp_path / "run", *arguments)
    assert refused.returncode == 2 and words in refused.stderr and "Traceback" not in refused.stderr
    mended = sharvin("run", GOLD, "--out", tmp_path / "run", *small())
    assert mended.returncode == 0, "a folder in which nothing was computed belongs to nobody"


def test_two_programs_do_not_work_in_one_folder(finished, sharvin):
    from filelock import FileLock

    with FileLock(finished / ".lock"):
        refused = sharvin("run", GOLD, "--out", finished, *small())
    assert refused.returncode == 2 and "another sharvin works in" in refused.stderr


def test_a_folder_of_something_else_is_left_alone(sharvin, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    refused = sharvin("run", GOLD, "--out", tmp_path, *small())
    assert refused.returncode == 2 and "is no run folder" in refused.stderr


def test_the_report_is_rebuilt(finished, sharvin):
    (finished / "report.html").unlink()
    assert sharvin("report", finished).returncode == 0
    text = (finished / "report.html").read_text()
    assert "data:image/png;base64" in text and "http://" not in text.replace("http://www.w3.org", "")
