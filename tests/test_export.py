"""``sharvin export``: frames of a finished run for other programs, with the numbers of ``traces.csv``."""

import csv
import json
import sys

import ase.io
import h5py
import numpy as np
import pytest
import sharvin
from sharvin.errors import InputError, MissingPackageError
from sharvin.store import read_frames, write_trajectory


def traces(run, part):
    with (run / "traces.csv").open() as stream:
        return [row for row in csv.DictReader(stream) if row["pulls"] == part]


@pytest.mark.parametrize("form", ["extxyz", "h5md", "csv"])
@pytest.mark.parametrize("what", ["pulls", "labels", "predictions"])
def test_frames_carry_the_numbers_of_the_study(command, finished, tmp_path, what, form):
    assert command("export", finished, "--what", what, "--to", form, "--out", tmp_path) == (0, "")
    known = {(row["pulls"], int(row["pull"]), int(row["snapshot"])): row for part in ("training", "production")
             for row in traces(finished, part)}  # fmt: skip
    if form == "csv":
        with (tmp_path / f"{what}.csv").open() as stream:
            found = list(csv.DictReader(stream))
    elif form == "extxyz":
        found = [atoms.info for path in sorted(tmp_path.glob("*.xyz")) for atoms in ase.io.read(path, ":", format="extxyz")]
    else:
        found = []
        for path in sorted(tmp_path.glob("*.h5")):
            part, pull, _ = path.stem.split("-")
            with h5py.File(path) as file:
                columns = {name: file["observables"][name]["value"][()] for name in file["observables"]}
            for at in range(len(columns["snapshot"])):
                values = {name: column[at] for name, column in columns.items() if np.isfinite(column[at])}
                found.append({"pulls": part, "pull": int(pull), **values})
    wanted = {
        "labels": [key for key, row in known.items() if row["exact_G0"]],
        "predictions": [key for key, row in known.items() if key[0] == "production" and row["predicted_G0"]],
        "pulls": list(known),
    }[what]
    got = {(one["pulls"], int(one["pull"]), int(float(one["snapshot"]))): one for one in found}
    assert set(got) >= set(wanted) and (what == "pulls" or set(got) == set(wanted))
    for key in wanted:
        for name in ("exact_G0", "predicted_G0"):
            if known[key][name]:
                assert float(got[key][name]) == float(known[key][name])
        if form != "h5md":
            assert (got[key].get("part") or "", got[key].get("series") or "") == (known[key]["part"], known[key]["series"])
        assert float(got[key]["elongation_A"]) == pytest.approx(float(known[key]["elongation_A"]))


def test_positions_are_those_of_the_pull(command, finished, tmp_path):
    assert command("export", finished, "--to", "extxyz", "--out", tmp_path)[0] == 0
    stored = json.loads((finished / "pulls.json").read_text())["training"]["0"]
    with h5py.File(finished / stored) as file:
        positions = file["particles/wire/position/value"][()]
    frames = ase.io.read(tmp_path / "training-0000-pulls.xyz", ":", format="extxyz")
    assert len(frames) == len(positions)
    np.testing.assert_allclose([atoms.positions for atoms in frames], positions, atol=1e-7)


def test_mistakes_are_one_sentence_and_nothing_is_written_over(command, finished, tmp_path):
    code, said = command("export", tmp_path, "--to", "csv")
    assert code == 2 and "holds no finished run (no results.json)" in said
    (tmp_path / "results.json").write_text('{"workflow": "disordered_wire"}')
    code, said = command("export", tmp_path, "--to", "csv")
    assert code == 2 and "is a run of the workflow disordered_wire" in said
    (tmp_path / "results.json").write_text('{"workflow": "break_junction"}')
    code, said = command("export", tmp_path, "--to", "csv")
    assert code == 2 and "traces.csv of the break-junction run" in said and "run its study again" in said
    assert command("export", finished, "--to", "csv", "--out", tmp_path)[0] == 0
    before = (tmp_path / "pulls.csv").read_text()
    code, said = command("export", finished, "--to", "csv", "--out", tmp_path)
    assert code == 2 and "is there already: choose another --out, or add --force" in said and said.count("\n") == 1
    assert command("export", finished, "--to", "csv", "--out", tmp_path, "--force") == (0, "")
    assert (tmp_path / "pulls.csv").read_text() == before


