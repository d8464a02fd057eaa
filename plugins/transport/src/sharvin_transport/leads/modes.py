r"""Bloch waves of a lead at a real energy, and the surface Green functions that follow from them without broadening.

With K = E S − H and ψ(n) = λⁿ u, the waves solve :math:`(K_{10} + \lambda K_{00} + \lambda^2 K_{01}) u = 0`. Away from the
surface go those with |λ| < 1 (evanescent) and, of those with |λ| = 1, the ones whose flux

.. math:: v = 2\, \mathrm{Im}(\lambda\, u^\dagger K_{out} u)

points outwards (T. Ando, Phys. Rev. B 44, 8017 (1991); M. Wimmer, thesis, Regensburg (2009)). The evanescent ones are taken as
a deflating subspace, because many of them have λ = 0 and no eigenvectors of their own; the propagating ones as the null space of
the Hermitian :math:`K_{00} + \lambda K_{01} + \lambda^* K_{10}`. Together they give ψ(1) = F ψ(0) and

.. math:: g = (K_{00} + K_{out} F)^{-1}, \quad i(g - g^\dagger) = \sum_j w_j w_j^\dagger,
          \quad w_j = \sqrt{v_j}\, g\, U^{-\dagger} e_j,

one w for each open channel. At a band edge v vanishes and outgoing and incoming waves are one: there is no answer there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, ordqz
from sharvin.devices.transverse_states import bloch_blocks
from sharvin.errors import RunError
from sharvin.two_terminal import Lead

Array = NDArray[Any]
_UNIT_CIRCLE = 1e-8
_UNCLEAR = 1e-6
_SAME_WAVE = 1e-8
_SLOW = 1e-6


@dataclass(frozen=True, eq=False)
class LeadModes:
    """Waves that leave a surface in each kept transverse Bloch state, and the surface Green function that they make.

    Parameters
    ----------
    green : complex128[n_k, m, m]
        Surface Green function in 1/eV.
    channels : int64[n_k]
        Open channels in each state.
    velocities_eV : float64[n_k, m]
        Their group velocities dE/dφ away from the surface, φ the phase a principal layer; zero beyond the open channels.
    """

    green: Array
    channels: NDArray[np.int64]
    velocities_eV: NDArray[np.float64]

    @classmethod
    def of(cls, lead: Lead, side: str, energy_eV: float) -> LeadModes:
        """Modes of the lead on this side ("left" extends to −z) at an absolute energy.

        Raises
        ------
        RunError
            If the energy is on a band edge of the lead, or in a flat band.
        """
        h00, h01, s00, s01, _ = bloch_blocks(lead)
        k00, k01 = energy_eV * s00 - h00, energy_eV * s01 - h01
        n, m = k00.shape[:2]
        green, channels, velocities = np.empty_like(k00), np.zeros(n, dtype=np.int64), np.zeros((n, m))
        for k in range(n):
            out, overlap = (k01[k], s01[k]) if side == "right" else (k01[k].conj().T, s01[k].conj().T)
            try:
                green[k], speed = _outgoing(k00[k], out, s00[k], overlap)
            except _BandEdge as edge:
                # the bands at the phase of the wave that stands still are the edge
                phase = edge.phase if side == "right" else edge.phase.conjugate()
                h, s = phase * h01[k], phase * s01[k]
                bands = eigh(h00[k] + h + h.conj().T, s00[k] + s + s.conj().T, eigvals_only=True)
                raise RunError(
                    f"the {side} lead has a band edge {np.abs(bands - energy_eV).min():.1e} eV from {energy_eV:.9g} eV, where "
                    "its waves cannot be told apart; move the energy by 1e-6 eV."
                ) from None
            except np.linalg.LinAlgError:
                raise flat_band(side, energy_eV) from None
            channels[k] = len(speed)
            velocities[k, : len(speed)] = speed
        return cls(green, channels, velocities)


def flat_band(side: str, energy_eV: float) -> RunError:
    """What is said of an energy in eV at which a lead has a level that no layer shares with the next."""
    return RunError(
        f"the {side} lead has a flat band at {energy_eV:.9g} eV, a level that no layer shares with the next; "
        "move the energy by 1e-6 eV."
    )


class _BandEdge(Exception):
    def __init__(self, phase: complex) -> None:
        self.phase = phase


def _outgoing(k00: Array, out: Array, s00: Array, s_out: Array) -> tuple[Array, NDArray[np.float64]]:
    """Surface Green function of one transverse state, and the group velocities of its open channels."""
    m = len(k00)
    inward = out.conj().T
    one, zero = np.eye(m), np.zeros((m, m))
    first, second = np.block([[zero, one], [-inward, -k00]]), np.block([[one, zero], [zero, out]])

    def decays(alpha: Array, beta: Array) -> Array:
        return np.abs(alpha) < np.abs(beta) * (1 - _UNIT_CIRCLE)

    *_, alpha, beta, _, z = ordqz(first, second, sort=decays, output="complex", check_finite=False)
    ratio = np.full(2 * m, np.inf, dtype=np.complex128)
    np.divide(alpha, beta, out=ratio, where=np.abs(beta) > np.abs(alpha) * 1e-3)
    distance = np.abs(np.abs(ratio) - 1)
    unclear = (distance > _UNIT_CIRCLE) & (distance < _UNCLEAR)
    if unclear.any():
        raise _BandEdge(complex(ratio[unclear][0] / abs(ratio[unclear][0])))
    n_decaying = int(np.count_nonzero(decays(alpha, beta)))
    waves, lambdas, speed = _propagating(k00, out, s00, s_out, ratio[distance <= _UNIT_CIRCLE])
    if n_decaying + len(speed) != m:
        unit = ratio[distance <= _UNIT_CIRCLE]
        raise _BandEdge(complex(unit[0]) if len(unit) else 1.0)
    at_surface = np.concatenate([z[:m, :n_decaying], waves], axis=1)
    next_layer = np.concatenate([z[m:, :n_decaying], waves * lambdas], axis=1)
    propagation = np.linalg.solve(at_surface.T, next_layer.T).T
    return np.linalg.inv(k00 + out @ propagation), speed


def _propagating(k00: Array, out: Array, s00: Array, s_out: Array, candidates: Array) -> tuple[Array, Array, NDArray[np.float64]]:
    """Waves [m, c] with |λ| = 1 and outward flux, their λ, and their group velocities."""
    left = list(candidates / np.abs(candidates))
    waves, lambdas, speeds = [np.zeros((len(k00), 0))], [], []
    scale = np.abs(out).max()
    while left:
        centre = left[0]
        same = [phase for phase in left if abs(phase - centre) < _SAME_WAVE]
        left = [phase for phase in left if abs(phase - centre) >= _SAME_WAVE]
        phase = sum(same) / abs(sum(same))
        for correction in (True, False):
            forward = phase * out
            values, vectors = np.linalg.eigh(k00 + forward + forward.conj().T)
            null = np.argsort(np.abs(values))[: len(same)]
            u = vectors[:, null]
            flux = u.conj().T @ forward @ u
            flux = -1j * (flux - flux.conj().T)
            v, rotation = np.linalg.eigh(flux)
            if np.abs(v).min() < _SLOW * scale:
                # the edge is half way to the wave that comes back
                back = min(candidates, key=lambda other: abs(other / abs(other) - phase) or np.inf)
                raise _BandEdge((phase + back) / abs(phase + back) if abs(phase - back) < 0.1 else phase)
            if correction and len(same) == 1:
                # Newton: dμ/dφ = −v
                phase = phase * np.exp(1j * values[null][0] / v[0])
        u = u @ rotation[:, v > 0]
        v = v[v > 0]
        metric = s00 + phase * s_out + (phase * s_out).conj().T
        norm = np.einsum("ij,ik,kj->j", u.conj(), metric, u).real
        waves.append(u)
        lambdas.extend([phase] * len(v))
        speeds.extend(v / norm)
    return np.concatenate(waves, axis=1), np.array(lambdas), np.array(speeds)
