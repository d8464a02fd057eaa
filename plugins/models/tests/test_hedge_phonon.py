"""The potential with relations of atoms: symmetries, cutoffs, what a relation means, large cells, training, and its file."""

import json
from functools import partial

import numpy as np
import pytest
import sharvin
import torch
from ase import Atoms
from ase.build import graphene
from ase.calculators.morse import MorsePotential
from ase.calculators.singlepoint import SinglePointCalculator
from interrupted_fit import interrupted_after
from scipy.spatial.transform import Rotation
from sharvin.errors import InputError, StoreError
from sharvin.protocols import FiniteDifferencePotential, NeighbourList, TrainablePotential
from sharvin.reference_data import ReferenceData
from sharvin.testing import PotentialTests
from sharvin_models.message_passing import blocks_of_atoms
from sharvin_models.message_passing.configs import HedgePhononOptions
from sharvin_models.message_passing.energy_and_forces import BatchLabels, LossGradient, NetworkFunction
from sharvin_models.message_passing.network import AtomEnergyNetwork
from sharvin_models.message_passing.relations import PairRelations
from sharvin_models.message_passing.scales import EnergyScales
from sharvin_models.message_passing.surroundings import SurroundingsBuilder, batched
from sharvin_models.message_passing.trained_network import TrainedNetwork

NAME, CARBON, HYDROGEN = "hedge_phonon", 6, 1
CUTOFFS = {"same": 2.2, "different": 3.9}
SMALL = {
    "cutoffs_A": CUTOFFS,
    "channels": 4,
    "radial_functions": 6,
    "radial_width": 8,
    "readout_width": 4,
    "compile": False,
    "dtype": "float64",
}
TURN = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()


def untrained(seed=0, elements=(CARBON,), labels=(0, 1), closest_A=(), **options):
    """A network with its initial weights, with energies of atoms of zero."""
    chosen = HedgePhononOptions(**{**SMALL, **options})
    relations = PairRelations.of(chosen, elements, labels, closest_A)
    counts = np.full(len(relations.names), 2.0)
    network = AtomEnergyNetwork(len(elements), counts, relations.cutoffs_A, chosen)
    network.initialise(np.random.default_rng(seed))
    scales = EnergyScales(elements, np.zeros(len(elements)), 0.0, 1.0)
    return TrainedNetwork(network.requires_grad_(False), scales, relations, chosen, NAME)


def bilayer(repeats=(2, 2), displaced=0.05, seed=0, distance=3.3, height=14.0, pbc=(True, True, False)):
    """Two layers of graphene whose layers the array ``layer`` tells, displaced at random."""
    layers = [graphene(size=(*repeats, 1)) for _ in range(2)]
    atoms = layers[0] + layers[1]
    atoms.set_cell([*layers[0].cell.array[:2], [0.0, 0.0, height]])
    atoms.pbc = pbc
    n = len(layers[0])
    atoms.positions[:n, 2], atoms.positions[n:, 2] = 4.0, 4.0 + distance
    atoms.positions[n:, :2] += [0.7, 0.3]
    atoms.positions += displaced * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    atoms.set_array("layer", np.repeat([0, 1], n))
    return atoms


def labelled(count, seed):
    """Displaced bilayers with energies and forces by a Morse potential."""
    reference, found = MorsePotential(epsilon=2.0, r0=1.45, rho0=4.0), []
    for number in range(count):
        atoms = bilayer((1, 2), 0.03 + 0.05 * (number % 2), seed=1000 * seed + number, distance=2.9)
        atoms.calc = reference
        results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        atoms.calc = SinglePointCalculator(atoms, **results)
        found.append(atoms)
    return ReferenceData.from_atoms(found)


