r"""Factors of a sparse Hermitian matrix by fronts (I. S. Duff and J. K. Reid, ACM Trans. Math. Softw. 9, 302 (1983)).

Each group of a nested dissection is eliminated as one dense matrix. With the group's own block A and its couplings B to later
groups, A⁻¹ and A⁻¹ B† are kept and B A⁻¹ B† is subtracted from the later groups. Hermitian matrices need only half of what a
general LU keeps. The number of negative eigenvalues of all blocks A together is that of the matrix (Sylvester's law of
inertia, as by E. V. Haynsworth, Linear Algebra Appl. 1, 73 (1968)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csc_array

from sharvin_studies.bands.dissection import Dissection, Front

Matrix = NDArray[Any]
SMALLEST_BLOCK = 64
"""Blocks of at most this size are diagonalised; larger ones are halved."""
SINGULAR = 1e-9
"""A block whose smallest eigenvalue is below this fraction of the largest element of the matrix spoils the factors."""


class SingularBlockError(ArithmeticError):
    """A block that is eliminated is singular to working precision."""


@dataclass(frozen=True, eq=False)
class Factors:
    """Factors of a matrix.

    ``negative`` is the number of its negative eigenvalues.
    """

    dissection: Dissection
    inverses: tuple[Matrix, ...]
    couplings: tuple[Matrix, ...]
    negative: int

    @property
    def bytes(self) -> int:
        """Memory that the factors take."""
        return sum(one.nbytes for one in (*self.inverses, *self.couplings))

    def solve(self, right: Matrix) -> Matrix:
        """Solution of the linear equations for right-hand sides [n, m]."""
        order = self.dissection.order
        x = np.array(right[order], dtype=np.result_type(right, self.inverses[0]))
        parts = list(zip(self.dissection.fronts, self.inverses, self.couplings, strict=True))
        for front, _, coupling in parts:
            x[front.border] -= (x[front.start : front.stop].conj().T @ coupling).conj().T
        for front, inverse, coupling in reversed(parts):
            x[front.start : front.stop] = inverse @ x[front.start : front.stop] - coupling @ x[front.border]
        found = np.empty_like(x)
        found[order] = x
        return found


def factorise(matrix: csc_array, dissection: Dissection) -> Factors:
    """Factors of a Hermitian matrix [n, n] whose pattern the dissection belongs to.

    Raises
    ------
    SingularBlockError
        If a block is singular to working precision, as where the matrix itself is.
    """
    order = dissection.order
    permuted = csc_array(csc_array(matrix)[order][:, order])
    least = SINGULAR * float(np.abs(permuted.data).max())
    where = np.empty(len(order), dtype=np.int64)
    waiting: dict[int, Matrix] = {}
    inverses, couplings, negative = [], [], 0
    for number, front in enumerate(dissection.fronts):
        own, rest = _assembled(
            permuted, front, where, [(dissection.fronts[child].border, waiting.pop(child)) for child in front.children]
        )
        size = front.stop - front.start
        inverse, count = _inverse(_hermitian(own[:size]), least)
        below = own[size:]
        coupling = inverse @ below.conj().T
        _subtract_lower(rest, below, coupling)
        waiting[number] = rest
        inverses.append(inverse)
        couplings.append(coupling)
        negative += count
    return Factors(dissection, tuple(inverses), tuple(couplings), negative)


def _assembled(
    matrix: csc_array, front: Front, where: NDArray[np.int64], below: list[tuple[NDArray[np.int64], Matrix]]
) -> tuple[Matrix, Matrix]:
    """Columns of the group's own orbitals, and the block of its border; lower triangles only."""
    size, border = front.stop - front.start, len(front.border)
    where[front.start : front.stop] = np.arange(size)
    where[front.border] = size + np.arange(border)
    own = np.zeros((size + border, size), dtype=matrix.dtype)
    rest = np.zeros((border, border), dtype=matrix.dtype)
    begin, end = matrix.indptr[front.start], matrix.indptr[front.stop]
    rows = matrix.indices[begin:end]
    columns = np.repeat(np.arange(size), np.diff(matrix.indptr[front.start : front.stop + 1]))
    later = rows >= front.start
    own[where[rows[later]], columns[later]] = matrix.data[begin:end][later]
    for indices, change in below:
        at = where[indices]
        inside = int(np.searchsorted(at, size))
        own[at[:, None], at[:inside]] += change[:, :inside]
        rest[at[inside:, None] - size, at[inside:] - size] += change[inside:, inside:]
    return own, rest


def _hermitian(lower: Matrix) -> Matrix:
    """The matrix with this lower triangle."""
    below = np.tril(lower, -1)
    return below + below.conj().T + np.diag(np.diag(lower).real)


def _subtract_lower(target: Matrix, left: Matrix, right: Matrix, panel: int = 256) -> None:
    """Subtract a Hermitian product from the lower triangle of a matrix, panel by panel."""
    for start in range(0, len(target), panel):
        target[start:, start : start + panel] -= left[start:] @ right[:, start : start + panel]


def _inverse(matrix: Matrix, least: float) -> tuple[Matrix, int]:
    """Inverse of a Hermitian matrix by halves, and how many of its eigenvalues are negative."""
    size = len(matrix)
    if size <= SMALLEST_BLOCK:
        values, vectors = eigh(matrix, check_finite=False, driver="evd")
        if np.abs(values).min() <= least:
            raise SingularBlockError
        return (vectors / values) @ vectors.conj().T, int(np.count_nonzero(values < 0))
    half = size // 2
    first, before = _inverse(matrix[:half, :half], least)
    below = matrix[half:, :half]
    coupling = below @ first
    second, after = _inverse(matrix[half:, half:] - coupling @ below.conj().T, least)
    lower = second @ coupling
    inverse = np.empty_like(matrix)
    inverse[half:, half:] = second
    inverse[half:, :half] = -lower
    inverse[:half, half:] = -lower.conj().T
    inverse[:half, :half] = first + coupling.conj().T @ lower
    return inverse, before + after
