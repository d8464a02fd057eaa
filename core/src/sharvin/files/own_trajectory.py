"""Trajectories that a run of sharvin wrote, given by a user: what is wrong with them is not to be mended by repairing a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
from ase import Atoms

from sharvin.errors import InputError, StoreError
from sharvin.frames import Frame
from sharvin.store import read_frames


class OwnTrajectory:
    """Frames of one.

    Parameters
    ----------
    path : Path
    species : sequence of str
        Must be empty, as the file states its elements.
    """

    def __init__(self, path: Path, species: Sequence[str]) -> None:
        if species:
            raise InputError(f"species are for files without elements, such as LAMMPS dumps; {path} is an HDF5 file.")
        self.path = path

    def count(self) -> int:
        """Number of frames; :class:`~sharvin.errors.InputError` if the file is damaged or holds something else."""
        try:
            with h5py.File(self.path, "r") as file:
                if "particles/wire/reference" in file:
                    raise InputError(f"an earlier version of sharvin wrote the trajectory {self.path}: run its study again.")
                if "particles/wire/position/value" in file:
                    return len(file["particles/wire/position/value"])
        except (OSError, KeyError, RuntimeError):
            raise self._damaged() from None
        raise InputError(
            f"{self.path} is an HDF5 file without a trajectory of sharvin (particles/wire): write a trajectory as extxyz; a file "
            'of H and S needs the attribute format = "sharvin-two-terminal".'
        )

    def frames(self, numbers: range) -> Iterator[tuple[int, Frame]]:
        """Frames by ascending numbers."""
        within = range(numbers.start, min(numbers.stop, self.count()), numbers.step)
        try:
            yield from zip(within, read_frames(self.path, within), strict=True)
        except StoreError:
            raise self._damaged() from None

    def structures(self, numbers: range) -> Iterator[tuple[int, Atoms | InputError]]:
        """The same as ASE structures."""
        for number, frame in self.frames(numbers):
            yield number, frame.to_atoms()

    def _damaged(self) -> InputError:
        return InputError(f"{self.path} is an HDF5 file that is cut off or damaged; copy it again from where it came.")
