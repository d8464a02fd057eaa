"""The vector loops under `grid_transfer` do what the plain formulas say, for every width that needs padding or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from sharvin_transport.lattice import small_matrices, transfer_kernel
from sharvin_transport.lattice.row_products import LANES

Array = NDArray[np.float64]


def padded(width: int, rng: np.random.Generator) -> Array:
    matrix = np.zeros((2, width, -(-width // LANES) * LANES))
    matrix[:, :, :width] = rng.normal(size=(2, width, width))
    return matrix


def as_complex(matrix: Array) -> Any:
    return matrix[0, :, : matrix.shape[1]] + 1j * matrix[1, :, : matrix.shape[1]]


@njit
def propagate(onsite: Array, levels: Array, inside: Array, inner: Array, outer: Array) -> None:
    transfer_kernel.propagate(onsite, 0.3, inner, outer, levels, inside)


@pytest.mark.parametrize("width", [6, 7, 8, 9, 16, 21, 40])
def test_elimination_solves_linear_systems(width: int) -> None:
    rng = np.random.default_rng(width)
    matrix, right, panel = padded(width, rng), padded(width, rng), np.zeros((2, LANES, -(-width // LANES) * LANES))
    expected = np.linalg.solve(as_complex(matrix), as_complex(right))
    small_matrices.solve(matrix, right, panel, False)
    np.testing.assert_allclose(as_complex(right), expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    assert not right[:, :, width:].any()


@pytest.mark.parametrize("width", [6, 13, 16, 40])
def test_half_of_a_symmetric_solution_is_enough(width: int) -> None:
    rng = np.random.default_rng(width)
    matrix, panel = padded(width, rng), np.zeros((2, LANES, -(-width // LANES) * LANES))
    answer = padded(width, rng)
    symmetric = as_complex(answer) + as_complex(answer).T
    product = as_complex(matrix) @ symmetric
    right = np.zeros_like(matrix)
    right[:, :, :width] = product.real, product.imag
    small_matrices.solve(matrix, right, panel, True)
    assert small_matrices.symmetrise(right) < 1e-10
    np.testing.assert_allclose(as_complex(right), symmetric, rtol=0, atol=1e-10)


@pytest.mark.parametrize("width", [6, 8, 11, 24])
@pytest.mark.parametrize("slices", [1, 2, 5])
def test_slices_follow_the_schrodinger_equation(width: int, slices: int) -> None:
    rng = np.random.default_rng(slices)
    onsite, inner, outer = rng.normal(size=(slices, width)), padded(width, rng), padded(width, rng)
    here, after = inner.copy(), outer.copy()
    for n in range(slices - 1, -1, -1):
        chain = np.diag(onsite[n] - 0.3) - np.eye(width, k=1) - np.eye(width, k=-1)
        before = np.zeros_like(here)
        before[:, :, :width] = here[:, :, :width] @ chain - after[:, :, :width]
        here, after = before, here
    inside = np.zeros(inner.shape[2])
    inside[:width] = 1
    propagate(onsite, np.zeros((64, inner.shape[2])), inside, inner, outer)
    newest, older = (outer, inner) if slices % 2 else (inner, outer)
    np.testing.assert_allclose(newest, here, rtol=0, atol=1e-12 * np.abs(here).max())
    np.testing.assert_allclose(older, after, rtol=0, atol=1e-12 * np.abs(after).max())