def fitted(data, validation, folder=None, seed=3, **options):
    """The potential after a fit, and its curves."""
    model = sharvin.create("potentials", NAME, **{**SMALL, **options})
    if folder is not None:
        model.keep_progress(folder)
    return model, model.fit(data, validation, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def sets():
    return labelled(10, 0), labelled(4, 1)


@pytest.fixture(scope="module")
def folder(sets, tmp_path_factory):
    """A potential that was trained for a few steps only."""
    place = tmp_path_factory.mktemp("model")
    fitted(*sets, epochs=2)[0].save(place)
    return place


class TestConformance(PotentialTests):
    name = NAME
    symbol = "C"
    cutoff_A = CUTOFFS["same"]
    step_A = 2e-5
    lattice_constant_A = 2.0  # a pair of neighbours in the test of the cutoff is 2 / √2 Å apart

    @pytest.fixture
    def component_options(self, folder):
        return {"model": str(folder), "compile": False, "dtype": "float64"}

    def rattled_crystal(self, component):
        atoms = bilayer((2, 3), 0.08, height=6.8, pbc=True)
        atoms.calc = component.calculator()
        return atoms

    def _pair(self, component, distance_A):
        pair = super()._pair(component, distance_A)
        pair.set_array("layer", np.zeros(2, dtype=np.int64))
        return pair


every_kind = pytest.mark.parametrize(
    "options",
    [{}, {"message_l_max": 0}, {"l_max": 3, "message_l_max": 2}, {"relations": "by_labels", "cutoffs_A": {"0-1": 3.9}}],
    ids=str,
)


@every_kind
def test_energy_is_a_scalar_and_forces_are_vectors(options):
    model, atoms = untrained(**options), bilayer(displaced=0.1, pbc=False)
    before = model.of_atoms(atoms)
    assert np.abs(before.forces_eV_per_A).max() > 0.01
    for matrix in (TURN, -np.eye(3), np.diag([1.0, 1.0, -1.0]) @ TURN):
        turned = atoms.copy()
        turned.positions = atoms.positions @ matrix.T + [3.0, -20.0, 0.5]
        after = model.of_atoms(turned)
        assert after.energy_eV == pytest.approx(before.energy_eV, abs=1e-10)
        np.testing.assert_allclose(after.forces_eV_per_A, before.forces_eV_per_A @ matrix.T, rtol=0, atol=1e-10)
        np.testing.assert_allclose(after.virial_eV, matrix @ before.virial_eV @ matrix.T, rtol=0, atol=1e-10)


def test_order_of_atoms_does_not_matter():
    model, atoms = untrained(), bilayer()
    order = np.random.default_rng(1).permutation(len(atoms))
    one, other = model.of_atoms(atoms), model.of_atoms(atoms[order])
    assert other.energy_eV == pytest.approx(one.energy_eV, abs=1e-10)
    np.testing.assert_allclose(other.forces_eV_per_A, one.forces_eV_per_A[order], rtol=0, atol=1e-10)


@every_kind
def test_forces_and_stress_are_slopes_of_the_energy(options):
    model, atoms, step = untrained(**options), bilayer(), 1e-5
    found = model.of_atoms(atoms)

    def slope(changed):
        return (model.of_atoms(changed(step)).energy_eV - model.of_atoms(changed(-step)).energy_eV) / (2 * step)

    def moved(index, axis, by):
        other = atoms.copy()
        other.positions[index, axis] += by
        return other

    def strained(row, column, by):
        other, strain = atoms.copy(), np.eye(3)
        strain[row, column] += by / 2
        strain[column, row] += by / 2
        other.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        return other

    for index, axis in ((0, 0), (5, 1), (len(atoms) - 1, 2)):
        assert found.forces_eV_per_A[index, axis] == pytest.approx(-slope(partial(moved, index, axis)), rel=1e-7, abs=1e-7)
    for row, column in ((0, 0), (0, 1), (1, 1)):
        assert -found.virial_eV[row, column] == pytest.approx(slope(partial(strained, row, column)), rel=1e-7, abs=1e-6)


@pytest.mark.parametrize(("labels", "cutoff"), [((0, 0, 0), CUTOFFS["same"]), ((0, 0, 1), CUTOFFS["different"])])
def test_energy_force_and_force_constant_end_smoothly_at_both_cutoffs(labels, cutoff):
    """The third atom leaves the reach of a bonded pair; its relation to it has a cutoff of its own."""
    model = untrained(layers=1)

    def at(gap):
        atoms = Atoms("C3", positions=[[0, 0, 0], [-1.4, 0, 0], [cutoff + gap, 0, 0]])
        atoms.set_array("layer", np.array(labels))
        return model.of_atoms(atoms)

    far = at(5.0).energy_eV
    assert abs(at(-0.5).energy_eV - far) > 1e-6
    for gap in (1e-9, 0.1, 1.0):
        assert at(gap).energy_eV == far
    gaps = np.array([1e-2, 5e-3])
    energies = [abs(at(-gap).energy_eV - far) for gap in gaps]
    forces = [abs(at(-gap).forces_eV_per_A[2, 0]) for gap in gaps]
    assert energies[0] / energies[1] > 6.0  # as the third power of the distance to the cutoff
    assert forces[0] / forces[1] > 3.0


def test_relations_matter_and_names_of_layers_do_not():
    model, atoms = untrained(), bilayer()
    energy = model.of_atoms(atoms).energy_eV
    for labels in (1 - atoms.arrays["layer"], 5 - 7 * atoms.arrays["layer"]):
        renamed = atoms.copy()
        renamed.set_array("layer", labels)
        assert model.of_atoms(renamed).energy_eV == pytest.approx(energy, abs=1e-12)
    mixed = atoms.copy()
    mixed.arrays["layer"][[0, -1]] = mixed.arrays["layer"][[-1, 0]]
    assert abs(model.of_atoms(mixed).energy_eV - energy) > 1e-3
    plain = untrained(relations="none", cutoffs_A={}, cutoff_A=3.9)
    assert plain.of_atoms(mixed).energy_eV == pytest.approx(plain.of_atoms(atoms).energy_eV, abs=1e-12)


def test_layers_by_label_are_told_apart():
    model, atoms = untrained(relations="by_labels", cutoffs_A={}, cutoff_A=3.9), bilayer()
    turned = atoms.copy()
    turned.set_array("layer", 1 - atoms.arrays["layer"])
    assert abs(model.of_atoms(turned).energy_eV - model.of_atoms(atoms).energy_eV) > 1e-3


def test_relations_of_elements_need_no_labels():
    model = untrained(relations="by_elements", elements=(HYDROGEN, CARBON), cutoffs_A={"C-C": 2.2, "C-H": 3.0})
    assert model.relations.names == ("H-H", "H-C", "C-C")
    assert model.relations.cutoffs_A == (5.0, 3.0, 2.2)
    atoms = Atoms("CHCH", positions=[[0, 0, 0], [2.7, 0, 0], [0, 2.5, 0], [0, 0, 4.5]])
    vectors = [len(pairs.first) for pairs in SurroundingsBuilder(NAME, model.relations, (1, 6)).of_atoms(atoms).relations]
    assert vectors == [0, 2, 0]  # C0-H1 alone: H1-H3 are 5.2 Å apart, C0-C2 2.5 Å, and the other pairs of C and H farther
    before = model.of_atoms(atoms).energy_eV
    atoms.positions[3, 2] = 2.9
    assert abs(model.of_atoms(atoms).energy_eV - before) > 1e-6


def test_layers_far_apart_have_the_sum_of_their_energies():
    model, atoms = untrained(), bilayer(distance=5.0, height=20.0)
    layer = atoms.arrays["layer"]
    parts = [model.of_atoms(atoms[layer == number]) for number in (0, 1)]
    whole = model.of_atoms(atoms)
    assert whole.energy_eV == pytest.approx(sum(part.energy_eV for part in parts), abs=1e-10)
    np.testing.assert_allclose(whole.forces_eV_per_A, np.vstack([part.forces_eV_per_A for part in parts]), rtol=0, atol=1e-10)
    near = bilayer(distance=3.3)
    parts = [model.of_atoms(near[layer == number]) for number in (0, 1)]
    assert abs(model.of_atoms(near).energy_eV - sum(part.energy_eV for part in parts)) > 1e-3


def test_supercells_have_as_many_times_the_energy():
    model, atoms = untrained(), bilayer((1, 2))
    one, many = model.of_atoms(atoms), model.of_atoms(atoms.repeat((2, 3, 1)))
    assert many.energy_eV == pytest.approx(6 * one.energy_eV, abs=1e-9)
    np.testing.assert_allclose(many.forces_eV_per_A, np.tile(one.forces_eV_per_A, (6, 1)), rtol=0, atol=1e-10)
    np.testing.assert_allclose(many.virial_eV, 6 * one.virial_eV, rtol=0, atol=1e-8)


def test_many_atoms_are_computed_in_blocks(monkeypatch):
    model, atoms = untrained(), bilayer((3, 3))
    whole = model.of_atoms(atoms)
    monkeypatch.setattr(blocks_of_atoms, "LARGE", 10)
    monkeypatch.setattr(blocks_of_atoms, "BLOCK", 7)
    parts = model.of_atoms(atoms)
    assert parts.energy_eV == pytest.approx(whole.energy_eV, abs=1e-10)
    np.testing.assert_allclose(parts.forces_eV_per_A, whole.forces_eV_per_A, rtol=0, atol=1e-10)
    np.testing.assert_allclose(parts.virial_eV, whole.virial_eV, rtol=0, atol=1e-9)


def test_neighbours_of_another_program_bring_the_layers(folder):
    potential, atoms = sharvin.create("potentials", NAME, model=str(folder), compile=False), bilayer()
    builder = SurroundingsBuilder(NAME, PairRelations("none", "layer", ("all",), (potential.cutoff_A,)), (CARBON,))
    pairs = builder.of_atoms(atoms).relations[0]
    first = np.concatenate([[0], np.cumsum(np.bincount(pairs.first, minlength=len(atoms)))])
    given = NeighbourList(atoms.numbers, first, pairs.second, pairs.vectors, {"layer": atoms.arrays["layer"]})
    atoms.calc = potential.calculator()
    assert potential.evaluate(given).energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
    with pytest.raises(InputError, match="array 'layer'"):
        potential.evaluate(NeighbourList(atoms.numbers, first, pairs.second, pairs.vectors))


def test_the_gradient_of_the_loss_is_its_slope():
    """With net forces on layers, and with errors of a structure that count relative to its forces."""
    model, structures = untrained(channels=2), [bilayer((1, 2), seed=1), bilayer((1, 1), seed=2)]
    build = SurroundingsBuilder(NAME, model.relations, (CARBON,))
    found = [build.of_atoms(atoms) for atoms in structures]
    batch = batched(found, 1, model.relations.cutoffs_A, torch.float64)
    rows, sizes, rng = batch.species.shape[1], [len(atoms) for atoms in structures], np.random.default_rng(0)
    group, per_group = torch.full((rows,), rows - 1), torch.zeros(rows, dtype=torch.float64)
    group[: sum(sizes)] = torch.tensor(np.concatenate([found[0].groups, 2 + found[1].groups]))
    per_group[:4] = torch.tensor([2.0 / sizes[0]] * 2 + [2.0 / sizes[1]] * 2)
    real = torch.zeros(rows, dtype=torch.float64)
    real[: sum(sizes)] = 1.0
    energies, factor = torch.tensor([0.3, -0.2, 0.0]).double(), torch.tensor([1.0, 0.4, 0.0]).double()
    per_atom = torch.tensor([1.0 / sizes[0], 1.0 / sizes[1], 0.0]).double()
    labels = BatchLabels(energies, torch.from_numpy(rng.normal(size=(rows, 3))), per_atom, real, group, per_group, factor)
    function = NetworkFunction(model.network, 1.0, 2)
    gradient = LossGradient(function, 3.0, 2.0, 5.0)
    weights = function.weights()
    squares, *slopes = gradient(*weights, *batch.tensors(), *labels.tensors())

    def loss(changed):
        e, f, _ = function(*changed, *batch.tensors())
        wrong = ((f - labels.forces) * real[:, None]).numpy()
        total, begin = 0.0, 0
        for number, size in enumerate(sizes):
            own, c = wrong[begin : begin + size], float(factor[number])
            layer, begin = structures[number].arrays["layer"], begin + size
            total += 3.0 * ((e[number] - energies[number]) * c / size).item() ** 2 / 2
            total += 2.0 * ((c * own) ** 2).sum() / (3 * sum(sizes))
            total += 5.0 * sum((c * own[layer == k].mean(axis=0)) ** 2 for k in (0, 1)).sum() / 12
        return total

    for number in (0, 3, function.n_parameters - 1):
        step, values = 1e-5, []
        for sign in (1, -1):
            changed = [weight.clone() for weight in weights]
            changed[number].view(-1)[0] += sign * step
            values.append(loss(changed))
        assert slopes[number].view(-1)[0].item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5, abs=1e-9)
    assert squares[0, 1].item() > squares[1, 1].item()


