"""Arrays cached on disk by content, shared between runs, snapshots and worker processes.

The folder is ``$SHARVIN_CACHE``, or the user's cache folder. Deleting it costs time, never results.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from sharvin.atomic import write_bytes

Arrays = dict[str, NDArray[Any]]

DIGEST_SIZE = 16
"""Bytes of the checksum before the npz archive in a file, so that any damage is noticed."""


def cache_folder() -> Path:
    """Folder of all caches."""
    chosen = os.environ.get("SHARVIN_CACHE")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("sharvin")


class ContentCache:
    """Named arrays by key, on disk, with the most recent ones in memory.

    Parameters
    ----------
    name : str
        Subfolder of the cache folder; one for each thing cached.
    in_memory : int
        How many entries this process keeps.
    """

    def __init__(self, name: str, in_memory: int = 8) -> None:
        self._name = name
        self._in_memory = in_memory
        self._recent: OrderedDict[str, Arrays] = OrderedDict()

    @property
    def folder(self) -> Path:
        """Where the entries are now; parts may be made before ``$SHARVIN_CACHE`` is set."""
        return cache_folder() / self._name

    def get_or_compute(self, key: str, compute: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
        """The entry of a key; computed by one process and read by the others.

        Parameters
        ----------
        key : str
            Hash of everything that the arrays depend on, the version of the algorithm included.
        compute : callable
            Gives the arrays by name.
        """
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key]
        path = self.folder / f"{key}.arrays"
        arrays = _read(path)
        if arrays is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock"):
                arrays = _read(path)
                if arrays is None:
                    arrays = dict(compute())
                    _write(path, arrays)
        self._recent[key] = arrays
        while len(self._recent) > self._in_memory:
            self._recent.popitem(last=False)
        return arrays


def _read(path: Path) -> Arrays | None:
    """Arrays of a file, or None if there is none or it is damaged; then they are computed again."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, archive = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    if _digest(archive) != digest:
        return None
    with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _write(path: Path, arrays: Arrays) -> None:
    archive = io.BytesIO()
    np.savez(archive, **arrays)  # type: ignore[arg-type]
    content = archive.getvalue()
    write_bytes(path, _digest(content) + content)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_SIZE).digest()
