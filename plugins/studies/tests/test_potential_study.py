"""Studies of trained potentials, with a small one that is fitted in milliseconds."""

import io
import json
from importlib.metadata import EntryPoint, entry_points

import numpy as np
import pytest
import trainable_doubles
from rich.console import Console
from sharvin.config import load_config
from sharvin.errors import InputError
from sharvin.figures import list_figures
from sharvin.reference_data import read_reference_data
from sharvin.registry import Registry
from sharvin.runs.run import run
from sharvin.store import read_json

GOLD = {"use": "second_moment", "element": "Au"}
METAL = {"use": "ase", "calculator": "trainable_doubles.Metal"}
SMALL = {
    "seed": 1,
    "executor": "serial",
    "structure": {"use": "small_set", "each": 4},
    "potential": {"use": "fitted_pairs", "epochs": 4},
}
WORKFLOW = {"use": "potential_study", "reference": GOLD, "seeds": 2, "properties": ["crystal"]}


@pytest.fixture(scope="module")
def parts():
    """The installed parts and the doubles."""
    double = EntryPoint("trainable", "trainable_plugin", "sharvin.plugins")
    return Registry([*entry_points(group="sharvin.plugins"), double], disabled=())


def config_of(folder, parts, workflow=(), **changes):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "study.yaml"
    content = {**SMALL, "workflow": {**WORKFLOW, **dict(workflow)}, **changes}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return load_config(path, registry=parts)


def results_of(folder, config):
    run(config, folder / "run", Console(file=io.StringIO()))
    return read_json(folder / "run" / "results.json")


FULL = {
    "seeds": 2,
    "properties": ["crystal", "equation_of_state", "elastic_constants", "surface_111", "phonons", "dimer", "chain"],
    "compare": {"other": {"use": "eam", "file": "Au_u3.eam"}},
    "published": {"experiment": {"lattice_A": 4.08}},
}


@pytest.fixture(scope="module")
def done(tmp_path_factory, parts):
    """Folder and results of a whole study."""
    folder = tmp_path_factory.mktemp("potential")
    return folder, results_of(folder, config_of(folder, parts, FULL))


def test_errors_are_those_of_structures_never_seen(done):
    _, results = done
    test, train = results["errors"]["test"], results["errors"]["train"]
    assert len(test["force_rmse_meV_per_A"]["of_seeds"]) == 2
    assert 0 < train["force_rmse_meV_per_A"]["mean"] < 100
    for name, one in test.items():
        assert one["mean"] == pytest.approx(np.mean(one["of_seeds"])), name
        assert one["std"] == pytest.approx(np.std(one["of_seeds"], ddof=1)), name
    assert test["energy_mae_meV_per_atom"]["mean"] <= test["energy_rmse_meV_per_atom"]["mean"]
    assert set(results["test_errors_of_groups"]) == {"fcc", "fcc100", "fcc111"}
    assert results["energy_rmse_meV_per_atom"] == test["energy_rmse_meV_per_atom"]["mean"]


def test_properties_stand_beside_those_of_the_reference(done):
    _, results = done
    lattice = results["properties"]["lattice_A"]
    assert lattice["reference"] == pytest.approx(4.079, abs=0.002)
    assert lattice["model"]["mean"] == pytest.approx(lattice["reference"], rel=0.01)
    assert lattice["error_percent"] == pytest.approx(100 * (lattice["model"]["mean"] / lattice["reference"] - 1))
    assert lattice["published"] == {"experiment": 4.08} and set(lattice["compared"]) == {"other"}
    for name in ("cohesive_energy_eV_per_atom", "bulk_modulus_GPa", "surface_111_J_per_m2", "chain_bond_A"):
        one = results["properties"][name]
        assert abs(one["error_percent"]) < 10 and one["model"]["std"] < 0.1 * one["model"]["mean"], name


def test_the_report_has_tables_and_figures(done):
    folder, results = done
    titles = [table["title"] for table in results["tables"]]
    assert titles[:3] == ["Errors on the test set", "Errors by group of structures", "Properties"]
    names = [entry["name"] for entry in list_figures(folder / "run")]
    assert names == [
        "learning_curves",
        "parity",
        "group_errors",
        "property_errors",
        "equation_of_state",
        "phonons",
        "bonds",
    ]
    assert "root mean square" in results["summary"]
    report = (folder / "run" / "report.html").read_text()
    assert "energy error, test set (RMSE)" in report and "γ(111)" in report


def test_the_labelled_structures_can_be_taken_elsewhere(done):
    folder, results = done
    data = read_reference_data(folder / "run" / "reference_data.extxyz")
    assert len(data) == results["n_structures"] == 12 and set(data.groups) == {"fcc", "fcc100", "fcc111"}


