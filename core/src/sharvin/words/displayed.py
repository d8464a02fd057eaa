"""What public objects show of themselves: one line in a terminal, a small table in a notebook, both of the same facts.

Facts are counts, sizes and ranges. They are found in passing over the arrays, never by solving an equation, and no array is
printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sharvin.options import SYMBOLS

Fact = tuple[str, str]
"""Name and value, the unit in the value."""


class Displayed:
    """Base of objects that say what they are; dataclasses among them are made with ``repr=False``."""

    def _facts(self) -> Sequence[Fact]:
        """The facts; the first says what the object is, and the line has it without its name."""
        raise NotImplementedError

    def __repr__(self) -> str:
        (_, first), *others = self._facts()
        return f"{type(self).__name__}({'; '.join([first, *(f'{name}: {value}' for name, value in others)])})"

    def _repr_html_(self) -> str:
        """The facts as a table, for notebooks."""
        rows = "".join(
            f'<tr><th style="text-align: left">{escape(name)}</th><td style="text-align: left">{escape(value)}</td></tr>'
            for name, value in self._facts()
        )
        return f"<table><caption>{escape(type(self).__name__)}</caption>{rows}</table>"


def counted(number: int, one: str, many: str = "") -> str:
    """``"1 wire"``, ``"1,000 wires"``; `many` is the plural where it is no mere s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def composition(numbers: NDArray[np.int64]) -> str:
    """Atoms by element: ``"Au 304 atoms"``, ``"Ag 10, Au 294 atoms"``; numbers that no element has are ``X``."""
    kinds, counts = np.unique(np.asarray(numbers, dtype=np.int64), return_counts=True)
    if not len(kinds):
        return "no atoms"
    names = [SYMBOLS[z - 1] if 0 < z <= len(SYMBOLS) else "X" for z in kinds]
    listed = ", ".join(f"{name} {count:,}" for name, count in zip(names, counts, strict=True))
    return f"{listed} atom{'' if counts.sum() == 1 else 's'}"


def periodicity(pbc: Sequence[bool] | NDArray[np.bool_]) -> str:
    """``"periodic in x, y"``, of the two axes across the wire or of all three."""
    axes = [axis for axis, periodic in zip("xyz", pbc, strict=False) if periodic]
    return f"periodic in {', '.join(axes)}" if axes else "not periodic"


def span(values: ArrayLike, unit: str = "") -> str:
    """``"-1 to 1 eV"``; numbers that are not finite are counted beside."""
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    beside = f"{array.size - finite.size:,} not finite" if finite.size < array.size else ""
    if not finite.size:
        return beside or "none"
    low, high = f"{finite.min():.4g}", f"{finite.max():.4g}"
    found = f"{low if low == high else f'{low} to {high}'}{f' {unit}' if unit else ''}"
    return f"{found}, {beside}" if beside else found


def size_in_memory(array: NDArray[np.generic]) -> str:
    """``"float32, 34 MB"``."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if array.nbytes >= size:
            return f"{array.dtype}, {array.nbytes / size:.3g} {unit}"
    return f"{array.dtype}, {array.nbytes} bytes"
