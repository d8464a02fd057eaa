"""Options of the Hamiltonians and transport solvers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator
from sharvin.options import Options
from sharvin.words.suggestions import did_you_mean

TABLES = {name: Path(__file__).parent / "data" / f"slater_koster_{name}.json" for name in ("ptbp", "nrl")}
_SYMBOL = (
    "(A[cglmrstu]|B[aehikr]?|C[adeflmnorsu]?|D[bsy]|E[rsu]|F[elmr]?|G[ade]|H[efgos]?|I[nr]?|Kr?|L[airuv]|M[cdgnot]|N[abdehiop]?|"
    "O[gs]?|P[abdmortu]?|R[abefghnu]|S[bcegimnr]?|T[abcehilms]|U|V|W|Xe|Yb?|Z[nr])"
)
_PAIR = re.compile(f"{_SYMBOL}-{_SYMBOL}")


class TableOptions(Options):
    """What chooses a Slater–Koster table."""

    table: str | dict[str, str] = "ptbp"
    """Parameters: `ptbp` (H, C, N, O, S, Na, Al, K, Ni, Cu, Pd, Ag, Pt, Au, all pairs), `nrl` (Au or Cu), the path of a
    JSON file of the same form as either, a folder of DFTB's `.skf` files named `Au-Ag.skf` (other names are ignored), or such
    files one by one, `{Au-Au: my/gold.skf}`."""

    tail_eV: PositiveFloat = Field(default=1e-5, le=1e-2)
    """The cutoff of each pair of elements is where its hoppings have fallen below this (and its overlaps below a tenth of it, per
    eV); over the last 0.5 Å they are brought smoothly to zero, unless those of `.skf` files end smoothly there themselves."""

    @field_validator("table")
    @classmethod
    def _is_there(cls, table: str | dict[str, str]) -> str | dict[str, str]:
        if isinstance(table, str) and re.fullmatch(r"\w*", table) and table not in TABLES and not Path(table).exists():
            raise ValueError(
                f"there is no table {table!r}{did_you_mean(table.lower(), TABLES)}; give {' or '.join(TABLES)}, a JSON file or a "
                "folder of .skf files"
            )
        return table

    @property
    def table_name(self) -> str:
        """What messages call the table."""
        return self.table if isinstance(self.table, str) else "of .skf files"

    def skf_files(self) -> dict[str, str] | None:
        """Pair of elements → path of its `.skf` file; None if the table is of another form."""
        if isinstance(self.table, dict):
            return {pair: str(Path(path).expanduser()) for pair, path in self.table.items()}
        folder = Path(self.table).expanduser()
        if folder.suffix == ".skf" and folder.is_file() and _PAIR.fullmatch(folder.stem):
            return {folder.stem: str(folder)}
        if self.table in TABLES or not folder.is_dir():
            return None
        # Backups, notes and alternatives (H-N_short.skf) lie beside the files of a set.
        return {path.stem: str(path) for path in sorted(folder.glob("*.skf")) if _PAIR.fullmatch(path.stem) and path.is_file()}

    def elements(self) -> frozenset[str] | None:
        if (files := self.skf_files()) is not None:
            return frozenset(a for a, _, b in (pair.partition("-") for pair in files) if a == b)
        path = TABLES.get(self.table_name, Path(self.table_name))
        if not path.is_file():
            return None
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        listed = table.get("onsite_s_p_d", table.get("elements"))
        return frozenset(listed) if isinstance(listed, dict) else None

    def files(self) -> tuple[str, ...]:
        if (files := self.skf_files()) is not None:
            return tuple(files.values())
        return () if self.table_name in TABLES else (self.table_name,)


class SlaterKosterOptions(TableOptions):
    fermi_energy_eV: float | None = None
    """Fermi energy on the table's scale; by default the filling of the lead's bands by its valence electrons gives it.
    Between different electrodes it ignores their contact potential."""

    smearing_K: PositiveFloat = 300.0
    """Temperature of the Fermi function that fills the lead's bands."""

    k_points: tuple[PositiveInt, PositiveInt] = (1, 1)
    """Divisions of the transverse Brillouin zone of a junction that is periodic in x and y: a Γ-centred grid, [3, 3] the same
    states as Γ of the 3 × 3 supercell. T is averaged over it and stays that of one cell; the electrodes are filled, and atoms are
    made neutral, at all of these k-points."""

    charge_neutrality: Literal["none", "local", "predicted"] = "none"
    """`local` shifts the on-site energies of every atom between the principal layers until it holds its valence electrons
    (Mulliken populations of the open device); `predicted` takes the shifts from a model that a study learns from some snapshots
    done with `local`; `none` keeps the table's energies."""

    neutrality_model: str | None = None
    """With `charge_neutrality: predicted`: the `neutrality.npz` of an earlier study; by default the study learns its own."""

    neutrality_tolerance: Annotated[float, Field(ge=1e-4, le=0.1)] = 1e-3
    """Largest charge left on an atom, in electrons, with `charge_neutrality: local` and of the snapshots that `predicted` learns
    from."""

    neutrality_iterations: PositiveInt = 30
    """Evaluations of the populations after which such a snapshot has failed."""

    contour_points: Annotated[int, Field(ge=4, le=200)] = 10
    """With charge neutrality: nodes of the contour that integrates the occupied states."""

    @model_validator(mode="after")
    def _one_fermi_energy(self) -> Self:
        if self.charge_neutrality != "none" and self.fermi_energy_eV is not None:
            raise ValueError(
                f"fermi_energy_eV and charge_neutrality: {self.charge_neutrality} exclude each other, because the leads are "
                "neutral at one Fermi energy only; leave fermi_energy_eV out"
            )
        if self.charge_neutrality == "none":
            changed = self._changed("neutrality_tolerance", "neutrality_iterations", "contour_points")
            if changed:
                raise ValueError(f"{changed} act with charge_neutrality: local only; set it or leave them out")
        if self.neutrality_model is not None:
            changed = self._changed("neutrality_tolerance", "neutrality_iterations")
            if changed:
                raise ValueError(f"{changed} would be ignored: with a neutrality_model no snapshot is solved; leave it out")
        if (self.charge_neutrality != "none" or self.fermi_energy_eV is not None) and self._changed("smearing_K"):
            given = "fermi_energy_eV" if self.fermi_energy_eV is not None else f"charge_neutrality: {self.charge_neutrality}"
            raise ValueError(f"smearing_K would be ignored: {given} gives the Fermi energy; leave it out")
        if self.neutrality_model is not None and self.charge_neutrality != "predicted":
            raise ValueError("neutrality_model acts with charge_neutrality: predicted only; set it or leave the model out")
        return self

    def _changed(self, *names: str) -> str:
        """Those of these options that are not at their defaults."""
        return ", ".join(name for name in names if getattr(self, name) != type(self).model_fields[name].default)

    def files(self) -> tuple[str, ...]:
        return (*super().files(), *((self.neutrality_model,) if self.neutrality_model else ()))


