"""What Hamiltonians have in common whose H and S another program computed: the file says for which atoms.

A junction is matched with the stored device that has its atoms: their number, species and positions, in any order, at most
:attr:`~FileHamiltonian.tolerance_A` apart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from numpy.typing import NDArray
from sharvin.devices.two_terminal_file import Device
from sharvin.errors import InputError, ItemError
from sharvin.junction import Junction
from sharvin.two_terminal import BlochHamiltonian, TwoTerminal, WeightedDevice


class FileHamiltonian(ABC):
    """H and S from a file; subclasses say how it is read."""

    path: str
    tolerance_A: float

    @abstractmethod
    def stored_atoms(self) -> list[Atoms | None]:
        """Atoms of each device, None where the file does not name them."""

    @abstractmethod
    def device(self, number: int) -> Device:
        """One device."""

    @property
    def sampled(self) -> bool:
        """True: how many k-points there are is the file's decision."""
        return True

    def __len__(self) -> int:
        """Number of devices in the file."""
        return len(self.stored_atoms())

    def two_terminals(self, junction: Junction) -> Sequence[WeightedDevice]:
        """Weight and device of each k-point of the stored device with the junction's atoms.

        Raises
        ------
        InputError
            If no device of the file has as many atoms of these species.
        ItemError
            If the file has such devices, but at other positions.
        """
        return self.device(self._number(junction.atoms)).at_k

    def two_terminal(self, junction: Junction) -> TwoTerminal:
        """The stored device with the junction's atoms.

        Raises
        ------
        InputError
            If the file has no such device, or several k-points of it.
        """
        at_k = self.two_terminals(junction)
        if len(at_k) > 1:
            raise InputError(f"{self.path} holds {len(at_k)} k-points of this device; use two_terminals and average over them.")
        return at_k[0][1]

    def range_A(self, numbers: NDArray[np.int64]) -> float:
        """Largest distance in Å of two atoms that couple, in the first stored device of these elements.

        Raises
        ------
        InputError
            If there is none, or the file does not say which atom each orbital sits on.
        """
        wanted = set(np.unique(numbers).tolist())
        for number, atoms in enumerate(self.stored_atoms()):
            if atoms is None or not wanted <= set(atoms.numbers.tolist()):
                continue
            device = self.device(number)
            return max(self._reach(system, atoms) for _, system in device.at_k)
        raise InputError(f"{self.path} has no device with the atoms of these elements; it must name its atoms.")

    def bloch(self, atoms: Atoms) -> BlochHamiltonian:
        """Never there: the file holds devices, not crystals.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(f"{self.path} holds H and S of devices, not of crystals; bands need another Hamiltonian.")

    def _reach(self, system: TwoTerminal, atoms: Atoms) -> float:
        if system.atom is None:
            raise InputError(f"{self.path} has no orbital_atom, so the range of its Hamiltonian is not known; add it.")
        rows, columns = (abs(system.H) + abs(system.S)).nonzero()
        i, j = np.unique(np.column_stack([system.atom[rows], system.atom[columns]]), axis=0).T
        return float(_lengths(atoms.positions[j] - atoms.positions[i], atoms).max())

    def _number(self, atoms: Atoms) -> int:
        stored = self.stored_atoms()
        alike = [i for i, a in enumerate(stored) if a is not None and np.array_equal(np.sort(a.numbers), np.sort(atoms.numbers))]
        if not alike:
            has = sorted({"no atoms" if a is None else str(a.symbols) for a in stored})
            raise InputError(
                f"{self.path} has no device for a junction of {atoms.symbols}; its devices have {', '.join(has[:5])}."
            )
        deviations = [_deviation(stored[i], atoms) for i in alike]  # type: ignore[arg-type]
        best = int(np.argmin(deviations))
        if deviations[best] > self.tolerance_A:
            raise ItemError(
                f"{self.path} has no device at these positions: an atom of the nearest one, device {alike[best]}, lies "
                f"{deviations[best]:.2f} Å away, more than tolerance_A = {self.tolerance_A:g}."
            )
        return alike[best]


def _deviation(stored: Atoms, atoms: Atoms) -> float:
    """Largest distance of an atom from the nearest stored one of its element, inf if two share one."""
    if np.array_equal(stored.numbers, atoms.numbers):
        distance = _lengths(stored.positions - atoms.positions, atoms)
        if distance.max() < 1.0:
            return float(distance.max())
    worst = 0.0
    for z in np.unique(atoms.numbers):
        here, there = atoms.positions[atoms.numbers == z], stored.positions[stored.numbers == z]
        distance = _lengths((there[None] - here[:, None]).reshape(-1, 3), atoms).reshape(len(here), len(there))
        nearest = distance.argmin(axis=1)
        if np.unique(nearest).size < len(nearest):
            return float("inf")
        worst = max(worst, float(distance.min(axis=1).max()))
    return worst


def _lengths(vectors: NDArray[np.float64], atoms: Atoms) -> NDArray[np.float64]:
    """Lengths of vectors [n, 3] to the nearest periodic image."""
    _, lengths = find_mic(vectors, atoms.cell, atoms.pbc)
    return np.asarray(lengths)
