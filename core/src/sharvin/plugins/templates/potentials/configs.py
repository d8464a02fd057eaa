"""Options of part_name."""

from __future__ import annotations

from pydantic import Field
from sharvin.options import Options


class PartNameOptions(Options):
    """Options of ``part_name``."""

    depth_eV: float = Field(default=0.4, gt=0)
    """Binding energy of a pair."""
    distance_A: float = Field(default=2.9, gt=0)
    """Distance of a pair at rest."""
    stiffness: float = Field(default=6.0, gt=0)
    """Exponent ρ0 of the Morse curve at rest, without dimension."""
