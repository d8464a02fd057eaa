"""Transmissions of systems that share nothing, one system and energy after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sharvin.grid_wire import Systems, number_of_systems, two_terminals
from sharvin.two_terminal import TwoTerminal


def one_by_one(
    transmission: Callable[[TwoTerminal, float], float], systems: Systems, energies_eV: NDArray[np.float64]
) -> NDArray[np.float64]:
    """T(E), float64[n_systems, n_energies], of ``transmission(system, absolute energy in eV)``.

    Parameters
    ----------
    transmission : callable
    systems : sequence of TwoTerminal or GridWire, or one GridWire
    energies_eV : float64[n_energies]
        Relative to each system's Fermi energy.
    """
    energies = np.atleast_1d(np.asarray(energies_eV, dtype=np.float64))
    out = np.empty((number_of_systems(systems), len(energies)))
    for row, system in enumerate(two_terminals(systems)):
        for column, energy in enumerate(energies):
            out[row, column] = transmission(system, float(energy + system.fermi_energy_eV))
    return out
