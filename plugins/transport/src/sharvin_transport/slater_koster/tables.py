r"""Radial functions of Slater–Koster tables: hopping, overlap and on-site energies of spd orbitals.

Two forms, told apart by their keys. With *x = r − r₀* and *r₀* the sum of the covalent radii, PTBP tables
(Cui, Reuter and Margraf, J. Chem. Theory Comput. 2024; fit of DeePTB) have

.. math:: V(r) = \Big(c_0 + c_1 x + \tfrac{c_2}{2} x^2 + \tfrac{c_3}{6} x^3 + \tfrac{c_4}{8} x^4\Big)
          \frac{(r_0/r)^{1+|c_5|}}{1 + \exp((r - r_s + 5w)/w)},

and NRL tables (Mehl and Papaconstantopoulos, Phys. Rev. B 54, 4519 (1996)), in bohr and rydberg,

.. math:: V(R) = (e + f R + g R^2) e^{-qR} F(R), \quad \epsilon_l = a + b\rho^{2/3} + c\rho^{4/3} + d\rho^2, \quad
          \rho = \sum_j e^{-\lambda^2 R_j} F(R_j), \quad F(R) = \frac{1}{1 + \exp((R - r_c)/l + 5)}.

The tails are infinite. Beyond the cutoff of a pair of elements everything is exactly zero; over the last
:data:`SWITCH_A` before it all functions are multiplied by the quintic *1 − 10u³ + 15u⁴ − 6u⁵*, so that energies and their
derivatives stay continuous.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from ase.units import Bohr, Rydberg
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.words.suggestions import did_you_mean

from sharvin_transport.slater_koster.configs import TABLES

Floats = NDArray[np.float64]

CHANNELS = ("ss_sigma", "sp_sigma", "sd_sigma", "pp_sigma", "pp_pi", "pd_sigma", "pd_pi", "dd_sigma", "dd_pi", "dd_delta")
"""Order of the ten two-centre integrals in all arrays; the first orbital sits on the first element of the pair."""
SWITCH_A = 0.5
KEPT_TABLES = 8
"""Tables that a process keeps, of each form."""
_FARTHEST_A = 25.0


class TwoCentreTable(ABC):
    """Two-centre parameters of a set of elements.

    Attributes
    ----------
    name : str
    elements : tuple of int
        Atomic numbers.
    orbitals : mapping
        Atomic number → orbitals per atom: 1 (s), 4 (sp) or 9 (spd).
    electrons : mapping
        Atomic number → valence electrons.
    """

    name: str
    orbitals: Mapping[int, int]
    electrons: Mapping[int, float]
    tail_eV: float

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers with parameters."""
        return tuple(sorted(self.orbitals))

    def check(self, numbers: NDArray[np.int64]) -> None:
        """Raise :class:`InputError` unless the table has parameters for all these elements and their pairs."""
        present = np.unique(numbers)
        missing = [chemical_symbols[z] for z in present if int(z) not in self.orbitals]
        if missing:
            known = ", ".join(chemical_symbols[z] for z in self.elements)
            raise InputError(
                f"the Slater-Koster table {self.name!r} has no parameters for {', '.join(missing)}; "
                f"it has {known}: choose another table."
            )
        for a in present:
            for b in present:
                if not self.has_pair(int(a), int(b)):
                    raise InputError(
                        f"the Slater-Koster table {self.name!r} has no parameters for {chemical_symbols[a]} with "
                        f"{chemical_symbols[b]}; choose another table."
                    )

    @abstractmethod
    def has_pair(self, a: int, b: int) -> bool:
        """Whether the table knows this pair of elements."""

    @abstractmethod
    def raw(self, a: int, b: int, r: Floats) -> tuple[Floats, Floats]:
        """Hopping in eV and overlap before the cutoff, float64[10, n] each, at distances `r` in Å."""

    @abstractmethod
    def onsite(self, z: int, density: Floats) -> Floats:
        """On-site energies in eV of s, p and d, float64[n, 3], at the atoms' densities."""

    def density(self, a: int, r: Floats) -> Floats | None:
        """What a neighbour of the same element at `r` Å adds to an atom's density; None if on-site energies are constant."""
        return None

    def radial(self, a: int, b: int, r: Floats) -> tuple[Floats, Floats]:
        """Hopping in eV and overlap, float64[10, n] each, at distances `r` in Å, with the smooth cutoff."""
        hopping, overlap = self.raw(a, b, r)
        switch = self.switch(a, b, r)
        return hopping * switch, overlap * switch

    def switch(self, a: int, b: int, r: Floats) -> Floats:
        """1 inside, 0 beyond the cutoff."""
        u = np.clip((r - self.cutoff_A(a, b)) / SWITCH_A + 1.0, 0.0, 1.0)
        return np.asarray(1.0 - u**3 * (10.0 - 15.0 * u + 6.0 * u * u))

    def cutoff_A(self, a: int, b: int) -> float:
        """Distance in Å from which all functions of this pair are zero."""
        if (a, b) not in self._cutoffs:
            r = np.arange(0.5, _FARTHEST_A, 0.01)
            beyond = np.flatnonzero(self._size(a, b, r) >= self.tail_eV)
            self._cutoffs[a, b] = self._cutoffs[b, a] = float(np.round(r[beyond[-1]] + 0.01, 2)) if beyond.size else 1.0
        return self._cutoffs[a, b]

    def _size(self, a: int, b: int, r: Floats) -> Floats:
        """Largest hopping in eV, or ten times the largest overlap, of a pair in either order, float64[n]."""
        size = np.zeros(len(r))
        for pair in ((a, b), (b, a)):
            hopping, overlap = self.raw(*pair, r)
            size = np.maximum(size, np.maximum(np.abs(hopping).max(axis=0), 10.0 * np.abs(overlap).max(axis=0)))
        return size

    @property
    def _cutoffs(self) -> dict[tuple[int, int], float]:
        return self.__dict__.setdefault("_cutoff_by_pair", {})  # type: ignore[no-any-return]


