"""NEGF labels computed in series: the same bits whatever a worker did before, the same physics as each snapshot alone."""

import numpy as np
import pytest
from ase.build import bulk
from sharvin.config import Selection
from sharvin.frames import Frame
from sharvin.registry import registry
from sharvin.store import read_table, write_trajectory
from sharvin_studies.break_junction.steps import LabelTask, label


def selection(kind, name, **options):
    model = registry().options_model(registry().find(kind, name))
    return Selection(kind, name, model(**options))


@pytest.fixture
def pull(tmp_path):
    """A thin bar of gold whose middle is stretched step by step; atoms of the fourth frame overlap."""
    bar = bulk("Au", a=4.08, cubic=True).repeat((1, 1, 6))
    bar.pbc = (True, True, False)
    layer = np.rint(bar.positions[:, 2] / 2.04)
    bar.positions[layer == 6] += np.random.default_rng(1).normal(0, 0.1, (2, 3))
    frames = []
    for step in range(5):
        moved = bar.copy()
        moved.positions[layer > 5, 2] += 0.1 * step
        if step == 3:
            moved.positions[layer == 6] = moved.positions[layer == 6].mean(axis=0)
        frames.append(Frame.from_atoms(moved, neck_width=1.0))
    path = tmp_path / "pull.h5"
    write_trajectory(path, frames)
    return path


@pytest.fixture
def task(pull, tmp_path, monkeypatch):
    monkeypatch.setenv("SHARVIN_CACHE", str(tmp_path / "cache"))
    chosen = selection("hamiltonians", "slater_koster", charge_neutrality="local")

    def labels(*snapshots):
        path = tmp_path / "labels.h5"
        label(LabelTask(pull, snapshots, chosen, selection("transport", "rgf")), path)
        table, notes = read_table(path)
        return table["conductance_G0"], notes["reasons"]

    return labels


def test_labels_do_not_depend_on_what_the_worker_did_before(task):
    before, reasons = task(0, 1, 2, 3, 4)
    task(4)
    task(2, 0)
    after, _ = task(0, 1, 2, 3, 4)
    assert np.array_equal(before, after, equal_nan=True)
    assert list(reasons) == ["3"] and "overlap" in reasons["3"]
    assert np.flatnonzero(np.isnan(before)).tolist() == [3]
    alone = [task(snapshot)[0][0] for snapshot in (0, 2, 4)]
    assert before[[0, 2, 4]] == pytest.approx(alone, abs=5e-3)
