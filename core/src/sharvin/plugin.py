"""Executors and workflows that come with the core, offered through the same hooks as anybody's."""

from __future__ import annotations

from sharvin.component import Component
from sharvin.hooks import hookimpl

SHARVIN_API = 1


@hookimpl
def sharvin_executors() -> list[Component]:
    """Executors on this machine."""
    return [
        Component(
            name="serial",
            target="sharvin.executors.serial:SerialExecutor",
            config="sharvin.executors.configs:SerialOptions",
            summary="one item after the other in this process",
        ),
        Component(
            name="processes",
            target="sharvin.executors.processes:ProcessExecutor",
            config="sharvin.executors.configs:ProcessOptions",
            summary="worker processes on this machine, one thread each",
        ),
    ]


@hookimpl
def sharvin_workflows() -> list[Component]:
    """Studies built from the other kinds."""
    return [
        Component(
            name="break_junction",
            target="sharvin.workflows.break_junction:BreakJunction",
            config="sharvin.workflows.break_junction_configs:BreakJunctionOptions",
            summary="training pulls, NEGF labels, a fit, production pulls, conductance histograms",
        ),
        Component(
            name="disordered_wire",
            target="sharvin.workflows.disordered_wire:DisorderedWire",
            config="sharvin.workflows.disordered_wire_configs:DisorderedWireOptions",
            summary="disordered lattice wires, exact T(E), regressors on their on-site maps, errors and ensemble statistics",
        ),
    ]
