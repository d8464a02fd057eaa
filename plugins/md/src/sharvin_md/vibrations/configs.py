"""Options of vibrations and thermal displacements. Units are eV, Å and K unless a name says otherwise."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from sharvin.options import Condition, Options

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

DEFAULT_SAMPLES = 100


class ThermalDisplacementsOptions(Options):
    """Structures drawn from the harmonic vibrations of the atoms that are not rigid; the structure given is the supercell."""

    temperature_K: NotNegative = 300.0
    """Temperature; 0 is the zero-point motion."""
    statistics: Literal["quantum", "classical"] = "quantum"
    """Mean squares of the normal modes: ħ/2ω coth(ħω/2kT), or kT/ω²."""
    samples: Count | None = None
    """Structures drawn; 100 where not given. Sample number i is the same however many are drawn."""
    antithetic: bool = False
    """Draw pairs with opposite displacements: the mean structure is exact, and terms odd in the displacement cancel. Also adds
    the mirror image of the special displacement."""
    special_displacement: bool = False
    """In place of random samples the one special displacement of Zacharias and Giustino, in which every mode has its root mean
    square, with signs that alternate over the modes in order of frequency."""
    displacement_A: Positive | None = None
    """Displacement of the finite differences; that which the potential asks for where not given, or else 0.01 Å."""
    relax: bool = False
    """Relax the atoms that are not rigid first. Neither the cell nor the rigid atoms move, so that a lattice constant other
    than the potential's stays."""
    relax_fmax: Positive = 0.001
    """Largest force in eV/Å on any of them after relaxing."""
    relax_steps: Count = 1000
    """Steps after which a structure that is not relaxed is an error."""
    largest_force_eV_per_A: Positive = 0.01
    """Largest force on an atom that is not rigid in a structure taken to be at rest."""
    primitive: Literal["auto"] | tuple[Count, Count, Count] = "auto"
    """Repeats of the primitive cell along the cell vectors, such as [6, 6, 1]; found from the symmetry with ``auto``. Atoms are
    moved in one primitive cell only, and wave vectors refer to it. With rigid atoms the whole cell is the primitive one."""
    symmetry_tolerance_A: Positive = 1e-4
    """Distance by which atoms may miss their symmetric places."""
    rigid_layer_modes: Literal["keep", "fix"] = "keep"
    """Shifts of whole layers against each other, sideways and in height. The array ``layer`` says which atoms are one, or else
    those that bonds join into a sheet are. Layers that hold rigid atoms do not shift. Their mean square goes as one over the
    number of atoms in a layer, so that it depends on the supercell. With ``fix`` the layers keep their relative places."""
    imaginary_modes: Literal["refuse", "freeze", "follow"] = "refuse"
    """Unstable modes are an error, or are left out of the motion, and it is said how many; with ``follow`` the atoms are moved
    along the lowest one and relaxed again until none is left, so that a sheet under pressure buckles."""
    lowest_THz: Positive = 0.01
    """A mode below this frequency counts as unstable. Translations, and rotations of what is not periodic, are no such modes:
    they are taken out by their form, whatever frequency they are found to have."""

    @model_validator(mode="after")
    def _sampling(self) -> Self:
        if self.special_displacement and self.samples is not None:
            raise ValueError("the special displacement is one structure; leave out samples")
        if self.antithetic and self.samples is not None and self.samples % 2:
            raise ValueError(f"antithetic samples come in pairs; samples must be even, not {self.samples}")
        if self.imaginary_modes == "follow" and not self.relax:
            raise ValueError("imaginary_modes: follow relaxes the structure again; it needs relax: true")
        if self.statistics == "classical" and self.temperature_K == 0:
            raise ValueError("classical atoms rest at 0 K; take quantum statistics or a temperature above 0 K")
        return self

    def frames(self) -> int:
        """Frames of a run."""
        if self.special_displacement:
            return 2 if self.antithetic else 1
        return self.samples or DEFAULT_SAMPLES

    def conditions(self) -> tuple[Condition, ...]:
        """The temperature."""
        return (Condition("temperature_K", "temperature", "temperature", "K"),)
