"""Training of neural-network potentials: what it reaches, what it depends on, and how it resumes."""

import json

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from sharvin.errors import InputError, RunError, StoreError
from sharvin.reference_data import ReferenceData, ReferenceStructure
from sharvin_descriptors.hdnnp.configs import HdnnpOptions
from sharvin_descriptors.hdnnp.fit import CURVES, errors, untrained
from sharvin_descriptors.hdnnp.kalman import KalmanFilter
from sharvin_descriptors.hdnnp.prepared import prepare


def test_a_fit_learns_energies_and_forces(gold_data, trained_gold):
    part, curves = trained_gold
    assert set(curves) == set(CURVES)
    assert {len(values) for values in curves.values()} == {4}
    spread = np.std(np.concatenate([structure.forces_eV_per_A.ravel() for structure in gold_data[1]]))
    assert curves["validation_force_rmse_eV_per_A"][-1] < 0.05 * spread
    assert curves["validation_energy_rmse_eV_per_atom"][-1] < 2e-3
    wrong = []
    for structure in gold_data[1]:
        atoms = structure.atoms.copy()
        atoms.calc = part.calculator()
        wrong.append(atoms.get_forces() - structure.forces_eV_per_A)
    best = min(curves["validation_force_rmse_eV_per_A"])
    assert np.sqrt(np.mean(np.concatenate(wrong) ** 2)) == pytest.approx(best, rel=0.3)


@pytest.mark.parametrize("optimiser", ["fading_kalman", "adam", "lbfgs"])
def test_every_optimiser_improves(gold_data, make_hdnnp, optimiser):
    part = make_hdnnp(optimiser=optimiser, epochs=6, learning_rate=0.01, force_ratio=0.9)
    curves = part.fit(*gold_data, np.random.default_rng(0))
    begin = errors(
        prepare(gold_data[0], untrained(part.options, gold_data[0], np.random.default_rng(0)), "structure"), part.members[0]
    )
    assert begin.force_rmse == pytest.approx(min(curves["train_force_rmse_eV_per_A"]), rel=0.5)
    assert curves["train_force_rmse_eV_per_A"][-1] < 0.6 * curves["train_force_rmse_eV_per_A"][0]


@pytest.mark.parametrize("selection", ["random", "sort", "threshold"])
def test_updates_are_selected_in_three_ways(gold_data, make_hdnnp, selection):
    curves = make_hdnnp(selection=selection, epochs=2).fit(*gold_data, np.random.default_rng(0))
    assert curves["validation_force_rmse_eV_per_A"][-1] < 0.2


def test_forces_alone_and_energies_alone_are_learnt_from(gold_data, make_hdnnp):
    forces, energies = (make_hdnnp(force_ratio=ratio, epochs=2).fit(*gold_data, np.random.default_rng(0)) for ratio in (1.0, 0.0))
    name = "validation_force_rmse_eV_per_A"
    assert forces[name][-1] < 0.5 * energies[name][-1]


def test_forces_alone_leave_the_zero_of_energy_right_on_average(gold_data, make_hdnnp):
    curves = make_hdnnp(force_ratio=1.0, epochs=3).fit(*gold_data, np.random.default_rng(0))
    assert curves["train_energy_rmse_eV_per_atom"][-1] < 0.06
    assert curves["validation_force_rmse_eV_per_A"][-1] < 0.2


def test_crystals_whose_forces_vanish_teach_their_energies(make_hdnnp):
    structures = []
    for a in np.linspace(3.9, 4.3, 12):
        atoms = bulk("Au", "fcc", a=a)
        atoms.calc = EMT()
        energy = atoms.get_potential_energy()
        atoms.calc = None
        structures.append(ReferenceStructure(atoms, energy, np.full((1, 3), 1e-16)))
    data = ReferenceData(tuple(structures))
    part = make_hdnnp(force_ratio=0.0, epochs=8)
    curves = part.fit(data, data[::3], np.random.default_rng(0))
    assert curves["train_energy_rmse_eV_per_atom"][-1] < 2e-3


