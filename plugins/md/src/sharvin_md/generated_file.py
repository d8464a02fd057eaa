"""Files that a potential writes for LAMMPS: named by what they depend on, so that processes may share them."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sharvin.runs.cache import usable_folder


def generated_file(key: str, suffix: str, text: Callable[[], str]) -> Path:
    """A file whose name ends in `suffix`, in the cache, or in a folder of this process where there is no cache.

    Its text is made where the file is not there yet.

    Parameters
    ----------
    key : str
        Everything that the text depends on, the version of its layout included.
    suffix : str
    text : callable
    """
    name = hashlib.blake2b(key.encode(), digest_size=10).hexdigest()
    path = (usable_folder() or _folder_of_process()) / "potentials" / f"{name}{suffix}"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{name}.{os.getpid()}.tmp")
        temporary.write_text(text(), encoding="utf-8")
        temporary.replace(path)
    return path


@cache
def _folder_of_process() -> Path:
    folder = tempfile.mkdtemp(prefix="sharvin-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
