"""Studies of disordered wires: what they learn from is exact physics, and a run is the same however it came about."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from pydantic import ValidationError
from sharvin.config import Selection, load_config
from sharvin.registry import create
from sharvin.samples import Prediction
from sharvin.store import read_json, read_table
from sharvin_studies.disordered_wire import steps
from sharvin_studies.disordered_wire.configs import DisorderedWireOptions, at_concentration
from sharvin_studies.disordered_wire.workflow import DisorderedWire
from small_study import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("w1_*.yaml"))

SMALL = """\
workflow:
  use: disordered_wire
  test_samples: 60
  cases:
    - {name: box, training_samples: [100, 200], group: dnn, hamiltonian: {disorder: I, length: 3, width: 3}}
    - {name: G, training_samples: 200, group: dnn, published_mae_G0: 0.2}
    - {name: wide, training_samples: 200, regressor: {hidden: [20]}}
    - {name: Gbar, target: bias_averaged_conductance, training_samples: 200, regressor: {use: cnn, convolutions: [{channels: 2}]}}
  ensemble: {cases: [G, Gbar], concentrations: [0, 0.3, 1], configurations: 20}
  timing: {case: Gbar, configurations: 20, published_exact_s: 8885, published_network_s: 32}
seed: 3
hamiltonian: {use: square_lattice, disorder: II, length: 6, width: 5}
transport: {use: grid_transfer}
regressor: {use: dnn, hidden: [10], epochs: 3}
executor: serial
"""


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("wires") / "wires.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="session")
def done(sharvin, config):
    """Run folder of the small study."""
    folder = config.parent / "done"
    result = sharvin("run", config, "--out", folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def numbers(folder):
    """Content of results.json without times and what is derived from them."""

    def untimed(value):
        if isinstance(value, dict):
            return {
                key: untimed(item) for key, item in value.items() if "seconds" not in key and key not in ("summary", "tables")
            }
        return [untimed(item) for item in value] if isinstance(value, list) else value

    return untimed(json.loads((folder / "results.json").read_text()))


def source(total=30, stream="wires", **options):
    model = type(create("hamiltonians", "square_lattice").options)
    return steps.WireSource(Selection("hamiltonians", "square_lattice", model(**options)), 1, stream, total)


def labelled(tmp_path, wires, energies=(0.0,)):
    transport = Selection("transport", "grid_transfer", create("transport", "grid_transfer").options)
    steps.label(steps.WireLabelTask(wires, 0, transport, energies), tmp_path / "labels.h5")
    return read_table(tmp_path / "labels.h5")[0]


@pytest.mark.parametrize("width", [1, 2, 7])
def test_the_distribution_of_clean_wires_is_a_spike_at_their_open_channels(tmp_path, width):
    table = labelled(tmp_path, source(disorder="II", concentration=0.0, length=4, width=width))
    np.testing.assert_allclose(table["conductance_G0"], width, atol=1e-10)


def test_the_bias_average_of_one_impurity_follows_from_its_closed_form(tmp_path):
    study = DisorderedWire(DisorderedWireOptions(cases=[{"name": "one site", "training_samples": 20}]))
    energies = np.array(study.energies("bias_averaged_conductance"))
    assert len(energies) == 10 and energies[0] == -energies[-1] == pytest.approx(-0.18)
    wires = source(disorder="I", strength=4.0, length=1, width=1)
    onsite = wires.draw(0).wires.onsite[:, 0, 0]
    sines = np.sqrt(1 - (energies / 2) ** 2)
    exact = (1 / (1 + (onsite[:, None] / (2 * sines)) ** 2)).sum(axis=1) / 10
    table = labelled(tmp_path, wires, tuple(energies))
    np.testing.assert_allclose(table["conductance_G0"], exact, atol=1e-12)


def test_energies_are_in_units_of_the_hopping(tmp_path):
    """A wire with all energies doubled, hopping included, conducts the same."""
    one = labelled(tmp_path, source(disorder="I", strength=4.0, length=5, width=4), (-0.18, 0.02))
    two = labelled(tmp_path, source(disorder="I", strength=8.0, hopping=2.0, length=5, width=4), (-0.18, 0.02))
    np.testing.assert_allclose(two["transmission"], one["transmission"], atol=1e-9)


def test_ensembles_without_disorder_do_not_fluctuate(done):
    """All sites clean or all sites impurities: one wire, over and over."""
    for scan in numbers(done)["ensemble"]:
        mean, std = scan["exact_mean_G0"], scan["exact_std_G0"]
        assert std[0] < 1e-12 and std[2] < 1e-12 and std[1] > 0.05
        assert mean[0] > mean[1] > mean[2]
    assert numbers(done)["ensemble"][0]["exact_mean_G0"][0] == pytest.approx(5.0)


def test_impurities_of_several_energies_fluctuate_at_full_concentration(tmp_path):
    options = at_concentration(source(disorder="III", length=6, width=5).hamiltonian.options, 1.0)
    wires = steps.WireSource(Selection("hamiltonians", "square_lattice", options), 1, "wires", 30)
    assert labelled(tmp_path, wires)["conductance_G0"].std() > 1e-4


def test_on_site_maps_are_drawn_again_bit_for_bit(tmp_path):
    """The conductance of a map that is drawn for a network is the stored one."""
    wires = source(total=steps.CHUNK + 5, disorder="I", length=3, width=2)
    rows = np.array([0, 7, steps.CHUNK - 1, steps.CHUNK, steps.CHUNK + 4])
    images = wires.images(rows)
    assert images.values.dtype == np.float32
    whole = np.concatenate([wires.draw(chunk).wires.onsite for chunk in (0, 1)])
    np.testing.assert_array_equal(images.values, whole[rows].astype(np.float32))
    fewer = source(total=steps.CHUNK, disorder="I", length=3, width=2)
    np.testing.assert_array_equal(fewer.images(rows[:3]).values, images.values[:3])


class Recorder:
    """A regressor that keeps what it is given, and predicts the mean."""

    def build(self):
        return self

    def fit(self, data, validation, rng):
        self.learnt, self.held = data, validation
        return {"validation_mae": [0.0]}

    def predict(self, samples):
        return Prediction(np.full(len(samples), self.learnt.targets.mean()))

    def save(self, folder):
        pass


def test_training_sets_are_nested_and_the_test_set_is_apart(tmp_path):
    wires = source(total=60, disorder="I", length=3, width=2)
    labels = labelled(tmp_path, wires)["conductance_G0"]
    seen = {}
    for number, validation in ((20, 4), (40, 8)):
        recorder = Recorder()
        task = steps.WireFitTask("test", wires, recorder, (tmp_path / "labels.h5",), 20, number, validation)
        steps.fit(task, tmp_path / f"fit-{number}")
        table, _ = read_table(tmp_path / f"fit-{number}" / "test.h5")
        np.testing.assert_array_equal(table["wire"], np.arange(20))
        np.testing.assert_array_equal(table["exact_G0"], labels[:20])
        seen[number] = {*recorder.learnt.groups, *recorder.held.groups}
        assert len(recorder.held) == validation and len(seen[number]) == number
        np.testing.assert_array_equal(recorder.learnt.targets, labels[recorder.learnt.groups])
    assert seen[20] < seen[40] and min(seen[40]) == 20


def test_the_report_has_every_number_and_figure(done):
    content = read_json(done / "results.json")
    assert [case["name"] for case in content["cases"]] == ["box", "G", "wide", "Gbar"]
    assert [row["training_samples"] for row in content["cases"][0]["curve"]] == [100, 200]
    row = content["cases"][1]["curve"][0]
    learnt = content["cases"][3]["curve"][0]
    assert learnt["constant_mae_G0"] > learnt["mae_G0"], "more than the median was learnt"
    assert row["published_mae_G0"] == 0.2 and 0 < row["mae_G0"] <= row["rmse_G0"] and row["fit_seconds"] > 0
    assert (content["cases"][0]["length"], content["cases"][1]["length"]) == (3, 6)
    assert content["timing"]["exact_seconds"] > 0 and content["timing"]["predicted_seconds"] > 0
    assert set(content["ensemble"][1]["predicted"]) == {"Gbar"}
    drawn = {path.stem for path in (done / "figures").glob("*.png")}
    assert drawn == {
        "onsite_maps", "conductance_distributions", "conductance_concentration", "parity", "error_training_samples",
        "error_size", "training", "ensemble_statistics", "time_per_configuration",
    }  # fmt: skip
    assert "8,885" in (done / "report.html").read_text()


def test_cases_with_equal_hamiltonians_share_their_wires(done):
    """Three ensembles of transmissions for four cases: the box, G (of two cases) and Gbar."""
    folders = list((done / "store").glob("transmissions-*"))
    assert len(folders) == 1 and len(list(folders[0].glob("item-*.h5"))) == 3
    assert numbers(done)["n_wires"] == 3 * 260


def test_a_killed_study_completes_with_the_same_results(done, sharvin, cache, config, tmp_path):
    wait = np.random.default_rng(os.getpid()).uniform(1.5, 6.0)
    command = [sys.executable, "-m", "sharvin", "run", str(config), "--out", str(tmp_path / "run")]
    environment = {**os.environ, "SHARVIN_CACHE": str(cache)}
    process = subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    resumed = sharvin("run", config, "--out", tmp_path / "run")
    assert resumed.returncode == 0, resumed.stderr
    assert numbers(tmp_path / "run") == numbers(done), f"killed after {wait:.2f} s"


def test_a_finished_study_recomputes_nothing(done, sharvin, config):
    again = sharvin("run", config, "--out", done)
    assert again.returncode == 0 and "nothing was recomputed" in again.stdout


def test_a_changed_case_recomputes_itself_and_its_failure_is_recorded(done, sharvin, tmp_path):
    folder, changed = tmp_path / "changed", tmp_path / "wires.yaml"
    shutil.copytree(done, folder)
    changed.write_text(SMALL.replace("hidden: [20]", "hidden: [20], learning_rate: 1.0e+30"))
    again = sharvin("run", changed, "--out", folder, "--update")
    assert again.returncode == 0, again.stderr
    assert "transmissions: 3 items, nothing to compute" in again.stdout
    (fits,) = (folder / "store").glob("fits-*")
    assert len(list(fits.glob("item-*"))) == 6, "five fits and the changed one, failed"
    content, before = numbers(folder), numbers(done)
    assert [failure["step"] for failure in content["failures"]] == ["fits"]
    assert "case wide, 200 training samples" in content["failures"][0]["reason"]
    assert [len(case["curve"]) for case in content["cases"]] == [2, 1, 0, 1]
    assert content["cases"][0] == before["cases"][0] and content["ensemble"] == before["ensemble"]


WRONG = {
    "cases[0] misspelt": ("training_samples: [100, 200]", "trainig_samples: [100, 200]", 5, "did you mean 'training_samples'"),
    "option of a Hamiltonian": ("length: 3, width: 3", "lenght: 3, width: 3", 5, "did you mean 'length'"),
    "option of a regressor": ("regressor: {hidden: [20]}", "regressor: {hiden: [20]}", 7, "did you mean 'hidden'"),
    "another regressor": ("use: cnn,", "use: cnm,", 8, "there is no regressor 'cnm' (did you mean 'cnn'"),
    "value of a Hamiltonian": ("disorder: I,", "disorder: V,", 5, "is one of 'I', 'II'"),
    "regressor of features": ("regressor: {hidden: [20]}", "regressor: {use: ridge}", 7, "but disordered_wire gives image"),
    "two of a name": ("name: wide", "name: G", 4, "two cases are named G"),
    "unknown case": ("case: Gbar, conf", "case: Gber, conf", 10, "timing names the case Gber"),
    "no concentration": ("cases: [G, Gbar]", "cases: [box, G]", 9, "the Hamiltonian of case box has no concentration"),
    "published": ("published_mae_G0: 0.2", "published_mae_G0: [0.2, 0.1]", 6, "1 numbers of training_samples and 2 values"),
    "solver": ("{use: grid_transfer}", "{use: grid_transfer, tolerance: 1}", 13, "must be at most"),
}


@pytest.mark.parametrize("what", WRONG)
def test_mistakes_in_cases_are_reported_with_their_lines(command, tmp_path, what):
    right, wrong, line, words = WRONG[what]
    text = SMALL.replace(right, wrong)
    assert text != SMALL
    (tmp_path / "wires.yaml").write_text(text)
    code, said = command("check", tmp_path / "wires.yaml")
    assert code == 2 and "Traceback" not in said
    assert any(f"wires.yaml:{line}: " in one and words in one for one in said.splitlines()), said


def test_a_bias_that_no_case_uses_is_refused():
    with pytest.raises(ValidationError, match="bias would be ignored"):
        DisorderedWireOptions.model_validate({"cases": [{"name": "G", "training_samples": 100}], "bias": 0.5})


def test_maps_of_ones_own_are_used_once_each_and_must_be_enough(sharvin, config, tmp_path):
    maps = np.random.default_rng(5).normal(size=(100, 3, 2))
    np.save(tmp_path / "maps.npy", maps)
    text = SMALL[: SMALL.index("  cases:")] + "  cases: [{name: own, training_samples: 40}]\n" + SMALL[SMALL.index("seed:") :]
    own = f"disorder: file, onsite_file: {tmp_path / 'maps.npy'}, length: 3, width: 2"
    (tmp_path / "own.yaml").write_text(text.replace("disorder: II, length: 6, width: 5", own))
    done = sharvin("run", tmp_path / "own.yaml", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    chosen = load_config(tmp_path / "own.yaml").variants["cases"]["own"]["hamiltonian"]
    wires = steps.WireSource(chosen, 3, "wires", 100)
    np.testing.assert_array_equal(wires.images(np.arange(100)).values, maps.astype(np.float32))
    refused = sharvin("run", tmp_path / "own.yaml", "--out", tmp_path / "more", "--set", "workflow.test_samples=61")
    assert refused.returncode == 2 and "holds 100 on-site maps; 101 were asked for" in refused.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_runs(command, tmp_path, example):
    settings = ["workflow.scale=0.001", "executor=serial", "regressor.epochs=1"]
    arguments = [word for setting in settings for word in ("--set", setting)]
    code, said = command("run", example, "--out", tmp_path / "run", *arguments)
    assert code == 0, said
    content = read_json(tmp_path / "run" / "results.json")
    assert not content["failures"]
    assert content["scale"] == 0.001 and content["test_samples"] == 20
    assert all(np.isfinite(row["mae_G0"]) for case in content["cases"] for row in case["curve"])
