"""Options of part_name."""

from __future__ import annotations

from pydantic import Field
from sharvin.options import Options


class PartNameOptions(Options):
    """Options of ``part_name``."""

    radii_A: tuple[float, ...] = Field(default=(3.5, 4.5, 6.0), min_length=1)
    """Radii within which neighbours are counted, one feature each."""
