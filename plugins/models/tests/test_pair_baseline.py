"""Energies of pairs and triplets in closed form: slopes, invariance, what is exactly of this form, what a network adds."""

from dataclasses import replace

import numpy as np
import pytest
import sharvin
from ase.build import graphene
from ase.calculators.singlepoint import SinglePointCalculator
from scipy.spatial.transform import Rotation
from sharvin.reference_data import ReferenceData
from sharvin_models.message_passing.configs import HedgePhononOptions
from sharvin_models.message_passing.pair_baseline import PairBaseline
from sharvin_models.message_passing.relations import PairRelations
from sharvin_models.message_passing.surroundings import SurroundingsBuilder
from sharvin_models.message_passing.triplet_terms import SIZE, TripletTerms

CUTOFF, TRIPLETS = 3.2, 2.1
OPTIONS = HedgePhononOptions(relations="none", cutoff_A=CUTOFF)


def builder(elements=(6,)):
    return SurroundingsBuilder("test", PairRelations.of(OPTIONS, elements, ()), elements)


def sheet(seed, displaced=0.05, elements=False):
    atoms = graphene(size=(3, 3, 1), vacuum=6.0)
    atoms.pbc = (True, True, True)
    if elements:
        atoms.numbers[::2] = 7
    atoms.positions += displaced * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    return atoms


def random_baseline(structures, build, elements=1, seed=0):
    """A baseline with random weights."""
    rng = np.random.default_rng(seed)
    pairs, terms = elements * (elements + 1) // 2, TripletTerms.of(structures, TRIPLETS, elements)
    weights = (rng.normal(size=(pairs, 12)),)
    return PairBaseline((1.0,), (CUTOFF,), weights, terms, rng.normal(size=(terms.kinds, SIZE)))


@pytest.mark.parametrize("elements", [False, True])
def test_forces_and_virial_are_slopes_of_the_energy(elements):
    build = builder((6, 7) if elements else (6,))
    atoms = sheet(1, elements=elements)
    baseline = random_baseline([build.of_atoms(atoms)], build, 2 if elements else 1)

    def energy(moved):
        return baseline.of(build.of_atoms(moved)).energy_eV

    found, step = baseline.of(build.of_atoms(atoms)), 1e-5
    for atom, axis in ((0, 0), (3, 1), (7, 2)):
        there, back = atoms.copy(), atoms.copy()
        there.positions[atom, axis] += step
        back.positions[atom, axis] -= step
        assert found.forces_eV_per_A[atom, axis] == pytest.approx((energy(back) - energy(there)) / (2 * step), abs=1e-6)
    for one, two in ((0, 0), (0, 1), (2, 2)):
        slopes = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[one, two] += sign * step
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ strain, scale_atoms=True)
            slopes.append(energy(strained))
        assert found.virial_eV[one, two] == pytest.approx((slopes[1] - slopes[0]) / (2 * step), abs=1e-5)


def test_energy_is_a_scalar_and_forces_are_a_vector():
    build, atoms = builder(), sheet(2)
    atoms.pbc = False
    baseline = random_baseline([build.of_atoms(atoms)], build)
    turn = -Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()
    turned = atoms.copy()
    turned.positions = atoms.positions @ turn.T
    one, other = (baseline.of(build.of_atoms(each)) for each in (atoms, turned))
    assert other.energy_eV == pytest.approx(one.energy_eV, abs=1e-10)
    assert other.forces_eV_per_A == pytest.approx(one.forces_eV_per_A @ turn.T, abs=1e-10)


def test_supercells_have_as_many_times_the_energy_and_triplets_come_in_chunks(monkeypatch):
    build, atoms = builder(), sheet(3)
    baseline = random_baseline([build.of_atoms(atoms)], build)
    once = baseline.of(build.of_atoms(atoms))
    monkeypatch.setattr("sharvin_models.message_passing.triplet_terms.CHUNK", 7)
    twice = baseline.of(build.of_atoms(atoms.repeat((2, 1, 1))))
    assert twice.energy_eV == pytest.approx(2 * once.energy_eV)
    assert twice.forces_eV_per_A[: len(atoms)] == pytest.approx(once.forces_eV_per_A)


