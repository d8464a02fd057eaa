"""Options of the potential `equivariant_potential`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from sharvin.options import Options

from sharvin_models.training.configs import Width

LOCAL = {"threads", "compile", "dtype"}
"""Options of this use and this machine; all others belong to the saved model."""


class EquivariantPotentialOptions(Options):
    """Network, training and use of the potential; a loaded model brings all but `model`, `threads`, `compile` and `dtype`."""

    model: str | None = None
    """Folder of a trained model."""

    cutoff_A: float = Field(default=5.0, gt=0.5, le=20.0)
    """Distance in Å within which atoms hear of each other."""

    l_max: int = Field(default=2, ge=0, le=4)
    """Highest angular momentum of spherical harmonics and of what an atom gathers."""

    message_l_max: int = Field(default=1, ge=0, le=4)
    """Highest angular momentum of what atoms tell their neighbours after the first round; 0: invariants alone, the fastest."""

    correlation: int = Field(default=3, ge=1, le=4)
    """Number of neighbours whose joint places one message knows: 1 for distances, 2 for angles, 3 for what these leave open."""

    channels: Width = 16
    """Features of an atom for every component of every angular momentum."""

    layers: int = Field(default=2, ge=1, le=6)
    """Rounds of messages; an atom learns of what is `layers` times `cutoff_A` away."""

    radial_functions: Width = 8
    """Bessel functions of the distance."""

    radial_width: Width = 16
    """Width of the dense network that makes the radial weights of a message from them."""

    readout_width: Width = 16
    """Width of the dense network that reads an atom's energy off its invariants after the last round; before it is linear."""

    relations: Literal["none", "by_array"] = "none"
    """`by_array`: pairs within and between groups of atoms have modules of their own, such as those of one layer of a bilayer and
    those of two; the array `relation_array` says to which group an atom belongs."""

    relation_array: str = Field(default="layer", min_length=1)
    """Array of whole numbers of the atoms, for `relations: by_array`."""

    atom_energies: Literal["least_squares", "isolated"] = "least_squares"
    """Energy of an atom of each element, to which the network adds: fitted to the training structures, or that of single atoms
    among them."""

    energy_weight: float = Field(default=10.0, ge=0.0)
    """Weight of the mean of (ΔE / N)² over structures in the loss, energies divided by 1 eV."""

    force_weight: float = Field(default=1.0, gt=0.0)
    """Weight of the mean of ΔF² over force components in the loss, forces divided by 1 eV/Å."""

    learning_rate: float = Field(default=0.01, gt=0.0)
    """Learning rate of Adam (AMSGrad) at the start."""

    plateau_epochs: int = Field(default=10, ge=1)
    """The learning rate is halved whenever so many epochs have not lowered the validation loss."""

    epochs: int = Field(default=200, ge=1)
    """Passes through the training set, unless `patience` ends the training before."""

    patience: int = Field(default=50, ge=1)
    """Epochs without a better validation loss after which training ends; the best epoch is kept in any case."""

    batch_size: int = Field(default=2, ge=1)
    """Structures in a gradient step."""

    averaging: float = Field(default=0.99, ge=0.0, lt=1.0)
    """Share of itself that a moving average of the weights keeps at every step; it is the average that is then validated, kept
    and saved. 0: no average."""

    gradient_clip: float = Field(default=10.0, gt=0.0)
    """Largest norm of a step's gradient."""

    dtype: Literal["float32", "float64"] = "float32"
    """Precision of the network, in training and use; energies are summed in double precision in any case."""

    compile: bool | Literal["auto"] = "auto"
    """Whether energy and forces are compiled by torch, which takes a C++ compiler and a minute or two for each size of structure,
    once a machine. `auto`: where there is a compiler and enough to compute, in fits of 4000 steps or more and from the 1000th
    evaluation of a calculator on. Compiled and plain results differ by rounding."""

    threads: int = Field(default=1, ge=1)
    """Threads of the arithmetic. Results are reproducible bit for bit for a given number."""

    @model_validator(mode="after")
    def _what_is_set_is_used(self) -> Self:
        if self.message_l_max > self.l_max:
            raise ValueError(f"message_l_max {self.message_l_max} must not exceed l_max {self.l_max}.")
        if self.relations == "none" and self.relation_array != type(self).model_fields["relation_array"].default:
            raise ValueError("relation_array would be ignored; set relations: by_array, or leave it out.")
        if self.model is not None:
            kept = {"model", *LOCAL}
            others = [n for n, field in type(self).model_fields.items() if n not in kept and getattr(self, n) != field.default]
            if others:
                raise ValueError(f"{', '.join(others)} would be ignored: a trained model brings its own; leave it out.")
        return self

    @property
    def n_relations(self) -> int:
        """Relations of pairs that have modules of their own."""
        return 2 if self.relations == "by_array" else 1

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
