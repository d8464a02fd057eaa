"""Options of the networks on rows of atoms."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from sharvin_models.training.configs import Penalty, TrainingOptions, Width


class AtomOptions(TrainingOptions):
    """What the networks on rows of atoms share."""

    feature_scale: Literal["common", "column"] = "common"
    """Divide centred features by one common spread, so that columns keep their weights and those that hardly vary stay
    small, or every column by its own, as features of different units need."""

    target_scale: Penalty | Literal["standard"] = "standard"
    """Unit of the target in training: `standard` subtracts its mean and divides by its standard deviation; a number, such as 10
    G0, divides by that alone, and is then the unit of `huber_delta`, too."""

    batch_size: int = Field(default=16, ge=1)
    """Structures in a gradient step."""

    loss: Literal["huber", "mse", "mae"] = "huber"
    """Loss of the standardised target: squared error, absolute error, or Huber's."""


class FcMaxpoolOptions(AtomOptions):
    atom_layers: tuple[Width, ...] = Field(default=(64, 128, 256, 256, 256), min_length=1)
    """Widths of the layers that every atom passes through; the default is the published network's."""

    head_layers: tuple[Width, ...] = (64, 64, 64)
    """Widths of the hidden layers between the pooled atoms and the prediction."""


class TransformerOptions(AtomOptions):
    """The published network has ``atom_layers: [], d_model: 256, layers: 2, feed_forward: 2048, norm: post, activation: relu``.

    Its atoms attend to all others, as by default (``attention: softmax, attention_reach_A: null``). It was trained with
    ``loss: huber, target_scale: 10, learning_rate: 1.0e-5, schedule: constant, batch_size: 32``. The defaults are what a few
    dozen pulls suffice for.
    """

    atom_layers: tuple[Width, ...] = (64, 128)
    """Widths of fully connected layers that every atom passes through before the one that makes its state."""

    d_model: int = Field(default=128, ge=1)
    """Width of an atom's state."""

    heads: int = Field(default=8, ge=1)
    """Heads of the attention; a divisor of `d_model`."""

    attention: Literal["softmax", "sum"] = "softmax"
    """How an atom hears others. `softmax`: means of their values with weights from queries and keys, as published. `sum`: sums of
    their values within `attention_reach_A`, without queries, keys and heads; they tell how many atoms are near."""

    attention_reach_A: float | None = Field(default=None, gt=0.0)
    """Distance along the wire, in Å, up to which atoms hear each other, L: weights have a factor (1 − (Δz/L)²)², zero beyond.
    null: all atoms hear all others. A number needs a descriptor that tells where the atoms are."""

    feed_forward: int = Field(default=128, ge=1)
    """Width of the hidden layer behind each attention."""

    layers: int = Field(default=1, ge=1)
    """Encoder layers."""

    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of attention weights, hidden values and outputs of each layer that a training step leaves out."""

    norm: Literal["none", "pre", "post"] = "pre"
    """Normalise an atom's state before attention and feed-forward layers, which trains at larger rates, after them, or never,
    which keeps how strong its features are."""

    pooling: Literal["max", "mean", "attention"] = "max"
    """How the atoms' states become one: largest value of each channel, mean, or mean weighted by a learnt softmax."""

    head_layers: tuple[Width, ...] = (64, 64, 64)
    """Widths of the hidden layers between the pooled atoms and the prediction."""

    activation: Literal["relu", "gelu", "silu", "tanh", "elu"] = "elu"
    """Nonlinearity of the layers of every atom, the feed-forward and the head layers."""

    loss: Literal["huber", "mse", "mae"] = "mae"
    """Loss of the standardised target: squared error, absolute error, or Huber's."""

    @model_validator(mode="after")
    def _attention_fits(self) -> Self:
        if self.attention == "sum":
            if self.attention_reach_A is None:
                raise ValueError("attention: sum needs attention_reach_A, such as 4.0, for sums over a whole wire grow with it.")
            if self.heads != type(self).model_fields["heads"].default:
                raise ValueError("heads would be ignored; set attention: softmax, or leave it out.")
        elif self.d_model % self.heads:
            raise ValueError(f"heads must divide d_model, and {self.heads} does not divide {self.d_model}.")
        return self
