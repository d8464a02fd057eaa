"""The equivariant network: what conductance does not depend on, and what an atom can know of its surroundings."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import sharvin
import torch
from e3nn import o3
from scipy.spatial.transform import Rotation
from sharvin.errors import InputError, ItemError, RigidAtomsUnknownError
from sharvin.frames import Frame, Frames
from sharvin.samples import Dataset, Features
from sharvin.testing import RegressorTests
from sharvin_models.structures.configs import EquivariantOptions
from sharvin_models.structures.equivariant_network import AngularCoupling, EquivariantNetwork
from sharvin_models.structures.neighbour_graph import GraphBuilder, batched

GOLD, SILVER = 79, 47
CPU = torch.device("cpu")
BOX = np.diag([7.0, 7.5, 0.0])
SMALL = {"jitter_A": 0.0, "averaging": 0.0, "centres": "all", "channels": 6, "atom_width": 8, "head_layers": [8], "l_max": 2}
LEARNING = {"layers": 1, "epochs": 60, "patience": 60, "learning_rate": 0.02, "batch_size": 12}


def wire(seed=0, n=14, pbc=(True, True, False), length=9.0):
    """Gold and silver atoms at random places, none of them close to another."""
    rng = np.random.default_rng(seed)
    pbc = np.array(pbc)
    positions = np.empty((0, 3))
    while len(positions) < n:
        new = rng.uniform(0, 1, 3) * [7.0, 7.5, length]
        vectors = positions - new
        vectors -= np.round(vectors / [7.0, 7.5, 1e9]) * [7.0, 7.5, 1e9] * pbc
        if not len(vectors) or np.linalg.norm(vectors, axis=1).min() > 1.8:
            positions = np.vstack([positions, new])
    return Frame(rng.choice([GOLD, SILVER], n), positions, BOX * pbc[:, None], pbc, rigid=np.zeros(n, dtype=bool))


def chain(*, n=3, spacing=2.6, angle=180.0):
    """Gold atoms in the plane y = 0, every bond bent by the same angle."""
    turn = np.radians(180.0 - angle) * np.arange(n - 1)
    steps = spacing * np.stack([np.sin(turn), 0 * turn, np.cos(turn)], axis=1)
    positions = np.vstack([np.zeros(3), np.cumsum(steps, axis=0)])
    return Frame(np.full(n, GOLD), positions, np.zeros((3, 3)), np.zeros(3, dtype=bool))


class Exact:
    """The network with its initial weights in double precision, where only rounding separates equal structures."""

    def __init__(self, seed=0, **options):
        self.options = EquivariantOptions(**{**SMALL, **options})
        self.build = GraphBuilder("equivariant", self.options.cutoff_A, self.options.centres, (SILVER, GOLD), "float64")
        self.network = EquivariantNetwork(2, 6.0, self.options)
        self.network.initialise(np.random.default_rng(seed))
        self.network.double()

    def __call__(self, *frames):
        with torch.no_grad():
            return self.network(batched([self.build(frame, 0) for frame in frames], self.options.cutoff_A, CPU)).numpy()


def moved(frame, matrix=None, shift=0.0):
    matrix = np.eye(3) if matrix is None else matrix
    return replace(frame, positions=frame.positions @ matrix.T + shift, cell=frame.cell @ matrix.T)


TURN = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()
MIRROR = np.diag([1.0, 1.0, -1.0])

every_kind = pytest.mark.parametrize(
    "options",
    [{}, {"message_l_max": 2}, {"l_max": 3, "message_l_max": 1, "layers": 3}, {"pooling": "attention"}, {"pooling": "mean"}],
    ids=str,
)


@every_kind
def test_conductance_knows_no_direction_origin_or_handedness(options):
    model, frame = Exact(**options), wire()
    same = [moved(frame, TURN), moved(frame, MIRROR @ TURN), moved(frame, -np.eye(3)), moved(frame, shift=[0.3, 9.0, 2.0])]
    np.testing.assert_allclose(model(*same), np.repeat(model(frame), 4), rtol=0, atol=1e-12)


@every_kind
def test_atoms_have_no_numbers_and_periodic_images_are_one_atom(options):
    model, frame = Exact(**options), wire()
    order = np.random.default_rng(1).permutation(len(frame))
    shuffled = replace(frame, numbers=frame.numbers[order], positions=frame.positions[order], rigid=None)
    images = replace(frame, positions=frame.positions + np.arange(len(frame))[:, None] % 3 * [7.0, -15.0, 0.0])
    np.testing.assert_allclose(model(shuffled, images), np.repeat(model(frame), 2), rtol=0, atol=1e-12)


@every_kind
def test_a_longer_piece_of_the_same_wire_is_the_same_wire(options):
    """Doubling the periodic cell doubles all atoms, which neither a maximum nor a mean over them sees."""
    frame = wire()
    twice = Frame(
        np.tile(frame.numbers, 2),
        np.vstack([frame.positions, frame.positions + np.array([7.0, 0.0, 0.0])]),
        frame.cell * [[2.0], [1.0], [1.0]],
        frame.pbc,
    )
    model = Exact(**options)
    np.testing.assert_allclose(model(twice), model(frame), rtol=0, atol=1e-12)


@every_kind
def test_nothing_happens_when_an_atom_crosses_the_cutoff(options):
    """The prediction and its slope are continuous there, and it does change further inside."""
    model = Exact(**options)
    cutoff, step = model.options.cutoff_A, 1e-3

    def pair(distance):
        return replace(chain(n=2), positions=np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance]]))

    apart, inside, beyond, near = model(pair(cutoff + 1.0), pair(cutoff - step), pair(cutoff + step), pair(cutoff - 1.0))
    assert beyond == apart
    assert abs(inside - apart) < 1e-8
    assert abs(near - apart) > 1e-4


def test_single_precision_predicts_what_double_precision_does():
    exact, frame = Exact(), wire()
    single = EquivariantNetwork(2, 6.0, exact.options)
    single.initialise(np.random.default_rng(0))
    build = GraphBuilder("equivariant", exact.options.cutoff_A, "all", (SILVER, GOLD))
    with torch.no_grad():
        found = [
            float(single(batched([build(one, 0)], exact.options.cutoff_A, CPU))) for one in (frame, moved(frame, MIRROR @ TURN))
        ]
    np.testing.assert_allclose(found, np.repeat(exact(frame), 2), rtol=0, atol=1e-5)


def coupled(square, first, second):
    """Two sets of irreps 0e + 1o + 2e through a coupling with fixed weights, and these."""
    coupling = AngularCoupling(2, 2, 2, 4, square).double()
    for weight in coupling.mix:
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return coupling(first[coupling.left] * second[coupling.right]), [weight.detach() for weight in coupling.mix]


def irreps(seed):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(9, 5, 4)))


@pytest.mark.parametrize("square", [False, True])
def test_coupled_features_turn_as_irreps_do(square):
    wigner = o3.Irreps("0e + 1o + 2e").D_from_matrix(torch.from_numpy(MIRROR @ TURN))
    one, two = irreps(1), irreps(1 if square else 2)
    turned_one, turned_two, turned = (
        torch.einsum("ij,jnc->inc", wigner, values) for values in (one, two, coupled(square, one, two)[0])
    )
    torch.testing.assert_close(coupled(square, turned_one, turned_two)[0], turned, rtol=0, atol=1e-5)  # e3nn's D come from angles


@pytest.mark.parametrize("square", [False, True])
def test_couplings_are_sums_over_clebsch_gordan_coefficients(square):
    one, two = irreps(1), irreps(1 if square else 2)
    found, weights = coupled(square, one, two)
    for l3, path_weights in enumerate(weights):
        paths = [(a, b) for a in range(3) for b in range(3) if abs(a - b) <= l3 <= a + b and (a + b + l3) % 2 == 0]
        paths = [(a, b) for a, b in paths if a <= b or not square]
        expected = torch.zeros(2 * l3 + 1, 5, 4, dtype=torch.float64)
        for (a, b), weight in zip(paths, path_weights, strict=True):
            coefficients = o3.wigner_3j(a, b, l3, dtype=torch.float64) * np.sqrt(2 * l3 + 1)
            left, right = one[a * a : (a + 1) ** 2], two[b * b : (b + 1) ** 2]
            expected += torch.einsum("ijk,inc,jnc,cd->knd", coefficients, left, right, weight)
        torch.testing.assert_close(found[l3 * l3 : (l3 + 1) ** 2], expected, rtol=0, atol=1e-10)


def test_without_angular_momentum_one_round_tells_distances_only():
    """Three atoms, the ends out of each other's reach: bending the bond keeps all distances within the cutoff."""
    bent = [chain(spacing=2.6, angle=angle) for angle in (180.0, 150.0, 130.0)]
    reach = {"cutoff_A": 4.5, "layers": 1}
    assert np.ptp(Exact(l_max=0, **reach)(*bent)) < 1e-12
    assert np.ptp(Exact(l_max=1, **reach)(*bent)) > 1e-4


