"""The learnt one-orbital Hamiltonian: its transport before anything is learnt, and what learning may change."""

from dataclasses import replace
from functools import cache
from typing import ClassVar

import numpy as np
import pytest
import sharvin
import torch
from ase.build import bulk, fcc100, fcc111
from sharvin.errors import InputError, ItemError
from sharvin.frames import Frame, Frames
from sharvin.junction import Junction
from sharvin.samples import Dataset, Features
from sharvin.testing import RegressorTests
from sharvin_models.tight_binding import wire_contacts
from sharvin_models.tight_binding.configs import TightBindingOptions
from sharvin_models.tight_binding.network import TightBindingNetwork, transmission
from sharvin_models.tight_binding.wire_contacts import Bonds, SelfEnergy, WireBuilder, electrode_surfaces

GOLD, SILVER = 79, 47
SPACING = 2.04
SMALL = {"channels": 6, "l_max": 1, "layers": 1, "radial_functions": 4, "hopping_width": 8, "averaging": 0.0}


def wire(layers=12, kept=(), size=2, shake=0.0, seed=0, numbers=None, face=fcc100):
    """A periodic fcc crystal of gold; of the layers named only the first atom is kept."""
    atoms = face("Au", (size, size, layers), a=2 * SPACING, periodic=False)
    atoms.pbc = (True, True, False)
    atoms.positions[:, 2] -= atoms.positions[:, 2].min()
    level = np.unique(np.round(atoms.positions[:, 2], 3), return_inverse=True)[1]
    inner = (level >= 4) & (level < layers - 4)
    rng = np.random.default_rng(seed)
    atoms.positions[inner] += rng.normal(scale=shake, size=(inner.sum(), 3)) if shake else 0.0
    first = np.zeros(len(atoms), dtype=bool)
    first[[np.flatnonzero(level == k)[0] for k in range(layers)]] = True
    frame = Frame.from_atoms(atoms[~np.isin(level, kept) | first])
    return frame if numbers is None else replace(frame, numbers=numbers(frame))


def made_of(frame, decay=2.0, cutoff=4.5):
    return WireBuilder("tight_binding", Bonds(decay), cutoff, (SILVER, GOLD))(frame, 0)


def bare_hamiltonian(made):
    """Hamiltonian of a device with the electrodes' hopping alone, without a network."""
    half = np.zeros((made.graph.n_centres,) * 2)
    np.add.at(half, tuple(made.pairs), made.bare.astype(np.float64))
    return half + half.T


def bare(frame, decay=2.0):
    made = made_of(frame, decay)
    return float(transmission(torch.from_numpy(bare_hamiltonian(made)), made.left, made.right, made.fermi_energy))


def electrode_of(frame):
    return Junction.detect(frame.to_atoms(), 1.4 * 2.885).electrodes()[1]


class Model:
    """A network with initial weights, far from the bare hopping, in double precision."""

    def __init__(self, seed=0, strength=1.0, **options):
        self.options = TightBindingOptions(**{**SMALL, **options})
        self.build = WireBuilder("tight_binding", Bonds(self.options.decay), self.options.cutoff_A, (SILVER, GOLD))
        self.network = TightBindingNetwork(2, 12.0, self.options)
        self.network.initialise(np.random.default_rng(seed))
        with torch.no_grad():
            for last in (self.network.onsite, self.network.strength):
                last.weight *= 10.0 * strength
        self.network.double()

    def __call__(self, *frames):
        with torch.no_grad():
            return np.array([float(self.network([in_double(self.build(frame, 0))])) for frame in frames])


def in_double(made):
    graph = replace(made.graph, vectors=made.graph.vectors.astype(np.float64))
    return replace(made, graph=graph, distances=made.distances.astype(np.float64), bare=made.bare.astype(np.float64))


def open_channels(frame):
    """Bloch waves that travel along +z at the Fermi energy, counted from the crystal's bands."""
    electrode = electrode_of(frame)
    n, full = len(electrode.numbers), bare_hamiltonian(made_of(frame))
    h00, h01 = full[:n, :n], full[:n, n : 2 * n]
    k = np.linspace(-np.pi, np.pi, 4001)
    bands = np.array([np.linalg.eigvalsh(h00 + h01 * np.exp(1j * q) + h01.T * np.exp(-1j * q)) for q in k])
    return int(np.sum(np.diff(np.sign(bands - electrode_surfaces(electrode, Bonds()).fermi_energy), axis=0) != 0)) / 2


