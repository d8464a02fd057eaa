"""Which atoms a per-atom descriptor describes, and which density channel each element has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError, RigidAtomsUnknownError
from sharvin.frames import Frame, Frames


class Channels:
    """Density channels of the elements in `species`, or a single one for structures of one element.

    Raises
    ------
    InputError
        If a listed species is not a chemical symbol.
    """

    def __init__(self, species: tuple[str, ...] | None, part: str) -> None:
        for symbol in species or ():
            if symbol not in atomic_numbers:
                raise InputError(f"{part}: species {symbol!r} is not a chemical symbol.")
        self._species = species
        self._part = part
        self.count = len(species) if species else 1

    def check(self, frames: Frames) -> None:
        """Raise InputError if an element of the frames has no channel."""
        present = {int(z) for frame in frames for z in np.unique(frame.numbers)}
        if self._species is None:
            if len(present) > 1:
                symbols = ", ".join(chemical_symbols[z] for z in sorted(present))
                raise InputError(f"{self._part}: the structures hold several elements; set species: [{symbols}].")
            return
        unknown = sorted(present - {atomic_numbers[symbol] for symbol in self._species})
        if unknown:
            symbols = ", ".join(chemical_symbols[z] for z in unknown)
            listed = ", ".join(self._species)
            raise InputError(f"{self._part}: species lists {listed} but the structures hold {symbols}; add it.")

    def of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Channel of each atom."""
        result = np.zeros(len(numbers), dtype=np.int64)
        for s, symbol in enumerate(self._species or ()):
            result[numbers == atomic_numbers[symbol]] = s
        return result


def centres(frame: Frame, which: str, index: int, part: str) -> NDArray[np.int64]:
    """Atoms of frame number `index` that get a row: ``all`` of them or the ``mobile`` ones, in their order.

    Raises
    ------
    RigidAtomsUnknownError
        If the mobile atoms are asked for and the frame does not know them.
    InputError
        If it has none.
    """
    if which == "all":
        return np.arange(len(frame), dtype=np.int64)
    if frame.rigid is None:
        raise RigidAtomsUnknownError(
            f"{part}: centres: mobile needs to know which atoms are rigid, and frame {index} does not say; give the structure "
            "the array rigid, make the trajectory anew if it is older than this array, or set centres: all."
        )
    if len(frame) and frame.rigid.all():
        raise InputError(f"{part}: every atom of frame {index} is rigid, so centres: mobile leaves none; set centres: all.")
    return np.flatnonzero(~frame.rigid).astype(np.int64)


def heights(frames: Frames, chosen: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Coordinate z, along the wire, of the chosen atoms of all frames, float64[n_rows] in Å."""
    return np.concatenate([np.empty(0), *(frame.positions[atoms, 2] for frame, atoms in zip(frames, chosen, strict=True))])
