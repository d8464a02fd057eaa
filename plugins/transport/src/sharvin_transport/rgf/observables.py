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
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import zgecon, zgetrf, zgetrs
from scipy.sparse import csr_array
from sharvin.errors import InputError, RunError
from sharvin.grid_wire import GridWire, number_of_systems, two_terminals
from sharvin.observables import Observables
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.leads.surface_green import SurfaceGreen, SurfaceGreens
from sharvin_transport.rgf.interior import extent, partition

Array = NDArray[Any]
Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
_SMALLEST_RCOND = 1e-12


def observables(
    surfaces: SurfaceGreens, system: TwoTerminal | GridWire, energies_eV: Floats, wave_functions: bool = False
) -> Observables:
    """Observables of one system; see :class:`sharvin.protocols.ObservingSolver`.

    Raises
    ------
    InputError
        If a batch of several grid wires is given.
    RunError
        If a surface Green function does not converge, or the device has a level exactly at E that no lead broadens.
    """
    if number_of_systems([system]) != 1:
        raise InputError(f"observables are of one system at a time, not of a batch of {number_of_systems([system])} wires.")
    device = ScatteringDevice.of(next(two_terminals([system])))
    energies = np.atleast_1d(np.asarray(energies_eV, dtype=np.float64))
    found = [device.at(float(energy) + device.system.fermi_energy, surfaces, wave_functions) for energy in energies]
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

    ``diagonal`` and ``above`` hold the dense blocks (H, S); ``bounds`` their boundaries; ``members`` sums orbitals to atoms,
    float64[n_atoms, n].
    """

    system: TwoTerminal
    bounds: NDArray[np.int64]
    diagonal: list[tuple[Array, Array]]
    above: list[tuple[Array, Array]]
    members: csr_array
    bonds: NDArray[np.int64]

    @classmethod
    def of(cls, system: TwoTerminal) -> ScatteringDevice:
        """Cut a device into blocks; the first and the last one hold the principal layers."""
        H, S = (csr_array(matrix).sorted_indices() for matrix in (system.H, system.S))
        n = system.size
        bounds = partition(extent(H, S)[1], system.left.size, n - system.right.size)
        parts = [slice(int(a), int(b)) for a, b in pairwise(bounds)]
        diagonal = [(H[part, part].toarray(), S[part, part].toarray()) for part in parts]
        above = [(H[a, b].toarray(), S[a, b].toarray()) for a, b in pairwise(parts)]
        atom = np.arange(n) if system.atom is None else np.asarray(system.atom)
        members = csr_array((np.ones(n), (atom, np.arange(n))))
        pattern = members @ (abs(H) + abs(S)) @ members.T
        first, second = pattern.nonzero()
        bonds = np.stack([first, second], axis=1)[first < second].astype(np.int64)
        return cls(system, bounds, diagonal, above, members, bonds)

    @property
    def n_atoms(self) -> int:
        """Atoms of the structure."""
        return int(self.members.shape[0])

    def at(self, energy_eV: float, surfaces: SurfaceGreens, wave_functions: bool = True) -> Scattering:
        """Observables at an absolute energy."""
        system = self.system
        to_left = np.conj(energy_eV * system.left.S01 - system.left.H01).T
        to_right = energy_eV * system.right.S01 - system.right.H01
        left = surfaces.surface(system.left, "left", energy_eV)
        right = surfaces.surface(system.right, "right", energy_eV)
        psi = self._scattering_states(energy_eV, (to_left, to_right), (left, right))
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

    def _scattering_states(
        self, energy_eV: float, couplings: tuple[Array, Array], surfaces: tuple[SurfaceGreen, SurfaceGreen]
    ) -> Complex:
        """−G [W_L, W_R], complex128[n, channels of both]."""
        diagonal = [(energy_eV * s - h).astype(np.complex128) for h, s in self.diagonal]
        above = [energy_eV * s - h for h, s in self.above]
        sources = []
        for (coupling, surface), block, part in zip(
            zip(couplings, surfaces, strict=True), (diagonal[0], diagonal[-1]), self._ends(), strict=True
        ):
            W = coupling @ surface.w
            block[part, part] -= coupling @ surface.hermitian @ coupling.conj().T - 0.5j * (W @ W.conj().T)
            source = np.zeros((len(block), W.shape[1]), dtype=np.complex128)
            source[part] = -W
            sources.append(source)
        psi = eliminate(diagonal, above, sources[0], sources[1])
        if psi is None:
            psi = self._dense(diagonal, above, sources, energy_eV)
        return psi

    def _ends(self) -> tuple[slice, slice]:
        """Rows of the principal layers in the first and in the last block."""
        last = int(self.bounds[-1] - self.bounds[-2])
        return slice(0, self.system.left.size), slice(last - self.system.right.size, last)

    def _dense(self, diagonal: list[Complex], above: list[Array], sources: list[Complex], energy_eV: float) -> Complex:
        n, bounds = self.system.size, self.bounds
        inverse = np.zeros((n, n), dtype=np.complex128)
        for b, block in enumerate(diagonal):
            inverse[bounds[b] : bounds[b + 1], bounds[b] : bounds[b + 1]] = block
        for b, block in enumerate(above):
            inverse[bounds[b] : bounds[b + 1], bounds[b + 1] : bounds[b + 2]] = block
            inverse[bounds[b + 1] : bounds[b + 2], bounds[b] : bounds[b + 1]] = block.conj().T
        columns = np.zeros((n, sources[0].shape[1] + sources[1].shape[1]), dtype=np.complex128)
        columns[: bounds[1], : sources[0].shape[1]] = sources[0]
        columns[bounds[-2] :, sources[0].shape[1] :] = sources[1]
        solved = _solve(inverse, columns)
        if solved is None:
            raise RunError(f"the device has a level at {energy_eV:.6f} eV that no lead broadens; move the energy by 1e-6 eV.")
        return solved

    def _mulliken(self, psi: Complex, outside: tuple[Complex, Complex]) -> Floats:
        """Re ψ* (S ψ) of every orbital and state, with the overlap of the principal layers with the leads' first layers."""
        overlap = np.zeros_like(psi)
        bounds, system = self.bounds, self.system
        for b, (_, s) in enumerate(self.diagonal):
            overlap[bounds[b] : bounds[b + 1]] += _product(s, psi[bounds[b] : bounds[b + 1]])
        for b, (_, s) in enumerate(self.above):
            overlap[bounds[b] : bounds[b + 1]] += _product(s, psi[bounds[b + 1] : bounds[b + 2]])
            overlap[bounds[b + 1] : bounds[b + 2]] += _product(s.conj().T, psi[bounds[b] : bounds[b + 1]])
        overlap[: system.left.size] += _product(system.left.S01.conj().T, outside[0])
        overlap[system.size - system.right.size :] += _product(system.right.S01, outside[1])
        return np.asarray((psi.conj() * overlap).real)

    def _bond_currents(self, energy_eV: float, psi: Complex) -> Floats:
        """Currents of the bonds carried by these states, float64[n_bonds]."""
        between = np.zeros((self.n_atoms,) * 2)
        bounds = self.bounds
        for b in range(len(self.diagonal)):
            rows = slice(int(bounds[b]), int(bounds[b + 1]))
            for blocks, columns in (
                (self.diagonal[b], rows),
                *([(self.above[b], slice(rows.stop, int(bounds[b + 2])))] if b < len(self.above) else []),
            ):
                density = psi[rows].conj() @ psi[columns].T
                flow = 2.0 * ((energy_eV * blocks[1] - blocks[0]) * density).imag
                of_atoms = np.asarray(self.members[:, rows] @ flow @ self.members[:, columns].T)
                between += of_atoms
                if columns is not rows:
                    between -= of_atoms.T
        return np.asarray(between[self.bonds[:, 0], self.bonds[:, 1]])


