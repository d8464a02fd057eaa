"""What contents are called by: hashes of plain data, arrays and files, for keys of steps, names of items and finding damage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def digest_of(content: Mapping[str, Any]) -> str:
    """40 hexadecimal digits of the JSON text of plain data (texts, numbers, lists, mappings), whose keys may come in any order.

    Raises
    ------
    TypeError
        If something in it is no plain data.
    """
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=20).hexdigest()


def digest_of_array(array: NDArray[Any]) -> str:
    """40 hexadecimal digits of type, shape and content of an array of numbers."""
    digest = hashlib.blake2b(f"{array.dtype.str} {array.shape}".encode(), digest_size=20)
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def digest_of_path(path: Path) -> str:
    """40 hexadecimal digits of the content of a file, or of the names and contents of all files in a folder.

    Files are read in pieces of 256 kB.
    """
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
    inside = (child for child in path.rglob("*") if child.is_file())
    return digest_of({child.relative_to(path).as_posix(): digest_of_path(child) for child in inside})