def test_the_filter_is_the_textbook_one():
    rng, n = np.random.default_rng(0), 7
    options = HdnnpOptions(table="gold", kalman_epsilon=0.02)
    for fading in (False, True):
        chosen = options.model_copy(update={"optimiser": "fading_kalman" if fading else "kalman"})
        found = KalmanFilter.start(n, chosen, 10)
        w, expected, p = np.zeros(n), np.zeros(n), np.eye(n) / 0.02
        eta, lam, q = 0.01, 0.96, 0.01
        for _ in range(25):
            h, error = rng.normal(size=n), rng.normal()
            found.update(w, h, error)
            if not fading and eta < 1.0:
                eta *= np.exp(2.302 / 10)
            x = p @ h
            a = h @ x + (lam if fading else 1 / eta)
            expected += x / a * error
            p = p - np.outer(x, x) / a
            if fading:
                p, lam = p / lam, 0.9995 * lam + 1 - 0.9995
            p += q * np.eye(n)
            q *= np.exp(-2.302 / 10) if q > 1e-6 else 1.0
            np.testing.assert_allclose(w, expected, rtol=1e-9)


@pytest.mark.parametrize("optimiser", ["kalman", "fading_kalman", "adam", "lbfgs"])
def test_an_interrupted_fit_ends_with_the_same_bits(tmp_path, gold_data, make_hdnnp, optimiser):
    options = {"optimiser": optimiser, "updates_per_epoch": 30, "patience": 50}
    data = gold_data[0][:6], gold_data[1][:2]
    whole = make_hdnnp(epochs=4, **options)
    curves = whole.fit(*data, np.random.default_rng(3))
    folder = tmp_path / "progress"
    folder.mkdir()
    kept = make_hdnnp(epochs=4, **options)
    kept.keep_progress(folder)

    class Stopped(Exception):
        pass

    from sharvin.runs.fit_progress import FitProgress

    save, count = FitProgress.save, []

    def save_twice(self, *arguments):
        save(self, *arguments)
        count.append(1)
        if len(count) == 2:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FitProgress, "save", save_twice)
        with pytest.raises(Stopped):
            kept.fit(*data, np.random.default_rng(3))
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    again = make_hdnnp(epochs=4, **options)
    again.keep_progress(folder)
    resumed = again.fit(*data, np.random.default_rng(3))
    assert resumed == curves
    np.testing.assert_array_equal(again.members[0].weights, whole.members[0].weights)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert set(CURVES) < set(lines[0])
    with pytest.raises(StoreError, match="belongs to a fit with other"):
        again.fit(*data, np.random.default_rng(4))


def test_early_stopping_keeps_the_best_epoch(gold_data, make_hdnnp):
    part = make_hdnnp(epochs=40, patience=1, kalman_etamax=1e6, kalman_etatau=20.0, updates_per_epoch=20)
    curves = part.fit(*gold_data, np.random.default_rng(0))
    assert 2 <= len(curves[CURVES[0]]) < 40


def test_several_elements(crystals, make_hdnnp):
    data = crystals(8, symbols=("Au", "Ag"))
    part = make_hdnnp(epochs=2, updates_per_epoch=120)
    curves = part.fit(data, data[:2], np.random.default_rng(0))
    assert [element.symbol for element in part.members[0].elements] == ["Ag", "Au"]
    assert [len(element.functions) for element in part.members[0].elements] == [8 * 2 + 18 * 3] * 2
    assert curves["train_force_rmse_eV_per_A"][-1] < 0.3


def test_what_cannot_be_trained_is_refused(gold_data, gold_folder, make_hdnnp):
    train, test = gold_data
    with pytest.raises(InputError, match="without structures"):
        make_hdnnp().fit(ReferenceData(()), test, np.random.default_rng(0))
    with pytest.raises(InputError, match="trained already"):
        make_hdnnp(table=None, model=str(gold_folder)).fit(train, test, np.random.default_rng(0))
    with pytest.raises(InputError, match="elements_trained lacks"):
        make_hdnnp(elements_trained=["Ag"]).fit(train, test, np.random.default_rng(0))
    with pytest.raises(InputError, match="not trained yet"):
        make_hdnnp().calculator()
    with pytest.raises(RunError, match="left finite numbers"):
        make_hdnnp(optimiser="adam", learning_rate=1e200, epochs=3).fit(train, test, np.random.default_rng(0))
