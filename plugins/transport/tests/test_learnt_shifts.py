"""Shifts learnt from conductances: exact derivatives, a known Hamiltonian found again, and the contract of regressors."""

from dataclasses import replace
from functools import cache
from typing import ClassVar

import numpy as np
import pytest
import sharvin
from ase.build import fcc100
from sharvin.errors import InputError, StoreError
from sharvin.frames import Frame, Frames
from sharvin.junction import Junction
from sharvin.samples import Dataset, Features
from sharvin.testing import RegressorTests
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.onsite_response import OnsiteResponse
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

SMALL = {"centres": 60, "charge_neutrality": "none", "max_steps": 4}
KNOWN = {"noise_G0": 0.01, "spread": {"shift_eV": 0.3, "hopping": 0.1, "hopping_by_strain": 0.1}}
E_F = np.zeros(1)


def wire(seed, layers=14):
    """A crystal of 2 × 2 gold atoms a layer, shaken between the electrodes, where up to a quarter of the atoms is missing."""
    rng = np.random.default_rng(seed)
    atoms = fcc100("Au", (2, 2, layers), a=4.08, periodic=False)
    atoms.pbc = (True, True, False)
    level = np.unique(np.round(atoms.positions[:, 2], 3), return_inverse=True)[1]
    inner = (level >= 4) & (level < layers - 4)
    atoms.positions[inner] += rng.normal(scale=0.05, size=(inner.sum(), 3))
    lost = rng.choice(np.flatnonzero(inner), size=rng.integers(0, inner.sum() // 4 + 1), replace=False)
    return Frame.from_atoms(atoms[np.setdiff1d(np.arange(len(atoms)), lost)])


def junction_of(frame, hamiltonian):
    atoms = frame.to_atoms()
    return Junction.detect(atoms, hamiltonian.range_A(atoms.numbers))


def by_coordination(atoms, shifted):
    """A shift of 0.05 eV for each lacking neighbour: what the tests have to find again."""
    distances = atoms.get_all_distances(mic=True)[shifted]
    return 0.05 * (12.0 - (1.0 / (1.0 + np.exp((distances - 3.4) / 0.15))).sum(axis=1) + 1.0)


@cache
def samples(count=56):
    hamiltonian, solver = (
        SlaterKoster(SlaterKosterOptions(charge_neutrality="predicted")),
        RecursiveGreen(RecursiveGreenOptions()),
    )
    frames, labels = [wire(seed) for seed in range(count)], []
    for frame in frames:
        junction = junction_of(frame, hamiltonian)
        inside = np.setdiff1d(np.arange(len(frame.numbers)), np.concatenate([junction.left, junction.right]))
        system, _ = hamiltonian.shifted_device(junction, by_coordination(junction.atoms, inside))
        labels.append(solver.transmission([system], E_F)[0, 0])
    return Dataset(Frames(frames), np.array(labels), np.arange(count) // 4)


class TestLearntShifts(RegressorTests):
    name = "learnt_shifts"
    options: ClassVar = {**SMALL, **KNOWN, "max_steps": 6}

    @pytest.fixture
    def data(self):
        return samples().take(np.arange(12))


@pytest.mark.parametrize("layers", [14, 9])
def test_derivatives_are_those_of_the_transmission(layers):
    """Central differences, also where the two principal layers see each other and the leads begin behind them."""
    hamiltonian = SlaterKoster(SlaterKosterOptions(charge_neutrality="predicted"))
    solver = RecursiveGreen(RecursiveGreenOptions())
    frame = wire(3, layers)
    junction = junction_of(frame, hamiltonian)
    rng = np.random.default_rng(0)
    count = len(frame.numbers) - len(junction.left) - len(junction.right)
    shifts = rng.normal(scale=0.2, size=count)

    def transmission(values):
        return solver.transmission([hamiltonian.shifted_device(junction, values)[0]], E_F)[0, 0]

    found, response = OnsiteResponse(solver.surfaces, solver.couplings)(*hamiltonian.shifted_device(junction, shifts))
    assert found == pytest.approx(transmission(shifts), abs=1e-8)
    assert response.shape == (count,)
    step = 1e-4 * np.eye(count)
    differences = np.array([transmission(shifts + one) - transmission(shifts - one) for one in step]) / 2e-4
    assert np.abs(differences).max() > 0.01
    np.testing.assert_allclose(response, differences, atol=1e-6)


def test_a_complex_hamiltonian_has_no_such_derivatives():
    solver = RecursiveGreen(RecursiveGreenOptions())
    hamiltonian = SlaterKoster(SlaterKosterOptions(charge_neutrality="predicted"))
    junction = junction_of(wire(0), hamiltonian)
    system, atom = hamiltonian.shifted_device(junction, np.zeros(len(junction.atoms) - len(junction.left) - len(junction.right)))
    with pytest.raises(InputError, match="real Hamiltonians"):
        OnsiteResponse(solver.surfaces, solver.couplings)(replace(system, H=system.H.astype(complex)), atom)


def test_a_hamiltonian_is_found_again_from_its_conductances_alone(tmp_path):
    """Unseen wires, too; and the Hamiltonian takes what was learnt."""
    data = samples()
    train, validation, test = (data.take(np.arange(*ends)) for ends in ((0, 36), (36, 44), (44, 56)))
    model = sharvin.create("regressors", "learnt_shifts", learn=["onsite"], charge_neutrality="none", centres=200, max_steps=6)
    curves = model.fit(train, validation, np.random.default_rng(0))
    assert 1 <= len(curves["validation_mae"]) <= 6
    without = SlaterKoster(SlaterKosterOptions())
    solver = RecursiveGreen(RecursiveGreenOptions())
    bare = solver.transmission([without.two_terminal(junction_of(frame, without)) for frame in test.samples], E_F)[:, 0]
    found = model.predict(test.samples).mean
    assert np.abs(found - test.targets).mean() < 0.5 * np.abs(bare - test.targets).mean()
    model.save(tmp_path)
    taken = sharvin.create(
        "hamiltonians", "slater_koster", charge_neutrality="predicted", neutrality_model=str(tmp_path / "neutrality.npz")
    )
    system = taken.two_terminal(junction_of(test.samples[0], taken))
    assert solver.transmission([system], E_F)[0, 0] == pytest.approx(found[0], abs=1e-9)


def test_refused_are_samples_that_cannot_be_learnt_from():
    model = sharvin.create("regressors", "learnt_shifts", **SMALL)
    data = samples().take(np.arange(4))
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="no model yet"):
        model.predict(data.samples)
    with pytest.raises(InputError, match="descriptor: null"):
        model.fit(Dataset(Features(np.zeros((4, 3))), data.targets, data.groups), data, rng)
    with pytest.raises(InputError, match="empty"):
        model.fit(data.take(np.arange(0)), data, rng)
    with pytest.raises(InputError, match="a target is -1"):
        model.fit(replace(data, targets=data.targets - data.targets - 1), data, rng)
    with pytest.raises(InputError, match="not a number"):
        model.fit(replace(data, targets=data.targets * np.nan), data, rng)
    crowded = data.samples[1].to_atoms()
    crowded.positions[30] = crowded.positions[31] + 0.01
    with pytest.raises(InputError, match="structure 1: "):
        model.fit(replace(data, samples=Frames([data.samples[0], Frame.from_atoms(crowded), *list(data.samples)[2:]])), data, rng)


def test_predictions_of_another_element_are_refused_and_the_wire_is_named():
    data = samples().take(np.arange(6))
    model = sharvin.create("regressors", "learnt_shifts", **SMALL)
    model.fit(data, data, np.random.default_rng(0))
    silver = replace(data.samples[0], numbers=np.full(len(data.samples[0].numbers), 47))
    with pytest.raises(InputError, match=r"structure 1: .*47"):
        model.predict(Frames([data.samples[0], silver]))


def test_damaged_and_foreign_files_are_refused(tmp_path):
    data = samples().take(np.arange(6))
    model = sharvin.create("regressors", "learnt_shifts", **SMALL)
    with pytest.raises(InputError, match="no folder"):
        model.keep_progress(tmp_path / "absent")
    model.keep_progress(tmp_path)
    model.fit(data, data, np.random.default_rng(0))
    with pytest.raises(StoreError, match="other options, data or seed"):
        model.fit(data, data, np.random.default_rng(1))
    pushed = replace(data.samples[0], positions=data.samples[0].positions + 1e-3)
    other = replace(data, samples=Frames([pushed, *list(data.samples)[1:]]))  # as many structures, with the same targets
    for learnt, validation in ((other, data), (data, other)):
        with pytest.raises(StoreError, match="other options, data or seed"):
            model.fit(learnt, validation, np.random.default_rng(0))
    (tmp_path / "checkpoint.safetensors").write_bytes(b"nothing")
    with pytest.raises(StoreError, match="damaged"):
        model.fit(data, data, np.random.default_rng(0))
    again = sharvin.create("regressors", "learnt_shifts")
    with pytest.raises(InputError, match="no trained model"):
        again.load(tmp_path)
    model.save(tmp_path)
    (tmp_path / "model.json").write_text('{"regressor": "ridge"}')
    with pytest.raises(InputError, match="holds a ridge model, not a learnt_shifts one"):
        again.load(tmp_path)
    (tmp_path / "model.json").write_text('{"regressor": "learnt_shifts", "version": 2, "options": {"centres": -1}}')
    with pytest.raises(InputError, match="damaged"):
        again.load(tmp_path)
