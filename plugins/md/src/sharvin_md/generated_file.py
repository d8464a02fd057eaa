"""Files that a potential writes for LAMMPS: named by what they depend on, so that processes may share them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from sharvin.cache import cache_folder


def generated_file(key: str, suffix: str, text: Callable[[], str]) -> Path:
    """A file in the cache whose name ends in `suffix`; its text is made where the file is not there yet.

    Parameters
    ----------
    key : str
        Everything that the text depends on, the version of its layout included.
    suffix : str
    text : callable
    """
    name = hashlib.blake2b(key.encode(), digest_size=10).hexdigest()
    path = cache_folder() / "potentials" / f"{name}{suffix}"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{name}.{os.getpid()}.tmp")
        temporary.write_text(text(), encoding="utf-8")
        temporary.replace(path)
    return path
