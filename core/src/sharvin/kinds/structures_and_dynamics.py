"""Contracts of structures, potentials and dynamics: what a wire is made of and what moves its atoms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from sharvin.frames import Frame
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
