r"""What an open device shows besides its transmission: :class:`Observables`, of one system at many energies.

With the scattering states :math:`\psi_{L,R}` that the channels of the left and the right lead send into the device, normalised
such that :math:`A_{L,R} = \psi_{L,R} \psi_{L,R}^\dagger` are the spectral functions, and *t* the matrix of transmission
amplitudes (Datta, *Electronic Transport in Mesoscopic Systems*, 1995, ch. 3; Paulsson and Brandbyge, Phys. Rev. B 76,
115117 (2007)),

.. math:: T = \sum_n T_n, \quad T_n = s_n(t)^2, \qquad F = \frac{\sum_n T_n (1 - T_n)}{\sum_n T_n}, \qquad
          D = \frac{1}{2\pi} \mathrm{Tr}[(A_L + A_R) S].

All numbers are for one spin: a device without spin has twice the density of states, and the conductance G0 T with
G0 = 2e²/h counts both spins.

Of a device that is sampled at transverse k-points with weights :math:`w_k` they are means over k
(:func:`sharvin.devices.brillouin.averaged_observables`), per cell; the Fano factor is that of the sums,

.. math:: F = \frac{\sum_k w_k \sum_n T_n(k) [1 - T_n(k)]}{\sum_k w_k \sum_n T_n(k)} .
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharvin.words.displayed import Displayed, Fact, counted, span

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Observables(Displayed):
    r"""Observables of one device.

    Parameters
    ----------
    energies_eV : float64[n_energies]
        Relative to the Fermi energy.
    open_channels : int64 or float64 [n_energies, 2]
        Propagating channels of the left and the right lead; of several k-points their mean numbers.
    eigenchannels : float64[n_energies, n_channels]
        Transmissions 0 ≤ T_n ≤ 1 of the eigenchannels, largest first; zeros fill up rows with fewer channels. Of several k-points
        the mean over k of the n-th largest.
    ldos_left_per_eV, ldos_right_per_eV : float64[n_energies, n_atoms]
        States per eV and spin on each atom (Mulliken) that are filled from the left and from the right lead.
    bonds : int64[n_bonds, 2]
        Pairs of atoms (i, j), i < j, that H or S connects.
    bond_currents : float64[n_energies, n_bonds]
        Current from i to j carried by the states that come from the left lead, in units of the current of one open channel: the
        sum over all bonds that cross a cut between the leads is T.
    wave_functions : complex128[n_energies, n_orbitals, n_channels] or None
        Eigenchannels that come from the left, in the order of `eigenchannels`: the n-th carries the current T_n, and
        :math:`\sum_n \psi_n \psi_n^\dagger` is their part of the spectral function A_L. Zeros fill up as there.
    k_weights : float64[n_k] or None
        Weights of the k-points of a mean, their sum is 1; None for one device.
    k_eigenchannels : float64[n_k, n_energies, n_channels] or None
        The eigenchannels at each k-point of a mean, largest first.
    """

    energies_eV: Floats
    open_channels: NDArray[np.int64] | Floats
    eigenchannels: Floats
    ldos_left_per_eV: Floats
    ldos_right_per_eV: Floats
    bonds: NDArray[np.int64]
    bond_currents: Floats
    wave_functions: NDArray[np.complex128] | None = None
    k_weights: Floats | None = None
    k_eigenchannels: Floats | None = None

    def _facts(self) -> Sequence[Fact]:
        channels = self.eigenchannels.shape[1]
        kept = "not kept" if self.wave_functions is None else f"{self.wave_functions.shape[1]:,} orbitals"
        sampled = [] if self.k_weights is None else [("k-points", f"mean of {len(self.k_weights)}")]
        return [
            ("energies", f"{counted(len(self.energies_eV), 'energy', 'energies')}, {span(self.energies_eV, 'eV')}"),
            ("transmission", span(self.transmission)),
            ("eigenchannels", f"at most {channels}"),
            ("density of states", f"{span(self.dos_per_eV, 'per eV and spin')}, on {self.ldos_left_per_eV.shape[1]:,} atoms"),
            ("bond currents", counted(len(self.bonds), "bond")),
            ("wave functions", kept),
            *sampled,
        ]

    @property
    def transmission(self) -> Floats:
        """T = Σ_n T_n, float64[n_energies]."""
        return np.asarray(self.eigenchannels.sum(axis=1))

    @property
    def ldos_per_eV(self) -> Floats:
        """States per eV and spin on each atom, float64[n_energies, n_atoms]."""
        return np.asarray(self.ldos_left_per_eV + self.ldos_right_per_eV)

    @property
    def dos_per_eV(self) -> Floats:
        """States per eV and spin of the whole device, float64[n_energies]."""
        return np.asarray(self.ldos_per_eV.sum(axis=1))

    @property
    def fano(self) -> Floats:
        """Fano factor of the shot noise at zero temperature, float64[n_energies]; nan where nothing is transmitted."""
        T = self.transmission
        if self.k_weights is None or self.k_eigenchannels is None:
            noise = (self.eigenchannels * (1.0 - self.eigenchannels)).sum(axis=1)
        else:
            noise = self.k_weights @ (self.k_eigenchannels * (1.0 - self.k_eigenchannels)).sum(axis=2)
        return np.asarray(np.divide(noise, T, out=np.full(len(T), np.nan), where=T > 0.0))

    def current_from(self, atoms: NDArray[np.bool_]) -> Floats:
        """Net current from the marked atoms, bool[n_atoms], to the others, float64[n_energies].

        It is T for every set that holds the whole left principal layer and nothing of the right one.
        """
        leaving = atoms[self.bonds[:, 0]].astype(np.int64) - atoms[self.bonds[:, 1]]
        return np.asarray(self.bond_currents @ leaving)
