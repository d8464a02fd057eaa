"""Structures of a fit or a prediction: what T of each takes is computed once and kept, as far as memory allows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sharvin.errors import InputError, ItemError, RunError
from sharvin.frames import Frames
from sharvin.junction import Junction
from sharvin.runs.cache import most_recent

from sharvin_transport.learnt_shifts.learnt_hamiltonian import LearntHamiltonian, PreparedWire

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
MEMORY_BYTES = 300_000_000
"""What is kept of functions of surroundings."""


class Wires:
    """Structures with a Hamiltonian.

    Parameters
    ----------
    frames : Frames
    hamiltonian : LearntHamiltonian
    keep : bool
        Whether each is asked for more than once.
    """

    def __init__(self, frames: Frames, hamiltonian: LearntHamiltonian, *, keep: bool = True) -> None:
        self.frames, self.hamiltonian, self._keep = frames, hamiltonian, keep
        self._junctions: dict[int, Junction] = {}
        self._shifts: dict[int, Floats] = {}
        self._prepared: LRUCache[int, PreparedWire] = most_recent(MEMORY_BYTES, attrgetter("nbytes"))

    def __len__(self) -> int:
        return len(self.frames)

    def junction(self, index: int) -> Junction:
        """The wire with its electrodes; errors name the structure."""
        with _of_structure(index):
            if index not in self._junctions:
                found = self.hamiltonian.junction(self.frames[index])
                if not self._keep:
                    return found
                self._junctions[index] = found
            return self._junctions[index]

    def prepared(self, index: int) -> PreparedWire:
        """What T of a structure takes."""
        if index not in self._prepared:
            junction = self.junction(index)
            with _of_structure(index):
                found = self.hamiltonian.prepare(junction, self._shifts.get(index))
            if not self._keep:
                return found
            self._shifts[index] = found.shifts
            self._prepared[index] = found
        return self._prepared[index]

    def conductances(self, weights: Floats, chosen: Integers | None = None) -> Floats:
        """T(E_F) of all structures, or of those chosen, float64[n]."""
        indices = np.arange(len(self)) if chosen is None else chosen
        found = np.empty(len(indices))
        for place, index in enumerate(map(int, indices)):
            one = self.prepared(index)
            with _of_structure(index):
                found[place] = self.hamiltonian.conductance(one, weights)
        return found

    def responses(self, weights: Floats, chosen: Integers) -> tuple[Floats, Floats]:
        """T(E_F) of the structures chosen, float64[n], and its derivatives by the weights, float64[n, weights]."""
        found, rows = np.empty(len(chosen)), np.empty((len(chosen), self.hamiltonian.size))
        for place, index in enumerate(map(int, chosen)):
            one = self.prepared(index)
            with _of_structure(index):
                found[place], rows[place] = self.hamiltonian.response(one, weights)
        return found, rows


@contextmanager
def _of_structure(index: int) -> Iterator[None]:
    """Say of which structure an error tells."""
    try:
        yield
    except (InputError, ItemError, RunError) as error:
        raise type(error)(f"structure {index}: {error}") from None
