"""Options of part_name."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from sharvin.options import WorkflowOptions


class PartNameOptions(WorkflowOptions):
    """Options of ``part_name``."""

    kinds: ClassVar[tuple[str, ...]] = ("hamiltonians", "transport")
    system_type: ClassVar[str] = "grid_wire"

    batches: int = Field(default=10, ge=1)
    """Batches of 100 wires; more of them in a later run leave the first ones as they are."""
    energy: float = 0.0
    """Energy of the electrons in units of the hopping, relative to the Fermi energy."""
