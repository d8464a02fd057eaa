"""NEGF labels computed in series: the same bits whatever a worker did before, the same physics as each snapshot alone."""

import numpy as np
import pytest
from ase.build import bulk
from sharvin.config import Selection
from sharvin.frames import Frame
from sharvin.registry import registry
from sharvin.store import read_table, write_trajectory
from sharvin_studies.break_junction.steps import LabelTask, label
from sharvin_transport.rgf.batched import TorchElimination


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

    def labels(*snapshots, **solver):
        path = tmp_path / "labels.h5"
        label(LabelTask(pull, snapshots, chosen, selection("transport", "rgf", **solver)), path)
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


def test_the_solver_takes_the_devices_of_a_series_together(task, monkeypatch):
    """All five by one call, of which the fourth has no device; torch computes the others as one batch."""
    together = []
    exact = TorchElimination.transmission

    def counted(elimination, systems, energies_eV, surfaces):
        together.append(len(systems))
        return exact(elimination, systems, energies_eV, surfaces)

    monkeypatch.setattr(TorchElimination, "transmission", counted)
    one_by_one, _ = task(0, 1, 2, 3, 4)
    batched, reasons = task(0, 1, 2, 3, 4, backend="torch")
    assert together == [4] and list(reasons) == ["3"]
    assert batched == pytest.approx(one_by_one, abs=1e-9, nan_ok=True)
