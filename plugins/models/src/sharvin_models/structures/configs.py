"""Options of the equivariant networks on structures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from sharvin_models.training.configs import TrainingOptions, Width


class MessageOptions(TrainingOptions):
    """What the equivariant networks on structures share."""

    former_names: ClassVar[Mapping[str, str]] = {"cutoff": "cutoff_A"}

    cutoff_A: float = Field(default=4.5, gt=0.5, le=20.0)
    """Distance in Å within which atoms hear of each other; in gold, 4.5 Å holds two shells of neighbours."""

    l_max: int = Field(default=2, ge=0, le=4)
    """Highest angular momentum of spherical harmonics and of the features of an atom."""

    message_l_max: int = Field(default=0, ge=0, le=4)
    """Highest angular momentum of what atoms tell their neighbours; 0: invariants alone, the fastest."""

    channels: Width = 32
    """Features of an atom for every component of every angular momentum."""

    layers: int = Field(default=2, ge=1, le=8)
    """Rounds of messages; an atom learns of what is `layers` times `cutoff_A` away."""

    radial_functions: Width = 8
    """Bessel functions of the distance."""

    averaging: float = Field(default=0.99, ge=0.0, lt=1.0)
    """Share of itself that a moving average of the weights keeps at every step; it is the average that is then validated, kept
    and saved. 0: no average."""

    batch_size: int = Field(default=8, ge=1)
    """Structures in a gradient step."""

    learning_rate: float = Field(default=2e-3, gt=0.0)
    """Largest learning rate of Adam."""

    weight_decay: float = Field(default=0.01, ge=0.0)
    """Weight decay; see `optimizer`."""

    loss: Literal["huber", "mse", "mae"] = "huber"
    """Loss of the standardised target: squared error, absolute error, or Huber's."""

    @model_validator(mode="after")
    def _messages_are_features(self) -> Self:
        if self.message_l_max > self.l_max:
            raise ValueError(f"message_l_max {self.message_l_max} must not exceed l_max {self.l_max}.")
        if self.message_l_max and self.layers == 1:
            raise ValueError(
                "message_l_max would be ignored: in their first round atoms have invariants only; set layers: 2 or more."
            )
        return self


class EquivariantOptions(MessageOptions):
    """One number for a structure, from the invariants of its atoms."""

    centres: Literal["mobile", "all"] = "mobile"
    """Atoms that listen and are pooled: all of them, or only those that dynamics does not hold rigid. Of a rigid atom the others
    then know its place and element."""

    pooling: Literal["max", "mean", "attention"] = "max"
    """How the invariants of atoms become a structure's: largest value of each, mean, or mean weighted by a learnt softmax.
    Transport is decided where a wire is thinnest, so a mean does not carry over to longer wires."""

    atom_width: Width = 64
    """Invariants of an atom that are pooled."""

    head_layers: tuple[Width, ...] = (64,)
    """Widths of the hidden layers between the pooled atoms and the prediction."""

    jitter_A: float = Field(default=0.05, ge=0.0, le=0.5)
    """Standard deviation in Å, along each axis, of random displacements that atoms get anew whenever a structure is trained on;
    a few hundredths keep few trajectories from being learnt by heart."""