@pytest.mark.parametrize(
    ("face", "size", "layers"), [(fcc100, 2, 12), (fcc100, 3, 12), (fcc111, 2, 15)], ids=["100", "100 wider", "111"]
)
def test_a_perfect_crystal_lets_every_channel_through(face, size, layers):
    """Leads, device and contacts are one crystal, so nothing is reflected, however long it is; (111) has no mirror along z."""
    channels = open_channels(wire(size=size, face=face, layers=layers))
    assert channels >= 1
    for length in (layers, layers + 6):
        assert bare(wire(size=size, face=face, layers=length)) == pytest.approx(channels, abs=5e-5)


def test_the_fermi_energy_fills_half_of_an_fcc_band_whatever_the_cross_section():
    """Nearest neighbours alone, against a mesh of its own; necks of every width meet electrodes of one metal."""
    k = (np.arange(64) + 0.5) / 64 * 2 * np.pi
    a, b, c = np.meshgrid(k, k, k, indexing="ij")
    nearest = -2 * sum(np.cos(x) for x in (a, b, c, a - b, b - c, c - a))
    energies = [electrode_surfaces(electrode_of(wire(size=size)), Bonds()).fermi_energy for size in (2, 3, 4)]
    assert energies == pytest.approx([float(np.median(nearest))] * 3, abs=0.01)
    assert np.ptp(energies) < 1e-6
    assert electrode_surfaces(electrode_of(wire(face=fcc111, layers=15)), Bonds()).fermi_energy == pytest.approx(
        energies[0], abs=0.01
    )


def test_a_neck_of_single_atoms_has_one_channel_at_most():
    necks = [bare(wire(layers=15, kept=kept)) for kept in ((7,), (6, 7, 8))]
    assert max(necks) < 1.0 + 1e-6
    assert necks[0] > 0.1
    wide = bare(wire(layers=15))
    assert wide > max(necks)


def test_one_channel_bounds_a_learnt_neck_too():
    """Whatever the network makes of energies and hoppings, a single atom between the electrodes carries one channel."""
    neck = wire(layers=15, kept=(6, 7, 8), shake=0.05)
    values = np.array([Model(seed=seed, strength=2.0)(neck)[0] for seed in range(5)])
    assert np.all(values >= 0.0)
    assert np.all(values <= 1.0 + 1e-6)
    assert np.ptp(values) > 1e-3


def test_an_impurity_in_a_chain_reflects_as_in_the_textbook():
    """T = 4 − E² over 4 − E² + U² for an on-site energy U in a perfect chain."""
    energy, level = 0.4, 1.3
    g = np.atleast_2d((energy - 1j * np.sqrt(4 - energy**2)) / 2)
    ends = SelfEnergy(np.array([0]), g), SelfEnergy(np.array([2]), g)
    chain = torch.tensor([[0.0, -1.0, 0.0], [-1.0, level, -1.0], [0.0, -1.0, 0.0]], dtype=torch.float64)
    exact = (4 - energy**2) / (4 - energy**2 + level**2)
    assert float(transmission(chain, *ends, energy)) == pytest.approx(exact, abs=1e-12)


def test_the_slope_of_the_transmission_is_that_of_finite_differences():
    made = made_of(wire(layers=11, kept=(5,)))
    n = made.graph.n_centres
    matrix = torch.from_numpy(bare_hamiltonian(made)).requires_grad_()
    transmission(matrix, made.left, made.right, made.fermi_energy).backward()
    slope, step = matrix.grad.numpy(), 1e-5
    rng = np.random.default_rng(2)
    for a, b in rng.integers(0, n, (6, 2)):
        values = []
        for sign in (1, -1):
            changed = matrix.detach().clone()
            changed[a, b] += sign * step
            values.append(float(transmission(changed, made.left, made.right, made.fermi_energy)))
        assert slope[a, b] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-7)
    assert np.abs(slope).max() > 1e-3


def test_a_wire_turned_mirrored_or_with_other_numbers_is_the_same_wire():
    frame, model = wire(layers=13, kept=(6,), shake=0.15), Model()
    order = np.random.default_rng(1).permutation(len(frame))
    turned = replace(frame, positions=frame.positions @ np.diag([-1.0, -1.0, 1.0]))
    mirrored = replace(frame, positions=frame.positions * [1.0, 1.0, -1.0])
    shuffled = replace(frame, numbers=frame.numbers[order], positions=frame.positions[order])
    images = replace(frame, positions=frame.positions + np.arange(len(frame))[:, None] % 2 * frame.cell[0])
    shifted = replace(frame, positions=frame.positions + np.array([0.4, -1.0, 3.0]))
    expected = model(frame)
    assert 0.05 < expected[0] < 4.0
    np.testing.assert_allclose(model(turned, mirrored, shuffled, images, shifted), np.repeat(expected, 5), rtol=0, atol=2e-5)


