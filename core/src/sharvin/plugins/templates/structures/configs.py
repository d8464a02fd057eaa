"""Options of part_name."""

from __future__ import annotations

from pydantic import Field
from sharvin.options import Options


class PartNameOptions(Options):
    """Options of ``part_name``."""

    element: str = "Au"
    """Chemical symbol."""
    spacing_A: float = Field(default=2.9, gt=0)
    """Distance between neighbours."""
    atoms: int = Field(default=12, ge=4)
    """Number of atoms, electrodes included."""
    electrode_atoms: int = Field(default=4, ge=1)
    """Number of atoms of either electrode; they are rigid."""
    disorder_A: float = Field(default=0.05, ge=0)
    """Standard deviation of the displacements of the atoms in between."""

    def elements(self) -> frozenset[str]:
        """The one element of the chain."""
        return frozenset({self.element})
