"""POSCAR files as ASE is to read them: whole, and with the elements that the user names.

VASP 4 wrote none: there ASE takes for elements what looks like symbols in the title. Of coordinates that are cut off, it takes
one number for all three.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import takewhile

from sharvin.errors import InputError, PhysicsWarning
from sharvin.files.opened_files import ends_within_a_number


def prepared(text: str, name: str, species: Sequence[str]) -> str:
    """The text of a POSCAR with the user's elements.

    Parameters
    ----------
    text : str
    name : str
        The file, for messages.
    species : sequence of str
        Elements in the order of the file's numbers of atoms; may be empty.

    Raises
    ------
    InputError
        If the coordinates are cut off, or too few species are named.
    """
    lines = text.splitlines(keepends=True)
    coordinates: list[str] = []
    for line in lines:
        coordinates = [] if line.lstrip()[:1].isalpha() else [*coordinates, line]
    block = list(takewhile(str.strip, coordinates))
    if any(len(line.split()) < 3 for line in block) or ends_within_a_number(block):
        raise InputError(f"{name} is cut off: its last coordinates are not complete.")
    return "".join(_with_species(lines, name, species)) if species and len(lines) > 6 else text


def _with_species(lines: list[str], name: str, species: Sequence[str]) -> list[str]:
    stated = [] if lines[5].split()[:1] and lines[5].split()[0].isdigit() else lines[5].split()
    after = lines[6:] if stated else lines[5:]
    count = len(stated) or len([word for word in lines[5].partition("!")[0].split() if word.isdigit()])
    if len(species) < count:
        raise InputError(f"{name} has {count} kinds of atoms, and the species name {len(species)} ({', '.join(species)}).")
    chosen = list(species[:count])
    said = [word.split("/")[0].split("_")[0] for word in stated]
    if said and said != chosen:
        message = f"{name}: its atoms are {', '.join(chosen)} as you said, but {', '.join(said)} according to the file."
        warnings.warn(message, PhysicsWarning, stacklevel=2)
    return [*lines[:5], " ".join(chosen) + "\n", *after]