def electrodes(shift=0.0, beyond=0.0):
    """Two mobile atoms between rigid ones: the next, moved by `shift`, and those behind, moved by `beyond`."""
    z = np.array([-7.0 - beyond, -3.0 - shift, 0.0, 2.8, 5.8 + shift, 9.8 + beyond])
    rigid = np.array([True, True, False, False, True, True])
    positions = np.stack([0 * z, 0 * z, z], axis=1)
    return Frame(np.full(6, GOLD), positions, np.zeros((3, 3)), np.zeros(3, dtype=bool), rigid=rigid)


def test_rigid_atoms_speak_for_themselves_alone():
    """Of rigid atoms, mobile ones hear where the next are, and nothing of what lies behind them."""
    model = Exact(centres="mobile", layers=3)
    here, near, far = model(electrodes(), electrodes(shift=0.1), electrodes(beyond=0.3))
    assert abs(near - here) > 1e-4
    assert far == pytest.approx(here, abs=1e-14)
    every = Exact(centres="all", layers=3)
    assert abs(np.diff(every(electrodes(), electrodes(beyond=0.3)))) > 1e-4


def test_an_atom_far_away_has_no_say_in_the_maximum_unless_it_is_the_largest():
    model = Exact()
    one, other = wire(0, pbc=(False,) * 3), wire(1, pbc=(False,) * 3)
    both = replace(
        one,
        numbers=np.concatenate([one.numbers, other.numbers]),
        positions=np.vstack([one.positions, other.positions + np.array([0.0, 0.0, 50.0])]),
        rigid=None,
    )
    thrice = replace(
        both, numbers=np.concatenate([both.numbers, one.numbers]), positions=np.vstack([both.positions, one.positions - 50.0])
    )
    assert model(both) == pytest.approx(model(thrice), abs=1e-12)
    assert abs(model(both) - model(one)) > 1e-6


