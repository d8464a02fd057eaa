"""Contracts of Hamiltonians: H and S of a structure or of a lattice wire, and what some of them can do besides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

    from sharvin.devices.two_terminal_file import Device
    from sharvin.errors import InputError, ItemError
    from sharvin.grid_wire import DisorderedWires
    from sharvin.junction import Junction
    from sharvin.two_terminal import BlochHamiltonian, TwoTerminal, WeightedDevice


@runtime_checkable
class Hamiltonian(Protocol):
    """H and S in a local basis; the record says ``gives="two_terminal"``."""

    def range_A(self, numbers: NDArray[np.int64]) -> float:
        """Distance in Å beyond which no two orbitals of these atomic numbers couple."""
        ...

    def two_terminal(self, junction: Junction) -> TwoTerminal:
        """Device and leads of a junction; the outermost principal layers take the bulk lead's blocks."""
        ...

    def bloch(self, atoms: Atoms) -> BlochHamiltonian:
        """H(k) and S(k) of a periodic structure, for bands."""
        ...


@runtime_checkable
class CostedHamiltonian(Hamiltonian, Protocol):
    """A Hamiltonian that knows about how long it takes; optional."""

    def label_seconds(self, junction: Junction) -> float:
        """About how long H, S and one transmission of such a snapshot take on one core, in seconds, by a rule."""
        ...

    def reference_seconds(self, junction: Junction) -> float:
        """The same of a snapshot that a :class:`TrainableHamiltonian` computes in full."""
        ...


@runtime_checkable
class SeriesHamiltonian(Hamiltonian, Protocol):
    """A Hamiltonian that computes a snapshot faster from the one before; optional.

    Nothing may be carried from one call to the next: a result depends on its series alone, never on what an instance did
    before. Workflows call it with fixed series, so that results do not depend on the number of workers.
    """

    def two_terminal_series(self, junctions: Iterable[Junction]) -> Iterator[TwoTerminal | InputError | ItemError]:
        """Device of each junction, or the reason why it has none, in order; the same atoms in all of them."""
        ...


@runtime_checkable
class SampledHamiltonian(Hamiltonian, Protocol):
    """A Hamiltonian that can sample the transverse Brillouin zone of a junction; optional."""

    @property
    def sampled(self) -> bool:
        """Whether its options ask for more than one k-point; where false, `two_terminal` is the whole answer."""
        ...

    def two_terminals(self, junction: Junction) -> Sequence[WeightedDevice]:
        """Weight and device of each k-point, at least one; transmissions are averaged with the weights, whose sum is 1."""
        ...


@runtime_checkable
class SampledSeriesHamiltonian(SampledHamiltonian, Protocol):
    """A Hamiltonian that computes the k-points of a snapshot faster from those of the one before; optional.

    The rules of :class:`SeriesHamiltonian` hold.
    """

    def two_terminals_series(self, junctions: Iterable[Junction]) -> Iterator[Sequence[WeightedDevice] | InputError | ItemError]:
        """The k-points of each junction, or the reason why it has none, in order; the same atoms in all of them."""
        ...


@runtime_checkable
class StoredHamiltonian(SampledHamiltonian, Protocol):
    """H and S that another program computed, with the structures they belong to; the record says ``takes=("file",)``.

    Its option ``file`` names the file. `two_terminals` finds the stored device that has a junction's atoms.
    """

    def __len__(self) -> int:
        """Number of devices in the file."""
        ...

    def device(self, number: int) -> Device:
        """One device, by its number from 0."""
        ...


@runtime_checkable
class TrainableHamiltonian(SeriesHamiltonian, Protocol):
    """A Hamiltonian of which an expensive part is learnt from some snapshots of the study; optional.

    Before it labels, a workflow computes references of chosen snapshots in full, lets one instance learn from them, and
    has every worker load what that instance saved.
    """

    @property
    def learns(self) -> bool:
        """Whether, with these options, no device can be made before something was learnt or loaded."""
        ...

    @property
    def learnt_quantity(self) -> str:
        """What is learnt, with its unit: ``"on-site shift (eV)"``."""
        ...

    def references(self, junctions: Iterable[Junction]) -> Iterator[Reference | InputError | ItemError]:
        """Each junction computed in full, or the reason why that failed, in order; a result depends on its series alone."""
        ...

    def learn(self, junctions: Sequence[Junction], references: Sequence[NDArray[np.float64]]) -> None:
        """Learn from the quantity of each junction; equal arguments give an equal Hamiltonian, bit for bit."""
        ...

    def learnt(self, junction: Junction) -> NDArray[np.float64]:
        """The quantity of a junction as :meth:`learn` was told it, predicted."""
        ...

    def save(self, folder: Path) -> None:
        """Write what was learnt into an existing folder."""
        ...

    def load(self, folder: Path) -> None:
        """Become the saved one; its devices are then identical."""
        ...


@runtime_checkable
class LearningByOption(TrainableHamiltonian, Protocol):
    """A Hamiltonian that learns only where an option asks for it; optional. Messages then name the option."""

    @property
    def learning_option(self) -> str:
        """The setting with which it learns, as a config has it: ``"option: value"``."""
        ...


@dataclass(frozen=True, eq=False)
class Reference:
    """A snapshot that a :class:`TrainableHamiltonian` computed in full: its device, and float64[n] of the quantity to learn.

    ``at_k`` are the device's k-points with their weights, `system` the first of them; by default `system` is the only one.
    """

    system: TwoTerminal
    quantity: NDArray[np.float64]
    at_k: Sequence[WeightedDevice] = ()

    def __post_init__(self) -> None:
        if not self.at_k:
            object.__setattr__(self, "at_k", ((1.0, self.system),))


@runtime_checkable
class LatticeHamiltonian(Protocol):
    """An ensemble of wires on the square lattice, without atoms; the record says ``gives="grid_wire"``."""

    def sample(self, count: int, rng: np.random.Generator, start: int = 0) -> DisorderedWires:
        """`count` wires of one size; equal arguments give equal wires, bit for bit.

        Parameters
        ----------
        count : int
        rng : numpy.random.Generator
        start : int
            Of an ensemble of given wires, the number of the first; drawn wires do not depend on it.

        Raises
        ------
        InputError
            If there are not that many wires.
        """
        ...
