"""The examples of trained potentials: all of them can be run, and the small profile of the published study says what it should."""

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
