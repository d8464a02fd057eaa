"""Options that every trained network has."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from sharvin.options import Options

Width = Annotated[int, Field(ge=1)]
Penalty = Annotated[float, Field(gt=0.0)]

MACHINE = {"threads", "device"}
"""Options of this machine and not of the model."""


class TrainingOptions(Options):
    """What every trained network has; defaults are those of the image networks."""

    learning_rate: float = Field(default=1e-3, gt=0.0)
    """Largest learning rate of Adam."""

    optimizer: Literal["adamw", "adam"] = "adamw"
    """What `weight_decay` does is all that differs: `adamw` shrinks the weights by it, `adam` adds it to the gradient."""

    schedule: Literal["one_cycle", "cosine", "plateau", "constant"] = "one_cycle"
    """`one_cycle`: a linear rise over a tenth of the steps, then half a cosine down to zero. `cosine`: the latter alone.
    `plateau`: half the rate whenever `plateau_epochs` epochs have not lowered the validation error. `constant`: none of it."""

    plateau_epochs: int = Field(default=5, ge=1)
    """Epochs of no improvement that the schedule `plateau` waits for."""

    epochs: int = Field(default=15, ge=1)
    """Passes through the training set, unless `patience` ends the training before."""

    batch_size: int = Field(default=128, ge=1)
    """Structures in a gradient step."""

    loss: Literal["huber", "mse", "mae"] = "mae"
    """Loss of the standardised target: squared error, whose optimum is the mean of what the network cannot tell apart, absolute
    error, whose optimum is the median, or Huber's with its knee at one standard deviation of the targets."""

    huber_delta: float = Field(default=1.0, gt=0.0)
    """Knee of Huber's loss, in standard deviations of the target."""

    weight_decay: float = Field(default=0.0, ge=0.0)
    """Weight decay; see `optimizer`."""

    averaging: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of itself that a moving average of the weights keeps at every step, 0.99 for instance; it is the average that is then
    validated, kept and saved. 0: no average."""

    gradient_clip: float = Field(default=1.0, gt=0.0)
    """Largest norm of a step's gradient."""

    patience: int = Field(default=15, ge=1)
    """Epochs without a better validation error after which training ends; the best epoch is kept in any case."""

    threads: int = Field(default=1, ge=1)
    """Threads of the arithmetic. Results are reproducible bit for bit for a given number."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto takes the GPU if there is one."""

    precision: Literal["single", "mixed"] = "single"
    """`mixed`: train with products of matrices in bfloat16, on a GPU only. Predictions are in single precision in any case."""

    @model_validator(mode="after")
    def _training_uses_what_is_set(self) -> Self:
        for option, owner, value in (("huber_delta", "loss", "huber"), ("plateau_epochs", "schedule", "plateau")):
            default = type(self).model_fields[option].default
            if getattr(self, owner) != value and getattr(self, option) != default:
                raise ValueError(f"{option} would be ignored; set {owner}: {value}, or leave it out.")
        return self
