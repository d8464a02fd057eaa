"""Options of the Hamiltonian `hedge_electron`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from sharvin.options import Options

from sharvin_models.message_passing.configs import DIFFERENT, SAME, Cutoff, HedgePhononOptions
from sharvin_models.training.configs import Width

LOCAL = {"threads", "chunk_pairs", "gates"}
NOT_OF_THE_FIT = {"model", *LOCAL}
"""Options of this use and this machine; all others belong to the saved model."""


class HedgeElectronOptions(Options):
    """Network, training and use; a loaded model brings all but `model`, `threads`, `chunk_pairs` and `gates`."""

    model: str | None = None
    """Folder of a trained model."""

    reach_A: float | None = Field(default=None, gt=0.5, le=30.0)
    """Distance in Å up to which pairs have a block: the range of the reference. null: the longest pair of the training set, which
    may be shorter than this range, rounded up to 0.01 Å, and `taper_A`."""

    overlap: dict[str, Any] | None = None
    """The Hamiltonian whose S the predicted H comes with, and whose axes where orbitals lie along axes, as
    ``{use: NAME, option: value, …}``. null: S is fitted as two-centre integrals where the training set has it."""

    cutoff_A: float = Field(default=4.5, gt=0.5, le=20.0)
    """Distance in Å within which atoms hear of each other."""

    l_max: int = Field(default=2, ge=0, le=4)
    """Highest angular momentum of what an atom knows of its surroundings. From 1 on blocks of either parity can depend on them;
    0 leaves hoppings that are two-centre integrals scaled by the surroundings."""

    message_l_max: int = Field(default=1, ge=0, le=4)
    """Highest angular momentum of what atoms tell their neighbours after the first round."""

    correlation: int = Field(default=2, ge=1, le=4)
    """Number of neighbours whose joint places one message knows."""

    channels: Width = 16
    """Features of an atom for every component of every angular momentum."""

    layers: int = Field(default=2, ge=1, le=6)
    """Rounds of messages; a block depends on atoms `layers` times `cutoff_A` away from either of its own."""

    radial_functions: Width = 8
    """Bessel functions of the distance in messages."""

    radial_width: Width = 16
    """Width of the dense network that makes the radial weights of a message from them."""

    pair_functions: Width = 24
    """Gaussians of the distance of a pair, up to `reach_A`, from which the network of its block is told its length."""

    pair_width: Width = 32
    """Width of the dense network of a pair, and of that of an atom's own block."""

    baseline: Literal["two_centre", "none"] = "two_centre"
    """What the network adds to. `two_centre`: integrals between two atoms, fitted as splines of their distance by least squares
    before the network is trained; Slater-Koster models have no others. `none`: nothing, the network gives the whole hopping."""

    splines_per_A: float = Field(default=6.0, gt=0.0, le=50.0)
    """Cubic splines for each Å of the two-centre integrals."""

    smoothing: float = Field(default=1e-7, ge=0.0)
    """Penalty on the curvature of the two-centre integrals over their envelope, relative to the data."""

    correction_reach_A: float | None = Field(default=None, gt=0.5, le=30.0)
    """Distance in Å from which on a block is its two-centre integrals alone, which are much cheaper than the network; what this
    adds falls to zero over the last 1 Å before. null: the network corrects all pairs."""

    taper_A: float = Field(default=0.3, ge=0.0, le=5.0)
    """Width in Å below `reach_A` over which blocks fall smoothly to zero; 0: they end where they are, as those of a reference
    that ends abruptly do."""

    relations: Literal["none", "by_array", "by_labels", "by_elements"] = "by_array"
    """Which pairs of atoms have modules of their own, in messages and in blocks. `by_array`: those of equal and those of
    different whole numbers in the array `relation_array`, whatever these numbers are, such as pairs within a layer and between
    layers. `by_labels`: those of every two such numbers. `by_elements`: those of every two elements; blocks of these are apart
    in any case. `none`: all pairs share one."""

    relation_array: str = Field(default="layer", min_length=1)
    """Array of whole numbers of the atoms that tells their relations, such as the layers of a bilayer."""

    cutoffs_A: dict[str, Cutoff] = Field(default_factory=dict)
    """Cutoffs in Å of messages of relations that do not end at `cutoff_A`, by name: ``same`` and ``different`` of `by_array`,
    ``0-1`` of `by_labels`, ``C-H`` of `by_elements`."""

    onsite_weight: float = Field(default=1.0, ge=0.0)
    """Weight of on-site blocks in the loss, which is the mean of ΔH² over the elements of hopping blocks and this times the mean
    over those of on-site blocks, in units of what the two-centre integrals leave."""

    relative_weight: float = Field(default=0.1, ge=0.0)
    """Weight of the mean of (ΔH / size)² over elements of hopping blocks, with the size that such elements have at this
    distance. It keeps the relative error of small hoppings down."""

    learning_rate: float = Field(default=0.005, gt=0.0)
    """Learning rate of Adam (AMSGrad) at the start."""

    plateau_epochs: int = Field(default=8, ge=1)
    """The learning rate is halved whenever so many epochs have not lowered the validation loss."""

    epochs: int = Field(default=100, ge=1)
    """Passes through the training set, unless `patience` ends the training before."""

    patience: int = Field(default=25, ge=1)
    """Epochs without a better validation loss after which training ends; the best epoch is kept in any case."""

    enough_eV: float = Field(default=1e-6, ge=0.0)
    """Mean absolute error of the validation set in eV at which training ends, such as that of a reference whose two-centre
    integrals are all that there is. 0: it never does for this reason."""

    batch_size: int = Field(default=1, ge=1)
    """Structures in a gradient step."""

    averaging: float = Field(default=0.95, ge=0.0, lt=1.0)
    """Share of itself that a moving average of the weights keeps at every step; it is the average that is then validated, kept
    and saved. 0: no average."""

    gradient_clip: float = Field(default=10.0, gt=0.0)
    """Largest norm of a step's gradient."""

    dtype: Literal["float32", "float64"] = "float32"
    """Precision of the network. Two-centre integrals, and the sum of both, are in double precision in any case."""

    gates: bool = True
    """Whether predicted blocks are checked: Hermitian, all pairs of the range covered, S positive definite, eigenvalues at Γ
    within those of the training set and a margin. A check that fails is an error that says which."""

    chunk_pairs: int = Field(default=2048, ge=1)
    """Pairs that are computed at once in a prediction; memory grows with it."""

    threads: int = Field(default=1, ge=1)
    """Threads of the arithmetic. Results are reproducible bit for bit for a given number."""

    @model_validator(mode="after")
    def _what_is_set_is_used(self) -> Self:
        if self.message_l_max > self.l_max:
            raise ValueError(f"message_l_max {self.message_l_max} must not exceed l_max {self.l_max}.")
        if self.relations in ("none", "by_elements") and self.relation_array != type(self).model_fields["relation_array"].default:
            raise ValueError("relation_array would be ignored; set relations: by_array, or leave it out.")
        if self.relations == "none" and self.cutoffs_A:
            raise ValueError("cutoffs_A would be ignored with relations: none; set cutoff_A.")
        unknown = sorted(set(self.cutoffs_A) - {SAME, DIFFERENT})
        if self.relations == "by_array" and unknown:
            raise ValueError(f"cutoffs_A names {unknown[0]!r}; the relations by_array are {SAME} and {DIFFERENT}.")
        if self.baseline == "none" and self.correction_reach_A is not None:
            raise ValueError("without a baseline there is nothing beyond correction_reach_A; leave it out.")
        if self.reach_A is not None and self.correction_reach_A is not None and self.correction_reach_A > self.reach_A:
            raise ValueError(f"correction_reach_A {self.correction_reach_A:g} must not exceed reach_A {self.reach_A:g}.")
        if self.overlap is not None and not isinstance(self.overlap.get("use"), str):
            raise ValueError("overlap must name a Hamiltonian: {use: NAME, …}.")
        if self.model is not None:
            kept = {"model", *LOCAL}
            defaults = {n: field.get_default(call_default_factory=True) for n, field in type(self).model_fields.items()}
            others = [n for n, value in defaults.items() if n not in kept and getattr(self, n) != value]
            if others:
                raise ValueError(f"{', '.join(others)} would be ignored: a trained model brings its own; leave it out.")
        return self

    def messages(self) -> HedgePhononOptions:
        """The options that messages between atoms share with potentials."""
        shared = (
            *("cutoff_A", "l_max", "message_l_max", "correlation", "channels", "layers", "radial_functions", "radial_width"),
            *("relations", "relation_array", "cutoffs_A", "dtype"),
        )
        return HedgePhononOptions(**{name: getattr(self, name) for name in shared}, compile=False)

    def elements(self) -> frozenset[str] | None:
        """Elements of a trained model, where its description can be read."""
        if self.model is None:
            return None
        try:
            found = json.loads(Path(self.files()[0]).read_text(encoding="utf-8"))["elements"]
        except (OSError, ValueError, KeyError, TypeError):  # said when the model is loaded
            return None
        return frozenset(map(str, found))

    def files(self) -> tuple[str, ...]:
        """The files of a trained model."""
        if self.model is None:
            return ()
        folder = Path(self.model).expanduser()
        return tuple(str(folder / name) for name in ("model.json", "model.safetensors"))
