"""Options of the solver `rgf`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, PositiveFloat, model_validator
from sharvin.options import Options


class RecursiveGreenOptions(Options):
    surface: Literal["auto", "decimation", "eigenmodes"] = "auto"
    """How the leads are treated: `decimation` with a small imaginary part of the energy, or `eigenmodes`, their Bloch waves, with
    none. `auto` takes what costs less for the lead at hand, by the sizes of its blocks alone: decimation for small layers and for
    layers that repeat a small cell across, waves for those of a nanotube or a molecule."""

    eta_eV: PositiveFloat = Field(default=1e-10, le=1e-2)
    """Imaginary part of the energy in the leads where they are decimated, in eV (in t for grid wires); the scattering region has
    none. With `surface: auto`, a value of your own asks for decimation."""

    backend: Literal["lapack", "torch"] = "lapack"
    """`lapack` eliminates one system and energy after the other, in real numbers where it can; `torch` eliminates batches of
    them in complex128 (`pip install 'sharvin-transport[torch]'`)."""

    device: Literal["cpu", "cuda"] = "cpu"
    """With `backend: torch`: where it computes."""

    @model_validator(mode="after")
    def _acts(self) -> Self:
        if self.surface == "eigenmodes" and self.eta_eV != type(self).model_fields["eta_eV"].default:
            raise ValueError("eta_eV acts with surface: decimation only, because eigenmodes need no broadening; leave it out")
        if self.device == "cuda" and self.backend != "torch":
            raise ValueError("device: cuda computes with torch; add backend: torch")
        return self
