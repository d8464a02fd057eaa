"""What an atom of a file with atom types is, as in LAMMPS files: what the user says, then what the file says.

What the user says wins, always. Without it count, in this order: an element column, labels of the types that are symbols, masses,
and comments after the masses. Whatever contradicts the elements taken is given back as a sentence, to be said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.calculators.lammps import convert
from ase.data import atomic_masses, atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from sharvin.errors import InputError
from sharvin.words.suggestions import did_you_mean

Names = NDArray[np.str_]
Integers = NDArray[np.int64]

NATURAL = np.array([z for z in range(1, 93) if z not in (43, 61) and not 84 <= z <= 89 and z != 91])
"""Elements with a standard atomic weight; others have a mass number in its place, which may be that of a neighbour."""
MASS_TOLERANCE = 0.6
"""Largest difference (u) between a mass and the atomic weight of the element that it stands for."""


@dataclass(frozen=True)
class Claim:
    """What one part of a file says about the elements.

    Parameters
    ----------
    source : str
        Which part: "the file's masses".
    symbols : str[n_atoms]
        Chemical symbols by atom; empty where it says none.
    """

    source: str
    symbols: Names

    @property
    def complete(self) -> bool:
        """Whether it says something about every atom."""
        return bool((self.symbols != "").all())


@dataclass(frozen=True)
class AtomTypes:
    """Types of the atoms of one frame.

    Parameters
    ----------
    where : str
        The file, for messages.
    count : int
        Number of atoms.
    types : int64[n_atoms] or None
        LAMMPS atom types from 1 on; None where the file has only labels, or none at all.
    labels : str[n_atoms] or None
        Labels of the types, where the file has them.
    number_of_types : int, optional
        As the file states it; else the largest type that occurs.
    """

    where: str
    count: int
    types: Integers | None
    labels: Names | None = None
    number_of_types: int | None = None

    @property
    def named(self) -> str:
        """How many types there are, and their labels."""
        labels = [] if self.labels is None else list(dict.fromkeys(self.labels.tolist()))
        count = self.number_of_types or (int(self.types.max(initial=1)) if self.types is not None else max(len(labels), 1))
        return f"{count} atom type{'s' if count > 1 else ''}" + (f" ({', '.join(labels)})" if labels else "")

    def elements(self, claims: Sequence[Claim], species: Sequence[str]) -> tuple[Integers, list[str]]:
        """Atomic numbers, int64[n_atoms], and what contradicts them, a clause each.

        Parameters
        ----------
        claims : sequence of Claim
            What the file says, in the order in which it counts.
        species : sequence of str
            What the user says: symbols of types 1, 2, …; may be empty.

        Raises
        ------
        InputError
            If the user names too few species, or nobody says what the atoms are.
        """
        if species:
            chosen, why = self._named(species, claims), "as you said"
        else:
            source = next((claim for claim in claims if claim.complete), None)
            if source is None:
                raise InputError(
                    f"{self.where} has atom types but no elements ({self.named}{_unclear(claims)}): name them with species, "
                    "the symbols of types 1, 2, …."
                )
            chosen, why = source.symbols, f"according to {source.source}"
        numbers = np.array([atomic_numbers[symbol] for symbol in chosen.tolist()], dtype=np.int64)
        return numbers, [said for claim in claims if (said := self._contradiction(chosen, why, claim))]

    def _named(self, species: Sequence[str], claims: Sequence[Claim]) -> Names:
        types = self.types
        if types is None:
            names = self.labels if self.labels is not None else claims[0].symbols if claims else np.zeros(1)
            if len(np.unique(names)) > 1 or len(species) > 1:
                has = self.named if self.labels is not None else "an element column" if claims else "nothing of the kind"
                raise InputError(
                    f"{self.where} has {has} and no numbers of atom types, which species name; leave them out, or write numbers "
                    "(dump_modify types numeric)."
                )
            types = np.ones(self.count, dtype=np.int64)
        if types.min(initial=1) < 1:
            raise InputError(f"{self.where} has an atom of type {types.min()}; types are numbered from 1.")
        if types.max(initial=1) > len(species):
            raise InputError(f"{self.where} has {self.named}, and the species name {len(species)} ({', '.join(species)}).")
        return np.array(species)[types - 1]

    def _contradiction(self, chosen: Names, why: str, claim: Claim) -> str:
        differing = (claim.symbols != "") & (claim.symbols != chosen)
        if not differing.any():
            return ""
        if self.types is None:
            pairs = sorted(set(zip(chosen[differing].tolist(), claim.symbols[differing].tolist(), strict=True)))
            taken, said, what = [a for a, _ in pairs], [b for _, b in pairs], "atoms are"
        else:
            kinds = np.unique(self.types[differing]).tolist()
            taken = [_symbols(chosen[self.types == kind]) for kind in kinds]
            said = [_symbols(claim.symbols[self.types == kind]) for kind in kinds]
            what = f"types {', '.join(map(str, kinds))} are" if len(kinds) > 1 else f"type {kinds[0]} is"
        return f"{what} {', '.join(taken)} {why}, but {', '.join(said)} according to {claim.source}"


def require_symbols(species: Sequence[str]) -> list[str]:
    """Species without the blanks around them.

    Raises
    ------
    InputError
        If one is not the symbol of a chemical element.
    """
    found = [symbol.strip() for symbol in species]
    for symbol in found:
        if symbol not in atomic_numbers or symbol == "X":
            hint = did_you_mean(symbol.capitalize(), chemical_symbols[1:]) if symbol else ""
            raise InputError(f"{symbol!r} is not a chemical element{hint}; species are symbols such as Au, Ag.")
    return found


def claim_of_symbols(source: str, names: Names) -> Claim:
    """A claim from texts by atom, of which those that are symbols count."""
    different = {name: name if name in atomic_numbers and name != "X" else "" for name in set(names.tolist())}
    return Claim(source, np.array([different[name] for name in names.tolist()], dtype=str))


def claim_of_masses(source: str, masses: NDArray[np.float64], units: str) -> Claim:
    """A claim from masses by atom, in LAMMPS units."""
    different = {mass: element_of_mass(float(in_units(mass, "mass", units))) for mass in set(masses.tolist())}
    return Claim(source, np.array([different[mass] for mass in masses.tolist()], dtype=str))


def element_of_mass(mass: float) -> str:
    """The element whose atomic weight a mass (u) clearly is; empty where it is none, or nearly as well another's."""
    distance = np.abs(atomic_masses[NATURAL] - mass)
    order = np.argsort(distance)
    nearest, next_one = distance[order[:2]]
    return chemical_symbols[NATURAL[order[0]]] if nearest <= MASS_TOLERANCE and next_one >= 2 * nearest else ""


def in_units(values: NDArray[np.float64] | float, quantity: str, units: str) -> NDArray[np.float64]:
    """Values of LAMMPS units in Å or u.

    Raises
    ------
    InputError
        If the units have no length or mass, as those of Lennard-Jones.
    """
    if units in ("metal", "real", ""):
        return np.asarray(values, dtype=np.float64)
    if units not in ("si", "cgs", "electron", "micro", "nano"):
        raise InputError(f"the file has units {units}, which say nothing of Å; write it in units metal or real.")
    return np.asarray(convert(np.asarray(values, dtype=np.float64), quantity, units, "ASE"), dtype=np.float64)


def first_word(comment: str) -> str:
    """The first word of a comment, as symbols stand after masses."""
    return (re.split(r"[\s,;]+", comment.strip()) or [""])[0]


def _symbols(symbols: Names) -> str:
    return "/".join(dict.fromkeys(symbol for symbol in symbols.tolist() if symbol))


def _unclear(claims: Sequence[Claim]) -> str:
    """Which parts of the file were of no use."""
    return f", and {' and '.join(claim.source for claim in claims)} do not tell" if claims else ""