class ArraysOptions(Options):
    file: str
    """HDF5 file of H and S in eV, written by `sharvin.devices.two_terminal_file.write_two_terminal` or any program; its layout
    is in the manual."""

    tolerance_A: PositiveFloat = Field(default=0.01, le=0.5)
    """Largest distance of an atom from the stored one for a junction to be the stored device."""

    def files(self) -> tuple[str, ...]:
        return (self.file,)


class SiestaOptions(Options):
    file: str
    """H and S of the device: a TSHS or HSX file of SIESTA."""

    left: str
    """H and S of the left electrode, periodic along z; its atoms are the outermost ones of the device."""

    right: str | None = None
    """H and S of the right electrode; by default it is the left one."""

    structure: str | None = None
    """Structure of the device with its elements, in the order of `file`; TSHS files do not name them, and a junction of a study
    is found by its elements and positions."""

    fermi_energy_eV: float | None = None
    """Fermi energy of all files where they do not contain it (old HSX); energies of others are read relative to their own."""

    k_points: tuple[PositiveInt, PositiveInt] = (1, 1)
    """Divisions of the transverse Brillouin zone: a Γ-centred grid over which T is averaged."""

    layer_tolerance_eV: PositiveFloat = 0.1
    """Largest difference between H of the device's outermost principal layers and the electrodes' H, whose blocks they take."""

    tolerance_A: PositiveFloat = Field(default=0.01, le=0.5)
    """Largest distance of an atom from the stored one for a junction to be the stored device."""

    def files(self) -> tuple[str, ...]:
        return tuple(path for path in (self.file, self.left, self.right, self.structure) if path is not None)


class GpawOptions(Options):
    basis: str = "szp(dzp)"
    """GPAW's name of the basis set; it must be among GPAW's data for every element."""

    xc: str = "PBE"
    """Exchange-correlation functional by GPAW's name."""

    grid_spacing_A: PositiveFloat = Field(default=0.2, le=0.4)
    """Spacing of the real-space grid."""

    smearing_eV: PositiveFloat = 0.1
    """Width of the Fermi function of the occupations."""

    vacuum_A: PositiveFloat = Field(default=5.0, ge=3.0)
    """Vacuum beyond the ends of the device, and on each side across where the structure is not periodic."""

    max_iterations: PositiveInt = 333
    """Iterations of the density after which a snapshot has failed."""


