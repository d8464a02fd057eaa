"""Across which directions a wire is periodic, and meets its images: what a file says, in the words that messages use."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sharvin.frames import Frame

VACUUM_A = 10.0
"""Wires that are this far from their images do not feel them: no descriptor or Hamiltonian of a study reaches farther."""

Across = tuple[bool, bool]


def periodic_across(frame: Frame) -> Across:
    """Whether a wire is periodic along the first and the second cell vector; where vacuum parts it from its images it is not.

    Many formats cannot say that a wire is not periodic, and put it into a large box.
    """
    axes = [axis for axis in (0, 1) if frame.pbc[axis] and frame.cell[axis, :2].any()]
    found = [False, False]
    if axes and len(frame):
        inverse = np.linalg.pinv(frame.cell[axes][:, :2])
        for axis, towards in zip(axes, inverse.T, strict=True):
            places = np.sort(frame.positions[:, :2] @ towards % 1.0)
            widest = float(np.diff(places, append=places[0] + 1.0).max()) / float(np.linalg.norm(towards))
            found[axis] = not widest >= VACUUM_A
    return found[0], found[1]


def in_words(kinds: Iterable[Across]) -> str:
    """``periodic in x and y``, ``not periodic`` …; several kinds are joined by *or*."""
    words = []
    for kind in sorted(set(kinds), reverse=True):
        names = [name for name, periodic in zip("xy", kind, strict=True) if periodic]
        words.append(f"periodic in {' and '.join(names)}" if names else "not periodic across")
    return " or ".join(words)
