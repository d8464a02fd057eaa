"""Options of the potentials `equivariant_potential` and `hedge_phonon`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from sharvin.options import Options

from sharvin_models.training.configs import Width

LOCAL = {"threads", "compile", "dtype"}
"""Options of this use and this machine; all others belong to the saved model."""


SAME, DIFFERENT = "same", "different"
"""Names of the relations `by_array`."""

Cutoff = Annotated[float, Field(gt=0.5, le=20.0)]


class MessagePassingOptions(Options):
    """Network, training and use of a potential; a loaded model brings all but `model`, `threads`, `compile` and `dtype`."""

    model: str | None = None
    """Folder of a trained model."""

    cutoff_A: Cutoff = 5.0
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

    relation_array: str = Field(default="layer", min_length=1)
    """Array of whole numbers of the atoms that tells their relations, such as the layers of a bilayer."""

    baseline: Literal["pairs", "none"] = "none"
    """What the network adds to. `pairs`: energies of pairs, fitted as splines of their distance by least squares before the
    network is trained; most of the forces in a stiff crystal are of this form. `none`: nothing."""

    splines_per_A: float = Field(default=6.0, gt=0.0, le=50.0)
    """Cubic splines for each Å of the energies of pairs."""

    triplet_cutoff_A: Cutoff | None = None
    """With `baseline: pairs` also energies of triplets are fitted, of an atom and two neighbours within this distance: bonds and
    angles of a covalent crystal. null: of pairs alone. The number of triplets grows as its sixth power."""

    atom_energies: Literal["least_squares", "isolated"] = "least_squares"
    """Energy of an atom of each element, to which the network adds: fitted to the training structures, or that of single atoms
    among them."""

    energy_weight: float = Field(default=10.0, ge=0.0)
    """Weight of the mean of (ΔE / N)² over structures in the loss, energies divided by 1 eV."""

    force_weight: float = Field(default=1.0, gt=0.0)
    """Weight of the mean of ΔF² over force components in the loss, forces divided by 1 eV/Å."""

    relative_above_eV_per_A: float | None = Field(default=None, gt=0.0)
    """Force f in eV/Å beyond which errors count relative to forces: in the loss, all errors of a structure whose force
    components have the root mean square F are divided by √(1 + F²/f²). Small displacements, and so force constants, are learnt as
    well as large ones. Where not given, all structures count alike."""

    learning_rate: float = Field(default=0.01, gt=0.0)
    """Learning rate of Adam (AMSGrad) at the start."""

    schedule: Literal["plateau", "cosine"] = "plateau"
    """How the learning rate falls. `plateau`: by half whenever `plateau_epochs` epochs have not lowered the validation loss.
    `cosine`: as half a cosine, to zero at the end of `epochs`."""

    plateau_epochs: int = Field(default=10, ge=1)
    """Epochs of no improvement that the schedule `plateau` waits for."""

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
        if self.relation_kind in ("none", "by_elements") and self.relation_array != self._default("relation_array"):
            raise ValueError("relation_array would be ignored; set relations: by_array, or leave it out.")
        for option in ("splines_per_A", "triplet_cutoff_A"):
            if self.baseline == "none" and getattr(self, option) != self._default(option):
                raise ValueError(f"{option} would be ignored; set baseline: pairs, or leave it out.")
        if self.schedule != "plateau" and self.plateau_epochs != self._default("plateau_epochs"):
            raise ValueError("plateau_epochs would be ignored; set schedule: plateau, or leave it out.")
        if self.model is not None:
            kept = {"model", *LOCAL}
            others = [n for n in type(self).model_fields if n not in kept and getattr(self, n) != self._default(n)]
            if others:
                raise ValueError(f"{', '.join(others)} would be ignored: a trained model brings its own; leave it out.")
        return self

    @property
    def relation_kind(self) -> str:
        """What tells relations of pairs apart: ``none``, ``by_array``, ``by_labels`` or ``by_elements``."""
        return "none"

    @property
    def given_cutoffs_A(self) -> Mapping[str, float]:
        """Cutoffs of relations that have one of their own, by name."""
        return {}

    @property
    def group_weight(self) -> float:
        """Weight of the net forces on groups of atoms with one label in the loss."""
        return 0.0

    @property
    def counted_by_relation(self) -> bool:
        """Whether messages of a relation are divided by the mean number of its own neighbours, and not by that of all."""
        return False

    @classmethod
    def _default(cls, option: str) -> object:
        return cls.model_fields[option].get_default(call_default_factory=True)

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


class EquivariantPotentialOptions(MessagePassingOptions):
    """Network, training and use of the potential; a loaded model brings all but `model`, `threads`, `compile` and `dtype`."""

    relations: Literal["none", "by_array"] = "none"
    """`by_array`: pairs within and between groups of atoms have modules of their own, such as those of one layer of a bilayer and
    those of two; the array `relation_array` says to which group an atom belongs."""

    @property
    def relation_kind(self) -> str:
        """What `relations` says."""
        return self.relations


class HedgePhononOptions(MessagePassingOptions):
    """Network, training and use of the potential; a loaded model brings all but `model`, `threads`, `compile` and `dtype`."""

    relations: Literal["none", "by_array", "by_labels", "by_elements"] = "by_array"
    """Pairs that have modules of their own. `by_array`: those of equal and those of different whole numbers in the array
    `relation_array`, whatever these are: pairs within a layer and between layers. `by_labels`: those of every two
    such numbers. `by_elements`: those of every two elements. `none`: all pairs share one, for comparison."""

    baseline: Literal["pairs", "none"] = "pairs"
    """What the network adds to. `pairs`: energies of pairs, one function for each relation and each two elements, fitted as
    splines of their distance by least squares before the network is trained. `none`: nothing."""

    cutoffs_A: dict[str, Cutoff] = Field(default_factory=dict)
    """Cutoffs in Å of relations that do not end at `cutoff_A`, by name: ``same`` and ``different`` of `by_array`, ``0-1`` of
    `by_labels`, ``C-H`` of `by_elements`."""

    group_force_weight: float = Field(default=0.0, ge=0.0)
    """Weight in the loss of the mean of (Δ of the net force on a group of atoms with one label, divided by their number)², forces
    divided by 1 eV/Å. Layers that slide on each other have net forces far smaller than the forces on their atoms."""

    @model_validator(mode="after")
    def _cutoffs_are_those_of_relations(self) -> Self:
        if self.relations in ("none", "by_elements") and self.group_force_weight:
            raise ValueError(f"group_force_weight would be ignored with relations: {self.relations}; leave it out.")
        if self.relations == "none" and self.cutoffs_A:
            raise ValueError("cutoffs_A would be ignored with relations: none; set cutoff_A.")
        unknown = sorted(set(self.cutoffs_A) - {SAME, DIFFERENT})
        if self.relations == "by_array" and unknown:
            raise ValueError(f"cutoffs_A names {unknown[0]!r}; the relations by_array are {SAME} and {DIFFERENT}.")
        return self

    @property
    def relation_kind(self) -> str:
        """What `relations` says."""
        return self.relations

    @property
    def given_cutoffs_A(self) -> Mapping[str, float]:
        """What `cutoffs_A` says."""
        return self.cutoffs_A

    @property
    def group_weight(self) -> float:
        """What `group_force_weight` says."""
        return self.group_force_weight

    @property
    def counted_by_relation(self) -> bool:
        """Relations have quite different numbers of neighbours, so each is divided by its own."""
        return True
