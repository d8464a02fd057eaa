"""Options of the square lattice and of its solver."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator
from sharvin.options import Options


class SquareLatticeOptions(Options):
    length: PositiveInt = 40
    """Slices L of the disordered region, along the wire."""

    width: PositiveInt = 40
    """Sites W across the wire."""

    hopping: PositiveFloat = 1.0
    """Hopping t in eV; neighbours couple by −t. All energies here are in eV; with the default they are those in units of t."""

    disorder: Literal["I", "II", "III", "IV", "values", "file"] = "II"
    """`I`: every site uniform in a box. `II`, `III`, `IV`: impurities of one, two or three equally likely energies.
    `values`: impurities with energies of your own. `file`: on-site maps of your own."""

    strength: PositiveFloat = 4.0
    """Model I: width w of the box [−w/2, w/2]."""

    impurity_energy: float = 5.0
    """Models II to IV: energy U of an impurity (II), U/2 or U (III), U/3, 2U/3 or U (IV)."""

    values: tuple[float, ...] = ()
    """Disorder `values`: energies of the impurities."""

    probabilities: tuple[NonNegativeFloat, ...] = ()
    """Disorder `values`: relative probabilities of these energies; all equal if empty."""

    concentration: float | None = Field(default=None, ge=0, le=1)
    """Impurities: probability n that a site is one; drawn uniformly in [0, 1] for each wire if not given."""

    onsite_file: str | None = None
    """Disorder `file`: a .npy file of on-site energies [n, length, width], used in its order."""

    @model_validator(mode="after")
    def _fits_the_disorder(self) -> Self:
        impurities = ("II", "III", "IV")
        used = {
            "strength": ("I",),
            "impurity_energy": impurities,
            "values": ("values",),
            "probabilities": ("values",),
            "concentration": (*impurities, "values"),
            "onsite_file": ("file",),
        }
        for name, models in used.items():
            if self.disorder not in models and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} belongs to disorder {', '.join(models)}, not to {self.disorder}; remove it.")
        if self.disorder == "file" and self.onsite_file is None:
            raise ValueError("disorder file needs onsite_file.")
        if self.disorder == "values" and not self.values:
            raise ValueError("disorder values needs the energies of the impurities, values: [5.0, 2.5].")
        if self.probabilities and (len(self.probabilities) != len(self.values) or sum(self.probabilities) <= 0):
            raise ValueError("probabilities must be as many as values, and not all zero.")
        return self

    def files(self) -> tuple[str, ...]:
        return (self.onsite_file,) if self.onsite_file else ()

    def at_concentration(self, concentration: float) -> Self:
        """The same wires, all with this concentration of impurities; ValueError where the disorder is none of impurities."""
        return type(self).model_validate({**self.model_dump(), "concentration": concentration})


class GridTransferOptions(Options):
    tolerance: PositiveFloat = Field(default=1e-10, ge=1e-12, le=1e-6)
    """Largest relative error of the restabilised wave functions, estimated from symmetries that only rounding breaks; slices that
    exceed it are computed again in smaller portions."""

    threads: PositiveInt = 1
    """Threads that share the wires and energies of a batch; the results do not depend on it."""
