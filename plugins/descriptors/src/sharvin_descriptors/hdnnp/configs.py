"""Options of the potential `hdnnp`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator
from sharvin.options import Element

from sharvin_descriptors.symmetry_functions.configs import FunctionListOptions

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Activation = Literal[
    "linear", "tanh", "logistic", "softplus", "relu", "gaussian", "cos", "reverse_logistic", "exponential", "harmonic"
]

MACHINE = {"model", "units", "on_extrapolation", "max_force_std_eV_per_A", "min_distance_A"}
"""Options that a fit does not depend on."""


class HdnnpOptions(FunctionListOptions):
    """High-dimensional neural-network potential: one network of symmetry functions per element.

    Give `model` to use a potential that was trained before, here or by n2p2; give symmetry functions to train one.
    """

    model: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Folder with n2p2's input.nn, scaling.data and weights, or the name of a potential that comes with sharvin; several: a
    committee, whose mean is the potential and whose standard deviation tells how far it may be trusted."""
    units: Literal["metal", "atomic"] = "metal"
    """What the networks of `model` were trained in: eV and Å, or Hartree and Bohr. Their files do not say it."""
    on_extrapolation: Literal["count", "stop"] = "count"
    """Whether a symmetry function outside the range of the training data is counted, or ends the run."""
    max_force_std_eV_per_A: Positive | None = None
    """Disagreement of a committee on the force of an atom that ends the run; null: none."""
    min_distance_A: NotNegative | None = None
    """Atoms closer than this are an error; null: 0.9 times the shortest distance in the training data in LAMMPS, and half of it
    in ASE, where bonds are scanned; no limit for folders of networks that do not say the distance."""

    elements_trained: Annotated[tuple[Element, ...], Field(min_length=1)] | None = None
    """Elements of the potential to be trained; null: those of the training data."""
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (25, 25)
    """Nodes of the hidden layers."""
    activation: Activation = "tanh"
    """Activation function of the hidden layers; the output is linear."""
    scaling: Literal["none", "scale", "center", "scale_center", "sigma"] = "scale_center"
    """Scaling of the symmetry functions: to the range of the training data, around their mean, both, or by their standard
    deviation."""

    optimiser: Literal["kalman", "fading_kalman", "adam", "lbfgs"] = "kalman"
    """Global extended Kalman filter, standard or with fading memory; stochastic gradients (Adam); limited-memory BFGS."""
    epochs: Count = 100
    """Passes over the data. Of L-BFGS: rounds of 20 iterations."""
    updates_per_epoch: Count = 1000
    """Updates of the Kalman filter in an epoch, each by one energy or one force component."""
    force_ratio: float = Field(default=0.9, ge=0.0, le=1.0)
    """Part of the updates that are by forces; of Adam and L-BFGS, the weight of forces in the loss."""
    force_weight: Positive = 1.0
    """Weight of the force components in the filter."""
    energy_weight: Positive = 10.0
    """Weight of the energies per atom: how many times more exactly one is to be met than a force component, as numbers."""
    selection: Literal["random", "sort", "threshold"] = "threshold"
    """Candidates of updates: at random, the worst ones of the epoch before first, or at random until one errs by more than
    `threshold`."""
    threshold: NotNegative = 1.0
    """Error, in units of the root mean square error of the epoch before, above which a candidate is taken."""
    trials: Count = 3
    """Candidates looked at until the worst of them is taken."""
    kalman_epsilon: Positive = 0.01
    """The covariance matrix P begins as the unit matrix divided by this."""
    kalman_q0: NotNegative = 0.01
    """Process noise at the beginning."""
    kalman_qtau: NotNegative = 2.302
    """Decay of the process noise per epoch, as an exponent: 2.302 is one order of magnitude."""
    kalman_qmin: NotNegative = 1e-6
    """Process noise at which it decays no more."""
    kalman_eta: Positive = 0.01
    """Inverse of the measurement noise at the beginning; of the standard filter."""
    kalman_etatau: NotNegative = 2.302
    """Its growth per epoch, as an exponent."""
    kalman_etamax: Positive = 1.0
    """Where it grows no more."""
    kalman_lambda: float = Field(default=0.96, gt=0.0, le=1.0)
    """Forgetting factor λ of the filter with fading memory at the beginning."""
    kalman_nu: float = Field(default=0.9995, gt=0.0, le=1.0)
    """ν by which it goes to 1: λ ← ν λ + 1 − ν."""
    learning_rate: Positive = 1e-3
    """Step of Adam."""
    batch_size: Count = 4
    """Structures of a step of Adam."""
    patience: Count | None = None
    """Epochs without a better validation error after which training ends; null: all epochs. The best epoch is kept."""

    def _needs_functions(self) -> bool:
        return self.model is None

    @model_validator(mode="after")
    def _model_or_functions(self) -> HdnnpOptions:
        if self.model is not None and (self.table or self.file or self.functions):
            raise ValueError("give a model or symmetry functions to train one with, not both")
        return self

    def models(self) -> tuple[str, ...]:
        """Folders of all members, as written."""
        return () if self.model is None else (self.model,) if isinstance(self.model, str) else self.model

    @model_validator(mode="after")
    def _elements_once(self) -> HdnnpOptions:
        trained = self.elements_trained or ()
        if len(set(trained)) != len(trained):
            raise ValueError("elements_trained lists an element twice")
        return self

    def files(self) -> tuple[str, ...]:
        """The CSV file of functions, and the files of the user's folders of networks."""
        folders = [Path(name).expanduser() for name in self.models()]
        own = [str(path) for folder in folders if folder.is_dir() for path in sorted(folder.iterdir()) if _is_part(path.name)]
        return (*super().files(), *own)


def _is_part(name: str) -> bool:
    return name in ("input.nn", "scaling.data") or (name.startswith("weights.") and name.endswith(".data"))
