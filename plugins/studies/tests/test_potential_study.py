"""Studies of trained potentials, with a small one that is fitted in milliseconds."""

import io
import json
from importlib.metadata import EntryPoint, entry_points

import numpy as np
import pytest
import trainable_doubles
from ase.build import bulk
from rich.console import Console
from sharvin.config import load_config
from sharvin.errors import InputError, ItemError
from sharvin.figures import list_figures
from sharvin.frames import Frame
from sharvin.reference_data import read_reference_data
from sharvin.registry import Registry
from sharvin.runs.run import run
from sharvin.store import read_frames, read_json
from sharvin_studies.potential_study.labelling import energy_and_forces
from sharvin_studies.potential_study.properties import Material, compute
from sharvin_studies.potential_study.statistics_words import signed, with_std
from sharvin_studies.potential_study.studies import pulling
from sharvin_studies.potential_study.studies.committee_query import disagreement

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


def test_the_trained_potentials_can_be_used_elsewhere(done):
    folder, results = done
    assert results["models"] == ["models/seed-1", "models/seed-2"]
    potential = trainable_doubles.FittedPairs(trainable_doubles.FittedPairsOptions())
    potential.load(folder / "run" / results["models"][0])
    lattice = compute(Material(potential.calculator, "Au"), "crystal").values["lattice_A"]
    assert lattice == results["properties"]["lattice_A"]["model"]["of_seeds"][0]


def test_a_seed_that_fails_leaves_the_others(tmp_path, parts, monkeypatch):
    fit = trainable_doubles.FittedPairs.fit
    calls = []

    def first_fails(self, *arguments):
        calls.append(self)
        if len(calls) == 1:
            raise ItemError("the weights are not finite.")
        return fit(self, *arguments)

    monkeypatch.setattr(trainable_doubles.FittedPairs, "fit", first_fails)
    results = results_of(tmp_path, config_of(tmp_path, parts))
    assert results["n_seeds"] == 1 and results["models"] == ["models/seed-2"]
    assert "weights are not finite" in results["failures"][0]["reason"]


def test_a_potential_without_properties_is_still_a_result(tmp_path, parts):
    """The first guess of a potential that is repulsive everywhere."""
    potential = {"use": "fitted_pairs", "epochs": 0, "hopping": 0.001}
    workflow = {"properties": ["crystal", "surface_111", "dimer"], "seeds": 1}
    results = results_of(tmp_path, config_of(tmp_path, parts, workflow, potential=potential))
    reasons = {one["property"]: one["reason"] for one in results["properties_failed"]}
    assert set(reasons) == {"crystal", "surface_111", "dimer"} and all("no minimum" in reason for reason in reasons.values())
    assert results["properties"]["lattice_A"]["model"] is None and results["properties"]["lattice_A"]["reference"] > 4
    assert "could not be computed" in results["summary"]


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
    ({"workflow": {"compare": {"silver": {"use": "second_moment", "element": "Ag"}}}}, "second_moment has no parameters for Au"),
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
    ({"workflow": {"published": {"experiment": {"latice_A": 4.08}}}}, "did you mean 'lattice_A'"),
]


@pytest.mark.parametrize(("changes", "said"), BAD, ids=[said for _, said in BAD])
def test_bad_configs_are_refused_before_anything_is_computed(tmp_path, parts, changes, said):
    changes = dict(changes)
    workflow = changes.pop("workflow", {})
    with pytest.raises(InputError, match=said):
        config = config_of(tmp_path, parts, workflow, **changes)
        config.workflow.built().plan(config, False)


def test_potentials_beside_data_of_a_file_must_cover_their_element(done, tmp_path, parts):
    silver = {"silver": {"use": "second_moment", "element": "Ag"}}
    workflow = {"reference": None, "reference_file": str(done[0] / "run" / "reference_data.extxyz"), "compare": silver}
    config = config_of(tmp_path, parts, workflow, structure=None)
    with pytest.raises(InputError, match="silver: second_moment has no parameters for Au"):
        config.workflow.built().plan(config, False)


def test_the_plan_counts_the_work(tmp_path, parts):
    config = config_of(tmp_path, parts, FULL)
    plan = config.workflow.built().plan(config, True)
    assert plan.work == {"labels": 12, "fits": 2, "properties": 4 * 7}
    assert plan.seconds["labels"] > 0


