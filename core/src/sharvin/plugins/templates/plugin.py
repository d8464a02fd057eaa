"""The part that this distribution offers."""

from __future__ import annotations

from sharvin.component import Component
from sharvin.hooks import hookimpl

SHARVIN_API = 1


@hookimpl
def sharvin_transport() -> list[Component]:
    """Parts of this kind, by name."""
    return [
        Component(
            name="part_name",
            target="plugin_package.part_module:PartName",
            config="plugin_package.configs:PartNameOptions",
            summary="part_summary",
            takes=("two_terminal",),
        ),
    ]
