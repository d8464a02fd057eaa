"""Contracts of transport solvers: transmissions, and the observables of one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sharvin.grid_wire import GridWire, Systems
    from sharvin.observables import Observables
    from sharvin.two_terminal import TwoTerminal


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
            For grid wires absolute, as their Fermi energy is 0.

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
            Keep the wave functions of the eigenchannels, 16 bytes per orbital, channel and energy.
        """
        ...
