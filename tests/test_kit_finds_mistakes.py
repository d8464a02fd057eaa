"""The conformance kit fails parts that are wrong in the ways parts go wrong, in words, and passes them when they are right."""

import inspect
from functools import partial
from itertools import product

import numpy as np
import pytest
from sharvin import Dataset, Features, create
from sharvin.testing import (
    DescriptorTests,
    DynamicsTests,
    ExecutorTests,
    HamiltonianTests,
    PotentialTests,
    RegressorTests,
    StructureTests,
    TransportSolverTests,
)
from sharvin.testing.regressors import kinds_of
from wrong_atomistics import (
    DESCRIPTORS,
    DYNAMICS,
    POTENTIALS,
    SETS,
    STRUCTURES,
    AlteredSoap,
    PairPotential,
    Puller,
    WrongSet,
    marked_wire,
)
from wrong_learning import EXECUTORS, REGRESSORS, Altered, InThisProcess, Resuming
from wrong_transport import HAMILTONIANS, SOLVERS, PlainSolver, SOrbitals, bar, crystal


def failures(tests, component, only=None, **fixtures):
    """Failed tests of a conformance class by name, with what they say; record and option tests are left out.

    A fixture that is a ``partial`` is called when a test needs it.
    """
    fresh, failed = type(tests.__name__, (tests,), {})(), {}
    known = {"component": component, **fixtures}
    for name, method in inspect.getmembers(fresh, inspect.ismethod):
        needed = set(inspect.signature(method).parameters)
        marks = {mark.args[0]: mark.args[1] for mark in getattr(method, "pytestmark", ()) if mark.name == "parametrize"}
        if (
            not name.startswith("test_")
            or not needed
            or not needed <= known.keys() | marks.keys()
            or name not in (only or [name])
        ):
            continue
        for values in product(*marks.values()):
            chosen = {**known, **dict(zip(marks, values, strict=True))}
            try:
                method(**{key: chosen[key]() if isinstance(chosen[key], partial) else chosen[key] for key in needed})
            except Exception as error:
                failed[name] = f"{type(error).__name__}: {error}"
    return failed


def expect(found, test):
    """Assert that a test has failed, by an assertion or a refusal of the product that says in words what is wrong."""
    assert test in found, f"{test} passes; failed: {', '.join(found) or 'none'}"
    assert found[test].startswith(("AssertionError", "InputError")) and len(found[test].split()) > 5


class Plain(TransportSolverTests):
    name = "dense"
    tolerance = 1e-6


RANDOM_DEVICES = (
    "test_leads_without_symmetry_and_of_different_sizes",
    "test_orbitals_that_do_not_reach_the_next_layer",
    "test_the_basis_of_a_layer_is_a_matter_of_choice",
    "test_equal_calls_give_equal_bits",
    "test_each_system_is_solved_on_its_own",
    "test_tunnelling_through_a_barrier",
    "test_transmission_is_an_array_in_double_precision",
)


@pytest.mark.parametrize("mistake", SOLVERS)
def test_wrong_solvers_are_found(mistake):
    found = failures(Plain, PlainSolver(**SOLVERS[mistake]), RANDOM_DEVICES)
    expect(
        found,
        {
            "noise of 1e-7 between calls": "test_equal_calls_give_equal_bits",
            "T below 1e-4 set to 0": "test_tunnelling_through_a_barrier",
            "single precision": "test_transmission_is_an_array_in_double_precision",
            "H01 inverted": "test_orbitals_that_do_not_reach_the_next_layer",
        }.get(mistake, "test_leads_without_symmetry_and_of_different_sizes"),
    )


def test_a_right_solver_fails_nothing():
    assert failures(Plain, PlainSolver()) == {}


@pytest.mark.parametrize(
    ("tests", "name", "value"),
    [
        (Plain, "tolerance", 10.0),
        (HamiltonianTests, "tolerance_eV", 1.0),
        (HamiltonianTests, "fermi_tolerance_eV", 5.0),
        (DescriptorTests, "tolerance", 0.1),
        (PotentialTests, "force_tolerance", 1.0),
        (RegressorTests, "overfit_tolerance", 3.0),
        (StructureTests, "min_distance_A", 0.0),
    ],
)
def test_tolerances_that_accept_anything_are_found(tests, name, value):
    assert type("Right", (tests,), {"name": "dense"})().test_tolerances_are_no_excuse() is None
    with pytest.raises(AssertionError, match=f"{name} = {value:g} of Loose proves nothing"):
        type("Loose", (tests,), {"name": "dense", name: value})().test_tolerances_are_no_excuse()


