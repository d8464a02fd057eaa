"""``sharvin check`` and ``sharvin run`` say everything that is wrong, with its place and a suggestion, before the first step."""

import io

import numpy as np
import pytest
from ase.io import write
from rich.console import Console
from sharvin import create
from sharvin.config import load_config
from sharvin.errors import InputError
from sharvin.runs.preflight import preflight
from sharvin.runs.run import run
from small_study import GOLD, small

WRONG = """\
workflow: break_junction
sead: 1
structure:   {use: nanowire, element: Au, lattice_constant_A: 4.08, neck: [3, 3, 6], electrode: [5, 5, 5]}
potential:   {use: eamm, file: Au_u3.eam}
dynamics:
  use: lammps_pull
  temperature: 4.5
  speed_m_per_s: fast
hamiltonian: {use: slater_koster, table: ptbp}
transport:   {use: rgf}
descriptor:  {use: soap}
"""

STUDY = """\
workflow:
  use: break_junction
  training_pulls: 3
  production_pulls: 2
structure:
  use: nanowire
  element: Au
  lattice_constant_A: 4.08
  neck: [2, 2, 3]
  electrode: [3, 3, 5]
potential: {use: eam, file: Au_u3.eam}
dynamics: {use: lammps_pull, speed_m_per_s: 300, snapshot_every_A: 1.0}
hamiltonian:
  use: slater_koster
  table: ptbp
transport: {use: rgf}
descriptor: {use: soap, n_max: 4, l_max: 3, cutoff_A: 5.0}
regressor: {use: fc_maxpool, epochs: 3}
executor: {use: serial}
"""


@pytest.fixture
def study(tmp_path):
    """The small study, some of its text exchanged, in a file."""

    def write_study(*exchanged):
        text = STUDY
        for old, new in exchanged:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "study.yaml").write_text(text)
        return tmp_path / "study.yaml"

    return write_study


def found(config, *settings):
    """All that is wrong with a config."""
    with pytest.raises(InputError) as caught:
        preflight(load_config(config, settings))
    return str(caught.value)


