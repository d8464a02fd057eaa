"""A training distribution knows what it has seen: its own trajectories are inside, what differs from them is outside."""

import numpy as np
import pytest
from sharvin.errors import InputError, StoreError
from sharvin.frames import Frame, Frames
from sharvin.numerics.farthest_points import farthest_points
from sharvin.samples import Dataset, Features, FeatureShards, Images
from sharvin_studies.fitted_model import applicability_domain
from sharvin_studies.fitted_model.applicability_domain import Domain
from sharvin_studies.fitted_model.radial_environments import RadialEnvironments

A_AU = 4.08


@pytest.fixture(scope="module", autouse=True)
def few_environments():
    """As many training rows for each environment that is kept as in a study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(applicability_domain, "ENVIRONMENTS", 400)
        yield


DIRECTIONS = np.linalg.qr(np.random.default_rng(7).normal(size=(40, 3)))[0].T


def rows(rng, n_structures, atoms=20):
    """Environments of two kinds, many narrow ones (bulk) and a few wide ones (neck), in a plane of forty features."""
    n = n_structures * atoms
    wide = (np.arange(n) % atoms) < 4
    values = rng.normal(size=(n, 2)) * np.where(wide, 0.5, 0.1)[:, None] + np.where(wide, 3.0, 0.0)[:, None]
    return Features(values @ DIRECTIONS[:2], np.arange(0, n + 1, atoms))


def moved(ordinary, atom, vector):
    """The same structure with one atom's environment changed."""
    values = ordinary.values.copy()
    values[atom] += vector
    return Features(values, ordinary.offsets)


def dataset(samples, groups):
    return Dataset(samples, np.zeros(len(samples)), groups)


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(1)
    return dataset(rows(rng, 400), np.arange(400) % 4), dataset(rows(rng, 100), 4 + np.arange(100) % 3)


@pytest.fixture(scope="module")
def domain(study):
    return Domain.learn(*study, np.random.default_rng(2))


def test_new_frames_of_the_same_kind_are_inside(domain):
    scores = domain.scores(rows(np.random.default_rng(3), 300))
    assert np.mean(scores > 1.0) <= 0.04
    assert np.median(scores) > 0.2


def test_a_change_of_a_bulk_atom_that_would_be_usual_in_the_neck_is_outside(domain):
    ordinary = rows(np.random.default_rng(4), 1)
    values = ordinary.values.copy()
    values[[0, 10]] = np.array([[3.0, 3.0], [0.0, 0.0]]) @ DIRECTIONS[:2]
    centred = Features(values, ordinary.offsets)
    change = 0.7 * DIRECTIONS[0]
    assert domain.scores(moved(centred, 10, change))[0] > 1.0
    assert domain.scores(moved(centred, 0, change))[0] < 1.0


def test_a_direction_that_never_varied_in_the_training_counts(domain):
    ordinary = rows(np.random.default_rng(5), 1)
    assert domain.scores(moved(ordinary, 12, 0.7 * DIRECTIONS[2]))[0] > 2.0


def test_scores_grow_with_the_distance_and_belong_to_a_structure_alone(domain):
    ordinary = rows(np.random.default_rng(6), 1)
    four = Features.concatenate([moved(ordinary, 10, length * DIRECTIONS[2]) for length in (0.0, 1.0, 2.0, 4.0)])
    scores = domain.scores(four)
    assert (np.diff(scores) > 0).all() and scores[-1] > 3.0
    alone = [domain.scores(four.take(np.array([i])))[0] for i in range(4)]
    assert scores.tolist() == alone


def test_coordinates_never_exaggerate_a_distance(domain):
    some = np.random.default_rng(8).normal(size=(50, 40))
    z = some * domain.projection.inverse_spread
    true = np.linalg.norm(z[:, None] - z, axis=-1)
    y = domain.projection(some)
    assert (np.linalg.norm(y[:, None] - y, axis=-1) <= true + 1e-9).all()


def test_a_split_by_sample_does_not_make_new_trajectories_look_strange():
    """Frames of one trajectory are nearly copies of each other; held-out ones lie among the training samples."""
    rng = np.random.default_rng(9)
    trajectories = [centre + 0.01 * rng.normal(size=(20, 6)) for centre in rng.normal(size=(60, 6))]
    samples, new = (Features(np.concatenate(part)) for part in (trajectories[:40], trajectories[40:]))
    order, flagged = rng.permutation(800), []
    for groups in (np.repeat(np.arange(40), 20), np.arange(800)):
        data = dataset(samples, groups)
        domain = Domain.learn(data.take(order[:700]), data.take(order[700:]), np.random.default_rng(0))
        flagged.append(np.mean(domain.scores(new) > 1.0))
    assert flagged[0] < 0.3 and flagged[1] > 0.9  # groups known, and not known


def test_equal_streams_of_random_numbers_give_equal_distributions_and_files_keep_them(domain, study, tmp_path):
    again = Domain.learn(*study, np.random.default_rng(2))
    probe = rows(np.random.default_rng(10), 5)
    again.save(tmp_path / "domain.h5")
    np.testing.assert_array_equal(Domain.load(tmp_path / "domain.h5").scores(probe), domain.scores(probe))


