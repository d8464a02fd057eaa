"""The conformance kit fails parts that are wrong in the ways parts go wrong, and passes the same parts when they are right."""

import inspect
import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import neighbor_list
from scipy.sparse import csr_array, eye_array
from sharvin import Dataset, Features, Prediction, create
from sharvin.protocols import Outcome
from sharvin.testing import DescriptorTests, ExecutorTests, PotentialTests, RegressorTests, TransportSolverTests


def failures(tests, component, **fixtures):
    """Names of the physics tests of a conformance class that a component fails; record and option tests are left out."""
    failed = set()
    for name, method in inspect.getmembers(tests, inspect.ismethod):
        needed = set(inspect.signature(method).parameters)
        marks = {mark.args[0]: mark.args[1] for mark in getattr(method, "pytestmark", ()) if mark.name == "parametrize"}
        known = {"component": component, **fixtures}
        if not name.startswith("test_") or not needed or not needed <= known.keys() | marks.keys():
            continue
        for values in product(*marks.values()):
            chosen = dict(zip(marks, values, strict=True))
            try:
                method(**{key: chosen[key] if key in chosen else known[key] for key in needed})
            except AssertionError:
                failed.add(name)
            except pytest.skip.Exception:
                continue
    return failed


class Rgf(TransportSolverTests):
    name = "rgf"


class Altered:
    """A right solver applied to systems that were altered first."""

    def __init__(self, alter, **options):
        self.alter, self.solver = alter, create("transport", "rgf", **options)

    def transmission(self, systems, energies_eV):
        return self.solver.transmission([self.alter(system) for system in systems], energies_eV)


def without_overlap(system):
    def lead(one):
        return replace(one, S01=0 * one.S01)

    S = csr_array(eye_array(system.size, format="csr"))
    return replace(system, S=S, left=lead(system.left), right=lead(system.right))


class FirstSystemForAll(Altered):
    def transmission(self, systems, energies_eV):
        return np.repeat(super().transmission(systems[:1], energies_eV), len(systems), axis=0)


def same(system):
    return system


@pytest.mark.parametrize(
    ("solver", "found_by"),
    [
        (Altered(same, eta_eV=5e-3), "test_clean_wire_transmits_its_open_channels"),
        (Altered(lambda system: replace(system, fermi_energy=0.0)), "test_energies_count_from_the_fermi_energy"),
        (Altered(without_overlap), "test_overlapping_orbitals_move_the_band"),
        (FirstSystemForAll(same), "test_each_system_is_solved_on_its_own"),
    ],
)
def test_wrong_solvers_are_found(solver, found_by):
    assert found_by in failures(Rgf(), solver)


def test_a_right_solver_fails_nothing():
    assert failures(Rgf(), Altered(same)) == set()


class Soap(DescriptorTests):
    name = "soap"
    cutoff_A = 4.0


class AlteredSoap:
    """SOAP whose rows are altered by a function of rows and frames."""

    def __init__(self, alter):
        self.soap = create("descriptors", "soap", n_max=3, l_max=2, cutoff=4.0, dtype="float64")
        self.alter, self.size = alter, self.soap.size

    def describe(self, frames):
        features = self.soap.describe(frames)
        return Features(self.alter(features.values.copy(), frames, features.offsets), features.offsets)


def directional(values, frames, _):
    values[:, 0] += 1e-6 * np.concatenate([frame.positions[:, 0] for frame in frames])
    return values


def counting(values, _, offsets):
    values[:, 0] += np.repeat(np.diff(offsets), np.diff(offsets))
    return values


def sharp(values, frames, _):
    """Neighbours counted up to the cutoff, all alike."""
    values[:, 0] = np.concatenate(
        [np.bincount(neighbor_list("i", frame.to_atoms(), 4.0), minlength=len(frame)) for frame in frames]
    )
    return values


@pytest.mark.parametrize(
    ("alter", "found_by"),
    [
        (
            directional,
            {"test_rotation_changes_nothing", "test_translation_changes_nothing", "test_periodic_images_are_the_same_atom"},
        ),
        (counting, {"test_features_do_not_depend_on_the_cell", "test_distant_parts_do_not_see_each_other"}),
        (lambda values, *_: values + np.arange(len(values))[:, None], {"test_atoms_are_interchangeable"}),
        (lambda values, *_: 0 * values + 1, {"test_features_tell_structures_apart"}),
        (sharp, {"test_an_atom_fades_in_at_the_cutoff"}),
    ],
)
def test_wrong_descriptors_are_found(alter, found_by):
    assert failures(Soap(), AlteredSoap(alter), structure=cluster()) >= found_by


def cluster():
    rng = np.random.default_rng(1)
    positions = Soap.spacing_A * (np.argwhere(np.ones((2, 2, 3))) + rng.uniform(-0.15, 0.15, (12, 3)))
    return Atoms("Au12", positions=positions, cell=np.full(3, 30.0))


def test_a_right_descriptor_fails_nothing():
    assert failures(Soap(), AlteredSoap(lambda values, *_: values), structure=cluster()) == set()


