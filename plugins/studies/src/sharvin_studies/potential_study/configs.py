"""Options of the workflow ``potential_study``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator
from sharvin.options import Case, Element, Options, WorkflowOptions

Number = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
PropertyName = Literal[
    "crystal",
    "equation_of_state",
    "elastic_constants",
    "surface_100",
    "surface_110",
    "surface_111",
    "vacancy",
    "phonons",
    "dimer",
    "chain",
]


class NamedPotential(Case):
    """A potential beside the one that is trained: the reference, or one to compare with."""

    overrides: ClassVar[tuple[str, ...]] = ("potential",)
    stands_alone: ClassVar[bool] = True

    potential: dict[str, Any]
    """The potential with its options, ``{use: NAME, …}``."""

    @field_validator("potential")
    @classmethod
    def _names_a_part(cls, value: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(value.get("use"), str):
            raise ValueError("name the potential: {use: NAME}")
        return value


class PotentialVariant(Case):
    """The trained potential with other options."""

    overrides: ClassVar[tuple[str, ...]] = ("potential",)

    potential: dict[str, Any]
    """Options that differ from the config's."""


class PulledWire(Case):
    """A wire, and what pulls it."""

    overrides: ClassVar[tuple[str, ...]] = ("structure", "dynamics")
    stands_alone: ClassVar[bool] = True

    structure: dict[str, Any]
    """The structure with its options."""

    dynamics: dict[str, Any]
    """The dynamics with its options."""


class OptionScan(Options):
    """One option of the trained potential, or several together, at several values, with a training of each seed at each."""

    name: str = Field(min_length=1)
    """What is varied, as figures call it."""

    option: str | None = None
    """Option of the potential that takes the values."""

    values: tuple[bool | int | float | str, ...] = ()
    """Values of the option."""

    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Instead of one option and its values: options of the potential by the name of each variant."""

    seeds: Number | None = None
    """Trainings of each value; default as many as the study has."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.option and self.values) == bool(self.variants):
            raise ValueError(f"the scan {self.name} needs an option with values, or variants, and not both")
        if len({str(value) for value in self.values}) != len(self.values):
            raise ValueError(f"the scan {self.name} names a value twice")
        return self

    @property
    def cases(self) -> tuple[PotentialVariant, ...]:
        """Each value as a variant of the potential."""
        if self.option is not None:
            return tuple(
                PotentialVariant(name=self.case_name(str(value)), potential={self.option: value}) for value in self.values
            )
        return tuple(
            PotentialVariant(name=self.case_name(name), potential=dict(options)) for name, options in self.variants.items()
        )

    def case_name(self, value: str) -> str:
        """Name of the variant of a value."""
        return f"{self.name}: {value}"

    @property
    def labels(self) -> tuple[str, ...]:
        """Values in words, in their order."""
        return tuple(str(value) for value in self.values) if self.option is not None else tuple(self.variants)


class Transferability(Options):
    """Trainings without whole groups of structures, and what they say of these groups and of the properties."""

    without: dict[str, tuple[str, ...]] = Field(min_length=1)
    """Groups to leave out by the name of the training: ``{"without (100)": [fcc100]}``."""

    properties: tuple[PropertyName, ...] = ("surface_100", "surface_110", "surface_111")
    """Properties of each training."""

    seeds: Number | None = None
    """Trainings of each kind; default as many as the study has."""


class WireForces(Options):
    """Errors of forces on wires that the reference has relaxed and pulled: of the start, at rest, and thin before they break."""

    structure: dict[str, Any]
    """The wire, ``{use: NAME, …}``."""

    dynamics: dict[str, Any]
    """What pulls it, ``{use: NAME, …}``."""

    pulls: Number = 3
    """Wires that are pulled."""

    last_frames: Number = 5
    """Frames of each pull before the wire breaks, which are the pulled wires."""


class ActiveLearning(Options):
    """Query by committee: pull a wire with the model, label where the seeds' models disagree most, and train again.

    H. S. Seung, M. Opper and H. Sompolinsky, Proc. 5th Workshop on Computational Learning Theory, 287 (1992).
    """

    structure: dict[str, Any] | None = None
    """The wire; default that of `wires`."""

    dynamics: dict[str, Any] | None = None
    """What pulls it; default that of `wires`."""

    rounds: Number = 3
    """Rounds of pulling, labelling and training."""

    structures_per_round: Number = 10
    """Frames that are labelled in each round."""

    pulls: Number = 2
    """Wires that are pulled in each round."""


class PotentialStudies(Options):
    """Studies beyond errors and properties; each is made if it is named."""

    options_scan: tuple[OptionScan, ...] = ()
    """Errors against options of the potential."""

    transferability: Transferability | None = None
    """Trainings without whole groups of structures."""

    wires: WireForces | None = None
    """Errors of forces on wires."""

    active_learning: ActiveLearning | None = None
    """Structures of wires added by query by committee."""


