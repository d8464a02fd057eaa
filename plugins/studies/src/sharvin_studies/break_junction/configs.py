"""Options of the workflow ``break_junction``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from sharvin.options import Case, Options, WorkflowOptions

Count = Annotated[int, Field(ge=1)]
HELD_OUT = "held-out pulls"
"""What the test part of the training pulls is called."""
OWN = "own"
"""Name of the series of pulls that is given as a number: the config's own wire, pulled as the config says."""

KINDS_OF_A_PULL = ("structures", "potentials", "dynamics")
"""What a wire is pulled with."""


def held_back(labels: int, validation_fraction: float) -> int:
    """How many of so many labels are for validation."""
    return int(validation_fraction * labels + 0.5)


class PullSeries(Case):
    """A number of pulls of one wire under the same conditions."""

    overrides: ClassVar[tuple[str, ...]] = ("structure", "potential", "dynamics")

    pulls: int = Field(ge=1)
    """Number of pulls, each with a seed of its own."""

    structure: dict[str, Any] = Field(default_factory=dict)
    """Options of this series' structure that differ from the config's: a longer or wider wire."""

    potential: dict[str, Any] = Field(default_factory=dict)
    """Options of this series' potential that differ from the config's, or another one with `use:`."""

    dynamics: dict[str, Any] = Field(default_factory=dict)
    """Options of this series' dynamics that differ from the config's: temperature, pulling speed."""


class TrainingSeries(PullSeries):
    """A number of pulls, or pulls that are in a file, with conductances from elsewhere or without."""

    pulls: int = Field(default=0, ge=0)
    """Number of pulls, each with a seed of its own; left out where they are in a file."""

    file: str | None = None
    """Frames of pulls in place of molecular dynamics: extended xyz, or the HDF5 trajectory of one pull, as a run exports it. The
    comment line of a frame has ``pull``, a number or name; ``elongation_A`` if it is known; and ``conductance_G0``, T(E_F), where
    it was computed elsewhere, with ``label_source``, how. All frames have it or none; without it they are labelled like those of
    other pulls."""

    @model_validator(mode="after")
    def _pulled_or_read(self) -> Self:
        if self.file is None and not self.pulls:
            raise ValueError(f"series {self.name} needs a number of pulls, or a file that holds them")
        overrides = [name for name in self.overrides if getattr(self, name)]
        ignored = (["pulls"] if self.pulls else []) + overrides
        if self.file is not None and ignored:
            raise ValueError(
                f"series {self.name} is read from a file, so its {' and '.join(ignored)} would be ignored; leave it out"
            )
        return self


class ModelCase(Case):
    """A descriptor and a regressor to compare with the config's, or another Hamiltonian as a baseline."""

    overrides: ClassVar[tuple[str, ...]] = ("descriptor", "regressor", "hamiltonian")

    descriptor: dict[str, Any] | None = Field(default_factory=dict)
    """Options of the descriptor that differ from the config's, or another one with `use:`; null for a regressor that takes
    frames."""

    regressor: dict[str, Any] = Field(default_factory=dict)
    """Options of the regressor that differ from the config's, or another one with `use:`."""

    hamiltonian: dict[str, Any] = Field(default_factory=dict)
    """Options of another Hamiltonian: then nothing is fitted, and what this Hamiltonian gives of the test and check snapshots is
    held against the labels, to say what an error means."""

    members: Count = 1
    """Fits in this case's committee."""

    @model_validator(mode="after")
    def _a_model_or_a_baseline(self) -> Self:
        if self.hamiltonian and (self.descriptor != {} or self.regressor or self.members > 1):
            raise ValueError(
                f"case {self.name} names a hamiltonian, which is computed and not fitted, so its descriptor, regressor and "
                "members would be ignored; leave them out"
            )
        return self


class SpectrumCase(Case):
    """A Hamiltonian whose T(E) of one snapshot is drawn."""

    overrides: ClassVar[tuple[str, ...]] = ("hamiltonian",)

    hamiltonian: dict[str, Any] = Field(default_factory=dict)
    """Options of the Hamiltonian that differ from the config's."""


class CommitteeOptions(Options):
    """Several fits of one regressor, whose mean is predicted, with a standard deviation from their spread and their errors."""

    members: int = Field(default=5, ge=2)
    """Number of fits. Each has weights and an order of samples of its own, and holds other pulls back to decide when its training
    ends, so that together they learn from all that is not tested."""


