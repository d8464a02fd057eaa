"""Block-tridiagonal matrices: what elimination finds is what a dense inverse holds, for each kind of matrix and question."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sharvin_transport.block_tridiagonal.elimination import CarriedRows, Coupling, Lapack, SingularBlock, forward, solutions
from sharvin_transport.block_tridiagonal.selected_inverse import inverse_by_halves, selected_inverse

LAPACK = Lapack()
BOUNDS = [0, 30, 55, 70]
PARTS = [slice(a, b) for a, b in pairwise(BOUNDS)]


def tridiagonal(kind: str) -> np.ndarray:
    """A Hermitian matrix with a self-energy in the first and in the last block, or one of single precision's kinds."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(70, 70)) / 20
    if kind in ("hermitian", "general"):
        matrix = matrix + 1j * rng.normal(size=(70, 70)) / 20
    matrix[:30, 55:] = matrix[55:, :30] = 0
    matrix[:30, 30:40] = matrix[30:40, :30] = 0  # columns that the coupling does not touch
    if kind in ("real", "hermitian"):
        return matrix + matrix.conj().T + np.diag(np.linspace(-1.0, 2.0, 70))
    return (matrix if kind == "general" else matrix + matrix.T) + 1j * np.eye(70)


def blocks(matrix: np.ndarray) -> tuple[np.ndarray, list[tuple[Coupling, np.ndarray]]]:
    """In copies, because elimination overwrites them."""
    following = [(Coupling.of(matrix[p, q]), matrix[q, q].copy()) for p, q in pairwise(PARTS)]
    return matrix[PARTS[0], PARTS[0]].copy(), following


@pytest.mark.parametrize("kind", ["real", "hermitian"])
def test_solutions_fulfil_their_equations(kind: str) -> None:
    matrix, rng = tridiagonal(kind), np.random.default_rng(1)
    left, right = rng.normal(size=(30, 3)), rng.normal(size=(15, 2))
    right_hand = np.zeros((70, 5))
    right_hand[:30, :3], right_hand[55:, 3:] = left, right
    first, following = blocks(matrix)
    assert [len(coupling.columns) for coupling, _ in following] == [15, 15]
    found = solutions(first, following, (left, right), LAPACK)
    assert found.dtype == matrix.dtype
    np.testing.assert_allclose(matrix @ found, right_hand, atol=1e-10)


@pytest.mark.parametrize("kind", ["real", "hermitian"])
def test_rows_reach_from_end_to_end(kind: str) -> None:
    matrix, rows = tridiagonal(kind), np.random.default_rng(1).normal(size=(4, 30))
    inverse = np.linalg.inv(matrix)
    first, following = blocks(matrix)
    carried = CarriedRows(rows, whole=True)
    last = forward(first, following, carried, LAPACK)
    np.testing.assert_allclose(carried.rows @ np.linalg.inv(last), rows @ inverse[:30, 55:], atol=1e-10)
    np.testing.assert_allclose(np.linalg.inv(last), inverse[55:, 55:], atol=1e-10)
    within = carried.within + carried.rows @ np.linalg.solve(last, carried.rows.conj().T)
    np.testing.assert_allclose(within, rows @ inverse[:30, :30] @ rows.T, atol=1e-10)


@pytest.mark.parametrize("kind", ["symmetric", "general"])
def test_selected_blocks_are_those_of_the_inverse(kind: str) -> None:
    matrix = tridiagonal(kind)
    single, expected = matrix.astype(np.complex64), np.linalg.inv(matrix)
    above = []
    for p, q in pairwise(PARTS):
        rows, columns = slice(0, p.stop - p.start), slice(0, q.stop - q.start)
        above.append(Coupling(columns, single[p, q], rows, single[q, p]))
    own, next_to = selected_inverse([single[p, p] for p in PARTS], above, kind == "symmetric")
    for part, block in zip(PARTS, own, strict=True):
        assert np.abs(block - expected[part, part]).max() < 1e-5
    for (p, q), (onward, back) in zip(pairwise(PARTS), next_to, strict=True):
        assert np.abs(onward - expected[p, q]).max() < 1e-5
        assert np.abs(back - expected[q, p]).max() < 1e-5


@pytest.mark.parametrize("symmetric", [True, False])
def test_an_inverse_by_halves_is_an_inverse(symmetric: bool) -> None:
    matrix = np.random.default_rng(0).normal(size=(700, 700)) / 20 + 1j * np.eye(700)
    matrix = matrix + matrix.T if symmetric else matrix
    single = matrix.astype(np.complex64)
    assert np.abs(inverse_by_halves(single, symmetric) @ matrix - np.eye(700)).max() < 1e-3


def test_a_singular_block_is_said_and_not_divided_by() -> None:
    for block in (np.zeros((2, 2)), np.diag([1.0, 1e-9]), np.diag([1.0, 1e-16 + 0j])):
        with pytest.raises(SingularBlock):
            LAPACK.solve(block.copy(), np.ones((2, 1)))
    # a complex block that is only ill-conditioned is divided by: it is the last resort
    assert LAPACK.solve(np.diag([1.0, 1e-9 + 0j]), np.ones((2, 1))) == pytest.approx(np.array([[1.0], [1e9]]))
    with pytest.raises(SingularBlock):
        inverse_by_halves(np.zeros((2, 2), dtype=np.complex64), symmetric=True)
