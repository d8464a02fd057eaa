"""The examples of trained potentials can be run, and the small profile of the published study says what it should."""

import json
from pathlib import Path

import pytest
from sharvin.config import load_config

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = ("w4_gold_hdnnp", "gold_potential", "gold_dft_potential", "gold_break_junction_hdnnp")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("profile", [None, "small"])
def test_the_examples_are_valid(name, profile, monkeypatch):
    monkeypatch.chdir(EXAMPLES.parent)
    config = load_config(EXAMPLES / f"{name}.yaml", profile=profile)
    assert config.selections["potential"].name == "hdnnp"


TRAINING = """
workflow:
  use: potential_study
  reference: {use: second_moment, element: Au}
  compare: {trained: {use: hdnnp, model: gold_second_moment}}
structure: {use: reference_database, atoms: 8, slabs_100: 3, slabs_111: 3, bcc: 3, fcc: 3}
potential: {use: hdnnp, table: gold, OPTIONS}
"""


def test_a_trained_potential_of_the_same_kind_stands_beside_the_one_in_training(command, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(TRAINING.replace(", OPTIONS", ""))
    assert command("check", path) == (0, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("elements_trained: [Au, Au]", "elements_trained lists an element twice"),
        ("elements_trained: [Au, Cu]", "names beyond them Cu"),
        ("on_extrapolation: stop", "would end the study's own tests"),
    ],
)
def test_a_potential_that_could_not_be_trained_is_refused_before(command, tmp_path, options, message):
    path = tmp_path / "study.yaml"
    path.write_text(TRAINING.replace("OPTIONS", options))
    code, said = command("check", path)
    assert code == 2
    assert message in said


def test_a_folder_of_networks_is_a_potential_in_a_config(command, tmp_path):
    shipped = Path(__file__).parents[1] / "plugins/descriptors/src/sharvin_descriptors/data/potentials/gold_second_moment"
    config = (EXAMPLES / "gold_break_junction_hdnnp.yaml").read_text()
    for name in ("input.nn", "scaling.data", "weights.079.data"):
        (tmp_path / "own").mkdir(exist_ok=True)
        (tmp_path / "own" / name).write_bytes((shipped / name).read_bytes())
    path = tmp_path / "study.yaml"
    path.write_text(config.replace("model: gold_second_moment", f"model: {tmp_path / 'own'}"))
    assert load_config(path, profile="small").selections["potential"].build().members
    path.write_text(config.replace("model: gold_second_moment", "model: gold_secnd_moment"))
    code, said = command("check", path)
    assert code == 2
    assert "did you mean 'gold_second_moment'" in said


@pytest.mark.slow
def test_the_published_study_in_small(sharvin, tmp_path):
    done = sharvin("run", EXAMPLES / "w4_gold_hdnnp.yaml", "--profile", "small", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert found["failures"] == []
    assert found["energy_rmse_meV_per_atom"] < 2.0
    assert found["force_rmse_meV_per_A"] < 60.0
    elastic = found["properties"]["C11_GPa"]
    assert elastic["model"]["mean"] == pytest.approx(elastic["reference"], rel=0.05)
    before, after = (found["studies"]["active_learning"][k]["neck_errors"]["force_rmse_meV_per_A"]["mean"] for k in (0, -1))
    assert after < 0.7 * before
