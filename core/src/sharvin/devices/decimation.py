r"""Surface Green functions of semi-infinite leads by decimation.

With *K = z S − H*, z = E + iη, every second layer is eliminated until the rest is decoupled (M. P. López Sancho, J. M. López
Sancho and J. Rubio, J. Phys. F 15, 851 (1985)):

.. math:: \epsilon_R \leftarrow \epsilon_R - \alpha \epsilon^{-1} \beta, \quad
          \epsilon_L \leftarrow \epsilon_L - \beta \epsilon^{-1} \alpha, \quad
          \epsilon \leftarrow \epsilon - \alpha \epsilon^{-1} \beta - \beta \epsilon^{-1} \alpha, \quad
          \alpha \leftarrow -\alpha \epsilon^{-1} \alpha, \quad \beta \leftarrow -\beta \epsilon^{-1} \beta,

from α = K01, β = K10, and g = ε_R⁻¹ (lead towards +z) or ε_L⁻¹ (towards −z).

It is part of the core because the blocks of a lead alone decide it, whatever Hamiltonian they come from and whoever needs the
lead behind a device: transport solvers, and regressors that end in a Green function. How Green functions of leads are stored,
factorised and refused at band edges is the solvers' own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import ordqz

from sharvin.errors import RunError

_CONVERGED = 1e-15
_ITERATIONS = 80
_DYSON_ERROR = 1e-11
_LARGE = 100


def decimate(k00: NDArray[Any], k01: NDArray[Any], k10: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Surface Green functions of a batch of chains, of those that extend to −z and of those that extend to +z.

    Parameters
    ----------
    k00, k01, k10 : complex128[n_k, m, m]
        K = z S − H of a layer, its coupling to the next one in +z direction, and that back. For complex z they are no adjoints.

    Returns
    -------
    towards_minus_z, towards_plus_z : complex128[n_k, m, m]
        On the outermost layer, in the inverse unit of K.

    Raises
    ------
    RunError
        If neither way gives an answer.

    Notes
    -----
    Decimation loses digits where the energy meets a level of a chain of 1, 3, 7 … layers. Each result is therefore put into
    its own Dyson equation, and what does not fulfil it is computed anew, from chains of other lengths where the lead is large, or
    by :func:`from_bloch_waves`.
    """
    surfaces, errors = _doubled(k00, k01, k10, 1)
    allowed = _DYSON_ERROR
    if (m := k00.shape[-1]) >= _LARGE:
        # Bloch waves of large leads cost many times a decimation, and one that begins with other chains loses other digits.
        # Rounding grows with the lead; an error of the equation stands for about ten times that in g.
        allowed = min(20 * _DYSON_ERROR, _DYSON_ERROR * (m / _LARGE) ** 2)
        for layers in (2, 4):
            again = np.flatnonzero(~(np.maximum(*errors) < allowed))
            if not len(again):
                break
            found, found_errors = _doubled(k00[again], k01[again], k10[again], layers)
            for side in (0, 1):
                better = ~(errors[side][again] <= found_errors[side])
                surfaces[side][again[better]] = found[side][better]
                errors[side][again[better]] = found_errors[side][better]
    for surface, error, outward, inward in zip(surfaces, errors, (k10, k01), (k01, k10), strict=True):
        for k in np.flatnonzero(~(error < allowed)):
            surface[k] = from_bloch_waves(k00[k], outward[k], inward[k])
            again = dyson_error(surface[k : k + 1], k00[k : k + 1], outward[k : k + 1], inward[k : k + 1])[0]
            if not again < 1e-6:
                raise RunError(
                    "the surface Green function of a lead has no stable solution at a band edge; move the energy by 1e-6 eV."
                )
    return surfaces[0], surfaces[1]