def test_a_wire_does_not_depend_on_those_before_it():
    """Snapshots of a pull share electrodes; a longer wire, one numbered otherwise and one half a layer longer do not."""
    frames = [wire(layers=13, shake=0.1, seed=seed) for seed in range(3)]
    frames[2].positions[frames[2].positions[:, 2] > 8 * SPACING + 0.5, 2] += 1.5
    order = np.roll(np.arange(len(frames[0])), 8)
    frames += [wire(layers=15), replace(frames[0], positions=frames[0].positions[order])]
    together = WireBuilder("tight_binding", Bonds(), 4.5, (GOLD,))
    for index, frame in enumerate(frames):
        first, alone = together(frame, index), made_of(frame)
        assert np.array_equal(first.pairs, alone.pairs)
        for one, other in ((first.left, alone.left), (first.right, alone.right)):
            np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-12)


def test_what_is_kept_of_electrodes_is_bounded_and_forgetting_changes_nothing(monkeypatch):
    """Crystals of eight lattice constants through room for three, then the first again."""
    frames = [wire(layers=13)]
    frames += [
        replace(frames[0], positions=a * frames[0].positions, cell=a * frames[0].cell) for a in 1.0 + 0.002 * np.arange(1, 8)
    ]
    one = WireBuilder("tight_binding", Bonds(), 4.5, (GOLD,))
    one(frames[0], 0)
    (found,), (surfaces,) = one._junctions.values(), one._surfaces.values()
    for largest, kept in ((found.nbytes, "_junctions"), (surfaces.nbytes, "_surfaces")):
        monkeypatch.setattr(wire_contacts, "MEMORY_BYTES", 3 * largest)
        build = WireBuilder("tight_binding", Bonds(), 4.5, (GOLD,))
        for count, frame in enumerate(frames, 1):
            build(frame, 0)
            assert len(getattr(build, kept)) == min(count, 3)
        first = next(iter(getattr(build, kept)))
        again, alone = build(frames[0], 0), made_of(frames[0])
        assert first not in getattr(build, kept) and len(getattr(build, kept)) == 3, "the one used longest ago goes"
        for side, other in ((again.left, alone.left), (again.right, alone.right)):
            assert np.array_equal(side.matrix, other.matrix)
        assert np.array_equal(again.bare, alone.bare)


def test_an_electrode_that_is_not_ideal_is_refused_after_others_too():
    frame = wire(layers=13)
    moved = replace(frame, positions=frame.positions.copy())
    moved.positions[1] += [0.0, 0.08, 0.0]
    build = WireBuilder("tight_binding", Bonds(), 4.5, (GOLD,))
    build(frame, 0)
    for builder in (build, WireBuilder("tight_binding", Bonds(), 4.5, (GOLD,))):
        with pytest.raises(InputError, match="structure 1"):
            builder(moved, 1)


def test_a_wire_that_has_come_apart_does_not_conduct():
    frame = wire(layers=14)
    for gap in (5.5, 10.5):  # in the middle, and right behind the principal layer
        apart = replace(frame, positions=frame.positions + [0.0, 0.0, 8.0] * (frame.positions[:, 2:] > gap * SPACING))
        assert bare(apart) == pytest.approx(0.0, abs=1e-12)


def test_periodic_images_of_an_atom_are_its_neighbours():
    """One atom a layer and cell couples to its own images; four cells side by side hold the same crystal."""
    one = bulk("Au", "sc", a=2.9) * (1, 1, 14)
    one.pbc = (True, True, False)
    four = one * (2, 2, 1)
    values = []
    for atoms, cells in ((one, 1), (four, 4)):
        values.append(bare_hamiltonian(made_of(Frame.from_atoms(atoms))).sum() / cells)
    assert values[0] == pytest.approx(values[1], rel=1e-6)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (wire(layers=3), "structure 0"),
        (replace(wire(), pbc=np.array([True, True, True]), cell=wire().cell + np.diag([0.0, 0.0, 40.0])), "periodic along z"),
        (replace(wire(), pbc=np.array([True, True, True])), "without a cell vector"),
        (wire(numbers=lambda f: np.where(f.positions[:, 2] < 9.0, SILVER, GOLD)), "of Ag and Au"),
        (replace(wire(), positions=3 * wire().positions, cell=3 * wire().cell), "unit of the positions"),
    ],
    ids=["too short", "no ends", "no cell", "two metals", "other units"],
)
def test_what_is_not_a_wire_between_like_electrodes_is_refused(frame, words):
    with pytest.raises(InputError, match=words):
        made_of(frame)


