r"""How the transmission of an open device responds to on-site shifts of its atoms, for all atoms at once.

Shifts u move H by ½ (u S + S u), see :mod:`~sharvin_transport.neutrality.open_device`. With the scattering states ψ = −G W of
:mod:`~sharvin_transport.rgf.observables`, first-order perturbation theory gives

.. math:: dT = 2\,\mathrm{Re}\,\mathrm{tr}[M\, dH], \quad M = G \Gamma_R G^\dagger \Gamma_L G
          = -\psi_R\, (\psi_R^\dagger W_L^*)\, \psi_L^T

where H, S and so G are symmetric: a real Hamiltonian without a magnetic field. An atom that overlaps with a lead also moves the
coupling to it, so S ψ holds the states' continuation into the lead's first layer.

As in :mod:`~sharvin_transport.rgf.recursive_green` the principal layers are folded into the leads and what is large is real: X =
M'⁻¹ W is solved for by elimination and back substitution, and G W = X [1 + (i/2 − s) Wᵀ X]⁻¹. It takes 1.3 times as long as T
alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError, RunError
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.leads.surface_green import SurfaceGreen, SurfaceGreens
from sharvin_transport.rgf.interior import Interior
from sharvin_transport.rgf.lead_coupling import Contact, Contacts
from sharvin_transport.rgf.recursive_green import REAL_SHIFT, solve

Array = NDArray[Any]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class OnsiteResponse:
    """T(E_F) of devices with real matrices, and its derivative with respect to on-site shifts.

    Parameters
    ----------
    surfaces, contacts
        Those of a solver, which are shared with it.
    """

    def __init__(self, surfaces: SurfaceGreens, contacts: Contacts) -> None:
        self._surfaces = surfaces
        self._contacts = contacts

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
            If E_F is on a band edge of a lead, or exactly on a level that no lead broadens.
        """
        if np.iscomplexobj(system.H.data) or np.iscomplexobj(system.S.data):
            raise InputError("the response to on-site shifts is that of real Hamiltonians; use Γ alone and no magnetic field.")
        interior, energy = Interior.of(system), system.fermi_energy
        if interior.bounds[-1] != system.size:
            atom = atom[system.left.size : system.size - system.right.size]
        couplings = (interior.left, interior.right)
        leads = (("left", system.left), ("right", system.right))
        surfaces = [self._surfaces.surface(lead, side, energy) for side, lead in leads]
        count = int(atom.max(initial=-1)) + 1
        if min(surface.w.shape[1] for surface in surfaces) == 0:
            return 0.0, np.zeros(count)
        contacts = [
            self._contacts.contact(energy * s - h, surface, (lead.key, side, energy))
            for (side, lead), surface, (h, s) in zip(leads, surfaces, couplings, strict=True)
        ]
        states = scattering_states(interior, energy, contacts[0], contacts[1])
        if states is None:
            raise RunError(f"the device's Green function is singular at {energy:.6f} eV; move the energy by 1e-6 eV.")
        n_left = contacts[0].W.shape[1]
        first, last = len(contacts[0].W), len(states) - len(contacts[1].W)
        reflected = states[:first, n_left:].conj().T @ contacts[0].W  # ψ_R† W_L
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


def scattering_states(interior: Interior, energy_eV: float, left: Contact, right: Contact) -> Array | None:
    """−G [W_L, W_R], complex128[n, channels of both]; None where the device has a level that no lead broadens."""
    for shift in (REAL_SHIFT, 0.5j):
        solved = _solutions(interior, energy_eV, left, right, shift)
        if solved is None:
            continue
        x = np.concatenate([left.W.T @ solved[: len(left.W)], right.W.T @ solved[len(solved) - len(right.W) :]])
        return -np.asarray(np.linalg.solve((np.eye(len(x)) + (0.5j - shift) * x).T, solved.T).T)
    return None


def _solutions(interior: Interior, energy_eV: float, left: Contact, right: Contact, shift: complex) -> Array | None:
    """M'⁻¹ [W_L, W_R] by elimination from left to right and back substitution; None if a block is nearly singular."""
    diagonal = interior.diagonal
    current: Array = left.added(energy_eV * diagonal[0][1] - diagonal[0][0], shift)
    source: Array = left.W
    n_left = source.shape[1]
    steps: list[tuple[Integers, Array, Array]] = []
    for (h, s), (h_next, s_next) in zip(interior.above, diagonal[1:], strict=True):
        coupling = energy_eV * s - h
        used = np.flatnonzero(np.any(coupling != 0, axis=0))
        compact = coupling[:, used]
        solved = solve(current, np.concatenate([compact, source], axis=1))
        if solved is None:
            return None
        to_coupling, to_source = solved[:, : len(used)], solved[:, len(used) :]
        steps.append((used, to_coupling, to_source))
        following = (energy_eV * s_next - h_next).astype(to_coupling.dtype, copy=False)
        following[np.ix_(used, used)] -= compact.T @ to_coupling
        source = np.zeros((len(following), n_left), dtype=to_source.dtype)
        source[used] = -compact.T @ to_source
        current = following
    current = right.added(current, shift)
    found = solve(current, np.concatenate([source, right.W], axis=1))
    if found is None:
        return None
    parts = [found]
    for used, to_coupling, to_source in reversed(steps):
        found = -to_coupling @ found[used]
        found[:, :n_left] += to_source
        parts.append(found)
    return np.concatenate(parts[::-1])


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
