r"""The solver `kwant`: the same transmission from Kwant's scattering matrix, matched to the modes of the leads.

An independent implementation to compare with: wave functions instead of Green functions, no broadening, nothing shared with the
other solvers. See Groth, Wimmer, Akhmerov and Waintal, New J. Phys. 16, 063065 (2014).

Kwant knows orthogonal orbitals only. At one energy E an overlap makes no difference to that: with *H' = H − E S*,

.. math:: (E S - H)\,\psi = 0 \iff (0 - H')\,\psi = 0,

in the device as in the leads, so Kwant solves H' with orthogonal orbitals at energy 0 and its S matrix, and with it T, is that of
H and S at E. (The velocities of the modes differ by nothing either: they are currents, :math:`-2\,\mathrm{Im}\,\psi_n^\dagger
H'_{n,n+1} \psi_{n+1}`.)
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_array
from sharvin.errors import RunError
from sharvin.grid_wire import Systems
from sharvin.two_terminal import Lead, TwoTerminal

from sharvin_transport.broken_devices import zero_if_broken
from sharvin_transport.external.configs import KwantOptions
from sharvin_transport.one_by_one import one_by_one

with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeWarning)  # it says that MUMPS is missing; scipy's solver, chosen below, is enough
    import kwant
    from kwant.solvers import sparse

LEFT, RIGHT = 0, 1


class KwantTransport:
    """Elastic transmission by Kwant.

    Parameters
    ----------
    options : KwantOptions
    """

    def __init__(self, options: KwantOptions) -> None:
        self.options = options
        self._modes: LRUCache[tuple[str, int, float], Any] = LRUCache(options.cached_leads)

    def transmission(self, systems: Systems, energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
        """T(E), float64[n_systems, n_energies]; energies are relative to each system's Fermi energy.

        Raises
        ------
        RunError
            If the device has a level exactly at E that no lead broadens, or E is a band edge of a lead.
        """
        return one_by_one(self._transmission, systems, energies_eV)

    def _transmission(self, system: TwoTerminal, energy_eV: float) -> float:
        leads = [_Modes(self._modes_of(lead, side, energy_eV)) for side, lead in enumerate((system.left, system.right))]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of matrix formats that a newer scipy would rather have
                scattering = sparse.smatrix(_System(system, energy_eV, leads), energy=0.0)
        except (RuntimeError, np.linalg.LinAlgError):
            reason = f"Kwant's equations are singular at {energy_eV:.6f} eV: the device has a level there that no lead broadens; "
            return zero_if_broken(system, energy_eV, reason + "move the energy by 1e-6 eV.")
        return float(scattering.transmission(RIGHT, LEFT))

    def _modes_of(self, lead: Lead, side: int, energy_eV: float) -> Any:
        """Propagating and evanescent modes of a lead, computed once for all devices with it."""
        key = (lead.key, side, energy_eV)
        if key not in self._modes:
            cell = lead.H00 - energy_eV * lead.S00
            hopping = lead.H01 - energy_eV * lead.S01
            towards_device = hopping if side == LEFT else hopping.conj().T  # ⟨layer|H'|next layer towards the device⟩
            try:
                self._modes[key] = kwant.physics.modes(cell, np.ascontiguousarray(towards_device))
            except (RuntimeError, ValueError, np.linalg.LinAlgError) as error:
                raise RunError(
                    f"Kwant finds no modes of the {('left', 'right')[side]} lead at {energy_eV:.6f} eV ({error}); "
                    "move the energy by 1e-6 eV."
                ) from None
        return self._modes[key]


class _Modes:
    """A lead as Kwant's solvers want it, its modes already known."""

    parameters = frozenset[str]()

    def __init__(self, modes: Any) -> None:
        self._modes = modes

    def modes(self, energy: float = 0.0, args: Any = (), *, params: Any = None) -> Any:
        """Propagating and stabilised modes."""
        return self._modes


class _System(kwant.system.FiniteSystem):  # type: ignore[misc, unused-ignore]
    """H − E S of a device as a Kwant system, each orbital a site."""

    def __init__(self, system: TwoTerminal, energy_eV: float, leads: list[_Modes]) -> None:
        n = system.size
        self.matrix = csr_array(system.H - energy_eV * system.S)
        self.leads = leads
        self.lead_interfaces = [np.arange(system.left.size), np.arange(n - system.right.size, n)]
        self.parameters = frozenset[str]()

    def hamiltonian(self, i: int, j: int, *args: Any, params: Any = None) -> Any:
        """One matrix element."""
        return self.matrix[i, j]

    def hamiltonian_submatrix(self, args: Any = (), **options: Any) -> tuple[coo_matrix, NDArray[np.int64], NDArray[np.int64]]:
        """The whole matrix and the orbitals of each site; the solver asks for nothing less."""
        ones = np.ones(self.matrix.shape[0], dtype=np.int64)
        return coo_matrix(self.matrix), ones, ones