class OneOrbital(HamiltonianTests):
    name = "slater_koster"


def failed_hamiltonian_tests(**mistake):
    return failures(OneOrbital, SOrbitals(**mistake), junction=bar(), crystal=crystal())


@pytest.mark.parametrize("mistake", HAMILTONIANS)
def test_wrong_hamiltonians_are_found(mistake):
    expect(
        failed_hamiltonian_tests(**HAMILTONIANS[mistake]),
        {
            "H01 transposed": "test_a_clean_bar_transmits_its_channels",
            "S01 and H01 transposed": "test_a_clean_bar_transmits_its_channels",
            "device cut in two": "test_a_clean_bar_transmits_its_channels",
            "images across ignored everywhere": "test_bands_do_not_depend_on_the_cell",
            "Fermi energy 0.3 eV too high": "test_the_fermi_energy_holds_the_valence_electrons",
            "Fermi energy 0.3 eV too low": "test_the_fermi_energy_holds_the_valence_electrons",
            "a device that depends on the calls before": "test_calls_leave_nothing_behind",
        }.get(mistake, "test_the_lead_has_the_bands_of_its_crystal"),
    )


def test_a_right_hamiltonian_fails_nothing():
    assert failed_hamiltonian_tests() == {}


class Soap(DescriptorTests):
    name = "soap"
    cutoff_A = 4.0


@pytest.mark.parametrize("mistake", DESCRIPTORS)
def test_wrong_descriptors_are_found(mistake):
    alter, test = DESCRIPTORS[mistake]
    expect(failures(Soap, AlteredSoap(alter), [test], structure=Soap().small_cluster()), test)


def test_a_right_descriptor_fails_nothing():
    right = [name for name in dir(Soap) if name.startswith("test_") and "derivatives" not in name]
    assert failures(Soap, AlteredSoap(), right, structure=Soap().small_cluster()) == {}


class Pairs(PotentialTests):
    name = "ase"
    cutoff_A = 4.0


def failed_potential_tests(mistake, only=None):
    potential = PairPotential(mistake)
    cluster = Pairs().rattled_crystal(potential)
    cluster.pbc = False
    cluster.center(vacuum=12.0)
    return failures(Pairs, potential, only, atoms=partial(Pairs().rattled_crystal, potential), cluster=cluster)


@pytest.mark.parametrize("mistake", POTENTIALS)
def test_wrong_potentials_are_found(mistake):
    found = failed_potential_tests(mistake, [POTENTIALS[mistake]])
    expect(found, POTENTIALS[mistake])
    sentence = found[POTENTIALS[mistake]].splitlines()[0]
    assert (
        sentence.startswith(("AssertionError: the ", "AssertionError: a pair"))
        and " eV" in sentence
        and "float64" not in sentence
    )


@pytest.mark.parametrize("kind", ["", "no stress"])
def test_a_right_potential_fails_nothing(kind):
    assert failed_potential_tests(kind) == {}


class Pulled(DynamicsTests):
    name = "lammps_pull"
    elongation_A_per_ps = 10.0


def failed_dynamics_tests(mistake):
    atoms, potential, dynamics = marked_wire(), PairPotential(), Puller(mistake)
    frames = list(dynamics.run(atoms.copy(), potential, 1))
    return failures(Pulled, dynamics, atoms=atoms, potential=potential, frames=frames)


@pytest.mark.parametrize("mistake", DYNAMICS)
def test_wrong_dynamics_are_found(mistake):
    expect(failed_dynamics_tests(mistake), DYNAMICS[mistake])


def test_right_dynamics_fail_nothing():
    assert failed_dynamics_tests("") == {}


class Wire(StructureTests):
    name = "nanowire"


@pytest.mark.parametrize("mistake", STRUCTURES)
def test_wrong_structures_are_found(mistake):
    settings, test = STRUCTURES[mistake]
    expect(failures(Wire, None, atoms=marked_wire(**settings)), test)


def test_a_right_structure_fails_nothing():
    assert failures(Wire, None, [name for name in dir(Wire) if "seeds" not in name], atoms=marked_wire()) == {}


class Database(StructureTests):
    name = "reference_database"
    two_electrodes = False


@pytest.mark.parametrize("mistake", SETS)
def test_wrong_sets_of_structures_are_found(mistake):
    expect(failures(Database, WrongSet(mistake), [SETS[mistake]]), SETS[mistake])


def test_a_right_set_of_structures_fails_nothing():
    assert failures(Database, WrongSet(), atoms=WrongSet().build(np.random.default_rng(1))) == {}


