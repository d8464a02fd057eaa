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
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs
from sharvin.errors import InputError, RunError
from sharvin.grid_wire import GridWire, Systems, number_of_systems, two_terminals
from sharvin.observables import Observables
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.leads.surface_green import SurfaceGreens
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.interior import Interior
from sharvin_transport.rgf.lead_coupling import Contact, Contacts
from sharvin_transport.rgf.observables import observables

if TYPE_CHECKING:
    from sharvin_transport.rgf.batched import TorchElimination

__all__ = ["Interior", "RecursiveGreen"]

Array = NDArray[Any]
REAL_SHIFT = 0.5
_SMALLEST_RCOND = 1e-8
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
        self.contacts = Contacts()
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
            absolute = energies + np.array([[system.fermi_energy] for system in portion])
            if self._batches is not None:
                out[rows] = self._batches.transmission(portion, absolute, self.surfaces)
            else:
                out[rows] = self._one_by_one(portion, absolute)
            start = rows.stop
        return out

    def _one_by_one(self, systems: list[TwoTerminal], energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """T at absolute energies [n_systems, n_energies]; the energies are outermost, so that snapshots share their contacts."""
        interiors = [Interior.of(system) for system in systems]
        out = np.empty(energies.shape)
        for column in range(energies.shape[1]):
            for row, (system, interior) in enumerate(zip(systems, interiors, strict=True)):
                out[row, column] = self._transmission(system, interior, float(energies[row, column]))
        return out

    def observables(
        self, system: TwoTerminal | GridWire, energies_eV: NDArray[np.float64], wave_functions: bool = False
    ) -> Observables:
        """Eigenchannels, densities of states and bond currents; see :class:`sharvin.protocols.ObservingSolver`."""
        return observables(self.surfaces, system, energies_eV, wave_functions)

    def _transmission(self, system: TwoTerminal, interior: Interior, energy_eV: float) -> float:
        """T at an absolute energy."""
        contacts = []
        for side, lead, (h, s) in (("left", system.left, interior.left), ("right", system.right, interior.right)):
            surface = self.surfaces.surface(lead, side, energy_eV)
            if surface.w.shape[1] == 0:
                return 0.0
            contacts.append(self.contacts.contact(energy_eV * s - h, surface, (lead.key, side, energy_eV)))
        for shift in (REAL_SHIFT, 0.5j):
            value = eliminate(interior, energy_eV, contacts[0], contacts[1], shift)
            if value is not None:
                return value
        if not system.connected:
            return 0.0  # a level of a part that no lead touches
        raise RunError(f"the device's Green function is singular at {energy_eV:.6f} eV; move the energy by 1e-6 eV.")


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
        own = (system.size, system.left.size, system.right.size, system.H.dtype, system.left.H00.dtype, system.right.H00.dtype)
        if portion and (own != shape or held > _PORTION_BYTES):
            yield portion
            portion, held = [], 0
        portion.append(system)
        shape = own
        held += (system.H.nnz + system.S.nnz) * system.H.dtype.itemsize
    if portion:
        yield portion


def eliminate(interior: Interior, energy_eV: float, left: Contact, right: Contact, shift: complex) -> float | None:
    """T by elimination from left to right with G⁻¹ shifted by `shift` W W†; None if a block is nearly singular."""
    diagonal = interior.diagonal
    complex_path = isinstance(shift, complex)
    current = left.added(energy_eV * diagonal[0][1] - diagonal[0][0], shift)
    rows: Array = left.W.conj().T
    x_ll: Array = np.zeros((rows.shape[0],) * 2)
    for b, (h, s) in enumerate(interior.above):
        coupling = energy_eV * s - h
        used = np.flatnonzero(np.any(coupling != 0, axis=0))
        compact = coupling[:, used]
        # X_LL is needed for a real shift only.
        columns = compact if complex_path else np.concatenate([compact, rows.conj().T], axis=1)
        solved = solve(current, columns)
        if solved is None:
            return None
        to_coupling, to_left = solved[:, : len(used)], solved[:, len(used) :]
        if not complex_path:
            x_ll = x_ll + rows @ to_left
        following = energy_eV * diagonal[b + 1][1] - diagonal[b + 1][0]
        following = following.astype(np.result_type(following, to_coupling), copy=False)
        following[np.ix_(used, used)] -= compact.conj().T @ to_coupling
        next_rows = np.zeros((rows.shape[0], following.shape[0]), dtype=np.result_type(rows, to_coupling))
        next_rows[:, used] = -(rows @ to_coupling)
        current, rows = following, next_rows
    current = right.added(current, shift)
    solved = solve(current, right.W if complex_path else np.concatenate([right.W, rows.conj().T], axis=1))
    if solved is None:
        return None
    n_right = right.W.shape[1]
    x_lr = rows @ solved[:, :n_right]
    if complex_path:
        return float(np.vdot(x_lr, x_lr).real)
    x_rr = right.W.conj().T @ solved[:, :n_right]
    x_ll = x_ll + rows @ solved[:, n_right:]
    x = np.block([[x_ll, x_lr], [x_lr.conj().T, x_rr]])
    full = np.linalg.solve(np.eye(len(x)) + (0.5j - shift) * x, x)
    n_left = len(x_ll)
    return float(np.sum(np.abs(full[:n_left, n_left:]) ** 2))


def solve(matrix: Array, columns: Array) -> Array | None:
    """matrix⁻¹ columns, or None if the matrix is nearly singular; the matrix is overwritten."""
    getrf, getrs, gecon = cast(tuple[Any, Any, Any], get_lapack_funcs(("getrf", "getrs", "gecon"), (matrix, columns)))
    norm = float(np.abs(matrix).sum(axis=1).max())
    # LAPACK sees the transpose of a C-ordered matrix, which need not be copied
    lu, pivots, info = getrf(matrix.T, overwrite_a=True)
    if info != 0:
        return None
    rcond, _ = gecon(lu, norm)
    if rcond < (_SMALLEST_RCOND if not np.iscomplexobj(matrix) else 1e-15):
        return None
    solved, _ = getrs(lu, pivots, columns, trans=1)
    return np.asarray(solved)