def test_a_run_is_opened_by_its_folder(finished, tmp_path):
    run = sharvin.open_run(finished)
    assert run.results["workflow"] == run.config["workflow"]["use"] == "break_junction"
    assert all(path.is_file() for path in [*run.figures.values(), *run.trajectories.values()])
    assert repr(run).startswith("BreakJunctionRun(break_junction; folder: ") and "<table>" in run._repr_html_()
    pytest.importorskip("pandas", reason="pip install pandas")
    titles = [table["title"] for table in run.results["tables"]]
    assert list(run.tables) == titles and len(run.tables[titles[0]]) == len(run.results["tables"][0]["rows"])
    labelled = run.traces[run.traces.pulls == "training"]
    assert len(labelled) == len(traces(finished, "training"))
    assert run.fitted_model().members
    with pytest.raises(InputError, match="holds no finished run"):
        sharvin.open_run(tmp_path)


def test_a_run_of_an_absent_plugin_still_opens(tmp_path):
    (tmp_path / "results.json").write_text('{"workflow": "somebody_elses", "summary": "Done.", "tables": []}')
    run = sharvin.open_run(str(tmp_path))
    assert type(run).__name__ == "Run" and run.tables == {} and run.figures == {} and "Done." in repr(run)


def small_run(folder, traces):
    """A run of one pull of three frames, as far as export reads it."""
    folder.mkdir()
    (folder / "results.json").write_text('{"workflow": "break_junction"}')
    (folder / "pulls.json").write_text('{"training": {"0": "pull.h5"}, "production": {"0": "pull.h5"}}')
    (folder / "traces.csv").write_text("pulls,pull,snapshot,exact_G0,predicted_G0,predicted_std_G0\n" + traces)
    frames = [sharvin.Frame.from_atoms(ase.Atoms("Au", positions=[[0, 0, k]]), elongation_A=float(k)) for k in range(3)]
    write_trajectory(folder / "pull.h5", frames)
    return folder


@pytest.mark.parametrize("form", ["extxyz", "h5md", "csv"])
def test_standard_deviations_are_exported_and_missing_values_are_missing(command, tmp_path, form):
    run = small_run(tmp_path / "run", "production,0,0,,1.5,0.25\nproduction,0,2,1.0,1.25,\n")
    assert command("export", run, "--what", "predictions", "--to", form, "--out", tmp_path) == (0, "")
    if form == "csv":
        with (tmp_path / "predictions.csv").open() as stream:
            found = [{name: value for name, value in row.items() if value} for row in csv.DictReader(stream)]
    elif form == "extxyz":
        found = [atoms.info for atoms in ase.io.read(tmp_path / "production-0000-predictions.xyz", ":", format="extxyz")]
    else:
        scalars = [frame.scalars for frame in read_frames(tmp_path / "production-0000-predictions.h5")]
        found = [{name: value for name, value in one.items() if np.isfinite(value)} for one in scalars]
    numbers = ("snapshot", "exact_G0", "predicted_G0", "predicted_std_G0")
    assert [{name: float(one[name]) for name in numbers if name in one} for one in found] == [
        {"snapshot": 0.0, "predicted_G0": 1.5, "predicted_std_G0": 0.25},
        {"snapshot": 2.0, "exact_G0": 1.0, "predicted_G0": 1.25},
    ]


def test_what_is_not_there_and_what_cannot_be_written_are_said(command, tmp_path):
    run = small_run(tmp_path / "run", "training,0,1,1.0,,\n")
    code, said = command("export", run, "--what", "predictions", "--to", "csv")
    assert code == 2 and "has no predictions to export" in said
    (tmp_path / "file").touch()
    code, said = command("export", run, "--to", "csv", "--out", tmp_path / "file" / "inner")
    assert code == 2 and "the folder of the exported files" in said and "cannot be written" in said
    (run / "pull.h5").unlink()
    code, said = command("export", run, "--to", "csv")
    assert code == 2 and "pull.h5 is not there any more: run the study again" in said


def test_tables_without_pandas_name_the_pip_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    run = sharvin.open_run(small_run(tmp_path / "run", ""))
    for ask in (lambda: run.tables, lambda: run.traces):
        with pytest.raises(MissingPackageError, match="pip install pandas"):
            ask()
