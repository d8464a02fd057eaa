r"""Surface Green functions of semi-infinite leads as solvers use them, cached by content.

They are those of :mod:`sharvin.devices.decimation` at E + iη, or those that follow from the lead's Bloch waves at E itself, of
whole layers (:mod:`~sharvin_transport.leads.modes`) or on their interfaces (:mod:`sharvin.devices.interface_waves`);
:mod:`~sharvin_transport.leads.surface_cost` says which. A lead with a transverse supercell is treated in each of its Bloch
states.

The spectral part *i(g − g†) = w w†* has one column in w for each open channel: evanescent states contribute to it in
proportion to η only, so its eigenvectors above a threshold are all of it. On a band edge a channel has a spectral part of
about √η; where there is one so weak and it goes with √η, the energy is refused (unless η is above 1e-6 eV, which asks for
smooth edges).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from sharvin.devices.decimation import decimate
from sharvin.devices.transverse_states import bloch_blocks
from sharvin.errors import RunError
from sharvin.runs.cache import ContentCache, most_recent
from sharvin.two_terminal import Lead

from sharvin_transport.leads.interface_surfaces import interface_surfaces
from sharvin_transport.leads.modes import LeadModes
from sharvin_transport.leads.surface_cost import Treatment, treatment
from sharvin_transport.leads.transverse import Transverse

ALGORITHM = "3"
_BOUND, _PROPAGATING = 0.35, 0.9  # between 1/4 of what goes with η and 1/2 of what goes with √η; between that and 1
_SMOOTHING_EV = 1e-6  # an η above it is there to smooth band edges, one below it to be no more than a limit
_MEMORY_BYTES = 200_000_000
LIMIT_EV = 1e-10
"""Imaginary part of the energy that stands for its limit zero."""


@dataclass(frozen=True, eq=False)
class SurfaceGreen:
    """Retarded surface Green function g of a lead, g = h − (i/2) w w† with h its Hermitian part.

    Parameters
    ----------
    blocks : complex128[n_kept, m, m]
        h in 1/eV in the kept transverse Bloch states.
    w : [n, channels]
        Factor of the spectral part in real space; real for a real lead.
    transverse : Transverse
    """

    blocks: NDArray[Any]
    w: NDArray[Any]
    transverse: Transverse

    @property
    def hermitian(self) -> NDArray[Any]:
        """The Hermitian part h [n, n] in real space, real for a real lead; computed at each call."""
        return self.transverse.in_real_space(self.blocks)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type in real space."""
        return np.dtype(np.float64 if self.transverse.real else np.complex128)

    def times(self, columns: NDArray[np.int64], vectors: NDArray[Any]) -> NDArray[Any]:
        """Product h[columns, columns] · vectors [columns, r]."""
        return self.transverse.product(self.blocks, columns, vectors)

    @property
    def nbytes(self) -> int:
        """Memory."""
        return int(self.blocks.nbytes + self.w.nbytes)


class SurfaceGreens:
    """Surface Green functions of leads, computed once for each lead and energy.

    Parameters
    ----------
    eta_eV : float
        Imaginary part of the energy in the leads; without effect on waves.
    method : {"auto", "decimation", "eigenmodes"}
        "auto" is decimation, or waves where they cost less; with an `eta_eV` that is not :data:`LIMIT_EV`, decimation.
    """

    def __init__(self, eta_eV: float, method: str = "decimation") -> None:
        self.eta_eV = eta_eV
        self.method = "decimation" if method == "auto" and eta_eV != LIMIT_EV else method
        self._treatments: dict[str, Treatment] = {}
        self._cache = ContentCache("surface_green", _MEMORY_BYTES)
        self._factored: LRUCache[tuple[str, str, float], SurfaceGreen] = most_recent(_MEMORY_BYTES, attrgetter("nbytes"))

    def surface(self, lead: Lead, side: str, energy_eV: float) -> SurfaceGreen:
        """Surface Green function of the lead on this side ("left" extends to −z), at an absolute energy."""
        key = (lead.key, side, energy_eV)
        if key not in self._factored:
            arrays = self._bloch(lead, side, energy_eV)
            channels, waves = arrays.get("channels"), arrays.get(f"w_{side}")
            self._factored[key] = factor(lead, arrays[side], self.eta_eV, channels, waves)
        return self._factored[key]

    def _treated(self, lead: Lead) -> Treatment:
        """How this lead is treated, decided once for each lead."""
        key = f"{lead.key} {lead.supercell.repeats if lead.supercell else ''}"
        if key not in self._treatments:
            self._treatments[key] = treatment(lead, self.method)
        return self._treatments[key]

    def _bloch(self, lead: Lead, side: str, energy_eV: float) -> dict[str, NDArray[Any]]:
        repeats = lead.supercell.orbitals.tobytes() if lead.supercell else b""
        treated = self._treated(lead)
        how = {"decimation": f"{self.eta_eV!r}", "eigenmodes": f"eigenmodes {side}", "interfaces": "interfaces"}[treated]
        content = f"{ALGORITHM} {lead.key} {energy_eV!r} {how}".encode() + repeats
        key = hashlib.blake2b(content, digest_size=20).hexdigest()

        def compute() -> dict[str, NDArray[Any]]:
            if treated == "interfaces":
                return interface_surfaces(lead, side, energy_eV)
            if treated == "eigenmodes":
                modes = LeadModes.of(lead, side, energy_eV)
                return {side: modes.green, "channels": modes.channels, "velocities_eV": modes.velocities_eV}
            h00, h01, s00, s01, _ = bloch_blocks(lead)
            h10, s10 = (b.conj().transpose(0, 2, 1) for b in (h01, s01))

            def at(eta_eV: float) -> tuple[NDArray[Any], NDArray[Any]]:
                z = energy_eV + 1j * eta_eV
                return decimate(z * s00 - h00, z * s01 - h01, z * s10 - h10)

            try:
                left, right = at(self.eta_eV)
            except RunError:
                raise no_surface(side, energy_eV) from None
            if needs_broadening(left, lambda: at(0.25 * self.eta_eV)[0], self.eta_eV):
                raise no_surface(side, energy_eV)
            return {"left": left, "right": right}

        return self._cache.get_or_compute(key, compute)


