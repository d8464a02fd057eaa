"""The Hamiltonian `hedge_electron`: symmetries, relations, smoothness, training, its file, devices, gates."""

import json
import shutil
from typing import ClassVar

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from interrupted_fit import interrupted_after
from scipy.spatial.transform import Rotation
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis, harmonics, turned_shells
from sharvin.errors import InputError, ItemError, StoreError
from sharvin.junction import Junction
from sharvin.protocols import BlockHamiltonian, TrainableBlockHamiltonian
from sharvin.registry import create
from sharvin.testing import HamiltonianTests
from sharvin_models.hamiltonian_network.block_channels import BlockChannels, harmonics_of
from sharvin_models.hamiltonian_network.configs import HedgeElectronOptions
from three_centre import ALLOY, GOLD, REACH_A, SILVER, aligned, three_centre

NAME = "hedge_electron"
SMALL = {"cutoff_A": 3.6, "channels": 3, "l_max": 2, "layers": 1, "radial_functions": 4, "radial_width": 4, "pair_functions": 6}
SMALL |= {"pair_width": 6, "epochs": 1, "taper_A": 0.2, "dtype": "float64", "relations": "none"}
TURN = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()
MIRROR = np.diag([1.0, -1.0, 1.0])
GOLD_SP = OrbitalBasis({GOLD: (0, 1)}, {GOLD: 1.0})
PZ = OrbitalBasis({6: (1,)}, {6: 1.0}, along_axes=True)


def cluster(n=8, seed=0, width=4.5):
    """Gold and silver atoms at random places, none of them close to another, the lower half of layer 0."""
    rng = np.random.default_rng(seed)
    places = np.empty((0, 3))
    while len(places) < n:
        new = rng.uniform(0.0, width, 3)
        if not len(places) or np.linalg.norm(places - new, axis=1).min() > 1.9:
            places = np.vstack([places, new])
    atoms = Atoms(np.resize([GOLD, SILVER, GOLD], n), positions=places)
    atoms.set_array("layer", (places[:, 2] > width / 2).astype(np.int64))
    return atoms


def moved(atoms, matrix):
    found = atoms.copy()
    found.positions = atoms.positions @ matrix.T
    found.set_cell(atoms.cell.array @ matrix.T)
    if "normal" in atoms.arrays:
        found.set_array("normal", atoms.arrays["normal"] @ matrix.T)
    return found


def fitted(data, validation, folder=None, seed=0, **options):
    found = create("hamiltonians", NAME, **{**SMALL, **options})
    if folder is not None:
        found.keep_progress(folder)
    return found, found.fit(data, validation, np.random.default_rng(seed))


def error_eV(hamiltonian, blocks):
    """Largest errors of hoppings and of on-site blocks."""
    found = hamiltonian.blocks(blocks.atoms)
    return np.abs(aligned(found, blocks) - blocks.H).max(), np.abs(found.H_onsite - blocks.H_onsite).max()


@pytest.fixture(scope="module")
def alloys():
    return [three_centre(cluster(seed=seed), overlap=True) for seed in range(4)]


@pytest.fixture(scope="module")
def trained(alloys):
    return fitted(alloys[:2], alloys[2:3], relations="by_array", gates=False, reach_A=REACH_A)[0]


def wavy(seed=0, count=10):
    """A sheet of carbon with normals of its own."""
    rng = np.random.default_rng(seed)
    atoms = cluster(count, seed, 3.6)
    atoms.numbers[:] = 6
    normals = np.array([0.0, 0.0, 1.0]) + 0.3 * rng.normal(size=(count, 3))
    atoms.set_array("normal", normals / np.linalg.norm(normals, axis=1, keepdims=True))
    return atoms


