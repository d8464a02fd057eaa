"""Products of small row-major matrices in vectors of eight doubles, for compiled code: the inner loops of :mod:`small_matrices`.

Compilers cannot know that rows of one array do not overlap, and check it at every call: for matrices of 20 to 40 columns that
costs more than the arithmetic. So these loops are written out as vector instructions, which LLVM fits to any processor. Rows
have a common length `stride`, a multiple of :data:`LANES`; positions are element numbers in the flattened arrays.

**Gain**, measured by ``benchmarks/kernels_against_lapack.py`` (one thread, AVX-512): T(E) takes so many times as long with the
same loops in plain numba, and with zgesv and dgemm through ``scipy.linalg.cython_lapack`` and ``cython_blas``, converted to their
layout, and plain loops for the slices. Below the width 6 the solver has plain loops itself, and no vectors:

====================  =====  =====  =====  =====  =====
wire                  3×3    5×5    10×10  20×20  40×40
====================  =====  =====  =====  =====  =====
T(E), plain numba     1.10   1.10   1.34   2.18   2.62
T(E), LAPACK          1.57   1.28   1.29   1.70   2.01
====================  =====  =====  =====  =====  =====

Replaced alone, :func:`advance_rows` by plain loops makes T(E) 1.13 to 1.17 times as long from 10×10 on. Alone and out of the
solver its ratio is 0.7 to 1.7, as arrays happen to lie in memory. The real product by :data:`assign_eight_rows` is 3.4 to 7
times as fast as plain loops, but only 0.93 to 1.08 times as dgemm: with dgemm T(E) would take 1.01 to 1.04 times as long. It is
here so that the solver needs no BLAS.

Numba's cache does not notice a change in this file: remove ``__pycache__`` after one.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 8
"""Doubles in a vector: one AVX-512 register, two of AVX2."""

_DOUBLE = ir.DoubleType()
_VECTOR = ir.VectorType(_DOUBLE, LANES)
_CONTRACT = ("contract",)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)
_INDEX = ir.IntType(32)
_INTEGERS = {count: types.UniTuple(types.intp, count) for count in (2, 3)}


class _Rows:
    """Emits loads and stores of one array's elements."""

    def __init__(self, context: Any, builder: Any, array_type: Any, array: Any) -> None:
        self.builder = builder
        self.data = context.make_array(array_type)(context, builder, array).data

    def vector(self, position: Any) -> Any:
        return self.builder.load(self._place(position, _VECTOR), align=8)

    def store(self, value: Any, position: Any) -> None:
        self.builder.store(value, self._place(position, _VECTOR), align=8)

    def spread(self, position: Any) -> Any:
        """One element in all lanes."""
        scalar = self.builder.load(self._place(position, _DOUBLE), align=8)
        single = self.builder.insert_element(_ZERO, scalar, ir.Constant(_INDEX, 0))
        return self.builder.shuffle_vector(single, _ZERO, _lanes([0] * LANES))

    def _place(self, position: Any, kind: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(self.data, [position]), kind.as_pointer())


def _lanes(numbers: list[int]) -> Any:
    return ir.Constant(ir.VectorType(_INDEX, LANES), numbers)


def _more(builder: Any, total: Any, a: Any, b: Any) -> Any:
    return builder.fadd(total, builder.fmul(a, b, flags=_CONTRACT), flags=_CONTRACT)


def _less(builder: Any, total: Any, a: Any, b: Any) -> Any:
    return builder.fsub(total, builder.fmul(a, b, flags=_CONTRACT), flags=_CONTRACT)


