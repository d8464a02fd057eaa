"""Contracts of Hamiltonians that give blocks between atoms, and of dynamics that move atoms by harmonic vibrations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sharvin.kinds.hamiltonians import Hamiltonian
from sharvin.kinds.structures_and_dynamics import Dynamics, Potential

if TYPE_CHECKING:
    from ase import Atoms

    from sharvin.crystals.blocks import HamiltonianBlocks


@runtime_checkable
class BlockHamiltonian(Hamiltonian, Protocol):
    """A Hamiltonian that gives H and S as blocks between atoms; optional.

    Its sparse H(k) is ``blocks(atoms).sparse_bloch()``. Others learn its blocks.
    """

    def blocks(self, atoms: Atoms) -> HamiltonianBlocks:
        """H and S of a structure, periodic along any of its directions or none; pairs up to :meth:`range_A`."""
        ...


@runtime_checkable
class TrainableBlockHamiltonian(BlockHamiltonian, Protocol):
    """A Hamiltonian that is fitted to blocks of another one; optional.

    Before it is fitted or loaded, :meth:`blocks` raises InputError.
    """

    def fit(
        self, data: Sequence[HamiltonianBlocks], validation: Sequence[HamiltonianBlocks], rng: np.random.Generator
    ) -> dict[str, list[float]]:
        """Learn; returns learning curves with one value per epoch.

        Names: ``train_H_mae_eV`` and ``validation_H_mae_eV``, means over the elements of H between orbitals.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `load` needs into an existing folder."""
        ...

    def load(self, folder: Path) -> None:
        """Become the saved Hamiltonian."""
        ...

    def keep_progress(self, folder: Path) -> None:
        """From now on a fit leaves checkpoints and ``metrics.jsonl`` in this existing folder, and resumes to the same bits.

        See :class:`sharvin.protocols.ResumableRegressor`; a line has the names of the learning curves.
        """
        ...


@runtime_checkable
class FiniteDifferencePotential(Potential, Protocol):
    """A potential that says by how much atoms are to be moved for derivatives of its forces; optional."""

    @property
    def finite_difference_A(self) -> float:
        """Displacement in Å up to which its forces change linearly."""
        ...


@runtime_checkable
class HarmonicCrystal(Protocol):
    """The vibrations of a crystal."""

    @property
    def cell(self) -> NDArray[np.float64]:
        """Cell vectors float64[3, 3] in Å of the crystal that wave vectors refer to."""
        ...

    @property
    def atoms(self) -> Atoms:
        """The structure at rest, about which its atoms vibrate."""
        ...

    def frequencies_THz(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """Frequencies float64[n_q, 3 n_atoms] at wave vectors float64[n_q, 3] in fractions of the reciprocal cell vectors.

        Ascending; those of unstable modes are negative.
        """
        ...


@runtime_checkable
class HarmonicDynamics(Dynamics, Protocol):
    """Dynamics that move atoms by the vibrations of a harmonic crystal; optional.

    Frames are independent samples. Where they are not, as with antithetic pairs, those that depend on each other have the same
    scalar ``draw``, so that the errors of means can be told.
    """

    def vibrations(self, atoms: Atoms, potential: Potential) -> HarmonicCrystal:
        """Vibrations of a structure, with the force constants that :meth:`run` would use."""
        ...
