"""Options of part_name."""

from __future__ import annotations

from pydantic import Field
from sharvin.options import Options


class PartNameOptions(Options):
    """Options of ``part_name``."""

    temperature_K: float = Field(default=300.0, gt=0)
    """Temperature of the initial velocities; half of it goes into potential energy."""
    time_step_fs: float = Field(default=2.0, gt=0)
    """Time step."""
    steps: int = Field(default=200, ge=1)
    """Number of steps."""
    frame_every: int = Field(default=20, ge=1)
    """Steps between frames."""
