"""Files and folders that are whole or not there: written under a temporary name, then renamed. What cannot be is said before."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from sharvin.errors import InputError, StoreError


def atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file or folder under a temporary name beside `path` and rename it.

    Raises
    ------
    StoreError
        If the disk is full, the folder is closed for writing, or a folder lies in the place of a file or the reverse.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise StoreError(f"{path} cannot be written: there is a file in the place of a folder above it; move it away.") from None
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        if path.exists() and path.is_dir() != temporary.is_dir():
            found, wanted = ("folder", "file") if path.is_dir() else ("file", "folder")
            raise StoreError(f"{path} cannot be written: there is a {found} in the place of the {wanted}; move it away.")
        temporary.replace(path)
    except OSError as error:
        if error.errno == errno.ENOSPC or "No space left" in str(error) or "errno = 28" in str(error):
            raise StoreError(
                f"no space left on the disk of {path.parent}: free some and run the same command again; "
                "what was finished is kept."
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StoreError(f"{path} cannot be written: {error.strerror}.") from None
        raise
    finally:
        remove(temporary)


def require_writable(folder: Path, what: str) -> None:
    """Make a folder if it is not there, and write and delete an empty file in it.

    Parameters
    ----------
    folder : Path
    what : str
        What the folder is for, at the beginning of the message: "the run folder".

    Raises
    ------
    InputError
        If that fails, so that the user hears of it before anything is computed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{what} {folder} cannot be written: {error.strerror}.") from None


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the content of a file."""
    atomically(path, lambda temporary: temporary.write_bytes(content))


def remove(path: Path) -> None:
    """Delete a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