class SquareLatticeOptions(Options):
    length: PositiveInt = 40
    """Slices L of the disordered region, along the wire."""

    width: PositiveInt = 40
    """Sites W across the wire."""

    hopping: PositiveFloat = 1.0
    """Hopping t; neighbours couple by −t. All energies here, and those of T(E), are in its unit."""

    disorder: Literal["I", "II", "III", "IV", "values", "file"] = "II"
    """`I`: every site uniform in a box. `II`, `III`, `IV`: impurities of one, two or three equally likely energies.
    `values`: impurities with energies of your own. `file`: on-site maps of your own."""

    strength: PositiveFloat = 4.0
    """Model I: width w of the box [−w/2, w/2]."""

    impurity_energy: float = 5.0
    """Models II to IV: energy U of an impurity (II), U/2 or U (III), U/3, 2U/3 or U (IV)."""

    values: tuple[float, ...] = ()
    """Disorder `values`: energies of the impurities."""

    probabilities: tuple[NonNegativeFloat, ...] = ()
    """Disorder `values`: relative probabilities of these energies; all equal if empty."""

    concentration: float | None = Field(default=None, ge=0, le=1)
    """Impurities: probability n that a site is one; drawn uniformly in [0, 1] for each wire if not given."""

    onsite_file: str | None = None
    """Disorder `file`: a .npy file of on-site energies [n, length, width], used in its order."""

    @model_validator(mode="after")
    def _fits_the_disorder(self) -> Self:
        impurities = ("II", "III", "IV")
        used = {
            "strength": ("I",),
            "impurity_energy": impurities,
            "values": ("values",),
            "probabilities": ("values",),
            "concentration": (*impurities, "values"),
            "onsite_file": ("file",),
        }
        for name, models in used.items():
            if self.disorder not in models and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} belongs to disorder {', '.join(models)}, not to {self.disorder}; remove it.")
        if self.disorder == "file" and self.onsite_file is None:
            raise ValueError("disorder file needs onsite_file.")
        if self.disorder == "values" and not self.values:
            raise ValueError("disorder values needs the energies of the impurities, values: [5.0, 2.5].")
        if self.probabilities and (len(self.probabilities) != len(self.values) or sum(self.probabilities) <= 0):
            raise ValueError("probabilities must be as many as values, and not all zero.")
        return self

    def files(self) -> tuple[str, ...]:
        return (self.onsite_file,) if self.onsite_file else ()

    def at_concentration(self, concentration: float) -> Self:
        """The same wires, all with this concentration of impurities; ValueError where the disorder is none of impurities."""
        return type(self).model_validate({**self.model_dump(), "concentration": concentration})


class GridTransferOptions(Options):
    tolerance: PositiveFloat = Field(default=1e-10, ge=1e-12, le=1e-6)
    """Largest relative error of the restabilised wave functions, estimated from symmetries that only rounding breaks; slices that
    exceed it are computed again in smaller portions."""

    threads: PositiveInt = 1
    """Threads that share the wires and energies of a batch; the results do not depend on it."""


class DenseOptions(Options):
    eta_eV: PositiveFloat = Field(default=1e-10, le=1e-2)
    """Imaginary part of the energy in the leads, in eV (in t for grid wires); the scattering region has none."""


class RecursiveGreenOptions(Options):
    surface: Literal["decimation", "eigenmodes"] = "decimation"
    """How the leads are treated: `decimation` with a small imaginary part of the energy, or `eigenmodes`, their Bloch waves, with
    none."""

    eta_eV: PositiveFloat = Field(default=1e-10, le=1e-2)
    """With `surface: decimation`: imaginary part of the energy in the leads, in eV (in t for grid wires); the scattering region
    has none."""

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


class SislOptions(Options):
    eta_eV: PositiveFloat = Field(default=1e-10, le=1e-2)
    """Imaginary part of the energy in the leads, in eV (in t for grid wires); the scattering region has none."""


class KwantOptions(Options):
    cached_leads: PositiveInt = 64
    """Modes of leads, one set a lead, side and energy, that are kept for the next devices."""


class LearntShiftsOptions(TableOptions):
    """Slater–Koster Hamiltonian whose on-site shifts are learnt from conductances."""

    centres: PositiveInt = 1000
    """Surroundings whose weights are learnt, chosen from the structures to learn from; a step takes 8 centres² bytes."""

    noise_G0: PositiveFloat = 0.05
    """What the shifts cannot explain of a conductance; larger values give smoother shifts."""

    shift_spread_eV: PositiveFloat = 0.3
    """Spread of the shifts that is expected."""

    steps: PositiveInt = 5
    """Gauss–Newton steps; that with the least validation error is kept."""

    coarse_steps: NonNegativeInt = 2
    """So many of them, the first ones, learn from `coarse_structures` only."""

    coarse_structures: PositiveInt = 800
    """Structures of a coarse step, drawn anew for each; all, where there are fewer."""
