"""Options of the structure set ``reference_database``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from sharvin.options import Element, Options

Number = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
GROUPS = ("slabs_100", "slabs_111", "bcc", "fcc", "vacancies", "surfaces_110", "chains", "dimers", "necks")
"""Options that count structures, in the order of the set."""


class ReferenceDatabaseOptions(Options):
    """Crystals and slabs of one element, strained and displaced at random, for which reference energies and forces are computed.

    The default is the composition of a published database of gold: 105 structures of 144 atoms.
    """

    element: Element = "Au"
    """Chemical symbol."""
    lattice_constant_A: Positive | None = None
    """Cubic lattice constant of the fcc crystal in Å, best that of the reference method; the element's measured one where not
    given, or the one of the volume of its measured bcc crystal. The bcc crystals have the same volume an atom."""
    slabs_100: Number = 30
    """Slabs with (100) surfaces."""
    slabs_111: Number = 30
    """Slabs with (111) surfaces."""
    bcc: Number = 25
    """Crystals of the body-centred structure."""
    fcc: Number = 20
    """Crystals of the face-centred structure."""
    vacancies: Number = 0
    """Face-centred crystals in which one to three atoms are missing."""
    surfaces_110: Number = 0
    """Slabs with (110) surfaces."""
    chains: Number = 0
    """Chains of one atom after the other along z, from straight ones to zigzags."""
    dimers: Number = 0
    """Pairs of atoms, with bond lengths evenly through ``bond_lengths_A``."""
    necks: Number = 0
    """Two (100) slabs joined by a neck of one to nine atoms a layer."""
    atoms: Annotated[int, Field(ge=8)] = 144
    """About how many atoms a crystal, a slab or a neck with its slabs has; the cell nearest to it that is not long is taken."""
    largest_strain: Annotated[float, Field(ge=0, lt=0.3)] = 0.05
    """Largest change of a length, positive and negative; it is small beside 1."""
    rattle_A: tuple[NotNegative, NotNegative] = (0.02, 0.15)
    """Smallest and largest standard deviation in Å of the random displacements along each direction."""
    at_rest: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of the crystals and slabs whose atoms are not displaced; the first of each group is not strained either."""
    bond_lengths_A: tuple[Positive, Positive] | None = None
    """Shortest and longest bond in Å of chains and dimers; 0.8 and 1.5 nearest-neighbour distances where not given."""
    vacuum_A: NotNegative = 12.0
    """Empty space between a slab, a chain, a dimer or a neck and its image."""

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for name in ("rattle_A", "bond_lengths_A"):
            value = getattr(self, name)
            if value is not None and value[0] > value[1]:
                raise ValueError(f"{name} begins with {value[0]:g} Å, which is more than its end, {value[1]:g} Å")
        if not any(getattr(self, group) for group in GROUPS):
            raise ValueError(f"the set has no structures; give one of {', '.join(GROUPS)} a number")
        return self

    def elements(self) -> frozenset[str]:
        """The element."""
        return frozenset({self.element})