@pytest.mark.parametrize("example", sorted(GOLD.parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_can_run(example):
    """Loading it checks its profiles, too."""
    assert sum(preflight(load_config(example)).work.values()) >= 1


def test_all_mistakes_are_reported_at_once_with_their_lines(sharvin, tmp_path):
    (tmp_path / "wrong.yaml").write_text(WRONG)
    result = sharvin("check", "wrong.yaml", cwd=tmp_path)
    assert result.returncode == 2
    for line, words in {
        2: "sead: there is no such key (did you mean 'seed'",
        4: "potential.use: there is no potential 'eamm' (did you mean 'eam'",
        7: "dynamics.temperature: there is no such option (did you mean 'temperature_K'",
        8: "dynamics.speed_m_per_s: needs a number, not 'fast'",
        1: "regressor: break_junction needs a regressor",
    }.items():
        assert any(f"wrong.yaml:{line}: {words}" in said for said in result.stderr.splitlines()), (words, result.stderr)
    assert [entry.name for entry in tmp_path.iterdir()] == ["wrong.yaml"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("structure.element=Xx", "'Xx' is not a chemical symbol"),
        ("structure.element=gold", "'gold' is not a chemical symbol"),
        ("structure.element=Cu", "eam has no parameters for Cu"),
        ("structure.element=au", "did you mean 'Au'"),
        ("potential.file=Au_u33.eam", "did you mean Au_u3.eam"),
        ("potential.file=[]", "potential.file: needs a list of at least 1"),
        ("hamiltonian={use: slater_koster, table: nowhere.json}", "nowhere.json"),
        ("executor={use: processes, workers: 0}", "executor.workers: must be at least 1, not 0"),
        ("seed=-1", "whole number"),
        ("seed=one", "whole number"),
        ("transport=kwantum", "there is no transport 'kwantum'"),
        ("workflow.training_pulls=2", "at least 3 training_pulls"),
        ("workflow.training_pulls=three", "needs a number of pulls, or a list of series"),
        ("hamiltonian.table={Au-Au: gone.skf}", "hamiltonian.table.Au-Au: there is no file 'gone.skf'"),
        ("regressor=null", "descriptor: it would be ignored without a regressor"),
        ("structure.neck=[3, 3]", "structure.neck: needs 3 values, not [3, 3]"),
        ("hamiltonian={use: square_lattice}", "break_junction needs two_terminal systems, but square_lattice gives grid_wire"),
        ("transport={use: grid_transfer}", "grid_transfer takes grid_wire systems"),
        ("hamiltonian.charge_neutrality=Local", "is one of 'none', 'local' or 'predicted', not 'Local' (did you mean 'local'?)"),
        ("descriptor.cutoff_A=true", "descriptor.cutoff_A: needs a number, not true"),
        ("descriptor.cutoff_A='5.0'", "descriptor.cutoff_A: needs a number, not '5.0'; write it without quotes"),
        ("descriptor.cutoff=6.0", "descriptor: cutoff is the former name of cutoff_A; give one of them"),
        ("descriptor.species=[Ag]", "soap species lack Au"),
        ("regressor.epoch=5", "--set regressor.epoch=5: regressor.epoch: there is no such option (did you mean 'epochs'?)"),
    ],
)
def test_one_wrong_setting_is_one_sentence(study, setting, words):
    said = found(study(), setting)
    assert words in said and said.count("\n") <= 1, said
    assert not any(name in said for name in ("FieldInfo", "Input should", "constrained", "pydantic", "tuple[")), said


def test_options_may_have_their_former_names(study):
    present = load_config(study())
    former = load_config(study(("cutoff_A", "cutoff"), ("lattice_constant_A", "lattice_constant")))
    assert former.selections == present.selections
    said = found(study(("cutoff_A: 5.0", "cutoff: long")))
    assert ":17: descriptor.cutoff_A: needs a number, not 'long'" in said, said


@pytest.mark.parametrize(
    ("exchanged", "line", "words"),
    [
        (("[3, 3, 5]", "[3, 3, 3]"), 10, "structure: the left electrode"),
        (("[3, 3, 5]", "[3, 3, 4]"), 10, "electrode"),
        (("[3, 3, 5]", "[3, 3, 5]\n  rigid_layers: 1"), 10, "of which 1 is rigid"),
        (("4.08", "0.408"), 8, "lattice_constant_A 0.408: neighbouring atoms are 0.288 Å apart"),
        (("4.08", "408"), 8, "these look like pm"),
        (("Au_u3.eam}", "Ag_u3.eam}"), 11, "eam has no parameters for Au"),
        (("{use: eam, file: Au_u3.eam}", "{use: ase, calculator: nowhere.Calc}"), 11, "cannot import nowhere"),
        (("{use: eam, file: Au_u3.eam}", "{use: ase, calculator: ase.calculators.emt.EMTT}"), 11, "did you mean 'EMT'"),
        (("{use: soap, n_max: 4, l_max: 3, cutoff_A: 5.0}", "{use: coulomb_matrix, max_atoms: 9}"), 17, "max_atoms is 9"),
        (
            ("training_pulls: 3", "training_pulls: [{name: a, pulls: 3, structure: {electrode: [3, 3, 3]}}]"),
            3,
            "the left electrode",
        ),
        (("training_pulls: 3", "training_pulls: 3\n  compare: [{name: far, hamiltonian: {tail_eV: 1e-12}}]"), 11, "electrode"),
    ],
)
def test_what_would_fail_after_hours_is_found_before_the_first_step(study, exchanged, line, words):
    changes = [exchanged] if "coulomb" not in exchanged[1] else [exchanged, ("{use: fc_maxpool, epochs: 3}", "ridge")]
    said = [one for one in found(study(*changes)).splitlines() if words in one]
    assert said and f"study.yaml:{line}: " in said[0], said


@pytest.fixture
def files(tmp_path):
    """Structures in files: a wire along z, one along x, one in nm, an alloy."""
    wire = create("structures", "nanowire", element="Au", neck=[2, 2, 3], electrode=[3, 3, 5]).build(np.random.default_rng(0))
    bare = wire.copy()
    del bare.arrays["electrode"], bare.arrays["rigid"]
    along_x, alloy, small_wire = bare.copy(), bare.copy(), bare.copy()
    along_x.positions = bare.positions[:, [2, 1, 0]]
    along_x.set_cell(np.diag(bare.cell.lengths()[[2, 1, 0]]))
    along_x.pbc = (False, True, True)
    alloy.symbols[50] = "W"
    small_wire.set_cell(bare.cell.array / 10, scale_atoms=True)
    for name, atoms in {"z": bare, "x": along_x, "alloy": alloy, "nm": small_wire}.items():
        write(tmp_path / f"{name}.xyz", atoms, format="extxyz")
    return tmp_path


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        ("path: z.xyz", "state electrode_layers of the structure"),
        ("path: x.xyz, electrode_layers: 5", "the wire seems to lie along x (13 layers): exchange x and z"),
        ("path: x.xyz, electrode_layers: 3, rigid_layers: 3, pbc: [false, true, false]", "the wire lies along x"),
        ("path: nm.xyz, electrode_layers: 5", "these look like nm"),
        ("path: alloy.xyz, electrode_layers: 5", "no parameters for W"),
        ("path: alloy.xyz, electrode_layers: 5", "Au_u3.eam holds Au, not W"),
        ("path: alloy.xyz, electrode_layers: 5", "set species: [W, Au]"),
        ("path: z.xyz, electrode_layers: 9", "too few for two electrodes of 9 layers"),
        ("path: zz.xyz", "there is no file"),
    ],
)
def test_a_structure_from_a_file_is_looked_at_before_the_first_step(study, files, structure, words):
    text = STUDY[STUDY.index("structure:") : STUDY.index("potential:")]
    assert words in found(study((text, f"structure: {{use: from_file, {structure.replace('path: ', f'path: {files}/')}}}\n")))