class PotentialStudyOptions(WorkflowOptions):
    """Options of ``potential_study``."""

    kinds: ClassVar[tuple[str, ...]] = ("potentials",)
    optional_kinds: ClassVar[tuple[str, ...]] = ("structures",)
    cases_options: ClassVar[tuple[str, ...]] = ("reference", "compare", "varied", "pulled")
    writes: ClassVar[tuple[str, ...]] = ("reference_data.extxyz", "models/")

    reference: tuple[NamedPotential, ...] = ()
    """The potential that labels, ``{use: NAME, …}``, and that properties are measured against."""

    reference_file: str | None = None
    """File of structures with energies (eV) and forces (eV/Å) instead of structures that the reference labels."""

    reference_units: Literal["metal", "atomic"] = "metal"
    """Units of a `reference_file` input.data, which does not say them: eV and Å, or Hartree and Bohr."""

    compare: tuple[NamedPotential, ...] = ()
    """Further potentials whose properties stand beside, by name: ``{eam: {use: NAME, …}}``."""

    seeds: Number = 5
    """Trainings, each with a split and initial weights of its own; what is reported is their mean and standard deviation."""

    test_fraction: float = Field(default=0.1, gt=0.0, lt=1.0)
    """Share of the structures of each group that a training never sees, from which the errors come."""

    validation_fraction: Share = 0.1
    """Share of the other structures that is not learnt from but may tell when training ends. With 0 the test set takes this part,
    as in studies that divide their data in two; the errors then are too small where a training ends by it."""

    element: Element | None = None
    """Element whose properties are computed; needed only if the structures have several."""

    lattice_guess_A: Annotated[float, Field(gt=0.0)] | None = None
    """Lattice constant of its fcc crystal to start from; default that of the element."""

    properties: tuple[PropertyName, ...] = get_args(PropertyName)
    """Properties to compute by each seed's model, the reference and the others."""

    published: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Published values to show beside, by source and name of the number as in ``results.json``."""

    studies: PotentialStudies = PotentialStudies()
    """Studies beyond errors and properties."""

    @field_validator("reference", mode="before")
    @classmethod
    def _one_reference(cls, value: Any) -> Any:
        if value is None:
            return ()
        if isinstance(value, str | Mapping):
            return ({"name": "reference", "potential": _selection(value)},)
        return value

    @field_validator("compare", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return [{"name": str(name), "potential": _selection(potential)} for name, potential in value.items()]
        return value

    @model_validator(mode="after")
    def _has_labels(self) -> Self:
        if not self.reference and self.reference_file is None:
            raise ValueError("name what labels the structures: reference: {use: NAME}, or reference_file: FILE")
        if len(self.reference) > 1:
            raise ValueError("there is one reference; name others under compare")
        studies = self.studies
        needing = [name for name in ("wires", "active_learning") if getattr(studies, name) is not None]
        if needing and not self.reference:
            raise ValueError(f"studies.{needing[0]} needs a reference that labels the wires: reference: {{use: NAME}}")
        learning = studies.active_learning
        if learning is not None:
            if self.seeds < 2:
                raise ValueError("studies.active_learning needs a committee: seeds of 2 or more")
            lacking = [name for name in ("structure", "dynamics") if getattr(learning, name) is None]
            if lacking and studies.wires is None:
                raise ValueError(f"studies.active_learning needs a {lacking[0]}: give it there or under studies.wires")
        names = [scan.name for scan in studies.options_scan]
        if len(set(names)) != len(names):
            raise ValueError("two scans of studies.options_scan have one name")
        return self

    @property
    def varied(self) -> tuple[PotentialVariant, ...]:
        """Variants of the potential of all scans."""
        return tuple(case for scan in self.studies.options_scan for case in scan.cases)

    @property
    def pulled(self) -> tuple[PulledWire, ...]:
        """Wires of the studies that pull some."""
        wires, learning = self.studies.wires, self.studies.active_learning
        found = []
        if wires is not None:
            found.append(PulledWire(name="wires", structure=wires.structure, dynamics=wires.dynamics))
        if learning is not None:
            structure = learning.structure or (wires.structure if wires else {})
            dynamics = learning.dynamics or (wires.dynamics if wires else {})
            found.append(PulledWire(name="active_learning", structure=structure, dynamics=dynamics))
        return tuple(found)

    def files(self) -> tuple[str, ...]:
        """The file of reference data."""
        return () if self.reference_file is None else (self.reference_file,)

    def conflicts(self, cases: Mapping[str, Mapping[str, Mapping[str, Options]]]) -> Sequence[tuple[tuple[str | int, ...], str]]:
        """Elements that the reference or a potential beside it does not cover."""
        found = []
        if self.element is not None:
            for option in ("reference", "compare"):
                for name, parts in cases[option].items():
                    covered = parts["potential"].elements()
                    if covered is not None and self.element not in covered:
                        who = "the reference" if option == "reference" else f"the potential {name}"
                        sentence = f"{who} has no parameters for {self.element}; it covers {', '.join(sorted(covered))}."
                        found.append(((option,), sentence))
        return found


def _selection(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value
