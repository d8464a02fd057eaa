"""Executors that come with the core, offered through the same hooks as anybody's."""

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