def eliminate(diagonal: list[Complex], above: list[Array], left: Complex, right: Complex) -> Complex | None:
    """Solve a block-tridiagonal system whose blocks below the diagonal are the adjoints of those above.

    Parameters
    ----------
    diagonal, above : list of [n_b, n_b], list of [n_b, n_(b+1)]
    left, right : complex128[n_0, c], complex128[n_last, d]
        Right-hand sides in the rows of the first and of the last block.

    Returns
    -------
    complex128[n, c + d] or None
        None if a block is nearly singular on the way.
    """
    current, source = diagonal[0], left
    steps: list[tuple[NDArray[np.int64], Complex, Complex]] = []
    for following, coupling in zip(diagonal[1:], above, strict=True):
        used = np.flatnonzero(np.any(coupling != 0, axis=0))
        compact = coupling[:, used]
        solved = _solve(current, np.concatenate([compact, source], axis=1))
        if solved is None:
            return None
        to_coupling, to_source = solved[:, : len(used)], solved[:, len(used) :]
        steps.append((used, to_coupling, to_source))
        current = following.copy()
        current[np.ix_(used, used)] -= compact.conj().T @ to_coupling
        source = np.zeros((len(following), left.shape[1]), dtype=np.complex128)
        source[used] = -compact.conj().T @ to_source
    psi = _solve(current, np.concatenate([source, right], axis=1))
    if psi is None:
        return None
    parts = [psi]
    for used, to_coupling, to_source in reversed(steps):
        psi = -to_coupling @ psi[used]
        psi[:, : left.shape[1]] += to_source
        parts.append(psi)
    return np.concatenate(parts[::-1])


def _solve(matrix: Complex, columns: Array) -> Complex | None:
    """matrix⁻¹ columns, or None if the matrix is nearly singular."""
    norm = float(np.abs(matrix).sum(axis=0).max())
    lu, pivots, info = zgetrf(matrix)
    if info != 0 or not zgecon(lu, norm)[0] > _SMALLEST_RCOND:
        return None
    return np.asarray(zgetrs(lu, pivots, columns)[0])


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
