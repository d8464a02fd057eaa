"""Trajectories of one wire as H5MD files, version 1.1 (de Buyl, Colberg and Höfling, Comput. Phys. Commun. 185, 1546 (2014)).

Positions are those of the atoms in Å, as any program that reads H5MD expects. They are stored to the precision of float32 about
the first frame: each is the float64 sum of the first frame's and a float32 displacement, which takes two to four times the space
of the displacement alone. Chunks hold one frame each, byte-shuffled, gzip 1, with a checksum, so that frames are read by number
and damage is noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from sharvin import __version__
from sharvin.errors import ItemError, StoreError
from sharvin.files.hdf5_texts import texts
from sharvin.frames import Frame

COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
GROUP = "particles/wire"
TIME = "time_ps"
"""The scalar that is the time of a frame. Its step is its number."""
UNITS = {"_A": "Angstrom", "_eV": "eV", "_GPa": "GPa", "_K": "K", "_nN": "nN", "_fs": "fs", "_ps": "ps", "_G0": "G0"}
"""Units by the end of a scalar's name."""


def write_h5md(path: Path, frames: Iterable[Frame], batch: int) -> None:
    """Stream frames into a new file; `batch` frames are held in memory.

    Raises
    ------
    ItemError
        If there is no frame at all, or the atoms change on the way.
    """
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise ItemError("the dynamics gave no frame.")
    with h5py.File(path, "w") as file:
        trajectory = _Written(file, first, batch)
        pending = [first]
        for frame in iterator:
            if not np.array_equal(frame.numbers, first.numbers):
                raise ItemError("the atoms of a trajectory changed on the way.")
            pending.append(frame)
            if len(pending) >= batch:
                trajectory.append(pending)
                pending.clear()
        if pending:
            trajectory.append(pending)


class _Written:
    """An open file with the datasets that grow."""

    def __init__(self, file: h5py.File, first: Frame, batch: int) -> None:
        self._origin = first.positions
        head = file.create_group("h5md")
        head.attrs["version"] = np.array([1, 1])
        head.create_group("author").attrs["name"] = np.bytes_("unknown")  # the standard wants strings of fixed length
        creator = head.create_group("creator")
        creator.attrs["name"], creator.attrs["version"] = np.bytes_("sharvin"), np.bytes_(__version__)
        atoms = file.create_group(GROUP)
        atoms["species"] = first.numbers
        if first.rigid is not None:
            atoms["rigid"] = first.rigid
        box = atoms.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = np.array(["periodic" if periodic else "none" for periodic in first.pbc], dtype="S")
        n = len(first)
        self._positions = _value(atoms, "position", (n, 3), (1, n, 3), "Angstrom", **COMPRESSION)
        self._clock = atoms["position"]
        self._step = self._clock.create_dataset("step", (0,), "i8", maxshape=(None,), chunks=(batch,))
        self._time: h5py.Dataset | None = None
        if TIME in first.scalars:
            self._time = self._clock.create_dataset("time", (0,), "f8", maxshape=(None,), chunks=(batch,))
            self._time.attrs["unit"] = "ps"
        self._edges = self._element(box, "edges", (3, 3), (batch, 3, 3), "Angstrom")
        self._scalars = {}
        for name in first.scalars:
            unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
            self._scalars[name] = self._element(file.require_group("observables"), name, (), (batch,), unit)

    def _element(self, parent: h5py.Group, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], unit: str) -> h5py.Dataset:
        """A time-dependent element with the steps and times of the positions."""
        value = _value(parent, name, shape, chunks, unit)
        for clock in self._clock:
            if clock != "value":
                parent[name][clock] = self._clock[clock]
        return value

    def append(self, frames: Sequence[Frame]) -> None:
        """Add frames at the end."""
        moved = np.stack([frame.positions - self._origin for frame in frames]).astype(np.float32)
        _extend(self._positions, moved.astype(np.float64) + self._origin)
        _extend(self._edges, np.stack([frame.cell for frame in frames]))
        _extend(self._step, np.arange(len(self._step), len(self._positions)))
        if self._time is not None:
            _extend(self._time, np.array([frame.scalars[TIME] for frame in frames]))
        for name, dataset in self._scalars.items():
            _extend(dataset, np.array([frame.scalars[name] for frame in frames]))


def _value(
    parent: h5py.Group, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], unit: str, **options: Any
) -> h5py.Dataset:
    """Values of a time-dependent element, one per frame."""
    value = parent.create_group(name).create_dataset(
        "value", (0, *shape), "f8", maxshape=(None, *shape), chunks=chunks, **options
    )
    if unit:
        value.attrs["unit"] = unit
    return value


def _extend(dataset: h5py.Dataset, values: NDArray[Any]) -> None:
    start = len(dataset)
    dataset.resize(start + len(values), 0)
    dataset[start:] = values


class Trajectory:
    """An H5MD file of a wire that is open for reading.

    Parameters
    ----------
    file : h5py.File
    path : Path
        For messages.

    Raises
    ------
    StoreError
        If an earlier version of sharvin wrote the file, with displacements in the place of positions.
    """

    def __init__(self, file: h5py.File, path: Path) -> None:
        atoms = file[GROUP]
        if "reference" in atoms:
            raise StoreError(f"an earlier version of sharvin wrote the trajectory {path}: run its study again.")
        self._positions: h5py.Dataset = atoms["position/value"]
        self._edges: h5py.Dataset = atoms["box/edges/value"]
        self._numbers = atoms["species"][()]
        self._rigid = atoms["rigid"][()] if "rigid" in atoms else None
        self._pbc = np.array([boundary == "periodic" for boundary in texts(atoms["box"].attrs["boundary"])])
        found = file.get("observables", {})
        self._scalars: dict[str, h5py.Dataset] = {name: found[name]["value"] for name in found}

    def __len__(self) -> int:
        return len(self._positions)

    def scalars(self) -> dict[str, NDArray[np.float64]]:
        """Scalars of all frames by name, float64[n_frames] each."""
        return {name: dataset[()] for name, dataset in self._scalars.items()}

    def frames(self, numbers: Sequence[int]) -> Iterator[Frame]:
        """Frames by number from 0, in the order given; they are held in memory together.

        Raises
        ------
        IndexError
            If there is no frame of a number.
        """
        count = len(self)
        outside = [number for number in numbers if not 0 <= number < count]
        if outside:
            raise IndexError(f"there is no frame {outside[0]} among {count}.")
        chosen, place = np.unique(np.asarray(numbers, dtype=np.int64), return_inverse=True)
        positions, cells = self._positions[chosen], self._edges[chosen]
        scalars = {name: dataset[chosen] for name, dataset in self._scalars.items()}
        for at in place:
            values = {name: float(column[at]) for name, column in scalars.items()}
            yield Frame(self._numbers, positions[at], cells[at], self._pbc, values, self._rigid)
