r"""Open channels and band ranges of leads, and whether electrodes conduct at all: :func:`check_leads_conduct`.

With *K = E S − H* the Bloch waves ψ(n) = λⁿ u of a lead solve

.. math:: (K_{10} + \lambda K_{00} + \lambda^2 K_{01})\, u = 0,

and a channel is a pair of waves with :math:`|\lambda| = 1`, one in each direction (T. Ando, Phys. Rev. B 44, 8017 (1991)). A lead
with a :class:`~sharvin.two_terminal.Supercell` is treated in each of its transverse Bloch states.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, eig, eigh

from sharvin.devices.interface_waves import IndistinctWaves, open_channels
from sharvin.devices.transverse_states import bloch_blocks
from sharvin.errors import InputError, PhysicsWarning
from sharvin.two_terminal import Lead, TwoTerminal

Array = NDArray[Any]
Floats = NDArray[np.float64]

FLAT_EV = 1e-3
"""Widest band of a lead whose layers do not touch."""
_UNIT_CIRCLE = 1e-6
_UNCLEAR = 1e-4
_SHIFT = 0.31
_MOVED_EV = 1e-7
_VERIFIED = 20
_LARGE = 100
_PHASES = (1.0, -1.0, 1j, *(np.exp(1j * np.pi * part) for part in (0.17, 0.36, 0.64, 0.83)))


def channels(lead: Lead, energies_eV: ArrayLike) -> NDArray[np.int64]:
    """Number of open channels of a lead, int64[n_energies].

    Parameters
    ----------
    lead : Lead
    energies_eV : float[n_energies]
        Absolute, not from the Fermi energy. On a band edge the channel that begins there is counted; in a flat band, the channels
        of the other bands.

    Notes
    -----
    Costs one diagonalisation of a matrix twice as large as the lead, or as its primitive cell, per energy; from 100 orbitals on,
    the waves of :mod:`~sharvin.devices.interface_waves`, a tenth of that and less.
    """
    blocks = list(_transverse_blocks(lead))
    energies = np.atleast_1d(np.asarray(energies_eV, dtype=np.float64))
    return np.array([sum(weight * _count(h, s, float(e)) for weight, h, s in blocks) for e in energies], dtype=np.int64)


def band_ranges(lead: Lead) -> Floats:
    """Lowest and highest energy of each band along z, float64[n_bands, 2] in eV, from seven wave vectors in half the zone.

    Of two opposite transverse Bloch states of a real lead, whose bands are the same, one is given.

    Raises
    ------
    InputError
        If the overlap matrix is not positive definite.
    """
    return np.concatenate([list(_widening_ranges(h, s))[-1] for _, h, s in _transverse_blocks(lead)])


def check_leads_conduct(system: TwoTerminal, energies_eV: ArrayLike) -> None:
    """Refuse electrodes whose layers do not touch, and warn of those that have no band at the energies asked for.

    Parameters
    ----------
    system : TwoTerminal
    energies_eV : float[n_energies]
        From the system's Fermi energy.

    Raises
    ------
    InputError
        If no band of a lead is wider than 1e-3 eV, so that nothing can flow at any energy: which lead, and how wide its widest
        band is.

    Warns
    -----
    PhysicsWarning
        If a lead has bands, but none at any of the energies: it is an insulator there.
    """
    energies = np.atleast_1d(np.asarray(energies_eV, dtype=np.float64))
    energies = energies[np.argsort(np.abs(energies), kind="stable")] + system.fermi_energy_eV
    known: dict[str, Floats | None] = {}
    for side, lead in (("left", system.left), ("right", system.right)):
        if lead.key not in known:
            try:
                known[lead.key] = _ranges_without(lead, energies)
            except InputError as error:
                raise InputError(f"{side} lead: {error}") from None
        ranges = known[lead.key]
        if ranges is None:
            continue
        width = float(np.ptp(ranges, axis=1).max())
        if width < FLAT_EV:
            raise InputError(
                f"the {side} electrode does not conduct at any energy: its widest band has {width:.1e} eV, so its layers do not "
                "touch (isolated atoms at the end, a wire cut along z, or H01 = 0); it is a broken electrode."
            )
        # the ranges come from a few wave vectors, so bands reach a little further
        if len(energies) and not any(channels(lead, energy)[0] for energy in energies[:_VERIFIED]):
            gap = [ranges[:, 1][ranges[:, 1] < energies[0]], ranges[:, 0][ranges[:, 0] > energies[0]]]
            edges = [gap[0].max(initial=-np.inf) - system.fermi_energy_eV, gap[1].min(initial=np.inf) - system.fermi_energy_eV]
            where = " and ".join(f"{edge:.3g} eV" for edge in edges if np.isfinite(edge))
            warnings.warn(
                f"the {side} lead has no band at any of the energies asked for, so T = 0 there; its nearest bands end at {where} "
                "from the Fermi energy. An insulating lead does that, and so does a broken electrode: look at its atoms.",
                PhysicsWarning,
                stacklevel=2,
            )


def _ranges_without(lead: Lead, energies: Floats) -> Floats | None:
    """Ranges of all bands, or None as soon as one of the energies is found in a band that is not flat."""
    found = []
    for _, h, s in _transverse_blocks(lead):
        for ranges in _widening_ranges(h, s):
            wide = ranges[np.ptp(ranges, axis=1) > FLAT_EV]
            if np.any((energies[:, None] >= wide[:, 0]) & (energies[:, None] <= wide[:, 1])):
                return None
        found.append(ranges)
    return np.concatenate(found)


def _widening_ranges(h: tuple[Array, Array], s: tuple[Array, Array]) -> Iterator[Floats]:
    """Lowest and highest energies [m, 2] of the bands of one transverse state, after each further wave vector."""
    real = not np.iscomplexobj(h[1]) and not np.iscomplexobj(s[1])
    ranges: Floats | None = None
    for phase in _PHASES if real else (*_PHASES, *(np.conj(phase) for phase in _PHASES[2:])):
        hopping, overlap = phase * h[1], phase * s[1]
        try:
            levels = eigh(
                h[0] + hopping + hopping.conj().T,
                s[0] + overlap + overlap.conj().T,
                eigvals_only=True,
                check_finite=False,
            )
        except LinAlgError:
            raise InputError(
                "the overlap matrix of the lead is not positive definite; its atoms are too close for this basis, or its "
                "principal layer is thinner than the range of the Hamiltonian."
            ) from None
        if ranges is None:
            ranges = np.column_stack([levels, levels])
        else:
            ranges = np.column_stack([np.minimum(ranges[:, 0], levels), np.maximum(ranges[:, 1], levels)])
        yield ranges


def _transverse_blocks(lead: Lead) -> Iterator[tuple[int, tuple[Array, Array], tuple[Array, Array]]]:
    """Weight, (H00, H01) and (S00, S01) of each transverse Bloch state; of k and −k one where the lead is real."""
    real = not any(np.iscomplexobj(block) for block in (lead.H00, lead.H01, lead.S00, lead.S01))
    *blocks, weights = bloch_blocks(lead)
    for k, weight in enumerate(weights):
        own = [block[k].real if real and weight == 1 else block[k] for block in blocks]
        yield int(weight), (own[0], own[1]), (own[2], own[3])


def _count(h: tuple[Array, Array], s: tuple[Array, Array], energy: float) -> int:
    """Open channels of one transverse state."""
    if len(h[0]) >= _LARGE:
        for moved in (energy, energy + _MOVED_EV):
            with suppress(IndistinctWaves, LinAlgError):
                return open_channels(moved * s[0] - h[0], moved * s[1] - h[1], *s)
    for moved in (energy, energy + _MOVED_EV):
        k00, k01 = moved * s[0] - h[0], moved * s[1] - h[1]
        scale = max(float(np.abs(k00).max()), float(np.abs(k01).max()), 1e-300)
        found = _unit_circle(k00 / scale, k01 / scale)
        if found is not None:
            return found
    return 0  # a level that no layer shares with the next, and no band beside it


def _unit_circle(k00: Array, k01: Array) -> int | None:
    """Half the number of waves with |λ| = 1; None where every λ is a solution, or where waves cannot be told apart."""
    m = len(k00)
    one, zero = np.eye(m), np.zeros((m, m))
    first, second = np.block([[zero, one], [-k01.conj().T, -k00]]), np.block([[one, zero], [zero, k01]])
    try:
        inverse = np.linalg.solve(first - _SHIFT * second, second)
        if not np.abs(inverse).max() < 1e10:
            return None
        mu = np.linalg.eigvals(inverse)
    except LinAlgError:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(np.log(np.abs(_SHIFT + 1.0 / mu)))
    if np.any((distance > _UNIT_CIRCLE) & (distance < _UNCLEAR)) or np.count_nonzero(distance < _UNIT_CIRCLE) % 2:
        # the inverse has lost digits, or the energy is close to a band edge: QZ is slower and exact
        alpha, beta = eig(first, second, right=False, homogeneous_eigvals=True, check_finite=False)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.abs(np.log(np.abs(alpha) / np.abs(beta)))
    return None if (number := int(np.count_nonzero(distance < _UNIT_CIRCLE))) % 2 else number // 2
