"""Options of part_name."""

from __future__ import annotations

from pydantic import Field
from sharvin.options import Options


class PartNameOptions(Options):
    """Options of ``part_name``."""

    eta_eV: float = Field(default=1e-9, gt=0)
    """Imaginary part of the energy in the leads."""
