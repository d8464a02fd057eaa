"""Neural-network potentials: conformance, networks against finite differences, symmetry functions of every type."""

import itertools

import numpy as np
import pytest
from ase.build import bulk
from sharvin.reference_data import ReferenceData, ReferenceStructure
from sharvin.testing.potentials import PotentialTests
from sharvin_descriptors.hdnnp.calculator import neighbour_list
from sharvin_descriptors.hdnnp.evaluation import CommitteeEvaluator
from sharvin_descriptors.hdnnp.model import ElementModel, HdnnpModel, Scaling
from sharvin_descriptors.hdnnp.networks import ACTIVATIONS, Network, Topology
from sharvin_descriptors.hdnnp.prepared import function_rows
from sharvin_descriptors.symmetry_functions.arrays import function_arrays
from sharvin_descriptors.symmetry_functions.definitions import SUBTYPES, AtomFunction
from sharvin_descriptors.symmetry_functions.frames import rows

GOLD = 79


def random_model(functions_of, atoms, seed=0, activation="t", mode="scale_center", normalised=False):
    """A network with random weights, its symmetry functions scaled to those of a structure."""
    rng = np.random.default_rng(seed)
    numbers = sorted({int(z) for z in atoms.numbers})
    functions = [tuple(sorted(functions_of(z), key=AtomFunction.sorting_key)) for z in numbers]
    one = ReferenceData((ReferenceStructure(atoms, 0.0, np.zeros((len(atoms), 3))),))
    (rows,) = function_rows(one, numbers, functions, "structure")
    elements = []
    for z, own, values in zip(numbers, functions, rows, strict=True):
        statistics = values.min(axis=0), values.max(axis=0) + 1e-3, values.mean(axis=0), values.std(axis=0) + 1e-3
        topology = Topology((len(own), 7, 5, 1), (activation, activation, "l"), normalised)
        weights = rng.normal(0.0, 0.3, topology.n_weights)
        elements.append(ElementModel(z, own, Scaling(mode, *statistics, -1.0, 1.0), topology, weights, -2.0 - 0.1 * z))
    return HdnnpModel(tuple(elements), 0.7)


def all_types(z, numbers=(GOLD,), cutoff=6.0, cutoff_type=6, alpha=0.0):
    """Functions of every type, all subtypes of compact ones, ζ by moments and by pairs."""
    cut = {"cutoff_type": cutoff_type, "cutoff_alpha": alpha}
    result = []
    for a in numbers:
        result += [AtomFunction(2, z, (a,), cutoff, eta, shift, **cut) for eta, shift in ((0.01, 0.0), (0.3, 2.5), (0.05, -1.0))]
        result += [AtomFunction(20, z, (a,), 5.0 + 0.1 * k, inner_A=1.0 - k, subtype=s) for k, s in enumerate(SUBTYPES)]
    for pair in itertools.combinations_with_replacement(sorted(numbers), 2):
        for lam, zeta in ((1.0, 1.0), (-1.0, 2.0), (1.0, 4.0), (-1.0, 3.5), (1.0, 16.0)):
            result += [AtomFunction(kind, z, pair, cutoff, 0.03, 0.5, lam, zeta, **cut) for kind in (3, 9)]
        for kind in (21, 22):
            result += [
                AtomFunction(kind, z, pair, 5.5, inner_A=0.5, angles_deg=angles, subtype=s)
                for s, angles in zip(SUBTYPES, [(0.0, 180.0), (30.0, 120.0), (-70.0, 70.0), (90.0, 270.0)] * 3, strict=False)
            ]
    weighted = [AtomFunction(12, z, (), cutoff, 0.2, **cut), AtomFunction(13, z, (), cutoff, 0.02, 0.1, -1.0, 2.0, **cut)]
    weighted += [AtomFunction(23, z, (), 5.0, inner_A=-5.0, subtype="p2a"), AtomFunction(24, z, (), 5.0, subtype="p2")]
    return result + weighted + [AtomFunction(25, z, (), 5.0, angles_deg=(60.0, 150.0), subtype="p3")]