def along_axes(atoms, reach_A=REACH_A):
    """The same Hamiltonian of p orbitals, of each atom the one along its normal."""
    whole = three_centre(atoms, OrbitalBasis({6: (1,)}, {6: 1.0}), reach_A=reach_A)
    normals = atoms.arrays["normal"]
    own = normals[:, [1, 2, 0]]
    H = np.einsum("na,nab,nb->n", own[whole.first], whole.H, own[whole.second])[:, None, None]
    onsite = np.einsum("na,nab,nb->n", own, whole.H_onsite, own)[:, None, None]
    return HamiltonianBlocks(atoms.copy(), PZ, whole.first, whole.second, whole.image, onsite, H, axes=normals.copy())


@pytest.fixture(scope="module")
def trained_pz():
    data = [along_axes(wavy(seed)) for seed in range(3)]
    return fitted(data[:2], data[2:], gates=False, reach_A=REACH_A)[0]


def test_it_is_a_block_hamiltonian_that_can_be_trained(trained):
    assert isinstance(trained, BlockHamiltonian)
    assert isinstance(trained, TrainableBlockHamiltonian)
    assert trained.range_A(np.array([GOLD])) == REACH_A


@pytest.mark.parametrize("matrix", [TURN, -np.eye(3), MIRROR, -TURN], ids=["turned", "inverted", "mirrored", "turned inverted"])
def test_blocks_turn_with_the_structure(trained, matrix):
    """H' = D H Dᵀ with the D of the project's own harmonics, on-site, hopping and overlap, natural and unnatural parts."""
    atoms = cluster(9, 7)
    before, after = trained.blocks(atoms), trained.blocks(moved(atoms, matrix))
    D = {z: np.pad(d, (0, 9 - len(d))) for z in (GOLD, SILVER) for d in [turned_shells(ALLOY.shells[z], matrix)]}
    own, second = np.stack([D[int(z)] for z in atoms.numbers]), before.second
    for hopping, onsite in (("H", "H_onsite"), ("S", "S_onsite")):
        expected = own[before.first] @ getattr(before, hopping) @ own[second].transpose(0, 2, 1)
        place, flipped = after.places(before.first, second, before.image)
        found = getattr(after, hopping)[place]
        found = np.where(flipped[:, None, None], found.transpose(0, 2, 1), found)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
        expected = own @ getattr(before, onsite) @ own.transpose(0, 2, 1)
        np.testing.assert_allclose(getattr(after, onsite), expected, rtol=0, atol=1e-9)
    assert np.abs(before.H).max() > 0.1


def test_parts_of_both_parities_depend_on_the_surroundings(trained):
    """Antisymmetric p-p blocks, which no two-centre integral has."""
    found = trained.blocks(cluster(9, 7))
    p = found.H[:, 1:4, 1:4]
    channels = BlockChannels((1,), (1,))
    components = channels.components(torch.from_numpy(np.ascontiguousarray(p)))
    odd = [part for part in channels.irreps if not part.natural]
    assert [part.order for part in odd] == [1]
    assert components[-3:].abs().max() > 1e-6


@pytest.mark.parametrize("matrix", [TURN, -np.eye(3), MIRROR])
def test_orbitals_along_axes_turn_with_these(trained_pz, matrix):
    atoms = wavy(9)
    before, after = trained_pz.blocks(atoms), trained_pz.blocks(moved(atoms, matrix))
    np.testing.assert_allclose(aligned(after, before), before.H, rtol=0, atol=1e-9)
    np.testing.assert_allclose(after.H_onsite, before.H_onsite, rtol=0, atol=1e-9)


def test_orbitals_along_axes_change_sign_with_these(trained_pz):
    atoms = wavy(9)
    turned = atoms.copy()
    turned.arrays["normal"][0] *= -1.0
    before, after = trained_pz.blocks(atoms), trained_pz.blocks(turned)
    sign = np.where((before.first == 0) ^ (before.second == 0), -1.0, 1.0)
    np.testing.assert_allclose(aligned(after, before), sign[:, None, None] * before.H, rtol=0, atol=1e-12)


