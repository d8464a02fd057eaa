r"""Elimination of block-tridiagonal matrices from the first block to the last, for all that is computed of open devices.

With the diagonal blocks :math:`M_b`, the coupling :math:`C_b` of block b to block b + 1 and :math:`C'_b` back,

.. math:: D_1 = M_1, \quad D_{b+1} = M_{b+1} - C'_b D_b^{-1} C_b .

Three questions are answered on the way, by what is carried along (:func:`forward`) or by a way back:

- what lies between the ends of the device, by :class:`CarriedRows` R of the first block: :math:`R_{b+1} = -R_b D_b^{-1} C_b`
  (`rgf`: T(E) needs no more);
- the solution everywhere for right-hand sides in the first and in the last block, by :class:`CarriedColumns`
  :math:`Q_{b+1} = -C'_b D_b^{-1} Q_b` and back substitution, :func:`solutions` (scattering states);
- the elements of the inverse where the matrix has some, by :mod:`~sharvin_transport.block_tridiagonal.selected_inverse`
  (populations).

Couplings hold only the columns, or rows and columns, that they touch. :class:`Lapack` solves one block; `rgf` has the same steps
for batches on torch (:mod:`~sharvin_transport.rgf.batched`), as another :class:`Algebra`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs

Array = Any
"""NDArray, or a tensor of a batch, [..., n, m]."""


_MANY, _ROWS = 96, 48


class SingularBlock(Exception):
    """A block has no inverse in working precision; a matrix may have one in spite of that."""


class Algebra(Protocol):
    """What elimination needs of a kind of arrays."""

    def solve(self, block: Array, columns: Array) -> Array:
        """block⁻¹ columns; the block may be overwritten.

        Raises
        ------
        SingularBlock
            If the block is nearly singular.
        """
        ...

    def beside(self, left: Array, right: Array) -> Array:
        """Both, columns after columns."""
        ...

    def zeros(self, rows: int, columns: int, like: Array) -> Array:
        """Zeros of the number type, the batch and the device of `like`."""
        ...

    def able_to_hold(self, block: Array, other: Array) -> Array:
        """The block in a number type that holds the other's numbers too."""
        ...


@dataclass(frozen=True)
class Lapack:
    """One matrix at a time, real or complex, by LU factorisation with an estimate of its condition.

    Parameters
    ----------
    real, complex : float
        Smallest reciprocal condition number (1-norm) of a block of either number type that passes as regular.
    """

    real: float = 1e-8
    complex: float = 1e-15

    def solve(self, block: Array, columns: Array) -> Array:
        """block⁻¹ columns; the block is overwritten."""
        getrf, gecon = cast(tuple[Any, Any], get_lapack_funcs(("getrf", "gecon"), (block, columns)))
        norm = float(np.abs(block).sum(axis=1).max())
        # LAPACK sees the transpose of a C-ordered matrix, which need not be copied
        lu, pivots, info = getrf(block.T, overwrite_a=True)
        if info != 0:
            raise SingularBlock
        rcond, _ = gecon(lu, norm)
        if rcond < (self.complex if np.iscomplexobj(block) else self.real):
            raise SingularBlock
        return _solved(lu, pivots, columns)

    def beside(self, left: Array, right: Array) -> Array:
        """Both, columns after columns."""
        return np.concatenate([left, right], axis=1)

    def zeros(self, rows: int, columns: int, like: Array) -> Array:
        """Zeros of the number type of `like`."""
        return np.zeros((rows, columns), dtype=like.dtype)

    def able_to_hold(self, block: Array, other: Array) -> Array:
        """The block, complex if the other is."""
        return block.astype(np.result_type(block, other), copy=False)


def _solved(lu: Array, pivots: Array, columns: Array) -> Array:
    """The solution with the transpose of what was factorised, [n, c].

    LAPACK's own triangular solution of many columns takes up to three times as long as matrix products do. They take over here:
    48 rows at a time, with the inverses of the triangles on the diagonal.
    """
    n = len(lu)
    if n < _MANY or columns.shape[1] < _MANY:
        (getrs,) = cast(tuple[Any], get_lapack_funcs(("getrs",), (lu, columns)))
        return np.asarray(getrs(lu, pivots, columns, trans=1)[0])
    (trtri,) = cast(tuple[Any], get_lapack_funcs(("trtri",), (lu, columns)))
    factors, starts = lu.T, range(0, n, _ROWS)  # lower triangle times unit upper triangle
    x = np.array(columns, dtype=np.result_type(lu, columns), order="C")
    for start in starts:
        rows = slice(start, min(start + _ROWS, n))
        x[rows] -= factors[rows, :start] @ x[:start]
        x[rows] = np.triu(trtri(lu[rows, rows])[0]).T @ x[rows]
    for start in reversed(starts):
        rows = slice(start, min(start + _ROWS, n))
        x[rows] -= factors[rows, rows.stop :] @ x[rows.stop :]
        triangle = np.tril(trtri(lu[rows, rows], lower=1, unitdiag=1)[0], -1)
        triangle[np.diag_indices(len(triangle))] = 1.0
        x[rows] = triangle.T @ x[rows]
    places = list(range(n))
    for row, other in enumerate(pivots.tolist()):
        places[row], places[other] = places[other], places[row]
    out = np.empty_like(x)
    out[places] = x
    return out