class AcquireOptions(Options):
    """Active learning: label those snapshots of the training pulls first that the models agree least about."""

    rounds: Count = 4
    """Refits, each after more labels."""

    per_round: int = Field(default=50, ge=1)
    """Snapshots labelled in each round."""

    start: int = Field(default=100, ge=10)
    """Snapshots labelled before the first fit, drawn at random."""

    compare_random: bool = True
    """Also label as many snapshots at random, and fit to them, to show what the choice is worth; costs the same again."""


NEED_A_REGRESSOR = (
    "check_reference_snapshots",
    "label_every",
    "check_snapshots",
    "split_by",
    "validation_fraction",
    "committee",
    "compare",
    "compare_pulls",
    "learning_curve",
    "acquire",
    "feature_cache_GB",
)
"""Options of what is learnt and predicted, which a study without a regressor would ignore."""


class BreakJunctionOptions(WorkflowOptions):
    """Options of ``break_junction``."""

    former_names: ClassVar[Mapping[str, str]] = {"ensemble": "committee"}

    kinds: ClassVar[tuple[str, ...]] = (
        "structures",
        "potentials",
        "dynamics",
        "hamiltonians",
        "transport",
        "regressors",
    )
    optional_kinds: ClassVar[tuple[str, ...]] = ("descriptors",)
    nullable_kinds: ClassVar[tuple[str, ...]] = ("regressors",)
    system_type: ClassVar[str] = "two_terminal"
    cases_options: ClassVar[tuple[str, ...]] = ("training_pulls", "production_pulls", "compare", "spectra")
    writes: ClassVar[tuple[str, ...]] = ("traces.csv", "pulls.json", "model.json")

    training_pulls: tuple[TrainingSeries, ...] = (TrainingSeries(name=OWN, pulls=6),)
    """Pulls whose snapshots are labelled by NEGF and learnt from: a number, or series of pulls that differ in wire, potential or
    dynamics, or are in a file. Where a file states all conductances, the config's Hamiltonian labels none of them: it is then
    computed for the snapshots held out and stands beside the models. Without a regressor there are none unless they are stated;
    then a Hamiltonian that learns takes its references from them, and their snapshots have no labels."""

    production_pulls: tuple[PullSeries, ...] = (PullSeries(name=OWN, pulls=20),)
    """Further pulls, with other seeds, whose conductances are predicted, or labelled where there is no regressor: a number, or
    series of pulls that differ in wire, potential or dynamics."""

    production_labels: Literal["check", "all"] = "check"
    """``all``: every unbroken snapshot of the production pulls is labelled by NEGF and predicted, so that errors and histograms
    of all are known; ``check``: only those of `check_snapshots` are labelled. Without a regressor (``regressor: null``) all are
    labelled and nothing is predicted."""

    reference_snapshots: int = Field(default=48, ge=4)
    """Snapshots of the training pulls (of the production pulls, evenly of every series, where there are no training pulls) that a
    Hamiltonian that learns computes in full; it learns from those of most pulls and is tested on those of the others
    (`test_fraction`)."""

    check_reference_snapshots: int = Field(default=8, ge=0)
    """With such a Hamiltonian and labels of production snapshots beside predictions: about so many snapshots of each production
    series are computed in full and learnt from, too. What it learns of the training wires alone need not hold for longer ones,
    whose labels would be off."""

    label_every: int = Field(default=1, ge=1)
    """Label every n-th snapshot of a training pull. Of production pulls with exact labels all are labelled, however fine."""

    check_snapshots: int = Field(default=0, ge=0)
    """Snapshots of each production series, drawn at random, that are labelled as well, to test the predictions on wires that
    nothing was learnt from."""

    split_by: Literal["group", "sample", "both"] = "group"
    """``group`` keeps each pull on one side of the split; ``sample`` mixes the snapshots of a pull, which flatters the scores;
    ``both`` fits a second time, split by sample, and reports its scores beside the first."""

    validation_fraction: float = Field(default=0.17, gt=0.0, lt=1.0)
    """Share of the pulls (or snapshots) that decides when training stops."""

    test_fraction: float = Field(default=0.17, gt=0.0, lt=1.0)
    """Share of the pulls (or snapshots) that the reported test errors come from."""

    committee: CommitteeOptions | None = None
    """Fit the config's regressor several times; predictions then have a standard deviation, recalibrated by pulls that fits held
    back."""

    compare: tuple[ModelCase, ...] = ()
    """Other descriptors and regressors, fitted to the same labels with the same split, or other Hamiltonians."""

    compare_pulls: int | None = Field(default=None, ge=0)
    """Pulls of each production series that the models of `compare` predict too, for their histograms; all if null."""

    learning_curve: tuple[Count, ...] = ()
    """Numbers of training pulls from which the config's regressor is fitted as well, tested on the same pulls."""

    learning_curve_labels: tuple[Annotated[int, Field(ge=2)], ...] = ()
    """Numbers of labels from which every model is fitted as well, once each without a committee, and tested on the same held-out
    pulls. Labels are drawn from all pulls that are not held out, in turn, the larger numbers with the smaller ones among them.
    All labels count as spent: a share of `validation_fraction` of them, not learnt from, decides when training stops."""

    learning_curve_repeats: Count = 1
    """Draws of these labels, each fitted."""

    folds: int | None = Field(default=None, ge=2)
    """With `learning_curve_labels`: the pulls are divided into so many parts, each of which is held out once while labels of the
    others are learnt from, and errors are of all pulls together. null: those of the test part of the study's split."""

    acquire: AcquireOptions | None = None
    """Active learning in place of labelling all snapshots of the training pulls; needs `committee`."""

    spectra: tuple[SpectrumCase, ...] = ()
    """Hamiltonians whose T(E) of one narrow snapshot of a test pull (of a production pull, where there is no regressor) are drawn
    beside each other."""

    spectrum_half_width_eV: float = Field(default=3.0, gt=0.0)
    """The spectra reach from this far below the Fermi energy to as far above it."""

    spectrum_points: int = Field(default=121, ge=3)
    """Energies of a spectrum."""

    feature_cache_GB: float = Field(default=8.0, ge=0.0)
    """Features of the labelled snapshots are kept in files, which go when the fits are done, if they need no more than this;
    otherwise they are computed whenever a fit asks for them."""

    bin_width_G0: float = Field(default=0.05, gt=0.0)
    """Bin width of the conductance histogram."""

    max_conductance_G0: float = Field(default=8.0, gt=0.0)
    """Upper end of the conductance axes."""

    plateau_window_G0: tuple[float, float] = (0.5, 1.5)
    """Lower and upper conductance of the last plateau, in G0: in this window the histogram's peak is looked for, and plateau
    lengths and shares are taken. The default suits one open channel, as of noble and alkali metals; a platinum contact has
    about 1.5 to 2 G0, for which ``[1.0, 2.5]`` suits."""

    @field_validator("training_pulls", "production_pulls", mode="before")
    @classmethod
    def _a_number_is_a_series(cls, value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool | str | float | Mapping):
            raise ValueError("needs a number of pulls, or a list of series such as [{name: fast, pulls: 5}]")
        if not isinstance(value, int):
            return value
        if value < 0:
            raise ValueError(f"a number of pulls is not negative, as {value} is")
        return ({"name": OWN, "pulls": value},) if value else ()

    @field_validator("plateau_window_G0")
    @classmethod
    def _the_window_ascends(cls, window: tuple[float, float]) -> tuple[float, float]:
        if not 0.0 <= window[0] < window[1] < float("inf"):
            raise ValueError(f"a plateau window has a lower and a higher conductance in G0, not {window[0]:g} and {window[1]:g}")
        return window

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1.0:
            raise ValueError("validation_fraction and test_fraction must leave something to train on")
        if self.training_pulls and self.split_by != "sample" and not self.files() and self.number_of("training_pulls") < 3:
            raise ValueError(
                "a split by group needs at least 3 training_pulls (train, validation, test): pulls are the groups; or choose "
                "split_by: sample"
            )
        return self

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> Self:
        if "plateau_window_G0" in self.model_fields_set and self.plateau_window_G0[1] > self.max_conductance_G0:
            raise ValueError(
                f"plateau_window_G0 reaches to {self.plateau_window_G0[1]:g} G0 and the histogram to max_conductance_G0 = "
                f"{self.max_conductance_G0:g} only; raise max_conductance_G0 or lower the window"
            )
        if self.check_snapshots and not self.production_pulls:
            raise ValueError("check_snapshots are snapshots of production_pulls, of which there are none; leave one of them out")
        if self.production_labels == "all" and self.check_snapshots:
            raise ValueError("with production_labels: all every production snapshot is a check; leave check_snapshots out")
        if self.production_labels == "all" and not self.production_pulls:
            raise ValueError("production_labels are those of production_pulls, of which there are none; leave one of them out")
        references = type(self).model_fields["check_reference_snapshots"].default
        if not self.labels_production and self.check_reference_snapshots != references:
            raise ValueError("check_reference_snapshots would be ignored without check_snapshots; leave it out")
        if self.acquire is not None and self.committee is None:
            raise ValueError("acquire labels the snapshots with the largest standard deviation, so it needs a committee; add one")
        if self.acquire is not None and self.learning_curve:
            raise ValueError("with acquire the number of labels is the learning curve; leave learning_curve out")
        if self.acquire is not None and self.split_by == "sample":
            raise ValueError("acquire chooses among the snapshots of training pulls; split_by must be group or both")
        if self.compare_pulls is not None and not self.compare:
            raise ValueError("compare_pulls would be ignored without models to compare; leave it out")
        for name in ("spectrum_half_width_eV", "spectrum_points"):
            if not self.spectra and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} would be ignored without spectra; leave it out, or add spectra")
        learnable = self.number_of("training_pulls") - 2
        if self.learning_curve and not self.files() and max(self.learning_curve) > learnable:
            raise ValueError(
                f"learning_curve asks for {max(self.learning_curve)} pulls, and at most {learnable} can be learnt from"
            )
        return self

    @model_validator(mode="after")
    def _labels_can_be_spent(self) -> Self:
        numbers = self.learning_curve_labels
        if not numbers:
            for name, ignored in (("folds", self.folds is not None), ("learning_curve_repeats", self.learning_curve_repeats > 1)):
                if ignored:
                    raise ValueError(f"{name} would be ignored without learning_curve_labels; leave it out")
            return self
        if self.acquire is not None:
            raise ValueError("with acquire the number of labels is the learning curve; leave learning_curve_labels out")
        if self.split_by == "sample":
            raise ValueError("learning_curve_labels tests on pulls of which no label is spent; split_by must be group or both")
        fewest = min(numbers)
        if not 0 < held_back(fewest, self.validation_fraction) < fewest:
            raise ValueError(
                f"of {fewest} labels the validation_fraction {self.validation_fraction:g} leaves none to learn from or none to "
                "validate with; choose a larger number in learning_curve_labels"
            )
        return self

    def files(self) -> tuple[str, ...]:
        """Files of pulls."""
        return tuple(dict.fromkeys(series.file for series in self.training_pulls if series.file is not None))

    def needed_kinds(self) -> tuple[str, ...]:
        """Without those of a pull where none is pulled."""
        pulled = self.production_pulls or any(series.file is None for series in self.training_pulls)
        return self.kinds if pulled else tuple(kind for kind in self.kinds if kind not in KINDS_OF_A_PULL)

    @property
    def labels_production(self) -> bool:
        """Whether a study with a regressor labels snapshots of production pulls: some, or all."""
        return self.check_snapshots > 0 or self.production_labels == "all"

    def of_exact_production(self) -> Self:
        """The options of a study without a regressor: no training pulls unless they are stated."""
        return self if "training_pulls" in self.model_fields_set else self.model_copy(update={"training_pulls": ()})

    def number_of(self, option: Literal["training_pulls", "production_pulls"]) -> int:
        """Pulls of all series of an option, but for those in files."""
        series: Sequence[PullSeries] = getattr(self, option)
        return sum(one.pulls for one in series)

    def conflicts(self, cases: Mapping[str, Mapping[str, Mapping[str, Options]]]) -> Sequence[tuple[tuple[str | int, ...], str]]:
        """Cases that would do what the config's own part does."""
        found: list[tuple[tuple[str | int, ...], str]] = []
        for number, case in enumerate(self.compare):
            if not (case.hamiltonian or case.regressor or case.descriptor or case.descriptor is None or case.members > 1):
                sentence = f"case {case.name} changes nothing; the config's own model is in the comparison anyway."
                found.append((("compare", number), sentence))
        for number, series in enumerate(self.production_pulls):
            if series.name == HELD_OUT:
                found.append(
                    (("production_pulls", number), f"{HELD_OUT!r} names the test part of the training pulls; choose another.")
                )
        return found

    def conflicts_with(self, components: Mapping[str, Options]) -> Sequence[tuple[tuple[str | int, ...], str]]:
        """What a study without a regressor would ignore, and one with a regressor would lack."""
        if "regressor" in components:
            if self.training_pulls:
                return ()
            sentence = "a regressor learns from training pulls, of which there are none; pull some, or set regressor: null."
            return [(("workflow", "training_pulls"), sentence)]
        found: list[tuple[tuple[str | int, ...], str]] = []
        if "descriptor" in components:
            found.append((("descriptor",), "it would be ignored without a regressor; set descriptor: null, too."))
        for name in NEED_A_REGRESSOR:
            if getattr(self, name) != type(self).model_fields[name].get_default(call_default_factory=True):
                sentence = "it would be ignored without a regressor (regressor: null), as every production snapshot is labelled"
                found.append((("workflow", name), f"{sentence}; leave it out."))
        if not self.production_pulls:
            sentence = "without a regressor the study labels production pulls, of which there are none; pull some."
            found.append((("workflow", "production_pulls"), sentence))
        return found