def test_harmonics_are_those_of_the_project():
    vectors = np.random.default_rng(0).normal(size=(20, 3))
    for order in range(3):
        found = harmonics_of(order, torch.from_numpy(vectors[:, [1, 2, 0]])).T.numpy()
        np.testing.assert_allclose(found, harmonics(order, vectors), rtol=0, atol=1e-12)


def test_blocks_are_hermitian_and_do_not_depend_on_order_or_direction(trained):
    atoms = cluster(9, 3)
    found = trained.blocks(atoms)
    for matrix in found.sparse_bloch().at((0, 0, 0)):
        np.testing.assert_allclose(matrix.toarray(), matrix.toarray().T, rtol=0, atol=1e-12)
    order = np.random.default_rng(1).permutation(len(atoms))
    shuffled = trained.blocks(atoms[order])
    rank = np.argsort(order)
    place, flipped = shuffled.places(rank[found.first], rank[found.second], found.image)
    H = np.where(flipped[:, None, None], shuffled.H[place].transpose(0, 2, 1), shuffled.H[place])
    np.testing.assert_allclose(H, found.H, rtol=0, atol=1e-12)


def test_chunks_and_threads_change_nothing(trained, tmp_path):
    atoms = cluster(9, 3)
    trained.save(tmp_path)
    other = create("hamiltonians", NAME, model=str(tmp_path), chunk_pairs=3, gates=False)
    np.testing.assert_allclose(other.blocks(atoms).H, trained.blocks(atoms).H, rtol=0, atol=1e-12)


def pair_and_third(distance, third):
    return Atoms([GOLD, GOLD, GOLD], positions=[[0, 0, 0], [0, 0, distance], [0.0, third, 0.3]])


@pytest.fixture(scope="module")
def in_clusters():
    """One relation and a reach shorter than the messages'."""
    data = [three_centre(cluster(seed=seed), reach_A=3.3) for seed in range(3)]
    return fitted(data[:2], data[2:], gates=False, reach_A=3.3, cutoff_A=4.5, correction_reach_A=3.0)[0]


def test_blocks_end_smoothly_where_pairs_become_too_long(in_clusters):
    reach = in_clusters.range_A(np.array([GOLD]))
    sizes = [np.abs(in_clusters.blocks(pair_and_third(reach - d, 2.5)).H).max(axis=(1, 2)) for d in (0.1, 1e-2, 1e-3, -1e-3)]
    assert [len(size) for size in sizes] == [3, 3, 3, 2] or [len(size) for size in sizes] == [2, 2, 2, 1]
    long = [size[np.argmin(size)] for size in sizes[:3]]
    assert long[0] > 100 * long[1] > 1e4 * long[2]


@pytest.mark.parametrize("place", [4.5, 3.0])
def test_blocks_are_smooth_where_third_atoms_and_corrections_come_in(in_clusters, place):
    """At the cutoff of messages and at the reach of corrections a step of 2e-4 Å changes H as any other step does."""

    def onsite_and_pair(distance):
        atoms = Atoms([GOLD] * 3, positions=[[0, 0, 0], [0, 0, 2.8], [distance, 0, 0]])
        found = in_clusters.blocks(atoms)
        near = found.H[np.linalg.norm(found.vectors, axis=1) < 3.2]
        return found.H_onsite[0], near[: 1 if place > 4 else 2]

    at = [onsite_and_pair(place + step) for step in (-2e-4, 0.0, 2e-4)]
    for before, middle, after in zip(*at, strict=True):
        assert np.abs(after - middle).max() < 2e-3
        assert np.abs(after - 2 * middle + before).max() < 1e-5


