"""Options of the descriptors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from sharvin.options import Element, Options


class ChannelOptions(Options):
    """Options of descriptors with a row per atom."""

    species: tuple[Element, ...] | None = None
    """Chemical symbols, one density channel each, in this order. Null: one channel, for structures of a single element."""

    centres: Literal["all", "mobile"] = "all"
    """Atoms that get a row: all of them, or only those that dynamics does not hold rigid (all of them count as neighbours)."""

    @field_validator("species")
    @classmethod
    def _distinct(cls, species: tuple[Element, ...] | None) -> tuple[Element, ...] | None:
        if species is not None and (not species or len(set(species)) != len(species)):
            raise ValueError("list every element once, or leave species out for structures of a single element")
        return species

    def elements(self) -> frozenset[str] | None:
        """Symbols of the listed species; None if any single element will do."""
        return None if self.species is None else frozenset(self.species)


class _DensityOptions(ChannelOptions):
    former_names: ClassVar[Mapping[str, str]] = {"sigma": "sigma_A", "cutoff": "cutoff_A", "cutoff_width": "cutoff_width_A"}

    l_max: int = Field(default=9, ge=0, le=16)
    """Highest angular momentum."""

    sigma_A: float = Field(default=0.5, ge=0.1, le=2.0)
    """Standard deviation in Å of the Gaussian that stands for an atom in the density."""


class _CutoffOptions(_DensityOptions):
    n_max: int = Field(default=17, ge=1, le=32)
    """Number of radial functions. With `l_max` and `cutoff_A`, the defaults are those of the published Au, Ag and K wires."""

    cutoff_A: float = Field(default=6.55, gt=0.5, le=20.0)
    """Radius of an atom's neighbourhood in Å."""

    cutoff_width_A: float = Field(default=1.0, gt=0.0)
    """Width in Å of the shell inside `cutoff_A` over which a neighbour's weight falls smoothly to zero."""

    @model_validator(mode="after")
    def _shell_inside_cutoff(self) -> _CutoffOptions:
        if self.cutoff_width_A > self.cutoff_A:
            raise ValueError(f"cutoff_width_A {self.cutoff_width_A:g} Å must not exceed cutoff_A {self.cutoff_A:g} Å")
        return self


class SoapOptions(_CutoffOptions):
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of the arithmetic and of the features."""


class FeatomicOptions(_CutoffOptions):
    pass


class DscribeOptions(_DensityOptions):
    n_max: int = Field(default=12, ge=1)
    """Number of radial functions, up to 16; beyond 12 DScribe's functions begin to lose their orthonormality."""

    cutoff_A: float = Field(default=6.55, gt=1.0, le=20.0)
    """Radius in Å towards which the radial functions decay."""

    dtype: Literal["float32", "float64"] = "float32"
    """Precision of the features; the arithmetic is in double precision."""

    @field_validator("n_max")
    @classmethod
    def _basis_exists(cls, n_max: int) -> int:
        if n_max > 16:
            raise ValueError("DScribe has no orthonormal radial basis of more than 16 functions: their overlap is singular")
        return n_max


class AverageSoapOptions(SoapOptions):
    """The options of `soap`, the mean of whose rows is taken: over all atoms, or over those that `centres` chooses."""


class CoulombMatrixOptions(Options):
    max_atoms: int = Field(ge=1, le=5000)
    """Atoms of the largest structure; features of smaller ones are padded with zeros."""

    form: Literal["sorted", "eigenvalues"] = "sorted"
    """`sorted`: upper triangle of the matrix, its atoms in descending order of the norm of their rows. `eigenvalues`: descending
    in magnitude, `max_atoms` of them; continuous where two atoms of equal norm exchange their places."""

    distances: Literal["minimum_image", "plain"] = "minimum_image"
    """Along periodic directions: to the closest image of an atom, or as the atoms lie in the cell. `plain` suits whole wires in a
    cell with vacuum around; it changes when dynamics move an atom to the other side of its cell."""

    dtype: Literal["float32", "float64"] = "float32"
    """Precision of the features; the arithmetic is in double precision."""
