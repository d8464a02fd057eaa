"""``sharvin check`` says everything that is wrong, with line and suggestion, and computes nothing."""

import pytest
from small_study import GOLD

WRONG = """\
workflow: break_junction
sead: 1
structure:   {use: nanowire, element: Au, lattice_constant: 4.08, neck: [3, 3, 6], electrode: [5, 5, 5]}
potential:   {use: eamm, file: Au_u3.eam}
dynamics:
  use: lammps_pull
  temperature: 4.5
  speed_m_per_s: fast
hamiltonian: {use: slater_koster, table: ptbp}
transport:   {use: rgf}
descriptor:  {use: soap}
"""


def test_every_example_is_right(sharvin):
    for example in sorted(GOLD.parent.glob("*.yaml")):
        result = sharvin("check", example)
        assert result.returncode == 0, result.stderr


def test_all_mistakes_are_reported_at_once_with_their_lines(sharvin, tmp_path):
    (tmp_path / "wrong.yaml").write_text(WRONG)
    result = sharvin("check", "wrong.yaml", cwd=tmp_path)
    assert result.returncode == 2
    for line, words in {
        2: "sead: there is no such key (did you mean 'seed'",
        4: "potential.use: there is no potential 'eamm' (did you mean 'eam'",
        7: "dynamics.temperature: there is no such option (did you mean 'temperature_K'",
        8: "dynamics.speed_m_per_s: Input should be a valid number",
        1: "regressor: break_junction needs a regressor",
    }.items():
        assert any(f"wrong.yaml:{line}: {words}" in said for said in result.stderr.splitlines()), (words, result.stderr)
    assert [entry.name for entry in tmp_path.iterdir()] == ["wrong.yaml"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("structure.element=Xx", "Xx"),
        ("structure.element=Cu", "eam has no parameters for Cu"),
        ("potential={use: ase, calculator: ase.calculators.emt.EMT}", ""),
        ("potential.file=nowhere.eam", "nowhere.eam"),
        ("hamiltonian={use: slater_koster, table: nowhere.json}", "nowhere.json"),
        ("executor.workers=0", "greater than or equal to 1"),
        ("seed=-1", "whole number"),
        ("seed=one", "whole number"),
        ("transport=kwantum", "there is no transport 'kwantum'"),
        ("workflow.training_pulls=2", "at least 3 training_pulls"),
        ("regressor=null", "needs the name of a component"),
        ("structure.neck=[3, 3]", "structure.neck"),
        ("hamiltonian={use: square_lattice}", "break_junction needs two_terminal systems, but square_lattice gives grid_wire"),
        ("transport={use: grid_transfer}", "grid_transfer takes grid_wire systems"),
    ],
)
def test_one_wrong_setting_is_one_sentence(sharvin, setting, words):
    result = sharvin("check", GOLD, "--set", setting)
    assert result.returncode == (2 if words else 0), result.stderr
    assert words in result.stderr and "Traceback" not in result.stderr


def test_an_element_that_the_hamiltonian_lacks_is_found_before_anything_runs(sharvin):
    result = sharvin(
        "check", GOLD, "--set", "structure.element=Ag", "--set", "potential.file=Ag_u3.eam", "--set", "hamiltonian.table=nrl"
    )
    assert result.returncode == 2
    assert "slater_koster has no parameters for Ag" in result.stderr


def test_a_regressor_of_features_needs_a_descriptor(sharvin, tmp_path):
    lines = [line for line in GOLD.read_text().splitlines() if not line.startswith("descriptor")]
    (tmp_path / "bare.yaml").write_text("\n".join(lines))
    result = sharvin("check", tmp_path / "bare.yaml")
    assert result.returncode == 2
    assert "descriptor: fc_maxpool takes per_atom samples; name a descriptor that gives them" in result.stderr


def test_yaml_that_is_no_yaml_has_a_line(sharvin, tmp_path):
    (tmp_path / "bad.yaml").write_text("workflow: break_junction\nstructure: {use: nanowire\nseed: 1\n")
    result = sharvin("check", tmp_path / "bad.yaml")
    assert result.returncode == 2 and "bad.yaml:3: not valid YAML" in result.stderr
