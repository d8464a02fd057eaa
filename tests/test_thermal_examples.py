"""The examples of vibrating contacts are sound, and the small one of the gold contact runs to the end."""

import json

import numpy as np
import pytest
from sharvin.config import load_config
from sharvin.junction import Junction
from small_study import ROOT

EXAMPLES = ROOT / "examples"
NAMES = ("thermal_contact", "thermal_ribbon")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("profile", [None, "small"])
def test_the_examples_are_contacts_of_which_some_atoms_vibrate(name, profile):
    config = load_config(EXAMPLES / f"{name}.yaml", profile=profile)
    atoms = config.selections["structure"].build().build(np.random.default_rng(0))
    junction = Junction.detect(atoms, config.selections["hamiltonian"].build().range_A(np.unique(atoms.numbers)))
    rigid = atoms.arrays["rigid"]
    assert rigid[junction.left].all() and rigid[junction.right].all(), "atoms of the leads do not move"
    assert 2 <= (~rigid).sum() < len(atoms) / 2
    for parts in config.variants["estimates"].values():
        assert parts["dynamics"].options.special_displacement
    samples = config.selections["dynamics"].options.frames()
    assert samples == {"thermal_contact": 400, "thermal_ribbon": 800}[name] if profile is None else samples <= 16


def test_the_small_profile_of_the_gold_contact(sharvin, tmp_path):
    folder = tmp_path / "run"
    done = sharvin("run", EXAMPLES / "thermal_contact.yaml", "--profile", "small", "--out", folder)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "results.json").read_text())
    assert found["failures"] == []
    cold, warm = (found["series"][name] for name in ("10 K", "300 K"))
    assert cold["frozen_G0"] == pytest.approx(1.0, abs=0.05), "a chain of two atoms of gold has one channel"
    for series in (cold, warm):
        mean = series["conductance_G0"]
        assert mean["mean"] == pytest.approx(series["frozen_G0"], abs=0.15)
        assert (mean["samples"], mean["independent_draws"]) == (16, 8)
    assert cold["conductance_G0"]["standard_error"] < warm["conductance_G0"]["standard_error"]
    assert cold["largest_rms_displacement_A"] < 0.1 < warm["largest_rms_displacement_A"] < 0.3
    report = (folder / "report.html").read_text()
    assert "displaced structures" in report
    assert {path.stem for path in (folder / "figures").glob("*.png")} == {
        "thermal_conductance",
        "running_means",
        "conductance_distributions",
    }


def test_a_check_says_what_the_study_would_do(sharvin):
    done = sharvin("check", EXAMPLES / "thermal_contact.yaml", "--profile", "small")
    assert done.returncode == 0, done.stderr
    assert "a contact of 92 atoms" in done.stdout
    assert "2 series, 36 samples, 38 conductances" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("samples: null", "antithetic: true", "leave out samples"),
        ("name: 100 K", "name: 10 K", "two series have one name"),
        ("rigid_layers: 5", "rigid_layers: 8", "rigid layers are more than"),
        ("use: thermal_displacements, samples: 400, antithetic: true, relax: true", "use: lammps_nvt", "no such option"),
    ],
)
def test_mistakes_are_told_before(command, tmp_path, old, new, message):
    text = (EXAMPLES / "thermal_contact.yaml").read_text()
    assert old in text
    path = tmp_path / "study.yaml"
    path.write_text(text.replace(old, new))
    code, said = command("check", path)
    assert code == 2
    assert message in said
