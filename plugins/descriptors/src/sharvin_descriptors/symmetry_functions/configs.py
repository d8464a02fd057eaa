"""Options of symmetry functions: one of them, a list of them, and the descriptor `acsf`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator
from sharvin.options import Options

from sharvin_descriptors.configs import ChannelOptions

CutoffFunction = Literal[
    "hard",
    "cosine",
    "tanh3_unnormalised",
    "tanh3",
    "exponential",
    "polynomial1",
    "polynomial",
    "polynomial3",
    "polynomial4",
]
CUTOFF_TYPES: dict[str, int] = {
    "hard": 0,
    "cosine": 1,
    "tanh3_unnormalised": 2,
    "tanh3": 3,
    "exponential": 4,
    "polynomial1": 5,
    "polynomial": 6,
    "polynomial3": 7,
    "polynomial4": 8,
}
"""Numbers of the cutoff functions in n2p2."""
ANGULAR = frozenset({"G3", "G4", "G9", "G13", "G21", "G22", "G24", "G25"})
COMPACT = frozenset({"G20", "G21", "G22", "G23", "G24", "G25"})


class SymmetryFunction(Options):
    """A function for each element, or unordered pair of elements, of the neighbours; weighted ones count all of them together."""

    type: Literal["G2", "G3", "G4", "G9", "G12", "G13", "G20", "G21", "G22", "G23", "G24", "G25"]
    """n2p2's numbers. G2: pairs. G9: triples without the distance between the two neighbours (Behler's G5). G3, by its other name
    G4: triples with it. G12, G13: G2 and G3 weighted with atomic numbers. G20, G21, G22: pairs, triples with and triples without
    the third side, of functions of compact support; G23, G24, G25: these weighted."""

    eta: float | None = Field(default=None, ge=0.0)
    """Exponent η of the Gaussians in 1/Å²."""

    r_s: float | None = None
    """Centre of the Gaussians in Å; null: that of the descriptor."""

    lam: float | None = Field(default=None, ge=-1.0, le=1.0)
    """λ of the angular part: +1 peaks at straight lines of the two neighbours on one side (θ = 0), −1 at θ = 180°."""

    zeta: float | None = Field(default=None, ge=1.0)
    """Exponent ζ of the angular part."""

    cutoff_A: float | None = Field(default=None, gt=0.1, le=20.0)
    """Cutoff in Å, and right end of a compact function; null: that of the descriptor."""

    inner_A: float | None = None
    """Left end of a compact function in Å; negative for one that has its middle near the atom."""

    angle_left_deg: float | None = None
    """Left end of a compact angular function; may be negative for one around 0."""

    angle_right_deg: float | None = None
    """Right end of a compact angular function; may exceed 180 for one around 180."""

    subtype: Literal["p1", "p2", "p3", "p4", "p1a", "p2a", "p3a", "p4a", "e"] | None = None
    """Shape of a compact function: polynomials whose first one to four derivatives vanish at its ends and in its middle, their
    narrower variants for large distances (a), or an exponential."""

    @model_validator(mode="after")
    def _complete(self) -> SymmetryFunction:
        angular, compact = self.type in ANGULAR, self.type in COMPACT
        wanted = {"subtype", "inner_A"} if compact else {"eta"}
        allowed = {"cutoff_A"} | ({"inner_A"} if compact else {"r_s"})
        if angular:
            wanted |= {"angle_left_deg", "angle_right_deg"} if compact else {"lam", "zeta"}
        names = ("eta", "r_s", "lam", "zeta", "inner_A", "angle_left_deg", "angle_right_deg", "subtype")
        given = {name for name in names if getattr(self, name) is not None}
        missing, idle = sorted(wanted - given), sorted(given - wanted - allowed)
        if missing or idle:
            said = [f"needs {' and '.join(missing)}"] * bool(missing) + [f"has no {' and '.join(idle)}"] * bool(idle)
            raise ValueError(f"{self.type} {' and '.join(said)}")
        if compact and angular:
            self._check_angles()
        return self

    def _check_angles(self) -> None:
        left, right = self.angle_left_deg, self.angle_right_deg
        assert left is not None
        assert right is not None
        centre = 0.5 * (left + right)
        if left >= right or right - left > 360.0:
            raise ValueError(f"the angles {left:g}° and {right:g}° are no interval")
        if (left < 0.0 and centre != 0.0) or (right > 180.0 and centre != 180.0):
            raise ValueError(
                f"an angular function from {left:g}° to {right:g}° leaves 0 … 180° and is not centred at an end of it"
            )


class FunctionListOptions(Options):
    """Symmetry functions and their common cutoff."""

    table: Literal["gold"] | None = None
    """Ready set of functions. `gold`: 8 radial and 18 angular ones of a neural-network potential, for a cutoff of 6 Å."""

    file: str | None = None
    """CSV file of functions with the columns type, eta, lambda, zeta and, optionally, the other options of a function."""

    functions: tuple[SymmetryFunction, ...] = ()
    """The functions themselves. One of `table`, `file` and `functions` must be given."""

    cutoff_A: float = Field(default=6.0, gt=0.5, le=20.0)
    """Radius of an atom's neighbourhood in Å."""

    cutoff_function: CutoffFunction = "polynomial"
    """With x = r/cutoff: cosine, (cos πx + 1)/2, whose slope vanishes at the cutoff; polynomial, ((15 − 6x)x − 10)x³ + 1, whose
    curvature vanishes besides; polynomial1, 3 and 4, of which one, three and four derivatives vanish; exponential,
    exp(1 − 1/(1 − x²)); tanh3, tanh³(1 − x)/tanh³ 1; tanh3_unnormalised, tanh³(1 − x); hard, 1."""

    cutoff_alpha: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Part of the cutoff within which the cutoff function is 1; x then runs from there to the cutoff. Not of tanh3."""

    r_s: float = Field(default=0.0, ge=-20.0, le=20.0)
    """Centre in Å of the Gaussians of all functions that state none of their own."""

    @model_validator(mode="after")
    def _one_source(self) -> FunctionListOptions:
        given = [name for name in ("table", "file", "functions") if getattr(self, name)]
        if len(given) > 1 or (not given and self._needs_functions()):
            raise ValueError(f"give one of table, file and functions, not {' and '.join(given) or 'none'}")
        for number, function in enumerate(self.functions):
            right = self.cutoff_A if function.cutoff_A is None else function.cutoff_A
            if function.inner_A is not None and function.inner_A >= right:
                raise ValueError(f"functions[{number}] begins at {function.inner_A:g} Å and ends at {right:g} Å")
        return self

    def _needs_functions(self) -> bool:
        return True

    def files(self) -> tuple[str, ...]:
        """The CSV file of functions."""
        return () if self.file is None else (self.file,)


class AcsfOptions(ChannelOptions, FunctionListOptions):
    """Atom-centred symmetry functions."""

    former_names: ClassVar[Mapping[str, str]] = {"cutoff": "cutoff_A"}
