r"""The solver `rgf`: transmission by block elimination between surface Green functions.

The outermost principal layers equal the leads' and are folded into them, so only the interior is eliminated. With
*M = E S − H* there, *A* its coupling to the last lead layer and *g = h − (i/2) w w†* that layer's surface Green function,

.. math:: G^{-1} = M - \sum_{LR} A h A^\dagger + \tfrac{i}{2} \sum_{LR} W W^\dagger, \quad W = A w, \\
          T = \lVert W_L^\dagger G W_R \rVert^2.

W has one column a channel, so the imaginary part is of low rank. Let M' = G⁻¹ − (i/2 − s) W W†, with *s* a number. Then

.. math:: X = W^\dagger M'^{-1} W, \quad W^\dagger G W = X [1 + (\tfrac{i}{2} - s) X]^{-1},

and for a real *s* everything that is large is real for a real Hamiltonian. A principal minor of M' may be singular then;
where its condition number says so, the elimination is repeated with *s = i/2*, for which M' = G⁻¹ and X is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs
from scipy.sparse import csr_array
from sharvin.errors import InputError, RunError
from sharvin.grid_wire import GridWire, Systems, number_of_systems, two_terminals
from sharvin.observables import Observables
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.configs import RecursiveGreenOptions
from sharvin_transport.surface_green import SurfaceGreen, SurfaceGreens

Array = NDArray[Any]
REAL_SHIFT = 0.5
_SMALLEST_RCOND = 1e-8
_LEAD_DEVIATION_EV = 1e-8


class RecursiveGreen:
    """Elastic transmission by recursive Green functions.

    Parameters
    ----------
    options : RecursiveGreenOptions
    """

    def __init__(self, options: RecursiveGreenOptions) -> None:
        self.options = options
        self.surfaces = SurfaceGreens(options.eta_eV)

    def transmission(self, systems: Systems, energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
        """T(E), float64[n_systems, n_energies]; energies are relative to each system's Fermi energy.

        Raises
        ------
        InputError
            If a device's outermost principal layer is not its lead's.
        RunError
            If a lead's surface Green function does not converge.
        """
        energies = np.atleast_1d(np.asarray(energies_eV, dtype=np.float64))
        out = np.empty((number_of_systems(systems), len(energies)))
        for row, system in enumerate(two_terminals(systems)):
            interior = Interior.of(system)
            for column, energy in enumerate(energies):
                absolute = float(energy + system.fermi_energy)
                left = self.surfaces.surface(system.left, "left", absolute)
                right = self.surfaces.surface(system.right, "right", absolute)
                try:
                    out[row, column] = interior.transmission(absolute, left, right)
                except RunError:
                    if system.connected:
                        raise
                    out[row, column] = 0.0  # a level of a part that no lead touches
        return out

    def observables(
        self, system: TwoTerminal | GridWire, energies_eV: NDArray[np.float64], wave_functions: bool = False
    ) -> Observables:
        """Eigenchannels, densities of states and bond currents; see :class:`sharvin.protocols.ObservingSolver`."""
        from sharvin_transport.observables import observables  # which builds on this module

        return observables(self.surfaces, system, energies_eV, wave_functions)


@dataclass(frozen=True, eq=False)
class Interior:
    """What is eliminated: rows of H and S between the folded principal layers, with their couplings, in blocks.

    ``bounds`` are the block boundaries; the first block holds every row that couples to the left lead, the last one every
    row that couples to the right lead, and no block couples beyond its neighbours.
    """

    diagonal: list[tuple[Array, Array]]
    above: list[tuple[Array, Array]]
    left: tuple[Array, Array]
    right: tuple[Array, Array]
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, system: TwoTerminal) -> Interior:
        """Partition a device.

        Raises
        ------
        InputError
            If a principal layer of the device differs from its lead's.
        """
        n, n_left, n_right = system.size, system.left.size, system.right.size
        _check_layers(system)
        H, S = csr_array(system.H), csr_array(system.S)
        first, last = n_left, n - n_right
        straight = H[:n_left, last:].nnz + S[:n_left, last:].nnz > 0
        if first == last or straight:
            # The two principal layers see each other: they stay in the device, and the leads begin behind them.
            return cls._whole(system, H, S)
        rows = [(H[first:last], S[first:last])]
        h, s = rows[0]
        to_left = _rows_reaching(h, s, 0, first)
        to_right = _rows_reaching(h, s, last, n)
        bounds = partition(h[:, first:last], s[:, first:last], to_left.max(initial=-1) + 1, to_right.min(initial=last - first))
        return cls._cut(h, s, first, bounds, slice(0, first), slice(last, n))

    @classmethod
    def _whole(cls, system: TwoTerminal, H: csr_array, S: csr_array) -> Interior:
        n, n_left, n_right = system.size, system.left.size, system.right.size
        bounds = partition(H, S, n_left, n - n_right)
        inner = cls._cut(H, S, 0, bounds, slice(0, 0), slice(n, n))
        size = np.diff(bounds)
        left = tuple(_raised(np.conj(b).T, 0, int(size[0])) for b in (system.left.H01, system.left.S01))
        right = tuple(_raised(b, int(size[-1]) - n_right, int(size[-1])) for b in (system.right.H01, system.right.S01))
        return cls(inner.diagonal, inner.above, (left[0], left[1]), (right[0], right[1]), bounds)

    @classmethod
    def _cut(cls, h: csr_array, s: csr_array, offset: int, bounds: NDArray[np.int64], left: slice, right: slice) -> Interior:
        """Dense blocks of rows [n, all columns]; interior columns begin at `offset`."""
        diagonal, above = [], []
        blocks = len(bounds) - 1
        contacts: list[tuple[Array, Array]] = [(np.zeros((0, 0)),) * 2] * 2
        covered = 0
        for b in range(blocks):
            rows = slice(int(bounds[b]), int(bounds[b + 1]))
            start, stop = int(bounds[max(b - 1, 0)]), int(bounds[min(b + 2, blocks)])
            own = slice(rows.start - start, rows.stop - start)
            dense = [matrix[rows].toarray() for matrix in (h, s)]
            near = [d[:, offset + start : offset + stop] for d in dense]
            diagonal.append((near[0][:, own], near[1][:, own]))
            if b + 1 < blocks:
                above.append((near[0][:, own.stop :], near[1][:, own.stop :]))
            sides = [left] * (b == 0) + [right] * (b == blocks - 1)
            covered += sum(int(np.count_nonzero(d)) for d in near)
            covered += sum(int(np.count_nonzero(d[:, side])) for side in sides for d in dense)
            if b == 0:
                contacts[0] = (dense[0][:, left], dense[1][:, left])
            if b == blocks - 1:
                contacts[1] = (dense[0][:, right], dense[1][:, right])
        everything = sum(int(np.count_nonzero(matrix.data)) for matrix in (h, s))
        if covered != everything:
            raise RunError(
                f"the block partition would drop {everything - covered} matrix elements; "
                "the device's H or S is not sorted along z."
            )
        return cls(diagonal, above, contacts[0], contacts[1], bounds)

    def transmission(self, energy_eV: float, left: SurfaceGreen, right: SurfaceGreen) -> float:
        """T at an absolute energy."""
        if left.w.shape[1] == 0 or right.w.shape[1] == 0:
            return 0.0
        contact_left = _Contact.of(energy_eV * self.left[1] - self.left[0], left)
        contact_right = _Contact.of(energy_eV * self.right[1] - self.right[0], right)
        value = self._eliminate(energy_eV, contact_left, contact_right, REAL_SHIFT)
        if value is None:
            value = self._eliminate(energy_eV, contact_left, contact_right, 0.5j)
        if value is None:
            raise RunError(f"the device's Green function is singular at {energy_eV:.6f} eV; move the energy by 1e-6 eV.")
        return value

    def _eliminate(self, energy_eV: float, left: _Contact, right: _Contact, shift: complex) -> float | None:
        """T by elimination from left to right with G⁻¹ shifted by `shift` W W†; None if a block is nearly singular."""
        blocks = len(self.diagonal)
        current: Array = left.added(energy_eV * self.diagonal[0][1] - self.diagonal[0][0], shift)
        rows: Array = left.W.conj().T
        x_ll: Array = np.zeros((rows.shape[0],) * 2)
        for b in range(blocks - 1):
            coupling = energy_eV * self.above[b][1] - self.above[b][0]
            used = np.flatnonzero(np.any(coupling != 0, axis=0))
            compact = coupling[:, used]
            solved = _solve(current, np.concatenate([compact, left_columns(rows, shift)], axis=1))
            if solved is None:
                return None
            to_coupling, to_left = solved[:, : len(used)], solved[:, len(used) :]
            if not isinstance(shift, complex):
                x_ll = x_ll + rows @ to_left
            following = energy_eV * self.diagonal[b + 1][1] - self.diagonal[b + 1][0]
            following = following.astype(np.result_type(following, to_coupling))
            following[np.ix_(used, used)] -= compact.conj().T @ to_coupling
            next_rows = np.zeros((rows.shape[0], following.shape[0]), dtype=np.result_type(rows, to_coupling))
            next_rows[:, used] = -(rows @ to_coupling)
            current, rows = following, next_rows
        current = right.added(current, shift)
        complex_path = isinstance(shift, complex)
        wanted = right.W if complex_path else np.concatenate([right.W, rows.conj().T], axis=1)
        solved = _solve(current, wanted)
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


def left_columns(rows: Array, shift: complex) -> Array:
    """Columns whose solution gives X_LL; none where X_LL is not needed."""
    return rows.conj().T if not isinstance(shift, complex) else np.zeros((rows.shape[1], 0), dtype=rows.dtype)


@dataclass(frozen=True, eq=False)
class _Contact:
    """Self-energy of a lead on the block that it touches: hermitian part on `rows`, channels W."""

    rows: NDArray[np.int64]
    sigma: Array
    W: Array

    @classmethod
    def of(cls, coupling: Array, surface: SurfaceGreen) -> _Contact:
        rows = np.flatnonzero(np.any(coupling != 0, axis=1))
        columns = np.flatnonzero(np.any(coupling != 0, axis=0))
        a = coupling[np.ix_(rows, columns)]
        sigma = a @ surface.hermitian[np.ix_(columns, columns)] @ a.conj().T
        W = np.zeros((coupling.shape[0], surface.w.shape[1]), dtype=np.result_type(a, surface.w))
        W[rows] = a @ surface.w[columns]
        return cls(rows, sigma, W)

    def added(self, block: Array, shift: complex) -> Array:
        """The block with this self-energy, its imaginary part replaced by the shift."""
        w = self.W[self.rows]
        out = block.astype(np.result_type(block, self.sigma, w, type(shift)))
        out[np.ix_(self.rows, self.rows)] += shift * (w @ w.conj().T) - self.sigma
        return out


def _solve(matrix: Array, columns: Array) -> Array | None:
    """matrix⁻¹ columns, or None if the matrix is nearly singular."""
    getrf, getrs, gecon = cast(tuple[Any, Any, Any], get_lapack_funcs(("getrf", "getrs", "gecon"), (matrix, columns)))
    norm = float(np.abs(matrix).sum(axis=0).max())
    lu, pivots, info = getrf(matrix)
    if info != 0:
        return None
    rcond, _ = gecon(lu, norm)
    if rcond < (_SMALLEST_RCOND if not np.iscomplexobj(matrix) else 1e-15):
        return None
    solved, _ = getrs(lu, pivots, columns)
    return np.asarray(solved)


def _rows_reaching(h: csr_array, s: csr_array, start: int, stop: int) -> NDArray[np.int64]:
    """Rows with a non-zero element in columns start…stop."""
    rows = [
        np.repeat(np.arange(m.shape[0]), np.diff(m.indptr))[(m.indices >= start) & (m.indices < stop) & (m.data != 0)]
        for m in (h, s)
    ]
    return np.unique(np.concatenate(rows))


def partition(h: csr_array, s: csr_array, first: int, last: int) -> NDArray[np.int64]:
    """Block boundaries of a square sparse matrix such that each block couples to its neighbours only.

    Parameters
    ----------
    h, s : csr_array [n, n]
    first : int
        The first block holds at least the rows 0…first − 1.
    last : int
        The last block holds at least the rows from `last` on.
    """
    n = h.shape[0]
    reach = np.arange(n)
    for matrix in (h, s):
        row = np.repeat(np.arange(n), np.diff(matrix.indptr))
        np.maximum.at(reach, row, matrix.indices)
    reach = np.maximum.accumulate(reach) + 1
    bounds = [0, min(max(first, 1), n)]
    while bounds[-1] < n:
        bounds.append(max(int(reach[bounds[-1] - 1]), bounds[-1] + 1))
    while len(bounds) > 2 and bounds[-2] > last:
        del bounds[-2]
    return np.array(bounds, dtype=np.int64)


def _raised(block: Array, offset: int, rows: int) -> Array:
    """A block placed into the rows of a larger one."""
    out = np.zeros((rows, block.shape[1]), dtype=block.dtype)
    out[offset : offset + block.shape[0]] = block
    return out


def _check_layers(system: TwoTerminal) -> None:
    n = system.size
    for side, lead, part in (
        ("left", system.left, slice(0, system.left.size)),
        ("right", system.right, slice(n - system.right.size, n)),
    ):
        for name, matrix, block in (("H", system.H, lead.H00), ("S", system.S, lead.S00)):
            deviation = np.abs(matrix[part][:, part].toarray() - block).max()
            if deviation > _LEAD_DEVIATION_EV:
                raise InputError(
                    f"the outermost {side} principal layer of the device differs from its lead's {name} by {deviation:.1e}; "
                    "give it the bulk lead's blocks."
                )
