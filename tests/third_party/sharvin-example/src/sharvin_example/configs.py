"""Options of the parts."""

from __future__ import annotations

from pydantic import Field
from sharvin.options import Options


class ModesOptions(Options):
    """Options of ``example_modes``."""

    eta_eV: float = Field(default=1e-9, gt=0)
    """Imaginary part of the energy in the leads; it tells outgoing from incoming waves."""


class RadialOptions(Options):
    """Options of ``example_radial``."""

    cutoff_A: float = Field(default=5.0, gt=0)
    """Neighbours further away do not count."""
    n_shells: int = Field(default=12, ge=1)
    """Number of Gaussians between 0 and the cutoff."""


class NeighboursOptions(Options):
    """Options of ``example_neighbours``."""

    count: int = Field(default=3, ge=1)
    """Number of training structures to average over, weighted by inverse distance."""
