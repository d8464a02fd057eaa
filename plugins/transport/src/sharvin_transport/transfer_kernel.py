"""Compiled steps of the solver `grid_transfer`; the equations stand in :mod:`sharvin_transport.grid_transfer`.

Complex W×W matrices are pairs of real arrays [2, W, W], real and imaginary parts. ``psi[:, c, i]`` is solution c on site i of a
slice: the transpose of ψ, so that elimination combines rows. Real and imaginary parts meet in products only, hence an imaginary
part that is smaller by many orders keeps its own relative accuracy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = Any

PROBES = 4
"""Modes in which the symmetry of the reflection is looked at."""

SMALL = 24
"""Widths from which elimination by panels of four columns is faster."""

WHOLE, DOUBTFUL, STRONG, AGREEMENT, NEGLIGIBLE = 64, 1e-9, 10.0, 1e-3, 1e-280
"""Most slices at a time; transmissions and scatterers for which T is computed twice, and how well the two must agree; nothing."""


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def propagate(energies: Array, inner: Array, outer: Array) -> None:
    """ψ_{n−1} = (ε_n − E − hops) ψ_n − ψ_{n+1} into `outer`, which held ψ_{n+1}; `inner` holds ψ_n, energies are in t."""
    width = inner.shape[2]
    last = width - 1
    for part in range(2):
        for c in range(width):
            if width == 1:
                outer[part, c, 0] = energies[0] * inner[part, c, 0] - outer[part, c, 0]
                continue
            outer[part, c, 0] = energies[0] * inner[part, c, 0] - inner[part, c, 1] - outer[part, c, 0]
            for i in range(1, last):
                neighbours = inner[part, c, i - 1] + inner[part, c, i + 1]
                outer[part, c, i] = energies[i] * inner[part, c, i] - neighbours - outer[part, c, i]
            outer[part, c, last] = energies[last] * inner[part, c, last] - inner[part, c, last - 1] - outer[part, c, last]


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def subtract_row(target: Array, r: int, a: float, b: float, source: Array, k: int, start: int, end: int) -> None:
    """Row r of `target` less (a + ib) times row k of `source`, columns start…end."""
    for j in range(start, end):
        target[0, r, j] -= a * source[0, k, j] - b * source[1, k, j]
        target[1, r, j] -= a * source[1, k, j] + b * source[0, k, j]


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def subtract_four(
    target: Array,
    r: int,
    a0: float,
    a1: float,
    a2: float,
    a3: float,
    b0: float,
    b1: float,
    b2: float,
    b3: float,
    k: int,
    source: Array,
    start: int,
    end: int,
) -> None:
    """Row r of `target` less Σ_q (a_q + i b_q) times row k + q of `source`: each element is read and written once."""
    for j in range(start, end):
        x0, y0, x1, y1 = source[0, k, j], source[1, k, j], source[0, k + 1, j], source[1, k + 1, j]
        x2, y2, x3, y3 = source[0, k + 2, j], source[1, k + 2, j], source[0, k + 3, j], source[1, k + 3, j]
        real = (a0 * x0 - b0 * y0) + (a1 * x1 - b1 * y1)
        imag = (a0 * y0 + b0 * x0) + (a1 * y1 + b1 * x1)
        target[0, r, j] -= real + ((a2 * x2 - b2 * y2) + (a3 * x3 - b3 * y3))
        target[1, r, j] -= imag + ((a2 * y2 + b2 * x2) + (a3 * y3 + b3 * x3))


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def factor_panel(panel: Array, first: int, columns: int, matrix: Array, right: Array) -> None:
    """LU of `columns` columns from `first` on, held in `panel` [2, 4, W] with rows contiguous; rows of all three are exchanged.

    The inverse of each pivot stands on the diagonal.
    """
    width = matrix.shape[1]
    for q in range(columns):
        k = first + q
        best, largest = k, -1.0
        for r in range(k, width):
            size = abs(panel[0, q, r]) + abs(panel[1, q, r])
            if size > largest:
                best, largest = r, size
        if best != k:
            for part in range(2):
                for j in range(columns):
                    panel[part, j, k], panel[part, j, best] = panel[part, j, best], panel[part, j, k]
                for j in range(first + columns, width):
                    matrix[part, k, j], matrix[part, best, j] = matrix[part, best, j], matrix[part, k, j]
                for j in range(width):
                    right[part, k, j], right[part, best, j] = right[part, best, j], right[part, k, j]
        x, y = panel[0, q, k], panel[1, q, k]
        norm = x * x + y * y
        x, y = x / norm, -y / norm
        panel[0, q, k], panel[1, q, k] = x, y
        for r in range(k + 1, width):
            a, b = panel[0, q, r], panel[1, q, r]
            panel[0, q, r], panel[1, q, r] = a * x - b * y, a * y + b * x
        for j in range(q + 1, columns):
            a, b = panel[0, j, k], panel[1, j, k]
            for r in range(k + 1, width):
                x, y = panel[0, q, r], panel[1, q, r]
                panel[0, j, r] -= a * x - b * y
                panel[1, j, r] -= a * y + b * x


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def eliminate_by_rows(matrix: Array, right: Array) -> None:
    """LU with partial pivoting of a small `matrix` in place, its row operations done to `right`; 1/pivot on the diagonal."""
    width = matrix.shape[1]
    for k in range(width):
        best, largest = k, -1.0
        for r in range(k, width):
            size = abs(matrix[0, r, k]) + abs(matrix[1, r, k])
            if size > largest:
                best, largest = r, size
        if best != k:
            for part in range(2):
                for j in range(k, width):
                    matrix[part, k, j], matrix[part, best, j] = matrix[part, best, j], matrix[part, k, j]
                for j in range(width):
                    right[part, k, j], right[part, best, j] = right[part, best, j], right[part, k, j]
        x, y = matrix[0, k, k], matrix[1, k, k]
        norm = x * x + y * y
        x, y = x / norm, -y / norm
        matrix[0, k, k], matrix[1, k, k] = x, y
        for r in range(k + 1, width):
            a, b = matrix[0, r, k], matrix[1, r, k]
            a, b = a * x - b * y, a * y + b * x
            subtract_row(matrix, r, a, b, matrix, k, k + 1, width)
            subtract_row(right, r, a, b, right, k, 0, width)


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def eliminate_by_panels(matrix: Array, right: Array, panel: Array) -> None:
    """LU with partial pivoting of `matrix` in place, four columns at a time, its row operations done to `right`."""
    width = matrix.shape[1]
    for first in range(0, width, 4):
        columns = min(4, width - first)
        end = first + columns
        for part in range(2):
            for r in range(first, width):
                for q in range(columns):
                    panel[part, q, r] = matrix[part, r, first + q]
        factor_panel(panel, first, columns, matrix, right)
        for part in range(2):
            for r in range(first, end):
                for q in range(columns):
                    matrix[part, r, first + q] = panel[part, q, r]
        for r in range(first + 1, end):
            for k in range(first, r):
                a, b = panel[0, k - first, r], panel[1, k - first, r]
                subtract_row(matrix, r, a, b, matrix, k, end, width)
                subtract_row(right, r, a, b, right, k, 0, width)
        for r in range(end, width):
            a0, a1, a2, a3 = panel[0, 0, r], panel[0, 1, r], panel[0, 2, r], panel[0, 3, r]
            b0, b1, b2, b3 = panel[1, 0, r], panel[1, 1, r], panel[1, 2, r], panel[1, 3, r]
            subtract_four(matrix, r, a0, a1, a2, a3, b0, b1, b2, b3, first, matrix, end, width)
            subtract_four(right, r, a0, a1, a2, a3, b0, b1, b2, b3, first, right, 0, width)


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def substitute(matrix: Array, right: Array) -> None:
    """Back substitution after the elimination: `right` becomes matrix⁻¹ right."""
    width = matrix.shape[1]
    for k in range(width - 1, -1, -1):
        r = k + 1
        while r + 3 < width:
            a0, a1, a2, a3 = matrix[0, k, r], matrix[0, k, r + 1], matrix[0, k, r + 2], matrix[0, k, r + 3]
            b0, b1, b2, b3 = matrix[1, k, r], matrix[1, k, r + 1], matrix[1, k, r + 2], matrix[1, k, r + 3]
            subtract_four(right, k, a0, a1, a2, a3, b0, b1, b2, b3, r, right, 0, width)
            r += 4
        while r < width:
            subtract_row(right, k, matrix[0, k, r], matrix[1, k, r], right, r, 0, width)
            r += 1
        x, y = matrix[0, k, k], matrix[1, k, k]
        for j in range(width):
            a, b = right[0, k, j], right[1, k, j]
            right[0, k, j], right[1, k, j] = a * x - b * y, a * y + b * x


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def solve(matrix: Array, right: Array, panel: Array) -> None:
    """`right` becomes matrix⁻¹ right; `matrix` is lost."""
    if matrix.shape[1] < SMALL:
        eliminate_by_rows(matrix, right)
    else:
        eliminate_by_panels(matrix, right, panel)
    substitute(matrix, right)


@njit(cache=True, nogil=True, error_model="numpy")
def symmetrise(right: Array) -> float:
    """Replace a matrix by its symmetric part; returns the asymmetry, relative to the largest element of either part."""
    width = right.shape[1]
    worst = 0.0
    for part in range(2):
        largest, difference = 0.0, 0.0
        for k in range(width):
            for j in range(k):
                a, b = right[part, k, j], right[part, j, k]
                largest = max(largest, abs(a))
                difference = max(difference, abs(a - b))
                right[part, k, j] = right[part, j, k] = 0.5 * (a + b)
            largest = max(largest, abs(right[part, k, k]))
        if not np.isfinite(largest):
            return np.inf
        if difference > 0.0 and largest > NEGLIGIBLE:
            worst = max(worst, difference / largest)
    return worst


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def to_modes(psi: Array, modes: Array, out: Array) -> None:
    """Write ψᵀ V into `out`: the solutions in the transverse modes of the left lead."""
    width = psi.shape[1]
    for part in range(2):
        for c in range(width):
            for m in range(width):
                out[part, c, m] = 0.0
            i = 0
            while i + 3 < width:
                a, b, d, e = psi[part, c, i], psi[part, c, i + 1], psi[part, c, i + 2], psi[part, c, i + 3]
                for m in range(width):
                    out[part, c, m] += a * modes[i, m] + b * modes[i + 1, m] + (d * modes[i + 2, m] + e * modes[i + 3, m])
                i += 4
            while i < width:
                a = psi[part, c, i]
                for m in range(width):
                    out[part, c, m] += a * modes[i, m]
                i += 1


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def incoming(behind: Array, first: Array, factors: Array) -> None:
    """(ψ_0 − F ψ_1)ᵀ into `behind`, both in the left lead's modes: amplitudes of the incoming waves and their decaying kin."""
    width = behind.shape[1]
    for c in range(width):
        for m in range(width):
            a, b = first[0, c, m], first[1, c, m]
            behind[0, c, m] -= a * factors[0, m] - b * factors[1, m]
            behind[1, c, m] -= a * factors[1, m] + b * factors[0, m]


