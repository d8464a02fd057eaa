"""Options of part_name."""

from __future__ import annotations

from pydantic import Field
from sharvin.options import Options


class PartNameOptions(Options):
    """Options of ``part_name``."""

    workers: int = Field(default=2, ge=1)
    """Number of threads that work at a time."""
