r"""Mulliken populations of an open device at a transverse k-point, and how they respond to on-site shifts.

As in :mod:`~sharvin_transport.neutrality.open_device`, but H(k) and S(k) are complex and Hermitian, so G is not symmetric, and
the coupling of the lead to the device is :math:`A' = z S^\dagger - H^\dagger`, not the adjoint of *A = z S − H*. A device without
a magnetic field has :math:`G_{-k} = G_k^T`. The mean over k and −k is therefore

.. math:: n_a = \tfrac12\, \mathrm{Im} \sum_p w_p \big[G S + S G\big]_{aa},

with the overlap with the leads' layers in both products, and its response to shifts

.. math:: \frac{\partial n_a}{\partial u_l} = \tfrac14\, \mathrm{Im} \sum_p w_p \big[(GS)_{al} (GS)_{la} + G_{al} (SGS)_{la}
          + (SGS)_{al} G_{la} + (SG)_{al} (SG)_{la}\big].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sharvin_transport.block_tridiagonal.selected_inverse import inverse_by_halves
from sharvin_transport.neutrality.contour import Contour
from sharvin_transport.neutrality.lead_terms import nonzero_span
from sharvin_transport.neutrality.open_device import Array, Integers, OpenDevice, RealSingles, Singles


@dataclass(frozen=True, eq=False)
class LeadTermsAtK:
    """A lead's terms on `rows` of the device, complex64[n_points, r, r] each: S g S†, S g A', A g S† and A g A'."""

    rows: slice
    sgs: Singles
    sga: Singles
    ags: Singles
    aga: Singles

    @classmethod
    def of(cls, coupling: tuple[Array, Array], surface: Singles, contour: Contour) -> LeadTermsAtK:
        """From the coupling (H, S) of the device to a lead's layer and its Green functions [n_points, m, m]."""
        used = (coupling[0] != 0) | (coupling[1] != 0)
        rows, columns = nonzero_span(used.any(axis=1)), nonzero_span(used.any(axis=0))
        h, s = (np.ascontiguousarray(part[rows, columns], dtype=np.complex64) for part in coupling)
        r = len(s)
        both = np.concatenate([s, h])
        terms = np.empty((4, len(contour.nodes), r, r), dtype=np.complex64)
        for p, node in enumerate(contour.nodes):
            z = np.complex64(node)
            product = both @ surface[p][columns, columns] @ both.conj().T
            sgs, sgh, hgs, hgh = product[:r, :r], product[:r, r:], product[r:, :r], product[r:, r:]
            terms[0, p] = sgs
            terms[1, p] = z * sgs - sgh
            terms[2, p] = z * sgs - hgs
            terms[3, p] = z * (z * sgs - sgh - hgs) + hgh
        return cls(rows, *terms)

    def self_energy(self, p: int, u: RealSingles) -> Singles:
        """A g A' with shifts u float32[r] of the rows, at node p."""
        half = 0.5 * u[:, None]
        return np.asarray(self.aga[p] - half * self.sga[p] - self.ags[p] * half.T + half * self.sgs[p] * half.T)

    def overlaps(self, p: int, u: RealSingles) -> tuple[Singles, Singles]:
        """A g S† and S g A' with shifts."""
        half = 0.5 * u[:, None]
        return np.asarray(self.ags[p] - half * self.sgs[p]), np.asarray(self.sga[p] - self.sgs[p] * half.T)


class OpenDeviceAtK(OpenDevice[LeadTermsAtK]):
    """An open device with complex Hermitian H and S; it stands for k and −k.

    See :class:`~sharvin_transport.neutrality.open_device.OpenDevice`.
    """

    single = np.complex64
    symmetric = False
    share = 0.5

    def _terms(
        self, coupling: tuple[Array, Array], atom: Integers, surface: Singles, contour: Contour, former: LeadTermsAtK | None
    ) -> LeadTermsAtK:
        return LeadTermsAtK.of(coupling, surface, contour)

    def _back(self, onward: Singles, z: np.complex64, h: Array, s: Array) -> Singles:
        return np.asarray(z * s.conj().T - h.conj().T)

    def _held(self, green: Singles, s: Array) -> Singles:
        return np.asarray(np.einsum("kl,kl->k", green, s.conj()) + np.einsum("lk,kl->k", green, s))

    def _shared_with_lead(self, green: Singles, terms: LeadTermsAtK, p: int, u: RealSingles) -> Singles:
        ags, sga = terms.overlaps(p, u)
        return np.asarray(np.einsum("kl,lk->k", green, ags) + np.einsum("kl,lk->k", sga, green))

    def _between(self, green: tuple[Singles, Singles], s: Array) -> Singles:
        onward, back = green
        return np.asarray(onward * s.conj() + back.T * s)

    def _responses(self, inverse: Singles, s: Array) -> Singles:
        green = inverse_by_halves(inverse, symmetric=False)
        gs, sg = green @ s, s @ green
        sgs = s @ gs
        return np.asarray(gs * gs.T + green * sgs.T + sgs * green.T + sg * sg.T)
