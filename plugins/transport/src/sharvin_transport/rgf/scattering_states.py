r"""Scattering states of an open device.

With *G* the Green function of the device and *W* the channels of its leads (:mod:`~sharvin_transport.rgf.lead_coupling`), the
states are :math:`\psi = -G W`. As in :mod:`~sharvin_transport.rgf.recursive_green`, M' = G⁻¹ − (i/2 − s) W W† may be eliminated
instead of G⁻¹; for a real *s* and real matrices everything that is large is real. With X = M'⁻¹ W,

.. math:: G W = X \big[1 + (\tfrac{i}{2} - s)\, W^\dagger X\big]^{-1}.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin_transport.block_tridiagonal.elimination import Coupling, Lapack, solutions
from sharvin_transport.block_tridiagonal.interior import Interior
from sharvin_transport.rgf.lead_coupling import LeadCoupling

Array = NDArray[Any]
REAL_SHIFT = 0.5
"""A real s."""
IN_PLACE = 0.5j
"""s = i/2, with which M' is G⁻¹."""


def scattering_states(
    interior: Interior, energy_eV: float, left: LeadCoupling, right: LeadCoupling, shift: complex, lapack: Lapack
) -> Array:
    """−G [W_L, W_R], complex128[n, channels of both], at an absolute energy.

    Raises
    ------
    SingularBlock
        If a block of M' is nearly singular; that of another shift need not be.
    """
    first, following = blocks_at(interior, energy_eV)
    sources = (left.W, right.W)
    solved = solutions(left.added(first, shift), following, sources, lapack, lambda block: right.added(block, shift))
    if shift == IN_PLACE:
        return -np.asarray(solved)
    ends = solved[: len(left.W)], solved[len(solved) - len(right.W) :]
    x = np.concatenate([side.conj().T @ end for side, end in zip(sources, ends, strict=True)])
    return -np.asarray(np.linalg.solve((np.eye(len(x)) + (IN_PLACE - shift) * x).T, solved.T).T)


def blocks_at(interior: Interior, energy_eV: float) -> tuple[Array, Iterator[tuple[Coupling, Array]]]:
    """E S − H: the first diagonal block, and for each next one the coupling to it and itself, one after the other."""
    first, *others = interior.diagonal
    following = (
        (Coupling.of(energy_eV * s - h), energy_eV * s_next - h_next)
        for (h, s), (h_next, s_next) in zip(interior.above, others, strict=True)
    )
    return energy_eV * first[1] - first[0], following
