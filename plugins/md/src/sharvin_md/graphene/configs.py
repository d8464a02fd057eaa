"""Options of ``bilayer_graphene``, ``graphene_ribbon`` and ``layered_carbon``."""

from __future__ import annotations

from math import gcd
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from sharvin.options import Options

from sharvin_md.graphene.commensurate import Twist, at_angle, nearest

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Spread = Annotated[float, Field(ge=0, lt=0.2)]
Strain = Annotated[float, Field(gt=-0.3, lt=0.3)]


def _refuse(options: Options, reason: str, *names: str) -> None:
    """Refuse options that would be ignored; what a written config repeats of the defaults is none."""
    for name in names:
        if getattr(options, name) != type(options).model_fields[name].default:
            raise ValueError(f"{name} would be ignored: {reason}; leave it out")


class GrapheneOptions(Options):
    """What all structures of graphene share."""

    lattice_constant_A: Positive = 2.46
    """Lattice constant of a layer; bonds are 1/√3 of it. Take the potential's for a structure without strain."""
    distance_A: Positive = 3.35
    """Distance between the two layers."""

    def elements(self) -> frozenset[str]:
        """Carbon."""
        return frozenset({"C"})


class BilayerGrapheneOptions(GrapheneOptions):
    """Two layers of graphene, stacked, shifted or twisted, or one layer; or a set of them, each drawn at random within ranges.

    Layers are normal to z, periodic in x and y, and one moiré cell's first vector is along x.
    """

    stacking: Literal["AA", "AB", "monolayer"] | None = None
    """Stacking of layers that are not twisted, ``AB`` where neither it nor a twist is given."""
    twist: tuple[Count, Count] | None = None
    """Commensurate twist (m, r) by which the upper layer is turned counterclockwise out of AA stacking: cos θ =
    (3m² + 3mr + r²/2) / (3m² + 3mr + r²); r = 1 has one period of the moiré pattern in 4(3m² + 3m + 1) atoms, and [30, 1] is
    1.085°."""
    twist_angle_deg: Annotated[float, Field(gt=0, lt=60)] | None = None
    """Angle of the twist in place of (m, r), to two decimals; the smallest cell of this angle is taken, and where there is none,
    the nearest is named."""
    centre: Literal["hexagon", "atom"] = "hexagon"
    """What both layers have on the axis of the twist: the centre of a hexagon, or an atom."""
    shift: tuple[float, float] = (0.0, 0.0)
    """Shift of the upper layer, after any stacking or twist, in primitive vectors of the lower layer, which are 60° apart;
    (1/3, 1/3) makes AB of AA."""
    supercell: tuple[Count, Count] = (1, 1)
    """Repeats of the cell along its two vectors."""
    strain: tuple[Strain, Strain, Strain] = (0.0, 0.0, 0.0)
    """In-plane strain εxx, εyy, εxy of cell and positions; 0.01 is one per cent."""
    displacement_A: NotNegative | tuple[NotNegative, NotNegative] = 0.0
    """Standard deviation of Gaussian displacements of all atoms along each direction; or its least and largest value, between
    which that of each configuration is drawn. Displacements are cut at 2.5 deviations."""
    height_A: Positive = 30.0
    """Length of the third cell vector, along z, which is not periodic; the layers are in its middle."""
    configurations: Count = 1
    """Number of structures in the set; the first one is also the starting structure."""
    random_shift: bool = False
    """Whether each configuration has a shift of its own, any with equal probability, in place of ``shift``."""
    largest_strain: Spread = 0.0
    """Each configuration is strained further, by εxx, εyy and εxy between plus and minus this."""
    distance_spread_A: NotNegative = 0.0
    """The distance of the layers of each configuration lies within this of ``distance_A``."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ways = [name for name in ("stacking", "twist", "twist_angle_deg") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"give only one of {' and '.join(ways)}")
        if not self.is_twisted():
            _refuse(self, "the layers are not twisted", "centre")
        if self.layers() == 1:
            _refuse(self, "there is one layer", "distance_A", "shift", "random_shift", "distance_spread_A")
        if self.random_shift:
            _refuse(self, "shifts are drawn at random", "shift")
        if self.twist is not None and gcd(*self.twist) != 1:
            m, r = (number // gcd(*self.twist) for number in self.twist)
            raise ValueError(f"m and r of a twist have no common divisor; [{m}, {r}] is the same angle")
        if self.twist_angle_deg is not None and at_angle(self.twist_angle_deg) is None:
            near = nearest(self.twist_angle_deg)
            raise ValueError(
                f"a twist of {self.twist_angle_deg:g}° is not commensurate in a cell of moderate size; the nearest that is has "
                f"twist {near}"
            )
        low, high = self.displacements_A()
        if low > high:
            raise ValueError(f"displacement_A begins with {low:g} Å, which is more than its end, {high:g} Å")
        if self.layers() == 2 and self.distance_spread_A >= self.distance_A:
            raise ValueError("distance_spread_A must be smaller than distance_A")
        if self.layers() == 2 and self.height_A < self.distance_A + self.distance_spread_A:
            raise ValueError(f"height_A is less than the distance of the layers, {self.distance_A + self.distance_spread_A:g} Å")
        return self

    def layers(self) -> int:
        """Number of layers."""
        return 1 if self.stacking == "monolayer" else 2

    def is_twisted(self) -> bool:
        """Whether a twist is asked for."""
        return self.twist is not None or self.twist_angle_deg is not None

    def is_bernal(self) -> bool:
        """Whether the layers are AB before they are shifted."""
        return self.stacking == "AB" or (self.stacking is None and not self.is_twisted())

    def twisted(self) -> Twist | None:
        """The twist; None of layers that are not twisted."""
        if self.twist is not None:
            return Twist(*self.twist)
        return None if self.twist_angle_deg is None else at_angle(self.twist_angle_deg)

    def displacements_A(self) -> tuple[float, float]:
        """Least and largest standard deviation of the displacements."""
        given = self.displacement_A
        return given if isinstance(given, tuple) else (given, given)


class GrapheneRibbonOptions(GrapheneOptions):
    """A ribbon of graphene along z, its ends the electrodes, in the xz plane; two layers lie above each other along y.

    Edges are bare: no hydrogen is on them, which is what a model of p_z orbitals wants. Whole cells are cut, so a few atoms at
    the corners of the ends have a single bond.
    """

    edge: Literal["armchair", "zigzag"] = "armchair"
    """The ribbon's edges along z."""
    width: Annotated[int, Field(ge=2)] = 8
    """Lines of dimers across an armchair ribbon, chains across a zigzag ribbon; even where ``periodic``. With hopping to
    nearest neighbours alone an armchair ribbon has no gap where the width is 2 more than a multiple of 3, and a zigzag one never
    has."""
    length: Count = 4
    """Cells along z between the electrodes; one is √3 lattice constants long with armchair edges, 1 lattice constant with zigzag
    edges."""
    electrode: Count | None = None
    """Cells along z in each electrode; where not given, enough for a principal layer of 8 Å and its repetition: 4 with armchair
    edges, 8 with zigzag edges."""
    rigid: Count | None = None
    """Outer cells at each end that do not move; all of the electrode where not given."""
    stacking: Literal["monolayer", "AA", "AB"] = "monolayer"
    """One layer, or two in this stacking."""
    periodic: bool = False
    """Whether the ribbon repeats in x without edges: a sheet between its leads."""
    vacuum_A: NotNegative = 10.0
    """Empty space in the cell, half of it on each side: along z, along y, and along x where there are edges."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.stacking == "monolayer":
            _refuse(self, "there is one layer", "distance_A")
        if self.periodic and self.width % 2:
            raise ValueError(f"a ribbon of width {self.width} cannot repeat across; take an even width")
        if self.rigid_cells() > self.electrode_cells():
            raise ValueError(f"{self.rigid_cells()} rigid cells are more than the {self.electrode_cells()} of an electrode")
        return self

    def layers(self) -> int:
        """Number of layers."""
        return 1 if self.stacking == "monolayer" else 2

    def electrode_cells(self) -> int:
        """Cells in each electrode."""
        return self.electrode or (4 if self.edge == "armchair" else 8)

    def rigid_cells(self) -> int:
        """Rigid cells at each end."""
        return self.rigid or self.electrode_cells()


class LayeredCarbonOptions(Options):
    """Layers of carbon: a potential of bonds within a layer, and one that depends on the registry between layers."""

    within: Literal["rebo", "airebo", "tersoff"] = "rebo"
    """Potential within a layer: REBO of Brenner and others; AIREBO with its torsion and without its Lennard-Jones part, which
    would act between the layers as well; or Tersoff's in the parameters of Lindsay and Broido for graphene, whose
    forces are smooth."""
    between: Literal["ilp", "kolmogorov_crespi", "drip"] = "ilp"
    """Potential between layers: the interlayer potential of Leven, Hod and Ouyang, that of Kolmogorov and Crespi with local
    normals, or the dihedral-angle-corrected one of Wen and others."""
    kolmogorov_crespi_parameters: Literal["CC.KC-full", "CH.KC", "CH_taper.KC"] = "CH_taper.KC"
    """Parameters of ``kolmogorov_crespi``: its authors' of 2005, or those of Ouyang and others, without or with a factor that
    ends the interaction smoothly at the cutoff."""
    cutoff_A: Annotated[float, Field(ge=8.0, le=30.0)] = 16.0
    """Cutoff of ``ilp`` and ``kolmogorov_crespi``; their parameters are meant for 16 Å."""

    accelerated: bool = False
    """Whether ``ilp`` runs in LAMMPS' optimised variant, in about half the time. Its forces are wrong next to an atom with a
    single bond in its layer, as the ends of a ribbon have; structures with such atoms are then refused, and bonds must not
    break."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.between != "ilp":
            _refuse(self, "only ilp has an optimised variant", "accelerated")
        if self.between != "kolmogorov_crespi":
            _refuse(self, f"between is {self.between}", "kolmogorov_crespi_parameters")
        if self.between == "drip":
            _refuse(self, "the parameter file of drip says it", "cutoff_A")
        return self

    def elements(self) -> frozenset[str]:
        """Carbon."""
        return frozenset({"C"})
