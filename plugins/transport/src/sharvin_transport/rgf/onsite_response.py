r"""How the transmission of an open device responds to changes of its Hamiltonian: of on-site energies and of hoppings.

With the scattering states ψ = −G W of :mod:`~sharvin_transport.rgf.scattering_states`, first-order perturbation theory gives

.. math:: dT = 2\,\mathrm{Re}\,\mathrm{tr}[M\, dH], \quad M = G \Gamma_R G^\dagger \Gamma_L G
          = -\psi_R\, (\psi_R^\dagger W_L^*)\, \psi_L^T

where H, S and so G are symmetric: a real Hamiltonian without a magnetic field. Shifts u of orbitals move H by ½ (u S + S u), see
:mod:`~sharvin_transport.neutrality.open_device`; blocks between pairs of atoms may change by any factor. What touches a lead also
moves the coupling to it, so the states are continued into the principal layers.

As in :mod:`~sharvin_transport.rgf.recursive_green` the principal layers are folded into the leads and what is large is real. It
takes 1.3 times as long as T alone.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class Response:
    """T(E_F) of a device, and what its derivatives by elements of H are made of.

    Parameters
    ----------
    transmission : float
    right, left : complex128[n, channels]
        ψ_R (ψ_R† W_L*) and ψ_L in the orbitals of the device, of its principal layers where the device touches them: M is minus
        the product of the first with the transpose of the second.
    overlapping_right, overlapping_left : complex128[n, channels]
        S times these; zero in the principal layers.
    """

    transmission: float
    right: Array
    left: Array
    overlapping_right: Array
    overlapping_left: Array

    @classmethod
    def none(cls, n: int, transmission: float = 0.0) -> Response:
        """That of a device of n orbitals which no channel enters."""
        empty = np.zeros((n, 0), dtype=np.complex128)
        return cls(transmission, empty, empty, empty, empty)

    def to_shifts(self, group: Integers, count: int) -> Floats:
        """dT/du float64[count] in 1/eV of shifts u; `group` int64[n] is the shift that each orbital takes, −1 for none."""
        products = self.right * self.overlapping_left + self.overlapping_right * self.left
        of_orbital = -products.real.sum(axis=1)
        shifted = group >= 0
        return np.bincount(group[shifted], of_orbital[shifted], minlength=count)

    def to_blocks(self, first: Integers, second: Integers, blocks: Floats, orbitals: Integers) -> Floats:
        """dT/df float64[p] of factors f of blocks between pairs of atoms.

        Parameters
        ----------
        first, second : int64[p]
            Atoms of the device. H changes by f times the block there, and by its transpose at (second, first).
        blocks : float64[p, m, m]
            In eV.
        orbitals : int64[atoms, m]
            Numbers of the orbitals of each atom; −1 where it has fewer than m.
        """
        right, left = (_real_pairs(states)[orbitals] * (orbitals >= 0)[:, :, None] for states in (self.right, self.left))
        left[:, :, left.shape[2] // 2 :] *= -1.0
        between = right[first] @ left[second].transpose(0, 2, 1) + left[first] @ right[second].transpose(0, 2, 1)
        return np.asarray(-2.0 * np.einsum("pkl,pkl->p", between, blocks))


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
        """T(E_F) and its derivatives by shifts of atoms.

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
        InputError, RunError
            As :meth:`response`.
        """
        response = self.response(system)
        return response.transmission, response.to_shifts(atom, int(atom.max(initial=-1)) + 1)

    def response(self, system: TwoTerminal) -> Response:
        """T(E_F) of a device with real H and S, and its derivatives by any elements of H.

        Raises
        ------
        InputError
            If the device's matrices are complex, or its outermost principal layer is not its lead's.
        RunError
            If E_F is on a band edge of a lead, or exactly on a level of a device in one piece that no lead broadens.
        """
        if np.iscomplexobj(system.H.data) or np.iscomplexobj(system.S.data):
            raise InputError("the response of T is that of real Hamiltonians; use Γ alone and no magnetic field.")
        interior, energy = Interior.of(system), system.fermi_energy_eV
        couplings = (interior.left, interior.right)
        leads = (("left", system.left), ("right", system.right))
        surfaces = [self._surfaces.surface(lead, side, energy) for side, lead in leads]
        if min(surface.w.shape[1] for surface in surfaces) == 0:
            return Response.none(system.size)
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
            return Response.none(system.size, zero_if_broken(system, energy))
        n_left = left_lead.W.shape[1]
        first, last = len(left_lead.W), len(states) - len(right_lead.W)
        reflected = states[:first, n_left:].conj().T @ left_lead.W  # ψ_R† W_L
        overlapping = _overlap(interior, states)
        folded = interior.bounds[-1] != system.size
        outer = [np.zeros((lead.size if folded else 0, states.shape[1]), dtype=np.complex128) for _, lead in leads]
        for surface, (h, s), part, own, layer in zip(
            surfaces, couplings, (slice(0, first), slice(last, None)), (0, n_left), outer, strict=True
        ):
            columns, outside, added = _into_lead(surface, energy * s - h, s, states[part], own)
            overlapping[part] += added
            if folded:
                layer[columns] = outside
        whole = np.concatenate([outer[0], states, outer[1]])
        overlapping = np.concatenate([np.zeros_like(outer[0]), overlapping, np.zeros_like(outer[1])])
        left, right = slice(0, n_left), slice(n_left, None)
        return Response(
            float(np.sum(np.abs(reflected) ** 2)),
            whole[:, right] @ reflected,
            whole[:, left],
            overlapping[:, right] @ reflected,
            overlapping[:, left],
        )


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


def _into_lead(surface: SurfaceGreen, coupling: Array, overlap: Array, states: Array, own: int) -> tuple[Integers, Array, Array]:
    """Orbitals of the lead's first layer that the device touches, ψ there, and S times that in the device.

    The lead's channels w are the columns from `own` on: ψ is w there, minus g Aᵀ ψ.
    """
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
    return columns, outside, out


def _times(matrix: Array, states: Array) -> Array:
    """A real matrix times complex states."""
    both = matrix @ np.concatenate([states.real, states.imag], axis=1)
    return np.asarray(both[:, : states.shape[1]] + 1j * both[:, states.shape[1] :])


def _real_pairs(states: Array) -> Floats:
    """Real and imaginary parts side by side, float64[n, 2 channels]."""
    return np.concatenate([states.real, states.imag], axis=1)