@njit(cache=True, fastmath={"contract"}, nogil=True, error_model="numpy")
def flux(inverse: Array, spectral: Array, diagonal: bool, velocities: Array) -> float:
    """4 Σ_p s_p q_p† B q_p with q_p the row p of `inverse` and s the sines of the open modes (0 of closed ones)."""
    width = inverse.shape[1]
    total = 0.0
    image = np.empty(width)
    for p in range(width):
        if velocities[p] == 0.0:
            continue
        own = 0.0
        for part in range(2):
            if diagonal:
                for c in range(width):
                    own += spectral[c, c] * inverse[part, p, c] ** 2
                continue
            image[:] = 0.0
            c = 0
            while c + 3 < width:
                x0, x1, x2, x3 = inverse[part, p, c], inverse[part, p, c + 1], inverse[part, p, c + 2], inverse[part, p, c + 3]
                for d in range(width):
                    image[d] += (x0 * spectral[c, d] + x1 * spectral[c + 1, d]) + (
                        x2 * spectral[c + 2, d] + x3 * spectral[c + 3, d]
                    )
                c += 4
            while c < width:
                x0 = inverse[part, p, c]
                for d in range(width):
                    image[d] += x0 * spectral[c, d]
                c += 1
            for c in range(width):
                own += image[c] * inverse[part, p, c]
        total += velocities[p] * own
    return 4.0 * total


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True)
def next_stride(stride: int, error: float, tolerance: float) -> int:
    """Slices until the next restabilisation, from the error that `stride` slices made: growth is a constant a slice."""
    floor, target = 2e-16, 0.02 * tolerance
    rate = np.log(max(error, 4e-16) / floor) / stride
    return int(min(max(np.log(target / floor) / rate, 1.0), stride + 4.0))


