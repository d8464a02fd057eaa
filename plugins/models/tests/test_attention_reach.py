"""Atoms that hear those near them along the wire: what must not matter, what is out of hearing, and what is asked of samples."""

import numpy as np
import pytest
import sharvin
import torch
from pydantic import ValidationError
from sharvin.errors import InputError
from sharvin.frames import Frame, Frames
from sharvin.samples import Dataset, DescribedFrames, Features
from sharvin_models.atoms.atom_transformer import SUM_UNIT, AtomTransformer, nearness
from sharvin_models.atoms.configs import TransformerOptions
from sharvin_models.training.layers import initialise

SIZE, WIDTH, REACH = 5, 12, 4.0
SMALL = {"atom_layers": (), "d_model": WIDTH, "feed_forward": 10, "layers": 2, "head_layers": (6,), "dropout": 0.0}
SOFTMAX = {**SMALL, "attention": "softmax", "attention_reach_A": REACH, "heads": 3}
SUM = {**SMALL, "attention": "sum", "attention_reach_A": REACH}


def network(options, **others):
    """With all weights drawn, as after a training."""
    rng = np.random.default_rng(0)
    one = AtomTransformer(rng.normal(size=SIZE), rng.uniform(0.5, 2.0, SIZE), TransformerOptions(**{**options, **others}))
    initialise(one, rng)
    return one.eval()


