r"""Block elimination of `rgf` for batches of systems and energies at once, by torch in complex128, on a processor or a GPU.

The blocks, self-energies and channels are those of :mod:`~sharvin_transport.rgf.recursive_green`; with the imaginary part in its
place (s = i/2 there), from left to right,

.. math:: D_1 = M_{11} - \Sigma_L, \quad D_{b+1} = M_{b+1,b+1} - M_{b,b+1}^\dagger D_b^{-1} M_{b,b+1}, \quad
          R_{b+1} = -R_b D_b^{-1} M_{b,b+1}, \\
          T = \lVert R_N (D_N - \Sigma_R)^{-1} W_R \rVert^2, \quad R_1 = W_L^\dagger.

All systems of a batch are cut at the same places, and all energies of a batch have as many columns W as the one with the most
channels; the others' are filled up with zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.block_tridiagonal.elimination import CarriedRows, Coupling, forward
from sharvin_transport.block_tridiagonal.interior import Interior, Pair
from sharvin_transport.broken_devices import zero_if_broken
from sharvin_transport.leads.surface_green import SurfaceGreen, SurfaceGreens

Tensor = torch.Tensor
_BYTES = {"cpu": 200_000_000, "cuda": 2_000_000_000}
_COPIES = 6  # of a diagonal block, alive at once


class TorchElimination:
    """Elimination on a torch device.

    Parameters
    ----------
    device : {"cpu", "cuda"}

    Raises
    ------
    InputError
        If there is no such device.
    """

    def __init__(self, device: str) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError(
                "device: cuda, but torch finds no GPU here; use device: cpu, or install torch with CUDA on a GPU node."
            )
        self.device = torch.device(device)

    def transmission(
        self, systems: Sequence[TwoTerminal], energies_eV: NDArray[np.float64], surfaces: SurfaceGreens
    ) -> NDArray[np.float64]:
        """T, float64[n_systems, n_energies], of systems of one shape at absolute energies [n_systems, n_energies]."""
        interiors = Interior.alike(systems)
        largest = int(np.diff(interiors[0].bounds).max())
        together = max(1, _BYTES[self.device.type] // (16 * _COPIES * largest**2))
        blocks = _Blocks(interiors, self.device)
        out = np.zeros(energies_eV.shape)
        # energies outermost, so that a batch has few surfaces
        energy, system = np.divmod(np.arange(out.size), len(systems))
        for start in range(0, out.size, together):
            i, j = system[start : start + together], energy[start : start + together]
            absolute = energies_eV[i, j]
            sides = [
                [surfaces.surface(getattr(systems[a], side), side, float(e)) for a, e in zip(i, absolute, strict=True)]
                for side in ("left", "right")
            ]
            open_ = np.flatnonzero([all(s.w.shape[1] for s in both) for both in zip(*sides, strict=True)])
            if len(open_):
                chosen = [[side[k] for k in open_] for side in sides]
                values, singular = self._eliminate(blocks, i[open_], absolute[open_], chosen)
                for k in np.flatnonzero(singular):
                    values[k] = zero_if_broken(systems[i[open_[k]]], float(absolute[open_[k]]))
                out[i[open_], j[open_]] = values
        return out

    def _eliminate(
        self, blocks: _Blocks, i: NDArray[np.int64], energies: NDArray[np.float64], surfaces: list[list[SurfaceGreen]]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """T of each system and energy of a batch, and whether a block was singular."""
        which = torch.as_tensor(i, device=self.device)
        e = torch.as_tensor(energies, device=self.device)[:, None, None]

        def matrix(pair: tuple[Tensor, Tensor]) -> Tensor:
            return e * pair[1][which] - pair[0][which]

        sigma_left, w_left = self._lead_coupling(matrix(blocks.left), surfaces[0])
        sigma_right, w_right = self._lead_coupling(matrix(blocks.right), surfaces[1])
        following = (
            (Coupling(used, matrix((h, s)).to(torch.complex128)), matrix(diagonal))
            for (used, h, s), diagonal in zip(blocks.above, blocks.diagonal[1:], strict=True)
        )
        carried, batch = CarriedRows(w_left.mH), Batch(len(i), self.device)
        last = forward(matrix(blocks.diagonal[0]) - sigma_left, following, carried, batch) - sigma_right
        solved = batch.solve(last, w_right)
        return ((carried.rows @ solved).abs() ** 2).sum(dim=(1, 2)).cpu().numpy(), batch.singular.cpu().numpy()

    def _lead_coupling(self, coupling: Tensor, surfaces: list[SurfaceGreen]) -> tuple[Tensor, Tensor]:
        """Self-energy and channels of a lead on its block, complex128 [batch, n, n] and [batch, n, channels]."""
        distinct = list(dict.fromkeys(surfaces))
        place = {surface: k for k, surface in enumerate(distinct)}
        index = torch.as_tensor([place[surface] for surface in surfaces], device=self.device)
        channels = max(surface.w.shape[1] for surface in distinct)
        wide = np.zeros((len(distinct), coupling.shape[-1], channels), dtype=np.complex128)
        for k, surface in enumerate(distinct):
            wide[k, :, : surface.w.shape[1]] = surface.w
        h = torch.as_tensor(np.array([s.hermitian for s in distinct]), device=self.device).to(torch.complex128)
        columns = torch.nonzero((coupling != 0).any(dim=1).any(dim=0)).ravel()
        rows = torch.nonzero((coupling != 0).any(dim=2).any(dim=0)).ravel()
        a = coupling[:, rows[:, None], columns].to(torch.complex128)
        w = torch.as_tensor(wide, device=self.device)[:, columns]
        green = (h[:, columns[:, None], columns] - 0.5j * (w @ w.mH))[index]
        sigma, W = (
            torch.zeros((*coupling.shape[:2], width), dtype=torch.complex128, device=self.device)
            for width in (coupling.shape[1], channels)
        )
        sigma[:, rows[:, None], rows] = a @ green @ a.mH
        W[:, rows] = a @ w[index]
        return sigma, W


class Batch:
    """The steps of elimination for a batch of matrices; see :class:`~sharvin_transport.block_tridiagonal.elimination.Algebra`.

    Attributes
    ----------
    singular : bool[batch]
        Which of them had a singular block; their results have no meaning.
    """

    def __init__(self, size: int, device: torch.device) -> None:
        self.singular = torch.zeros(size, dtype=torch.bool, device=device)

    def solve(self, block: Tensor, columns: Tensor) -> Tensor:
        """block⁻¹ columns."""
        solved: Tensor
        solved, info = torch.linalg.solve_ex(block, columns)
        self.singular |= info != 0
        return solved

    def beside(self, left: Tensor, right: Tensor) -> Tensor:
        """Both, columns after columns."""
        return torch.cat([left, right], dim=-1)

    def zeros(self, rows: int, columns: int, like: Tensor) -> Tensor:
        """Zeros of the number type, the batch and the device of `like`."""
        return like.new_zeros((*like.shape[:-2], rows, columns))

    def able_to_hold(self, block: Tensor, other: Tensor) -> Tensor:
        """The block in the number type of the other."""
        return block.to(other.dtype)


class _Blocks:
    """Blocks of H and S of all systems on the device; couplings between blocks have only the columns that any system uses."""

    def __init__(self, interiors: list[Interior], device: torch.device) -> None:
        def stacked(pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
            h, s = (torch.as_tensor(np.array([pair[k] for pair in pairs]), device=device) for k in (0, 1))
            return h, s

        self.diagonal = [stacked(pairs) for pairs in zip(*(one.diagonal for one in interiors), strict=True)]
        self.left = stacked([one.left for one in interiors])
        self.right = stacked([one.right for one in interiors])
        self.above: list[tuple[Tensor, Tensor, Tensor]] = []
        for pairs in zip(*(one.above for one in interiors), strict=True):
            h, s = stacked(pairs)
            used = torch.nonzero(((h != 0) | (s != 0)).any(dim=1).any(dim=0)).ravel()
            self.above.append((used, h[:, :, used], s[:, :, used]))
