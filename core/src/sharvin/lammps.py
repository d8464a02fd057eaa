r"""Any potential in a running LAMMPS instance.

A potential that LAMMPS knows itself is given as its native commands. Any other one is evaluated through its ASE calculator by
``fix external … pf/callback`` once a step. The forces F_i and the energy E are the calculator's; the virial is

.. math:: W_{ab} = -V \sigma_{ab}, \qquad \sigma_{ab} = \frac{1}{V} \frac{\partial E}{\partial \varepsilon_{ab}},

so that LAMMPS' pressure, minimisers and barostats see all of the potential. The ``lammps`` package is not imported here: the
instance is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from sharvin.errors import InputError, ItemError, SharvinError

if TYPE_CHECKING:
    from sharvin.protocols import Potential

FIX_ID = "sharvin_potential"


def attach(lmp: Any, potential: Potential, species: Sequence[str], *, virial: bool = True) -> Attachment:
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

    Returns
    -------
    Attachment
        Run ``run`` and ``minimize`` through :meth:`Attachment.command`: an exception inside a callback cannot cross LAMMPS, so
        it is kept and raised there.

    Raises
    ------
    InputError
        Wrong units, several ranks, a number of species that is not the number of atom types, a potential without stress
        where a virial is wanted, or native commands that LAMMPS rejects.
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
        return _attach_callback(lmp, potential, species, virial)
    wanted = native(species)
    commands = list(wanted.commands)
    if wanted.suffix:
        commands = [f"suffix {wanted.suffix}", *commands, "suffix off"]
    for command in commands:
        try:
            lmp.command(command)
        except Exception as error:  # the lammps package raises bare Exception
            raise InputError(f"LAMMPS rejects the potential's command {command!r}: {_first_line(error)}.") from None
    return Attachment(lmp)


def _attach_callback(lmp: Any, potential: Potential, species: Sequence[str], virial: bool) -> Attachment:
    if lmp.extract_setting("world_size") != 1:
        raise InputError("a potential without LAMMPS commands runs on one MPI rank; run trajectories in parallel instead.")
    calculator = potential.calculator()
    if virial and "stress" not in calculator.implemented_properties:
        raise InputError(
            f"{type(calculator).__name__} has no stress, so LAMMPS could not know the pressure; attach it with virial=False "
            "where no pressure is used."
        )
    for command in (
        "pair_style zero 1.0",
        "pair_coeff * *",
        f"fix {FIX_ID} all external pf/callback 1 1",
        f"fix_modify {FIX_ID} energy yes virial {'yes' if virial else 'no'}",
    ):
        lmp.command(command)
    callback = _Callback(lmp, calculator, species, virial)
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


class _Callback:
    """Energy, forces and virial of an ASE calculator for ``fix external``."""

    def __init__(self, lmp: Any, calculator: Any, species: Sequence[str], virial: bool) -> None:
        self._lmp = lmp
        self._calculator = calculator
        self._numbers = np.array([0] + [atomic_numbers[symbol] for symbol in species])
        self._virial = virial
        self._atoms: Atoms | None = None
        self._error: tuple[int, BaseException] | None = None

    def take_error(self) -> tuple[int, BaseException] | None:
        """Step and exception of the first failure since the last call."""
        error, self._error = self._error, None
        return error

    def __call__(
        self, lmp: Any, step: int, n_local: int, tag: NDArray[Any], x: NDArray[np.float64], forces: NDArray[np.float64]
    ) -> None:
        if self._error is None:
            try:
                self._evaluate(step, np.asarray(tag).ravel(), x, forces)
            except BaseException as error:  # ctypes would print and drop it: it is raised again after the run
                self._error = (step, error)
        if self._error is not None:
            forces[:] = 0.0
            lmp.force_timeout()

    def _evaluate(self, step: int, tag: NDArray[Any], x: NDArray[np.float64], forces: NDArray[np.float64]) -> None:
        order = np.argsort(tag, kind="stable")
        cell, pbc = self._box()
        if self._atoms is None or len(self._atoms) != len(tag):
            types = np.array(self._lmp.numpy.extract_atom("type"))[: len(tag)].ravel()
            self._atoms = Atoms(self._numbers[types[order]], positions=x[order], cell=cell, pbc=pbc)
            self._atoms.calc = self._calculator
        atoms = self._atoms
        if not np.array_equal(atoms.cell.array, cell):
            atoms.set_cell(cell)
        atoms.positions[:] = x[order]
        energy, values = float(atoms.get_potential_energy()), atoms.get_forces(apply_constraint=False)
        if not (np.isfinite(energy) and np.isfinite(values).all()):
            raise ItemError(f"the potential gives nan energies or forces at step {step}.")
        forces[order] = values
        self._lmp.fix_external_set_energy_global(FIX_ID, energy)
        if self._virial:
            xx, yy, zz, yz, xz, xy = -atoms.get_volume() * atoms.get_stress(apply_constraint=False)
            self._lmp.fix_external_set_virial_global(FIX_ID, [xx, yy, zz, xy, xz, yz])

    def _box(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        low, high, xy, yz, xz, periodic, _ = self._lmp.extract_box()
        lx, ly, lz = np.subtract(high, low)
        return np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]], dtype=np.float64), np.array(periodic, dtype=bool)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].removeprefix("ERROR: ").rstrip(".") if lines else type(error).__name__
