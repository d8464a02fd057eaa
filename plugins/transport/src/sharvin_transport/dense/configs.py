"""Options of the solver `dense`."""

from __future__ import annotations

from pydantic import Field, PositiveFloat
from sharvin.options import Options


class DenseOptions(Options):
    eta_eV: PositiveFloat = Field(default=1e-10, le=1e-2)
    """Imaginary part of the energy in the leads, in eV (in t for grid wires); the scattering region has none."""
