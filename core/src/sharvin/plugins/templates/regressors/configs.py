"""Options of part_name."""

from __future__ import annotations

from pydantic import Field
from sharvin.options import Options


class PartNameOptions(Options):
    """Options of ``part_name``."""

    length: float = Field(default=1.0, gt=0)
    """Correlation length, in units of the features' standard deviations."""
    noise: float = Field(default=0.01, gt=0)
    """Standard deviation of the targets' noise, as a fraction of their own."""
