"""What contents are called by: hashes of plain data and of arrays, for the keys of steps and the names of items."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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