def no_surface(side: str, energy_eV: float) -> RunError:
    """The error that a lead has no surface Green function at an absolute energy, because a band begins or is flat there."""
    return RunError(
        f"the {side} lead has no stable surface Green function at {energy_eV:.9g} eV, on a band edge; "
        "move the energy by 1e-6 eV or raise eta_eV."
    )


def needs_broadening(blocks: NDArray[Any], sharper: Callable[[], NDArray[Any]], eta_eV: float) -> bool:
    """Whether a surface Green function [n, m, m] is that of a band edge, smoothed by η alone; an η above 1e-6 eV is meant to.

    `sharper` computes it for a quarter of η, and is called where a channel is doubtful.
    """
    return eta_eV <= _SMOOTHING_EV and doubtful(blocks, eta_eV) and is_on_band_edge(blocks, sharper(), eta_eV)


def _strengths(blocks: NDArray[Any]) -> NDArray[np.float64]:
    """Eigenvalues of the spectral part i(g − g†), float64[n_blocks, m]."""
    return np.asarray(np.linalg.eigvalsh(1j * (blocks - blocks.conj().transpose(0, 2, 1))))


def _is_edge_like(strengths: NDArray[np.float64], eta_eV: float) -> NDArray[np.bool_]:
    # At a distance d from its band edge a channel has a strength of about √d, and √η on the edge itself.
    return np.asarray((strengths > 0.1 * np.sqrt(eta_eV)) & (strengths < 5.0 * np.sqrt(eta_eV)))


def doubtful(blocks: NDArray[Any], eta_eV: float) -> bool:
    """Whether a channel is as weak as one on a band edge."""
    return bool(_is_edge_like(_strengths(blocks), eta_eV).any())


def is_on_band_edge(blocks: NDArray[Any], sharper: NDArray[Any], eta_eV: float) -> bool:
    """Whether a weak channel goes with √η, as on a band edge, where `sharper` is the surface Green function for a quarter of η.

    A propagating wave does not change with η, and a state bound to the surface goes with η itself: both are as they should be.
    """
    strengths = _strengths(blocks)
    weak = _is_edge_like(strengths, eta_eV)
    ratio = _strengths(sharper)[weak] / strengths[weak]
    return bool(np.any((ratio > _BOUND) & (ratio < _PROPAGATING)))


def factor(
    lead: Lead,
    blocks: NDArray[Any],
    eta_eV: float,
    channels: NDArray[np.int64] | None = None,
    waves: NDArray[Any] | None = None,
) -> SurfaceGreen:
    """Hermitian part and channels of a surface Green function given in its transverse Bloch states.

    `channels` int64[n_kept] where their numbers are known; otherwise they are what exceeds the spectral part of evanescent waves.
    `waves` [n_kept, m, most channels] where the factors of the spectral parts are known, too.
    """
    transverse = Transverse(lead)
    adjoint = blocks.conj().transpose(0, 2, 1)
    if waves is None or channels is None:
        w = channels_of(transverse, 1j * (blocks - adjoint), np.sqrt(eta_eV) * 1e-3, channels)
    else:
        w = _together(transverse, [transverse.wave(k, waves[k][:, :open_]) for k, open_ in enumerate(channels) if open_])
    hermitian = 0.5 * (blocks + adjoint)
    if lead.supercell is None and transverse.real:
        hermitian = np.ascontiguousarray(hermitian.real)
    return SurfaceGreen(hermitian, w, transverse)


def channels_of(
    transverse: Transverse, spectral: NDArray[Any], threshold: float, channels: NDArray[np.int64] | None = None
) -> NDArray[Any]:
    """Factor w [n, channels] of the spectral part w w† given in Bloch blocks [n_kept, m, m].

    Where the numbers of `channels` are not known, eigenvalues up to the threshold are noise.
    """
    columns = []
    for k, block in enumerate(spectral):
        # k = −k in a real lead: g is symmetric and the spectral part real
        own = block.real if transverse.is_own_opposite(k) else block
        values, vectors = np.linalg.eigh(0.5 * (own + own.conj().T))
        chosen = values > threshold if channels is None else np.arange(len(values)) >= len(values) - channels[k]
        if chosen.any():
            columns.append(transverse.wave(k, vectors[:, chosen] * np.sqrt(values[chosen])))
    return _together(transverse, columns)


def _together(transverse: Transverse, columns: list[NDArray[Any]]) -> NDArray[Any]:
    """All columns in real space, none where there are none."""
    if not columns:
        return np.zeros((transverse.size, 0))
    return np.ascontiguousarray(np.concatenate(columns, axis=1))
