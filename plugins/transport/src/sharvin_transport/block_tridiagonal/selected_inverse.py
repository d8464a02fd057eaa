r"""Elements of the inverse of a block-tridiagonal matrix where the matrix itself has some.

With D_b as in :mod:`~sharvin_transport.block_tridiagonal.elimination`, X = D⁻¹ C and Y = C' D⁻¹, from the last block back,

.. math:: G_{N} = D_N^{-1}, \quad G_{b,b+1} = -X_b G_{b+1}, \quad G_{b+1,b} = -G_{b+1} Y_b, \quad
          G_b = D_b^{-1} + X_b G_{b+1} Y_b .

Matrices are those whose anti-Hermitian part is definite, so that no pivoting between blocks is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import cgetrf, cgetri

from sharvin_transport.block_tridiagonal.elimination import Coupling, SingularBlock

Singles = NDArray[np.complex64]
LEAF = 64
"""Size up to which a matrix is inverted by LAPACK."""


def selected_inverse(
    diagonal: Sequence[Singles], above: Sequence[Coupling], symmetric: bool
) -> tuple[list[Singles], list[tuple[Singles, Singles]]]:
    """Diagonal blocks of the inverse, and its elements where the couplings have some.

    Parameters
    ----------
    diagonal : sequence of complex64[n_b, n_b]
        With a definite anti-Hermitian part of the whole matrix, so that no block on the way is singular.
    above : sequence of Coupling
        With spans of rows and columns, and C'.
    symmetric : bool
        Whether the matrix equals its transpose, which saves a third of the work.

    Returns
    -------
    own : list of complex64[n_b, n_b]
    next_to : list of (complex64[r, c], complex64[c, r])
        Of the inverse, the elements from block b to b + 1 and those back.

    Raises
    ------
    SingularBlock
        If the matrix is singular.
    """
    inverses, carried = [], []
    current = diagonal[0]
    for coupling, following in zip(above, diagonal[1:], strict=True):
        inverse = inverse_by_halves(current, symmetric)
        x = inverse[:, coupling.rows] @ coupling.onward
        y = x.T if symmetric else coupling.back @ inverse[coupling.rows]
        current = coupling.folded(following.copy(), x)
        inverses.append(inverse)
        carried.append((x, y))
    own: list[Singles] = [inverse_by_halves(current, symmetric)]
    next_to: list[tuple[Singles, Singles]] = []
    for coupling, inverse, (x, y) in zip(reversed(above), reversed(inverses), reversed(carried), strict=True):
        corner = own[-1][coupling.columns, coupling.columns]
        left = x @ corner
        onward = -left[coupling.rows]
        next_to.append((onward, onward.T if symmetric else -(corner @ y[:, coupling.rows])))
        own.append(inverse + left @ y)
    return own[::-1], next_to[::-1]


def inverse_by_halves(matrix: Singles, symmetric: bool) -> Singles:
    """Inverse of a matrix whose anti-Hermitian part is definite, complex64[n, n], by halves and so all in matrix products.

    A symmetric one takes two thirds of the products of a general one.

    Raises
    ------
    SingularBlock
        If it is singular.
    """
    n = len(matrix)
    if n <= LEAF:
        lu, pivots, info = cgetrf(matrix)
        inverse, info_inverse = cgetri(lu, pivots)
        if info or info_inverse:
            raise SingularBlock
        return np.asarray(inverse, order="C")
    half = n // 2
    a = inverse_by_halves(matrix[:half, :half], symmetric)
    onward = np.ascontiguousarray(matrix[:half, half:])
    back = onward.T if symmetric else matrix[half:, :half]
    x = a @ onward
    y = x.T if symmetric else back @ a
    d = inverse_by_halves(matrix[half:, half:] - back @ x, symmetric)
    xd = x @ d
    out = np.empty_like(matrix, order="C")
    out[:half, :half] = a + xd @ y
    out[:half, half:] = -xd
    out[half:, :half] = -xd.T if symmetric else -(d @ y)
    out[half:, half:] = d
    return out
