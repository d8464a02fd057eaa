"""Contracts of the kinds of component: few methods, shapes and units stated.

Units are eV, Å, G0, K and fs unless a name says otherwise. Every component is built as ``Class(options)``, where `options` is
an instance of the option model that its :class:`~sharvin.component.Component` record names. Components are made anew in
each worker process, so options are all the state that they may rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from sharvin.config import Config
    from sharvin.context import Context
    from sharvin.devices.two_terminal_file import Device
    from sharvin.errors import InputError, ItemError
    from sharvin.frames import Frame, Frames
    from sharvin.grid_wire import DisorderedWires, GridWire, Systems
    from sharvin.junction import Junction
    from sharvin.observables import Observables
    from sharvin.samples import Dataset, Features, Images, Prediction, Samples
    from sharvin.study_plan import RunLength, StudyPlan
    from sharvin.two_terminal import BlochHamiltonian, Sample, TwoTerminal


@runtime_checkable
class Structure(Protocol):
    """A starting structure."""

    def build(self, rng: np.random.Generator) -> Atoms:
        """Structure with transport along z.

        Two arrays mark its parts: ``atoms.arrays["electrode"]`` int8 (−1 left, +1 right, 0 neck) and
        ``atoms.arrays["rigid"]`` bool (atoms that dynamics move as a block or not at all).
        """
        ...


@dataclass(frozen=True)
class LammpsPotential:
    """Native LAMMPS commands of a potential, in metal units.

    ``commands`` define pair style and coefficients for atom types numbered 1… in the order of the species asked for;
    ``suffix`` may name an accelerated variant (``"opt"``).
    """

    commands: tuple[str, ...]
    suffix: str | None = None


@runtime_checkable
class Potential(Protocol):
    """Energies and forces.

    A potential that LAMMPS knows itself also has ``lammps_commands(species: Sequence[str]) -> LammpsPotential``;
    :func:`sharvin.lammps.attach` uses it where it exists and passes forces through a callback where it does not.
    """

    def calculator(self) -> Calculator:
        """ASE calculator: energy in eV, forces in eV/Å, stress in eV/Å³ where the method has one."""
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


@runtime_checkable
class Descriptor(Protocol):
    """Features of structures."""

    @property
    def size(self) -> int:
        """Number of features in a row."""
        ...

    def describe(self, frames: Frames) -> Features | Images:
        """Features of all frames, in their order."""
        ...


@dataclass(frozen=True, eq=False)
class FeatureDerivatives:
    """How the rows of one frame change when its atoms move: a sparse matrix of the pairs that are not zero by locality.

    Parameters
    ----------
    rows : int64[n_pairs]
        Row of the frame's features.
    atoms : int64[n_pairs]
        Atom that moves, its periodic images with it; no pair of row and atom occurs twice.
    values : float32 or float64 [n_pairs, 3, size]
        Derivative of the row with respect to the position of the atom, in the features' unit per Å.
    """

    rows: NDArray[np.int64]
    atoms: NDArray[np.int64]
    values: NDArray[np.floating]


@runtime_checkable
class DifferentiableDescriptor(Descriptor, Protocol):
    """A descriptor that knows how its features change with the positions; optional."""

    def derivatives(self, frames: Frames) -> Iterator[FeatureDerivatives]:
        """Derivatives of each frame's features, in order, one frame in memory at a time."""
        ...


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

    def two_terminals(self, junction: Junction) -> Sequence[Sample]:
        """Weight and device of each k-point, at least one; transmissions are averaged with the weights, whose sum is 1."""
        ...


@runtime_checkable
class SampledSeriesHamiltonian(SampledHamiltonian, Protocol):
    """A Hamiltonian that computes the k-points of a snapshot faster from those of the one before; optional.

    The rules of :class:`SeriesHamiltonian` hold.
    """

    def two_terminals_series(self, junctions: Iterable[Junction]) -> Iterator[Sequence[Sample] | InputError | ItemError]:
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


@dataclass(frozen=True, eq=False)
class Reference:
    """A snapshot that a :class:`TrainableHamiltonian` computed in full: its device, and float64[n] of the quantity to learn.

    ``samples`` are the device's k-points with their weights, `system` the first of them; by default `system` is the only one.
    """

    system: TwoTerminal
    quantity: NDArray[np.float64]
    samples: Sequence[Sample] = ()

    def __post_init__(self) -> None:
        if not self.samples:
            object.__setattr__(self, "samples", ((1.0, self.system),))


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


