"""Options of the workflow ``disordered_wire``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from sharvin.options import Case, ConcentrationOptions, Options, WorkflowOptions

Number = Annotated[int, Field(ge=1)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Target = Literal["conductance", "bias_averaged_conductance"]


class WireCase(Case):
    """A case of ``disordered_wire``: an ensemble of wires, a target, a regressor, and how many wires it learns from."""

    overrides: ClassVar[tuple[str, ...]] = ("hamiltonian", "regressor")

    target: Target = "conductance"
    """What is learnt: G at the Fermi energy, or Gbar, the mean of G over the energies of a bias window."""

    training_samples: tuple[Annotated[int, Field(ge=4)], ...] = Field(min_length=1)
    """Wires to learn from, those that decide when training ends included; of several numbers each is a fit of its own, the
    smaller sets parts of the larger ones, and together a learning curve."""

    hamiltonian: dict[str, Any] = Field(default_factory=dict)
    """Options of this case's Hamiltonian that differ from the config's."""

    regressor: dict[str, Any] = Field(default_factory=dict)
    """Options of this case's regressor that differ from the config's, or another regressor with `use:`."""

    group: str = ""
    """Line to which this case belongs in the figures of errors against size and against training samples; default its name."""

    published_mae_G0: tuple[Annotated[float, Field(gt=0.0)] | None, ...] = ()
    """Published test errors to show beside ours, one for every number of training samples; null where there is none."""

    @field_validator("training_samples", "published_mae_G0", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _fits_the_curve(self) -> Self:
        if list(self.training_samples) != sorted(set(self.training_samples)):
            raise ValueError(f"training_samples of case {self.name} must ascend")
        if self.published_mae_G0 and len(self.published_mae_G0) != len(self.training_samples):
            raise ValueError(
                f"case {self.name} has {len(self.training_samples)} numbers of training_samples and {len(self.published_mae_G0)} "
                "values of published_mae_G0; give one for each, null where there is none"
            )
        return self


class ConcentrationScan(Options):
    """Statistics of the conductance at fixed concentrations of impurities, exact and predicted."""

    concentrations: tuple[Probability, ...] = Field(default=tuple(k / 20 for k in range(21)), min_length=1)
    """Concentrations n at which wires are drawn."""

    configurations: Number = 1000
    """Wires at each concentration."""

    cases: tuple[str, ...] = ()
    """Cases whose ensembles are computed and predicted; all if empty."""


class SpeedComparison(Options):
    """The exact computation and a prediction of the same wires, timed in one process with one thread."""

    case: str
    """Case whose target is computed and predicted."""

    configurations: Number = 1000
    """Wires to compute and predict."""

    published_exact_s: float | None = Field(default=None, gt=0.0)
    """Published time of the exact computation of so many wires, shown beside ours."""

    published_network_s: float | None = Field(default=None, gt=0.0)
    """Published time of the prediction of so many wires, shown beside ours."""


class DisorderedWireOptions(WorkflowOptions):
    """Options of ``disordered_wire``."""

    kinds: ClassVar[tuple[str, ...]] = ("hamiltonians", "transport", "regressors")
    system_type: ClassVar[str] = "grid_wire"
    sample_kind: ClassVar[str] = "image"
    cases_options: ClassVar[tuple[str, ...]] = ("cases",)

    cases: tuple[WireCase, ...] = Field(min_length=1)
    """Ensembles, targets and regressors to study; cases with the same Hamiltonian share their wires."""

    test_samples: Number = 20000
    """Wires of every ensemble that the reported errors come from, the first ones."""

    validation_fraction: float = Field(default=0.05, gt=0.0, lt=1.0)
    """Share of the training samples that is not learnt from but decides when training ends."""

    bias: float = Field(default=0.36, gt=0.0)
    """Width eV of the bias window of Gbar, in units of the hopping t, centred at the Fermi energy."""

    bias_energies: int = Field(default=10, ge=2)
    """Energies in the bias window, both ends included, over which Gbar is the mean."""

    ensemble: ConcentrationScan | None = None
    """Mean and standard deviation of the conductance against the concentration of impurities."""

    timing: SpeedComparison | None = None
    """Time of the exact computation against that of a prediction."""

    bin_width_G0: float = Field(default=0.1, gt=0.0)
    """Bin width of the frequency distributions."""

    scale: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of all numbers of wires (training, test, ensemble, timing) that is computed; to try a study in seconds."""

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        names = [case.name for case in self.cases]
        for option, asked in (("ensemble", self.ensemble.cases if self.ensemble else ()), ("timing", self._timed())):
            unknown = [name for name in asked if name not in names]
            if unknown:
                raise ValueError(f"{option} names the case {unknown[0]}, which is not among {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _bias_acts(self) -> Self:
        changed = [name for name in ("bias", "bias_energies") if getattr(self, name) != type(self).model_fields[name].default]
        if changed and all(case.target == "conductance" for case in self.cases):
            raise ValueError(f"{changed[0]} would be ignored: no case has the target bias_averaged_conductance; leave it out")
        return self

    def _timed(self) -> tuple[str, ...]:
        return (self.timing.case,) if self.timing else ()

    def scanned(self) -> tuple[str, ...]:
        """Names of the cases whose ensembles are computed at fixed concentrations."""
        if self.ensemble is None:
            return ()
        return self.ensemble.cases or tuple(case.name for case in self.cases)

    def wires(self, number: int, least: int = 1) -> int:
        """A number of wires after scaling, at least `least`, never more than asked for."""
        return min(number, max(least, round(self.scale * number)))

    def conflicts(self, cases: Mapping[str, Mapping[str, Mapping[str, Options]]]) -> Sequence[tuple[tuple[str | int, ...], str]]:
        """Cases of ``ensemble`` whose Hamiltonian has no concentration."""
        found = []
        for name in self.scanned():
            try:
                at_concentration(cases["cases"][name]["hamiltonian"], 0.5)
            except ValueError:
                sentence = (
                    f"the Hamiltonian of case {name} has no concentration of impurities; leave the case out of ensemble.cases."
                )
                found.append((("ensemble",), sentence))
        return found


def at_concentration(options: Options, concentration: float) -> Options:
    """Options of a lattice Hamiltonian whose wires all have this concentration of impurities.

    Raises
    ------
    ValueError
        If the Hamiltonian declares no concentration (:class:`sharvin.options.ConcentrationOptions`), or its wires have none.
    """
    if not isinstance(options, ConcentrationOptions):
        raise ValueError("these options declare no concentration of impurities")
    return options.at_concentration(concentration)


def apart_from_concentration(options: Options) -> dict[str, Any]:
    """Plain data of options for :func:`at_concentration`, without those that a concentration sets."""
    clean, full = (at_concentration(options, concentration).model_dump(mode="json") for concentration in (0.0, 1.0))
    return {name: value for name, value in options.model_dump(mode="json").items() if clean.get(name) == full.get(name)}
