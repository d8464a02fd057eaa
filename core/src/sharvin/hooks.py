"""The hooks through which plugins offer parts, commands and pages of reports.

One hook per kind of part, each returning :class:`sharvin.component.Component` records.

A plugin is a distribution with one entry point in the group ``sharvin.plugins`` that points at a light module::

    SHARVIN_API = 1

    @hookimpl
    def sharvin_transport():
        return [Component(name="my_solver", target="my_pkg.solver:MySolver", config="my_pkg.configs:MySolverOptions",
                          summary="what it does", takes=("two_terminal",))]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from sharvin.component import Command, Component

if TYPE_CHECKING:
    from sharvin.context import Context
    from sharvin.report import ReportPart

hookspec = pluggy.HookspecMarker("sharvin")
hookimpl = pluggy.HookimplMarker("sharvin")

KINDS = (
    "structures",
    "potentials",
    "dynamics",
    "descriptors",
    "hamiltonians",
    "transport",
    "regressors",
    "workflows",
    "executors",
)
"""Kinds of component, spelt as in the hook names. A config names a part of a kind by the kind's singular, :data:`CONFIG_KEYS`."""

CONFIG_KEYS = {
    "structures": "structure",
    "potentials": "potential",
    "dynamics": "dynamics",
    "descriptors": "descriptor",
    "hamiltonians": "hamiltonian",
    "transport": "transport",
    "regressors": "regressor",
    "workflows": "workflow",
    "executors": "executor",
}


@hookspec
def sharvin_structures() -> Sequence[Component]:
    """Starting structures: nanowires with electrodes, lattice wires, files. See :class:`sharvin.protocols.Structure`."""
    raise NotImplementedError


@hookspec
def sharvin_potentials() -> Sequence[Component]:
    """Energies and forces. See :class:`sharvin.protocols.Potential`."""
    raise NotImplementedError


@hookspec
def sharvin_dynamics() -> Sequence[Component]:
    """What moves atoms: pulls, relaxations, NVT. See :class:`sharvin.protocols.Dynamics`."""
    raise NotImplementedError


@hookspec
def sharvin_descriptors() -> Sequence[Component]:
    """Features of structures. See :class:`sharvin.protocols.Descriptor`."""
    raise NotImplementedError


@hookspec
def sharvin_hamiltonians() -> Sequence[Component]:
    """H and S from a structure. See :class:`sharvin.protocols.Hamiltonian`."""
    raise NotImplementedError


@hookspec
def sharvin_transport() -> Sequence[Component]:
    """Transport solvers. See :class:`sharvin.protocols.TransportSolver`."""
    raise NotImplementedError


@hookspec
def sharvin_regressors() -> Sequence[Component]:
    """Structure-to-property models. See :class:`sharvin.protocols.Regressor`."""
    raise NotImplementedError


@hookspec
def sharvin_workflows() -> Sequence[Component]:
    """Whole studies built from the other kinds. See :class:`sharvin.protocols.Workflow`."""
    raise NotImplementedError


@hookspec
def sharvin_executors() -> Sequence[Component]:
    """Where the work runs. See :class:`sharvin.protocols.Executor`."""
    raise NotImplementedError


@hookspec
def sharvin_commands() -> Sequence[Command]:
    """Commands of the command line. See :class:`sharvin.component.Command`; a module is imported when its command is called."""
    raise NotImplementedError


@hookspec
def sharvin_report(folder: Path, results: Mapping[str, Any]) -> ReportPart | None:
    """What this plugin adds to the report of a finished run: names of key numbers, figures and tables; None for nothing.

    Called whenever ``report.html`` is written, for runs of any workflow. One that fails is named in the report, which is written
    all the same.

    Parameters
    ----------
    folder : Path
        The run folder. Figures may be saved there with :func:`sharvin.figures.save_figure`.
    results : mapping
        Content of ``results.json``.
    """


@hookspec
def sharvin_step_finished(step: str, result: Any, context: Context) -> None:
    """Called after every step of a run, for watching it; return values are ignored."""
