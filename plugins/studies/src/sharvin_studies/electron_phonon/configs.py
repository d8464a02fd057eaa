"""Options of the workflow ``electron_phonon``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from sharvin.options import Case, Options, WorkflowOptions

from sharvin_studies.thermal_samples.configs import SampleSeries

Number = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Length = Annotated[float, Field(gt=0.0)]


class ReferencePair(Case):
    """What the trained parts learn from and are measured against."""

    overrides: ClassVar[tuple[str, ...]] = ("potential", "hamiltonian")
    stands_alone: ClassVar[bool] = True

    potential: dict[str, Any] | None = None
    """The potential with its options, ``{use: NAME, …}``; left out where the config has none."""

    hamiltonian: dict[str, Any]
    """The Hamiltonian with its options, ``{use: NAME, …}``; it must give blocks between atoms."""


class NamedStructure(Case):
    """A structure, or a set of them, of one part of the study."""

    overrides: ClassVar[tuple[str, ...]] = ("structure",)
    stands_alone: ClassVar[bool] = True

    structure: dict[str, Any]
    """The structure with its options."""


class PathOptions(Options):
    """A path through the Brillouin zone."""

    corners: str = "ΓKMΓ"
    """Names of its corners in a row, such as ΓKMΓ."""

    points: Annotated[int, Field(ge=2)] = 91
    """Wave vectors on it."""


class VelocityOptions(Options):
    """How the Fermi velocity is read off: the slope of the cone within a window of wave vectors around K."""

    window_per_A: tuple[Length, Length] = (0.03, 0.06)
    """Smallest and largest distance from K in 1/Å (2π included). Where bands touch parabolically, as in the Bernal stacking, the
    outer part of the cone has a slope; a cone whose bands cross may begin close to 0."""

    distances: Annotated[int, Field(ge=2)] = 4
    """Wave vectors in the window along each direction."""

    directions: Annotated[int, Field(ge=1)] = 3
    """Directions, equally spaced over the full circle."""

    broadening_eV: Length = 0.1
    """Imaginary part of the energies of the Green's functions: larger than the spacing of the levels of the supercell that a
    state scatters into."""

    branch: Literal["inner", "outer", "both"] = "inner"
    """The two bands next to the Fermi energy; the two beyond them, as in the AA stacking, whose inner bands cross in a ring; or
    the mean of both, which the shift of the layers against each other changes least."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.window_per_A[0] >= self.window_per_A[1]:
            raise ValueError("window_per_A needs a smaller distance first and a larger one second")
        return self


class LargeCellOptions(Options):
    """Bands around the Fermi energy of a large cell."""

    structure: dict[str, Any]
    """The structure with its options, ``{use: NAME, …}``."""

    path: PathOptions = PathOptions(corners="KΓMK", points=20)
    """Path through its Brillouin zone."""

    bands: Number = 18
    """Bands around the Fermi energy."""


class ElectronPhononOptions(WorkflowOptions):
    """Options of ``electron_phonon``.

    A study of electrons alone names no potential and no dynamics.
    """

    kinds: ClassVar[tuple[str, ...]] = ("hamiltonians",)
    optional_kinds: ClassVar[tuple[str, ...]] = ("structures", "potentials", "dynamics")
    cases_options: ClassVar[tuple[str, ...]] = ("reference", "series", "structures")
    writes: ClassVar[tuple[str, ...]] = ("models/",)

    reference: Annotated[tuple[ReferencePair, ...], Field(min_length=1, max_length=1)]
    """What is learnt from and measured against: ``{potential: {use: NAME, …}, hamiltonian: {use: NAME, …}}``."""

    potential_data: dict[str, Any] | None = None
    """Set of structures, ``{use: NAME, …}``, whose reference energies and forces the config's potential learns; without it the
    potential is used as it is, with a model of its own."""

    hamiltonian_data: dict[str, Any] | None = None
    """Set of structures whose reference blocks the config's Hamiltonian learns; without it the Hamiltonian is used as it is."""

    test_fraction: Share = 0.1
    """Share of the structures of each group that no training sees, from which the errors come."""

    validation_fraction: Share = 0.1
    """Share of the others that is not learnt from but tells when a training ends."""

    phonons: PathOptions = PathOptions()
    """Path of the phonon dispersion."""

    series: tuple[SampleSeries, ...] = ()
    """Series of samples by name, each with a condition of its own, such as a temperature."""

    velocity: VelocityOptions | None = VelocityOptions()
    """How the Fermi velocity is read off; null: it is not, as where the crystal has no Dirac cone."""

    largest_error_percent: Annotated[float, Field(gt=0.0)] | None = None
    """Standard error that the Fermi velocity of each series must reach; a study with too few samples ends with an error that says
    how many are needed."""

    sample_bands: PathOptions | None = PathOptions(corners="ΓMKΓ", points=61)
    """Path of the bands of one sample by both Hamiltonians; null: not drawn."""

    large: LargeCellOptions | None = None
    """Bands of a large cell by both Hamiltonians."""

    sizes: tuple[dict[str, Any], ...] = ()
    """Structures, each ``{use: NAME, …}``, on which both trained parts and their references are timed, once each."""

    slowest_seconds: Length = 120.0
    """A reference or trained part that took longer than this on one size is not timed on larger ones."""

    @field_validator("reference", mode="before")
    @classmethod
    def _one_reference(cls, value: Any) -> Any:
        return ({"name": "reference", **value},) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [series.name for series in self.series]
        if len(set(names)) != len(names):
            raise ValueError("two series have one name")
        return self

    @property
    def structures(self) -> tuple[NamedStructure, ...]:
        """Structures beside the config's own, by the part of the study that they belong to."""
        found = {"potential_data": self.potential_data, "hamiltonian_data": self.hamiltonian_data}
        found["large"] = None if self.large is None else self.large.structure
        found |= {f"size {number}": structure for number, structure in enumerate(self.sizes)}
        return tuple(NamedStructure(name=name, structure=one) for name, one in found.items() if one is not None)
