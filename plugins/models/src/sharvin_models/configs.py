"""Options of the regressors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from sharvin.options import Options

Width = Annotated[int, Field(ge=1)]
Penalty = Annotated[float, Field(gt=0.0)]


class FcMaxpoolOptions(Options):
    atom_layers: tuple[Width, ...] = Field(default=(64, 128, 256, 256, 256), min_length=1)
    """Widths of the layers that every atom passes through; the default is the published network's."""

    head_layers: tuple[Width, ...] = (64, 64, 64)
    """Widths of the hidden layers between the pooled atoms and the prediction."""

    feature_scale: Literal["common", "column"] = "common"
    """Divide centred features by one common spread, so that columns keep their weights and those that hardly vary stay
    small, or every column by its own, as features of different units need."""

    learning_rate: float = Field(default=1e-3, gt=0.0)
    """Largest learning rate of Adam: reached after a tenth of the epochs, then lowered to zero along a cosine."""

    epochs: int = Field(default=15, ge=1)
    """Passes through the training set, unless `patience` ends the training before."""

    batch_size: int = Field(default=16, ge=1)
    """Structures in a gradient step."""

    loss: Literal["huber", "mse"] = "huber"
    """Loss of the standardised target: squared error, or Huber's with its knee at one standard deviation of the targets."""

    weight_decay: float = Field(default=0.0, ge=0.0)
    """Decoupled weight decay (AdamW)."""

    gradient_clip: float = Field(default=1.0, gt=0.0)
    """Largest norm of a step's gradient."""

    patience: int = Field(default=15, ge=1)
    """Epochs without a better validation error after which training ends; the best epoch is kept in any case."""

    threads: int = Field(default=1, ge=1)
    """Threads of the arithmetic. Results are reproducible bit for bit for a given number."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto takes the GPU if there is one."""


class RidgeOptions(Options):
    pooling: Literal["mean", "max", "sum"] = "mean"
    """How the rows of a structure's atoms become one; features that have one row a structure are taken as they are."""

    alpha: tuple[Penalty, ...] = Field(default=(1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4), min_length=1)
    """Penalty of the squared weights of standardised features; of several, the one with the smallest validation error is kept."""

    @field_validator("alpha", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float) else value
