"""Options of the parts of sharvin-md. Units are eV, Å, K and fs unless a name says otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator
from sharvin.options import Condition, Element, Options

from sharvin_md.foreign.configs import installed_in
from sharvin_md.potential_files import eam_elements, find_file, is_shipped

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

LAYERS_OF_NAMED_ELECTRODES = 5
POTASSIUM_MEAM = (10.0, 6.0)
"""Cutoff and its width in Å of K in ``library.meam``: the crystal is that of a longer cutoff, and bonds end without a step."""


class NanowireOptions(Options):
    """A neck between two electrodes that fill the cell in x and y; the stacking continues through the neck."""

    former_names: ClassVar[Mapping[str, str]] = {"lattice_constant": "lattice_constant_A"}

    element: Element = "Au"
    """Chemical symbol."""
    crystal: Literal["fcc", "bcc"] | None = None
    """Crystal structure; the element's own where not given."""
    lattice_constant_A: Positive | None = None
    """Cubic lattice constant in Å; the element's measured one where not given. Take the potential's for a wire without strain."""
    orientation: Literal["100", "110", "111"] = "100"
    """Crystal direction along the wire; bcc wires are 100."""
    name: Annotated[str, Field(pattern=r"^[1-9]{2}([1-9]{2})?-[1-9]\d?-[1-9]{2}$")] | None = None
    """Shorthand of the literature, neck cross-section – neck layers – electrode cross-section: ``33-6-55`` is a 3×3 neck of 6
    layers between electrodes of 5×5 atoms and 5 layers. It is the default wire. In ``3344-6-55`` layers of 3×3 and 4×4
    alternate."""
    neck: tuple[Count, Count, Count] | None = None
    """Neck atoms along x and y in a layer, and number of layers."""
    second_neck: tuple[Count, Count] | None = None
    """Neck atoms along x and y in every second layer, from the second one on, where they are not those of the first."""
    electrode: tuple[Count, Count, Count] | None = None
    """Electrode atoms along x and y in a layer, and number of layers on each side."""
    rigid_layers: Count | None = None
    """Outer layers on each side that move as a block; all but one of the electrode's where not given."""
    vacuum_A: NotNegative = 10.0
    """Empty space along z in the cell, half of it on each side."""

    @field_validator("orientation", mode="before")
    @classmethod
    def _may_be_a_number(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one_geometry(self) -> Self:
        if self.name is None and (self.neck is None) != (self.electrode is None):
            raise ValueError("give both neck and electrode, or a name such as 33-6-55")
        neck, electrode = self.geometry()
        second = self.second_layer()
        if self.neck not in (None, neck) or self.electrode not in (None, electrode) or self.second_neck not in (None, second):
            raise ValueError(f"name {self.name} means neck {list(neck)} and electrode {list(electrode)}; give only one of them")
        for nx, ny in (neck[:2], second):
            if nx > electrode[0] or ny > electrode[1]:
                raise ValueError(f"a neck of {nx}×{ny} atoms does not fit on electrodes of {electrode[0]}×{electrode[1]}")
        if self.rigid() > electrode[2]:
            raise ValueError(f"{self.rigid()} rigid layers are more than the {electrode[2]} layers of an electrode")
        return self

    def geometry(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Neck and electrode as (nx, ny, layers)."""
        if self.name is None and self.neck is not None and self.electrode is not None:
            return self.neck, self.electrode
        sizes, layers, filling = re.split("-", self.name or "33-6-55")
        return (
            (int(sizes[0]), int(sizes[1]), int(layers)),
            (int(filling[0]), int(filling[1]), LAYERS_OF_NAMED_ELECTRODES),
        )

    def second_layer(self) -> tuple[int, int]:
        """Atoms along x and y in every second layer of the neck."""
        neck, _ = self.geometry()
        sizes = (self.name or "").split("-")[0]
        if len(sizes) == len("3344"):
            return int(sizes[2]), int(sizes[3])
        return self.second_neck if self.second_neck is not None and self.name is None else neck[:2]

    def rigid(self) -> int:
        """Rigid layers on each side."""
        return self.rigid_layers if self.rigid_layers is not None else max(1, self.geometry()[1][2] - 1)

    def elements(self) -> frozenset[str]:
        """The element."""
        return frozenset({self.element})


class FromFileOptions(Options):
    """A structure from a file. Arrays ``electrode`` and ``rigid`` of the file are kept; otherwise layers along z mark them."""

    path: str
    """Structure file."""
    index: int = -1
    """Which frame of a trajectory, counted from 0, or from the end with −1, −2 …"""
    format: str | None = None
    """ASE's name of the file format; recognised from the file where not given."""
    species: Annotated[tuple[Element, ...], Field(min_length=1)] | None = None
    """Chemical symbols of the atom types 1, 2 … of a LAMMPS file that states no elements."""
    pbc: tuple[bool, bool, bool] | None = None
    """Periodic directions in place of the file's; a wire is ``[true, true, false]``, which POSCAR and LAMMPS data cannot say."""
    electrode_layers: Count | None = None
    """Atomic layers of each electrode, counted from both ends in z."""
    rigid_layers: Count | None = None
    """Outer layers on each side that move as a block; all but one of the electrode's where not given."""
    layer_tolerance_A: Positive = 0.5
    """Atoms whose z differ by less than this from the next one's are of one layer."""

    @model_validator(mode="after")
    def _layers(self) -> Self:
        if self.rigid_layers is not None and self.electrode_layers is None:
            raise ValueError("rigid_layers needs electrode_layers")
        if self.rigid_layers is not None and self.electrode_layers is not None and self.rigid_layers > self.electrode_layers:
            raise ValueError(f"{self.rigid_layers} rigid layers are more than the {self.electrode_layers} of an electrode")
        return self

    def files(self) -> tuple[str, ...]:
        """The structure file."""
        return (self.path,)


class SetFromFileOptions(Options):
    """A set of structures from a file, such as those that another program computed. Arrays are kept, ``layer`` among them."""

    path: str
    """Structure file of one or several frames. The entry ``group`` of a frame's comment line says of which kind it is: splits
    into training, validation and test are made within each."""
    index: Annotated[str, Field(pattern=r"^-?\d*(:-?\d*){0,2}$", min_length=1)] = ":"
    """Which frames: a range ``start:stop:step`` as in Python, or one number."""
    format: str | None = None
    """ASE's name of the file format; recognised from the file where not given."""
    species: Annotated[tuple[Element, ...], Field(min_length=1)] | None = None
    """Chemical symbols of the atom types 1, 2 … of a LAMMPS file that states no elements."""

    def files(self) -> tuple[str, ...]:
        """The structure file."""
        return (self.path,)


class EamOptions(Options):
    """Embedded-atom potential from DYNAMO files; the kind follows from the name: .eam, .eam.alloy or .setfl, .fs."""

    file: str | Annotated[tuple[str, ...], Field(min_length=1)] = "Au_u3.eam"
    """A file that comes with LAMMPS, by name, or your own, by path; several .eam files, one an element, mix by EAM's own rule."""

    def names(self) -> tuple[str, ...]:
        """All files, as written."""
        return (self.file,) if isinstance(self.file, str) else self.file

    def elements(self) -> frozenset[str]:
        """Elements in the headers of the files."""
        return frozenset(element for name in self.names() for element in eam_elements(find_file(name)))

    def files(self) -> tuple[str, ...]:
        """Files that do not come with LAMMPS."""
        return tuple(name for name in self.names() if not is_shipped(name))


class MeamOptions(Options):
    """Modified embedded-atom potential, with a parameter file or a cutoff.

    With neither, LAMMPS' built-in 4 Å would silently give zero energy for large atoms.
    """

    species: Annotated[tuple[Element, ...], Field(min_length=1)] = ("K",)
    """Elements that occur; each is an entry of the library."""
    library: str = "library.meam"
    """A library that comes with LAMMPS, by name, or your own, by path."""
    parameters: str | None = None
    """Parameter file; replaces rc and delr."""
    rc: Positive | None = None
    """Cutoff in Å where there is no parameter file; 10.0 for K of ``library.meam``, which is the default for K alone."""
    delr: Positive | None = None
    """Width in Å over which the cutoff is smoothed where there is no parameter file; 6.0 where rc is K's default, else 0.1. A
    narrow one ends bonds in a step of the energy: two atoms of K with rc 8.0 and 0.1 lose 0.5 eV within 0.1 Å."""

    @model_validator(mode="after")
    def _cutoff(self) -> Self:
        if self.parameters is not None and (self.rc is not None or self.delr is not None):
            raise ValueError("give a parameter file, or rc and delr, not both")
        if self.parameters is None and self.cutoff() is None:
            raise ValueError("give a parameter file or the cutoff rc in Å (1.5 lattice constants is usual)")
        return self

    def cutoff(self) -> float | None:
        """Cutoff in Å; None where the parameter file says it or nothing does."""
        return POTASSIUM_MEAM[0] if self._is_default_potassium() else self.rc

    def width(self) -> float:
        """Width of the cutoff's smoothing in Å."""
        if self.delr is not None:
            return self.delr
        return POTASSIUM_MEAM[1] if self._is_default_potassium() else 0.1

    def _is_default_potassium(self) -> bool:
        return self.rc is None and self.parameters is None and self.species == ("K",) and self.library == "library.meam"

    def elements(self) -> frozenset[str]:
        """The species."""
        return frozenset(self.species)

    def files(self) -> tuple[str, ...]:
        """Files that do not come with LAMMPS."""
        return tuple(name for name in (self.library, self.parameters) if name is not None and not is_shipped(name))


class SecondMomentParameters(NamedTuple):
    """Parameters of a second-moment potential: A, ξ, p, q, r0, and where f begins and ends to fall."""

    repulsion_eV: float
    hopping_eV: float
    repulsion_decay: float
    hopping_decay: float
    distance_A: float
    taper_from_A: float
    cutoff_A: float


SECOND_MOMENT = {
    "Ag": SecondMomentParameters(0.1028, 1.178, 10.928, 3.139, 2.889, 6.5, 7.0),
    "Au": SecondMomentParameters(0.2061, 1.790, 10.229, 4.036, 2.884, 6.5, 7.0),
    "K": SecondMomentParameters(0.022036, 0.268414, 8.84, 1.2, 4.529, 8.465, 11.695),
}
"""Parameters by element; where they come from is told in :mod:`sharvin_md.second_moment`."""


class SecondMomentOptions(Options):
    """Tight-binding potential in the second-moment approximation, of silver, gold, potassium or with parameters of your own."""

    element: Element = "K"
    """Chemical symbol. Ag, Au and K need nothing else."""
    repulsion_eV: Positive | None = None
    """A, the repulsion of two atoms at ``distance_A``, for one of them."""
    hopping_eV: Positive | None = None
    """ξ, the effective hopping between them."""
    repulsion_decay: Positive | None = None
    """p, decay of the repulsion with the distance in units of ``distance_A``."""
    hopping_decay: Positive | None = None
    """q, decay of the hopping."""
    distance_A: Positive | None = None
    """r0, usually the nearest-neighbour distance."""
    taper_from_A: Positive | None = None
    """Distance at which the factor f that ends the interactions begins to fall."""
    cutoff_A: Positive | None = None
    """Distance at which they have ended."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = [value is not None for value in self._own()]
        if any(given) and not all(given):
            missing = [name for name, there in zip(SecondMomentParameters._fields, given, strict=True) if not there]
            raise ValueError(f"parameters of your own must be complete; give {', '.join(missing)} too")
        if not any(given) and self.element not in SECOND_MOMENT:
            raise ValueError(f"parameters are known of {', '.join(SECOND_MOMENT)}; give those of {self.element}")
        if self.taper_from_A is not None and self.cutoff_A is not None and self.taper_from_A >= self.cutoff_A:
            raise ValueError("taper_from_A must be below cutoff_A")
        return self

    def parameters(self) -> SecondMomentParameters:
        """Those given, or else the element's."""
        own = [value for value in self._own() if value is not None]
        return SecondMomentParameters(*own) if own else SECOND_MOMENT[self.element]

    def _own(self) -> list[float | None]:
        return [getattr(self, name) for name in SecondMomentParameters._fields]

    def elements(self) -> frozenset[str]:
        """The element."""
        return frozenset({self.element})


class AseOptions(Options):
    """Any ASE calculator, in LAMMPS through a callback."""

    calculator: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
    """Dotted path of the class or function that makes it, such as ``ase.calculators.emt.EMT``."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Arguments passed to it by name."""
    python: str | None = None
    """Python interpreter of another environment in which it runs, such as ``/opt/gpaw/bin/python``; this one where not given."""

    def modules(self) -> tuple[str, ...]:
        """The module of the calculator."""
        return (self.calculator.rpartition(".")[0],)

    def files(self) -> tuple[str, ...]:
        """The version of its package in the other environment."""
        return installed_in(self.python, self.calculator.partition(".")[0])


class ThermostatOptions(Options):
    """What runs at a temperature share."""

    temperature_K: NotNegative = 4.5
    """Temperature of the mobile atoms."""
    timestep_fs: Positive = 5.0
    """Time step; 5 fs is safe for heavy metals at a few K, take 1–2 fs for light elements or room temperature."""
    thermostat: Literal["langevin", "nvt"] = "langevin"
    """Langevin dynamics, which removes the heat of a rearrangement where it arises, or one Nosé–Hoover chain for all atoms."""
    damping_fs: Positive = 1000.0
    """Relaxation time of the thermostat."""

    @model_validator(mode="after")
    def _thermostat(self) -> Self:
        if self.thermostat == "nvt" and self.temperature_K == 0:
            raise ValueError("the nvt thermostat needs a temperature above 0 K; take langevin")
        return self

    def conditions(self) -> tuple[Condition, ...]:
        """The temperature."""
        return (Condition("temperature_K", "temperature", "temperature", "K"),)


class LammpsPullOptions(ThermostatOptions):
    """A wire pulled at constant speed until it breaks. Both electrodes move, each at half of the speed."""

    speed_m_per_s: Positive = 10.0
    """Speed at which the two electrodes separate; each moves at half of it (10 m/s is 0.1 Å/ps)."""
    relax: bool = True
    """Relax the wire between its resting electrodes first."""
    relax_fmax: Positive = 0.01
    """Largest force in eV/Å on any atom after relaxing."""
    equilibration_ps: NotNegative = 10.0
    """Time at the temperature before pulling."""
    snapshot_every_A: Positive = 0.1
    """Elongation between frames, rounded to whole time steps."""
    rupture_margin_A: NotNegative = 0.5
    """Elongation recorded after rupture."""
    max_elongation_A: Positive = 60.0
    """Elongation at which a wire that has not broken is left."""
    bond_cutoff_A: Positive | None = None
    """Distance up to which two atoms are bonded, for the neck width; 1.207 times the nearest-neighbour distance of the starting
    wire where not given, which in fcc is half-way between the first and second neighbours."""

    def conditions(self) -> tuple[Condition, ...]:
        """Pulling speed and temperature."""
        return (Condition("speed_m_per_s", "speed", "pulling speed", "m/s"), *super().conditions())

    def snapshot_steps(self) -> int:
        """Time steps between frames."""
        return round(self.snapshot_every_A / (self.speed_m_per_s * 1e-5 * self.timestep_fs))

    @model_validator(mode="after")
    def _snapshots(self) -> Self:
        if self.snapshot_steps() < 1:
            raise ValueError("the electrodes move by more than snapshot_every_A in one time step; take a smaller time step")
        return self


class LammpsNvtOptions(ThermostatOptions):
    """Molecular dynamics at constant temperature; rigid atoms rest."""

    temperature_K: NotNegative = 300.0
    """Temperature of the mobile atoms."""
    timestep_fs: Positive = 2.0
    """Time step."""
    damping_fs: Positive = 100.0
    """Relaxation time of the thermostat."""
    equilibration_ps: NotNegative = 5.0
    """Time at the temperature before the first frame."""
    duration_ps: Positive = 20.0
    """Time from the first frame to the last."""
    snapshot_every_ps: Positive = 0.5
    """Time between frames, rounded to whole time steps."""

    @model_validator(mode="after")
    def _snapshots(self) -> Self:
        if self.snapshot_every_ps > self.duration_ps:
            raise ValueError("snapshot_every_ps is longer than duration_ps")
        if self.snapshot_every_ps * 1000 < self.timestep_fs:
            raise ValueError("snapshot_every_ps is shorter than a time step")
        return self


class LammpsRelaxOptions(Options):
    """The nearest minimum of the potential energy in a fixed cell; rigid atoms rest."""

    fmax: Positive = 0.001
    """Largest force in eV/Å on any mobile atom at the end."""
    max_steps: Count = 10_000
    """Steps after which a structure that is not relaxed is an error."""
