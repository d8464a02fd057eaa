"""Compiled steps of the solver `grid_transfer`; the equations stand in :mod:`sharvin_transport.lattice.grid_transfer`.

Complex matrices are laid out as in :mod:`sharvin_transport.lattice.small_matrices`. ``psi[:, c, i]`` is solution c on site i of a
slice: the transpose of ψ, so that elimination combines rows.

Bits must not depend on the process that compiles. Where fused multiply-add is allowed (``contract``) no sum therefore has two
products: the compiler would choose which of them to fuse anew with every copy that it makes of a function. Sums keep their order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sharvin.runs.compiled import njit

from sharvin_transport.lattice.row_products import LANES, advance_rows
from sharvin_transport.lattice.small_matrices import NARROW, NEGLIGIBLE, multiply_rows, solve, symmetrise

Array = Any

PROBES = 4
"""Modes in which the symmetry of the reflection is looked at."""

WHOLE, DOUBTFUL, STRONG, AGREEMENT = 64, 1e-9, 10.0, 1e-3
"""Most slices at a time; transmissions and scatterers for which T is computed twice, and how well the two must agree."""


class GridLead(NamedTuple):
    """Transverse modes of both leads at one energy, as in :class:`sharvin_transport.lattice.grid_transfer.TransverseModes`.

    Parameters
    ----------
    modes : float64[W, stride]
    factors : float64[2, W]
    velocities : float64[W]
    """

    modes: Array
    factors: Array
    velocities: Array


class TransferWorkspace(NamedTuple):
    """Arrays that are written anew for every wire and energy.

    Parameters
    ----------
    waves : float64[6, 2, W, stride]
        Two of wave functions, two of their images in the modes, R, and Im R.
    panel : float64[2, LANES, stride]
        Of the elimination.
    levels : float64[WHOLE, stride]
        ε − E of the slices ahead.
    inside : float64[stride]
        1 in the columns that count, 0 behind them; this one is read only.
    """

    waves: Array
    panel: Array
    levels: Array
    inside: Array


@njit(nogil=True, error_model="numpy")
def workspace(width: int) -> TransferWorkspace:
    """Working space for wires of some width; rows are padded to whole vectors where vectors are used."""
    stride = -(-width // LANES) * LANES if width >= NARROW else width
    inside = np.zeros(stride)
    inside[:width] = 1.0
    return TransferWorkspace(np.zeros((6, 2, width, stride)), np.zeros((2, LANES, stride)), np.zeros((WHOLE, stride)), inside)


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def propagate(onsite: Array, energy: float, inner: Array, outer: Array, levels: Array, inside: Array) -> None:
    """ψ_{n−1} = (ε_n − E − hops) ψ_n − ψ_{n+1} for all slices n of `onsite`, the last one first.

    ψ_n of the last slice is in `inner` and ψ_{n+1} in `outer`. The two take turns: after an odd number of slices the newest
    wave functions are in `outer`. ``levels`` and ``inside`` are those of :class:`TransferWorkspace`.
    """
    steps, width, stride = len(onsite), inner.shape[1], inner.shape[2]
    if width >= NARROW:
        for step in range(steps):
            for i in range(width):
                levels[step, i] = onsite[steps - 1 - step, i] - energy
        advance_rows(levels, inside, inner, outer, (2 * width, steps, stride))
        return
    for n in range(steps - 1, -1, -1):
        for part in range(2):
            for c in range(width):
                for i in range(width):
                    neighbours = outer[part, c, i]
                    if i > 0:
                        neighbours += inner[part, c, i - 1]
                    if i < width - 1:
                        neighbours += inner[part, c, i + 1]
                    outer[part, c, i] = (onsite[n, i] - energy) * inner[part, c, i] - neighbours
        inner, outer = outer, inner


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def to_modes(psi: Array, modes: Array, out: Array) -> None:
    """Write ψᵀ V into `out`: the solutions in the transverse modes of the left lead."""
    width = psi.shape[1]
    if width >= NARROW:
        multiply_rows(out, psi, modes)
        return
    for part in range(2):
        for c in range(width):
            for m in range(width):
                out[part, c, m] = 0.0
            for i in range(width):
                a = psi[part, c, i]
                for m in range(width):
                    out[part, c, m] += a * modes[i, m]


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def incoming(behind: Array, first: Array, factors: Array) -> None:
    """(ψ_0 − F ψ_1)ᵀ into `behind`, both in the left lead's modes: amplitudes of the incoming waves and their decaying kin."""
    width = behind.shape[1]
    for c in range(width):
        for m in range(width):
            a, b = first[0, c, m], first[1, c, m]
            behind[0, c, m] = behind[0, c, m] - a * factors[0, m] + b * factors[1, m]
            behind[1, c, m] = behind[1, c, m] - a * factors[1, m] - b * factors[0, m]


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def overlap(a: Array, b: Array, part: int, row: int, width: int) -> float:
    """Scalar product of a row of two arrays."""
    total = 0.0
    for j in range(width):
        total += a[part, row, j] * b[part, row, j]
    return total


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def flux(inverse: Array, spectral: Array, diagonal: bool, velocities: Array, images: Array) -> float:
    """4 Σ_p s_p q_p† B q_p with q_p the row p of `inverse` and s the sines of the open modes (0 of closed ones)."""
    width = inverse.shape[1]
    if diagonal:
        for part in range(2):
            for p in range(width):
                for c in range(width):
                    images[part, p, c] = spectral[c, c] * inverse[part, p, c]
    else:
        to_modes(inverse, spectral, images)
    total = 0.0
    for p in range(width):
        if velocities[p] != 0.0:
            total += velocities[p] * (overlap(inverse, images, 0, p, width) + overlap(inverse, images, 1, p, width))
    return 4.0 * total