@njit(cache=True, nogil=True, error_model="numpy")
def begin(psi: Array, outer: Array, spectral: Array, modes: Array, factors: Array) -> None:
    """Outgoing waves of the right lead on its last common slice, ψ_L = V, and the next one, ψ_{L+1} = V λ."""
    width = psi.shape[1]
    for c in range(width):
        for i in range(width):
            psi[0, c, i], psi[1, c, i] = modes[i, c], 0.0
            outer[0, c, i], outer[1, c, i] = factors[0, c] * modes[i, c], factors[1, c] * modes[i, c]
            spectral[c, i] = 0.0
        spectral[c, c] = factors[1, c]


@njit(cache=True, nogil=True, error_model="numpy")
def resume(psi: Array, outer: Array, ratio: Array) -> None:
    """ψ_n = 1 and ψ_{n+1} = R."""
    width = psi.shape[1]
    for c in range(width):
        for i in range(width):
            psi[0, c, i] = psi[1, c, i] = 0.0
            outer[0, c, i], outer[1, c, i] = ratio[0, c, i], ratio[1, c, i]
        psi[0, c, c] = 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def first_stride(onsite: Array, energy: float) -> int:
    """Slices before the first restabilisation, a guess: strong scatterers make solutions grow apart sooner."""
    total = 0.0
    for n in range(onsite.shape[0]):
        for i in range(onsite.shape[1]):
            total += abs(onsite[n, i] - energy)
    return max(int(13.0 - 1.8 * total / onsite.size), 5)


