"""Options of the Hamiltonian `slater_koster` and of the table that it shares with `learnt_shifts`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator
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

    neutrality_tolerance: Annotated[float, Field(ge=1e-4, le=0.1)] = 3e-3
    """Largest charge expected to be left on an atom, in electrons, with `charge_neutrality: local` and of the snapshots that
    `predicted` learns from. The last step is judged by what those before have left and not computed again: at 5e-4, charges up to
    8e-4 were seen. Along a pulled gold wire the default leaves 0.001 G0 of T."""

    neutrality_iterations: PositiveInt = 30
    """Evaluations of the populations after which such a snapshot has failed."""

    contour_points: Annotated[int, Field(ge=4, le=200)] = 6
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