def test_bilayers_are_learnt(sets, tmp_path):
    data, validation = sets
    model, curves = fitted(data, validation, tmp_path, epochs=25, relative_above_eV_per_A=0.5, group_force_weight=10.0)
    spread = np.concatenate([item.forces_eV_per_A.ravel() for item in validation]).std()
    assert min(curves["validation_force_rmse_eV_per_A"]) < 0.3 * spread
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["validation_force_rmse_eV_per_A"] for line in lines] == curves["validation_force_rmse_eV_per_A"]
    assert isinstance(model, TrainablePotential)


def test_a_fit_that_is_stopped_ends_with_the_bits_of_one_that_was_not(sets, tmp_path):
    data, validation = sets[0][:6], sets[1][:2]
    options = {"epochs": 4, "relative_above_eV_per_A": 0.5, "group_force_weight": 10.0}
    whole, curves = fitted(data, validation, **options)
    with interrupted_after(2):
        fitted(data, validation, tmp_path, **options)
    resumed, resumed_curves = fitted(data, validation, tmp_path, **options)
    assert resumed_curves == curves
    atoms = validation[0].atoms
    assert np.array_equal(resumed.calculator().get_forces(atoms), whole.calculator().get_forces(atoms))
    with pytest.raises(StoreError, match="belongs to a fit with other options"):
        fitted(data, validation, tmp_path, **{**options, "group_force_weight": 1.0})


