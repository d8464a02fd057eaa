"""Arrays cached on disk by content, shared between runs, snapshots and worker processes.

The folder is ``$SHARVIN_CACHE``, or the user's cache folder; ``SHARVIN_CACHE=off`` does without. Deleting it costs time, never
results. It holds at most ``$SHARVIN_CACHE_GB`` (default 2): beyond that the entries that were not read for longest go first.
A folder that cannot be written is said once, and everything is computed as if it were empty.
"""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from cachetools import LRUCache
from filelock import FileLock
from numpy.typing import NDArray

from sharvin.errors import InputError, StoreError
from sharvin.runs.atomic import require_writable, write_bytes

Arrays = dict[str, NDArray[Any]]
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

DIGEST_SIZE = 16
"""Bytes of the checksum before the npz archive in a file, so that any damage is noticed."""
DEFAULT_LIMIT_GB = 2.0
KEPT_AFTER_TIDYING = 0.8
"""Part of the limit that is kept when the cache has grown beyond it, so that tidying is rare."""
OFF = "off"
ENTRIES = "*/*.arrays"


def cache_folder() -> Path | None:
    """Folder of all caches; None where ``SHARVIN_CACHE`` is ``off``."""
    chosen = os.environ.get("SHARVIN_CACHE")
    if chosen == OFF:
        return None
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("sharvin")


def limit_bytes() -> int:
    """Size that the cache may have.

    Raises
    ------
    InputError
        If ``SHARVIN_CACHE_GB`` is not a number ≥ 0.
    """
    stated = os.environ.get("SHARVIN_CACHE_GB")
    try:
        limit = DEFAULT_LIMIT_GB if not stated else float(stated)
        if not 0 <= limit < float("inf"):
            raise ValueError
    except ValueError:
        raise InputError(f"SHARVIN_CACHE_GB is the largest size of the cache in GB, a number ≥ 0, not {stated!r}.") from None
    return int(limit * 1e9)


def usable_folder() -> Path | None:
    """The cache folder if it can be written, else None; a folder that cannot is said once on standard error."""
    folder = cache_folder()
    return folder if folder is not None and _can_write(folder) else None


@cache
def _can_write(folder: Path) -> bool:
    try:
        require_writable(folder, "the cache folder")
    except InputError as error:
        if multiprocessing.parent_process() is None:  # the process that began the work speaks for its workers
            sys.stderr.write(
                f"{error} Computing without a cache, which is slower: set SHARVIN_CACHE to a folder that can be written, "
                f"or to {OFF}.\n"
            )
        return False
    return True


@dataclass(frozen=True)
class Usage:
    """What one cache holds on disk."""

    name: str
    entries: int
    bytes: int


def usage() -> list[Usage]:
    """What each cache holds, by name."""
    folder = cache_folder()
    found: dict[str, list[int]] = {}
    for path, size, _ in _entries(folder):
        found.setdefault(path.parent.name, []).append(size)
    return [Usage(name, len(sizes), sum(sizes)) for name, sizes in sorted(found.items())]


def clear() -> int:
    """Delete every entry, and return the bytes that this has freed.

    Raises
    ------
    InputError
        If an entry cannot be deleted.
    """
    freed = 0
    for path, size, _ in _entries(cache_folder()):
        try:
            _delete(path)
        except OSError as error:
            raise InputError(f"cannot delete {path}: {error.strerror}.") from None
        freed += size
    return freed


def _entries(folder: Path | None) -> Iterator[tuple[Path, int, float]]:
    """Files of all entries with their sizes in bytes and the times at which they were last read."""
    for path in sorted(folder.glob(ENTRIES)) if folder is not None else ():
        with suppress(FileNotFoundError):  # another process tidied up
            status = path.stat()
            yield path, status.st_size, status.st_mtime


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def most_recent(limit_bytes: int, size: Callable[[Value], int], at_least: int = 2) -> LRUCache[Any, Value]:
    """A mapping that keeps the most recently used values, as many as fit into some memory.

    Parameters
    ----------
    limit_bytes : int
    size : callable
        Bytes of a value. It must be picklable where the mapping is to be.
    at_least : int
        So many values are kept however large they are: a value counts as this part of the limit at most.
    """
    return LRUCache(limit_bytes, getsizeof=partial(_counted, size=size, largest=limit_bytes // at_least))


def _counted(value: Value, size: Callable[[Value], int], largest: int) -> int:
    return min(size(value), largest)


def _bytes_of(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())


class ContentCache:
    """Named arrays by key, on disk, with the most recent ones in memory.

    Parameters
    ----------
    name : str
        Subfolder of the cache folder; one for each thing cached.
    memory_bytes : int
        This process keeps as many of the most recent entries in memory, and two at least.
    """

    def __init__(self, name: str, memory_bytes: int = 50_000_000) -> None:
        self._name = name
        self._recent: LRUCache[str, Arrays] = most_recent(memory_bytes, _bytes_of)

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
            return self._recent[key]
        folder = cache_folder()  # at each call: parts may be made before $SHARVIN_CACHE is set
        path = None if folder is None else folder / self._name / f"{key}.arrays"
        arrays = None if path is None else _read(path)
        if arrays is None:
            with _alone(path) as writable:
                arrays = _read(path) if writable is not None else None
                if arrays is None:
                    arrays = dict(compute())
                    if writable is not None:
                        _write(writable, arrays)
        self._recent[key] = arrays
        return arrays


@contextmanager
def _alone(path: Path | None) -> Iterator[Path | None]:
    """The path of an entry that no other process computes meanwhile; None where it cannot be written."""
    if path is None or usable_folder() is None:
        yield None
        return
    lock = FileLock(f"{path}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError:  # a folder inside is closed, or file locks are unknown here; the cache as a whole was found writable
        yield None
        return
    try:
        yield path
    finally:
        lock.release()


def _read(path: Path | None) -> Arrays | None:
    """Arrays of a file, or None if there is none or it is damaged or closed; then they are computed again."""
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, archive = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    if _digest(archive) != digest:
        return None
    with suppress(OSError):
        os.utime(path)  # what was read of late is kept when the cache is tidied
    with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _write(path: Path, arrays: Arrays) -> None:
    archive = io.BytesIO()
    np.savez(archive, **arrays)  # type: ignore[arg-type]
    content = archive.getvalue()
    with suppress(OSError, StoreError):  # a full disk costs the entry, not the result
        write_bytes(path, _digest(content) + content)
        _tidy(path.parent.parent, len(content))


_SIZES: dict[Path, int] = {}
"""Bytes in each cache folder as this process last counted, and what it wrote since."""


def _tidy(folder: Path, written: int) -> None:
    """Delete the entries read longest ago where the cache has grown beyond its limit."""
    limit = limit_bytes()
    if folder in _SIZES:
        _SIZES[folder] += written
    else:
        _SIZES[folder] = sum(size for _, size, _ in _entries(folder))
    if _SIZES[folder] <= limit:
        return
    entries = sorted(_entries(folder), key=lambda entry: entry[2])
    total = sum(size for _, size, _ in entries)
    for path, size, _ in entries:
        if total <= KEPT_AFTER_TIDYING * limit:
            break
        _delete(path)
        total -= size
    _SIZES[folder] = total


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_SIZE).digest()
