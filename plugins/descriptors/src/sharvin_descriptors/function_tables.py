"""Lists of symmetry functions: the sets that come with sharvin, and CSV files of the same form."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from sharvin.errors import InputError
from sharvin.options.messages import mistakes

from sharvin_descriptors.configs import AcsfOptions, SymmetryFunction

TABLES = {"gold": Path(__file__).parent / "data" / "acsf_gold.csv"}
"""Ready sets by name; the first lines of a file name its source."""

_REQUIRED = ("type", "eta", "lambda", "zeta")


def functions_of(options: AcsfOptions) -> Sequence[SymmetryFunction]:
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


def read_functions(path: Path) -> list[SymmetryFunction]:
    """Return the functions of a CSV file with the columns type, eta, lambda, zeta and, optionally, r_s.

    Lines that begin with # are comments.

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
    given = {"type": row["type"], **{name: _number(row.get(name)) for name in ("eta", "zeta", "r_s")}}
    try:
        angular = int(float(row["lambda"])) if row["lambda"] else None
        return SymmetryFunction.model_validate(
            {"lam": angular, **{key: value for key, value in given.items() if value not in (None, "")}}
        )
    except ValidationError as error:
        path, sentence = mistakes(error, SymmetryFunction)[0]
        raise InputError(f"acsf: {place} is no symmetry function: {'.'.join(map(str, path))} {sentence}") from None
    except (TypeError, ValueError):
        raise InputError(f"acsf: {place} is no symmetry function: lambda must be -1 or 1.") from None


def _number(text: str | None) -> float | str | None:
    """A number of a CSV file; what is none is left for the option model to refuse."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
