r"""Mulliken populations of an open device with real matrices on a contour, and how they respond to on-site shifts.

H, S and so G (:mod:`~sharvin_transport.neutrality.open_device`) are symmetric, A' = Aᵀ, and the populations of orbitals are

.. math:: n_k = \mathrm{Im} \sum_p w_p \Big[G \Big(S - \sum_{LR} A g S_{\mathrm{lead}}^T\Big)\Big]_{kk} .

The second bracket holds the overlap with the electrodes' atoms, by G_{device, lead} = −G A g. From δG = G δH G,

.. math:: \frac{\partial n_k}{\partial u_l} = \tfrac12\, \mathrm{Im} \sum_p w_p
          \big[(GS)_{kl} (GS)_{lk} + G_{kl} (SGS)_{lk}\big] .
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sharvin_transport.block_tridiagonal.selected_inverse import inverse_by_halves
from sharvin_transport.neutrality.contour import Contour
from sharvin_transport.neutrality.open_device import Array, OpenDevice, RealSingles, Singles, nonzero_span


@dataclass(frozen=True, eq=False)
class RealLeadTerms:
    """A lead's terms on `rows` of the device, complex64[n_points, r, r] each: S g Sᵀ, S g Aᵀ and A g Aᵀ (its own transpose)."""

    rows: slice
    sgs: Singles
    sga: Singles
    aga: Singles

    @classmethod
    def of(cls, coupling: tuple[Array, Array], surface: Singles, contour: Contour) -> RealLeadTerms:
        """From the coupling (H, S) of the device to a lead's layer and its Green functions [n_points, m, m]."""
        used = (coupling[0] != 0) | (coupling[1] != 0)
        rows, columns = nonzero_span(used.any(axis=1)), nonzero_span(used.any(axis=0))
        h, s = (np.ascontiguousarray(part[rows, columns], dtype=np.float32) for part in coupling)
        r = len(s)
        both = np.concatenate([s, h])
        terms = np.empty((3, len(contour.nodes), r, r), dtype=np.complex64)
        for p, node in enumerate(contour.nodes):
            z = np.complex64(node)
            to_both = _times_real(surface[p][columns, columns], both)
            of_s, hgh = _real_times(s, to_both), _real_times(h, to_both[:, r:])
            sgs, sgh = of_s[:, :r], of_s[:, r:]
            terms[0, p] = sgs
            terms[1, p] = z * sgs - sgh
            terms[2, p] = z * (z * sgs - sgh - sgh.T) + hgh
        return cls(rows, *terms)

    def self_energy(self, p: int, u: RealSingles) -> Singles:
        """A g Aᵀ with shifts u float32[r] of the rows, at node p."""
        half = 0.5 * u[:, None]
        mixed = half * self.sga[p]
        return np.asarray(self.aga[p] - mixed - mixed.T + half * self.sgs[p] * half.T)

    def overlap(self, p: int, u: RealSingles) -> Singles:
        """A g Sᵀ with shifts."""
        return np.asarray(self.sga[p].T - 0.5 * u[:, None] * self.sgs[p])


class RealOpenDevice(OpenDevice[RealLeadTerms]):
    """An open device with a real Hamiltonian; see :class:`~sharvin_transport.neutrality.open_device.OpenDevice`."""

    single = np.float32
    symmetric = True
    share = 1.0

    def _terms(self, coupling: tuple[Array, Array], surface: Singles, contour: Contour) -> RealLeadTerms:
        return RealLeadTerms.of(coupling, surface, contour)

    def _back(self, onward: Singles, z: np.complex64, h: Array, s: Array) -> Singles:
        return onward.T

    def _held(self, green: Singles, s: Array) -> Singles:
        return np.asarray(np.einsum("kl,kl->k", green, s))

    def _shared_with_lead(self, green: Singles, terms: RealLeadTerms, p: int, u: RealSingles) -> Singles:
        return np.asarray(np.einsum("kl,lk->k", green, terms.overlap(p, u)))

    def _between(self, green: tuple[Singles, Singles], s: Array) -> Singles:
        return np.asarray(green[0] * s)

    def _responses(self, inverse: Singles, s: Array) -> Singles:
        green = inverse_by_halves(inverse, symmetric=True)
        gs = _times_real(green, s)
        return np.asarray(gs * gs.T + green * _real_times(s, gs))


def _times_real(matrix: Singles, real: RealSingles) -> Singles:
    """Product matrix · realᵀ in real products."""
    n, m = matrix.shape[0], real.shape[0]
    parts = np.concatenate([matrix.real, matrix.imag]) @ real.T
    out = np.empty((n, m), dtype=np.complex64)
    out.real, out.imag = parts[:n], parts[n:]
    return out


def _real_times(real: RealSingles, matrix: Singles) -> Singles:
    """Product real · matrix in real products."""
    m = matrix.shape[1]
    parts = real @ np.ascontiguousarray(matrix).view(np.float32)
    return parts.view(np.complex64).reshape(len(real), m)