@njit(nogil=True, error_model="numpy")
def reflection_asymmetry(inverse: Array, first: Array) -> float:
    """Asymmetry of G_11 = ψ_1 (ψ_0 − F ψ_1)⁻¹ between a few modes, relative to its largest element among them."""
    width = inverse.shape[1]
    probes = min(width, PROBES)
    values = np.empty((2, probes, probes))
    largest, difference = 0.0, 0.0
    for a in range(probes):
        p = (a * (width - 1)) // max(probes - 1, 1)
        for b in range(probes):
            q = (b * (width - 1)) // max(probes - 1, 1)
            x, y = 0.0, 0.0
            for c in range(width):
                x += inverse[0, p, c] * first[0, c, q] - inverse[1, p, c] * first[1, c, q]
                y += inverse[0, p, c] * first[1, c, q] + inverse[1, p, c] * first[0, c, q]
            values[0, a, b], values[1, a, b] = x, y
    for a in range(probes):
        for b in range(a + 1):
            for part in range(2):
                largest = max(largest, abs(values[part, a, b]))
                difference = max(difference, abs(values[part, a, b] - values[part, b, a]))
    if not np.isfinite(largest):
        return np.inf
    return difference / largest


@njit(nogil=True)
def next_stride(stride: int, error: float, tolerance: float) -> int:
    """Slices until the next restabilisation, from the error that `stride` slices made: growth is a constant a slice."""
    floor, target = 2e-16, 0.02 * tolerance
    rate = np.log(max(error, 4e-16) / floor) / stride
    return int(min(max(np.log(target / floor) / rate, 1.0), stride + 4.0))


@njit(nogil=True, error_model="numpy")
def begin(psi: Array, outer: Array, spectral: Array, lead: GridLead) -> None:
    """Outgoing waves of the right lead on its last common slice, ψ_L = V, and the next one, ψ_{L+1} = V λ."""
    width, modes, factors = psi.shape[1], lead.modes, lead.factors
    for c in range(width):
        for i in range(width):
            psi[0, c, i], psi[1, c, i] = modes[i, c], 0.0
            outer[0, c, i], outer[1, c, i] = factors[0, c] * modes[i, c], factors[1, c] * modes[i, c]
            spectral[c, i] = 0.0
        spectral[c, c] = factors[1, c]


@njit(nogil=True, error_model="numpy")
def resume(psi: Array, outer: Array, ratio: Array) -> None:
    """ψ_n = 1 and ψ_{n+1} = R."""
    width = psi.shape[1]
    for c in range(width):
        for i in range(width):
            psi[0, c, i] = psi[1, c, i] = 0.0
            outer[0, c, i], outer[1, c, i] = ratio[0, c, i], ratio[1, c, i]
        psi[0, c, c] = 1.0


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def first_stride(onsite: Array, energy: float) -> int:
    """Slices before the first restabilisation, a guess: strong scatterers make solutions grow apart sooner."""
    total = 0.0
    for n in range(onsite.shape[0]):
        for i in range(onsite.shape[1]):
            total += abs(onsite[n, i] - energy)
    return max(int(13.0 - 1.8 * total / onsite.size), 5)


@njit(nogil=True, error_model="numpy")
def next_attempt(steps: int, probing: bool) -> tuple[int, bool]:
    """Slices to try after `steps` failed, and whether single ones failed already: a level of the rest may be close to E there."""
    if probing:
        return (steps + 2 if steps < 7 else 0), True
    if steps == 1:
        return 3, True
    return steps // 2, False


@njit(nogil=True, error_model="numpy")
def load(psi: Array, outer: Array, spectral: Array, ratio: Array, fresh: bool, lead: GridLead) -> None:
    """Wave functions from which the recursion sets out, and the B of their flux."""
    if fresh:
        begin(psi, outer, spectral, lead)
        return
    resume(psi, outer, ratio)
    spectral[:] = ratio[1]


