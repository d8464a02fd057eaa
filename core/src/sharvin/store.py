"""Files of a run: one HDF5 file a trajectory or table, JSON for small records; each replaced atomically.

Trajectories follow the H5MD layout (de Buyl, Colberg and Höfling, Comput. Phys. Commun. 185, 1546 (2014)): float32 positions
relative to a float64 reference, byte-shuffled, gzip 1, with a checksum on every chunk, so that damage is noticed when read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from sharvin.errors import ItemError, StoreError
from sharvin.files.hdf5_texts import text, texts
from sharvin.frames import Frame, Frames
from sharvin.runs.atomic import atomically, write_bytes

COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}


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
    atomically(path, lambda temporary: _write_h5md(temporary, frames, batch))


def _write_h5md(path: Path, frames: Iterable[Frame], batch: int) -> None:
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise ItemError("the dynamics gave no frame.")
    n = len(first)
    with h5py.File(path, "w") as file:
        file.create_group("h5md").attrs["version"] = (1, 1)
        atoms = file.create_group("particles/wire")
        atoms["species"] = first.numbers
        atoms["reference"] = first.positions
        if first.rigid is not None:
            atoms["rigid"] = first.rigid
        box = atoms.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = ["periodic" if periodic else "none" for periodic in first.pbc]
        edges = box.create_dataset("edges/value", (0, 3, 3), "f8", maxshape=(None, 3, 3), chunks=(batch, 3, 3))
        position = atoms.create_dataset("position/value", (0, n, 3), "f4", maxshape=(None, n, 3), chunks=(1, n, 3), **COMPRESSION)
        position.attrs["unit"] = "Angstrom, relative to reference"
        observables = {
            name: file.create_dataset(f"observables/{name}", (0,), "f8", maxshape=(None,), chunks=(batch,))
            for name in first.scalars
        }
        pending = [first]

        def flush() -> None:
            start, stop = len(position), len(position) + len(pending)
            position.resize(stop, 0)
            position[start:] = np.stack([frame.positions - first.positions for frame in pending])
            edges.resize(stop, 0)
            edges[start:] = np.stack([frame.cell for frame in pending])
            for name, dataset in observables.items():
                dataset.resize(stop, 0)
                dataset[start:] = [frame.scalars[name] for frame in pending]
            pending.clear()

        for frame in iterator:
            if not np.array_equal(frame.numbers, first.numbers):
                raise ItemError("the atoms of a trajectory changed on the way.")
            pending.append(frame)
            if len(pending) >= batch:
                flush()
        if pending:
            flush()


def read_frames(path: Path, batch: int = 64) -> Iterator[Frame]:
    """Frames of an H5MD file, streamed; `batch` frames are held in memory."""
    with opened(path) as file:
        atoms = file["particles/wire"]
        numbers = atoms["species"][()]
        reference = atoms["reference"][()]
        pbc = np.array([boundary == "periodic" for boundary in texts(atoms["box"].attrs["boundary"])])
        rigid = atoms["rigid"][()] if "rigid" in atoms else None
        names = list(file["observables"]) if "observables" in file else []
        for start in range(0, len(atoms["position/value"]), batch):
            part = slice(start, start + batch)
            positions = atoms["position/value"][part].astype(np.float64) + reference
            cells = atoms["box/edges/value"][part]
            scalars = {name: file["observables"][name][part] for name in names}
            for i in range(len(positions)):
                values = {name: float(column[i]) for name, column in scalars.items()}
                yield Frame(numbers, positions[i], cells[i], pbc, values, rigid)


def read_observables(path: Path) -> dict[str, NDArray[np.float64]]:
    """Scalars of all frames of an H5MD file by name, float64[n_frames] each; ``frame`` numbers them."""
    with opened(path) as file:
        found = {name: dataset[()] for name, dataset in file["observables"].items()} if "observables" in file else {}
        return {"frame": np.arange(len(file["particles/wire/position/value"]), dtype=np.float64), **found}


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
            file.visititems(lambda _, node: node[()] if isinstance(node, h5py.Dataset) else None)
    elif path.is_dir():
        for child in path.iterdir():
            verify(child)


def _damaged(path: Path, detail: str) -> StoreError:
    return StoreError(f"the store file {path} is damaged ({detail}): run again with --repair to compute it anew.")