class TestHdnnpConforms(PotentialTests):
    """A network of the published functions with random weights."""

    name = "hdnnp"
    cutoff_A = 6.0
    energy_tolerance_eV = 1e-7

    @pytest.fixture
    def component_options(self, gold_folder):
        return {"model": str(gold_folder)}


def alloy():
    atoms = bulk("Au", "fcc", a=4.08, cubic=True).repeat((2, 2, 2))
    atoms.rattle(0.25, seed=3)
    atoms.numbers[::3], atoms.numbers[1::5] = 47, 29
    return atoms


def energy_of(evaluator, atoms):
    return evaluator.evaluate(neighbour_list(atoms, evaluator.cutoff_A)).energies_eV.sum()


CUTOFFS = [(0, 0.0), (1, 0.3), (2, 0.0), (3, 0.0), (4, 0.0), (5, 0.2), (6, 0.0), (7, 0.0), (8, 0.5)]


@pytest.mark.parametrize(("cutoff_type", "alpha"), CUTOFFS)
def test_forces_and_virial_of_every_type_and_cutoff_are_derivatives(cutoff_type, alpha):
    numbers = (29, 47, GOLD) if cutoff_type == 6 else (GOLD,)
    atoms = alloy()[:18]
    if len(numbers) == 1:
        atoms.numbers[:] = GOLD
    chosen = None if len(numbers) > 1 else {2, 3, 9}
    functions = {z: all_types(z, numbers, 5.9, cutoff_type, alpha) for z in numbers}
    functions = {z: [f for f in own if chosen is None or f.type in chosen] for z, own in functions.items()}
    evaluator = CommitteeEvaluator([random_model(functions.get, atoms)])
    found = evaluator.evaluate(neighbour_list(atoms, evaluator.cutoff_A))
    step = 1e-5
    for atom, axis in ((0, 0), (7, 1)):
        moved = []
        for sign in (1, -1):
            other = atoms.copy()
            other.positions[atom, axis] += sign * step
            moved.append(energy_of(evaluator, other))
        assert found.forces_eV_per_A[0, atom, axis] == pytest.approx(-(moved[0] - moved[1]) / (2 * step), abs=1e-6, rel=1e-6)
    strained = []
    for sign in (1, -1):
        other = atoms.copy()
        deformation = np.eye(3)
        deformation[0, 1] = deformation[1, 0] = sign * step / 2
        other.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
        strained.append(energy_of(evaluator, other))
    assert -found.virials_eV[0, 0, 1] == pytest.approx((strained[0] - strained[1]) / (2 * step), abs=1e-4, rel=1e-5)
    assert np.abs(found.forces_eV_per_A.sum(axis=1)).max() < 1e-9