@dataclass(frozen=True, eq=False)
class Coupling:
    """The coupling of a block to the next one, where it has elements.

    Parameters
    ----------
    columns : int64[c] or slice
        Columns of the next block that it touches.
    onward : [..., r, c]
        C there.
    rows : slice
        Rows of this block that it touches, all by default.
    back : [..., c, r], optional
        C' there; the adjoint of C by default.
    """

    columns: Any
    onward: Array
    rows: slice = field(default_factory=lambda: slice(None))
    back: Array = None

    @classmethod
    def of(cls, matrix: NDArray[Any]) -> Coupling:
        """Of a whole block [n, m], whose columns without elements are left out."""
        used = np.flatnonzero(np.any(matrix != 0, axis=0))
        return cls(used, matrix[:, used])

    def folded(self, block: Array, to_coupling: Array) -> Array:
        """The next block minus C' D⁻¹ C, in place, with D⁻¹ C given."""
        back = adjoint(self.onward) if self.back is None else self.back
        if isinstance(self.columns, slice):
            block[..., self.columns, self.columns] -= back @ to_coupling[..., self.rows, :]
        else:
            block[..., self.columns[:, None], self.columns] -= back @ to_coupling[..., self.rows, :]
        return block


def adjoint(matrix: Array) -> Array:
    """The conjugate transpose of the last two axes."""
    return matrix.conj().swapaxes(-2, -1)


class Carried(Protocol):
    """What goes through the elimination beside the blocks."""

    @property
    def columns(self) -> Array | None:
        """What D⁻¹ is applied to besides the coupling."""
        ...

    def advance(self, coupling: Coupling, to_coupling: Array, to_columns: Array, size: int, algebra: Algebra) -> None:
        """Go on to the next block, of this size, with D⁻¹ C and D⁻¹ of the columns."""
        ...


@dataclass
class CarriedRows:
    """Rows R of the first block, taken to the last one: R M⁻¹ = R_N D_N⁻¹ in its columns.

    Parameters
    ----------
    rows : [..., r, n]
    whole : bool
        Whether R M⁻¹ R† is asked for too; :attr:`within` is its part of the blocks before the last one. Then D is Hermitian.
    """

    rows: Array
    whole: bool = False
    within: Array = 0.0

    @property
    def columns(self) -> Array | None:
        """R†, if its product with R is asked for."""
        return adjoint(self.rows) if self.whole else None

    def advance(self, coupling: Coupling, to_coupling: Array, to_columns: Array, size: int, algebra: Algebra) -> None:
        """R ← −R D⁻¹ C."""
        if self.whole:
            self.within = self.within + self.rows @ to_columns
        change = -(self.rows @ to_coupling)
        self.rows = algebra.zeros(self.rows.shape[-2], size, change)
        self.rows[..., coupling.columns] = change


@dataclass
class CarriedColumns:
    """Right-hand sides Q of the first block, taken to the last one, and what the way back needs."""

    columns: Array
    steps: list[tuple[Coupling, Array, Array]] = field(default_factory=list)

    def advance(self, coupling: Coupling, to_coupling: Array, to_columns: Array, size: int, algebra: Algebra) -> None:
        """Q ← −C' D⁻¹ Q."""
        self.steps.append((coupling, to_coupling, to_columns))
        self.columns = algebra.zeros(size, to_columns.shape[-1], to_columns)
        self.columns[coupling.columns] = -adjoint(coupling.onward) @ to_columns

    def back(self, last: Array) -> Array:
        """The solution in all blocks, from that in the last one; its first columns are those carried along."""
        parts = [last]
        for coupling, to_coupling, to_columns in reversed(self.steps):
            before = -to_coupling @ parts[-1][coupling.columns]
            before[:, : to_columns.shape[-1]] += to_columns
            parts.append(before)
        return np.concatenate(parts[::-1])


def forward(first: Array, following: Iterable[tuple[Coupling, Array]], carried: Carried, algebra: Algebra) -> Array:
    """The last block D_N, with all others eliminated; `carried` is taken along.

    Parameters
    ----------
    first : [..., n, n]
        The first diagonal block. All blocks are overwritten.
    following : iterable of (Coupling, [..., m, m])
        For each next block the coupling to it and itself.

    Raises
    ------
    SingularBlock
        If one on the way is nearly singular.
    """
    current = first
    for coupling, block in following:
        columns = carried.columns
        onward = coupling.onward
        solved = algebra.solve(current, onward if columns is None else algebra.beside(onward, columns))
        to_coupling, to_columns = solved[..., : onward.shape[-1]], solved[..., onward.shape[-1] :]
        current = coupling.folded(algebra.able_to_hold(block, to_coupling), to_coupling)
        carried.advance(coupling, to_coupling, to_columns, block.shape[-1], algebra)
    return current


def solutions(
    first: Array,
    following: Iterable[tuple[Coupling, Array]],
    sources: tuple[Array, Array],
    algebra: Algebra,
    completed: Callable[[Array], Array] = lambda block: block,
) -> Array:
    """M⁻¹ applied to right-hand sides in the first and in the last block.

    Parameters
    ----------
    first, following
        See :func:`forward`; C' is the adjoint of C.
    sources : ([n_1, c], [n_N, d])
        In the rows of the first and of the last block.
    completed : callable
        What makes D_N of what :func:`forward` leaves of the last block.

    Returns
    -------
    [n, c + d]

    Raises
    ------
    SingularBlock
        If a block is nearly singular on the way.
    """
    carried = CarriedColumns(sources[0])
    last = completed(forward(first, following, carried, algebra))
    return carried.back(algebra.solve(last, algebra.beside(carried.columns, sources[1])))