def test_a_device_or_a_cutoff_shorter_than_the_hopping_is_refused():
    atoms = bulk("K", "bcc", a=5.23, cubic=True) * (2, 2, 5)
    atoms.pbc = (True, True, False)
    thin = Frame.from_atoms(atoms[atoms.positions[:, 2] < 8.6 * 5.23 / 2])
    long = Frame.from_atoms(atoms * (1, 1, 2))
    with pytest.raises(InputError, match="add layers"):
        WireBuilder("tight_binding", Bonds(), 7.0, (19,))(thin, 0)
    with pytest.raises(InputError, match=r"set cutoff_A to 6\.4 or more"):
        WireBuilder("tight_binding", Bonds(), 4.5, (19,))(long, 0)


def test_broken_structures_are_named_whether_first_or_later():
    frame = wire()
    lost, doubled = (replace(frame, positions=frame.positions.copy()) for _ in range(2))
    lost.positions[20] = np.nan
    doubled.positions[21] = doubled.positions[20] + 0.1
    build = WireBuilder("tight_binding", Bonds(), 4.5, (GOLD,))
    for bad, words in ((lost, "not finite"), (doubled, "overlap")):
        with pytest.raises(ItemError, match=words):
            made_of(bad)
        build(frame, 0)
        with pytest.raises(ItemError, match=words):
            build(bad, 1)


def test_an_element_that_was_not_learnt_is_refused_and_a_failed_fit_changes_nothing():
    silver = wire(numbers=lambda f: np.full(len(f), SILVER))
    data = pulled()
    regressor = sharvin.create("regressors", "tight_binding", **SMALL, epochs=1)
    regressor.fit(data, data, np.random.default_rng(0))
    before = regressor.predict(data.samples).mean
    with pytest.raises(InputError, match="trained on Au"):
        regressor.predict(Frames([silver]))
    short = Dataset(Frames([silver, wire(layers=3)]), np.ones(2), np.arange(2))
    with pytest.raises(InputError, match="structure 1"):
        regressor.fit(short, short, np.random.default_rng(0))
    assert np.array_equal(regressor.predict(data.samples).mean, before)


@cache
def pulled(samples=18):
    """Crystals and necks of one to three single atoms; their conductances are those of the bare hopping with another decay."""
    frames, targets = [], []
    for index in range(samples):
        kept = tuple(range(6, 6 + index % 4)) if index % 3 else ()
        frame = wire(layers=11 + index % 4, kept=kept, shake=0.12, seed=index)
        frames.append(frame)
        targets.append(bare(frame, decay=4.0))
    return Dataset(Frames(frames), np.array(targets), np.arange(samples) // 3)


class TestTightBinding(RegressorTests):
    name = "tight_binding"
    options: ClassVar[dict] = {**SMALL, "channels": 12, "epochs": 60, "patience": 60, "learning_rate": 0.02, "batch_size": 5}

    @pytest.fixture
    def data(self):
        return pulled()

    def test_features_are_refused(self, component, data):
        rows = Features(np.ones((18, 3), dtype=np.float32))
        with pytest.raises(InputError, match="takes"):
            component.fit(Dataset(rows, data.targets, data.groups), data, np.random.default_rng(0))

    def test_what_is_no_conductance_is_refused(self, component, data):
        with pytest.raises(InputError, match="learns conductances"):
            component.fit(Dataset(data.samples, data.targets - 3.0, data.groups), data, np.random.default_rng(0))


def test_what_was_learnt_of_short_necks_holds_for_longer_ones():
    """Only the Hamiltonian is learnt: a neck three times as long as any in the training, where a resonance comes and goes."""
    rng = np.random.default_rng(4)
    short = [wire(layers=10 + n, kept=tuple(range(5, 5 + n)), shake=0.1, seed=10 * n + k) for n in (1, 2, 3) for k in range(8)]
    long = [wire(layers=17, kept=tuple(range(5, 12)), shake=0.1, seed=900 + k) for k in range(8)]
    teacher = Model(seed=7, strength=0.5, layers=1)
    train = Dataset(Frames(short), teacher(*short), np.arange(len(short)))
    exact = teacher(*long)
    options = {**SMALL, "channels": 12, "epochs": 80, "patience": 80, "learning_rate": 0.02, "batch_size": 6}
    regressor = sharvin.create("regressors", "tight_binding", **options)
    regressor.fit(train, train, rng)
    error = np.abs(regressor.predict(Frames(long)).mean - exact)
    spread = np.abs(exact - train.targets.mean()).mean()
    assert error.mean() < 0.35 * spread
