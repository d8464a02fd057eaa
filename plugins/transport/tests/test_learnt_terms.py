"""Terms that are learnt from conductances: exact derivatives, leads that stay ideal, and the strength of the prior."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import sharvin
from ase.build import fcc100
from sharvin.errors import InputError
from sharvin.frames import Frame, Frames
from sharvin.samples import Dataset
from sharvin_transport.learnt_shifts.configs import VALUES, LearntShiftsOptions
from sharvin_transport.learnt_shifts.learnt_hamiltonian import LearntHamiltonian
from sharvin_transport.learnt_shifts.prior import Linearised, Prior, choose_prior, errors_foretold, foretold
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

EVERYTHING = ("onsite", "shells", "hoppings", "fermi_energy")
SIZES = {"shift_eV": 0.2, "s_shift_eV": 0.2, "p_shift_eV": 0.2, "d_shift_eV": 0.2, "hopping": 0.05, "hopping_by_strain": 0.05}


def wire(seed, layers=12, missing=True):
    """A crystal of 2 × 2 gold atoms a layer, shaken between the electrodes, where some atoms are missing."""
    rng = np.random.default_rng(seed)
    atoms = fcc100("Au", (2, 2, layers), a=4.08, periodic=False)
    atoms.pbc = (True, True, False)
    level = np.unique(np.round(atoms.positions[:, 2], 3), return_inverse=True)[1]
    inner = (level >= 4) & (level < layers - 4)
    if not missing:
        return Frame.from_atoms(atoms)
    atoms.positions[inner] += rng.normal(scale=0.06, size=(inner.sum(), 3))
    lost = rng.choice(np.flatnonzero(inner), size=rng.integers(0, inner.sum() // 4 + 1), replace=False)
    return Frame.from_atoms(atoms[np.setdiff1d(np.arange(len(atoms)), lost)])


@cache
def hamiltonian(learn=EVERYTHING):
    made = LearntHamiltonian(LearntShiftsOptions(learn=learn, charge_neutrality="none", centres=12))
    made.blank([made.junction(wire(seed)) for seed in range(6)])
    return made


def random_weights(made, seed=0):
    rng = np.random.default_rng(seed)
    return np.array([SIZES.get(name, 0.0) for name in made.weight_names]) * rng.normal(size=made.size)


@pytest.mark.parametrize("layers", [12, 9])
def test_derivatives_by_each_kind_of_weight_are_those_of_the_transmission(layers):
    """Central differences, also where the two principal layers see each other and the leads begin behind them."""
    made = hamiltonian()
    weights = random_weights(made)
    weights[-1] = 0.02
    one = made.prepare(made.junction(wire(7, layers)))
    transmission, row = made.response(one, weights)
    assert transmission == pytest.approx(made.conductance(one, weights), abs=1e-8)
    names = np.array(made.weight_names)
    for name in (value for term in EVERYTHING for value in VALUES[term]):
        own = np.flatnonzero(names == name)
        largest = own[np.argsort(np.abs(row[own]))[-2:]]
        assert np.abs(row[largest]).max() > 1e-3
        for index in largest:
            step = np.zeros(made.size)
            step[index] = 1e-4
            ends = [made.conductance(one, weights + sign * step) for sign in (1.0, -1.0)]
            assert row[index] == pytest.approx((ends[0] - ends[1]) / 2e-4, abs=1e-5, rel=1e-5), name


def test_a_clean_bar_transmits_all_channels_whatever_was_learnt():
    made = hamiltonian(("onsite", "shells", "hoppings"))
    one = made.prepare(made.junction(wire(0, missing=False)))
    assert np.abs(one.functions).max() < 1e-5
    clean = made.conductance(one, np.zeros(made.size))
    assert clean == pytest.approx(round(clean), abs=1e-6) and clean >= 1
    for seed in range(3):
        assert made.conductance(one, 10.0 * random_weights(made, seed)) == pytest.approx(clean, abs=1e-6)
    shaken = made.prepare(made.junction(wire(1)))
    unchanged = made.conductance(shaken, np.zeros(made.size))
    assert abs(made.conductance(shaken, random_weights(made)) - unchanged) > 0.01


def test_the_learnt_hamiltonian_sees_neither_rotations_nor_the_order_of_atoms_nor_other_leads():
    """A quarter turn about the wire, a mirror, a translation, a permutation, and a longer stretch of lead."""
    made = hamiltonian()
    weights = random_weights(made, 3)
    frame = wire(2)

    def transmission(frame):
        return made.conductance(made.prepare(made.junction(frame)), weights)

    expected = transmission(frame)
    x, y, z = frame.positions.T
    turned = np.stack([-y, x, z], axis=1)
    mirrored = np.stack([x, y, -z], axis=1)
    order = np.random.default_rng(0).permutation(len(frame.numbers))
    for other in (turned, mirrored, frame.positions + np.array([0.7, -0.4, 3.0]), frame.positions[order]):
        assert transmission(replace(frame, positions=other)) == pytest.approx(expected, abs=1e-6)
    # atoms that see the shaken ones are not of the lead, so there is more of it in both
    first, second = (transmission(longer(frame, layers)) for layers in (4, 6))
    assert second == pytest.approx(first, abs=1e-6)


def longer(frame, layers):
    """A wire of an even number of layers with more layers at its lower end."""
    added = fcc100("Au", (2, 2, 12 + layers), a=4.08, periodic=False).positions[: 4 * layers]
    added[:, 2] += frame.positions[:, 2].min() - 2.04 * layers - added[:, 2].min()
    numbers = np.full(len(frame.numbers) + len(added), 79)
    return Frame(numbers, np.concatenate([added, frame.positions]), frame.cell, frame.pbc)


def planted(learn, count):
    """Wires, and conductances with weights that only they know."""
    made = hamiltonian(learn)
    weights = random_weights(made, 5)
    frames = [wire(seed) for seed in range(count)]
    targets = [made.conductance(made.prepare(made.junction(frame)), weights) for frame in frames]
    return Dataset(Frames(frames), np.array(targets), np.arange(count) // 2)


@pytest.mark.parametrize("learn", [("hoppings",), ("shells",)])
def test_planted_changes_are_found_again_from_conductances_alone(learn, tmp_path):
    data = planted(learn, 34)
    train, validation, test = (data.take(np.arange(*ends)) for ends in ((0, 22), (22, 26), (26, 34)))
    options = {"learn": learn, "charge_neutrality": "none", "centres": 60, "max_steps": 5}
    model = sharvin.create("regressors", "learnt_shifts", **options)
    model.fit(train, validation, np.random.default_rng(0))
    bare = sharvin.create("regressors", "learnt_shifts", **options, spread=dict.fromkeys(VALUES[learn[0]], 0.0))
    bare.fit(train, validation, np.random.default_rng(0))
    errors = [np.abs(one.predict(test.samples).mean - test.targets).mean() for one in (model, bare)]
    assert errors[0] < 0.5 * errors[1]
    model.save(tmp_path)
    assert not (tmp_path / "neutrality.npz").exists()
    with pytest.raises(InputError, match="more than shifts"):
        sharvin.create(
            "hamiltonians",
            "slater_koster",
            charge_neutrality="predicted",
            neutrality_model=str(tmp_path / "learnt_hamiltonian.npz"),
        )


def test_a_table_with_neutral_atoms_is_where_learning_starts():
    """Where labels are those of a neutral table nothing is learnt, and the Hamiltonian is the table's with its neutral atoms."""
    neutral = SlaterKoster(SlaterKosterOptions(charge_neutrality="local"))
    solver = RecursiveGreen(RecursiveGreenOptions())
    frames = Frames([wire(seed) for seed in range(4)])
    first = LearntHamiltonian(LearntShiftsOptions())
    systems = [neutral.two_terminal(first.junction(frame)) for frame in frames]
    data = Dataset(frames, solver.transmission(systems, np.zeros(1))[:, 0], np.arange(4) // 2)
    model = sharvin.create("regressors", "learnt_shifts", learn=["onsite"], charge_neutrality="local", centres=20)
    curves = model.fit(data, data, np.random.default_rng(0))
    assert max(curves["validation_mae"]) < 1e-6
    np.testing.assert_allclose(model.predict(frames).mean, data.targets, atol=1e-6)


def linear_problem(spread, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.normal(size=(48, 10)), rng.normal(size=(48, 10))], axis=1)
    weights = np.concatenate([spread * rng.normal(size=10), np.zeros(10)])
    residuals = rows @ weights + rng.normal(scale=0.05, size=48)
    return Linearised(residuals, rows, np.ones(48), np.arange(48) // 6), ["shift_eV"] * 10 + ["hopping"] * 10


def test_groups_are_foretold_as_if_they_had_been_left_out():
    linear, names = linear_problem(0.3)
    prior = Prior(0.05, {"shift_eV": 0.3, "hopping": 0.1})
    spreads = prior.of_weights(names)
    covariance = 0.05**2 * np.eye(48) + (linear.rows * spreads**2) @ linear.rows.T
    errors, logarithms = [], 0.0
    for group in range(8):
        own, others = (np.flatnonzero((linear.groups == group) == wanted) for wanted in (True, False))
        gain = np.linalg.solve(covariance[np.ix_(others, others)], covariance[np.ix_(others, own)]).T
        error = linear.residuals[own] - gain @ linear.residuals[others]
        spread = covariance[np.ix_(own, own)] - gain @ covariance[np.ix_(others, own)]
        errors.append(np.abs(error))
        logarithms -= 0.5 * (error @ np.linalg.solve(spread, error) + np.linalg.slogdet(2.0 * np.pi * spread)[1])
    assert errors_foretold(linear, names, prior) == pytest.approx(np.concatenate(errors).mean(), abs=1e-10)
    assert foretold(covariance, linear.residuals, linear.groups) == pytest.approx(logarithms, abs=1e-8)


def test_a_prior_is_as_wide_as_what_there_is_to_learn():
    """What moves nothing is not learnt, and noise is not learnt from."""
    linear, names = linear_problem(0.3)
    prior = choose_prior(linear, names, None, {})
    assert 0.1 < prior.spreads["shift_eV"] < 0.7
    assert prior.spreads["hopping"] < 0.05
    assert 0.02 < prior.noise_G0 < 0.1
    nothing, _ = linear_problem(0.0)
    assert choose_prior(nothing, names, None, {}).spreads["shift_eV"] <= 0.02
    kept = choose_prior(linear, names, 0.3, {"shift_eV": 0.5})
    assert kept.noise_G0 == 0.3 and kept.spreads["shift_eV"] == 0.5


def test_of_several_tables_the_one_that_foretells_best_is_taken_and_kept(tmp_path):
    nrl = LearntHamiltonian(LearntShiftsOptions(table="nrl", charge_neutrality="none", centres=5))
    frames = [wire(seed) for seed in range(8)]
    nrl.blank([nrl.junction(frame) for frame in frames])
    targets = [nrl.conductance(nrl.prepare(nrl.junction(frame)), np.zeros(nrl.size)) for frame in frames]
    data = Dataset(Frames(frames), np.array(targets), np.arange(8) // 2)
    model = sharvin.create(
        "regressors", "learnt_shifts", tables=["ptbp", "nrl"], learn=["onsite"], charge_neutrality="none", centres=10
    )
    model.fit(data, data, np.random.default_rng(0))
    assert model.options.table == "nrl"
    np.testing.assert_allclose(model.predict(data.samples).mean, data.targets, atol=1e-6)
    model.save(tmp_path)
    again = sharvin.create("regressors", "learnt_shifts")
    again.load(tmp_path)
    assert np.array_equal(again.predict(data.samples).mean, model.predict(data.samples).mean)


class Interrupted(BaseException):
    """What stops a fit in a test."""


def test_a_fit_by_batches_goes_on_with_the_same_bits(tmp_path, monkeypatch):
    data = planted(("hoppings",), 12)
    options = {"learn": ["hoppings"], "charge_neutrality": "none", "centres": 20, "batch": 5, "max_steps": 4, "patience": 9}
    whole = sharvin.create("regressors", "learnt_shifts", **options)
    curves = whole.fit(data, data.take(np.arange(4)), np.random.default_rng(1))
    assert len(curves["train_mae"]) == 4
    stopped = sharvin.create("regressors", "learnt_shifts", **options)
    stopped.keep_progress(tmp_path)
    from sharvin_transport.learnt_shifts.gauss_newton import GaussNewton

    step = GaussNewton.step
    taken = []

    def two_steps(self, state, rng):
        if len(taken) == 2:
            raise Interrupted
        taken.append(1)
        return step(self, state, rng)

    monkeypatch.setattr(GaussNewton, "step", two_steps)
    with pytest.raises(Interrupted):
        stopped.fit(data, data.take(np.arange(4)), np.random.default_rng(1))
    monkeypatch.setattr(GaussNewton, "step", step)
    resumed = sharvin.create("regressors", "learnt_shifts", **options)
    resumed.keep_progress(tmp_path)
    assert resumed.fit(data, data.take(np.arange(4)), np.random.default_rng(1)) == curves
    assert np.array_equal(resumed.predict(data.samples).mean, whole.predict(data.samples).mean)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tables": ["nrl"]}, "give a single one as table"),
        ({"tables": ["nrl", "ptbq"]}, "no table 'ptbq'"),
        ({"tables": ["nrl", "ptbp"], "table": "nrl"}, "table would be ignored"),
        ({"charge_neutrality": "local", "neutrality_model": "some.npz"}, "neutrality_model acts"),
        ({"charge_neutrality": "none", "references": 7}, "references would be ignored"),
        ({"learn": ["onsite"], "spread": {"hopping": 0.1}}, "hopping, which is not learnt"),
    ],
)
def test_options_that_would_be_ignored_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        sharvin.create("regressors", "learnt_shifts", **options)