@njit(cache=True, nogil=True, error_model="numpy")
def next_attempt(steps: int, probing: bool) -> tuple[int, bool]:
    """Slices to try after `steps` failed, and whether single ones failed already: a level of the rest may be close to E there."""
    if probing:
        return (steps + 2 if steps < 7 else 0), True
    if steps == 1:
        return 3, True
    return steps // 2, False


@njit(cache=True, nogil=True, error_model="numpy")
def load(psi: Array, outer: Array, spectral: Array, ratio: Array, fresh: bool, modes: Array, factors: Array) -> None:
    """Wave functions from which the recursion sets out, and the B of their flux."""
    if fresh:
        begin(psi, outer, spectral, modes, factors)
        return
    resume(psi, outer, ratio)
    spectral[:] = ratio[1]


@njit(cache=True, nogil=True, error_model="numpy")
def arrive(inner: Array, outer: Array, first: Array, behind: Array, modes: Array, factors: Array, panel: Array) -> float:
    """Solve for the incoming modes into `inner`, from ψ_0 in it and ψ_1 in `outer`; returns the asymmetry of the reflection."""
    to_modes(outer, modes, first)
    to_modes(inner, modes, behind)
    incoming(behind, first, factors)
    inner[:] = 0.0
    for c in range(inner.shape[1]):
        inner[0, c, c] = 1.0
    solve(behind, inner, panel)
    return reflection_asymmetry(inner, first)


