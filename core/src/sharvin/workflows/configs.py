"""Options of the core's workflows."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from sharvin.options import WorkflowOptions


class BreakJunctionOptions(WorkflowOptions):
    """Options of ``break_junction``."""

    kinds: ClassVar[tuple[str, ...]] = (
        "structures",
        "potentials",
        "dynamics",
        "hamiltonians",
        "transport",
        "regressors",
    )
    optional_kinds: ClassVar[tuple[str, ...]] = ("descriptors",)
    system_type: ClassVar[str] = "two_terminal"

    training_pulls: int = Field(default=6, ge=1)
    """Pulls whose snapshots are labelled by NEGF and learnt from."""

    production_pulls: int = Field(default=20, ge=0)
    """Further pulls, with other seeds, whose conductances are predicted."""

    reference_snapshots: int = Field(default=48, ge=4)
    """Snapshots of the training pulls that a Hamiltonian that learns (`slater_koster` with `charge_neutrality: predicted`)
    computes in full; it learns from those of most pulls and is tested on those of the others (`test_fraction`)."""

    label_every: int = Field(default=1, ge=1)
    """Label every n-th snapshot of a training pull."""

    split_by: Literal["group", "sample"] = "group"
    """``group`` keeps each pull on one side of the split; ``sample`` mixes the snapshots of a pull, which flatters the scores."""

    validation_fraction: float = Field(default=0.17, gt=0.0, lt=1.0)
    """Share of the pulls (or snapshots) that decides when training stops."""

    test_fraction: float = Field(default=0.17, gt=0.0, lt=1.0)
    """Share of the pulls (or snapshots) that the reported test errors come from."""

    bin_width_G0: float = Field(default=0.05, gt=0.0)
    """Bin width of the conductance histogram."""

    max_conductance_G0: float = Field(default=8.0, gt=0.0)
    """Upper end of the conductance axes."""

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1.0:
            raise ValueError("validation_fraction and test_fraction must leave something to train on")
        if self.split_by == "group" and self.training_pulls < 3:
            raise ValueError("a split by group needs at least 3 training_pulls (train, validation, test); or split_by: sample")
        return self