def test_a_label_moves_pairs_to_the_other_relation_and_nothing_else(trained):
    """Blocks change near the atom whose label changes and stay the same, to the bit, elsewhere."""
    atoms = cluster(9, 3)
    far = atoms.copy()
    far.positions += [30.0, 0, 0]
    both = atoms + far
    before = trained.blocks(both)
    both.arrays["layer"][0] = 1 - both.arrays["layer"][0]
    after = trained.blocks(both)
    changed = np.abs(aligned(after, before) - before.H).max(axis=(1, 2)) > 1e-9
    assert changed.any()
    assert not changed[before.first >= len(atoms)].any()
    both.arrays["layer"][:] = 5 - both.arrays["layer"]
    np.testing.assert_allclose(trained.blocks(both).H, after.H, rtol=0, atol=0)


@pytest.mark.parametrize("relations", ["by_array", "by_labels", "by_elements"])
def test_each_relation_has_modules_of_its_own(relations, alloys):
    found, _ = fitted(alloys[:1], alloys[:1], relations=relations, gates=False)
    names = found._model.relations.names
    assert (
        names
        == {"by_array": ("same", "different"), "by_labels": ("0-0", "0-1", "1-1"), "by_elements": ("Ag-Ag", "Ag-Au", "Au-Au")}[
            relations
        ]
    )
    assert len(found._model.network.rounds[0].relations) == len(names)
    unknown = cluster(9, 3)
    if relations != "by_elements":
        del unknown.arrays["layer"]
        with pytest.raises(InputError, match="needs a whole number for each atom in its array 'layer'"):
            found.blocks(unknown)


def test_two_centre_integrals_are_found_without_any_training():
    """A Hamiltonian of these alone is met to the accuracy of its splines; S is fitted with it."""

    def without_thirds(seed):
        atoms = cluster(seed=seed)
        found = three_centre(atoms, overlap=True)
        return HamiltonianBlocks(
            found.atoms,
            ALLOY,
            found.first,
            found.second,
            found.image,
            0 * found.H_onsite,
            -10.0 * found.S,
            found.S_onsite,
            found.S,
        )

    data = [without_thirds(seed) for seed in range(12)]
    found, curves = fitted(data[:-1], data[-1:], gates=False, taper_A=0.0, reach_A=REACH_A)
    assert curves["train_H_mae_eV"][0] < 1e-3
    blocks = found.blocks(data[-1].atoms)
    place, _ = blocks.places(data[-1].first, data[-1].second, data[-1].image)
    np.testing.assert_allclose(np.abs(blocks.S[place]), np.abs(data[-1].S), rtol=0, atol=3e-3)


GOLD_CRYSTAL = {"reach_A": 3.4, "size_eV": 40.0}