@runtime_checkable
class TransportSolver(Protocol):
    """Elastic transmission of the kinds of system that the record's ``takes`` names."""

    def transmission(self, systems: Systems, energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
        """T(E), float64[n_systems, n_energies]; energies are relative to each system's Fermi energy.

        Spin-degenerate: the conductance is T(0) in units of G0 = 2e²/h.

        Parameters
        ----------
        systems : sequence of TwoTerminal or GridWire, or one GridWire
            ``two_terminal``: :class:`~sharvin.two_terminal.TwoTerminal` objects. ``grid_wire``:
            :class:`~sharvin.grid_wire.GridWire` batches, one or a sequence of any sizes; every wire is a system of its own, in
            the order of the sequence and within a batch in that of its flattened ``batch_shape``.
        energies_eV : float64[n_energies]
            For grid wires in the unit of their `t`, and absolute, as their Fermi energy is 0.

        Raises
        ------
        InputError
            If a system is of a kind that the solver does not take.
        """
        ...


@runtime_checkable
class ObservingSolver(TransportSolver, Protocol):
    """A solver that also knows the scattering states inside a device; optional."""

    def observables(
        self, system: TwoTerminal | GridWire, energies_eV: NDArray[np.float64], wave_functions: bool = False
    ) -> Observables:
        """Eigenchannels, densities of states and bond currents of one system, at energies relative to its Fermi energy.

        Parameters
        ----------
        system : TwoTerminal or GridWire
            A grid wire must be one, not a batch; it is observed in its two-terminal form, every orbital an atom of its own.
        energies_eV : float64[n_energies]
        wave_functions : bool
            Keep the wave functions of the eigenchannels, 16 bytes an orbital, channel and energy.
        """
        ...


@runtime_checkable
class Regressor(Protocol):
    """Structure-to-property model."""

    def fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        """Learn; returns learning curves by name (``train_mae``, ``validation_mae`` …), one value an epoch."""
        ...

    def predict(self, samples: Samples) -> Prediction:
        """Predictions in the order of the samples, each independent of the others."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `load` needs into an existing folder (arrays as safetensors or .npz, the rest as JSON)."""
        ...

    def load(self, folder: Path) -> None:
        """Become the saved model; its predictions are then identical."""
        ...


@runtime_checkable
class ResumableRegressor(Regressor, Protocol):
    """A regressor whose fit takes long enough to be interrupted; optional."""

    def keep_progress(self, folder: Path) -> None:
        """From now on a fit works with this existing folder.

        After every epoch the fit leaves a checkpoint there, of which it needs no more than the last, and appends one line to
        ``metrics.jsonl``: ``epoch`` (from 1), ``epochs`` (at most), ``train_mae``, ``validation_mae`` in the unit of the targets,
        ``learning_rate``, ``seconds`` since the fit began. A fit that finds a checkpoint of its own options and data goes on from
        there and ends with the same model, bit for bit, as one that was never interrupted.
        """
        ...


@dataclass(frozen=True)
class Outcome:
    """What became of one item: its value, or the reason why there is none."""

    index: int
    value: Any = None
    error: str | None = None


@runtime_checkable
class Executor(Protocol):
    """Where the work runs. Used as a context manager; workers live from enter to exit."""

    def __enter__(self) -> Executor: ...
    def __exit__(self, *exc: object) -> None: ...

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Outcome]:
        """Outcomes as they finish, in any order, numbered by the item's place.

        `function` and items must be picklable. Each worker computes with one thread. A failed item, also one whose
        worker process died, is an :class:`Outcome` with its reason; closing the iterator or Ctrl-C cancels the rest.
        """
        ...


@runtime_checkable
class Workflow(Protocol):
    """A whole study."""

    def run(self, context: Context) -> dict[str, Any]:
        """Run all steps; returns the content of ``results.json``."""
        ...


@runtime_checkable
class PlanningWorkflow(Workflow, Protocol):
    """A workflow that finds mistakes before its first step and says what it would do; optional.

    ``sharvin check`` and the start of ``sharvin run`` call it. Of other workflows the parts are built, and that is all.
    """

    def plan(self, config: Config, measure: bool) -> StudyPlan:
        """What a run of the config would do, after a look at everything that can be known in seconds.

        Parameters
        ----------
        config : Config
        measure : bool
            Take short timings, of about a second each, for the estimates; a run does without.

        Raises
        ------
        ConfigError
            With one line a mistake; :meth:`sharvin.config.Config.problem` adds the place in the config.
        """
        ...