WIRE = {"use": "nanowire", "element": "Au", "lattice_constant_A": 4.08, "neck": [1, 1, 3], "electrode": [2, 2, 4]}
PULL = {
    "use": "lammps_pull",
    "speed_m_per_s": 1000,
    "snapshot_every_A": 1.0,
    "equilibration_ps": 0.02,
    "max_elongation_A": 8.0,
}
STUDIES = {
    "options_scan": [
        {"name": "weight of forces", "option": "force_weight", "values": [0.0, 1.0]},
        {"name": "start", "variants": {"soft": {"hopping": 1.2}, "hard": {"hopping": 1.8}}, "seeds": 1},
    ],
    "transferability": {"without": {"without surfaces": ["fcc100", "fcc111"]}, "properties": ["surface_111"], "seeds": 1},
    "wires": {"structure": WIRE, "dynamics": PULL, "pulls": 1, "last_frames": 2},
    "active_learning": {"rounds": 1, "structures_per_round": 2, "pulls": 1},
}


@pytest.fixture(scope="module")
def studied(tmp_path_factory, parts):
    """Folder and results of a run with all studies, of a potential that cannot be quite like its reference."""
    folder = tmp_path_factory.mktemp("studies")
    workflow = {"studies": STUDIES, "reference": {"use": "eam", "file": "Au_u3.eam"}, "compare": {"other": GOLD}}
    return folder, results_of(folder, config_of(folder, parts, workflow, potential={"use": "fitted_pairs", "epochs": 2}))


def test_a_scan_gives_errors_at_each_value(studied):
    numbers, words = studied[1]["studies"]["options_scan"]
    assert [row["value"] for row in numbers["values"]] == [0.0, 1.0]
    without, with_forces = (row["force_rmse_meV_per_A"] for row in numbers["values"])
    assert with_forces["mean"] < without["mean"], "forces are learnt better where they count"
    assert with_forces["of_seeds"] == studied[1]["errors"]["test"]["force_rmse_meV_per_A"]["of_seeds"], "the config's own value"
    assert [row["value"] for row in words["values"]] == ["soft", "hard"]
    assert words["values"][0]["force_rmse_meV_per_A"]["std"] is None


def test_groups_left_out_are_tested_but_not_learnt(studied):
    found = studied[1]["studies"]["transferability"]["trainings"]
    assert found["without surfaces"]["left_out"] == ["fcc100", "fcc111"]
    assert set(found["without surfaces"]["left_out_errors"]) == {"fcc100", "fcc111"}
    assert set(found["without surfaces"]["test_errors_of_groups"]) == {"fcc"}
    assert not found["all groups"]["left_out_errors"] and len(found["all groups"]["test_errors_of_groups"]) == 3
    surface = found["without surfaces"]["properties"]["surface_111_J_per_m2"]["mean"]
    assert surface == pytest.approx(studied[1]["studies"]["transferability"]["reference"]["surface_111_J_per_m2"], rel=0.4)


def test_forces_on_wires_are_measured_against_the_reference(studied):
    wires = studied[1]["studies"]["wires"]
    assert list(wires) == ["start", "relaxed", "pulled"]
    assert 0 < wires["pulled"]["necks_of_one_atom"] <= wires["pulled"]["wires"], "the wire is one atom thin"
    assert wires["relaxed"]["force_rms_eV_per_A"] < wires["start"]["force_rms_eV_per_A"], "the reference has relaxed it"
    for kind in wires.values():
        assert 0 < kind["model"]["force_mae_meV_per_A"]["mean"] <= kind["model"]["force_rmse_meV_per_A"]["mean"]
        assert kind["compared"]["other"]["force_mae_meV_per_A"]["mean"] > 0


def test_a_committee_learns_what_it_disagrees_about(studied):
    before, after = studied[1]["studies"]["active_learning"]
    assert (before["added"], after["added"] + after["wrecks"], after["learnt_from_wires"]) == (0, 2, after["added"])
    told = after["disagreement_eV_per_A"]
    assert told["largest"] >= told["least_chosen"] >= told["median"] > 0
    assert after["neck_errors"]["force_rmse_meV_per_A"]["mean"] < before["neck_errors"]["force_rmse_meV_per_A"]["mean"]
    assert before["necks"] == after["necks"] > 0


def test_each_study_has_its_figure_and_table(studied):
    folder, results = studied
    names = {entry["name"] for entry in list_figures(folder / "run")}
    assert {
        "options_scan_1",
        "options_scan_2",
        "groups_left_out",
        "left_out_properties",
        "wire_forces",
        "query_by_committee",
    } <= names
    titles = {table["title"] for table in results["tables"]}
    assert {"Errors against start", "Errors on groups left out", "Errors on wires", "Query by committee"} <= titles


