"""Small matrix products whose results stay in vector registers: the arithmetic core of the compiled descriptors.

``multiply`` computes a tile of C = A B, a few rows of C at full width, summing over the common axis in ascending order with one
fused multiply-add a term. It is written down in LLVM's vector instructions of 256 bits, because compilers do not by themselves
keep the sums of a tile in registers; on processors with other registers LLVM splits or widens them, with the same result.

**Gain**, measured by ``benchmarks/kernels_against_lapack.py`` (one thread, AVX-512) on the products of one gold atom's power
spectrum with n_max 17, l_max 9 and 54 neighbours: they take 7.8 (float32) and 6.0 (float64) times as long with plain numba
loops, 2.2 and 2.1 times with ``np.dot`` in numba, 1.3 and 1.5 times with gemv and gemm through ``scipy.linalg.cython_blas``.

Widths are passed as tuples, whose length is known to the compiler: ``lanes`` for a row of C, padded to whole registers
(:func:`padded`), and ``rows`` for the rows of a tile (:func:`rows_of_tile`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

REGISTER_BYTES = 32
ACCUMULATORS = 12
"""Registers that hold a tile; with those for A and B they fit into sixteen."""


def padded(length: int, itemsize: int) -> int:
    """`length` rounded up to whole vector registers of numbers of `itemsize` bytes."""
    width = REGISTER_BYTES // itemsize
    return -(-length // width) * width


def rows_of_tile(lanes: int, itemsize: int) -> int:
    """Rows of `lanes` numbers that a tile may have."""
    return max(1, ACCUMULATORS * REGISTER_BYTES // (lanes * itemsize))


def _multiply(
    typing: Any,
    c: Any,
    c_first: Any,
    c_row: Any,
    a: Any,
    a_first: Any,
    a_row: Any,
    a_step: Any,
    b: Any,
    b_first: Any,
    b_step: Any,
    depth: Any,
    rows: Any,
    lanes: Any,
) -> Any:
    """``C[i, :] = Σ_k A[i, k] B[k, :]`` for the rows of one tile.

    The matrices lie in contiguous arrays of any shape; places are counted in elements: C[i, n] at ``c_first + i c_row + n``,
    A[i, k] at ``a_first + i a_row + k a_step``, B[k, n] at ``b_first + k b_step + n``, k below `depth`.
    """
    itemsize = c.dtype.bitwidth // 8
    width = REGISTER_BYTES // itemsize
    n_rows, n_vectors = len(rows), len(lanes) // width
    signature = types.void(c, *[types.intp] * 2, a, *[types.intp] * 3, b, *[types.intp] * 3, rows, lanes)

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        c_array, c_at, c_stride, a_array, a_at, a_stride, a_next, b_array, b_at, b_next, count = arguments[:11]
        number = context.get_value_type(c.dtype)
        vector = ir.VectorType(number, width)
        fused = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{width}f{c.dtype.bitwidth}"
        )
        zero = ir.Constant(vector, [ir.Constant(number, 0.0)] * width)
        start = cgutils.alloca_once_value
        sums = [[start(builder, zero) for _ in range(n_vectors)] for _ in range(n_rows)]  # type: ignore[no-untyped-call]
        arrays = ((c, c_array), (a, a_array), (b, b_array))
        data = [context.make_array(kind)(context, builder, array).data for kind, array in arrays]

        def place(pointer: Any, first: Any, row: Any, i: int) -> Any:
            return builder.gep(pointer, [builder.add(first, builder.mul(row, ir.Constant(row.type, i)))])

        def registers(pointer: Any) -> list[Any]:
            whole = builder.bitcast(pointer, vector.as_pointer())
            return [builder.gep(whole, [ir.Constant(ir.IntType(64), v)]) for v in range(n_vectors)]

        with cgutils.for_range(builder, count) as loop:
            b_here = builder.gep(data[2], [builder.add(b_at, builder.mul(loop.index, b_next))])
            row_of_b = [builder.load(pointer, align=itemsize) for pointer in registers(b_here)]
            a_here = builder.add(a_at, builder.mul(loop.index, a_next))
            for i in range(n_rows):
                value = builder.load(place(data[1], a_here, a_stride, i))
                lane = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
                mask = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
                everywhere = builder.shuffle_vector(lane, lane, mask)
                for total, term in zip(sums[i], row_of_b, strict=True):
                    builder.store(builder.call(fused, (everywhere, term, builder.load(total))), total)
        for i in range(n_rows):
            for pointer, total in zip(registers(place(data[0], c_at, c_stride, i)), sums[i], strict=True):
                builder.store(builder.load(total), pointer, align=itemsize)
        return context.get_dummy_value()

    return signature, generate


multiply: Callable[..., None] = intrinsic(_multiply)