def by_hand(atoms, i, f):
    """A symmetry function written out from its definition, without any shortcut."""

    def core(x, name):
        if name.endswith("a"):
            x, name = (2 - x) * x, name[:-1]
        return {
            "p1": lambda: 2 * x**3 - 3 * x**2 + 1,
            "p2": lambda: -6 * x**5 + 15 * x**4 - 10 * x**3 + 1,
            "p3": lambda: 20 * x**7 - 70 * x**6 + 84 * x**5 - 35 * x**4 + 1,
            "p4": lambda: -70 * x**9 + 315 * x**8 - 540 * x**7 + 420 * x**6 - 126 * x**5 + 1,
            "e": lambda: np.exp(1 - 1 / (1 - x**2)),
        }[name]()

    def compact(value, left, right):
        x = abs(value - (left + right) / 2) / ((right - left) / 2)
        return core(x, f.subtype) if x < 1 else 0.0

    def profile(r):
        if f.subtype:
            return compact(r, f.inner_A, f.cutoff_A)
        return np.exp(-f.eta_per_A2 * (r - f.shift_A) ** 2) * core(r / f.cutoff_A, "p2") if r < f.cutoff_A else 0.0

    def factor(cosine):
        if f.subtype:
            return compact(np.arccos(cosine), *np.deg2rad(f.angles_deg))
        return 2 ** (1 - f.zeta) * (1 + f.lam * cosine) ** f.zeta

    others = [j for j in range(len(atoms)) if j != i]
    arms = {j: atoms.positions[j] - atoms.positions[i] for j in others}
    weights = {j: atoms.numbers[j] if not f.neighbours else 1.0 for j in others}
    if f.radial:
        mine = [j for j in others if not f.neighbours or atoms.numbers[j] == f.neighbours[0]]
        return sum(weights[j] * profile(np.linalg.norm(arms[j])) for j in mine)
    total = 0.0
    for j, k in itertools.combinations(others, 2):
        if f.neighbours and tuple(sorted((atoms.numbers[j], atoms.numbers[k]))) != f.neighbours:
            continue
        r_j, r_k = np.linalg.norm(arms[j]), np.linalg.norm(arms[k])
        value = factor(arms[j] @ arms[k] / r_j / r_k) * profile(r_j) * profile(r_k) * weights[j] * weights[k]
        total += value * (profile(np.linalg.norm(arms[j] - arms[k])) if f.type in (3, 13, 21, 24) else 1.0)
    return total


def test_functions_of_every_type_equal_their_definitions():
    atoms = alloy()[:12]
    atoms.pbc = False
    numbers = (29, 47, GOLD)
    near = neighbour_list(atoms, 7.0)
    channel = {z: k for k, z in enumerate(numbers)}
    functions = all_types(GOLD, numbers, 5.9)
    found = np.empty((len(atoms), len(functions)))
    channels = np.array([channel[z] for z in near.numbers])[near.neighbours]
    weights, arrays = np.array(numbers, dtype=float), function_arrays(functions, channel)
    rows(np.arange(len(atoms)), near.first, near.vectors, channels, weights, arrays, found)
    for k, function in enumerate(functions):
        expected = [by_hand(atoms, i, function) for i in range(len(atoms))]
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-9, atol=1e-12, err_msg=str(function))


@pytest.mark.parametrize("letter", list(ACTIVATIONS.values()))
@pytest.mark.parametrize("normalised", [False, True])
def test_gradients_of_networks_are_derivatives(letter, normalised):
    rng = np.random.default_rng(1)
    topology = Topology((4, 6, 5, 1), (letter, letter, "l"), normalised)
    weights, rows, directions = rng.normal(0, 0.6, topology.n_weights), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    network, step = Network(topology, weights), 1e-6
    energies, by_rows = network.energy_gradients(rows)
    np.testing.assert_allclose(energies, network.energies(rows), rtol=1e-14)
    tangent = network.tangent(rows, directions)
    assert tangent.slope == pytest.approx(float((by_rows * directions).sum()), rel=1e-10)
    difference = (network.energies(rows + step * directions) - network.energies(rows - step * directions)).sum() / (2 * step)
    assert tangent.slope == pytest.approx(difference, rel=1e-6, abs=1e-8)
    by_weights, slope_by_weights = network.energy_by_weights(rows)[1], tangent.gradient()
    for k in rng.permutation(topology.n_weights)[:12]:
        moved = []
        for sign in (1, -1):
            other = weights.copy()
            other[k] += sign * step
            changed = Network(topology, other)
            moved.append((changed.energies(rows).sum(), changed.tangent(rows, directions).slope))
        assert by_weights[k] == pytest.approx((moved[0][0] - moved[1][0]) / (2 * step), rel=1e-5, abs=1e-7)
        assert slope_by_weights[k] == pytest.approx((moved[0][1] - moved[1][1]) / (2 * step), rel=1e-5, abs=1e-7)