@njit(nogil=True, error_model="numpy")
def arrive(inner: Array, outer: Array, first: Array, behind: Array, lead: GridLead, panel: Array) -> float:
    """Solve for the incoming modes into `inner`, from ψ_0 in it and ψ_1 in `outer`; returns the asymmetry of the reflection."""
    to_modes(outer, lead.modes, first)
    to_modes(inner, lead.modes, behind)
    incoming(behind, first, lead.factors)
    inner[:] = 0.0
    for c in range(inner.shape[1]):
        inner[0, c, c] = 1.0
    solve(behind, inner, panel, False)
    return reflection_asymmetry(inner, first)


@njit(nogil=True, error_model="numpy")
def transmit(
    onsite: Array, energy: float, lead: GridLead, work: TransferWorkspace, tolerance: float, cap: int
) -> tuple[float, float]:
    """T of one wire at one energy (both in t) with at most `cap` slices at a time, and the largest asymmetry on the way."""
    length, width = onsite.shape
    waves, panel = work.waves, work.panel
    ratio, spectral = waves[4], waves[5, 0]
    here, fresh, worst = length, True, 0.0
    stride, probing, forced = min(first_stride(onsite, energy), cap), False, False
    while True:
        steps = min(stride, here) if probing else -(-here // -(-here // stride))
        inner, outer = waves[0], waves[1]
        load(inner, outer, spectral, ratio, fresh, lead)
        propagate(onsite[here - steps : here], energy, inner, outer, work.levels, work.inside)
        if steps % 2:
            inner, outer = outer, inner
        if steps == here:
            error = arrive(inner, outer, waves[2], waves[3], lead, panel)
            if error <= tolerance or forced or here == 1:
                return flux(inner, spectral, fresh, lead.velocities, waves[2]), max(worst, error)
        else:
            solve(inner, outer, panel, True)
            error = symmetrise(outer)
        if error <= tolerance or forced:
            worst = max(worst, error)
            ratio[:] = outer
            here -= steps
            stride = min(next_stride(steps, error, tolerance) if width > 1 else 8, cap)
            fresh = probing = forced = False
        else:
            stride, probing = next_attempt(steps, probing)
            if stride == 0 or (probing and stride > here):
                stride, forced = 1, True


@njit(nogil=True, error_model="numpy")
def strongest(onsite: Array, energy: float) -> float:
    """Largest |ε − E|: about the factor by which solutions may grow apart in one slice."""
    largest = 0.0
    for n in range(onsite.shape[0]):
        for i in range(onsite.shape[1]):
            largest = max(largest, abs(onsite[n, i] - energy))
    return largest


@njit(nogil=True, error_model="numpy")
def transmit_surely(
    onsite: Array, energy: float, lead: GridLead, work: TransferWorkspace, tolerance: float
) -> tuple[float, float]:
    """T and its relative error; a small T is confirmed in smaller steps, as it may hang on small elements of B."""
    value, error, cap = 0.0, 0.0, WHOLE
    while True:  # one place that calls it: the compiler copies it into each
        again, error = transmit(onsite, energy, lead, work, tolerance, cap)
        if cap == WHOLE:
            if again > DOUBTFUL or onsite.shape[1] == 1 or (tolerance <= 1e-9 and strongest(onsite, energy) < STRONG):
                return again, error
            value, cap = again, 5
            continue
        change = abs(again - value) / max(abs(again), NEGLIGIBLE)
        if change < AGREEMENT or cap == 1:
            return again, max(error, change) if again > -NEGLIGIBLE else np.inf
        value, cap = again, cap // 2


@njit(nogil=True, error_model="numpy")
def transmit_range(
    onsite: Array, energies: Array, leads: Any, tolerance: float, pairs: tuple[int, int], out: Array, errors: Array
) -> None:
    """T of wires [n, L, W] at all energies, for some of the n·n_energies pairs of both, first…last of `pairs`.

    ``leads`` are the modes at all energies, :class:`sharvin_transport.lattice.grid_transfer.TransverseModes`.
    """
    width = onsite.shape[2]
    work = workspace(width)
    modes = np.zeros((width, len(work.inside)))
    modes[:, :width] = leads.modes
    for pair in range(pairs[0], pairs[1]):
        wire, e = pair // len(energies), pair % len(energies)
        if np.all(leads.velocities[e] == 0.0):
            out[pair], errors[pair] = 0.0, 0.0
            continue
        lead = GridLead(modes, leads.factors[e], leads.velocities[e])
        out[pair], errors[pair] = transmit_surely(onsite[wire], energies[e], lead, work, tolerance)