def test_a_run_that_would_fail_leaves_no_folder(study, tmp_path):
    config = load_config(study(("4.08", "0.408")))
    with pytest.raises(InputError, match=r"study.yaml:8: structure: .*0.288 Å"):
        run(config, tmp_path / "out", Console(file=io.StringIO()))
    assert not (tmp_path / "out").exists()


def test_check_says_what_a_run_would_do_and_take(sharvin):
    result = sharvin("check", GOLD, *small(workflow="{use: break_junction, training_pulls: 3, compare: [{name: b, members: 4}]}"))
    assert result.returncode == 0, result.stderr
    for words in (
        "checked: 1 starting wire of 102 atoms, electrodes for slater_koster, energy and forces of second_moment, features",
        "features of soap, a label (3.",
        "would do: 3 training pulls, 20 production pulls, ",
        "labels, 5 fits",
        "time: ",
        "time not known beforehand: fits",
        "disk: ",
    ):
        assert words in result.stdout, (words, result.stdout)


def test_an_element_that_the_hamiltonian_lacks_is_found_before_anything_runs(study):
    said = found(study(), "structure.element=Ag", "potential.file=Ag_u3.eam", "hamiltonian.table=nrl")
    assert "slater_koster has no parameters for Ag" in said


def test_a_regressor_of_features_needs_a_descriptor(study):
    said = found(study(("descriptor: {use: soap, n_max: 4, l_max: 3, cutoff_A: 5.0}\n", "")))
    assert "descriptor: fc_maxpool takes per_atom samples; name a descriptor that gives them" in said