def test_a_second_run_computes_nothing_and_says_the_same(done, parts):
    folder, results = done
    again = results_of(folder, config_of(folder, parts, FULL))
    events = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    assert next(event["computed"] for event in reversed(events) if event["event"] == "run finished") == 0
    for changing in ("seconds",):
        again.pop(changing), results.pop(changing)
    assert again == results


def test_a_potential_that_can_be_its_reference_becomes_it(tmp_path, parts):
    results = results_of(
        tmp_path, config_of(tmp_path, parts, {"reference": METAL}, potential={"use": "fitted_pairs", "epochs": 8})
    )
    assert results["force_rmse_meV_per_A"] < 1e-3 and results["energy_rmse_meV_per_atom"] < 1e-3
    assert abs(results["properties"]["lattice_A"]["error_percent"]) < 1e-4


def test_the_data_may_come_from_a_file(done, tmp_path, parts):
    file = done[0] / "run" / "reference_data.extxyz"
    workflow = {"reference": None, "reference_file": str(file)}
    results = results_of(tmp_path, config_of(tmp_path, parts, workflow, structure=None))
    errors, same = (one["errors"]["test"]["force_rmse_meV_per_A"]["of_seeds"] for one in (results, done[1]))
    assert errors == pytest.approx(same, rel=1e-3), "the file has eight decimals"
    assert results["properties"]["lattice_A"]["reference"] is None


def test_a_killed_training_goes_on_from_its_last_epoch(tmp_path, parts, monkeypatch):
    whole = results_of(tmp_path / "whole", config_of(tmp_path / "whole", parts))
    epochs = []

    def stop(self, epoch):
        epochs.append(epoch)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainable_doubles.FittedPairs, "after_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        results_of(tmp_path / "killed", config_of(tmp_path / "killed", parts))
    after = results_of(tmp_path / "killed", config_of(tmp_path / "killed", parts))
    assert epochs == [0, 1, 2, 3, 0, 1, 2, 3], "the first training went on with its third epoch"
    assert after["errors"] == whole["errors"]
    assert not (tmp_path / "killed" / "run" / "store" / "fits-in-progress").exists()


BAD = [
    ({"workflow": {"seeds": 1}, "potential": GOLD}, "second_moment cannot be trained"),
    ({"structure": {"use": "nanowire"}}, "builds one structure"),
    ({"structure": None}, "name the set of structures"),
    ({"structure": {"use": "small_set", "element": "Ag"}}, "no parameters for Ag"),
    ({"structure": {"use": "small_set", "each": 1}}, "leave none to"),
    ({"workflow": {"element": "Cu", "reference": METAL}}, "no structure holds Cu"),
    ({"workflow": {"element": "Cu"}}, "the reference has no parameters for Cu"),
    ({"workflow": {"reference": None}}, "name what labels the structures"),
    ({"workflow": {"reference": {"use": "eam"}, "reference_file": "none.extxyz"}}, "there is no file"),
    ({"workflow": {"compare": {"other": {"file": "Au_u3.eam"}}}}, "name the potential: {use: NAME}"),
    ({"workflow": {"compare": {"other": {"use": "eem"}}}}, "there is no potential 'eem'"),
    ({"workflow": {"studies": {"transferability": {"without": {"x": ["bcc"]}}}}}, "no structure is of the group bcc"),
    ({"workflow": {"studies": {"transferability": {"without": {"x": ["fcc", "fcc100", "fcc111"]}}}}}, "leave none to"),
    ({"workflow": {"studies": {"options_scan": [{"name": "x", "option": "none", "values": [1]}]}}}, "none"),
    ({"workflow": {"studies": {"options_scan": [{"name": "x", "option": "epochs"}]}}}, "needs an option with values"),
    ({"workflow": {"seeds": 1, "studies": {"active_learning": {"structure": {}, "dynamics": {}}}}}, "needs a committee"),
    ({"workflow": {"properties": ["melting_point"]}}, "melting_point"),
]


@pytest.mark.parametrize(("changes", "said"), BAD, ids=[said for _, said in BAD])
def test_bad_configs_are_refused_before_anything_is_computed(tmp_path, parts, changes, said):
    changes = dict(changes)
    workflow = changes.pop("workflow", {})
    with pytest.raises(InputError, match=said):
        config = config_of(tmp_path, parts, workflow, **changes)
        config.workflow.built().plan(config, False)


def test_the_plan_counts_the_work(tmp_path, parts):
    config = config_of(tmp_path, parts, FULL)
    plan = config.workflow.built().plan(config, True)
    assert plan.work == {"labels": 12, "fits": 2, "properties": 4 * 7}
    assert plan.seconds["labels"] > 0
