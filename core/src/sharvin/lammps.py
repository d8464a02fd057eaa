r"""Any potential in a running LAMMPS instance.

A potential that LAMMPS knows itself is given as its native commands. Any other one is evaluated by ``fix external …
pf/callback`` once per step: one that takes neighbours from LAMMPS' own list, the others through their ASE calculator. The virial
is

.. math:: W_{ab} = -V \sigma_{ab}, \qquad \sigma_{ab} = \frac{1}{V} \frac{\partial E}{\partial \varepsilon_{ab}},

so that LAMMPS' pressure, minimisers and barostats see all of the potential. The ``lammps`` package is not imported here: the
instance is the caller's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from sharvin.errors import InputError, ItemError, SharvinError
from sharvin.protocols import EnergyForcesVirial, MonitoredPotential, NeighbourList, NeighbourListPotential

if TYPE_CHECKING:
    from sharvin.protocols import Potential

FIX_ID = "sharvin_potential"


def attach(
    lmp: Any,
    potential: Potential,
    species: Sequence[str],
    *,
    virial: bool = True,
    arrays: Mapping[str, NDArray[Any]] | None = None,
) -> Attachment:
    """Put a potential into a LAMMPS instance whose box and atoms exist, replacing its pair style.

    Parameters
    ----------
    lmp : lammps.lammps
        In metal units, one MPI rank.
    potential : Potential
        With ``lammps_commands`` it runs natively, otherwise through its ASE calculator.
    species : sequence of str
        Chemical symbols of the atom types 1, 2, …
    virial : bool
        Whether a calculator's stress is passed on. It needs one that has a stress, and costs time where nobody uses the pressure.
    arrays : mapping of str to array, optional
        What a potential that LAMMPS does not know may ask of the atoms, one row each in the order of LAMMPS' ids, by its name in
        ``ase.Atoms``, such as ``layer``.

    Returns
    -------
    Attachment
        Run ``run`` and ``minimize`` through :meth:`Attachment.command`: an exception inside a callback cannot cross LAMMPS, so
        it is kept and raised there.

    Raises
    ------
    InputError
        Wrong units, several ranks, a number of species that is not the number of atom types, a potential without stress
        where a virial is wanted, native commands that LAMMPS rejects, or a potential that needs molecule ids, where the instance
        has none.
    """
    units = lmp.extract_global("units")
    if units != "metal":
        raise InputError(f"a potential in eV and Å needs LAMMPS in metal units, not {units}.")
    types = lmp.extract_setting("ntypes")
    if types != len(species):
        raise InputError(f"the LAMMPS instance has {types} atom types but {len(species)} species were given; give one a type.")
    if lmp.has_id("fix", FIX_ID):
        lmp.command(f"unfix {FIX_ID}")
    native = getattr(potential, "lammps_commands", None)
    if native is None:
        return _attach_callback(lmp, potential, species, virial, dict(arrays or {}))
    wanted = native(species)
    if wanted.molecules is not None:
        _require_molecules(lmp, wanted.molecules)
    commands = list(wanted.commands)
    if wanted.suffix:
        commands = [f"suffix {wanted.suffix}", *commands, "suffix off"]
    for command in commands:
        try:
            lmp.command(command)
        except Exception as error:  # the lammps package raises bare Exception
            raise InputError(f"LAMMPS rejects the potential's command {command!r}: {_first_line(error)}.") from None
    return Attachment(lmp)


def _require_molecules(lmp: Any, array: str) -> None:
    """Refuse an instance whose atoms have no molecule ids: what acts between molecules would be zero, without a word."""
    if not lmp.extract_setting("molecule_flag"):
        raise InputError(
            f"the potential needs a molecule id for each {array}, and the atoms of the LAMMPS instance have none; create them "
            f"with atom_style molecular and number them by {array}."
        )
    ids = np.asarray(lmp.numpy.extract_atom("molecule"))
    if lmp.extract_setting("nlocal") and not ids[: lmp.extract_setting("nlocal")].all():
        raise InputError(
            f"the potential needs a molecule id for each {array}, and atoms of the LAMMPS instance have the id 0, which means "
            f"none; number them from 1 with 'set … mol'."
        )


def _attach_callback(
    lmp: Any, potential: Potential, species: Sequence[str], virial: bool, arrays: dict[str, NDArray[Any]]
) -> Attachment:
    if lmp.extract_setting("world_size") != 1:
        raise InputError("a potential without LAMMPS commands runs on one MPI rank; run trajectories in parallel instead.")
    callback: _Callback
    if isinstance(potential, NeighbourListPotential):
        callback = _NeighbourCallback(lmp, potential, species, virial)
        pair_style = f"pair_style zero {potential.cutoff_A!r} full"
    else:
        callback = _CalculatorCallback(lmp, potential.calculator(), species, virial)
        pair_style = "pair_style zero 1.0"
    callback.arrays = arrays
    for command in (
        pair_style,
        "pair_coeff * *",
        f"fix {FIX_ID} all external pf/callback 1 1",
        f"fix_modify {FIX_ID} energy yes virial {'yes' if virial else 'no'}",
    ):
        lmp.command(command)
    lmp.set_fix_external_callback(FIX_ID, callback, lmp)
    return Attachment(lmp, callback)


class Attachment:
    """A potential in a LAMMPS instance; runs commands and tells what went wrong in them.

    Parameters
    ----------
    lmp : lammps.lammps
    callback : optional
        Where the potential is evaluated in Python.
    """

    def __init__(self, lmp: Any, callback: _Callback | None = None) -> None:
        self._lmp = lmp
        self._callback = callback

    def monitored(self) -> dict[str, float]:
        """What the potential says of its own use since the last call, by name; nothing of most potentials."""
        return {} if self._callback is None else self._callback.monitored()

    @property
    def native(self) -> bool:
        """Whether LAMMPS evaluates the potential itself."""
        return self._callback is None

    def command(self, command: str) -> None:
        """Run one LAMMPS command, usually ``run`` or ``minimize``.

        Raises
        ------
        ItemError
            If LAMMPS stops (lost atoms, nan positions), or the potential fails or gives nan; says at which step. An error
            of sharvin, and Ctrl-C, pass as they are.
        """
        failure: Exception | None = None
        try:
            self._lmp.command(command)
        except Exception as error:  # the lammps package raises bare Exception
            failure = error
        stored = self._callback.take_error() if self._callback else None
        if stored is not None:
            step, reason = stored
            if isinstance(reason, SharvinError) or not isinstance(reason, Exception | SystemExit):
                raise reason
            raise ItemError(f"the potential failed at step {step}: {type(reason).__name__}: {reason}.") from reason
        if failure is not None:
            step = self._lmp.extract_global("ntimestep")
            raise ItemError(f"LAMMPS stopped at step {step}: {_first_line(failure)}.") from None


class _Callback(ABC):
    """Energy, forces and virial for ``fix external``; what goes wrong is kept."""

    arrays: Mapping[str, NDArray[Any]]
    """What else is known of the atoms, in the order of the ids."""

    def __init__(self, lmp: Any, species: Sequence[str], virial: bool) -> None:
        self._lmp = lmp
        self._numbers = np.array([0] + [atomic_numbers[symbol] for symbol in species])
        self._virial = virial
        self._error: tuple[int, BaseException] | None = None
        self.arrays = {}

    def take_error(self) -> tuple[int, BaseException] | None:
        """Step and exception of the first failure since the last call."""
        error, self._error = self._error, None
        return error

    @abstractmethod
    def monitored(self) -> dict[str, float]:
        """What the potential says of its own use since the last call."""

    @abstractmethod
    def evaluate(self, tag: NDArray[Any], order: NDArray[np.int64], x: NDArray[np.float64]) -> EnergyForcesVirial:
        """Energy, virial, and forces in the order of LAMMPS' ids; `order` is that of the ids `tag`."""

    def __call__(
        self, lmp: Any, step: int, n_local: int, tag: NDArray[Any], x: NDArray[np.float64], forces: NDArray[np.float64]
    ) -> None:
        if self._error is None:
            try:
                self._pass_on(step, np.asarray(tag).ravel(), x, forces)
            except BaseException as error:  # ctypes would print and drop it: it is raised again after the run
                self._error = (step, error)
        if self._error is not None:
            forces[:] = 0.0
            lmp.force_timeout()

    def _pass_on(self, step: int, tag: NDArray[Any], x: NDArray[np.float64], forces: NDArray[np.float64]) -> None:
        order = np.argsort(tag, kind="stable")
        found = self.evaluate(tag, order, x)
        if not (np.isfinite(found.energy_eV) and np.isfinite(found.forces_eV_per_A).all()):
            raise ItemError(f"the potential gives nan energies or forces at step {step}.")
        forces[order] = found.forces_eV_per_A
        self._lmp.fix_external_set_energy_global(FIX_ID, found.energy_eV)
        if self._virial:
            w = found.virial_eV
            self._lmp.fix_external_set_virial_global(FIX_ID, [w[0, 0], w[1, 1], w[2, 2], w[0, 1], w[0, 2], w[1, 2]])

    def _numbers_by_id(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """Atomic numbers in the order of the ids."""
        types = np.array(self._lmp.numpy.extract_atom("type"))[: len(order)].ravel()
        return np.asarray(self._numbers[types[order]], dtype=np.int64)


class _CalculatorCallback(_Callback):
    """By an ASE calculator."""

    def __init__(self, lmp: Any, calculator: Any, species: Sequence[str], virial: bool) -> None:
        super().__init__(lmp, species, virial)
        if virial and "stress" not in calculator.implemented_properties:
            raise InputError(
                f"{type(calculator).__name__} has no stress, so LAMMPS could not know the pressure; attach it with virial=False "
                "where no pressure is used."
            )
        self._calculator = calculator
        self._atoms: Atoms | None = None

    def monitored(self) -> dict[str, float]:
        """Nothing."""
        return {}

    def evaluate(self, tag: NDArray[Any], order: NDArray[np.int64], x: NDArray[np.float64]) -> EnergyForcesVirial:
        """Energy, virial, and forces in the order of the ids."""
        cell, pbc = self._box()
        if self._atoms is None or len(self._atoms) != len(tag):
            self._atoms = Atoms(self._numbers_by_id(order), positions=x[order], cell=cell, pbc=pbc)
            for name, values in self.arrays.items():
                self._atoms.set_array(name, values)
            self._atoms.calc = self._calculator
        atoms = self._atoms
        if not np.array_equal(atoms.cell.array, cell):
            atoms.set_cell(cell)
        atoms.positions[:] = x[order]
        energy, forces = float(atoms.get_potential_energy()), atoms.get_forces(apply_constraint=False)
        virial = np.zeros((3, 3))
        if self._virial:
            virial = -atoms.get_volume() * atoms.get_stress(apply_constraint=False, voigt=False)
        return EnergyForcesVirial(energy, forces, virial)

    def _box(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        low, high, xy, yz, xz, periodic, _ = self._lmp.extract_box()
        lx, ly, lz = np.subtract(high, low)
        return np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]], dtype=np.float64), np.array(periodic, dtype=bool)


class _NeighbourCallback(_Callback):
    """By a potential that takes LAMMPS' own neighbours."""

    def __init__(self, lmp: Any, potential: NeighbourListPotential, species: Sequence[str], virial: bool) -> None:
        from sharvin.numerics.lammps_neighbours import LammpsNeighbours

        super().__init__(lmp, species, virial)
        self._potential = potential
        self._neighbours = LammpsNeighbours(lmp, potential.cutoff_A)

    def monitored(self) -> dict[str, float]:
        """What the potential says."""
        return self._potential.monitored() if isinstance(self._potential, MonitoredPotential) else {}

    def evaluate(self, tag: NDArray[Any], order: NDArray[np.int64], x: NDArray[np.float64]) -> EnergyForcesVirial:
        """Energy, virial, and forces in the order of the ids."""
        first, neighbours, vectors = self._neighbours.find(tag[order])
        return self._potential.evaluate(NeighbourList(self._numbers_by_id(order), first, neighbours, vectors, self.arrays))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].removeprefix("ERROR: ").rstrip(".") if lines else type(error).__name__
