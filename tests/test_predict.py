"""``sharvin predict`` applies the model of a finished run to anybody's frames, or says in one sentence why it cannot."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
import sharvin as library
from ase import Atoms
from sharvin.electrodes.broken_wires import gap_A
from sharvin.electrodes.rigid_ends import ideal_layers, outer_layers
from sharvin.errors import InputError
from sharvin.frames import Frame, Frames
from sharvin.samples import Dataset
from sharvin.store import read_table, read_trajectory
from sharvin_studies.fitted_model.applicability_domain import Domain
from sharvin_studies.fitted_model.model import FittedModel, HeldOutError
from sharvin_studies.predict.command import PredictionRequest, predict_files
from sharvin_studies.predict.figures import draw_predictions
from sharvin_studies.predict.frames import FilePrediction
from sharvin_studies.predict.periodicity import periodic_across
from sharvin_studies.predict.plausibility import doubt
from sharvin_studies.predict.tables import stated_error


@pytest.fixture(scope="module")
def pull(finished):
    """A production pull of the small study, which its model never saw."""
    return min(finished.glob("store/production_pulls-*/item-*.h5"))


@pytest.fixture(scope="module")
def structures(pull):
    """Its frames without the marks of rigid atoms."""
    atoms = [frame.to_atoms() for frame in read_trajectory(pull)]
    for one in atoms:
        del one.arrays["rigid"]
    return atoms


def read(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def predict(run, *files, **options):
    """What the command does, in this process."""
    predict_files(PredictionRequest(run, files, **options))


def conductances(path):
    return np.array([float(row["conductance_G0"] or "nan") for row in read(path)])


@pytest.fixture
def changed(finished, tmp_path):
    """A copy of the run with something in its ``model.json`` changed."""

    def change(**entries):
        folder = tmp_path / "run"
        shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("train_pulls-*", "labels-*", ".lock"))
        content = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps(content | entries))
        return folder

    return change


def test_the_run_and_the_command_predict_the_same(sharvin, finished, pull, tmp_path):
    result = sharvin("predict", finished, pull, "--out", tmp_path / "g.csv")
    assert result.returncode == 0, result.stderr
    found = conductances(tmp_path / "g.csv")
    tables = [read_table(path)[0] for path in finished.glob("store/predictions-*/item-*.h5")]
    (predicted,) = (table for table in tables if np.array_equal(found[table["snapshot"]], table["conductance_G0"]))
    rows = read(tmp_path / "g.csv")
    assert [int(row["frame"]) for row in rows] == list(range(len(rows)))
    assert float(rows[3]["elongation_A"]) > float(rows[0]["elongation_A"])
    assert float(rows[0]["domain_score"]) < 1.0 and rows[0]["outside"] == "0"
    assert (tmp_path / "g.png").stat().st_size > 5000
    broken = len(rows) - len(predicted["snapshot"])
    assert [row["frame"] for row in rows if "broken" in row["note"]] == [str(len(rows) - broken + i) for i in range(broken)]
    assert all(bool(row["conductance_G0"]) != ("broken" in row["note"]) for row in rows)
    assert f"{broken} of {len(rows)} frames are of a broken wire" in " ".join(result.stdout.split())


def write_dump(path, frames):
    with path.open("w") as stream:
        for step, atoms in enumerate(frames):
            stream.write(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS pp pp ff\n")
            stream.writelines(f"0.0 {length:.10f}\n" for length in atoms.cell.array.diagonal())
            stream.write("ITEM: ATOMS id type x y z\n")
            stream.writelines(f"{i + 1} 1 {x:.10f} {y:.10f} {z:.10f}\n" for i, (x, y, z) in enumerate(atoms.positions))


def test_the_formats_people_have_give_the_same_conductances(finished, pull, structures, tmp_path):
    ase.io.write(tmp_path / "w.extxyz", structures)
    ase.io.write(tmp_path / "w.traj", structures)
    ase.io.write(tmp_path / "POSCAR", structures[0], format="vasp", direct=False)
    write_dump(tmp_path / "w.dump", structures)
    files = [tmp_path / name for name in ("w.extxyz", "w.traj", "POSCAR")]
    predict(finished, pull, *files, out=tmp_path / "g.csv")
    predict(finished, tmp_path / "w.dump", species="Au", out=tmp_path / "dump.csv")
    n = len(structures)
    found = conductances(tmp_path / "g.csv")
    for other in (found[n : 2 * n], found[2 * n : 3 * n], conductances(tmp_path / "dump.csv")):
        np.testing.assert_allclose(other, found[:n], atol=1e-5)
    np.testing.assert_allclose(found[3 * n :], found[:1], atol=1e-5)


@pytest.mark.parametrize(("index", "numbers"), [("2:6:2", [2, 4]), ("-2:", [-2, -1]), ("3", [3])])
def test_chosen_frames_keep_their_numbers(finished, pull, structures, tmp_path, index, numbers):
    ase.io.write(tmp_path / "w.extxyz", structures)
    write_dump(tmp_path / "w.dump", structures)
    predict(finished, pull, out=tmp_path / "all.csv")
    expected = conductances(tmp_path / "all.csv")[numbers]
    for path, species in ((pull, None), (tmp_path / "w.extxyz", None), (tmp_path / "w.dump", "Au")):
        predict(finished, path, frames=index, species=species, out=tmp_path / "g.csv")
        assert [int(row["frame"]) for row in read(tmp_path / "g.csv")] == [range(len(structures))[number] for number in numbers]
        np.testing.assert_allclose(conductances(tmp_path / "g.csv"), expected, atol=1e-5)


def test_a_broken_wire_is_found_by_its_bonds_as_the_study_finds_it(finished, pull, structures, tmp_path, capsys):
    for frame in read_trajectory(pull):
        unmarked = replace(frame, rigid=None, scalars={})
        assert (gap_A(unmarked) is not None) == (gap_A(frame) is not None) == (frame.scalars["neck_width"] == 0)
    apart = structures[0].copy()
    apart.info.clear()
    apart.positions[apart.positions[:, 2] > apart.positions[:, 2].mean(), 2] += 6.0
    ase.io.write(tmp_path / "gap.extxyz", [structures[0], apart])
    predict(finished, tmp_path / "gap.extxyz")
    whole, broken = read(tmp_path / "gap-predicted.csv")
    assert whole["conductance_G0"] and not whole["note"] and not broken["conductance_G0"]
    assert broken["note"].startswith("the wire is broken: no chain of bonds joins its ends, its two parts ")
    ase.io.write(tmp_path / "gap.extxyz", apart)
    predict(finished, tmp_path / "gap.extxyz")
    assert "1 of 1 frames are of a broken wire" in " ".join(capsys.readouterr().out.split())


def test_what_cannot_be_read_is_recorded_and_the_rest_is_predicted(finished, structures, tmp_path, capsys):
    few = structures[:3]
    ase.io.write(tmp_path / "a.extxyz", few)
    ase.io.write(tmp_path / "c.extxyz", few)
    write_dump(tmp_path / "b.dump", few)
    lines = (tmp_path / "b.dump").read_text().splitlines(keepends=True)
    (tmp_path / "b.dump").write_text("".join(lines[:-20]))
    (tmp_path / "cut.traj").write_bytes(b"- of Ulm")
    (tmp_path / "silver.extxyz").write_text((tmp_path / "c.extxyz").read_text().replace("\nAu", "\nAg", 1))
    text = (tmp_path / "c.extxyz").read_text()
    (tmp_path / "c.extxyz").write_text(text.replace("\nAu ", "\nXx ", 1))
    names = ["a.extxyz", "cut.traj", "c.extxyz", "silver.extxyz"]
    predict(finished, *(tmp_path / name for name in names), out=tmp_path / "g.csv")
    rows = read(tmp_path / "g.csv")
    expected = [("a.extxyz", "012"), ("cut.traj", "0"), ("c.extxyz", "012"), ("silver.extxyz", "012")]
    assert [(row["file"], row["frame"]) for row in rows] == [(str(tmp_path / name), n) for name, ns in expected for n in ns]
    failed = [place for place, row in enumerate(rows) if not row["conductance_G0"]]
    assert failed == [3, 4, 7]
    notes = ["cannot read", "an atom 'Xx', which is no chemical element", "knows nothing of Ag"]
    assert all(note in rows[place]["note"] for note, place in zip(notes, failed, strict=True))
    predict(finished, tmp_path / "b.dump", species="Au", out=tmp_path / "g.csv")
    *good, last = read(tmp_path / "g.csv")
    assert all(row["conductance_G0"] for row in good) and last["frame"] == "2"
    assert f"announces {len(few[2])} atoms and holds {len(few[2]) - 20}" in last["note"]
    assert "1 of 3 frames could not be predicted; the first: frame 2" in " ".join(capsys.readouterr().out.split())


def test_strange_frames_are_named(finished, structures, tmp_path, capsys):
    squeezed, short, broken = (structures[0].copy() for _ in range(3))
    squeezed.set_cell(0.8 * squeezed.cell, scale_atoms=True)
    del short[40]
    broken.positions[3] = broken.positions[4]
    ase.io.write(tmp_path / "odd.extxyz", [structures[0], squeezed, short, broken])
    predict(finished, tmp_path / "odd.extxyz")
    usual, flagged, fewer, failed = read(tmp_path / "odd-predicted.csv")
    assert (usual["outside"], flagged["outside"]) == ("0", "1") and float(flagged["domain_score"]) > 1.0
    assert fewer["conductance_G0"] and not failed["conductance_G0"] and "apart" in failed["note"]
    said = " ".join(capsys.readouterr().out.split())
    assert "1 of 4 frames lie outside the training distribution" in said
    assert f"1 of 4 frames have fewer atoms than any training frame ({len(structures[0])})" in said
    assert "1 of 4 frames could not be predicted; the first, frame 3" in said


def test_the_error_quoted_is_that_of_frames_nothing_was_learnt_from(changed, finished, structures, tmp_path, capsys):
    """The test set's, also where an earlier version did not keep it with the model; only without it the validation set's."""
    tested = json.loads((finished / "results.json").read_text())["models"][0]["errors"]["held-out pulls"]
    kept = json.loads((finished / "model.json").read_text())
    assert kept["held_out"]["mae_G0"] == tested["mae_G0"]
    assert kept["held_out"]["pulls"] == 1 and kept["held_out"]["by"] == "group"
    ase.io.write(tmp_path / "w.extxyz", structures[0])
    predict(finished, tmp_path / "w.extxyz")
    said = " ".join(capsys.readouterr().out.split())
    assert f"in the test set of the run: {kept['held_out']['mae_G0']:.3f} G0 (1 held-out pull, " in said
    for held_out, words in (
        (None, f"in the test set of the run: {tested['mae_G0']:.3f} G0 (1 held-out pull, {tested['snapshots']} snapshots)"),
        ({"mae_G0": 8.0, "pulls": 3, "snapshots": 9, "by": "sample"}, "8.000 G0 (9 held-out snapshots of 3 pulls that it learnt"),
    ):
        folder = changed(held_out=held_out, validation_mae_G0=7.0)
        model = FittedModel.load(folder)
        assert words in stated_error(model)
        shutil.rmtree(folder)
    assert "in the validation set of the run: 7.000 G0 (no test set" in stated_error(replace(model, held_out=None))


def test_what_is_no_conductance_is_marked_and_not_altered(changed, pull, tmp_path, capsys, monkeypatch):
    """Below zero by three errors; far beyond what was learnt from; in frames that are periodic as no training wire was."""
    old = FittedModel(None, [], None, ("Au",), (1, 9), 0.05)
    model = replace(old, held_out=HeldOutError(0.1, 3, 50), conductances_G0=(0.5, 2.5))
    assert [doubt(model, G) for G in (-0.29, 0.0, 3.4, np.nan)] == [""] * 4
    assert doubt(model, -0.31) == doubt(old, -0.16) == "not a conductance: negative"
    assert doubt(model, 3.6) == "far outside the conductances of the training, 0.5 to 2.5 G0" and not doubt(old, 3.6)
    predict(changed(), pull, out=tmp_path / "usual.csv")
    capsys.readouterr()
    shutil.rmtree(tmp_path / "run")
    error = {"mae_G0": -40.0, "pulls": 1, "snapshots": 1, "by": "group"}  # so that all are too low
    monkeypatch.setattr("sharvin_studies.predict.plausibility.ROUNDING_G0", -40.0)
    folder = changed(held_out=error, periodic=[[False, False]])
    predict(folder, pull, out=tmp_path / "marked.csv")
    said = " ".join(capsys.readouterr().out.split())
    np.testing.assert_array_equal(conductances(tmp_path / "marked.csv"), conductances(tmp_path / "usual.csv"))
    rows = [row for row in read(tmp_path / "marked.csv") if row["conductance_G0"]]
    assert {row["note"] for row in rows} == {"not a conductance: negative"}
    assert f"{len(rows)} of {len(read(tmp_path / 'marked.csv'))} predictions are not a conductance: negative, the lowest " in said
    assert said.count("the model learnt from wires not periodic across; this file says periodic in x and y") == 1


@pytest.mark.parametrize(
    ("pbc", "box_A", "found"),
    [
        ((True, True, False), 8.0, (True, True)),
        ((False, True, False), 8.0, (False, True)),
        ((True, True, True), 40.0, (False, False)),
        ((False, False, False), 0.0, (False, False)),
    ],
)
def test_a_wire_in_a_wide_box_is_not_periodic_across(structures, pbc, box_A, found):
    atoms = Atoms("Au4", positions=[[0, 0, 0], [6, 0, 0], [0, 6, 0], [6, 6, 2]], cell=[box_A, box_A, 20], pbc=pbc)
    atoms.positions[:, :2] += 0.8 * box_A  # across the boundary
    atoms.wrap(pbc=True) if box_A else None
    assert periodic_across(Frame.from_atoms(atoms)) == found


def test_where_no_frame_has_a_conductance_a_failure_counts_more_than_a_broken_wire(finished, structures, tmp_path):
    apart, silver = structures[0].copy(), structures[0].copy()
    apart.positions[apart.positions[:, 2] > apart.positions[:, 2].mean(), 2] += 6.0
    apart.info.clear()
    silver.symbols[3] = "Ag"
    ase.io.write(tmp_path / "none.extxyz", [apart, silver])
    with pytest.raises(InputError, match=r"knows nothing of Ag.*; another frame is of a broken wire, so that no conductance"):
        predict(finished, tmp_path / "none.extxyz")
    crowded = structures[0].copy()
    crowded.positions[3] = crowded.positions[4]
    ase.io.write(tmp_path / "none.extxyz", crowded)
    with pytest.raises(InputError, match=r"none.extxyz, frame 0: .* apart"):
        predict(finished, tmp_path / "none.extxyz")
    assert not (tmp_path / "none-predicted.csv").exists()


def test_members_that_agree_state_the_floor(finished, changed, pull, tmp_path):
    place = json.loads((finished / "model.json").read_text())["model"]
    assert json.loads((finished / "model.json").read_text())["recalibration"] is None, "one network states no deviation"
    folder = changed(members=[place, place], recalibration={"a": 3.0, "b_G0": 0.25})
    predict(folder, pull, out=tmp_path / "g.csv")
    stated = {float(row["std_G0"]) for row in read(tmp_path / "g.csv") if "broken" not in row["note"]}
    assert stated == {0.25}, "they agree, so what is left is the floor"


def test_rigid_atoms_are_found_where_a_file_does_not_mark_them(changed, finished, pull, structures, tmp_path, capsys):
    description = json.loads((finished / "model.json").read_text())["descriptor"]
    folder = changed(descriptor=description | {"centres": "mobile"}, domain=None)
    ase.io.write(tmp_path / "w.extxyz", structures)
    predict(folder, pull, out=tmp_path / "marked.csv")
    for layers in (None, 4):
        predict(folder, tmp_path / "w.extxyz", electrode_layers=layers, out=tmp_path / "found.csv")
        np.testing.assert_allclose(conductances(tmp_path / "found.csv"), conductances(tmp_path / "marked.csv"), atol=1e-5)
    assert "no training distribution" in capsys.readouterr().out
    rough = structures[0].copy()
    rough.rattle(0.2, seed=1)
    ase.io.write(tmp_path / "rough.extxyz", rough)
    with pytest.raises(InputError, match=r"could not be found .* Give --electrode-layers") as caught:
        predict(folder, tmp_path / "rough.extxyz")
    assert "--lead-layers" not in str(caught.value), "which is an option of another command"


def test_what_a_model_refuses_for_another_reason_is_not_taken_for_a_question_of_rigid_atoms(
    finished, pull, structures, tmp_path, monkeypatch
):
    """A model that wants marks and says so in an error of no special kind is told of those that a file has, and no others."""
    ase.io.write(tmp_path / "w.extxyz", structures[:3])
    predict(finished, pull, frames=":3", out=tmp_path / "plain.csv")
    asked, of_the_model = [], FittedModel.predict

    def predicted(self, frames):
        asked.append([frame.rigid is not None for frame in frames])
        if not all(asked[-1]):
            raise InputError("the marks that I want are not there.")
        return of_the_model(self, frames)

    monkeypatch.setattr(FittedModel, "predict", predicted)
    predict(finished, pull, frames=":3", out=tmp_path / "marked.csv")
    np.testing.assert_array_equal(conductances(tmp_path / "marked.csv"), conductances(tmp_path / "plain.csv"))
    with pytest.raises(InputError, match=r"w\.extxyz, frame 0: the marks that I want are not there"):
        predict(finished, tmp_path / "w.extxyz")
    predict(finished, tmp_path / "w.extxyz", electrode_layers=4, out=tmp_path / "counted.csv")
    np.testing.assert_allclose(conductances(tmp_path / "counted.csv"), conductances(tmp_path / "plain.csv"), atol=1e-5)


def test_ideal_ends_and_counted_layers_are_the_rigid_ones(pull):
    first = read_trajectory(pull)[0]
    np.testing.assert_array_equal(outer_layers(first, 4), first.rigid)
    np.testing.assert_array_equal(ideal_layers(replace(first, rigid=None), 8.0), first.rigid)
    wire = library.create("structures", "nanowire", element="Au", neck=[2, 2, 3], electrode=[3, 3, 5]).build(
        np.random.default_rng(0)
    )
    assert outer_layers(Frame.from_atoms(wire), 6).sum() == 2 * 45 + 2 * 4, "six of thirteen layers at each end"
    with pytest.raises(InputError, match="name fewer"):
        outer_layers(Frame.from_atoms(wire), 7)


def test_mistakes_get_one_sentence(finished, structures, tmp_path):
    ase.io.write(tmp_path / "w.extxyz", structures[:2])
    silver = structures[0].copy()
    silver.symbols[3] = "Ag"
    ase.io.write(tmp_path / "silver.extxyz", silver)
    (tmp_path / "nonsense.extxyz").write_text("3\nno positions\nAu\n")
    (tmp_path / "stored.h5").write_bytes(next(finished.glob("store/predictions-*/item-*.h5")).read_bytes())
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    shutil.copy(finished / "config.yaml", unfinished)
    older = tmp_path / "older"
    shutil.copytree(unfinished, older)
    shutil.copy(finished / "results.json", older)
    wire, folder = tmp_path / "w.extxyz", tmp_path / "folder"
    (folder / "g.png").mkdir(parents=True)
    for run, path, options, sentence in [
        (tmp_path / "nowhere", wire, {}, "is no run folder"),
        (unfinished, wire, {}, "is not finished"),
        (older, wire, {}, "has no model.json"),
        (finished, tmp_path / "silver.extxyz", {}, "silver.extxyz, frame 0: the model was trained on Au and knows nothing of Ag"),
        (finished, tmp_path / "nonsense.extxyz", {}, "is cut off: it announces 3 atoms and holds 0"),
        (finished, tmp_path / "stored.h5", {}, "without a trajectory"),
        (finished, tmp_path / "nothing.xyz", {}, "there is no structure file"),
        (finished, wire, {"frames": "5"}, "has no frame 5: it has 2 frames, numbered 0 to 1"),
        (finished, wire, {"frames": "::-1"}, "must be positive"),
        (finished, wire, {"species": "Au"}, "species name the atom types of LAMMPS files"),
        (finished, wire, {"species": "Au,Xx"}, "'Xx' is not a chemical element"),
        (finished, tmp_path, {}, "is a folder"),
        (finished, wire, {"out": tmp_path / "w.extxyz" / "g.csv"}, "cannot be written"),
        (finished, wire, {"out": folder / "g.csv"}, "g.png is a folder"),
        (finished, wire, {"electrode_layers": 2}, "leave --electrode-layers out"),
        (finished, wire, {"device": "abacus"}, "abacus"),
        (finished, wire, {"out": tmp_path / "g.png"}, "--out names a CSV file"),
    ]:
        with pytest.raises(InputError) as caught:
            predict(run, path, **options)
        assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*-predicted.csv"))


def test_a_mistake_ends_the_command_with_code_2(sharvin, finished, tmp_path):
    result = sharvin("predict", finished, tmp_path / "nothing.xyz")
    assert result.returncode == 2
    assert result.stderr.startswith("error: there is no structure file") and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"format": 1}, "written by another version"),
        ({"recalibration": {"a": 1.0}}, "is damaged"),
        ({"recalibration": {"a": -1.0, "b_G0": 0.1}}, "needs a, b ≥ 0"),
        ({"atoms": []}, "is damaged"),
        ({"regressor": {"use": "ridge"}}, "holds a fc_maxpool model, not a ridge one"),
        ({"descriptor": {"use": "soap", "n_max": 5, "l_max": 3, "cutoff_A": 5.0}}, "40 features per row and got 60"),
        ({"model": "store/nowhere"}, "holds no trained model"),
    ],
)
def test_a_model_that_does_not_fit_its_run_is_refused(changed, pull, entries, sentence):
    folder = changed(**entries)
    with pytest.raises(InputError, match=sentence):
        FittedModel.load(folder).predict(read_trajectory(pull)[:2])


def test_a_model_of_frames_themselves_needs_no_descriptor(pull):
    """A regressor of kind graph, made up here: the number of atoms."""

    class Count:
        def predict(self, samples):
            return library.Prediction(np.array([float(len(frame)) for frame in samples]))

    frames = read_trajectory(pull)
    groups = np.arange(len(frames)) % 3
    data = Dataset(frames, np.zeros(len(frames)), groups)
    domain = Domain.learn(data, data, np.random.default_rng(0))
    model = FittedModel(None, [Count()], domain, ("Au",), (1, 200), 0.1)
    judged = model.predict(Frames(list(frames)[:2]))
    np.testing.assert_array_equal(judged.prediction.mean, [len(frames[0])] * 2)
    assert judged.scores.shape == (2,)


@pytest.mark.parametrize("conductance", [1.2, np.nan])
def test_the_picture_of_a_single_frame_has_a_readable_axis(conductance):
    one = FilePrediction(Path("w.xyz"), "w.xyz", [7], [np.nan], [conductance], [np.nan], [np.nan])
    (axes,) = draw_predictions([one]).axes
    assert axes.get_xlim() == (6.5, 7.5) and axes.get_xlabel() == "frame"
    assert [tick for tick in axes.get_xticks() if 6.5 <= tick <= 7.5] == [7]
    assert axes.get_ylim()[0] == 0.0 and axes.get_ylim()[1] >= 1.0