def test_rows_in_files_give_the_same_distribution_as_in_memory(domain, study, tmp_path):
    training, held_out = study
    (tmp_path / "shard").mkdir()
    FeatureShards.write(tmp_path / "shard", training.samples)
    from_files = Domain.learn(dataset(FeatureShards([tmp_path / "shard"]), training.groups), held_out, np.random.default_rng(2))
    np.testing.assert_array_equal(from_files.environments, domain.environments)


def test_farthest_points_cover_the_others():
    points = np.random.default_rng(11).normal(size=(500, 3))
    chosen, radius = farthest_points(points, 60)
    assert len(set(chosen.tolist())) == 60
    away = np.linalg.norm(points[:, None] - points[chosen], axis=-1).min(1)
    assert away.max() == pytest.approx(radius)
    spacing = np.linalg.norm(points[chosen][:, None] - points[chosen], axis=-1)[np.triu_indices(60, 1)].min()
    assert spacing >= radius
    assert len(farthest_points(np.ones((5, 2)), 3)[0]) == 1
    assert [len(found) for found in farthest_points(np.zeros((0, 2)), 3)[:1]] == [0]


def lattice(a, repeats=3, jitter=0.0, rng=None, symbol=79):
    """An fcc crystal, every atom displaced at random."""
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    cells = np.stack(np.meshgrid(*[np.arange(repeats)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    positions = (a * (cells + basis)).reshape(-1, 3)
    if rng is not None:
        positions = positions + rng.normal(scale=jitter, size=positions.shape)
    return Frame(np.full(len(positions), symbol), positions, a * repeats * np.eye(3), np.array([True, True, True]))


@pytest.fixture(scope="module")
def crystals():
    rng = np.random.default_rng(12)
    frames = Frames(lattice(A_AU, jitter=0.05, rng=rng) for _ in range(16))
    data = dataset(frames, np.arange(16) % 4)
    return Domain.learn(data.take(slice(0, 12)), dataset(frames[12:], 4 + np.arange(4)), rng), rng


def test_frames_themselves_are_judged_by_the_distances_of_neighbours(crystals, tmp_path):
    domain, rng = crystals
    assert domain.kind == "graph"
    domain.save(tmp_path / "domain.h5")
    loaded = Domain.load(tmp_path / "domain.h5")
    usual, swollen = lattice(A_AU, jitter=0.05, rng=rng), lattice(1.1 * A_AU, jitter=0.05, rng=rng)
    scores = loaded.scores(Frames([usual, swollen]))
    assert scores[0] < 1.3 < 2.0 < scores[1]
    hole = lattice(A_AU, jitter=0.05, rng=rng)
    hole = Frame(hole.numbers[1:], hole.positions[1:], hole.cell, hole.pbc)
    assert loaded.scores(Frames([hole]))[0] > 1.0
    with pytest.raises(InputError, match="Au, not Ag"):
        loaded.scores(Frames([lattice(A_AU, symbol=47)]))


def test_radial_functions_do_not_depend_on_rotation_order_or_the_cell():
    rng = np.random.default_rng(13)
    frame = lattice(A_AU, 2, 0.1, rng)
    radial = RadialEnvironments(("Ag", "Au"))
    expected = radial.describe(Frames([frame])).values
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned = Frame(frame.numbers, frame.positions @ rotation.T, frame.cell @ rotation.T, frame.pbc)
    np.testing.assert_allclose(radial.describe(Frames([turned])).values, expected, atol=1e-10)
    order = rng.permutation(len(frame))
    shuffled = Frame(frame.numbers, frame.positions[order], frame.cell, frame.pbc)
    np.testing.assert_allclose(radial.describe(Frames([shuffled])).values, expected[order], atol=1e-10)
    twice = Frame(
        np.tile(frame.numbers, 2),
        np.concatenate([frame.positions, frame.positions + frame.cell[2]]),
        frame.cell * np.array([[1], [1], [2]]),
        frame.pbc,
    )
    np.testing.assert_allclose(radial.describe(Frames([twice])).values, np.tile(expected, (2, 1)), atol=1e-10)


def test_what_cannot_be_compared_is_refused(domain, study, tmp_path):
    with pytest.raises(InputError, match="40 features per row and got 3"):
        domain.scores(Features(np.ones((2, 3)), np.array([0, 2])))
    with pytest.raises(InputError, match="per_atom samples, not of per_structure"):
        domain.scores(Features(np.ones((2, 40))))
    with pytest.raises(InputError, match="image samples"):
        Domain.learn(dataset(Images(np.ones((3, 2, 2))), np.arange(3)), study[1], np.random.default_rng(0))
    with pytest.raises(InputError, match="held-out ones"):
        Domain.learn(study[0], study[1].take(slice(0, 0)), np.random.default_rng(0))
    with pytest.raises(StoreError, match="missing"):
        Domain.load(tmp_path / "nowhere.h5")
