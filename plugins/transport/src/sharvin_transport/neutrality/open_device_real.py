r"""Mulliken populations of an open device with real matrices on a contour, and how they respond to on-site shifts.

H, S and so G (:mod:`~sharvin_transport.neutrality.open_device`) are symmetric, A' = Aᵀ, and the populations of orbitals are

.. math:: n_k = \mathrm{Im} \sum_p w_p \Big[G \Big(S - \sum_{LR} A g S_{\mathrm{lead}}^T\Big)\Big]_{kk} .

The second bracket holds the overlap with the electrodes' atoms, by G_{device, lead} = −G A g. From δG = G δH G,

.. math:: \frac{\partial n_k}{\partial u_l} = \tfrac12\, \mathrm{Im} \sum_p w_p
          \big[(GS)_{kl} (GS)_{lk} + G_{kl} (SGS)_{lk}\big] .
"""

from __future__ import annotations

import numpy as np

from sharvin_transport.block_tridiagonal.selected_inverse import inverse_by_halves
from sharvin_transport.neutrality.contour import Contour
from sharvin_transport.neutrality.lead_terms import RealLeadTerms, real_times, times_real
from sharvin_transport.neutrality.open_device import Array, Integers, OpenDevice, RealSingles, Singles


class RealOpenDevice(OpenDevice[RealLeadTerms]):
    """An open device with a real Hamiltonian; see :class:`~sharvin_transport.neutrality.open_device.OpenDevice`."""

    single = np.float32
    symmetric = True
    share = 1.0

    def _terms(
        self, coupling: tuple[Array, Array], atom: Integers, surface: Singles, contour: Contour, former: RealLeadTerms | None
    ) -> RealLeadTerms:
        return RealLeadTerms.of(coupling, atom, surface, contour, former)

    def _back(self, onward: Singles, z: np.complex64, h: Array, s: Array) -> Singles:
        return onward.T

    def _held(self, green: Singles, s: Array) -> Singles:
        return np.asarray(np.einsum("kl,kl->k", green, s))

    def _shared_with_lead(self, green: Singles, terms: RealLeadTerms, p: int, u: RealSingles) -> Singles:
        return np.asarray(np.einsum("kl,kl->k", green, terms.overlap(p, u)))

    def _between(self, green: tuple[Singles, Singles], s: Array) -> Singles:
        return np.asarray(green[0] * s)

    def _responses(self, inverse: Singles, s: Array) -> Singles:
        green = inverse_by_halves(inverse, symmetric=True)
        gs = times_real(green, s)
        return np.asarray(gs * gs.T + green * real_times(s, gs))
