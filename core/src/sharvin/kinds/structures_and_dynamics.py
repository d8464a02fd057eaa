"""Contracts of structures, potentials and dynamics: what a wire is made of and what moves its atoms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from sharvin.frames import Frame
    from sharvin.reference_data import ReferenceData
    from sharvin.study_plan import RunLength


@runtime_checkable
class Structure(Protocol):
    """A starting structure."""

    def build(self, rng: np.random.Generator) -> Atoms:
        """Structure with transport along z.

        Two arrays mark its parts: ``atoms.arrays["electrode"]`` int8 (−1 left, +1 right, 0 neck) and
        ``atoms.arrays["rigid"]`` bool (atoms that dynamics move as a block or not at all).
        """
        ...


@runtime_checkable
class StructureSet(Structure, Protocol):
    """A set of structures, such as a database that a potential is trained on; optional.

    Its :meth:`build` gives the first of them.
    """

    def build_all(self, rng: np.random.Generator) -> list[Atoms]:
        """All structures, in a fixed order; ``atoms.info["group"]`` says of which kind each is, such as ``fcc``."""
        ...


@dataclass(frozen=True)
class LammpsPotential:
    """Native LAMMPS commands of a potential, in metal units.

    ``commands`` define pair style and coefficients for atom types numbered 1… in the order of the species asked for;
    ``suffix`` may name an accelerated variant (``"opt"``). ``molecules`` names the array of whole numbers of a structure from
    which LAMMPS' molecule ids are made, such as ``layer``, where the potential needs them; None where it does not.
    ``fewest_bonds`` is how many bonds within its molecule an atom must have.
    """

    commands: tuple[str, ...]
    suffix: str | None = None
    molecules: str | None = None
    fewest_bonds: int = 1


@runtime_checkable
class Potential(Protocol):
    """Energies and forces.

    A potential that LAMMPS knows itself also has ``lammps_commands(species: Sequence[str]) -> LammpsPotential``;
    :func:`sharvin.lammps.attach` uses it where it exists and passes forces through a callback where it does not.
    """

    def calculator(self) -> Calculator:
        """ASE calculator: energy in eV, forces in eV/Å, stress in eV/Å³ where the method has one."""
        ...


@dataclass(frozen=True, eq=False)
class NeighbourList:
    """Atoms and their neighbours, as a program that moves atoms keeps them.

    Parameters
    ----------
    numbers : int64[n_atoms]
        Atomic numbers.
    first : int64[n_atoms + 1]
        Neighbours of atom i are pairs ``first[i]:first[i + 1]``.
    neighbours : int64[n_pairs]
        Index of the neighbour; an atom may occur several times by its periodic images.
    vectors : float64[n_pairs, 3]
        From the atom to the neighbour, in Å. Every pair occurs in both directions.
    arrays : mapping of str to array
        What else is known of the atoms, one row each, by its name in ``ase.Atoms``, such as ``layer``.
    """

    numbers: NDArray[np.int64]
    first: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    vectors: NDArray[np.float64]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class EnergyForcesVirial:
    """What a potential gives of one configuration.

    Parameters
    ----------
    energy_eV : float
    forces_eV_per_A : float64[n_atoms, 3]
    virial_eV : float64[3, 3]
        −V σ, that is −∂E/∂ε.
    """

    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]
    virial_eV: NDArray[np.float64]


@runtime_checkable
class NeighbourListPotential(Potential, Protocol):
    """A potential that takes neighbours as they are found elsewhere; optional.

    :func:`sharvin.lammps.attach` then hands it LAMMPS' own list, and nothing is searched twice.
    """

    @property
    def cutoff_A(self) -> float:
        """Distance beyond which atoms do not see each other."""
        ...

    def evaluate(self, neighbours: NeighbourList) -> EnergyForcesVirial:
        """Energy, forces and virial. Pairs beyond the cutoff may be listed."""
        ...


@runtime_checkable
class MonitoredPotential(Potential, Protocol):
    """A potential that keeps watch over its own use; optional.

    Dynamics write what it says into the scalars of each frame.
    """

    def monitored(self) -> dict[str, float]:
        """Numbers by name with the unit in it, of the evaluations since the last call, such as ``extrapolations``."""
        ...


@runtime_checkable
class TrainablePotential(Potential, Protocol):
    """A potential that is fitted to reference energies and forces; optional.

    Before it is fitted or loaded, :meth:`calculator` raises InputError.
    """

    def fit(self, data: ReferenceData, validation: ReferenceData, rng: np.random.Generator) -> dict[str, list[float]]:
        """Learn; returns learning curves with one value per epoch.

        Names: ``train_energy_rmse_eV_per_atom``, ``train_force_rmse_eV_per_A``, and the same with ``validation_``.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `load` needs into an existing folder."""
        ...

    def load(self, folder: Path) -> None:
        """Become the saved potential."""
        ...

    def keep_progress(self, folder: Path) -> None:
        """From now on a fit leaves checkpoints and ``metrics.jsonl`` in this existing folder, and resumes to the same bits.

        See :class:`sharvin.protocols.ResumableRegressor`; a line has the names of the learning curves.
        """
        ...


@runtime_checkable
class CheckedTrainablePotential(TrainablePotential, Protocol):
    """A potential to be trained that says beforehand whether it could be; optional."""

    def require_trainable(self, data: ReferenceData) -> None:
        """Do nothing, or say why a fit to these structures would be refused; their energies and forces may not be known yet.

        Raises
        ------
        InputError
        """
        ...


@runtime_checkable
class Dynamics(Protocol):
    """What moves the atoms."""

    def run(self, atoms: Atoms, potential: Potential, seed: int) -> Iterator[Frame]:
        """Frames in order of time; equal arguments give equal frames, bit for bit.

        Raises
        ------
        ItemError
            If the potential returns nan or atoms are lost: this trajectory failed, others may go on.
        """
        ...


@runtime_checkable
class ForeseeingDynamics(Dynamics, Protocol):
    """Dynamics that say beforehand whether and for how long they would run; optional."""

    def foresee(self, atoms: Atoms, potential: Potential, measure: bool) -> RunLength:
        """About how long `run` is for these atoms; `measure` asks for its time, from a few steps.

        Raises
        ------
        InputError
            If `run` would refuse the atoms.
        """
        ...
