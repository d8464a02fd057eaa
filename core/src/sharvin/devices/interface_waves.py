r"""Bloch waves of a lead at a real energy by way of its interfaces: surface Green functions, open channels, their number.

The chain of :mod:`~sharvin.devices.interface_chain` is doubled and compressed until few waves are left. Those are

.. math:: \begin{pmatrix} 1 & -q \\ 0 & b \end{pmatrix} \begin{pmatrix} \psi \\ \varphi \end{pmatrix} = \lambda
          \begin{pmatrix} t & 0 \\ -p & 1 \end{pmatrix} \begin{pmatrix} \psi \\ \varphi \end{pmatrix},

evanescent ones taken as deflating subspaces and propagating ones, |λ| = 1, by the sign of their flux
:math:`i(\varphi^\dagger \psi - \psi^\dagger \varphi)` (T. Ando, Phys. Rev. B 44, 8017 (1991)). With Ψ and Φ those that leave the
surface, y = Ψ Φ⁻¹ is its Green function. Waves in either direction may have equal λ, because the cells are many layers long: they
are told apart by their λ from one layer to the next, and where that is equal, too, where bands cross, by their velocities, the
flux in the metric of S. Where a velocity vanishes, at a band edge, there is no answer. No step has an imaginary part of the
energy, so there is no error of broadening.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, ordqz

from sharvin.devices.interface_chain import Compression, Doubling, InterfaceChain

Array = NDArray[Any]
Lifts = list[Compression | Doubling]
_UNIT_CIRCLE = 1e-8
_UNCLEAR = 1e-6
_NEGLIGIBLE = 1e-15
_FEW = 24
_LAST = 96
_SHRUNK = 0.85
_DOUBLINGS = 12
_SLOW = 1e-7
_SAME_WAVE = 1e-4
_CROSSING = 1e-7
_ACCURATE = 1e-10
_ABSORBERS = (1.0, 0.3)
_SUFFICIENT = 1e-8


class IndistinctWaves(Exception):
    """Outgoing and incoming waves of a lead cannot be told apart: the energy is on a band edge."""


@dataclass(frozen=True, eq=False)
class WaveSurfaces:
    """Surface Green functions of a lead towards −z (left) and +z (right), and factors w of their spectral parts.

    Parameters
    ----------
    left, right : complex128[m, m]
        In the inverse unit of K.
    w_left, w_right : [m, channels]
        i(g − g†) = w w†; real for a real lead.
    error : float
        How far they are from their own equation, relative to the largest element.
    """

    left: Array
    right: Array
    w_left: Array
    w_right: Array
    error: float


def surfaces_of_waves(k00: Array, k01: Array, s00: Array, s01: Array) -> WaveSurfaces:
    """Both surface Green functions of a chain of layers at a real energy.

    Parameters
    ----------
    k00, k01 : [m, m]
        K = E S − H of a layer, Hermitian, and its coupling to the next one in +z direction.
    s00, s01 : [m, m]
        S of the same.

    Raises
    ------
    IndistinctWaves
        If the energy is on a band edge.
    numpy.linalg.LinAlgError
        If it is in a flat band.
    """
    interface = _Interface.of(k00, k01, s00, s01)
    best: WaveSurfaces | None = None
    failure: Exception = IndistinctWaves()
    for absorber in _ABSORBERS:
        try:
            found = interface.surfaces(absorber)
        except (IndistinctWaves, np.linalg.LinAlgError) as error:
            failure = error
            continue
        best = found if best is None or found.error < best.error else best
        if best.error < _ACCURATE:
            break
    if best is None or not best.error < _SUFFICIENT:
        raise failure
    return best


def open_channels(k00: Array, k01: Array, s00: Array, s01: Array) -> int:
    """Number of open channels of a chain of layers at a real energy; arguments and errors as :func:`surfaces_of_waves`."""
    interface = _Interface.of(k00, k01, s00, s01)
    return _Waves.of(*interface.few_waves(_ABSORBERS[0])).channels


@dataclass(frozen=True, eq=False)
class _Interface:
    """A layer in units of its largest element, seen from the side on which fewer orbitals touch the next layer."""

    k00: Array
    s00: Array
    s01: Array
    coupling: Array
    rows: Array
    columns: Array
    scale: float
    turned: bool

    @classmethod
    def of(cls, k00: Array, k01: Array, s00: Array, s01: Array) -> _Interface:
        rows, columns = (np.flatnonzero(np.any(k01 != 0.0, axis=axis)) for axis in (1, 0))
        scale = max(float(np.abs(k00).max()), float(np.abs(k01).max()), 1e-300)
        coupling = k01[np.ix_(rows, columns)] / scale
        if len(rows) < len(columns):
            return cls(k00 / scale, s00, s01.conj().T, coupling.conj().T, columns, rows, scale, True)
        return cls(k00 / scale, s00, s01, coupling, rows, columns, scale, False)

    def few_waves(self, strength: float) -> tuple[InterfaceChain, Lifts, _Layer]:
        """The chain when few of its waves are left, and how it is part of the first one."""
        absorber = strength * float(np.linalg.norm(self.coupling) / np.sqrt(max(len(self.columns), 1)))
        chain, response = InterfaceChain.of(self.k00, self.coupling, self.rows, self.columns, absorber)
        lifts: Lifts = []
        allowed = _NEGLIGIBLE * float(np.abs(chain.t).max(initial=0.0))
        for _ in range(_DOUBLINGS):
            if chain.size <= _FEW:
                break
            small, compression = chain.compressed(allowed)
            if small.size < _SHRUNK * chain.size:
                chain = small
                lifts.append(compression)
            elif chain.size <= _LAST:
                break
            if chain.size > _FEW:
                chain, doubling = chain.doubled()
                lifts.append(doubling)
        return chain, lifts, _Layer(response, self.s00, self.s01)

    def surfaces(self, strength: float) -> WaveSurfaces:
        """Both surface Green functions, with an absorber of this strength in units of the coupling."""
        chain, lifts, layer = self.few_waves(strength)
        waves, real = _Waves.of(chain, lifts, layer), not np.iscomplexobj(self.k00)
        right, left = waves.on_first_interface(lifts)
        w_right, w_left = (_spectral_factor(surface, waves.channels, real) for surface in (right, left))
        rows, columns, coupling = self.rows, self.columns, self.coupling
        green_right = _coupled(self.k00, rows, coupling @ right @ coupling.conj().T)
        green_left = _coupled(self.k00, columns, left)
        error = max(
            _deviation(green_right[np.ix_(columns, columns)], right),
            _deviation(coupling.conj().T @ green_left[np.ix_(rows, rows)] @ coupling, left),
        )
        w_right = _factor(green_right[:, rows] @ (coupling @ w_right), real) / np.sqrt(self.scale)
        w_left = _factor(green_left[:, columns] @ w_left, real) / np.sqrt(self.scale)
        green_right, green_left = green_right / self.scale, green_left / self.scale
        if self.turned:
            return WaveSurfaces(green_right, green_left, w_right, w_left, error)
        return WaveSurfaces(green_left, green_right, w_left, w_right, error)


@dataclass(frozen=True, eq=False)
class _Layer:
    """All orbitals of a layer: what they answer to the forces at its ends, and their overlap."""

    response: Array
    s00: Array
    s01: Array

    def metric(self, psi: Array, phi: Array, factor: complex) -> Array:
        """Scalar products [c, c] of Bloch waves with this λ, from ψ and φ of the first chain on two interfaces."""
        waves = self.response @ np.concatenate([phi[0], psi[1]])
        overlap = factor * self.s01
        return np.asarray(waves.conj().T @ (self.s00 + overlap + overlap.conj().T) @ waves)


@dataclass(frozen=True, eq=False)
class _Waves:
    """Surface functions of the few waves that are left, and the number of channels."""

    right: Array
    left: Array
    channels: int
    absorber: float

    @classmethod
    def of(cls, chain: InterfaceChain, lifts: Lifts, layer: _Layer) -> _Waves:
        n = chain.size
        one, zero = np.eye(n), np.zeros((n, n))
        first, second = np.block([[one, -chain.q], [zero, chain.b]]), np.block([[chain.t, zero], [-chain.p, one]])
        decaying, growing = _deflating(first, second, _decays)[0], _deflating(first, second, _grows)[0]
        unit, aa, bb, distances = _deflating(first, second, _travels)
        if np.any((distances > _UNIT_CIRCLE) & (distances < _UNCLEAR)):
            raise IndistinctWaves
        travelling = np.zeros((2 * n, 0)), np.zeros((2 * n, 0))
        if unit.shape[1]:
            lambdas, vectors = np.linalg.eig(np.linalg.solve(bb, aa))
            vectors = unit @ vectors
            travelling = _Travelling(vectors, *_on_first_interfaces(vectors, lambdas, lifts), chain.absorber, layer).by_flux(
                lambdas
            )
        outgoing = np.concatenate([decaying, travelling[0]], axis=1)
        incoming = np.concatenate([growing, travelling[1]], axis=1)
        if outgoing.shape[1] != n or incoming.shape[1] != n:
            raise IndistinctWaves
        right = np.linalg.solve(outgoing[n:].T, outgoing[:n].T).T
        left = np.linalg.solve(incoming[:n].T, incoming[n:].T).T
        return cls(right, left, travelling[0].shape[1], chain.absorber)

    def on_first_interface(self, lifts: Lifts) -> tuple[Array, Array]:
        """Surface functions towards +z and −z of the cells of the first chain, without its absorber."""
        right, left = self.right, self.left
        for lift in reversed(lifts):
            right, left = lift.surfaces(right, left)
        right = np.linalg.solve((np.eye(len(right)) - 1j * self.absorber * right).T, right.T).T
        return right, left - 1j * self.absorber * np.eye(len(left))


def _spectral_factor(surface: Array, channels: int, real: bool) -> Array:
    """Factor w, of this many columns, of w w† = i(g − g†) [n, n]."""
    spectral = 1j * (surface - surface.conj().T)
    values, vectors = np.linalg.eigh(spectral.real if real else spectral)
    chosen = slice(len(values) - channels, None)
    return np.asarray(vectors[:, chosen] * np.sqrt(np.maximum(values[chosen], 0.0)))


def _decays(alpha: Array, beta: Array) -> Array:
    return np.asarray(np.abs(alpha) < np.abs(beta) * (1 - _UNIT_CIRCLE))


def _grows(alpha: Array, beta: Array) -> Array:
    return np.asarray(np.abs(alpha) * (1 - _UNIT_CIRCLE) > np.abs(beta))


def _travels(alpha: Array, beta: Array) -> Array:
    return ~(_decays(alpha, beta) | _grows(alpha, beta))


def _deflating(first: Array, second: Array, which: Any) -> tuple[Array, Array, Array, Array]:
    """Orthonormal basis of the waves chosen, the triangular pencil on it, and ||λ| − 1| of all."""
    if not len(first):
        return first, first, second, np.zeros(0)
    aa, bb, alpha, beta, _, z = ordqz(first, second, sort=which, output="complex", check_finite=False)
    count = int(np.count_nonzero(which(alpha, beta)))
    larger = np.maximum(np.abs(alpha), np.abs(beta))
    return z[:, :count], aa[:count, :count], bb[:count, :count], np.abs(np.abs(alpha) - np.abs(beta)) / larger


@dataclass(frozen=True, eq=False)
class _Travelling:
    """Waves [2 n, c] with |λ| = 1 of the last chain, and their ψ and φ on two interfaces of the first one, with its absorber."""

    waves: Array
    psi: Array
    phi: Array
    absorber: float
    layer: _Layer

    def by_flux(self, lambdas: Array) -> tuple[Array, Array]:
        """Those, or combinations of them, whose flux is outward, and those whose flux is inward."""
        outward, inward = [self.waves[:, :0]], [self.waves[:, :0]]
        for cluster in _clusters(lambdas, _SAME_WAVE):
            part = self._combined(np.eye(len(lambdas))[:, cluster])
            v = np.linalg.eigvalsh(part._flux())
            if np.abs(v).min() < _SLOW:
                raise IndistinctWaves
            parts = part._apart() if v[0] < 0.0 < v[-1] else [(part.waves, v[0])]
            for waves, velocity in parts:
                (outward if velocity > 0.0 else inward).append(waves)
        return np.concatenate(outward, axis=1), np.concatenate(inward, axis=1)

    def _combined(self, rotation: Array) -> _Travelling:
        return _Travelling(self.waves @ rotation, self.psi @ rotation, self.phi @ rotation, self.absorber, self.layer)

    def _flux(self, normalized: bool = True) -> Array:
        """Flux [c, c], by default of orthonormal combinations."""
        at, force = self.psi[0], self.phi[0] - 1j * self.absorber * self.psi[0]
        if normalized:
            at, force = at / np.linalg.norm(at), force / np.linalg.norm(force)
            combine = np.linalg.inv(np.linalg.qr(np.concatenate([at, force]))[1])
            at, force = at @ combine, force @ combine
        flux = 1j * (force.conj().T @ at)
        return np.asarray(flux + flux.conj().T)

    def _apart(self) -> Iterator[tuple[Array, float]]:
        """Waves of equal λ of long cells with their velocities."""
        first, second = (np.concatenate([self.psi[i], self.phi[i]]) for i in (0, 1))
        lambdas, rotation = np.linalg.eig(np.linalg.lstsq(first, second)[0])
        for cluster in _clusters(lambdas, _CROSSING):
            part = self._combined(rotation[:, cluster])
            factor = lambdas[cluster].sum() / abs(lambdas[cluster].sum())
            metric = self.layer.metric(part.psi, part.phi, factor)
            try:
                velocities, states = eigh(part._flux(normalized=False), 0.5 * (metric + metric.conj().T))
            except np.linalg.LinAlgError:
                # waves that have become one have no metric
                raise IndistinctWaves from None
            if np.abs(velocities).min() < _SLOW:
                raise IndistinctWaves
            for i, velocity in enumerate(velocities):
                yield part.waves @ states[:, i : i + 1], float(velocity)


def _on_first_interfaces(waves: Array, lambdas: Array, lifts: Lifts) -> tuple[Array, Array]:
    """ψ and φ of waves of the last chain on two neighbouring interfaces of the first one, [2 or more, n, c]."""
    n = len(waves) // 2
    interfaces = np.stack([waves, waves * lambdas, waves * lambdas**2])
    psi, phi = interfaces[:, :n], interfaces[:, n:]
    for lift in reversed(lifts):
        psi, phi = lift.waves(psi, phi)
    return psi[:2], phi[:2]


def _clusters(lambdas: Array, apart: float) -> list[list[int]]:
    """Indices of values that are nearer to each other than `apart`, directly or through others."""
    near = np.abs(lambdas[:, None] - lambdas) < apart
    left, clusters = set(range(len(lambdas))), []
    while left:
        found, fresh = set(), {min(left)}
        while fresh:
            found |= fresh
            fresh = {int(j) for i in fresh for j in np.flatnonzero(near[i])} - found
        clusters.append(sorted(found))
        left -= found
    return clusters


def _coupled(k00: Array, orbitals: Array, self_energy: Array) -> Array:
    """Green function of a layer with a self-energy on some of its orbitals."""
    block = k00.astype(np.complex128)
    block[np.ix_(orbitals, orbitals)] -= self_energy
    return np.asarray(np.linalg.inv(block))


def _deviation(found: Array, expected: Array) -> float:
    """Largest difference of elements, relative to the largest element."""
    return float(np.abs(found - expected).max(initial=0.0) / max(float(np.abs(expected).max(initial=0.0)), 1e-300))


def _factor(w: Array, real: bool) -> Array:
    """Factor of w w†, real where that is."""
    if not real or not w.shape[1]:
        return np.ascontiguousarray(w.real if real else w)
    u, s, _ = np.linalg.svd(np.concatenate([w.real, w.imag], axis=1), full_matrices=False)
    return np.ascontiguousarray(u[:, : w.shape[1]] * s[: w.shape[1]])