class PairTable(TwoCentreTable):
    """PTBP form: parameters for every ordered pair of elements, constant on-site energies."""

    def __init__(self, name: str, data: dict[str, Any], tail_eV: float) -> None:
        self.name, self.tail_eV = name, tail_eV
        self.w = float(data["w"])
        self._onsite = {atomic_numbers[e]: np.array(v, dtype=np.float64) for e, v in data["onsite_s_p_d"].items()}
        self._radius = {atomic_numbers[e]: float(v) for e, v in data["covalent_radius"].items()}
        # An orbital that an element does not have is listed with on-site energy 0 and integrals that are noise (1e-4).
        self.orbitals = {z: (9 if e[2] != 0 else 4 if e[1] != 0 else 1) for z, e in self._onsite.items()}
        self.electrons = {atomic_numbers[e]: float(v) for e, v in data["valence_electrons"].items()}
        self._pairs = {}
        for pair, entry in data["pairs"].items():
            a, b = (atomic_numbers[e] for e in pair.split("-"))
            coefficients = np.array([[entry[kind][c] for c in CHANNELS] for kind in ("hopping", "overlap")], dtype=np.float64)
            present = self._present(a, b)
            coefficients[:, ~present, :5] = 0.0
            self._pairs[a, b] = (coefficients, float(entry["rs"]))

    def _present(self, a: int, b: int) -> NDArray[np.bool_]:
        size = {"s": 1, "p": 4, "d": 9}
        return np.array([self.orbitals[a] >= size[c[0]] and self.orbitals[b] >= size[c[1]] for c in CHANNELS])

    def has_pair(self, a: int, b: int) -> bool:
        """Whether the table knows this pair of elements."""
        return (a, b) in self._pairs

    def raw(self, a: int, b: int, r: Floats) -> tuple[Floats, Floats]:
        """Hopping in eV and overlap before the cutoff, float64[10, n] each."""
        coefficients, rs = self._pairs[a, b]
        r0 = self._radius[a] + self._radius[b]
        x = r - r0
        powers = np.stack([np.ones_like(x), x, x**2 / 2, x**3 / 6, x**4 / 8])
        decay = (r0 / r) / (1.0 + np.exp((r - rs + 5 * self.w) / self.w))
        exponents = np.abs(coefficients[..., 5])
        values = coefficients[..., :5] @ powers * np.exp(exponents[..., None] * np.log(r0 / r)) * decay
        return values[0], values[1]

    def onsite(self, z: int, density: Floats) -> Floats:
        """On-site energies, the same for all atoms of an element."""
        return np.broadcast_to(self._onsite[z], (len(density), 3)).copy()