class Kernel(RegressorTests):
    name = "kernel_ridge"


def failed_regressor_tests(wrong, folder, only=None):
    """Failures with the samples of any kind that the part declares."""
    found = {}
    for kind in kinds_of(Kernel):
        data, component = Kernel().made_up_data(kind), wrong()
        component.fit(data, data.take(np.arange(4)), np.random.default_rng(5))
        about = [name for name in dir(Kernel) if kind in getattr(getattr(Kernel, name), "about_kinds", (kind,))]
        (folder / kind).mkdir()
        known = {"data": data, "component_options": {}, "tmp_path": folder / kind, "fitted": component}
        found |= failures(Kernel, wrong(), [name for name in about if name in (only or [name])], **known)
    return found


@pytest.mark.parametrize("wrong", REGRESSORS)
def test_wrong_regressors_are_found(wrong, tmp_path):
    expect(failed_regressor_tests(wrong, tmp_path, [REGRESSORS[wrong]]), REGRESSORS[wrong])


def test_a_right_regressor_fails_nothing(tmp_path):
    assert failed_regressor_tests(Altered, tmp_path) == {}


class Network(RegressorTests):
    name = "fc_maxpool"


@pytest.mark.parametrize("remembers", [("generator", "metrics"), ("generator",), ("metrics",)])
def test_wrong_checkpoints_are_found(remembers, monkeypatch, tmp_path):
    monkeypatch.setattr("sharvin.testing.regressors.create", lambda *_: Resuming(remembers))
    data, test = (
        Dataset(Features(np.ones((24, 6))), np.ones(24), np.arange(24)),
        "test_an_interrupted_fit_ends_as_if_it_had_not_been",
    )
    found = failures(Network, Resuming(remembers), [test], data=data, component_options={}, tmp_path=tmp_path)
    assert (test in found) == (len(remembers) < 2)


class Serial(ExecutorTests):
    name = "serial"
    isolates_workers = False


@pytest.mark.parametrize("mistake", EXECUTORS)
def test_wrong_executors_are_found(mistake):
    expect(failures(Serial, InThisProcess(mistake), [EXECUTORS[mistake]]), EXECUTORS[mistake])


def test_a_right_executor_fails_nothing():
    assert failures(Serial, create("executors", "serial"), component_options={}) == {}


@pytest.mark.parametrize(
    ("tests", "settings", "wanted", "unwanted"),
    [
        (
            TransportSolverTests,
            {"name": "dense"},
            "potential_step_between_different_leads",
            "observables_agree_with_the_transmission",
        ),
        (TransportSolverTests, {"name": "rgf"}, "observables_agree_with_the_transmission", None),
        (
            TransportSolverTests,
            {"name": "grid_transfer"},
            "reflection_of_the_wire_changes_nothing",
            "potential_step_between_different_leads",
        ),
        (DescriptorTests, {"name": "coulomb_matrix"}, "rotation_changes_nothing", "features_do_not_depend_on_the_cell"),
        (DescriptorTests, {"name": "soap"}, "features_do_not_depend_on_the_cell", "an_atom_fades_in_at_the_cutoff"),
        (RegressorTests, {"name": "ridge"}, "order_of_atoms_does_not_matter", "an_interrupted_fit_ends_as_if_it_had_not_been"),
        (RegressorTests, {"name": "cnn"}, "five_samples_can_be_learnt_by_heart", "order_of_atoms_does_not_matter"),
        (
            ExecutorTests,
            {"name": "serial", "isolates_workers": False},
            "no_items_no_outcomes",
            "a_worker_that_dies_costs_its_item_only",
        ),
        (RegressorTests, {"name": "not_installed"}, "order_of_atoms_does_not_matter", None),
    ],
)
def test_what_cannot_apply_is_not_collected(tests, settings, wanted, unwanted):
    """By what the record declares, by the methods that the part has, by attributes; a subclass of the subclass decides anew."""
    chosen = type("Chosen", (tests,), settings)
    assert callable(getattr(chosen, f"test_{wanted}"))
    if unwanted:
        assert not callable(getattr(chosen, f"test_{unwanted}"))
        assert callable(getattr(tests, f"test_{unwanted}"))


def test_a_subclass_of_a_subclass_is_asked_anew():
    narrow = type("Narrow", (TransportSolverTests,), {"name": "grid_transfer"})
    assert not callable(narrow.test_potential_step_between_different_leads)
    wide = type("Wide", (narrow,), {"name": "rgf"})
    assert wide.test_potential_step_between_different_leads is TransportSolverTests.test_potential_step_between_different_leads
