"""Elimination and products of small complex matrices in compiled code, with no call of BLAS, for :mod:`transfer_kernel`.

Complex W×W matrices are pairs of real arrays [2, W, stride], real and imaginary parts. From the width :data:`NARROW` on their
rows are padded by zeros to whole vectors of :mod:`row_products`. Real and imaginary parts meet in products only, hence an
imaginary part that is smaller by many orders keeps its own relative accuracy.

**Gain**, measured by ``benchmarks/kernels_against_lapack.py`` (one thread, AVX-512): to solve a system of W×W with as many right
sides takes so many times as long with the plain loops of :func:`eliminate_narrow`, with ``np.linalg.solve`` in numba, and with
zgesv through ``scipy.linalg.cython_lapack``, in its own layout without conversion:

====================  =====  =====  =====  =====  =====
W                     3      5      10     20     40
====================  =====  =====  =====  =====  =====
plain loops           same   same   1.34   2.37   2.81
``np.linalg.solve``   2.14   1.36   1.32   1.65   1.85
zgesv                 1.40   1.01   1.10   1.45   1.77
====================  =====  =====  =====  =====  =====

At W = 5 and 10 zgesv alone is as fast; there the gain of the whole solver, 1.3 times (:mod:`row_products`), comes from separate
real and imaginary parts that need no conversion, and from the slices.

Numba's cache of :mod:`transfer_kernel` does not notice a change in this file: remove ``__pycache__`` after one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sharvin.runs.compiled import njit

from sharvin_transport.lattice.row_products import (
    LANES,
    assign_eight_rows,
    assign_one_row,
    eliminate_below,
    subtract_four_rows,
    subtract_one_row,
)

Array = Any

NARROW = 6
"""Widths from which vectors are faster than plain loops."""

NEGLIGIBLE = 1e-280
"""Numbers below this are nothing."""


@njit(nogil=True, error_model="numpy")
def product(a: float, b: float, x: float, y: float) -> tuple[float, float]:
    """(a + ib)(x + iy), without fused multiply-add; see :mod:`transfer_kernel` on bits."""
    return a * x - b * y, a * y + b * x


@njit(nogil=True, error_model="numpy")
def reciprocal(x: float, y: float) -> tuple[float, float]:
    """1/(x + iy), likewise."""
    norm = x * x + y * y
    return x / norm, -y / norm


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def subtract_row(target: Array, r: int, a: float, b: float, source: Array, k: int, start: int, end: int) -> None:
    """Row r of `target` less (a + ib) times row k of `source`, columns start…end."""
    for j in range(start, end):
        target[0, r, j] = target[0, r, j] - a * source[0, k, j] + b * source[1, k, j]
        target[1, r, j] = target[1, r, j] - a * source[1, k, j] - b * source[0, k, j]


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def subtract_rows(
    target: Array, left: Array, right: Array, rows: tuple[int, int], pivots: tuple[int, int], columns: tuple[int, int]
) -> None:
    """Some `rows` of `target` less those of `left` times rows of `right`, in some `columns`; each is given as (first, last).

    ``pivots`` are the columns of `left` and the rows of `right` that are summed over.
    """
    stride = target.shape[2]
    spacing = (stride, target.shape[1] * stride)
    r, last = rows
    extent = (pivots[1] - pivots[0], columns[0], columns[1])
    while r + 3 < last:
        subtract_four_rows(target, left, right, (r * stride, r * stride + pivots[0], pivots[0] * stride), spacing, extent)
        r += 4
    while r < last:
        subtract_one_row(target, left, right, (r * stride, r * stride + pivots[0], pivots[0] * stride), spacing, extent)
        r += 1


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def multiply_rows(target: Array, left: Array, right: Array) -> None:
    """All rows of both parts of `target` become those of `left` times the real `right` [W, stride]."""
    width, stride = right.shape
    r = 0
    while r + 7 < 2 * width:
        assign_eight_rows(target, left, right, r * stride, width, stride)
        r += 8
    while r < 2 * width:
        assign_one_row(target, left, right, r * stride, width, stride)
        r += 1


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def factor_panel(panel: Array, first: int, columns: int, matrix: Array, right: Array) -> None:
    """LU of `columns` columns from `first` on, held in `panel` [2, 8, W] with rows contiguous; rows of all three are exchanged.

    The inverse of each pivot stands on the diagonal.
    """
    width, stride = matrix.shape[1], matrix.shape[2]
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
                for j in range(first + columns, stride):
                    matrix[part, k, j], matrix[part, best, j] = matrix[part, best, j], matrix[part, k, j]
                for j in range(stride):
                    right[part, k, j], right[part, best, j] = right[part, best, j], right[part, k, j]
        panel[0, q, k], panel[1, q, k] = reciprocal(panel[0, q, k], panel[1, q, k])
        eliminate_below(panel, q, first, columns, stride, panel.shape[1] * stride)


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def eliminate_narrow(matrix: Array, right: Array) -> None:
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
        x, y = reciprocal(matrix[0, k, k], matrix[1, k, k])
        matrix[0, k, k], matrix[1, k, k] = x, y
        for r in range(k + 1, width):
            a, b = product(matrix[0, r, k], matrix[1, r, k], x, y)
            subtract_row(matrix, r, a, b, matrix, k, k + 1, width)
            subtract_row(right, r, a, b, right, k, 0, width)


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def eliminate(matrix: Array, right: Array, panel: Array) -> None:
    """LU with partial pivoting of `matrix` in place, eight columns at a time, its row operations done to `right`."""
    width, stride = matrix.shape[1], matrix.shape[2]
    for first in range(0, width, LANES):
        columns = min(LANES, width - first)
        end, beyond, half = first + columns, first + LANES, first + min(columns, LANES // 2)
        for part in range(2):
            for r in range(first, width):
                for q in range(columns):
                    panel[part, q, r] = matrix[part, r, first + q]
        factor_panel(panel, first, columns, matrix, right)
        for part in range(2):
            for r in range(first, width):
                for q in range(columns):
                    matrix[part, r, first + q] = panel[part, q, r]
        for target, start in ((matrix, beyond), (right, 0)):
            for r in range(first + 1, half):
                subtract_rows(target, matrix, target, (r, r + 1), (first, r), (start, stride))
            subtract_rows(target, matrix, target, (half, end), (first, half), (start, stride))
            for r in range(half + 1, end):
                subtract_rows(target, matrix, target, (r, r + 1), (half, r), (start, stride))
            subtract_rows(target, matrix, target, (end, width), (first, end), (start, stride))


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def scale_row(right: Array, r: int, x: float, y: float, stop: int) -> None:
    """Row r times x + iy, columns before `stop`."""
    for j in range(stop):
        right[0, r, j], right[1, r, j] = product(right[0, r, j], right[1, r, j], x, y)


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def substitute_narrow(matrix: Array, right: Array) -> None:
    """Back substitution after :func:`eliminate_narrow`: `right` becomes matrix⁻¹ right."""
    width = matrix.shape[1]
    for k in range(width - 1, -1, -1):
        for r in range(k + 1, width):
            subtract_row(right, k, matrix[0, k, r], matrix[1, k, r], right, r, 0, width)
        scale_row(right, k, matrix[0, k, k], matrix[1, k, k], width)


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def substitute(matrix: Array, right: Array, triangle: bool) -> None:
    """Back substitution after :func:`eliminate`: `right` becomes matrix⁻¹ right, of a `triangle` up to its diagonal blocks."""
    width, stride = matrix.shape[1], matrix.shape[2]
    for first in range((width - 1) // LANES * LANES, -1, -LANES):
        end = min(first + LANES, width)
        half = min(first + LANES // 2, end)
        stop = first + LANES if triangle else stride
        subtract_rows(right, matrix, right, (first, end), (end, width), (0, stop))
        for begin, last in ((half, end), (first, half)):
            for r in range(last - 1, begin - 1, -1):
                subtract_rows(right, matrix, right, (r, r + 1), (r + 1, last), (0, stop))
                scale_row(right, r, matrix[0, r, r], matrix[1, r, r], stop)
            if begin == half:
                subtract_rows(right, matrix, right, (first, half), (half, end), (0, stop))


@njit(fastmath={"contract"}, nogil=True, error_model="numpy")
def solve(matrix: Array, right: Array, panel: Array, triangle: bool) -> None:
    """`right` becomes matrix⁻¹ right, of a `triangle` at least the lower one; `matrix` is lost."""
    if matrix.shape[1] < NARROW:
        eliminate_narrow(matrix, right)
        substitute_narrow(matrix, right)
    else:
        eliminate(matrix, right, panel)
        substitute(matrix, right, triangle)


@njit(nogil=True, error_model="numpy")
def symmetrise(right: Array) -> float:
    """Copy the lower triangle of a symmetric matrix into the upper one.

    Returns the asymmetry within blocks on the diagonal, where both have been computed, relative to the largest element of either
    part.
    """
    width = right.shape[1]
    worst = 0.0
    for part in range(2):
        largest, difference = 0.0, 0.0
        for k in range(width):
            block = k // LANES * LANES if width >= NARROW else 0
            for j in range(block, k):
                a, b = right[part, k, j], right[part, j, k]
                difference = max(difference, abs(a - b))
                right[part, k, j] = right[part, j, k] = 0.5 * (a + b)
            for j in range(block):
                right[part, j, k] = right[part, k, j]
            row = 0.0
            for j in range(k + 1):
                row = max(row, abs(right[part, k, j]))
            largest = max(largest, row)
        if not np.isfinite(largest):
            return np.inf
        if difference > 0.0 and largest > NEGLIGIBLE:
            worst = max(worst, difference / largest)
    return worst
