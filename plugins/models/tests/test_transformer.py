"""Atoms that attend to each other: what must not matter, and what must."""

import json

import numpy as np
import pytest
import sharvin
import torch
from pydantic import ValidationError
from sharvin.frames import Frame, Frames
from sharvin.samples import Dataset, DescribedFrames, Features
from sharvin_models.atoms.atom_transformer import AtomTransformer
from sharvin_models.atoms.configs import TransformerOptions
from sharvin_models.training.layers import initialise
from torch import nn

SMALL = {
    "atom_layers": (),
    "d_model": 16,
    "heads": 4,
    "feed_forward": 24,
    "layers": 2,
    "head_layers": (8,),
    "dropout": 0.0,
    "activation": "relu",
}
SIZE = 6


def network(seed=0, size=SIZE, **options):
    """With all weights drawn, as after a training."""
    rng = np.random.default_rng(seed)
    result = AtomTransformer(rng.normal(size=size), rng.uniform(0.5, 2.0, size=size), TransformerOptions(**{**SMALL, **options}))
    initialise(result, rng)
    return result.eval()


def structures(*counts, seed=1):
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.normal(size=(n, SIZE)).astype(np.float32)) for n in counts]


VARIANTS = [{"norm": norm, "pooling": pooling} for norm in ("none", "pre", "post") for pooling in ("max", "mean", "attention")]


@pytest.fixture(params=VARIANTS, ids=lambda variant: "-".join(variant.values()))
def variant(request):
    return request.param


@torch.no_grad()
def test_a_structure_alone_and_in_a_batch_of_other_lengths_is_the_same(variant):
    one = network(**variant)
    rows = structures(5, 9, 5, 1, 9, 30)
    together = one(rows)
    alone = torch.cat([one.alone(structure) for structure in rows])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(one(rows[::-1]), together.flip(0), rtol=0, atol=1e-6)


@torch.no_grad()
def test_the_order_of_atoms_does_not_matter(variant):
    one = network(**variant)
    (rows,) = structures(12)
    torch.testing.assert_close(one.alone(rows.flip(0)), one.alone(rows), rtol=0, atol=1e-6)


@torch.no_grad()
def test_every_atom_feels_every_other_one(variant):
    """A change of the last atom changes the states of all others; without attention only its own would change."""
    one = network(**variant)
    (rows,) = structures(6)
    moved = rows.clone()
    moved[-1] += 1.0
    states = [one.layers[0](one.embed(r), [(1, 6)]) for r in (rows, moved)]
    assert (states[0] - states[1]).abs().amax(1).min() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize("norm", ["none", "pre"])
def test_a_training_starts_from_atoms_that_are_on_their_own(norm):
    one = network(norm=norm)
    one.initialise(np.random.default_rng(0))
    (rows,) = structures(6)
    states = one.embed(rows)
    assert torch.equal(one.layers[0](states, [(1, 6)]), states)


