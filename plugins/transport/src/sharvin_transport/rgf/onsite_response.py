r"""How the transmission of an open device responds to on-site shifts of its atoms, for all atoms at once.

Shifts u move H by ½ (u S + S u), see :mod:`~sharvin_transport.neutrality.open_device`. With the scattering states ψ = −G W of
:mod:`~sharvin_transport.rgf.observables`, first-order perturbation theory gives

.. math:: dT = 2\,\mathrm{Re}\,\mathrm{tr}[M\, dH], \quad M = G \Gamma_R G^\dagger \Gamma_L G
          = -\psi_R\, (\psi_R^\dagger W_L^*)\, \psi_L^T

where H, S and so G are symmetric: a real Hamiltonian without a magnetic field. An atom that overlaps with a lead also moves the
coupling to it, so S ψ holds the states' continuation into the lead's first layer.

As in :mod:`~sharvin_transport.rgf.recursive_green` the principal layers are folded into the leads and what is large is real. It
takes 1.3 times as long as T alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.block_tridiagonal.elimination import SingularBlock
from sharvin_transport.block_tridiagonal.interior import Interior
from sharvin_transport.broken_devices import zero_if_broken
from sharvin_transport.leads.surface_green import SurfaceGreen, SurfaceGreens
from sharvin_transport.rgf.lead_coupling import LeadCouplings
from sharvin_transport.rgf.recursive_green import LAPACK
from sharvin_transport.rgf.scattering_states import IN_PLACE, REAL_SHIFT, scattering_states

Array = NDArray[Any]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class OnsiteResponse:
    """T(E_F) of devices with real matrices, and its derivative with respect to on-site shifts.

    Parameters
    ----------
    surfaces, lead_couplings
        Those of a solver, which are shared with it.
    """

    def __init__(self, surfaces: SurfaceGreens, lead_couplings: LeadCouplings) -> None:
        self._surfaces = surfaces
        self._lead_couplings = lead_couplings

    def __call__(self, system: TwoTerminal, atom: Integers) -> tuple[float, Floats]:
        """T(E_F) and its derivatives.

        Parameters
        ----------
        system : TwoTerminal
            With real H and S.
        atom : int64[n]
            For each orbital of the device the number of the atom whose shift it takes, −1 for none.

        Returns
        -------
        transmission : float
        derivatives : float64[atom.max() + 1]
            dT/du in 1/eV.

        Raises
        ------
        InputError
            If the device's matrices are complex, or its outermost principal layer is not its lead's.
        RunError
            If E_F is on a band edge of a lead, or exactly on a level of a device in one piece that no lead broadens.
        """
        if np.iscomplexobj(system.H.data) or np.iscomplexobj(system.S.data):
            raise InputError("the response to on-site shifts is that of real Hamiltonians; use Γ alone and no magnetic field.")
        interior, energy = Interior.of(system), system.fermi_energy_eV
        if interior.bounds[-1] != system.size:
            atom = atom[system.left.size : system.size - system.right.size]
        couplings = (interior.left, interior.right)
        leads = (("left", system.left), ("right", system.right))
        surfaces = [self._surfaces.surface(lead, side, energy) for side, lead in leads]
        count = int(atom.max(initial=-1)) + 1
        if min(surface.w.shape[1] for surface in surfaces) == 0:
            return 0.0, np.zeros(count)
        left_lead, right_lead = [
            self._lead_couplings.coupling(energy * s - h, surface, (lead.key, side, energy))
            for (side, lead), surface, (h, s) in zip(leads, surfaces, couplings, strict=True)
        ]
        try:
            try:
                states = scattering_states(interior, energy, left_lead, right_lead, REAL_SHIFT, LAPACK)
            except SingularBlock:
                states = scattering_states(interior, energy, left_lead, right_lead, IN_PLACE, LAPACK)
        except SingularBlock:
            return zero_if_broken(system, energy), np.zeros(count)
        n_left = left_lead.W.shape[1]
        first, last = len(left_lead.W), len(states) - len(right_lead.W)
        reflected = states[:first, n_left:].conj().T @ left_lead.W  # ψ_R† W_L
        overlapping = _overlap(interior, states)
        for surface, (h, s), part, own in zip(
            surfaces, couplings, (slice(0, first), slice(last, None)), (0, n_left), strict=True
        ):
            overlapping[part] += _into_lead(surface, energy * s - h, s, states[part], own)
        left, right = (states[:, :n_left], overlapping[:, :n_left]), (states[:, n_left:], overlapping[:, n_left:])
        products = (right[0] @ reflected) * left[1] + (right[1] @ reflected) * left[0]
        of_orbital = -products.real.sum(axis=1)
        shifted = atom >= 0
        return float(np.sum(np.abs(reflected) ** 2)), np.bincount(atom[shifted], of_orbital[shifted], minlength=count)


def _overlap(interior: Interior, states: Array) -> Array:
    """S ψ within the interior."""
    out = np.zeros_like(states)
    parts = [slice(int(a), int(b)) for a, b in zip(interior.bounds[:-1], interior.bounds[1:], strict=True)]
    for part, (_, s) in zip(parts, interior.diagonal, strict=True):
        out[part] += _times(s, states[part])
    for before, after, (_, s) in zip(parts[:-1], parts[1:], interior.above, strict=True):
        out[before] += _times(s, states[after])
        out[after] += _times(s.T, states[before])
    return out


def _into_lead(surface: SurfaceGreen, coupling: Array, overlap: Array, states: Array, own: int) -> Array:
    """S ψ of the lead's first layer, where the lead's channels w are the columns from `own` on: ψ is w there, minus g Aᵀ ψ."""
    rows = np.flatnonzero(np.any((coupling != 0) | (overlap != 0), axis=1))
    columns = np.flatnonzero(np.any((coupling != 0) | (overlap != 0), axis=0))
    inward = _times(coupling[np.ix_(rows, columns)].T, states[rows])
    w = surface.w[columns]
    n = inward.shape[1]
    both = surface.times(columns, np.concatenate([inward.real, inward.imag], axis=1))
    outside = -(both[:, :n] + 1j * both[:, n:])
    outside[:, own : own + w.shape[1]] += w
    outside += 0.5j * (w @ (w.T @ inward))
    out = np.zeros_like(states)
    out[rows] = _times(overlap[np.ix_(rows, columns)], outside)
    return out


def _times(matrix: Array, states: Array) -> Array:
    """A real matrix times complex states."""
    both = matrix @ np.concatenate([states.real, states.imag], axis=1)
    return np.asarray(both[:, : states.shape[1]] + 1j * both[:, states.shape[1] :])
