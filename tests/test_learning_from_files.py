"""Conductances from a file are learnt from, without anything to pull with, and errors are of pulls that no label was spent on."""

import csv
import json

import pytest
from labelled_wires import SOURCE, labelled_wires, wires, written
from rich.console import Console
from sharvin.config import load_config
from sharvin.errors import InputError
from sharvin.figures import read_data
from sharvin.runs.preflight import preflight
from sharvin.runs.run import run
from small_study import ROOT

CONFIG = """
workflow:
  use: break_junction
  training_pulls: [{{name: DFT, file: {file}}}]
  production_pulls: 0
  learning_curve_labels: [6, 12]
  folds: 3
  compare:
    - {{name: kernel, descriptor: {{use: average_soap, n_max: 2, l_max: 1, cutoff_A: 4.5}}, regressor: {{use: kernel_ridge}}}}
    - {{name: other table, hamiltonian: {{table: nrl}}}}
seed: 1
hamiltonian: {{use: slater_koster, table: ptbp}}
transport: rgf
descriptor: {{use: soap, n_max: 2, l_max: 1, cutoff_A: 4.5, centres: mobile}}
regressor: {{use: ridge}}
executor: serial
"""
PULLING = """
structure: {use: nanowire, neck: [1, 1, 3], electrode: [2, 2, 5]}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    frames = labelled_wires()
    bare = [atoms.copy() for atoms in frames]
    for atoms in bare:
        atoms.info = {key: atoms.info[key] for key in ("pull", "elongation_A")}
    return {"labelled": written(folder / "labelled.extxyz", frames), "bare": written(folder / "bare.extxyz", bare)}


def config(folder, file, extra=""):
    path = folder / "study.yaml"
    path.write_text(CONFIG.format(file=file) + extra)
    return path


@pytest.fixture(scope="module")
def study(files, sharvin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    done = sharvin("run", config(folder, files["labelled"]), "--out", folder / "run")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "run"


def results(folder):
    return json.loads((folder / "results.json").read_text())


def exact(folder):
    with (folder / "traces.csv").open() as stream:
        return {(row["pull"], row["snapshot"]): float(row["exact_G0"]) for row in csv.DictReader(stream)}


def test_stated_conductances_are_the_labels_and_nothing_is_computed_for_them(study, files):
    expected = [atoms.info["conductance_G0"] for atoms in labelled_wires()]
    assert list(exact(study).values()) == pytest.approx(expected, abs=1e-7)
    found = results(study)
    assert found["n_labelled"] == 24 and found["label_cost"] == {}
    (told,) = found["files_of_pulls"]
    assert told["label_source"] == [SOURCE] and told["file"] == str(files["labelled"])
    assert SOURCE in found["summary"] and "labels" not in found["seconds"]


def test_hamiltonians_that_learn_nothing_stand_beside_the_models(study):
    """The Hamiltonian that the labels were made with gives them again; another table does not."""
    same, other = results(study)["error_against_labels"]["not_fitted"]
    assert (same["model"], other["model"]) == ("slater_koster", "other table")
    assert same["mae_G0"] < 1e-5 < 0.02 < other["mae_G0"]
    assert same["pulls"] == other["pulls"] == 6, "every pull is held out once"


def test_every_model_is_fitted_to_each_number_of_labels(study):
    found = results(study)["error_against_labels"]
    points = [(one["model"], one["labels"], one["of_which_validate"], one["pulls"]) for one in found["models"]]
    assert points == [(model, *spent, 6) for model in ("ridge", "kernel") for spent in ((6, 1), (12, 2))]
    for one in found["models"]:
        lower, upper = one["mae_95_percent_G0"]
        assert 0 < lower <= one["mae_G0"] <= upper
    data = read_data(study / "figures" / "error_labels.csv")
    assert list(data["labels"].astype(int)) == [6, 12, 6, 12, 0, 0]
    assert data["mae_G0"].astype(float)[:4] == pytest.approx([one["mae_G0"] for one in found["models"]])
    (table,) = [one for one in results(study)["tables"] if "labels spent" in one["title"]]
    assert [row[0] for row in table["rows"]] == ["ridge", "kernel", "slater_koster (not fitted)", "other table (not fitted)"]


def test_frames_without_conductances_are_labelled_like_those_of_other_pulls(study, files, tmp_path, monkeypatch):
    monkeypatch.setattr("sharvin_studies.break_junction.figures.drawings.draw", lambda *_: None)
    plain = ("workflow.learning_curve_labels=[]", "workflow.folds=null", "workflow.compare=[]")
    run(load_config(config(tmp_path, files["bare"]), plain), tmp_path / "run", Console(quiet=True))
    computed, stated = exact(tmp_path / "run"), exact(study)
    assert computed.keys() == stated.keys()
    assert list(computed.values()) == pytest.approx(list(stated.values()), abs=1e-5)
    assert results(tmp_path / "run")["label_cost"]["atoms"] > 0
    assert [one["model"] for one in results(tmp_path / "run")["models"]] == ["ridge"], "its own labels are no baseline"


def problems(folder, file, *settings, extra=""):
    with pytest.raises(InputError) as caught:
        found = load_config(config(folder, file, extra), settings)
        run(found, folder / "run", Console(quiet=True))
    return str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("workflow.folds=7",), "7 folds need as many pulls, and there are 6"),
        (("workflow.learning_curve_labels=[17]",), "asks for 17 labels, and pulls not held out have 16"),
        (("workflow.learning_curve=[5]",), "it asks for 5 pulls, and at most 4 can be learnt from"),
        (("workflow.production_pulls=2",), "break_junction needs a structure"),
        (
            ("workflow.compare=[{name: slater_koster, regressor: {alpha: 1}}]",),
            "is named slater_koster, as the config's Hamiltonian",
        ),
    ],
)
def test_what_cannot_be_is_said_before_the_run(files, tmp_path, settings, words):
    assert words in problems(tmp_path, files["labelled"], *settings)


def test_what_would_be_ignored_is_refused(files, tmp_path):
    assert "break_junction uses no structure; remove it" in problems(tmp_path, files["labelled"], extra=PULLING)


def test_a_file_that_is_not_there_is_named_with_its_line(tmp_path):
    said = problems(tmp_path, tmp_path / "absent.extxyz")
    assert "study.yaml:4: workflow.training_pulls.0.file: there is no file" in said


def test_a_file_with_a_mistake_is_named_with_its_line(tmp_path):
    frames = wires(pulls=3)
    frames[5].info.pop("pull")
    file = written(tmp_path / "wires.extxyz", frames)
    said = problems(tmp_path, file)
    assert "study.yaml:4: workflow.training_pulls.0.file: frame 5 of" in said and "does not say which pull" in said


def test_few_pulls_cannot_be_split(tmp_path):
    said = problems(tmp_path, written(tmp_path / "wires.extxyz", wires(pulls=2)), "workflow.folds=2")
    assert "needs at least 3 pulls, and there are 2" in said


@pytest.mark.parametrize(("profile", "labels"), [(None, [10, 20]), ("small", [10])])
def test_the_example_takes_a_table_of_conductances(tmp_path, profile, labels):
    """Its plan holds for as many pulls and labels as such a table has; what they are is of no account here."""
    frames = wires(pulls=10, frames=13)
    for atoms in frames:
        atoms.info |= {"conductance_G0": 1.0, "label_source": SOURCE}
    file = written(tmp_path / "conductances.extxyz", frames)
    series = f"workflow.training_pulls=[{{name: DFT, file: {file}}}]"
    found = load_config(ROOT / "examples" / "gold_dft.yaml", [series], profile)
    options = found.workflow.options
    assert list(options.learning_curve_labels) == labels and options.folds >= 3
    made = preflight(found, measure=False)
    assert made.work["training pulls"] == 10 and "labels" not in made.work
    models = 1 + sum(not case.hamiltonian for case in options.compare)
    assert made.work["fits"] == models * (1 + options.folds * len(labels))
    assert any(case.hamiltonian for case in options.compare)
