"""``sharvin export``: frames of a finished run for other programs, with the numbers of ``traces.csv``."""

import csv
import json

import ase.io
import h5py
import numpy as np
import pytest
import sharvin
from sharvin.errors import InputError


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
    assert code == 2 and "is no folder of a finished break-junction run" in said
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