def _complex_rows(rows: int) -> Any:
    @intrinsic
    def subtract(
        typing: Any,
        target: Any,
        left: Any,
        right: Any,
        places: Any,
        spacing: Any,
        extent: Any,
    ) -> Any:
        signature = types.void(target, left, right, _INTEGERS[3], _INTEGERS[2], _INTEGERS[3])

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            target, left, right = (_Rows(context, builder, signature.args[n], args[n]) for n in range(3))
            target_at, left_at, right_at = cgutils.unpack_tuple(builder, args[3])
            stride, plane = cgutils.unpack_tuple(builder, args[4])
            depth, start, stop = cgutils.unpack_tuple(builder, args[5])
            row_starts = [builder.mul(stride, ir.Constant(stride.type, r)) for r in range(rows)]
            real = [cgutils.alloca_once(builder, _VECTOR) for _ in range(rows)]
            imag = [cgutils.alloca_once(builder, _VECTOR) for _ in range(rows)]
            with cgutils.for_range_slice(builder, start, stop, ir.Constant(stride.type, LANES), intp=stride.type) as (column, _):
                places = [builder.add(builder.add(target_at, row), column) for row in row_starts]
                for r in range(rows):
                    builder.store(target.vector(places[r]), real[r])
                    builder.store(target.vector(builder.add(places[r], plane)), imag[r])
                with cgutils.for_range(builder, depth, intp=stride.type) as loop:
                    source = builder.add(builder.add(right_at, builder.mul(loop.index, stride)), column)
                    x, y = right.vector(source), right.vector(builder.add(source, plane))
                    for r in range(rows):
                        coefficient = builder.add(builder.add(left_at, row_starts[r]), loop.index)
                        a, b = left.spread(coefficient), left.spread(builder.add(coefficient, plane))
                        re, im = builder.load(real[r]), builder.load(imag[r])
                        builder.store(_more(builder, _less(builder, re, a, x), b, y), real[r])
                        builder.store(_less(builder, _less(builder, im, a, y), b, x), imag[r])
                for r in range(rows):
                    target.store(builder.load(real[r]), places[r])
                    target.store(builder.load(imag[r]), builder.add(places[r], plane))
            return context.get_dummy_value()

        return signature, emit

    return subtract


def _real_rows(rows: int) -> Any:
    @intrinsic
    def assign(
        typing: Any,
        target: Any,
        left: Any,
        right: Any,
        place: Any,
        depth: Any,
        stride: Any,
    ) -> Any:
        signature = types.void(target, left, right, *[types.intp] * 3)

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            target, left, right = (_Rows(context, builder, signature.args[n], args[n]) for n in range(3))
            place, depth, stride = args[3:]
            row_starts = [builder.mul(stride, ir.Constant(stride.type, r)) for r in range(rows)]
            sums = [cgutils.alloca_once(builder, _VECTOR) for _ in range(rows)]
            zero = ir.Constant(stride.type, 0)
            with cgutils.for_range_slice(builder, zero, stride, ir.Constant(stride.type, LANES), intp=stride.type) as (column, _):
                for r in range(rows):
                    builder.store(_ZERO, sums[r])
                with cgutils.for_range(builder, depth, intp=stride.type) as loop:
                    x = right.vector(builder.add(builder.mul(loop.index, stride), column))
                    for r in range(rows):
                        a = left.spread(builder.add(builder.add(place, row_starts[r]), loop.index))
                        builder.store(_more(builder, builder.load(sums[r]), a, x), sums[r])
                for r in range(rows):
                    target.store(builder.load(sums[r]), builder.add(builder.add(place, row_starts[r]), column))
            return context.get_dummy_value()

        return signature, emit

    return assign