def small_cells(count, seed, basis=GOLD_SP):
    """Crystals of gold with displaced atoms."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        atoms = bulk("Au", a=4.08, cubic=True)
        atoms.positions += rng.normal(0.0, 0.1, (4, 3))
        found.append(three_centre(atoms, basis, **GOLD_CRYSTAL))
    return found


@pytest.fixture(scope="module")
def crystals():
    return small_cells(6, 0), small_cells(2, 1)


def test_it_learns_what_depends_on_third_atoms_from_one_orientation_of_a_few_crystals(crystals):
    learning = {"epochs": 30, "channels": 6, "learning_rate": 0.02, "pair_width": 12, "gates": False, "plateau_epochs": 4}
    found, curves = fitted(*crystals, **learning)
    assert curves["validation_H_mae_eV"][-1] < 0.25 * curves["validation_H_mae_eV"][0]
    assert set(curves) == {"train_H_mae_eV", "validation_H_mae_eV"}
    held_out = small_cells(1, 5)[0]
    turned = three_centre(moved(held_out.atoms, -TURN), GOLD_SP, **GOLD_CRYSTAL)
    size = np.sqrt((held_out.H**2).mean())
    for blocks in (held_out, turned):
        assert np.sqrt(((aligned(found.blocks(blocks.atoms), blocks) - blocks.H) ** 2).mean()) < 0.2 * size


def test_without_a_baseline_the_network_gives_the_whole_hopping(crystals):
    learning = {"epochs": 15, "channels": 6, "learning_rate": 0.02, "gates": False}
    _, curves = fitted(*crystals, baseline="none", **learning)
    assert curves["validation_H_mae_eV"][-1] < 0.3 * curves["validation_H_mae_eV"][0]


def test_training_ends_once_the_error_is_small_enough(crystals):
    _, curves = fitted(*crystals, epochs=3, enough_eV=10.0)
    assert len(curves["validation_H_mae_eV"]) == 1
    _, curves = fitted(*crystals, epochs=3, enough_eV=0.0)
    assert len(curves["validation_H_mae_eV"]) == 3


def test_pairs_beyond_the_corrections_have_two_centre_integrals_alone(alloys):
    """Also where there are no others."""
    found, _ = fitted(alloys[:2], alloys[2:3], correction_reach_A=1.5, epochs=2, gates=False)
    other, _ = fitted(alloys[:2], alloys[2:3], correction_reach_A=1.5, epochs=2, gates=False, seed=5)
    atoms = cluster(9, 3)
    assert np.array_equal(found.blocks(atoms).H, other.blocks(atoms).H)
    assert np.abs(found.blocks(atoms).H_onsite - other.blocks(atoms).H_onsite).max() > 0


def test_a_fit_that_is_stopped_ends_with_the_bits_of_one_that_was_not(crystals, tmp_path):
    data, validation = crystals
    whole, curves = fitted(data, validation, epochs=4)
    with interrupted_after(2):
        fitted(data, validation, tmp_path, epochs=4)
    resumed, resumed_curves = fitted(data, validation, tmp_path, epochs=4)
    assert resumed_curves == curves
    atoms = validation[0].atoms
    assert np.array_equal(resumed.blocks(atoms).H, whole.blocks(atoms).H)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["validation_H_mae_eV"] for line in lines] == curves["validation_H_mae_eV"]
    assert [line["train_H_mae_eV"] for line in lines] == curves["train_H_mae_eV"]
    with pytest.raises(StoreError, match="belongs to a fit with other options"):
        fitted(data, validation, tmp_path, epochs=4, seed=4)


@pytest.fixture(scope="module")
def folder(crystals, tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    fitted(*crystals, cutoff_A=3.2, reach_A=3.4)[0].save(path)
    return path


def test_a_saved_hamiltonian_is_the_same_hamiltonian(folder, crystals):
    atoms = crystals[1][0].atoms
    given, loaded = create("hamiltonians", NAME, model=str(folder)), create("hamiltonians", NAME)
    loaded.load(folder)
    assert loaded.range_A(atoms.numbers) == given.range_A(atoms.numbers)
    assert np.array_equal(loaded.blocks(atoms).H, given.blocks(atoms).H)
    assert HedgeElectronOptions(model=str(folder)).elements() == {"Au"}
    with pytest.raises(InputError, match="channels would be ignored"):
        create("hamiltonians", NAME, model=str(folder), channels=3)


def test_overlap_of_another_hamiltonian_comes_with_it(crystals, monkeypatch):
    from sharvin_models.hamiltonian_network import hamiltonian

    class Reference:
        def range_A(self, numbers):
            return 3.9

        def blocks(self, atoms):
            return three_centre(atoms, GOLD_SP, overlap=True, reach_A=3.9)

        two_terminal = bloch = blocks

    monkeypatch.setattr(hamiltonian, "create", lambda kind, name, **options: Reference())
    found, _ = fitted(*crystals, overlap={"use": "other"})
    atoms = crystals[1][0].atoms
    blocks = found.blocks(atoms)
    assert found.range_A(atoms.numbers) == 3.9
    expected = three_centre(atoms, GOLD_SP, overlap=True, reach_A=3.9)
    assert len(blocks) == len(expected)
    assert np.abs(blocks.S).sum() == pytest.approx(np.abs(expected.S).sum())


def test_what_cannot_be_is_refused(crystals, folder):
    data, validation = crystals
    with pytest.raises(InputError, match="no model yet"):
        create("hamiltonians", NAME).blocks(validation[0].atoms)
    with pytest.raises(InputError, match="no model yet"):
        create("hamiltonians", NAME).range_A(validation[0].atoms.numbers)
    assert create("hamiltonians", NAME, reach_A=5.0).range_A(validation[0].atoms.numbers) == 5.0
    with pytest.raises(InputError, match="hamiltonian 'nothing'"):
        create("hamiltonians", NAME, overlap={"use": "nothing"})
    with pytest.raises(InputError, match="nothing to learn from"):
        fitted([], validation)
    with pytest.raises(InputError, match=r"reach_A 3 is shorter than the range of the reference, whose pairs are up to 3\.\d+ Å"):
        fitted(data, validation, reach_A=3.0)
    with pytest.raises(InputError, match="different bases"):
        fitted(data, [three_centre(validation[0].atoms, ALLOY)])
    ready = create("hamiltonians", NAME, model=str(folder))
    with pytest.raises(InputError, match=r"no orbitals of Ag; it has those of Au"):
        ready.blocks(bulk("Ag"))
    with pytest.raises(InputError, match="overlap must name a Hamiltonian"):
        create("hamiltonians", NAME, overlap={"table": "ptbp"})
    with pytest.raises(InputError, match="without a baseline"):
        create("hamiltonians", NAME, baseline="none", correction_reach_A=3.0)
    broken = validation[0].atoms.copy()
    broken.positions[1] = broken.positions[0] + 0.01
    with pytest.raises(ItemError, match="broken"):
        ready.blocks(broken)


def test_a_damaged_model_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "m")
    text = (tmp_path / "m" / "model.json").read_text()
    (tmp_path / "m" / "model.json").write_text(text.replace('"reach_A": 3', '"reach_B": 3'))
    with pytest.raises(InputError, match="damaged"):
        create("hamiltonians", NAME, model=str(tmp_path / "m"))


def test_pairs_that_the_training_set_had_not_are_named():
    flat = cluster(9, 3)
    flat.arrays["layer"][:] = 0
    data = [three_centre(flat)]
    found, _ = fitted(data, data, relations="by_array", gates=False)
    atoms = cluster(9, 3)
    with pytest.raises(InputError, match=r"in the relation 'different', and the training set had none"):
        found.blocks(atoms)


def test_a_spectrum_out_of_bounds_is_an_error(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "m")
    described = json.loads((tmp_path / "m" / "model.json").read_text())
    described["spectrum_eV"] = [-0.1, 0.1]
    (tmp_path / "m" / "model.json").write_text(json.dumps(described))
    atoms = bulk("Au", a=4.08, cubic=True)
    with pytest.raises(ItemError, match="fails the gate of the spectrum"):
        create("hamiltonians", NAME, model=str(tmp_path / "m")).blocks(atoms)
    create("hamiltonians", NAME, model=str(tmp_path / "m"), gates=False).blocks(atoms)


class TestHedgeElectron(HamiltonianTests):
    name = NAME
    tolerance_eV: ClassVar[float] = 1e-8

    @pytest.fixture
    def component_options(self, folder):
        return {"model": str(folder), "gates": False}

    @pytest.fixture
    def crystal(self):
        return bulk("Au", a=4.08)

    @pytest.fixture
    def junction(self, component):
        reach = component.range_A(np.array([GOLD]))  # shorter than a cell
        layers = 4
        bar = bulk("Au", a=4.08, cubic=True).repeat((1, 1, layers + 1))
        bar.pbc = (True, True, False)
        layer = np.rint(bar.positions[:, 2] / 2.04)
        middle = (layer >= layers) & (layer < layers + 2)
        bar.positions[middle] += np.random.default_rng(1).normal(0, 0.15, (int(middle.sum()), 3))
        return Junction.detect(bar, reach)
