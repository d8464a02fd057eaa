"""Options of the regressors."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
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


class RidgeOptions(Options):
    pooling: Literal["mean", "max", "sum"] = "mean"
    """How the rows of a structure's atoms become one; features that have one row a structure are taken as they are."""

    alpha: tuple[Penalty, ...] = Field(default=(1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4), min_length=1)
    """Penalty of the squared weights of standardised features; of several, the one with the smallest validation error is kept."""

    @field_validator("alpha", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float) else value


class MessageOptions(TrainingOptions):
    """What the equivariant networks on structures share."""

    cutoff: float = Field(default=4.5, gt=0.5, le=20.0)
    """Distance in Å within which atoms hear of each other; in gold, 4.5 Å holds two shells of neighbours."""

    l_max: int = Field(default=2, ge=0, le=4)
    """Highest angular momentum of spherical harmonics and of the features of an atom."""

    message_l_max: int = Field(default=0, ge=0, le=4)
    """Highest angular momentum of what atoms tell their neighbours; 0: invariants alone, the fastest."""

    channels: Width = 32
    """Features of an atom for every component of every angular momentum."""

    layers: int = Field(default=2, ge=1, le=8)
    """Rounds of messages; an atom learns of what is `layers` times `cutoff` away."""

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


class TightBindingOptions(MessageOptions):
    """One orbital an atom: `cutoff` must hold the range of the hopping."""

    hopping_width: Width = 32
    """Hidden width of the network that gives the hopping between two atoms."""

    decay: float = Field(default=2.0, gt=0.0, le=20.0)
    """Of the electrodes' hopping, −exp(−decay (r/d − 1)) with d their distance of nearest neighbours: 2 to 3 for s electrons."""

    reach: float = Field(default=1.4, ge=1.1, le=2.0)
    """Range of the hopping in distances d. 1.4 is the nearest neighbours of fcc metals; bcc ones, whose second neighbours are
    almost as near, take 1.55. The electrodes' principal layers must be as thick."""


class PooledOptions(Options):
    """What the kernel methods on whole structures share."""

    pooling: Literal["mean", "max", "sum"] = "max"
    """How the rows of a structure's atoms become one; features that have one row a structure are taken as they are. The maximum
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