@njit(cache=True, nogil=True, error_model="numpy")
def transmit(
    onsite: Array,
    energy: float,
    modes: Array,
    factors: Array,
    velocities: Array,
    tolerance: float,
    cap: int,
    work: Array,
    panel: Array,
) -> tuple[float, float]:
    """T of one wire at one energy (both in t) with at most `cap` slices at a time, and the largest asymmetry on the way."""
    length, width = onsite.shape
    ratio, spectral, levels = work[4], work[5, 0], work[5, 1, 0]
    here, fresh, worst = length, True, 0.0
    stride, probing, forced = min(first_stride(onsite, energy), cap), False, False
    while True:
        steps = min(stride, here) if probing else -(-here // -(-here // stride))
        inner, outer = work[0], work[1]
        load(inner, outer, spectral, ratio, fresh, modes, factors)
        for n in range(here - 1, here - 1 - steps, -1):
            for i in range(width):
                levels[i] = onsite[n, i] - energy
            propagate(levels, inner, outer)
            inner, outer = outer, inner
        if steps == here:
            error = arrive(inner, outer, work[2], work[3], modes, factors, panel)
            if error <= tolerance or forced or here == 1:
                return flux(inner, spectral, fresh, velocities), max(worst, error)
        else:
            solve(inner, outer, panel)
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


@njit(cache=True, nogil=True, error_model="numpy")
def strongest(onsite: Array, energy: float) -> float:
    """Largest |ε − E|: about the factor by which solutions may grow apart in one slice."""
    largest = 0.0
    for n in range(onsite.shape[0]):
        for i in range(onsite.shape[1]):
            largest = max(largest, abs(onsite[n, i] - energy))
    return largest


@njit(cache=True, nogil=True, error_model="numpy")
def transmit_surely(
    onsite: Array, energy: float, modes: Array, factors: Array, velocities: Array, tolerance: float, work: Array, panel: Array
) -> tuple[float, float]:
    """T and its relative error; a small T is confirmed in smaller steps, as it may hang on small elements of B."""
    value, error, cap = 0.0, 0.0, WHOLE
    while True:  # one place that calls it: the compiler copies it into each
        again, error = transmit(onsite, energy, modes, factors, velocities, tolerance, cap, work, panel)
        if cap == WHOLE:
            if again > DOUBTFUL or onsite.shape[1] == 1 or (tolerance <= 1e-9 and strongest(onsite, energy) < STRONG):
                return again, error
            value, cap = again, 5
            continue
        change = abs(again - value) / max(abs(again), NEGLIGIBLE)
        if change < AGREEMENT or cap == 1:
            return again, max(error, change) if again > -NEGLIGIBLE else np.inf
        value, cap = again, cap // 2


@njit(cache=True, nogil=True, error_model="numpy")
def transmit_range(
    onsite: Array,
    energies: Array,
    modes: Array,
    factors: Array,
    velocities: Array,
    tolerance: float,
    start: int,
    stop: int,
    out: Array,
    errors: Array,
) -> None:
    """T of wires [n, L, W] at all energies, numbers start…stop of the n·n_energies pairs; `factors` [n_energies, 2, W]."""
    width = onsite.shape[2]
    work, panel = np.empty((6, 2, width, width)), np.empty((2, 4, width))
    for pair in range(start, stop):
        wire, e = pair // len(energies), pair % len(energies)
        if np.all(velocities[e] == 0.0):
            out[pair], errors[pair] = 0.0, 0.0
            continue
        out[pair], errors[pair] = transmit_surely(
            onsite[wire], energies[e], modes, factors[e], velocities[e], tolerance, work, panel
        )
