"""The vector loops of `grid_transfer` and `soap` beside plain numba, and beside BLAS and LAPACK called from numba.

``python benchmarks/kernels_against_lapack.py`` runs candidates of the same work in turns, on one thread, each over a batch of
matrices inside compiled code, and prints medians: the time of the hand-written kernel, and the ratio of each other candidate to
it, of the same repetition. *Plain loops* are numba without BLAS; *np.linalg* are ``np.linalg.solve`` and ``np.dot`` in compiled
code; *LAPACK* is ``scipy.linalg.cython_lapack`` and ``cython_blas`` called by their addresses, without NumPy's copies and checks.
Every candidate works in the layout that suits it, so that none pays for a conversion. Only in *T(E)*, which is the whole solver
compiled again with other kernels in the place of its own, zgesv reads and writes the solver's separate real and imaginary parts.

Widths are those of the disordered wires in ``examples/``; products of SOAP those of one gold atom with 54 neighbours, n_max 17
and l_max 9.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import ctypes
import time
from collections.abc import Callable
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher
from numba.extending import get_cython_function_address
from sharvin_descriptors.tiles import multiply, padded, rows_of_tile
from sharvin_transport.lattice import small_matrices, transfer_kernel
from sharvin_transport.lattice.configs import SquareLatticeOptions
from sharvin_transport.lattice.grid_transfer import TransverseModes
from sharvin_transport.lattice.row_products import LANES
from sharvin_transport.lattice.square_lattice import SquareLattice

Array = Any
WIDTHS = (3, 5, 10, 20, 40)
WIRES = {3: 4000, 5: 2000, 10: 600, 20: 120, 40: 30}
BATCH, SLICES = 32, 8
NEVER = 1_000_000
"""As the width from which vectors are used: plain loops always."""
N_MAX, L_MAX, NEIGHBOURS = 17, 9, 54

compiled = njit(fastmath={"contract"}, nogil=True, error_model="numpy")


def of_scipy(module: str, name: str, arguments: int) -> Any:
    """A routine of LAPACK or BLAS, which takes pointers only."""
    address = get_cython_function_address(f"scipy.linalg.cython_{module}", name)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)(address)


zgesv = of_scipy("lapack", "zgesv", 8)
gemm = {"float64": of_scipy("blas", "dgemm", 13), "float32": of_scipy("blas", "sgemm", 13)}
gemv = {"float64": of_scipy("blas", "dgemv", 11), "float32": of_scipy("blas", "sgemv", 11)}
dgemm = gemm["float64"]


def rebuilt(module: ModuleType, **others: Any) -> SimpleNamespace:
    """The compiled functions of a module, compiled again with `others` in the place of names of the module."""
    names = vars(module) | others
    for name, value in vars(module).items():
        if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__ and name not in others:
            options = {
                key: value.targetoptions[key] for key in ("fastmath", "nogil", "error_model") if key in value.targetoptions
            }
            names[name] = njit(**options)(FunctionType(value.py_func.__code__, names, name))
    return SimpleNamespace(**names)


def report(title: str, candidates: dict[str, Callable[[], object]], units: int, repeats: int) -> None:
    """One line: microseconds per unit of the first candidate, and how many times as long the others take."""
    for function in candidates.values():
        function()  # compiles
    spent: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, function in candidates.items():
            start = time.perf_counter()
            function()
            spent[name].append(time.perf_counter() - start)
    own, *rest = candidates
    base = np.array(spent[own])
    ratios = "".join(f", {name} {np.median(np.array(spent[name]) / base):5.2f}×" for name in rest)
    print(f"  {title:34s} {1e6 * np.median(base) / units:9.3f} µs{ratios}", flush=True)


# Linear systems -----------------------------------------------------------------------------------------------------------------

plain_matrices = rebuilt(small_matrices, NARROW=NEVER)


@compiled
def call_zgesv(a: Array, b: Array, sizes: Array, pivots: Array) -> None:
    """`b` [n_right, n] becomes the transposed solution, of the matrix whose transpose is `a` [n, n]; `sizes` n and n_right."""
    n, n_right, info = sizes[0:], sizes[1:], sizes[2:]
    zgesv(n.ctypes, n_right.ctypes, a.ctypes, n.ctypes, pivots.ctypes, b.ctypes, n.ctypes, info.ctypes)


@compiled
def solve_by_lapack(matrix: Array, right: Array, panel: Array, triangle: bool) -> None:
    """As :func:`small_matrices.solve`, by zgesv."""
    width = matrix.shape[1]
    both = np.empty((2, width, width), np.complex128)
    a, b = both[0], both[1]
    for r in range(width):
        for c in range(width):
            a[c, r], b[c, r] = complex(matrix[0, r, c], matrix[1, r, c]), complex(right[0, r, c], right[1, r, c])
    sizes = np.array([width, width, 0], dtype=np.int32)
    call_zgesv(a, b, sizes, np.empty(width, np.int32))
    for r in range(width):
        for c in range(width):
            right[0, r, c], right[1, r, c] = b[c, r].real, b[c, r].imag


@compiled
def batch_zgesv(matrices: Array, rights: Array, a: Array, b: Array, pivots: Array) -> None:
    sizes = np.array([a.shape[0], a.shape[0], 0], dtype=np.int32)
    for n in range(len(matrices)):
        a[:], b[:] = matrices[n], rights[n]
        call_zgesv(a, b, sizes, pivots)


@compiled
def batch_numpy(matrices: Array, rights: Array, out: Array) -> None:
    for n in range(len(matrices)):
        out[:] = np.linalg.solve(matrices[n], rights[n])


def batch_of(functions: Any, triangle: bool) -> Any:
    """All systems of a batch by `solve` of some module."""
    solve, symmetrise = functions.solve, functions.symmetrise

    @compiled
    def batch(matrices: Array, rights: Array, a: Array, b: Array, panel: Array) -> None:
        for n in range(len(matrices)):
            a[:], b[:] = matrices[n], rights[n]
            solve(a, b, panel, triangle)
            if triangle:
                symmetrise(b)

    return batch


def planes(numbers: Array, stride: int) -> Array:
    """Complex [n, W, W] as real and imaginary parts [n, 2, W, stride]."""
    out = np.zeros((len(numbers), 2, numbers.shape[1], stride))
    out[:, 0, :, : numbers.shape[2]], out[:, 1, :, : numbers.shape[2]] = numbers.real, numbers.imag
    return out


def linear_systems(width: int, repeats: int) -> None:
    rng = np.random.default_rng(width)
    shape = (BATCH, width, width)
    matrices, answers = (rng.normal(size=shape) + 1j * rng.normal(size=shape) for _ in range(2))
    answers = answers + answers.transpose(0, 2, 1)
    rights = matrices @ answers
    stride = -(-width // LANES) * LANES if width >= small_matrices.NARROW else width
    own, loose = (planes(matrices, n) for n in (stride, width)), (planes(rights, n) for n in (stride, width))
    (m_own, m_loose), (r_own, r_loose) = own, loose
    panel = np.zeros((2, LANES, stride))
    turned = [np.ascontiguousarray(x.transpose(0, 2, 1)) for x in (matrices, rights)]
    a, b, pivots = np.empty((width, width), complex), np.empty((width, width), complex), np.empty(width, np.int32)
    x_own, y_own, x_loose, y_loose = (np.empty_like(x[0]) for x in (m_own, r_own, m_loose, r_loose))
    for title, triangle in (("solution", False), ("symmetric solution", True)):
        hand, plain = batch_of(small_matrices, triangle), batch_of(plain_matrices, triangle)
        calls = {
            "own": lambda hand=hand: hand(m_own, r_own, x_own, y_own, panel),
            "plain loops": lambda plain=plain: plain(m_loose, r_loose, x_loose, y_loose, panel),
            "np.linalg": lambda: batch_numpy(matrices, rights, b),
            "LAPACK": lambda: batch_zgesv(*turned, a, b, pivots),
        }
        report(f"{title} {width}×{width}", calls, BATCH, repeats)
        scale = np.abs(answers[-1]).max()
        for found in (y_own, y_loose):
            assert np.allclose(found[0, :, :width] + 1j * found[1, :, :width], answers[-1], rtol=0, atol=1e-9 * scale)
        assert np.allclose(b.T, answers[-1], rtol=0, atol=1e-9 * scale)


# Products and slices ------------------------------------------------------------------------------------------------------------


@compiled
def products_own(out: Array, left: Array, right: Array) -> None:
    for n in range(len(left)):
        small_matrices.multiply_rows(out, left[n], right)


@compiled
def plain_product(out: Array, left: Array, right: Array) -> None:
    for r in range(left.shape[0]):
        for j in range(right.shape[1]):
            out[r, j] = 0.0
        for k in range(right.shape[0]):
            a = left[r, k]
            for j in range(right.shape[1]):
                out[r, j] += a * right[k, j]


@compiled
def products_plain(out: Array, left: Array, right: Array) -> None:
    for n in range(len(left)):
        plain_product(out, left[n], right)


@compiled
def products_numpy(out: Array, left: Array, right: Array) -> None:
    for n in range(len(left)):
        np.dot(left[n], right, out)


@compiled
def call_dgemm(out: Array, left: Array, right: Array, letters: Array, numbers: Array, sizes: Array) -> None:
    """``out = left @ right`` with contiguous rows; `sizes` are columns, rows, depth and the three lengths of rows."""
    no, one, zero = letters[0:], numbers[0:], numbers[1:]
    columns, rows, depth, of_right, of_left, of_out = sizes[0:], sizes[1:], sizes[2:], sizes[3:], sizes[4:], sizes[5:]
    dgemm(
        no.ctypes, no.ctypes, columns.ctypes, rows.ctypes, depth.ctypes, one.ctypes, right.ctypes, of_right.ctypes,
        left.ctypes, of_left.ctypes, zero.ctypes, out.ctypes, of_out.ctypes,
    )  # fmt: skip


@compiled
def products_blas(out: Array, left: Array, right: Array) -> None:
    letters, numbers, width = np.array([ord("N")], np.uint8), np.array([1.0, 0.0]), right.shape[0]
    sizes = np.array([width, left.shape[1], width, width, width, width], dtype=np.int32)
    for n in range(len(left)):
        call_dgemm(out, left[n], right, letters, numbers, sizes)


@compiled
def multiply_by_blas(target: Array, left: Array, right: Array) -> None:
    """As :func:`small_matrices.multiply_rows`, by dgemm."""
    width, stride = right.shape
    sizes = np.array([width, 2 * width, width, stride, stride, stride], dtype=np.int32)
    call_dgemm(target, left, right, np.array([ord("N")], np.uint8), np.array([1.0, 0.0]), sizes)


@compiled
def plain_slices(levels: Array, inside: Array, inner: Array, outer: Array, sizes: tuple[int, int, int]) -> None:
    """As `advance_rows`, in loops without branches."""
    width, steps = inner.shape[1], sizes[1]
    for part in range(2):
        for c in range(width):
            x, y = inner[part, c], outer[part, c]
            for n in range(steps):
                y[0] = levels[n, 0] * x[0] - x[1] - y[0]
                for i in range(1, width - 1):
                    y[i] = levels[n, i] * x[i] - (x[i - 1] + x[i + 1]) - y[i]
                y[width - 1] = levels[n, width - 1] * x[width - 1] - x[width - 2] - y[width - 1]
                x, y = y, x


def slices_by(propagate: Any) -> Any:
    """A batch of eight slices each, from the same waves."""

    @compiled
    def batch(onsite: Array, start: Array, levels: Array, inside: Array, inner: Array, outer: Array) -> None:
        for n in range(len(onsite)):
            inner[:], outer[:] = start, 0.0
            propagate(onsite[n], 0.3, inner, outer, levels, inside)

    return batch


def loops(width: int, repeats: int) -> None:
    """Products by a real matrix, and slices of the recursion."""
    rng = np.random.default_rng(width)
    if width < small_matrices.NARROW:
        return  # the solver has plain loops there, too
    stride = -(-width // LANES) * LANES
    left, right = rng.normal(size=(BATCH, 2 * width, width)), rng.normal(size=(width, width))
    left_own, right_own = np.zeros((BATCH, 2, width, stride)), np.zeros((width, stride))
    left_own[..., :width], right_own[:, :width] = left.reshape(BATCH, 2, width, width), right
    out_own, out = np.zeros((2, width, stride)), np.zeros((2 * width, width))
    calls = {
        "own": lambda: products_own(out_own, left_own, right_own),
        "plain loops": lambda: products_plain(out, left, right),
        "np.linalg": lambda: products_numpy(out, left, right),
        "LAPACK": lambda: products_blas(out, left, right),
    }
    report(f"product {2 * width}×{width}×{width}", calls, BATCH, repeats)
    assert np.allclose(out_own[..., :width].reshape(out.shape), out)
    onsite = rng.normal(size=(BATCH, SLICES, width))
    inside = (np.arange(stride) < width).astype(float)
    cases = [
        (slices_by(kernel.propagate), np.zeros((64, n)), inside[:n], *(np.zeros((2, width, n)) for _ in range(2)), n)
        for kernel, n in ((transfer_kernel, stride), (by_lapack, width))
    ]
    run = [lambda batch=batch, n=n, rest=rest: batch(onsite, left_own[0, ..., :n].copy(), *rest) for batch, *rest, n in cases]
    report(f"{SLICES} slices", {"own": run[0], "plain loops": run[1]}, BATCH, repeats)
    assert np.allclose(cases[0][3][..., :width], cases[1][3])


# The whole solver ---------------------------------------------------------------------------------------------------------------

by_lapack = rebuilt(
    transfer_kernel,
    NARROW=0,
    LANES=1,
    solve=solve_by_lapack,
    symmetrise=plain_matrices.symmetrise,
    multiply_rows=multiply_by_blas,
    advance_rows=plain_slices,
)
by_loops = rebuilt(transfer_kernel, NARROW=NEVER, solve=plain_matrices.solve, symmetrise=plain_matrices.symmetrise)


def transmissions(width: int, repeats: int) -> None:
    count = WIRES[width]
    wires = (
        SquareLattice(SquareLatticeOptions(length=width, width=width, disorder="I")).sample(count, np.random.default_rng(0)).wires
    )
    energies = np.zeros(1)
    leads = TransverseModes.of(width, energies, energies)
    onsite = wires.onsite.reshape(-1, width, width)
    found = {}

    def all_of(name: str, kernel: Any) -> Callable[[], object]:
        found[name] = np.zeros(count)
        rest = (1e-10, (0, count), found[name], np.zeros(count))
        return lambda: kernel.transmit_range(onsite, energies, leads, *rest)

    kernels = {"own": transfer_kernel, "plain loops": by_loops, "LAPACK": by_lapack}
    report(f"T(E) of {width}×{width}", {name: all_of(name, kernel) for name, kernel in kernels.items()}, count, repeats)
    changes = [np.abs(found[name] - found["own"]).max() for name in ("plain loops", "LAPACK")]
    print(f"    max |ΔT| of plain loops {changes[0]:.0e}, of LAPACK {changes[1]:.0e}")


# SOAP ---------------------------------------------------------------------------------------------------------------------------


@compiled
def soap_own(table: Array, weights: Array, harmonics: Array, work: Any, rows: Any, lanes: Any) -> None:
    radial, density, square = work
    row, width = table.shape[1], len(lanes)
    for j in range(len(weights)):
        for n_l in range(L_MAX + 1):
            multiply(radial, j * row + n_l * width, 0, weights, 4 * j, 0, 1, table, j * row + n_l * width, row, 4, (0,), lanes)
    for n_l in range(L_MAX + 1):
        for lm in range(n_l * n_l, (n_l + 1) * (n_l + 1), len(rows)):
            multiply(
                density, lm * width, width, harmonics, lm * harmonics.shape[1], harmonics.shape[1], 1,
                radial, n_l * width, row, len(weights), rows, lanes,
            )  # fmt: skip
    for n_l in range(L_MAX + 1):
        first = n_l * n_l * width
        for n in range(0, N_MAX, len(rows)):
            at = n_l * square.shape[1] * width + n * width
            multiply(square, at, width, density, first + n, 1, width, density, first, width, 2 * n_l + 1, rows, lanes)


@compiled
def soap_plain(table: Array, weights: Array, harmonics: Array, radial: Array, density: Array, square: Array) -> None:
    for j in range(len(weights)):
        plain_product(radial[j : j + 1], weights[j : j + 1], table[j : j + 4])
    for n_l in range(L_MAX + 1):
        lm, end, at = n_l * n_l, (n_l + 1) * (n_l + 1), n_l * N_MAX
        plain_product(density[lm:end], harmonics[lm:end], radial[:, at : at + N_MAX])
        plain_product(square[n_l], density[lm:end].T, density[lm:end])


@compiled
def soap_numpy(table: Array, weights: Array, harmonics: Array, radial: Array, density: Array, square: Array) -> None:
    """With a copy of the radial functions of one l, since np.dot takes contiguous matrices only."""
    of_l = np.empty((len(weights), N_MAX), weights.dtype)
    for j in range(len(weights)):
        np.dot(weights[j : j + 1], table[j : j + 4], radial[j : j + 1])
    for n_l in range(L_MAX + 1):
        lm, end = n_l * n_l, (n_l + 1) * (n_l + 1)
        of_l[:] = radial[:, n_l * N_MAX : (n_l + 1) * N_MAX]
        np.dot(harmonics[lm:end], of_l, density[lm:end])
        np.dot(density[lm:end].T, density[lm:end], square[n_l])


def soap_by_blas(dtype: str) -> Any:
    multiply_matrices, multiply_vector = gemm[dtype], gemv[dtype]

    @compiled
    def soap(table: Array, weights: Array, harmonics: Array, radial: Array, density: Array, square: Array) -> None:
        flags = np.array([ord("N"), ord("T")], np.uint8)
        no, yes, one, zero = flags[0:], flags[1:], np.ones(1, weights.dtype), np.zeros(1, weights.dtype)
        sizes = np.array([table.shape[1], 4, 1, N_MAX, len(weights), 0], dtype=np.int32)
        row, four, unit, width, count, depth = sizes[0:], sizes[1:], sizes[2:], sizes[3:], sizes[4:], sizes[5:]
        for j in range(len(weights)):
            block, result = table[j:], radial[j]
            multiply_vector(
                no.ctypes, row.ctypes, four.ctypes, one.ctypes, block.ctypes, row.ctypes, weights[j].ctypes, unit.ctypes,
                zero.ctypes, result.ctypes, unit.ctypes,
            )  # fmt: skip
        for n_l in range(L_MAX + 1):
            lm = n_l * n_l
            sizes[5] = 2 * n_l + 1
            of_l, sums, places = radial[0, n_l * N_MAX :], density[lm:], harmonics[lm:]
            multiply_matrices(
                no.ctypes, no.ctypes, width.ctypes, depth.ctypes, count.ctypes, one.ctypes, of_l.ctypes, row.ctypes,
                places.ctypes, count.ctypes, zero.ctypes, sums.ctypes, width.ctypes,
            )  # fmt: skip
            multiply_matrices(
                no.ctypes, yes.ctypes, width.ctypes, width.ctypes, depth.ctypes, one.ctypes, sums.ctypes, width.ctypes,
                sums.ctypes, width.ctypes, zero.ctypes, square[n_l].ctypes, width.ctypes,
            )  # fmt: skip

    return soap


def soap_products(dtype: str, repeats: int) -> None:
    """The three products of one atom: R_nl between knots, the sum over neighbours, the sum over m."""
    rng = np.random.default_rng(0)
    itemsize, n_l = np.dtype(dtype).itemsize, L_MAX + 1
    width = padded(N_MAX, itemsize)
    rows, lanes = (0,) * rows_of_tile(width, itemsize), (0,) * width
    table = rng.normal(size=(NEIGHBOURS + 3, n_l, N_MAX)).astype(dtype)
    weights, harmonics = rng.normal(size=(NEIGHBOURS, 4)).astype(dtype), rng.normal(size=(n_l**2, NEIGHBOURS)).astype(dtype)
    tall = np.zeros((n_l**2 + len(rows), NEIGHBOURS), dtype)
    tall[: n_l**2] = harmonics
    wide = np.zeros((NEIGHBOURS + 3, n_l, width), dtype)
    wide[..., :N_MAX] = table
    own = tuple(
        np.zeros(shape, dtype)
        for shape in ((NEIGHBOURS, n_l * width), (n_l**2 + len(rows), width), (n_l, N_MAX + len(rows), width))
    )
    loose = [np.zeros(shape, dtype) for shape in ((NEIGHBOURS, n_l * N_MAX), (n_l**2, N_MAX), (n_l, N_MAX, N_MAX))]
    apart = [x.copy() for x in loose]
    flat, own_table = table.reshape(len(table), -1), wide.reshape(len(wide), -1)
    blas = soap_by_blas(dtype)

    def often(function: Callable[..., None], *arguments: Any) -> Callable[[], None]:
        @njit
        def loop(count: int, *arguments: Any) -> None:
            for _ in range(count):
                function(*arguments)

        return lambda: loop(BATCH, *arguments)

    calls = {
        "own": often(soap_own, own_table, weights, tall, own, rows, lanes),
        "plain loops": often(soap_plain, flat, weights, harmonics, *loose),
        "np.linalg": often(soap_numpy, flat, weights, harmonics, *apart),
        "LAPACK": often(blas, flat, weights, harmonics, *[np.zeros_like(x) for x in loose]),
    }
    report(f"SOAP of one atom, {dtype}", calls, BATCH, repeats)
    last = [np.zeros_like(x) for x in loose]
    blas(flat, weights, harmonics, *last)
    scale = 1e3 * np.finfo(dtype).eps * np.abs(last[2]).max()
    for square in (own[2][:, :N_MAX, :N_MAX], loose[2], apart[2]):
        assert np.allclose(square, last[2], rtol=0, atol=scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", nargs="+", type=int, default=list(WIDTHS), choices=WIDTHS)
    parser.add_argument("--repeats", type=int, default=31)
    options = parser.parse_args()
    print(f"medians of {options.repeats} interleaved repeats, one thread; times as long as the hand-written kernel")
    for width in options.widths:
        linear_systems(width, options.repeats)
        loops(width, options.repeats)
        transmissions(width, options.repeats)
    for dtype in ("float32", "float64"):
        soap_products(dtype, options.repeats)


if __name__ == "__main__":
    main()
