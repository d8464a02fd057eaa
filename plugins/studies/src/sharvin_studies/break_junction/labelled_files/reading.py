"""Pulls in a file: frames with the pull that each belongs to and, where it is known, their conductance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms
from sharvin.errors import InputError
from sharvin.files.structure_files import numbered_structures
from sharvin.frames import Frame
from sharvin.runs.digests import digest_of, digest_of_array

CONDUCTANCE = "conductance_G0"
ELONGATION = "elongation_A"
SCALARS = (ELONGATION, CONDUCTANCE, "neck_width", "force_nN", "potential_energy_eV")
"""What is kept of a frame's comment line: all frames of a file state it, or none."""
PULL, SOURCE = "pull", "label_source"
LEAST_G0 = -1e-6
"""A conductance is not negative, but for rounding."""


@dataclass(frozen=True)
class FilePull:
    """One pull of a file: its name there, and its frames, by elongation where that is known, else in the order of the file."""

    name: str
    frames: tuple[Frame, ...]

    @property
    def digest_of_atoms(self) -> str:
        """Of the atoms and where they are."""
        arrays = [a for frame in self.frames for a in (frame.numbers, frame.positions, frame.cell, frame.pbc)]
        return digest_of({"arrays": [digest_of_array(array) for array in arrays]})

    @property
    def digest(self) -> str:
        """Of all that the frames hold."""
        rigid, scalars = self.frames[0].rigid, [dict(frame.scalars) for frame in self.frames]
        content = {"atoms": self.digest_of_atoms, "scalars": scalars}
        return digest_of(content | ({} if rigid is None else {"rigid": digest_of_array(rigid)}))


@dataclass(frozen=True)
class PullFile:
    """What a file holds: its pulls by name, whether their conductances are known, and how they were computed."""

    path: Path
    pulls: tuple[FilePull, ...]
    labelled: bool
    sources: tuple[str, ...] = field(default=())

    @property
    def frames(self) -> int:
        """Number of all frames."""
        return sum(len(pull.frames) for pull in self.pulls)


def read_pulls(path: str) -> PullFile:
    """All pulls of a file.

    Parameters
    ----------
    path : str
        Extended xyz whose comment lines have ``pull``, a whole number or a text, and may have ``conductance_G0`` (T(E_F)),
        ``label_source``, ``elongation_A`` (Å) and others of :data:`SCALARS`; it may be compressed. Or an HDF5 trajectory of one
        pull of a run. An array ``rigid`` marks the atoms that dynamics would move as a block.

    Raises
    ------
    InputError
        If it cannot be read; frames lack the pull; some lack what others state; a value is no number; atoms, periodicity
        or rigid atoms change within a pull; or a pull occurs twice.
    """
    file = Path(path).expanduser()
    whole = file.is_file() and h5py.is_hdf5(file)
    found: dict[str, list[tuple[int, Frame]]] = {}
    sources: dict[str, None] = {}
    stated: tuple[int, frozenset[str]] | None = None
    for number, atoms in numbered_structures(file):
        where = f"frame {number} of {path}"
        name = file.stem if whole else _pull(atoms, where)
        scalars = {key: _number(atoms.info[key], key, where) for key in SCALARS if key in atoms.info}
        stated = stated or (number, frozenset(scalars))
        _check_the_same_keys(stated, number, frozenset(scalars), path)
        if SOURCE in atoms.info:
            sources[str(atoms.info[SOURCE])] = None
        found.setdefault(name, []).append((number, _frame(atoms, scalars)))
    pulls = tuple(FilePull(name, _in_order(name, frames, path)) for name, frames in found.items())
    refuse_twins((path, pull) for pull in pulls)
    return PullFile(file, pulls, stated is not None and CONDUCTANCE in stated[1], tuple(sources))


def refuse_twins(pulls: Iterable[tuple[str, FilePull]]) -> None:
    """Refuse pulls with the same frames: one would be learnt from where the other is held out.

    Raises
    ------
    InputError
    """
    seen: dict[str, tuple[str, str]] = {}
    for path, pull in pulls:
        first = seen.setdefault(pull.digest_of_atoms, (path, pull.name))
        if first != (path, pull.name):
            raise InputError(
                f"pull {pull.name} of {path} has the same frames as pull {first[1]} of {first[0]}: one would be learnt from "
                "where the other is held out; leave one out."
            )


def _pull(atoms: Atoms, where: str) -> str:
    """Name of the pull that a frame belongs to."""
    if PULL not in atoms.info:
        raise InputError(
            f"{where} does not say which pull it belongs to: frames are held out by pull; write {PULL}=NUMBER_OR_NAME into the "
            "comment line of every frame."
        )
    value = atoms.info[PULL]
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer | str):
        raise InputError(f"{where} has {PULL}={value}, where a whole number or a name is expected.")
    return str(value)


def _number(value: object, key: str, where: str) -> float:
    """A scalar of a comment line."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
        lacking = "; leave out frames that have none" if key == CONDUCTANCE else ""
        raise InputError(f"{where} has {key}={value}, which is no finite number{lacking}.")
    if key == CONDUCTANCE and value < LEAST_G0:
        raise InputError(f"{where} has {key}={value}, and a conductance is not negative; it is T(E_F), in units of G0.")
    return float(value)


def _check_the_same_keys(stated: tuple[int, frozenset[str]], number: int, keys: frozenset[str], path: str) -> None:
    """Frames of a file state the same."""
    first, known = stated
    for key in sorted(keys ^ known):
        lacks, has = (number, first) if key in known else (first, number)
        advice = (
            "label all frames or none, or divide them between two files" if key == CONDUCTANCE else "state it in all or in none"
        )
        raise InputError(f"frame {lacks} of {path} has no {key}, which frame {has} has: {advice}.")


def _frame(atoms: Atoms, scalars: Mapping[str, float]) -> Frame:
    atoms.pbc[2] = False  # the leads continue the wire along z, which most formats cannot say
    return Frame.from_atoms(atoms, **scalars)


def _in_order(name: str, numbered: list[tuple[int, Frame]], path: str) -> tuple[Frame, ...]:
    """Frames of one pull by elongation; the atoms must stay the same."""
    first, reference = numbered[0]
    for number, frame in numbered[1:]:
        same_rigid = (frame.rigid is None) == (reference.rigid is None) and (
            frame.rigid is None or reference.rigid is None or np.array_equal(frame.rigid, reference.rigid)
        )
        for what, same in (
            ("atoms", np.array_equal(frame.numbers, reference.numbers)),
            ("periodic directions", np.array_equal(frame.pbc, reference.pbc)),
            ("rigid atoms", same_rigid),
        ):
            if not same:
                raise InputError(
                    f"frames {first} and {number} of {path} are of one pull ({name}) and their {what} differ; a pull has the "
                    "same atoms in the same order throughout: name it otherwise where another wire begins."
                )
    frames = [frame for _, frame in numbered]
    if ELONGATION in reference.scalars:
        frames.sort(key=lambda frame: frame.scalars[ELONGATION])
    return tuple(frames)
