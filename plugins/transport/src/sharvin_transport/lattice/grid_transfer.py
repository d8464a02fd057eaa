r"""The solver `grid_transfer`: transmission of square-lattice wires by transfer matrices, exact and with no broadening.

With all energies in units of t, the Schrödinger equation takes the wave function from one slice to the one before it,

.. math:: \psi_{n-1} = (\epsilon_n - E)\psi_n - (\psi_n^{up} + \psi_n^{down}) - \psi_{n+1},

from the outgoing waves of the right lead, :math:`\psi_L = V, \psi_{L+1} = V\lambda`, with V the sine modes of a clean slice.
Mode m has :math:`\cos k = (\epsilon_m - E)/2, \epsilon_m = -2\cos(m\pi/(W+1))`; λ = exp(ik) if k is real, else the root that
decays. The recursion is real, so real and imaginary parts are 2W separate columns, a slice costs O(W²).

Decaying and growing solutions soon differ by many orders of magnitude. Every m slices ψ is therefore replaced by 1, and its
successor by :math:`R = \psi_{n+1}\psi_n^{-1}`. With F = V λ Vᵀ on the left and B = Im R (or Im λ before the first replacement),

.. math:: T = 4 \sum_p \sin k_p \; q_p^\dagger B q_p, \quad q = [V^T (\psi_0 - F \psi_1)]^{-1},

p over the open modes, which is the Fisher–Lee relation (Phys. Rev. B 23, 6851 (1981)). Every term is positive and Im R is never a
difference of large numbers: small transmissions keep their relative accuracy.

**Error.** R and the reflection are symmetric matrices (time reversal), but only for exact arithmetic: their asymmetry is the
rounding error that m slices have gathered. It chooses the next m, and where it exceeds `tolerance` the slices are done again
with other m. That error is relative to the largest elements, and a small T may hang on small ones. So with scatterers above 10 t
(or a `tolerance` above 1e-9) every T < 1e-9 is computed again with m ≤ 5, then m ≤ 2 and 1 while results differ by more than
0.1 %. Below 10 t and with the default tolerance, T differs by less than 1e-5 of itself from m = 2, however small it is.
Restabilised transfer matrices: MacKinnon and Kramer, Z. Phys. B 53, 1 (1983).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError, RunError
from sharvin.grid_wire import GridWire, Systems

from sharvin_transport.lattice.configs import GridTransferOptions
from sharvin_transport.lattice.transfer_kernel import transmit_range

BAND_EDGE_DISTANCE = 1e-6
"""Energies closer than this, in t, to the band edge of a mode are refused: its velocity has too few digits there."""

RELATIVE_ERROR = 1e-2
"""Transmissions with a larger relative error, however small they are, are refused."""


class GridTransfer:
    """Elastic transmission of square-lattice wires.

    Parameters
    ----------
    options : GridTransferOptions
    """

    def __init__(self, options: GridTransferOptions) -> None:
        self.options = options

    def transmission(self, systems: Systems, energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
        """T(E), float64[n_wires, n_energies]; energies are absolute, as the wires' Fermi energy is 0.

        Parameters
        ----------
        systems : GridWire or sequence of GridWire
            Every wire of a batch is one system.
        energies_eV : float64[n_energies]

        Raises
        ------
        InputError
            If a system is no `GridWire`, or an energy lies within 1e-6 t of a band edge of a mode of the leads.
        RunError
            If the estimated relative error of a T remains above `tolerance`; of a T below 1, its absolute error or 1 %.
        """
        energies = np.atleast_1d(np.asarray(energies_eV, dtype=np.float64))
        if energies.ndim != 1 or not np.all(np.isfinite(energies)):
            raise InputError("the energies of a transmission must be a list of finite numbers.")
        batches = [systems] if isinstance(systems, GridWire) else list(systems)
        rows = [np.empty((0, len(energies)))]
        for batch in batches:
            if not isinstance(batch, GridWire):
                raise InputError("grid_transfer takes square-lattice wires (GridWire) only; use rgf for other systems.")
            rows.append(self._batch(batch, energies))
        return np.concatenate(rows)

    def _batch(self, wires: GridWire, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        leads = TransverseModes.of(wires.width, energies / wires.t, energies)
        onsite = wires.onsite.reshape(-1, wires.length, wires.width) / wires.t
        out = np.empty((len(onsite), len(energies)))
        errors = np.empty_like(out)

        def work(start: int, stop: int) -> None:
            each, doubts = out.reshape(-1), errors.reshape(-1)
            transmit_range(onsite, energies / wires.t, leads, self.options.tolerance, (start, stop), each, doubts)

        threads = min(self.options.threads, max(out.size, 1))
        bounds = np.linspace(0, out.size, threads + 1).astype(np.int64).tolist()
        if threads == 1:
            work(0, out.size)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(work, bounds[:-1], bounds[1:]))
        self._check(out, errors, energies)
        return out

    def _check(self, out: NDArray[np.float64], errors: NDArray[np.float64], energies: NDArray[np.float64]) -> None:
        small = (errors <= RELATIVE_ERROR) & (errors * np.abs(out) <= self.options.tolerance)
        bad = ~((errors <= self.options.tolerance) | small)
        if not bad.any():
            return
        wire, energy = np.argwhere(bad)[0]
        raise RunError(
            f"the transmission {out[wire, energy]:.3e} of wire {wire} at energy {energies[energy]:.9g} has an estimated relative "
            f"error of {errors[wire, energy]:.1e}; move the energy by 1e-6 t."
        )


class TransverseModes(NamedTuple):
    """Transverse modes of the clean lead.

    Parameters
    ----------
    modes : float64[W, W]
        V, one mode a column; symmetric and orthogonal.
    factors : float64[n_energies, 2, W]
        Real and imaginary part of λ, by which a mode grows from one slice to the next on the right.
    velocities : float64[n_energies, W]
        sin k of open modes, 0 of closed ones.
    """

    modes: NDArray[np.float64]
    factors: NDArray[np.float64]
    velocities: NDArray[np.float64]

    @classmethod
    def of(cls, width: int, energies: NDArray[np.float64], named: NDArray[np.float64]) -> TransverseModes:
        """Modes of a lead at energies in units of t; `named` are the same energies as the user gave them.

        Raises
        ------
        InputError
            At a band edge.
        """
        number = np.arange(1, width + 1)
        modes = np.sqrt(2 / (width + 1)) * np.sin(np.pi * np.outer(number, number) / (width + 1))
        cosines = (-2 * np.cos(np.pi * number / (width + 1)) - energies[:, None]) / 2
        distances = np.abs(np.abs(2 * cosines) - 2)
        if distances.size and distances.min() < BAND_EDGE_DISTANCE:
            energy = int(np.argmin(distances.min(axis=1)))
            raise InputError(
                f"the energy {named[energy]:.9g} lies {distances.min():.1e} t from a band edge of the leads of width {width}; "
                f"keep {BAND_EDGE_DISTANCE:.0e} t away from it."
            )
        is_open = np.abs(cosines) < 1
        sines = np.sqrt(np.where(is_open, (1 - cosines) * (1 + cosines), 0.0))
        beyond = np.sqrt(np.where(is_open, 0.0, (np.abs(cosines) - 1) * (np.abs(cosines) + 1)))
        real = np.where(is_open, cosines, np.sign(cosines) / (np.abs(cosines) + beyond))
        return cls(modes, np.ascontiguousarray(np.stack([real, sines], axis=1)), sines)
