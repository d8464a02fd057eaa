"""A study whose Hamiltonian learns: it is taught before it labels, tested on pulls it has not seen, and resumes when killed."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sharvin.store import read_table
from small_study import GOLD, results, small

PREDICTED = {
    "workflow": "{use: break_junction, training_pulls: 3, production_pulls: 1, label_every: 2, reference_snapshots: 9, "
    "check_snapshots: 2, check_reference_snapshots: 2}",
    "hamiltonian": "{use: slater_koster, charge_neutrality: predicted}",
}


def labels(folder):
    paths = max(folder.glob("store/labels-*"), key=lambda path: path.stat().st_mtime).glob("*.h5")
    return np.concatenate([read_table(path)[0]["conductance_G0"] for path in sorted(paths)])


@pytest.fixture(scope="module")
def learnt(finished, sharvin, tmp_path_factory):
    """The small study with predicted shifts, on the pulls that the plain one has made."""
    folder = tmp_path_factory.mktemp("learnt") / "run"
    shutil.copytree(finished, folder)
    done = sharvin("run", GOLD, "--out", folder, "--update", *small(**PREDICTED))
    assert done.returncode == 0, done.stderr
    return folder


def test_what_was_learnt_is_tested_on_a_pull_not_seen_and_reported(learnt):
    found = results(learnt)["hamiltonian_learnt"]
    assert found["quantity"] == "on-site shift (eV)"
    assert found["pulls_held_out"] == 1
    assert found["snapshots_held_out"] + found["snapshots_learnt_from"] == 9 + 2
    counts = sorted(len(read_table(path)[0]["snapshot"]) for path in learnt.glob("store/references-*/*.h5"))
    assert counts == [2, 3, 3, 3]  # of the production pull, whose check labels depend on them, and of three training pulls
    assert 0 < found["mae"] < found["rmse"] < found["largest"]
    evaluation, _ = read_table(next(learnt.glob("store/hamiltonian-*/output/evaluation.h5")))
    error = np.abs(evaluation["predicted"] - evaluation["exact"]).mean()
    assert found["mae"] == pytest.approx(error)
    assert error < 0.25 * np.abs(evaluation["exact"]).mean()  # against shifts of zero
    report = (learnt / "report.html").read_text()
    assert "Learnt part of the Hamiltonian" in report and "hamiltonian_learnt" in report
    assert (learnt / "figures" / "hamiltonian_learnt.csv").is_file()


def test_labels_have_the_shifts_that_were_learnt(learnt, finished):
    plain = labels(finished)
    assert len(labels(learnt)) > 5
    assert not np.isin(labels(learnt), plain).any()


def test_a_study_killed_while_it_teaches_resumes_to_equal_labels_with_another_number_of_workers(
    learnt, finished, sharvin, cache, tmp_path
):
    folder = tmp_path / "killed"
    shutil.copytree(finished, folder)
    arguments = ["run", str(GOLD), "--out", str(folder), "--update", *small(**PREDICTED, executor="serial")]
    environment = {**os.environ, "SHARVIN_CACHE": str(cache)}
    process = subprocess.Popen(
        [sys.executable, "-m", "sharvin", *arguments], env=environment, start_new_session=True, stdout=subprocess.DEVNULL
    )
    while process.poll() is None and not list(folder.glob("store/references-*/item-*.h5")):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(folder.glob("store/hamiltonian-*/output"))
    resumed = sharvin(*arguments)
    assert resumed.returncode == 0, resumed.stderr
    assert np.array_equal(labels(folder), labels(learnt), equal_nan=True)
    assert results(folder) == results(learnt)


def test_references_of_a_hamiltonian_that_learns_nothing_are_refused(sharvin, tmp_path):
    workflow = {**PREDICTED, "hamiltonian": "slater_koster"}
    refused = sharvin("run", GOLD, "--out", tmp_path / "run", *small(**workflow))
    assert refused.returncode == 2 and "reference_snapshots: 9 would be ignored" in refused.stderr
