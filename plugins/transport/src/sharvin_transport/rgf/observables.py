r"""Observables of an open device from its scattering states, one block factorisation an energy.

With *K = E S − H* of the device, *A* its coupling K to the first layer of a lead, *g = h − (i/2) w w†* the Green function of that
layer and *W = A w*, one column an open channel,

.. math:: G = \Big(K - \sum_{LR} A g A^\dagger\Big)^{-1}, \quad \psi_{L,R} = -G W_{L,R}, \quad
          t = W_R^\dagger \psi_L, \quad A_{L,R} = \psi_{L,R} \psi_{L,R}^\dagger.

In the first layer of a lead the same states are :math:`w - g A^\dagger \psi` where they come from that lead and
:math:`- g A^\dagger \psi` where they do not, so the Mulliken weights of the outermost orbitals count their overlap with the lead,
and every atom of a homogeneous wire has the same density of states. The current from orbital i to j is
:math:`J_{ij} = 2\,\mathrm{Im} \sum_L \psi_i^* K_{ij} \psi_j`: K ψ = 0 inside the device makes it conserved also where orbitals
overlap (Paulsson and Brandbyge, Phys. Rev. B 76, 115117 (2007), for the eigenchannels; Todorov, J. Phys.: Condens. Matter 14,
3049 (2002), for the currents).

K − Σ is block-tridiagonal and is eliminated from left to right; where the elimination meets a nearly singular minor, that energy
is solved by one dense factorisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sharvin.errors import InputError, RunError
from sharvin.grid_wire import GridWire, number_of_systems, two_terminals
from sharvin.observables import Observables
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.block_tridiagonal.elimination import Lapack, SingularBlock
from sharvin_transport.block_tridiagonal.interior import Interior
from sharvin_transport.broken_devices import touched_orbitals
from sharvin_transport.leads.surface_green import SurfaceGreen, SurfaceGreens
from sharvin_transport.rgf.lead_coupling import LeadCoupling, LeadCouplings
from sharvin_transport.rgf.scattering_states import IN_PLACE, scattering_states

Array = NDArray[Any]
Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
LAPACK = Lapack(complex=1e-12)


def observables(
    surfaces: SurfaceGreens,
    lead_couplings: LeadCouplings,
    system: TwoTerminal | GridWire,
    energies_eV: Floats,
    wave_functions: bool = False,
) -> Observables:
    """Observables of one system; see :class:`sharvin.protocols.ObservingSolver`.

    Raises
    ------
    InputError
        If a batch of several grid wires is given.
    RunError
        If a surface Green function does not converge, or what the leads touch has a level exactly at E that none broadens.
    """
    if number_of_systems([system]) != 1:
        raise InputError(f"observables are of one system at a time, not of a batch of {number_of_systems([system])} wires.")
    device = ScatteringDevice.of(next(two_terminals([system])))
    energies = np.atleast_1d(np.asarray(energies_eV, dtype=np.float64))
    absolute = [float(energy) + device.system.fermi_energy_eV for energy in energies]
    found = [device.at(energy, surfaces, lead_couplings, wave_functions) for energy in absolute]
    most = max((len(one.eigenchannels) for one in found), default=0)
    waves = None
    if wave_functions:
        waves = np.zeros((len(energies), device.system.size, most), dtype=np.complex128)
        for row, one in enumerate(found):
            waves[row, :, : one.waves.shape[1]] = one.waves
    n_atoms, n_bonds = device.n_atoms, len(device.bonds)
    return Observables(
        energies_eV=energies,
        open_channels=np.array([one.open_channels for one in found], dtype=np.int64).reshape(-1, 2),
        eigenchannels=np.array([np.pad(one.eigenchannels, (0, most - len(one.eigenchannels))) for one in found]).reshape(
            len(energies), most
        ),
        ldos_left_per_eV=np.array([one.weights[0] for one in found]).reshape(len(energies), n_atoms),
        ldos_right_per_eV=np.array([one.weights[1] for one in found]).reshape(len(energies), n_atoms),
        bonds=device.bonds,
        bond_currents=np.array([one.currents for one in found]).reshape(len(energies), n_bonds),
        wave_functions=waves,
    )


@dataclass(frozen=True, eq=False)
class Scattering:
    """What one energy gives: see :class:`~sharvin.observables.Observables`; `weights` are those of the left and right states."""

    open_channels: tuple[int, int]
    eigenchannels: Floats
    weights: tuple[Floats, Floats]
    currents: Floats
    waves: Complex


@dataclass(frozen=True, eq=False)
class ScatteringDevice:
    """A device in blocks along z that couple to their neighbours only, with its atoms and bonds.

    ``interior`` holds the blocks, the first and the last one with the principal layers; ``members`` sums orbitals to atoms,
    float64[n_atoms, n].
    """

    system: TwoTerminal
    interior: Interior
    members: csr_array
    bonds: NDArray[np.int64]

    @classmethod
    def of(cls, system: TwoTerminal) -> ScatteringDevice:
        """Cut a device into blocks, and find its bonds."""
        n = system.size
        atom = np.arange(n) if system.atom is None else np.asarray(system.atom)
        members = csr_array((np.ones(n), (atom, np.arange(n))))
        pattern = members @ (abs(system.H) + abs(system.S)) @ members.T
        first, second = pattern.nonzero()
        bonds = np.stack([first, second], axis=1)[first < second].astype(np.int64)
        return cls(system, Interior.whole(system), members, bonds)

    @property
    def n_atoms(self) -> int:
        """Atoms of the structure."""
        return int(self.members.shape[0])

    def at(
        self, energy_eV: float, surfaces: SurfaceGreens, lead_couplings: LeadCouplings, wave_functions: bool = True
    ) -> Scattering:
        """Observables at an absolute energy."""
        system = self.system
        to_left = np.conj(energy_eV * system.left.S01 - system.left.H01).T
        to_right = energy_eV * system.right.S01 - system.right.H01
        left = surfaces.surface(system.left, "left", energy_eV)
        right = surfaces.surface(system.right, "right", energy_eV)
        couplings = [
            lead_couplings.coupling(energy_eV * s - h, surface, (lead.key, side, energy_eV))
            for side, lead, surface, (h, s) in (
                ("left", system.left, left, self.interior.left),
                ("right", system.right, right, self.interior.right),
            )
        ]
        psi = self._scattering_states(energy_eV, couplings[0], couplings[1])
        n_left = left.w.shape[1]
        t = -(to_right @ right.w).conj().T @ psi[system.size - system.right.size :, :n_left]
        _, s, vh = np.linalg.svd(t, full_matrices=False)
        outside = (
            _in_lead(left, to_left, psi[: system.left.size], 0),
            _in_lead(right, to_right, psi[system.size - system.right.size :], n_left),
        )
        weight = self._mulliken(psi, outside) / (2 * np.pi)
        return Scattering(
            open_channels=(n_left, int(right.w.shape[1])),
            eigenchannels=np.asarray(s**2),
            weights=(self.members @ weight[:, :n_left].sum(axis=1), self.members @ weight[:, n_left:].sum(axis=1)),
            currents=self._bond_currents(energy_eV, psi[:, :n_left]),
            waves=psi[:, :n_left] @ vh.conj().T if wave_functions else np.zeros((0, 0), dtype=np.complex128),
        )

    def _scattering_states(self, energy_eV: float, left: LeadCoupling, right: LeadCoupling) -> Complex:
        """−G [W_L, W_R], complex128[n, channels of both]."""
        try:
            return scattering_states(self.interior, energy_eV, left, right, IN_PLACE, LAPACK)
        except SingularBlock:
            return self._dense(energy_eV, left, right)

    def _dense(self, energy_eV: float, left: LeadCoupling, right: LeadCoupling) -> Complex:
        """The same by one factorisation; zero on orbitals of a broken device that no lead touches."""
        system, n_left = self.system, left.W.shape[1]
        first, last = slice(0, len(left.W)), slice(system.size - len(right.W), system.size)
        inverse = (energy_eV * system.S - system.H).toarray().astype(np.complex128)
        inverse[first, first] = left.added(inverse[first, first], IN_PLACE)
        inverse[last, last] = right.added(inverse[last, last], IN_PLACE)
        sources = np.zeros((system.size, n_left + right.W.shape[1]), dtype=np.complex128)
        sources[first, :n_left], sources[last, n_left:] = left.W, right.W
        touched, psi = touched_orbitals(system), np.zeros_like(sources)
        try:
            psi[touched] = -LAPACK.solve(inverse[np.ix_(touched, touched)], sources[touched])
        except SingularBlock:
            raise RunError(
                f"the device has a level at {energy_eV:.6f} eV that no lead broadens; move the energy by 1e-6 eV."
            ) from None
        return psi

    def _mulliken(self, psi: Complex, outside: tuple[Complex, Complex]) -> Floats:
        """Re ψ* (S ψ) of every orbital and state, with the overlap of the principal layers with the leads' first layers."""
        overlap = np.zeros_like(psi)
        bounds, system = self.interior.bounds, self.system
        for b, (_, s) in enumerate(self.interior.diagonal):
            overlap[bounds[b] : bounds[b + 1]] += _product(s, psi[bounds[b] : bounds[b + 1]])
        for b, (_, s) in enumerate(self.interior.above):
            overlap[bounds[b] : bounds[b + 1]] += _product(s, psi[bounds[b + 1] : bounds[b + 2]])
            overlap[bounds[b + 1] : bounds[b + 2]] += _product(s.conj().T, psi[bounds[b] : bounds[b + 1]])
        overlap[: system.left.size] += _product(system.left.S01.conj().T, outside[0])
        overlap[system.size - system.right.size :] += _product(system.right.S01, outside[1])
        return np.asarray((psi.conj() * overlap).real)

    def _bond_currents(self, energy_eV: float, psi: Complex) -> Floats:
        """Currents of the bonds carried by these states, float64[n_bonds]."""
        between = np.zeros((self.n_atoms,) * 2)
        bounds, diagonal, above = self.interior.bounds, self.interior.diagonal, self.interior.above
        for b in range(len(diagonal)):
            rows = slice(int(bounds[b]), int(bounds[b + 1]))
            for blocks, columns in (
                (diagonal[b], rows),
                *([(above[b], slice(rows.stop, int(bounds[b + 2])))] if b < len(above) else []),
            ):
                density = psi[rows].conj() @ psi[columns].T
                flow = 2.0 * ((energy_eV * blocks[1] - blocks[0]) * density).imag
                of_atoms = np.asarray(self.members[:, rows] @ flow @ self.members[:, columns].T)
                between += of_atoms
                if columns is not rows:
                    between -= of_atoms.T
        return np.asarray(between[self.bonds[:, 0], self.bonds[:, 1]])


def _in_lead(surface: SurfaceGreen, coupling: Array, psi: Complex, first: int) -> Complex:
    """The states in the lead's first layer; its own channels are the columns from `first` on."""
    inward = coupling.conj().T @ psi
    w = surface.w
    out = -(surface.hermitian @ inward - 0.5j * (w @ (w.conj().T @ inward)))
    out[:, first : first + w.shape[1]] += w
    return np.asarray(out)


def _product(matrix: Array, psi: Complex) -> Complex:
    """The product, without making a real matrix complex."""
    if np.iscomplexobj(matrix):
        return np.asarray(matrix @ psi)
    both = matrix @ np.concatenate([psi.real, psi.imag], axis=1)
    return np.asarray(both[:, : psi.shape[1]] + 1j * both[:, psi.shape[1] :])