def wires(*counts, seed=1):
    """Rows and heights of structures, three atoms a layer of 2 Å."""
    rng = np.random.default_rng(seed)
    rows = [torch.from_numpy(rng.normal(size=(n, SIZE)).astype(np.float32)) for n in counts]
    return rows, [torch.from_numpy(np.arange(n) // 3 * 2.0 + rng.normal(scale=0.1, size=n)) for n in counts]


def near(one):
    """Agrees to rounding with another prediction."""
    return {"expected": one, "rtol": 0, "atol": 2e-6}


@pytest.fixture(params=[(kind, norm) for kind in ("softmax", "sum") for norm in ("none", "pre", "post")], ids="-".join)
def model(request):
    kind, norm = request.param
    return network(SOFTMAX if kind == "softmax" else SUM, norm=norm)


@torch.no_grad()
def test_where_the_wire_lies_and_which_end_is_up_do_not_matter(model):
    (rows,), (heights,) = wires(20)
    as_it_is = model.alone(rows, heights)
    torch.testing.assert_close(model.alone(rows, heights + 1234.5), **near(as_it_is))
    torch.testing.assert_close(model.alone(rows, -heights), **near(as_it_is))
    assert (model.alone(rows, 0.5 * heights) - as_it_is).abs() > 1e-4


@torch.no_grad()
def test_the_order_of_atoms_does_not_matter(model):
    (rows,), (heights,) = wires(20)
    order = torch.from_numpy(np.random.default_rng(2).permutation(20))
    torch.testing.assert_close(model.alone(rows[order], heights[order]), **near(model.alone(rows, heights)))


@torch.no_grad()
def test_a_structure_alone_and_in_a_batch_of_other_lengths_is_the_same(model):
    rows, heights = wires(5, 9, 5, 1, 9, 30)
    alone = torch.cat([model.alone(*structure) for structure in zip(rows, heights, strict=True)])
    torch.testing.assert_close(model(rows, heights), **near(alone))


@torch.no_grad()
def test_pieces_out_of_each_others_reach_are_as_if_alone(model):
    """The states of two pieces of wire, L apart, are those of each; closer, they are not."""
    rows, heights = wires(9, 12)

    def states(gap):
        above = heights[1] - heights[1].min() + heights[0].max() + gap
        together = torch.cat([heights[0], above])
        return model.layers[0](model.embed(torch.cat(rows)), [(1, 21)], model._nearness([together], [(1, 21)]))

    own = [
        model.layers[0](model.embed(r), [(1, len(r))], model._nearness([h], [(1, len(r))]))
        for r, h in zip(rows, heights, strict=True)
    ]
    torch.testing.assert_close(states(REACH), **near(torch.cat(own)))
    assert (states(REACH / 2) - torch.cat(own)).abs().max() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize("reach", [REACH, 1e6])
def test_the_softmax_is_taken_over_what_is_near(reach):
    """Weights exp(q·k/√d) (1 − (Δz/L)²)², normalised, written out for one layer; a reach without end is plain attention."""
    one = network(SOFTMAX, norm="none", attention_reach_A=reach)
    (rows,), (heights,) = wires(14)
    states, layer = one.embed(rows), one.layers[0]
    q, k, v = layer.queries_keys_values(states).view(14, 3, 3, WIDTH // 3).permute(1, 2, 0, 3)
    apart = (heights[:, None] - heights[None, :]).abs() / reach
    factor = torch.where(apart < 1, (1 - apart**2) ** 2, 0.0)
    weights = torch.exp(q @ k.transpose(1, 2) / np.sqrt(WIDTH // 3)) * factor
    expected = ((weights / weights.sum(-1, keepdim=True)).float() @ v).transpose(0, 1).reshape(14, WIDTH)
    found = layer._attend(states, [(1, 14)], one._nearness([heights], [(1, 14)]))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    plain = layer._attend(states, [(1, 14)], [None])
    assert torch.allclose(found, plain, atol=1e-5) == (reach > REACH)


@torch.no_grad()
def test_sums_grow_with_the_atoms_nearby():
    """Σ (1 − (Δz/L)²)² v over the atoms within reach, itself among them: twice with every atom twice, however long the wire."""
    one = network(SUM, norm="none")
    (rows,), (heights,) = wires(14)
    layer, states = one.layers[0], one.embed(rows)

    def sums(h, z):
        return layer._sum(h, [(1, len(h))], one._nearness([z], [(1, len(h))]))

    values = layer.activation(layer.values(states))
    expected = torch.zeros_like(values)
    for i in range(14):
        for j in range(14):
            apart = float(heights[i] - heights[j]) / REACH
            if abs(apart) < 1:
                expected[i] += (1 - apart**2) ** 2 * values[j] / SUM_UNIT
    torch.testing.assert_close(sums(states, heights), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(sums(states.repeat(2, 1), heights.repeat(2))[:14], 2 * expected, rtol=1e-4, atol=1e-5)


def test_weights_go_to_zero_smoothly():
    weights = nearness(torch.tensor([0.0, 3.999, 4.0, 4.001], dtype=torch.float64), 4.0)
    assert weights[0, 0] == 1.0
    assert 0 < weights[0, 1] < 1e-5
    assert torch.equal(weights[0, 2:], torch.zeros(2))


def neighbours(n, seed, known=True):
    """Structures whose target is how many atoms the most crowded layer has, which no atom's own row tells."""
    rng = np.random.default_rng(seed)
    layers = [rng.integers(1, 9, 2) for _ in range(n)]
    offsets = np.concatenate([[0], np.cumsum([sum(counts) for counts in layers])])
    heights = np.concatenate([np.repeat([0.0, 5.0], counts) for counts in layers])
    rows = rng.normal(size=(int(offsets[-1]), SIZE)).astype(np.float32)
    features = Features(rows, offsets, heights if known else None)
    return Dataset(features, np.array([counts.max() for counts in layers], dtype=np.float64), np.arange(n))


def test_sums_learn_how_many_atoms_share_a_layer():
    model = sharvin.create("regressors", "transformer", **{**SUM, "norm": "none", "epochs": 15, "learning_rate": 1e-2})
    model.fit(neighbours(200, 0), neighbours(30, 1), np.random.default_rng(0))
    test = neighbours(40, 2)
    error = np.abs(model.predict(test.samples).mean - test.targets).mean()
    assert error < 0.5 * np.abs(test.targets - test.targets.mean()).mean()


@pytest.mark.parametrize("options", [SOFTMAX, SUM])
def test_samples_that_do_not_say_where_their_atoms_are_are_refused(options):
    model = sharvin.create("regressors", "transformer", **{**options, "epochs": 1})
    silent, telling = neighbours(8, 0, known=False), neighbours(8, 0)
    with pytest.raises(InputError, match="do not say where their atoms are"):
        model.fit(silent, telling, np.random.default_rng(0))
    model.fit(telling, telling, np.random.default_rng(0))
    with pytest.raises(InputError, match="attention_reach_A: null"):
        model.predict(silent.samples)


def test_structures_described_on_demand_are_described_once_a_step():
    rng = np.random.default_rng(0)
    frames = Frames([Frame(np.full(4, 79), rng.normal(size=(4, 3)), np.eye(3), np.zeros(3, bool)) for _ in range(6)])
    asked = []

    def describe(some):
        asked.append(len(some))
        positions = np.concatenate([frame.positions for frame in some])
        return Features(np.hstack([positions, positions**2]), np.arange(len(some) + 1) * 4, positions[:, 2])

    rows = DescribedFrames(frames, describe)
    data = Dataset(rows, rng.normal(size=6), np.arange(6))
    asked.clear()
    model = sharvin.create("regressors", "transformer", **{**SUM, "epochs": 2})
    model.fit(data, data, np.random.default_rng(0))
    assert asked == [1] * 6 * (1 + 2 * 2)
    asked.clear()
    in_memory = rows.loaded()
    assert asked == [1] * 6
    assert np.array_equal(model.predict(rows).mean, model.predict(in_memory).mean)


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(ValidationError, match="needs attention_reach_A"):
        TransformerOptions(attention="sum", attention_reach_A=None)
    with pytest.raises(ValidationError, match="heads would be ignored"):
        TransformerOptions(attention="sum", attention_reach_A=4.0, heads=2)