def test_every_triplet_stands_once():
    build, atoms = builder(), sheet(4, 0.0)
    structure = build.of_atoms(atoms)
    terms = TripletTerms.of([structure], TRIPLETS, 1)
    found = [(t.centre, t.first, t.second) for t in terms.triplets(structure)]
    assert sum(len(one[0]) for one in found) == 3 * len(atoms)
    assert len({(int(c), *sorted((int(a), int(b)))) for one in found for c, a, b in zip(*one, strict=True)}) == 3 * len(atoms)


def labelled(structures, evaluate):
    found = []
    for atoms in structures:
        energy, forces = evaluate(atoms)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        found.append(atoms)
    return ReferenceData.from_atoms(found)


def test_what_is_of_this_form_is_fitted_exactly():
    build = builder()
    structures = [sheet(seed) for seed in range(8)]
    truth = random_baseline([build.of_atoms(atoms) for atoms in structures], build)
    truth = replace(truth, weights=(0.0 * truth.weights[0],))

    def evaluate(atoms):
        found = truth.of(build.of_atoms(atoms))
        return found.energy_eV - 7.0 * len(atoms), found.forces_eV_per_A

    data = labelled(structures, evaluate)
    fit = PairBaseline.fitted(data[:6], build, 6.0, TRIPLETS)
    rest = fit.rest(data[6:], build)
    size = np.sqrt(np.mean([np.mean(item.forces_eV_per_A**2) for item in data]))
    assert max(np.abs(item.forces_eV_per_A).max() for item in rest) < 2e-3 * size
    without = PairBaseline.fitted(data[:6], build, 6.0).rest(data[6:], build)
    assert max(np.abs(item.forces_eV_per_A).max() for item in without) > 0.05 * size


def test_a_potential_adds_to_its_baseline_and_is_saved_with_it(tmp_path):
    set_of = {"supercell": (3, 3), "configurations": 6, "displacement_A": 0.03}
    structures = sharvin.create("structures", "bilayer_graphene", **set_of).build_all(np.random.default_rng(0))
    reference = sharvin.create("potentials", "layered_carbon", within="tersoff")

    def evaluate(atoms):
        copy = atoms.copy()
        copy.calc = reference.calculator()
        return copy.get_potential_energy(), copy.get_forces()

    data = labelled(structures, evaluate)
    options = {"cutoffs_A": {"same": 3.2, "different": 4.0}, "channels": 4, "epochs": 1, "dtype": "float64"}

    def error(**more):
        potential = sharvin.create("potentials", "hedge_phonon", **options, **more)
        potential.fit(data[:4], data[4:5], np.random.default_rng(0))
        moved = data[5].atoms.copy()
        moved.calc = potential.calculator()
        return np.abs(moved.get_forces() - data[5].forces_eV_per_A).mean(), potential, moved

    plain, pairs = error(baseline="none")[0], error()[0]
    both, potential, atoms = error(triplet_cutoff_A=2.1)
    assert both < pairs < plain
    assert both < 0.1 * plain
    potential.save(tmp_path)
    again = sharvin.create("potentials", "hedge_phonon", model=str(tmp_path), dtype="float64")
    copy = atoms.copy()
    copy.calc = again.calculator()
    assert np.array_equal(copy.get_forces(), atoms.get_forces())


@pytest.mark.parametrize("option", [{"splines_per_A": 8.0}, {"triplet_cutoff_A": 2.0}])
def test_options_of_a_baseline_that_is_not_there_are_refused(option):
    with pytest.raises(ValueError, match="would be ignored; set baseline: pairs"):
        HedgePhononOptions(baseline="none", **option)