@pytest.mark.parametrize(
    "options", [{}, {"relations": "by_labels", "cutoffs_A": {"1-0": 3.9}}, {"relations": "none", "cutoffs_A": {}}]
)
def test_a_saved_potential_is_the_same_potential(sets, tmp_path, options):
    model, _ = fitted(sets[0][:2], sets[1][:1], epochs=1, **options)
    model.save(tmp_path)
    loaded = sharvin.create("potentials", NAME, model=str(tmp_path), compile=False, dtype="float64")
    atoms = bilayer()
    assert np.array_equal(loaded.calculator().get_forces(atoms), model.calculator().get_forces(atoms))
    assert loaded.cutoff_A == model.cutoff_A
    assert loaded.options.relations == options.get("relations", "by_array")


def test_displacements_for_force_constants_depend_on_the_precision():
    single, double = (sharvin.create("potentials", NAME, dtype=dtype) for dtype in ("float32", "float64"))
    assert isinstance(double, FiniteDifferencePotential)
    assert double.finite_difference_A < single.finite_difference_A


@pytest.mark.parametrize("array", [None, np.linspace(0.0, 1.0, 16), np.zeros((16, 3), dtype=int)])
def test_atoms_need_layers(folder, array):
    atoms = bilayer()
    del atoms.arrays["layer"]
    if array is not None:
        atoms.set_array("layer", array)
    atoms.calc = sharvin.calculator(NAME, model=str(folder), compile=False)
    with pytest.raises(InputError, match="the structure needs a whole number for each atom in its array 'layer'"):
        atoms.get_forces()


