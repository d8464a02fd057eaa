"""Options of the workflow ``thermal_transport``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator
from sharvin.options import WorkflowOptions

from sharvin_studies.thermal_samples.configs import SampleSeries


class ThermalTransportOptions(WorkflowOptions):
    """Options of ``thermal_transport``."""

    kinds: ClassVar[tuple[str, ...]] = ("structures", "potentials", "dynamics", "hamiltonians", "transport")
    cases_options: ClassVar[tuple[str, ...]] = ("series", "estimates")
    system_type: ClassVar[str] = "two_terminal"

    series: Annotated[tuple[SampleSeries, ...], Field(min_length=1)]
    """Series of samples by name, each with a condition of its own: ``{name: cold, dynamics: {…}}``."""

    single: dict[str, Any] | None = None
    """Options of the dynamics that make it give one structure in place of all samples, such as a special displacement; it stands
    beside the mean of each series."""

    fermi_nodes: Annotated[int, Field(ge=1, le=64)] = 8
    """Energies at which T is computed, nodes of a Gauss–Legendre rule in the Fermi function: the conductance is the average of T
    over its derivative. With 1 the conductance is T at the Fermi energy."""

    largest_error_G0: Annotated[float, Field(gt=0.0)] | None = None
    """Standard error that each mean conductance must reach; a study with too few samples ends with an error that says how many
    are needed."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [series.name for series in self.series]
        if len(set(names)) != len(names):
            raise ValueError("two series have one name")
        return self

    @property
    def estimates(self) -> tuple[SampleSeries, ...]:
        """The series with the options of the single structure."""
        if self.single is None:
            return ()
        return tuple(SampleSeries(name=one.name, dynamics={**one.dynamics, **self.single}) for one in self.series)