@intrinsic
def advance_rows(typing: Any, levels: Any, inside: Any, inner: Any, outer: Any, sizes: Any) -> Any:
    """In each row, `steps` times: outer becomes (level·inner − neighbours of inner − outer)·inside, and the two exchange roles.

    ``sizes`` are the number of rows, `steps` and the stride; ``levels`` has a row per step. Beyond both ends of a row its
    neighbours are 0; ``inside`` is 1 in the columns that count and 0 behind them. After an odd number of steps the newest row
    stands in `outer`, after an even one in `inner`.
    """
    signature = types.void(levels, inside, inner, outer, _INTEGERS[3])

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        levels, inside, inner, outer = (_Rows(context, builder, signature.args[n], args[n]) for n in range(4))
        rows, steps, stride = cgutils.unpack_tuple(builder, args[4])
        before, here = cgutils.alloca_once(builder, _VECTOR), cgutils.alloca_once(builder, _VECTOR)
        zero, one, step = (ir.Constant(stride.type, number) for number in (0, 1, LANES))

        def advance(source: _Rows, target: _Rows, start: Any, level: Any) -> None:
            builder.store(_ZERO, before)
            builder.store(source.vector(start), here)
            with cgutils.for_range_slice(builder, zero, stride, step, intp=stride.type) as (column, _):
                place, following = builder.add(start, column), builder.add(column, step)
                last = builder.icmp_signed(">=", following, stride)
                there = source.vector(builder.add(start, builder.select(last, column, following)))
                there = builder.select(last, _ZERO, there)
                x = builder.load(here)
                down = builder.shuffle_vector(builder.load(before), x, _lanes(list(range(LANES - 1, 2 * LANES - 1))))
                up = builder.shuffle_vector(x, there, _lanes(list(range(1, LANES + 1))))
                rest = builder.fadd(builder.fadd(down, up), target.vector(place))
                own = builder.fmul(levels.vector(builder.add(level, column)), x, flags=_CONTRACT)
                target.store(builder.fmul(builder.fsub(own, rest, flags=_CONTRACT), inside.vector(column)), place)
                builder.store(x, before)
                builder.store(there, here)

        with cgutils.for_range(builder, rows, intp=stride.type) as row:
            start = builder.mul(row.index, stride)
            two = builder.add(one, one)
            with cgutils.for_range_slice(builder, one, steps, two, intp=stride.type) as (second, _):
                level = builder.mul(second, stride)
                advance(inner, outer, start, builder.sub(level, stride))
                advance(outer, inner, start, level)
            with builder.if_then(builder.trunc(steps, ir.IntType(1))):
                advance(inner, outer, start, builder.mul(builder.sub(steps, one), stride))
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def eliminate_below(typing: Any, panel: Any, row: Any, first: Any, columns: Any, stride: Any, plane: Any) -> Any:
    """One step of an LU of complex columns that are the rows of `panel`: multipliers of pivot first + row, and the rows behind.

    The inverse pivot stands at its place, in row `row`, which becomes the multipliers behind it; the later of the `columns`
    rows lose their product with their own element at the pivot. ``first`` is a multiple of :data:`LANES`, row below it.
    """
    signature = types.void(panel, *[types.intp] * 5)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        panel = _Rows(context, builder, signature.args[0], args[0])
        row, first, columns, stride, plane = args[1:]
        step = ir.Constant(stride.type, LANES)
        own = builder.mul(row, stride)
        pivot = builder.add(builder.add(own, first), row)
        a, b = panel.spread(pivot), panel.spread(builder.add(pivot, plane))
        single = builder.insert_element(ir.Constant(ir.VectorType(stride.type, LANES), [0] * LANES), row, ir.Constant(_INDEX, 0))
        spread_row = builder.shuffle_vector(single, single, _lanes([0] * LANES))
        lane = ir.Constant(ir.VectorType(stride.type, LANES), list(range(LANES)))
        below = builder.icmp_signed(">", lane, spread_row)
        with cgutils.for_range_slice(builder, first, stride, step, intp=stride.type) as (column, _):
            place = builder.add(own, column)
            x, y = panel.vector(place), panel.vector(builder.add(place, plane))
            re = _less(builder, builder.fmul(a, x), b, y)
            im = _more(builder, builder.fmul(a, y), b, x)
            everything = builder.icmp_signed("!=", column, first)
            all_lanes = builder.select(everything, ir.Constant(ir.VectorType(ir.IntType(1), LANES), [1] * LANES), below)
            panel.store(builder.select(all_lanes, re, x), place)
            panel.store(builder.select(all_lanes, im, y), builder.add(place, plane))
            re, im = builder.select(all_lanes, re, _ZERO), builder.select(all_lanes, im, _ZERO)
            after = builder.add(row, ir.Constant(stride.type, 1))
            one = ir.Constant(stride.type, 1)
            with cgutils.for_range_slice(builder, after, columns, one, intp=stride.type) as (other, _):
                line = builder.mul(other, stride)
                at_pivot = builder.add(builder.add(line, first), row)
                u, v = panel.spread(at_pivot), panel.spread(builder.add(at_pivot, plane))
                there = builder.add(line, column)
                behind = builder.add(there, plane)
                panel.store(_more(builder, _less(builder, panel.vector(there), u, re), v, im), there)
                panel.store(_less(builder, _less(builder, panel.vector(behind), u, im), v, re), behind)
        return context.get_dummy_value()

    return signature, emit


subtract_four_rows = _complex_rows(4)
"""Four rows less the product of four complex rows of `left` and `depth` complex rows of `right`, columns start…stop.

Imaginary parts stand `plane` elements behind real ones: ``spacing`` is (stride, plane). ``places`` are the beginning of the
rows of `target`, the first coefficient in `left` and the beginning of the rows of `right`. ``extent`` is (depth, start, stop);
start and stop are multiples of :data:`LANES`.
"""

subtract_one_row = _complex_rows(1)
"""As :data:`subtract_four_rows`, for one row."""

assign_eight_rows = _real_rows(8)
"""Eight rows of `target` become the product of eight real rows of `left` with the first `depth` rows of `right`.

``place`` is where the rows begin, in `target` and in `left`.
"""

assign_one_row = _real_rows(1)
"""As :data:`assign_eight_rows`, for one row."""