def test_training_structures_need_layers(sets):
    bare = sets[0][0].atoms.copy()
    del bare.arrays["layer"]
    bare.calc = SinglePointCalculator(bare, energy=0.0, forces=np.zeros((len(bare), 3)))
    with pytest.raises(InputError, match=r"training structure 1 needs a whole number for each atom in its array 'layer'"):
        fitted(ReferenceData((*sets[0][:1], *ReferenceData.from_atoms([bare]))), sets[1])


def test_labels_that_do_not_fit_are_refused(folder):
    """Bonded atoms in two layers: nothing like that was in the training."""
    atoms = bilayer()
    atoms.arrays["layer"][1] = 1
    atoms.calc = sharvin.calculator(NAME, model=str(folder), compile=False)
    with pytest.raises(InputError, match="in the relation 'different', whose closest pair in the training was"):
        atoms.get_forces()


def test_labels_that_were_not_in_the_training_are_refused():
    model, atoms = untrained(relations="by_labels", cutoffs_A={}), bilayer()
    atoms.arrays["layer"][3] = 4
    with pytest.raises(InputError, match=r"label 4 in its array 'layer' \(atom 3\), and the training structures had 0, 1"):
        model.of_atoms(atoms)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relations": "none", "cutoffs_A": {"same": 3.0}}, "cutoffs_A would be ignored with relations: none"),
        ({"cutoffs_A": {"within": 3.0}}, "cutoffs_A names 'within'; the relations by_array are same and different"),
        ({"relations": "none", "group_force_weight": 1.0}, "group_force_weight would be ignored with relations: none"),
        ({"relations": "by_elements", "relation_array": "part"}, "relation_array would be ignored"),
        ({"message_l_max": 3}, "message_l_max 3 must not exceed l_max 2"),
    ],
)
def test_options_that_would_be_ignored_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        sharvin.create("potentials", NAME, **options)


def test_cutoffs_of_relations_that_are_not_there_are_refused(sets):
    with pytest.raises(InputError, match="cutoffs_A names the relation '0-2', and the training structures have 0-0, 0-1, 1-1"):
        fitted(*sets, relations="by_labels", cutoffs_A={"0-2": 3.0})


@pytest.mark.slow
def test_compiled_and_plain_are_equal():
    options = {"channels": 2, "l_max": 1, "correlation": 2}
    plain, compiled = untrained(**options), untrained(**{**options, "compile": True})
    one, other = plain.of_atoms(bilayer()), compiled.of_atoms(bilayer())
    assert other.energy_eV == pytest.approx(one.energy_eV, abs=1e-10)
    np.testing.assert_allclose(other.forces_eV_per_A, one.forces_eV_per_A, rtol=0, atol=1e-10)


def test_dynamics_in_lammps_know_the_layers(folder):
    atoms, potential = bilayer(displaced=0.0), sharvin.create("potentials", NAME, model=str(folder))
    frames = list(sharvin.create("dynamics", "lammps_relax", fmax=10.0).run(atoms, potential, 1))
    assert frames[-1].positions.shape == atoms.positions.shape