@torch.no_grad()
def test_layers_before_the_attention_act_on_every_atom_by_itself():
    one = network(atom_layers=(5, 7))
    (rows,) = structures(6)
    assert one.embed(rows).shape == (6, SMALL["d_model"])
    torch.testing.assert_close(one.embed(rows[2:3]), one.embed(rows)[2:3], rtol=0, atol=1e-6)
    standard = (rows - one.mean) * one.inverse_spread
    first, second, third = one.atoms
    torch.testing.assert_close(one.embed(rows), third(second(first(standard).relu()).relu()), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_an_encoder_layer_is_torch_s_own():
    """The same weights in torch's implementation give the same states."""
    for norm in ("pre", "post"):
        one = network(norm=norm, layers=1)
        layer = one.layers[0]
        reference = nn.TransformerEncoderLayer(16, 4, 24, dropout=0.0, batch_first=True, norm_first=norm == "pre").eval()
        reference.self_attn.in_proj_weight.copy_(layer.queries_keys_values.weight)
        reference.self_attn.in_proj_bias.copy_(layer.queries_keys_values.bias)
        pairs = [
            (reference.self_attn.out_proj, layer.mixed),
            (reference.linear1, layer.widened),
            (reference.linear2, layer.narrowed),
        ]
        for theirs, ours in pairs:
            theirs.load_state_dict(ours.state_dict())
        states = torch.randn(3, 7, 16, generator=torch.Generator().manual_seed(0))
        expected = reference(states)
        torch.testing.assert_close(layer(states.flatten(0, 1), [(3, 7)]).view(3, 7, 16), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_one_atom_is_pooled_to_itself_and_copies_do_not_change_a_mean():
    (row,) = structures(1)
    values = [network(pooling=pooling).alone(row) for pooling in ("max", "mean")]
    torch.testing.assert_close(values[0], values[1])
    for pooling in ("max", "mean", "attention"):
        one = network(pooling=pooling)
        torch.testing.assert_close(one.alone(row.repeat(5, 1)), one.alone(row), rtol=0, atol=1e-6)


@torch.no_grad()
def test_dropout_is_of_training_alone():
    one = network(dropout=0.5)
    rows = structures(8)
    assert torch.equal(one(rows), one(rows))
    one.train()
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        assert not torch.equal(one(rows), one(rows))


def gaps(n, seed, size=SIZE):
    """Structures whose target is the difference of two far atoms: the largest and the smallest value of one feature."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(4, 9, n))])
    features = Features(rng.normal(size=(int(offsets[-1]), size)).astype(np.float32), offsets)
    return Dataset(features, np.array([np.ptp(features.rows(i)[:, 0]) for i in range(n)], dtype=np.float64), np.arange(n))


def fitted(data=None, **options):
    model = sharvin.create("regressors", "transformer", **{**SMALL, "epochs": 12, "learning_rate": 5e-3, **options})
    model.fit(data or gaps(60, 0), gaps(20, 1), np.random.default_rng(0))
    return model


def test_a_property_of_pairs_of_atoms_is_learnt():
    test = gaps(40, 2)
    error = np.abs(fitted(gaps(200, 0), epochs=20).predict(test.samples).mean - test.targets).mean()
    assert error < 0.4 * np.abs(test.targets - test.targets.mean()).mean()


def test_predictions_are_of_single_structures_bit_for_bit():
    model, samples = fitted(epochs=2), gaps(9, 2).samples
    alone = np.array([model.predict(samples.take(np.array([i]))).mean[0] for i in range(9)])
    assert np.array_equal(model.predict(samples).mean, alone)


def test_neither_the_global_random_state_nor_its_seed_matters_to_dropout():
    predicted = []
    for seed in (1, 2):
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            state = torch.get_rng_state()
            predicted.append(fitted(epochs=2, dropout=0.3).predict(gaps(5, 2).samples).mean)
            assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(predicted[0], predicted[1])


def test_targets_may_be_in_a_unit_of_their_own(tmp_path):
    model = fitted(target_scale=10.0, epochs=20)
    test = gaps(20, 2)
    assert np.abs(model.predict(test.samples).mean - test.targets).mean() < 0.6 * test.targets.std()
    model.save(tmp_path)
    saved = json.loads((tmp_path / "model.json").read_text())
    assert (saved["target_mean"], saved["target_spread"]) == (0.0, 10.0)


def test_rows_computed_on_demand_are_asked_for_once_a_structure():
    rng = np.random.default_rng(0)
    frames = Frames([Frame(np.full(4, 79), rng.normal(size=(4, 3)), np.eye(3), np.zeros(3, bool)) for _ in range(6)])
    asked = []

    def describe(some):
        asked.append(len(some))
        values = np.concatenate([np.hstack([frame.positions, frame.positions**2]) for frame in some])
        return Features(values, np.arange(len(some) + 1) * 4)

    rows = DescribedFrames(frames, describe)
    data = Dataset(rows, rng.normal(size=6), np.arange(6))
    asked.clear()
    model = sharvin.create("regressors", "transformer", **SMALL, epochs=3)
    model.fit(data, data, np.random.default_rng(0))
    assert asked == [1] * 6 * (1 + 2 * 3)
    in_memory = rows.loaded()
    asked.clear()
    assert np.array_equal(model.predict(rows).mean, model.predict(in_memory).mean)
    assert asked == [1] * 6


def test_heads_divide_the_width():
    with pytest.raises(ValidationError, match="3 does not divide 16"):
        TransformerOptions(d_model=16, heads=3)
