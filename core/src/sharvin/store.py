"""Files of a run: one HDF5 file per trajectory or table, JSON for small records; each replaced atomically.

Trajectories are H5MD files, see :mod:`sharvin.files.h5md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from sharvin.errors import StoreError
from sharvin.files.h5md import COMPRESSION, Trajectory, write_h5md
from sharvin.files.hdf5_texts import text
from sharvin.frames import Frame, Frames
from sharvin.runs.atomic import atomically, write_bytes


def write_json(path: Path, content: Any) -> None:
    """JSON file, indented, keys in the order given."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=_plain_number) + "\n"
    write_bytes(path, text.encode())


def read_json(path: Path) -> Any:
    """Content of a JSON file.

    Raises
    ------
    StoreError
        Naming the file, if it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from None


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"cannot write a {type(value).__name__} as JSON")


def write_table(path: Path, columns: Mapping[str, NDArray[Any]], notes: Mapping[str, Any] | None = None) -> None:
    """Named arrays, and notes that JSON can hold."""

    def write(temporary: Path) -> None:
        with h5py.File(temporary, "w") as file:
            file.attrs["notes"] = json.dumps(dict(notes or {}), default=_plain_number)
            for name, values in columns.items():
                values = np.asarray(values)
                options = COMPRESSION if values.size > 64 else {}
                file.create_dataset(name, data=values, **options)

    atomically(path, write)


def read_table(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and notes of :func:`write_table`."""
    with opened(path) as file:
        return {name: dataset[()] for name, dataset in file.items()}, json.loads(text(file.attrs["notes"]))


def write_trajectory(path: Path, frames: Iterable[Frame], batch: int = 64) -> None:
    """Stream frames of one wire into an H5MD file; `batch` frames are held in memory.

    Raises
    ------
    ItemError
        If there is no frame at all, or the atoms change on the way.
    """
    atomically(path, lambda temporary: write_h5md(temporary, frames, batch))


def read_frames(path: Path, numbers: Sequence[int] | None = None, batch: int = 64) -> Iterator[Frame]:
    """Frames of an H5MD file, streamed; `batch` frames are held in memory.

    Parameters
    ----------
    path : Path
    numbers : sequence of int, optional
        Numbers of the frames wanted, from 0, in any order; only these are read. Default: all.
    batch : int
    """
    with opened(path) as file:
        trajectory = Trajectory(file, path)
        wanted = range(len(trajectory)) if numbers is None else numbers
        for start in range(0, len(wanted), batch):
            yield from trajectory.frames(wanted[start : start + batch])


def count_frames(path: Path) -> int:
    """Number of frames of an H5MD file."""
    with opened(path) as file:
        return len(Trajectory(file, path))


def read_observables(path: Path) -> dict[str, NDArray[np.float64]]:
    """Scalars of all frames of an H5MD file by name, float64[n_frames] each; ``frame`` numbers them."""
    with opened(path) as file:
        trajectory = Trajectory(file, path)
        return {"frame": np.arange(len(trajectory), dtype=np.float64), **trajectory.scalars()}


def read_trajectory(path: Path) -> Frames:
    """All frames of an H5MD file, in memory."""
    return Frames(read_frames(path))


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file open for reading.

    Raises
    ------
    StoreError
        If the file is missing, locked by another process or damaged, also when the damage shows while it is read.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except FileNotFoundError:
        raise StoreError(f"the store file {path} is missing: run the same command again to compute it.") from None
    except BlockingIOError:
        raise StoreError(f"the store file {path} is locked by another process: close that program and run again.") from None
    except (OSError, KeyError, RuntimeError) as error:
        raise _damaged(path, str(error)) from None


def verify(path: Path) -> None:
    """Read a whole store file.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    if path.suffix == ".json":
        read_json(path)
    elif path.suffix == ".h5":
        with opened(path) as file:
            file.visititems(_read_through)
    elif path.is_dir():
        for child in path.iterdir():
            verify(child)


def _read_through(_: str, node: h5py.Dataset | h5py.Group) -> None:
    """Read what lies at one place of a file; nothing is returned, which would end the visit of the others."""
    list(node.attrs.values())
    if isinstance(node, h5py.Dataset):
        np.asarray(node[()])


def _damaged(path: Path, detail: str) -> StoreError:
    return StoreError(f"the store file {path} is damaged ({detail}): run again with --repair to compute it anew.")
