"""Texts in HDF5 attributes, which programs write as strings or fixed-length bytes, alone or as arrays of one."""

from __future__ import annotations

from typing import Any

import numpy as np


def texts(value: Any) -> list[str]:
    """All texts of an attribute, in order."""
    items = np.asarray(value, dtype=object).ravel().tolist()
    return [item.decode("utf-8", errors="replace").rstrip("\x00 ") if isinstance(item, bytes) else str(item) for item in items]


def text(value: Any) -> str:
    """The text of an attribute that holds one; empty where it holds none or several."""
    found = texts(value)
    return found[0] if len(found) == 1 else ""