def _doubled(
    k00: NDArray[Any], k01: NDArray[Any], k10: NDArray[Any], layers: int
) -> tuple[list[NDArray[Any]], list[NDArray[np.float64]]]:
    """Both surface Green functions by decimation, and their Dyson errors; inf where an inverse does not exist.

    The first step eliminates this many layers between two that are kept, every later one every second layer, so that levels of
    chains of `layers`, 2 `layers` + 1 … layers are what spoils digits.
    """
    bulk, left, right = k00.copy(), k00.copy(), k00.copy()
    alpha, beta = k01, k10
    m = k00.shape[-1]
    scale = max(float(np.abs(k00).max()), float(np.abs(k01).max()))
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for step in range(_ITERATIONS):
                if step == 0 and layers > 1:
                    to_alpha, to_beta, through_alpha, through_beta = _through_chain(k00, k01, k10, layers)
                else:
                    solved = np.linalg.solve(bulk, np.concatenate([alpha, beta], axis=2))
                    to_alpha, to_beta = solved[:, :, :m], solved[:, :, m:]
                    through_alpha, through_beta = to_alpha, to_beta
                forward, backward = alpha @ to_beta, beta @ to_alpha
                right -= forward
                left -= backward
                bulk = bulk - forward - backward
                alpha, beta = -alpha @ through_alpha, -beta @ through_beta
                # The surface changes by α ε⁻¹ β, the product of both: it has converged before either vanishes.
                if not float(np.abs(alpha).max()) * float(np.abs(beta).max()) > (_CONVERGED * scale) ** 2:
                    break
            surfaces = [np.linalg.inv(left), np.linalg.inv(right)]
            errors = [dyson_error(surfaces[0], k00, k10, k01), dyson_error(surfaces[1], k00, k01, k10)]
    except np.linalg.LinAlgError:
        surfaces = [np.empty_like(k00), np.empty_like(k00)]
        errors = [np.full(len(k00), np.inf), np.full(len(k00), np.inf)]
    return surfaces, errors


def _through_chain(
    k00: NDArray[Any], k01: NDArray[Any], k10: NDArray[Any], layers: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Products of the inverse G of a chain of layers: G_nn K01, G_11 K10, G_1n K01 and G_n1 K10, with n the last layer."""
    count, m = k00.shape[:2]
    chain: NDArray[Any] = np.zeros((count, layers, m, layers, m), dtype=np.complex128)
    ends: NDArray[Any] = np.zeros((count, layers, m, 2 * m), dtype=np.complex128)
    for n in range(layers):
        chain[:, n, :, n] = k00
        if n:
            chain[:, n - 1, :, n], chain[:, n, :, n - 1] = k01, k10
    ends[:, -1, :, :m], ends[:, 0, :, m:] = k01, k10
    solved = np.linalg.solve(chain.reshape(count, layers * m, -1), ends.reshape(count, layers * m, -1))
    solved = solved.reshape(count, layers, m, 2 * m)
    return solved[:, -1, :, :m], solved[:, 0, :, m:], solved[:, 0, :, :m], solved[:, -1, :, m:]


def dyson_error(g: NDArray[Any], k00: NDArray[Any], outward: NDArray[Any], inward: NDArray[Any]) -> NDArray[np.float64]:
    """How far each g is from g (K00 − K_out g K_in) = 1, float64[n_k]."""
    return np.asarray(np.abs(g @ (k00 - outward @ g @ inward) - np.eye(g.shape[-1])).max(axis=(1, 2)))


def from_bloch_waves(k00: NDArray[Any], outward: NDArray[Any], inward: NDArray[Any]) -> NDArray[Any]:
    r"""Surface Green function [m, m] from the waves that decay away from the surface.

    They span the deflating subspace of :math:`K_{in} + \lambda K_{00} + \lambda^2 K_{out}` with |λ| < 1, where
    ψ(n+1) = F ψ(n); then g = (K00 + K_out F)⁻¹.
    """
    m = len(k00)
    one, zero = np.eye(m), np.zeros((m, m))
    first = np.block([[zero, one], [-inward, -k00]])
    second = np.block([[one, zero], [zero, outward]])
    *_, alpha, beta, _, z = ordqz(first, second, sort="iuc", output="complex", check_finite=False)
    if np.count_nonzero(np.abs(alpha) < np.abs(beta)) != m:
        raise RunError("a lead's Bloch waves cannot be told apart at a band edge; move the energy by 1e-6 eV.")
    propagation = np.linalg.solve(z[:m, :m].T, z[m:, :m].T).T
    return np.linalg.inv(k00 + outward @ propagation)
