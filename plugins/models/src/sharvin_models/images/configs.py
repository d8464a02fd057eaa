"""Options of the networks on grids of on-site energies."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from sharvin.options import Options

from sharvin_models.training.configs import TrainingOptions, Width


class ImageOptions(TrainingOptions):
    """What the networks on grids of on-site energies share."""

    activation: Literal["relu", "silu", "tanh", "elu"] = "relu"
    """Nonlinearity of every hidden layer."""

    symmetries: tuple[Literal["reflect_length", "reflect_width", "negate"], ...] = ()
    """What leaves the target as it is: reflection of the grid along the wire (T_LR = T_RL) or across it, or the opposite sign
    of all on-site energies (at the band centre, and for averages over energies symmetric about it). Training then sees
    randomly transformed images, and predictions are averages over all combinations, so they have the symmetry exactly."""

    baseline: Literal["none", "mean_energy"] = "none"
    """`mean_energy`: centre and spread of the target as functions of a wire's mean on-site energy come first, from the training
    set, and the network learns the rest in units of that spread. For ensembles of wires with few and with many impurities."""

    pair_reach: int = Field(default=0, ge=0)
    """Give the dense layers the pair correlations of the disorder, of fewer than this many sites apart in both directions, along
    with the mean energy. 0: none of it."""

    pair_powers: tuple[Annotated[int, Field(ge=1, le=4)], ...] = Field(default=(1,), min_length=1)
    """Powers of the standardised on-site energies whose pair correlations and means are taken; 2 tells impurities of different
    strength apart."""

    @model_validator(mode="after")
    def _inputs_fit_together(self) -> Self:
        if self.baseline == "mean_energy" and "negate" in self.symmetries:
            raise ValueError("the mean energy changes its sign under negate; leave out baseline or that symmetry.")
        if not self.pair_reach and self.pair_powers != type(self).model_fields["pair_powers"].default:
            raise ValueError("pair_powers would be ignored without pair correlations; give pair_reach, or leave it out.")
        return self


class DnnOptions(ImageOptions):
    hidden: tuple[Width, ...] = (600, 600, 600)
    """Widths of the hidden layers."""

    sites: bool = True
    """Whether the on-site energies themselves are inputs; without them, pair correlations are all that the network sees."""

    @model_validator(mode="after")
    def _has_inputs(self) -> Self:
        if not self.sites and not self.pair_reach:
            raise ValueError("a network without sites needs pair_reach of at least 1.")
        return self


class ConvolutionOptions(Options):
    channels: int = Field(ge=1)
    """Number of kernels."""

    kernel: int = Field(default=3, ge=1)
    """Sites that a kernel spans, along the wire and across it."""

    stride: int = Field(default=1, ge=1)
    """Sites between two outputs. The grid is padded with the mean image so that there are ceil(sites/stride) outputs."""

    residual_blocks: int = Field(default=0, ge=0)
    """Blocks behind the convolution, each of which adds two 3×3 convolutions of its input to it."""


class CnnOptions(ImageOptions):
    convolutions: tuple[ConvolutionOptions, ...] = Field(
        default=(
            ConvolutionOptions(channels=16, kernel=2, stride=2),
            ConvolutionOptions(channels=16, kernel=2, stride=2),
            ConvolutionOptions(channels=16, kernel=2, stride=2),
        ),
        min_length=1,
    )
    """Convolutions one after the other; the default is the published network's."""

    pool: Width | Literal["global"] = 1
    """Average squares of this many sites a side behind the last convolution, an incomplete square over what it has; `global`:
    over the whole grid, which suits what adds up from local patterns."""

    dense: tuple[Width, ...] = (1024,)
    """Widths of the hidden layers between the last convolution and the prediction."""
