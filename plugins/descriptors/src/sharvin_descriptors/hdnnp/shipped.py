"""Trained potentials that come with sharvin, by name."""

from __future__ import annotations

from pathlib import Path

from sharvin.errors import InputError
from sharvin.words.suggestions import did_you_mean

FOLDER = Path(__file__).parents[1] / "data" / "potentials"
"""One folder per potential; its ``README.md`` tells what it was trained on."""


def shipped() -> tuple[str, ...]:
    """Names of all of them."""
    return tuple(sorted(path.name for path in FOLDER.iterdir() if path.is_dir())) if FOLDER.is_dir() else ()


def is_shipped(name: str) -> bool:
    """Whether a name without a folder in it is that of a potential that comes with sharvin."""
    return "/" not in name and "\\" not in name and name in shipped()


def model_folders(name: str) -> tuple[Path, ...]:
    """Folders of a model: the user's own, or those of the members of one that comes with sharvin.

    Raises
    ------
    InputError
        If there is neither.
    """
    own = Path(name).expanduser()
    if own.is_dir() and (any(own.iterdir()) or not is_shipped(name)):
        return (own,)
    if is_shipped(name):
        members = sorted(path for path in (FOLDER / name).iterdir() if path.is_dir())
        return tuple(members) or (FOLDER / name,)
    hint = did_you_mean(name, shipped())
    raise InputError(f"there is no folder {name}, and no potential of this name comes with sharvin{hint}.")
