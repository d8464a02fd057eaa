r"""The solver `rgf`: transmission by block elimination between surface Green functions.

The outermost principal layers equal the leads' and are folded into them, so only the interior is eliminated. With
*M = E S − H* there, *A* its coupling to the last lead layer and *g = h − (i/2) w w†* that layer's surface Green function,

.. math:: G^{-1} = M - \sum_{LR} A h A^\dagger + \tfrac{i}{2} \sum_{LR} W W^\dagger, \quad W = A w, \\
          T = \lVert W_L^\dagger G W_R \rVert^2.

W has one column a channel, so the imaginary part is of low rank. Let M' = G⁻¹ − (i/2 − s) W W†, with *s* a number. Then

.. math:: X = W^\dagger M'^{-1} W, \quad W^\dagger G W = X [1 + (\tfrac{i}{2} - s) X]^{-1},

and for a real *s* everything that is large is real for a real Hamiltonian. A principal minor of M' may be singular then;
where its condition number says so, the elimination is repeated with *s = i/2*, for which M' = G⁻¹ and X is the answer.

Systems and energies of a call share what they have in common: blocks of H and S are read once a system, surface Green
functions once a lead and energy, self-energies of rows that no snapshot moves once (:mod:`~sharvin_transport.rgf.lead_coupling`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.grid_wire import GridWire, Systems, number_of_systems, two_terminals
from sharvin.observables import Observables
from sharvin.two_terminal import Lead, TwoTerminal

from sharvin_transport.block_tridiagonal.elimination import CarriedRows, Coupling, Lapack, SingularBlock, forward
from sharvin_transport.block_tridiagonal.interior import Interior
from sharvin_transport.broken_devices import zero_if_broken
from sharvin_transport.leads.surface_green import SurfaceGreen, SurfaceGreens
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.heads import FoldedHeads, HeadCoupling
from sharvin_transport.rgf.lead_coupling import LeadCoupling, LeadCouplings
from sharvin_transport.rgf.observables import observables
from sharvin_transport.rgf.pair_blocks import PairBlocks
from sharvin_transport.rgf.scattering_states import IN_PLACE, REAL_SHIFT, blocks_at
from sharvin_transport.slater_koster.pair_device import DevicePairs, PairDevice

if TYPE_CHECKING:
    from sharvin_transport.rgf.batched import TorchElimination

Array = NDArray[Any]
EndCoupling = LeadCoupling | HeadCoupling
LAPACK = Lapack(real=1e-8, complex=1e-15)
_PORTION_BYTES = 200_000_000


class RecursiveGreen:
    """Elastic transmission by recursive Green functions.

    Parameters
    ----------
    options : RecursiveGreenOptions
    """

    def __init__(self, options: RecursiveGreenOptions) -> None:
        self.options = options
        self.surfaces = SurfaceGreens(options.eta_eV, options.surface)
        self.couplings = LeadCouplings()
        self.heads = FoldedHeads()
        self._batches = _torch_elimination(options.device) if options.backend == "torch" else None

    def transmission(self, systems: Systems, energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
        """T(E), float64[n_systems, n_energies]; energies are relative to each system's Fermi energy.

        Raises
        ------
        InputError
            If a device's outermost principal layer is not its lead's.
        RunError
            If a lead's surface Green function does not converge, or the energy is on a band edge of it.
        """
        energies = np.atleast_1d(np.asarray(energies_eV, dtype=np.float64))
        out = np.empty((number_of_systems(systems), len(energies)))
        start = 0
        for portion in portions(two_terminals(systems)):
            rows = slice(start, start + len(portion))
            absolute = energies + np.array([[system.fermi_energy_eV] for system in portion])
            if self._batches is not None:
                out[rows] = self._batches.transmission(portion, absolute, self.surfaces)
            else:
                out[rows] = self._one_by_one(portion, absolute)
            start = rows.stop
        return out

    def _one_by_one(self, systems: list[TwoTerminal], energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """T at absolute energies [n_systems, n_energies]; the energies are outermost: snapshots share self-energies."""
        out = np.empty(energies.shape)
        if energies.shape[1] == 1:
            for row, system in enumerate(systems):
                out[row, 0] = self._label(system, float(energies[row, 0]))
            return out
        held = [Interior.of(system) for system in systems]
        for column in range(energies.shape[1]):
            for row, (system, interior) in enumerate(zip(systems, held, strict=True)):
                out[row, column] = self._transmission(system, interior, float(energies[row, column]))
        return out

    def observables(
        self, system: TwoTerminal | GridWire, energies_eV: NDArray[np.float64], wave_functions: bool = False
    ) -> Observables:
        """Eigenchannels, densities of states and bond currents; see :class:`sharvin.protocols.ObservingSolver`."""
        return observables(self.surfaces, self.couplings, system, energies_eV, wave_functions)

    def _label(self, system: TwoTerminal, energy_eV: float) -> float:
        """T at a single absolute energy; of a device that holds blocks between atoms no more is read than that needs."""
        pairs = system.pairs if isinstance(system, PairDevice) else None
        blocks = None if pairs is None else PairBlocks.of(pairs, energy_eV)
        if pairs is not None and blocks is not None:
            surfaces = [self.surfaces.surface(lead, side, energy_eV) for side, lead in _leads(system)]
            if not all(surface.w.shape[1] for surface in surfaces):
                return 0.0
            with suppress(SingularBlock):
                return self._from_pairs(system, pairs, blocks, surfaces, energy_eV)
        return self._transmission(system, Interior.of(system), energy_eV)

    def _from_pairs(
        self, system: TwoTerminal, pairs: DevicePairs, blocks: PairBlocks, surfaces: list[SurfaceGreen], energy_eV: float
    ) -> float:
        ends = [
            self.heads.coupling(pairs, to_end, len(block), surface, (lead.key, side, energy_eV), REAL_SHIFT, LAPACK)
            for (side, lead), surface, to_end, block in zip(
                _leads(system), surfaces, (blocks.left, blocks.right), (blocks.diagonal[0], blocks.diagonal[-1]), strict=True
            )
        ]
        return eliminate(blocks.diagonal[0], blocks.following(), ends[0], ends[1], REAL_SHIFT)

    def _transmission(self, system: TwoTerminal, interior: Interior, energy_eV: float) -> float:
        """T at an absolute energy."""
        couplings = []
        for side, lead, (h, s) in (("left", system.left, interior.left), ("right", system.right, interior.right)):
            surface = self.surfaces.surface(lead, side, energy_eV)
            if surface.w.shape[1] == 0:
                return 0.0
            couplings.append(self.couplings.coupling(energy_eV * s - h, surface, (lead.key, side, energy_eV)))
        for shift in (REAL_SHIFT, IN_PLACE):
            with suppress(SingularBlock):
                return eliminate(*blocks_at(interior, energy_eV), couplings[0], couplings[1], shift)
        return zero_if_broken(system, energy_eV)


def _leads(system: TwoTerminal) -> list[tuple[str, Lead]]:
    return [("left", system.left), ("right", system.right)]


def _torch_elimination(device: str) -> TorchElimination:
    """Elimination by torch; torch is imported only here, because no other part of the solver needs it."""
    if importlib.util.find_spec("torch") is None:
        raise InputError("rgf with backend: torch needs torch: pip install 'sharvin-transport[torch]'")
    from sharvin_transport.rgf.batched import TorchElimination

    return TorchElimination(device)


def portions(systems: Iterable[TwoTerminal]) -> Iterator[list[TwoTerminal]]:
    """Successive systems of one shape, as many together as memory should hold as dense blocks."""
    portion: list[TwoTerminal] = []
    shape, held = None, 0
    for system in systems:
        own = (system.size, system.left.size, system.right.size, system.dtype, system.left.H00.dtype, system.right.H00.dtype)
        if portion and (own != shape or held > _PORTION_BYTES):
            yield portion
            portion, held = [], 0
        portion.append(system)
        shape = own
        held += system.nbytes
    if portion:
        yield portion


def eliminate(
    first: Array, following: Iterable[tuple[Coupling, Array]], left: EndCoupling, right: EndCoupling, shift: complex
) -> float:
    """T by elimination from left to right with G⁻¹ shifted by `shift` W W†.

    Parameters
    ----------
    first, following
        The blocks E S − H, as :func:`~sharvin_transport.block_tridiagonal.elimination.forward` takes them; they are overwritten.
    left, right : LeadCoupling or HeadCoupling
        Of the first and of the last block.
    shift : float or complex

    Raises
    ------
    SingularBlock
        If a block is nearly singular on the way; that of another shift need not be.
    """
    real_path = not isinstance(shift, complex)
    # W† M'⁻¹ W of one lead with itself is needed for a real shift only.
    carried = CarriedRows(left.W.conj().T, whole=real_path, within=left.within)
    last = right.added(forward(left.added(first, shift), following, carried, LAPACK), shift)
    rows, n_right = carried.rows, right.W.shape[1]
    solved = LAPACK.solve(last, np.concatenate([right.W, rows.conj().T], axis=1) if real_path else right.W)
    x_lr = rows @ solved[:, :n_right]
    if not real_path:
        return float(np.vdot(x_lr, x_lr).real)
    x_rr = right.W.conj().T @ solved[:, :n_right] + right.within
    x_ll = carried.within + rows @ solved[:, n_right:]
    x = np.block([[x_ll, x_lr], [x_lr.conj().T, x_rr]])
    full = np.linalg.solve(np.eye(len(x)) + (IN_PLACE - shift) * x, x)
    n_left = len(x_ll)
    return float(np.sum(np.abs(full[:n_left, n_left:]) ** 2))