class DensityTable(TwoCentreTable):
    """NRL form: parameters for single elements, on-site energies that depend on the neighbourhood."""

    def __init__(self, name: str, data: dict[str, Any], tail_eV: float) -> None:
        self.name, self.tail_eV = name, tail_eV
        self._entries: dict[int, dict[str, Any]] = {}
        for element, entry in data["elements"].items():
            self._entries[atomic_numbers[element]] = {
                "onsite": np.array([entry["onsite_abcd"][shell] for shell in "spd"], dtype=np.float64),
                "pair": np.array([[entry[k][c] for c in CHANNELS] for k in ("hopping_efgq", "overlap_efgq")], dtype=np.float64),
                "lambda_squared": float(entry["lambda_squared"]),
                "rc": float(entry["rc"]),
                "l": float(entry["l"]),
            }
        self.orbitals = dict.fromkeys(self._entries, 9)
        self.electrons = {atomic_numbers[e]: float(v["valence_electrons"]) for e, v in data["elements"].items()}

    def has_pair(self, a: int, b: int) -> bool:
        """Whether the table knows this pair of elements."""
        return a == b and a in self._entries

    def _screening(self, z: int, bohr: Floats) -> Floats:
        entry = self._entries[z]
        return np.asarray(1.0 / (1.0 + np.exp(np.minimum((bohr - entry["rc"]) / entry["l"] + 5.0, 300.0))))

    def raw(self, a: int, b: int, r: Floats) -> tuple[Floats, Floats]:
        """Hopping in eV and overlap before the cutoff, float64[10, n] each."""
        bohr = r / Bohr
        e, f, g, q = (self._entries[a]["pair"][..., k, None] for k in range(4))
        values = (e + f * bohr + g * bohr**2) * np.exp(-q * bohr) * self._screening(a, bohr)
        return values[0] * Rydberg, values[1]

    def density(self, a: int, r: Floats) -> Floats | None:
        """What a neighbour at `r` Å adds to an atom's density."""
        bohr = r / Bohr
        return np.asarray(np.exp(-self._entries[a]["lambda_squared"] * bohr) * self._screening(a, bohr) * self.switch(a, a, r))

    def onsite(self, z: int, density: Floats) -> Floats:
        """On-site energies that follow the density around the atoms."""
        third = np.cbrt(density)[:, None]
        a, b, c, d = self._entries[z]["onsite"].T
        return np.asarray((a + b * third**2 + c * third**4 + d * third**6) * Rydberg)


@lru_cache(maxsize=KEPT_TABLES)
def load_table(path: Path, name: str, tail_eV: float) -> TwoCentreTable:
    """The table of a JSON file.

    Raises
    ------
    InputError
        If the file is not there or does not hold a table.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"there is no Slater-Koster table {name!r}{did_you_mean(name, TABLES)}: give 'ptbp', 'nrl', a JSON file or "
            "a folder of .skf files."
        ) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"the Slater-Koster table {name} cannot be read: {error}.") from error
    try:
        if "pairs" in data:
            return PairTable(name, data, tail_eV)
        return DensityTable(name, data, tail_eV)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"the Slater-Koster table {name} is not complete ({type(error).__name__}: {error}); it needs the fields of the "
            "tables that come with sharvin-transport."
        ) from error
