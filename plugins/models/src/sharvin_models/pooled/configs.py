"""Options of the regressors on pooled features."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from sharvin.options import Options

from sharvin_models.training.configs import Penalty, Width


class RidgeOptions(Options):
    pooling: Literal["mean", "max", "sum"] = "mean"
    """How the rows of a structure's atoms become one; features that have one row per structure are taken as they are."""

    alpha: tuple[Penalty, ...] = Field(default=(1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4), min_length=1)
    """Penalty of the squared weights of standardised features; of several, the one with the smallest validation error is kept."""

    @field_validator("alpha", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float) else value


class PooledOptions(Options):
    """What the kernel methods on whole structures share."""

    pooling: Literal["mean", "max", "sum"] = "max"
    """How the rows of a structure's atoms become one; features that have one row per structure are taken as they are. The maximum
    is what longer wires than those of the training share with them."""

    unit_rows: bool = False
    """Give every row the length 1 before it is pooled, as the SOAP kernel of two environments is normalised."""

    feature_scale: Literal["common", "column"] = "common"
    """Divide centred features by one common spread, so that columns keep their weights, or every column by its own, as features
    of different units need."""


class KernelRidgeOptions(PooledOptions):
    kernel: Literal["rbf", "laplacian", "polynomial"] = "laplacian"
    """`rbf`: exp(−d²/2w²) of the distance d of two structures; `laplacian`: exp(−d/w) with the sum of absolute differences as d.
    `polynomial`: power ζ of the cosine between two pooled rows, the average kernel of SOAP, without `feature_scale`."""

    width: tuple[Penalty, ...] = Field(default=(0.5, 1.0, 2.0, 4.0, 8.0, 16.0), min_length=1)
    """Width w of `rbf` and `laplacian`, in units of the median distance of two training structures."""

    zeta: tuple[Width, ...] = Field(default=(1, 2, 4, 8), min_length=1)
    """Exponent ζ of `polynomial`, a whole number."""

    alpha: tuple[Penalty, ...] = Field(default=(1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1), min_length=1)
    """Penalty, added to the diagonal of a kernel matrix that is 1 there. Of all combinations with `width` or `zeta`, the one with
    the smallest validation error is kept."""

    @field_validator("width", "zeta", "alpha", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _kernel_uses_what_is_set(self) -> Self:
        ignored = ("width", "feature_scale") if self.kernel == "polynomial" else ("zeta",)
        for option in ignored:
            if getattr(self, option) != type(self).model_fields[option].default:
                raise ValueError(f"the kernel {self.kernel} would ignore {option}; leave it out.")
        return self


class GaussianProcessOptions(PooledOptions):
    kernel: Literal["rbf", "matern52"] = "matern52"
    """With the distance d of two structures in units of the length scale: `rbf` exp(−d²/2), infinitely smooth, or `matern52`
    (1 + √5 d + 5d²/3) exp(−√5 d), twice differentiable."""

    steps: int = Field(default=150, ge=1)
    """Steps of Adam towards the largest marginal likelihood; the best one is kept."""

    learning_rate: float = Field(default=0.1, gt=0.0)
    """Learning rate of Adam, for the logarithms of length scale, amplitude and noise."""

    starts: int = Field(default=1, ge=1)
    """Starting points: the median distance of two training structures first, others drawn at random; the best end is kept."""

    threads: int = Field(default=1, ge=1)
    """Threads of the arithmetic. Results are reproducible bit for bit for a given number."""
