"""Options of part_name."""

from __future__ import annotations

from pydantic import Field
from sharvin.options import Options


class PartNameOptions(Options):
    """Options of ``part_name``."""

    hopping_eV: float = -1.0
    """Hopping between neighbours at `distance_A`."""
    distance_A: float = Field(default=2.9, gt=0)
    """Distance of neighbours at rest."""
    decay_A: float = Field(default=0.6, gt=0)
    """Length over which the hopping decays to 1/e."""
    cutoff_A: float = Field(default=4.5, gt=0)
    """Atoms further apart do not couple."""
