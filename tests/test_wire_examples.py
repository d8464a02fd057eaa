"""The studies of potassium, gold and silver wires: every profile is sound, and the small ones run to the end."""

import json

import pytest
from sharvin.config import load_config
from small_study import ROOT

EXAMPLES = ("w2_potassium", "w3_gold", "w3_silver")
PROFILES = (None, "small", "medium")


def electrode(wire):
    """Area of the transverse cell in Å², which is an electrode's width."""
    return round(float(wire.cell[0, 0] * wire.cell[1, 1]), 1)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_profile_is_a_study_of_compact_and_full_wires(name, profile):
    config = load_config(ROOT / "examples" / f"{name}.yaml", profile=profile)
    training, production = (
        [parts["structure"].build() for parts in config.variants[option].values()]
        for option in ("training_pulls", "production_pulls")
    )
    longest = {}
    for wire in (structure.build(None) for structure in training):
        longest[electrode(wire)] = max(longest.get(electrode(wire), 0), len(wire))
    wires = [structure.build(None) for structure in production]
    assert all(len(wire) > longest.get(electrode(wire), 0) for wire in wires)
    assert any(electrode(wire) in longest for wire in wires)
    assert config.workflow.options.check_snapshots and config.workflow.options.learning_curve


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_published_sizes_are_the_default(name):
    options = load_config(ROOT / "examples" / f"{name}.yaml").workflow.options
    assert options.number_of("training_pulls") == {"w2_potassium": 57}.get(name, 67)
    assert options.check_snapshots == 100
    assert options.number_of("production_pulls") >= 400


@pytest.mark.parametrize("name", ["w2_potassium", "w3_gold", pytest.param("w3_silver", marks=pytest.mark.slow)])
def test_the_small_profile_runs_to_the_end(sharvin, tmp_path, name):
    folder = tmp_path / name
    done = sharvin("run", ROOT / "examples" / f"{name}.yaml", "--profile", "small", "--out", folder)
    assert done.returncode == 0, done.stderr
    content = json.loads((folder / "results.json").read_text())
    options = load_config(ROOT / "examples" / f"{name}.yaml", profile="small").workflow.options
    assert {case.name for case in options.compare} < {model["model"] for model in content["models"]}
    assert len(content["wires"]) == len(options.production_pulls)
    assert content["n_predicted"] > 5 * content["n_traces"]
    assert not content["failures"]
    figures = {path.stem for path in (folder / "figures").glob("*.png")}
    assert {"conductance_histogram", "model_errors", "parity_by_wire", "error_training_pulls"} <= figures
    assert ("plateau_lengths" in figures) == any(wire["plateau_A"]["mean"] > 0 for wire in content["wires"])