def test_disagreement_is_the_largest_deviation_of_a_force():
    forces = np.zeros((2, 3, 3))
    forces[0, 1, 2], forces[1, 1, 2] = 1.0, -1.0
    assert disagreement(forces) == pytest.approx(1.0) and disagreement(forces[:1]) == 0.0


def test_wires_that_cannot_be_pulled_are_refused_beforehand(tmp_path, parts):
    config = config_of(tmp_path, parts, {"studies": {"wires": {"structure": {"use": "small_set"}, "dynamics": PULL}}})
    with pytest.raises(InputError, match=r"workflow\.studies\.wires\.dynamics"):
        config.workflow.built().plan(config, False)
    good = config_of(tmp_path, parts, {"studies": STUDIES})
    plan = good.workflow.built().plan(good, True)
    assert plan.work["pulls"] == 1 + 2 and plan.seconds["pulls"] > 0 and plan.work["fits"] == 2 + 4 + 2 + 1 + 2


class Built:
    """What a selection builds, without one."""

    def __init__(self, part):
        self.part = part

    def build(self):
        return self.part


class Wire:
    def build(self, rng):
        atoms = bulk("Au", cubic=True)
        atoms.positions += rng.normal(scale=0.05, size=(4, 3))
        return atoms


class Leaves:
    """A dynamics that leaves what its potential knows after three frames."""

    def run(self, atoms, potential, seed):
        for number in range(3):
            yield Frame.from_atoms(atoms, elongation_A=0.1 * number, extrapolations=float(number), spread_eV=0.5 * number)
        raise ItemError("a symmetry function leaves its training range.")


class Watched:
    def calculator(self):
        return trainable_doubles.Metal()

    def monitored(self):
        return {"extrapolations": 0.0, "never_told": 0.0, "spread_eV": 0.0}


def test_a_pull_that_leaves_what_the_potential_knows_gives_the_frames_before(tmp_path):
    task = pulling.WirePullTask(Built(Wire()), Built(Leaves()), Built(Watched()), 7, relax=True)
    pulling.pull_wire(task, tmp_path / "pull")
    start, relaxed = read_frames(tmp_path / "pull" / "before.h5")
    frames = list(read_frames(tmp_path / "pull" / "trajectory.h5"))
    assert [frame.scalars["elongation_A"] for frame in frames] == pytest.approx([0.0, 0.1, 0.2])
    forces = [energy_and_forces(trainable_doubles.Metal(), frame.to_atoms())[1] for frame in (start, relaxed)]
    assert np.abs(forces[0]).max() > 0.1 > pulling.RELAXED_EV_PER_A >= np.linalg.norm(forces[1], axis=1).max() * 0.99
    notes = read_json(tmp_path / "pull" / "notes.json")
    assert notes == {
        "ended_by": "a symmetry function leaves its training range.",
        "monitored": ["extrapolations", "never_told", "spread_eV"],
    }
    pulled = pulling.PulledFrames([], frames, notes["ended_by"], tuple(notes["monitored"]))
    assert pulled.monitored == {"extrapolations": 3.0, "spread_eV": 1.0}, "what no frame holds is not reported as nothing"


def test_necks_of_one_atom_are_chosen_before_others():
    def frame(width):
        return Frame.from_atoms(bulk("Au", cubic=True), neck_width=float(width))

    pulled = pulling.PulledFrames([], [frame(width) for width in (4, 3, 1, 1, 2, 1, 0)], None)
    chosen = pulled.thinnest(2)
    assert [one.scalars["neck_width"] for one in chosen] == [1.0, 1.0] and chosen[-1] is pulled.frames[5]
    assert pulled.single_atom_necks(5) == 3
    thick = pulling.PulledFrames([], [frame(3), frame(2), frame(0)], None)
    assert [one.scalars["neck_width"] for one in thick.thinnest(5)] == [3.0, 2.0] and thick.single_atom_necks(5) == 0


@pytest.mark.parametrize(
    ("mean", "std", "digits", "said"),
    [
        (12.345, 0.456, None, "12.3 ± 0.5"),
        (4.0784, 0.0001, 4, "4.0784 ± 0.0001"),
        (0.5735, 0.0001, 3, "0.5735 ± 0.0001"),
        (-3.1, None, 2, "−3.10"),
        (1.0, 0.0, 2, "1.00 ± 0.00"),
    ],
)
def test_a_deviation_is_told_to_a_digit_that_is_not_zero(mean, std, digits, said):
    assert with_std({"mean": mean, "std": std}, digits) == said


def test_signs_of_errors():
    assert [signed(value) for value in (0.344, -1.2, -0.001)] == ["+0.34", "−1.20", "0.00"]