def test_jitter_displaces_atoms_and_nothing_else():
    """Padding included: the second structure has fewer neighbours than the first."""
    model, frames = Exact(), [chain(n=5), chain(n=2)]
    cutoff = model.options.cutoff_A
    batch = batched([model.build(frame, 0) for frame in frames], cutoff, CPU)
    shift = np.random.default_rng(4).normal(scale=0.05, size=(7, 3))
    displaced = [moved(frames[0], shift=shift[:5]), moved(frames[1], shift=shift[5:])]
    with torch.no_grad():
        found = model.network(batch.jittered(0.05, cutoff, np.random.default_rng(4))).numpy()
    np.testing.assert_allclose(found, model(*displaced), rtol=0, atol=1e-12)


def bond_lengths(n=24, seed=0):
    """Bent triples of gold atoms; the conductance falls with the longer bond."""
    rng = np.random.default_rng(seed)
    frames = [chain(spacing=rng.uniform(2.4, 3.2), angle=rng.uniform(100, 180)) for _ in range(n)]
    for frame in frames:
        frame.positions[2] += rng.uniform(0.0, 0.8) * (frame.positions[2] - frame.positions[1])
    targets = np.array([np.exp(2.5 - np.linalg.norm(frame.positions[2] - frame.positions[1])) for frame in frames])
    return Dataset(Frames(frames), targets, np.arange(n) // 4)


class TestEquivariant(RegressorTests):
    """The contract of regressors."""

    name = "equivariant"
    options: ClassVar = {**SMALL, **LEARNING, "l_max": 1}

    @pytest.fixture
    def data(self):
        return bond_lengths()


def fitted(data=None, **options):
    data = data or bond_lengths(8)
    model = sharvin.create("regressors", "equivariant", **{**SMALL, "epochs": 2, "l_max": 1, **options})
    model.fit(data, data, np.random.default_rng(0))
    return model


def test_an_interrupted_fit_ends_with_the_same_model(tmp_path):
    data, options = bond_lengths(8), {**SMALL, **LEARNING, "l_max": 1, "epochs": 4, "jitter_A": 0.02}

    def model():
        return sharvin.create("regressors", "equivariant", **options)

    whole, killed, resumed = model(), model(), model()
    whole.fit(data, data, np.random.default_rng(3))

    class Killed(Exception):
        pass

    def dies(network, graphs, calls=[]):  # noqa: B006 - counts the epochs
        calls.append(1)
        if len(calls) > 2:
            raise Killed
        return type(killed)._predict(killed, network, graphs)

    killed._predict = dies
    for one in (killed, resumed):
        one.keep_progress(tmp_path)
    with pytest.raises(Killed):
        killed.fit(data, data, np.random.default_rng(3))
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2
    resumed.fit(data, data, np.random.default_rng(3))
    assert np.array_equal(resumed.predict(data.samples).mean, whole.predict(data.samples).mean)


def nowhere(frame):
    return replace(frame, positions=np.full((len(frame), 3), np.nan))


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (
            lambda frame: replace(frame, numbers=np.full(len(frame), SILVER)),
            {},
            InputError,
            "trained on Au and structure 0 holds Ag",
        ),
        (
            lambda frame: replace(frame, numbers=frame.numbers[:0], positions=frame.positions[:0], rigid=None),
            {},
            InputError,
            "no atoms",
        ),
        (lambda frame: replace(frame, positions=0.01 * frame.positions), {}, ItemError, "Å apart"),
        (nowhere, {}, ItemError, "not finite"),
        (lambda frame: replace(frame, pbc=np.array([True, False, False])), {}, InputError, "without a cell vector"),
        (lambda frame: replace(frame, rigid=np.ones(len(frame), dtype=bool)), {"centres": "mobile"}, InputError, "is rigid"),
        (lambda frame: replace(frame, rigid=None), {"centres": "mobile"}, RigidAtomsUnknownError, "set centres: all"),
    ],
)
def test_structures_that_make_no_graph_are_refused(change, options, error, message):
    data = bond_lengths(8)
    frames = Frames(replace(frame, rigid=np.zeros(len(frame), dtype=bool)) for frame in data.samples)
    model = fitted(replace(data, samples=frames), **options)
    with pytest.raises(error, match=message):
        model.predict(Frames([change(frames[0])]))


def test_features_of_a_descriptor_are_refused():
    with pytest.raises(InputError, match="leave the descriptor out"):
        fitted().predict(Features(np.zeros((3, 5)), np.array([0, 3])))


def test_a_model_says_when_it_is_missing_or_anothers(tmp_path):
    empty = sharvin.create("regressors", "equivariant")
    with pytest.raises(InputError, match="no model yet"):
        empty.predict(bond_lengths(1).samples)
    with pytest.raises(InputError, match="no model yet"):
        empty.save(tmp_path)
    with pytest.raises(InputError, match="no trained model"):
        empty.load(tmp_path)


@pytest.mark.parametrize("options", [{"l_max": 1, "message_l_max": 2}, {"layers": 1, "message_l_max": 1}])
def test_messages_cannot_carry_more_than_atoms_have(options):
    with pytest.raises(InputError, match="message_l_max"):
        sharvin.create("regressors", "equivariant", **options)
