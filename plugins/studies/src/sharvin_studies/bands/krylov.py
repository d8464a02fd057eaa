r"""Eigenpairs near an energy, from a block Krylov space of :math:`(H - \sigma S)^{-1} S`.

As block Lanczos with full orthogonalisation (G. H. Golub and R. Underwood, in Mathematical Software III, Academic Press 1977).
Blocks find states of one energy together, up to as many as there are vectors in a block: states at a corner of the Brillouin
zone are often degenerate, and a single vector sees one of them only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array
from sharvin.errors import ItemError

Matrix = NDArray[Any]
Floats = NDArray[np.float64]
BLOCK = 8
MOST_BLOCKS = 60
TOLERANCE_EV = 1e-8
"""Of the norm of (H − E S) x / ‖x‖ over the energies' distance from the shift; energies are better by about its square."""


def eigenpairs(
    H: csc_array,
    S: csc_array | None,
    shift_eV: float,
    solve: Callable[[Matrix], Matrix],
    wanted: Callable[[Floats], NDArray[np.int64] | None],
) -> tuple[Floats, Matrix]:
    """Eigenpairs of H x = E S x near a shift.

    Parameters
    ----------
    H, S : csc_array [n, n]
        Hermitian; S is None for an orthonormal basis.
    shift_eV : float
    solve : callable
        (H − shift S)⁻¹ of a block of vectors [n, m].
    wanted : callable
        Which of the values 1/(E − shift), float64[m] and ascending, are wanted; None if too few are there.

    Returns
    -------
    energies_eV : float64[m]
        Ascending.
    vectors : [n, m]
        x† S x = 1.

    Raises
    ------
    ItemError
        If they do not converge.
    """
    start = np.random.default_rng(1).normal(size=(H.shape[0], BLOCK))
    block = _orthonormal(start.astype(H.dtype), S)
    basis = block
    projected = np.zeros((0, 0), dtype=H.dtype)
    for _ in range(MOST_BLOCKS):
        width, old = block.shape[1], len(projected)
        image = solve(_times(S, block))
        inner = np.zeros((basis.shape[1], width), dtype=H.dtype)
        for _ in range(2):  # once is not enough for orthogonality to all digits
            change = basis.conj().T @ _times(S, image)
            image -= basis @ change
            inner += change
        grown = np.zeros((basis.shape[1],) * 2, dtype=H.dtype)
        grown[:old, :old] = projected
        grown[:, old:] = inner
        grown[old:, :old] = inner[:old].conj().T
        projected = grown
        values, mixture = np.linalg.eigh((projected + projected.conj().T) / 2)
        block = _orthonormal(image, S)
        coupling = block.conj().T @ _times(S, image)
        chosen = wanted(values)
        if chosen is not None:
            error = np.linalg.norm(coupling @ mixture[old:, chosen], axis=0) / values[chosen] ** 2
            if error.max(initial=0.0) < TOLERANCE_EV or not block.shape[1]:
                return _ritz(H, S, basis @ mixture[:, chosen])
        basis = np.concatenate([basis, block], axis=1)
        if not block.shape[1]:
            break
    raise ItemError(f"bands around {shift_eV:.6g} eV do not converge in {MOST_BLOCKS} blocks of {BLOCK} vectors.")


def _times(S: csc_array | None, vectors: Matrix) -> Matrix:
    return vectors if S is None else np.asarray(S @ vectors)


def _orthonormal(vectors: Matrix, S: csc_array | None) -> Matrix:
    """An S-orthonormal basis of what the vectors span, without directions that are lost in rounding."""
    scale = np.linalg.norm(vectors, axis=0)
    vectors = vectors[:, scale > 0] / scale[scale > 0]
    for least in (1e-12, 0.5):
        values, mixture = np.linalg.eigh(vectors.conj().T @ _times(S, vectors))
        kept = values > least * values.max(initial=0.0)
        vectors = vectors @ (mixture[:, kept] / np.sqrt(values[kept]))
    return vectors


def _ritz(H: csc_array, S: csc_array | None, vectors: Matrix) -> tuple[Floats, Matrix]:
    """Energies as expectation values of H itself, whose errors are of second order in those of the vectors."""
    vectors = _orthonormal(vectors, S)
    energies, mixture = np.linalg.eigh(vectors.conj().T @ np.asarray(H @ vectors))
    return energies, vectors @ mixture
