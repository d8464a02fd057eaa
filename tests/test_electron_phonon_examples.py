"""The examples of electron-phonon coupling can be run, and say clearly what is wrong with a config."""

import json
from pathlib import Path

import pytest
from sharvin.config import load_config

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = ("w5_bilayer_graphene", "w5_twisted_bilayer", "graphene_dft_hamiltonian")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("profile", [None, "small"])
def test_the_examples_are_valid(name, profile, monkeypatch):
    monkeypatch.chdir(EXAMPLES.parent)
    assert load_config(EXAMPLES / f"{name}.yaml", profile=profile).selections["hamiltonian"].name == "hedge_electron"


def run(sharvin, name, folder, *more):
    done = sharvin("run", EXAMPLES / f"{name}.yaml", "--profile", "small", "--out", folder, *more, cwd=EXAMPLES.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((folder / "results.json").read_text())
    assert found["failures"] == []
    return found


def test_twisted_layers_in_small(sharvin, tmp_path):
    found = run(sharvin, "w5_twisted_bilayer", tmp_path / "run")
    reference, learnt = (found["large_cell"][name]["central_width_meV"] for name in ("reference", "trained"))
    assert reference == pytest.approx(1412.2, abs=0.1)
    assert learnt == pytest.approx(reference, rel=0.2)
    assert (tmp_path / "run/models/hamiltonian").is_dir()
    drawn = {path.stem for path in (tmp_path / "run/figures").glob("*.png")}
    assert drawn == {"large_bands", "timings", "hamiltonian_errors"}


@pytest.mark.slow
def test_blocks_from_density_functional_theory_in_small(sharvin, tmp_path):
    found = run(sharvin, "graphene_dft_hamiltonian", tmp_path / "run")
    assert sum(found["H_structures"].values()) == 17
    assert found["H_mae_meV"] < 200.0


def test_the_bilayer_in_small(sharvin, tmp_path):
    found = run(sharvin, "w5_bilayer_graphene", tmp_path / "run")
    at_rest = [found["fermi_velocity"][chain]["at_rest_m_per_s"] for chain in ("reference", "trained")]
    assert at_rest[0] == pytest.approx(6.22e5, rel=0.01)
    assert at_rest[1] == pytest.approx(at_rest[0], rel=0.15)  # at the distance of the layers that 12 structures teach
    assert found["H_mae_meV"] < 0.1
    assert found["force_mae_meV_per_A"] < 40.0
    assert found["phonon_rms_THz"] < 1.0
    drawn = {path.stem for path in (tmp_path / "run/figures").glob("*.png")}
    assert {"phonons", "fermi_velocity", "iteration_error", "sample_bands", "timings", "hamiltonian_errors"} <= drawn


BILAYER = """
workflow:
  use: electron_phonon
  reference:
    potential: {use: layered_carbon}
    hamiltonian: {use: slater_koster_pz, cutoff_A: 6.0}
  series: [{name: warm, dynamics: {temperature_K: 300}}]
structure: {use: bilayer_graphene, supercell: [2, 2]}
potential: {use: layered_carbon}
dynamics: {use: thermal_displacements, samples: 4, relax: true}
hamiltonian: {use: slater_koster_pz, cutoff_A: 6.0}
"""
DATA = "{use: bilayer_graphene, supercell: [2, 2], configurations: 12, random_shift: true}"


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        (
            "  series:",
            "  phonons: {corners: ΓXMΓ}\n  series:",
            "the point 'X' of a band path is not known; those of this cell are",
        ),
        ("potential: {use: layered_carbon}\ndyn", "dyn", "dynamics would be ignored, since there is no potential"),
        ("    potential: {use: layered_carbon}\n", "", "need a reference.potential"),
        ("  series:", f"  hamiltonian_data: {DATA}\n  series:", "slater_koster_pz cannot be trained on blocks of H"),
        ("  series:", f"  potential_data: {DATA}\n  series:", "layered_carbon cannot be trained"),
        ("{use: slater_koster_pz, cutoff_A: 6.0}\n  series", "{use: square_lattice}\n  series", "square_lattice"),
        (
            "[2, 2]}\npot",
            "[2, 2], twist_angle_deg: 9.9}\npot",
            "not commensurate in a cell of moderate size; the nearest that is",
        ),
        ("thermal_displacements, samples: 4, relax: true", "lammps_nvt", "lammps_nvt knows no vibrations"),
        ("  series:", "  slowest_seconds: 5\n  series:", "slowest_seconds would be ignored without sizes"),
        (
            "  series: [{name: warm, dynamics: {temperature_K: 300}}]",
            "  velocity: {distances: 3}",
            "velocity would be ignored without series",
        ),
        ("  series:", "  velocity: null\n  largest_error_percent: 1\n  series:", "would be ignored without series and velocity"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_step(command, tmp_path, line, instead, message):
    path = tmp_path / "study.yaml"
    path.write_text(BILAYER.replace(line, instead))
    code, said = command("check", path)
    assert code == 2
    assert message in said


def test_a_cutoff_shorter_than_that_of_the_reference_is_refused(command, tmp_path):
    path = tmp_path / "study.yaml"
    learnt = BILAYER.replace("  series:", f"  hamiltonian_data: {DATA}\n  series:")
    path.write_text(
        learnt.replace(
            "\nhamiltonian: {use: slater_koster_pz, cutoff_A: 6.0}", "\nhamiltonian: {use: hedge_electron, reach_A: 5.0}"
        )
    )
    code, said = command("check", path)
    assert code == 2
    assert "hedge_electron reaches 5 Å, less than the 6 Å of its reference slater_koster_pz" in said


def test_too_few_samples_end_the_study_with_the_number_that_is_needed(sharvin, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        BILAYER.replace("  series:", "  largest_error_percent: 0.001\n  sample_bands: null\n  phonons: {points: 7}\n  series:")
    )
    done = sharvin("run", path, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "needs about" in done.stderr
    assert "Those that are there are kept" in done.stderr