class Pair(Calculator):
    """E = ½ Σ_ij (r_c − r_ij)^p inside the cutoff, with forces that may be wrong by a factor."""

    implemented_properties = ("energy", "forces")

    def __init__(self, power=3, force_factor=1.0, cutoff=4.0, drift=0.0):
        super().__init__()
        self.power, self.force_factor, self.cutoff, self.drift = power, force_factor, cutoff, drift

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        i, distance, vector = neighbor_list("idD", atoms, self.cutoff)
        depth = self.cutoff - distance
        forces = np.zeros((len(atoms), 3))
        slope = self.power * depth ** (self.power - 1) / distance if self.power else 0 * distance
        np.add.at(forces, i, -slope[:, None] * vector)
        self.results = {"energy": 0.5 * np.sum(depth**self.power), "forces": self.force_factor * forces + self.drift}


class PairPotential:
    def __init__(self, **settings):
        self.settings = settings

    def calculator(self):
        return Pair(**self.settings)


class Pairs(PotentialTests):
    name = "ase"
    cutoff_A = 4.0


def failed_potential_tests(**settings):
    tests, potential = Pairs(), PairPotential(**settings)
    crystal = Atoms("Au4", cell=[4.08] * 3, pbc=True, scaled_positions=[[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    crystal = crystal.repeat((2, 2, 3))
    crystal.rattle(0.08, seed=1)
    cluster = crystal.copy()
    cluster.pbc = False
    cluster.center(vacuum=12.0)
    crystal.calc, cluster.calc = potential.calculator(), potential.calculator()
    return failures(tests, potential, atoms=crystal, cluster=cluster)


def test_wrong_potentials_are_found():
    assert failed_potential_tests() == set()
    assert failed_potential_tests(force_factor=1.0001) == {"test_forces_are_derivatives_of_the_energy"}
    assert "test_newtons_third_law" in failed_potential_tests(drift=1e-3)
    assert "test_interaction_ends_smoothly_at_the_cutoff" in failed_potential_tests(power=0)


class Neighbours(RegressorTests):
    name = "ridge"


class BatchDependent:
    """Mean features, standardised over the batch it happens to be asked about."""

    def fit(self, data, validation, rng):
        return {"train_mae": [0.0]}

    def predict(self, samples):
        means = np.array([samples.rows(i).mean() for i in range(len(samples))])
        return Prediction(means - means.mean(), -np.ones(len(samples)))


def test_wrong_regressors_are_found():
    rng = np.random.default_rng(1)
    data = Dataset(Features(rng.uniform(size=(24, 6))), rng.uniform(size=24), np.arange(24))
    found = failures(Neighbours(), BatchDependent(), fitted=BatchDependent(), data=data)
    assert found >= {
        "test_predictions_do_not_see_their_batch",
        "test_five_samples_can_be_learnt_by_heart",
        "test_stated_uncertainty_is_a_standard_deviation",
    }


class Resuming:
    """Averages numbers that it draws, one an epoch; `remembers` tells what a checkpoint keeps of generator and metrics."""

    def __init__(self, remembers=("generator", "metrics")):
        self.remembers, self.folder, self.drawn = remembers, None, []

    def keep_progress(self, folder):
        self.folder = folder

    def fit(self, data, validation, rng):
        state = self.folder / "state.json" if self.folder else None
        begin = 0
        if state is not None and state.exists():
            kept = json.loads(state.read_text())
            begin, self.drawn = len(kept["drawn"]), kept["drawn"]
            if "generator" in self.remembers:
                rng.bit_generator.state = kept["generator"]
        for epoch in range(begin + 1, 6):
            self.drawn = [*self.drawn, rng.normal()]
            if state is not None:
                state.write_text(json.dumps({"drawn": self.drawn, "generator": rng.bit_generator.state}))
                line = {"epoch": epoch, "epochs": 5, "train_mae": 0.0, "validation_mae": self.drawn[-1]}
                line |= {"learning_rate": 0.1, "seconds": 1.0} if "metrics" in self.remembers else {}
                with (self.folder / "metrics.jsonl").open("a") as file:
                    file.write(json.dumps(line) + "\n")
        return {"validation_mae": self.drawn}

    def predict(self, samples):
        return Prediction(np.full(len(samples), np.mean(self.drawn)))

    def save(self, folder):
        raise NotImplementedError

    load = save


def test_wrong_checkpoints_are_found(monkeypatch, tmp_path):
    data = Dataset(Features(np.ones((24, 6))), np.ones(24), np.arange(24))
    for number, remembers in enumerate([("generator", "metrics"), ("generator",), ("metrics",)]):
        (folder := tmp_path / str(number)).mkdir()
        monkeypatch.setattr("sharvin.testing.regressors.create", lambda *_, what=remembers: Resuming(what))
        known = {"data": data, "component_options": {}, "tmp_path": folder}
        found = "test_an_interrupted_fit_ends_as_if_it_had_not_been" in failures(Neighbours(), Resuming(remembers), **known)
        assert found == (len(remembers) < 2)


class Serial(ExecutorTests):
    name = "serial"
    isolates_workers = False


class Forgetful:
    """Loses the outcome of every failed item."""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def map(self, function, items):
        for place, item in enumerate(items):
            try:
                yield Outcome(place, function(item))
            except ValueError:
                continue


def test_wrong_executors_are_found():
    assert "test_a_failed_item_is_recorded_and_the_others_go_on" in failures(Serial(), Forgetful())
    assert "test_a_failed_item_is_recorded_and_the_others_go_on" not in failures(Serial(), create("executors", "serial"))
