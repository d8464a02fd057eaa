"""Lists of symmetry functions: those that come with sharvin, CSV files of the same form, and what a list means for an element."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from sharvin.errors import InputError
from sharvin.options.messages import mistakes

from sharvin_descriptors.symmetry_functions.configs import CUTOFF_TYPES, FunctionListOptions, SymmetryFunction
from sharvin_descriptors.symmetry_functions.definitions import WEIGHTED, AtomFunction

TABLES = {"gold": Path(__file__).parents[1] / "data" / "acsf_gold.csv"}
"""Ready sets by name; the first lines of a file name its source."""

_REQUIRED = ("type", "eta", "lambda", "zeta")
_NUMBERS = ("eta", "zeta", "r_s", "cutoff_A", "inner_A", "angle_left_deg", "angle_right_deg")


def functions_of(options: FunctionListOptions) -> Sequence[SymmetryFunction]:
    """Return the functions that the options name, state or keep in a file.

    Raises
    ------
    InputError
        If the file is missing or a line of it is not a symmetry function.
    """
    if options.functions:
        return options.functions
    if options.table is not None:
        return read_functions(TABLES[options.table])
    assert options.file is not None
    return read_functions(Path(options.file))


def atom_functions(
    listed: Sequence[SymmetryFunction], options: FunctionListOptions, centre: int, species: Sequence[int]
) -> list[AtomFunction]:
    """What a list means for the atoms of one element.

    Parameters
    ----------
    listed : sequence of SymmetryFunction
    options : FunctionListOptions
        Cutoff and centre of Gaussians where a function states none.
    centre : int
        Atomic number of the atoms.
    species : sequence of int
        Atomic numbers of the neighbours' elements.

    Returns
    -------
    list of AtomFunction
        Radial functions, in their order, of the first species, then of the second …; then the angular ones of each unordered pair
        of species, in the order of the species; then the radial and the angular weighted ones.
    """
    made = [(function, number_of(function)) for function in listed]
    radial = [(f, n) for f, n in made if n in (2, 20)]
    angular = [(f, n) for f, n in made if n in (3, 9, 21, 22)]
    weighted = sorted(((f, n) for f, n in made if n in WEIGHTED), key=lambda pair: pair[1] not in (12, 23))
    result = [_atom_function(f, n, options, centre, (z,)) for z in species for f, n in radial]
    for k, first in enumerate(species):
        for second in species[k:]:
            pair = (min(first, second), max(first, second))
            result += [_atom_function(f, n, options, centre, pair) for f, n in angular]
    return result + [_atom_function(f, n, options, centre, ()) for f, n in weighted]


def number_of(function: SymmetryFunction) -> int:
    """Type of a function in n2p2; G4 is its 3."""
    return 3 if function.type == "G4" else int(function.type[1:])


def _atom_function(
    f: SymmetryFunction, number: int, options: FunctionListOptions, centre: int, neighbours: tuple[int, ...]
) -> AtomFunction:
    cutoff_A = options.cutoff_A if f.cutoff_A is None else f.cutoff_A
    if f.subtype is not None:
        left = 0.0 if f.angle_left_deg is None else f.angle_left_deg
        right = 180.0 if f.angle_right_deg is None else f.angle_right_deg
        inner_A = 0.0 if f.inner_A is None else f.inner_A
        return AtomFunction(number, centre, neighbours, cutoff_A, inner_A=inner_A, angles_deg=(left, right), subtype=f.subtype)
    return AtomFunction(
        number,
        centre,
        neighbours,
        cutoff_A,
        0.0 if f.eta is None else f.eta,
        options.r_s if f.r_s is None else f.r_s,
        0.0 if f.lam is None else float(f.lam),
        1.0 if f.zeta is None else f.zeta,
        cutoff_type=CUTOFF_TYPES[options.cutoff_function],
        cutoff_alpha=options.cutoff_alpha,
    )


def read_functions(path: Path) -> list[SymmetryFunction]:
    """Return the functions of a CSV file with the columns type, eta, lambda, zeta and, optionally, those of other types.

    Lines that begin with # are comments; columns of other names are not read.

    Raises
    ------
    InputError
        If the file is missing, has no such columns or no functions, or a line of it is not a symmetry function.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"acsf: {path} cannot be read ({error}).") from None
    numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    reader = csv.DictReader((line for _, line in numbered), skipinitialspace=True)
    missing = [column for column in _REQUIRED if column not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"acsf: the first line of {path} must name the columns {', '.join(_REQUIRED)}; {missing[0]} is missing.")
    functions = [_function(row, f"{path}, line {number}") for row, (number, _) in zip(reader, numbered[1:], strict=True)]
    if not functions:
        raise InputError(f"acsf: {path} holds no symmetry functions.")
    return functions


def _function(row: dict[str, str], place: str) -> SymmetryFunction:
    given: dict[str, object] = {name: _number(row.get(name)) for name in _NUMBERS}
    given |= {"type": row["type"], "lam": _number(row["lambda"]), "subtype": (row.get("subtype") or "").strip()}
    try:
        return SymmetryFunction.model_validate({key: value for key, value in given.items() if value not in (None, "")})
    except ValidationError as error:
        path, sentence = mistakes(error, SymmetryFunction)[0]
        raise InputError(f"acsf: {place} is no symmetry function: {'.'.join(map(str, path))} {sentence}") from None


def _number(text: str | None) -> float | str | None:
    """A number of a CSV file; what is none is left for the option model to refuse."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
