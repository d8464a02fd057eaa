"""Device matrices of the Hamiltonian `slater_koster` in compressed rows, from blocks of atom pairs and dense lead blocks."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sharvin.two_terminal import Matrix

Floats = NDArray[np.float64]


def outer_orbitals(count: NDArray[np.int64], sizes: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Orbitals of the atoms of the left and of the right principal layer."""
    return count[: sizes[0]], count[len(count) - sizes[2] :]


def present_orbitals(count: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the m orbitals a place, bool[n_atoms · m], the atoms have."""
    return np.asarray(np.arange(int(count.max()))[None] < count[:, None]).ravel()


def padded(block: Matrix, count: NDArray[np.int64], m: int) -> Matrix:
    """A lead block with m places an atom."""
    if np.all(count == m):
        return block
    places = np.flatnonzero(np.arange(m)[None] < count[:, None])
    full: Any = np.zeros((len(count) * m,) * 2, dtype=block.dtype)
    full[np.ix_(places, places)] = block
    return cast(Matrix, full)


def assemble(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    blocks: Matrix,
    diagonal: Floats,
    lead_blocks: list[Matrix],
    sizes: list[int],
) -> csr_array:
    """CSR matrix [left | centre | right] from blocks of atom pairs and dense lead blocks.

    A row of atoms is contiguous in CSR storage, so it is written as one panel [m, columns of all its neighbours].
    """
    n, m = len(diagonal), diagonal.shape[1]
    inner = np.arange(sizes[0], n - sizes[2])
    eye = np.zeros((len(inner), m, m), dtype=blocks.dtype)
    eye[:, np.arange(m), np.arange(m)] = diagonal[inner]
    own = first == second
    eye[first[own] - sizes[0]] += blocks[own] + blocks[own].conj().transpose(0, 2, 1)
    first, second, blocks = first[~own], second[~own], blocks[~own]
    i = np.concatenate([first, second, inner])
    j = np.concatenate([second, first, inner])
    values = np.concatenate([blocks, blocks.conj().transpose(0, 2, 1), eye])
    order = np.argsort(i * n + j, kind="stable")
    j = j[order]
    starts = np.searchsorted(i[order], np.arange(n + 1))
    lead_width = np.zeros(n, dtype=np.int64)
    lead_width[: sizes[0]], lead_width[n - sizes[2] :] = sizes[0] * m, sizes[2] * m
    widths = np.diff(starts) * m + lead_width
    indptr = np.concatenate([[0], np.cumsum(np.repeat(widths, m))])
    data, indices = np.empty(indptr[-1], dtype=values.dtype), np.empty(indptr[-1], dtype=np.int32)
    offsets = np.arange(m, dtype=np.int32)
    for atom in range(n):
        neighbours = slice(starts[atom], starts[atom + 1])
        rows = slice(indptr[atom * m], indptr[(atom + 1) * m])
        panel, column = data[rows].reshape(m, -1), indices[rows].reshape(m, -1)
        own, other = slice(0, 0), slice(0, None)
        if atom < sizes[0]:
            own, other = slice(0, lead_width[atom]), slice(lead_width[atom], None)
            panel[:, own] = lead_blocks[0][atom * m : (atom + 1) * m]
            column[:, own] = np.arange(lead_width[atom])
        elif atom >= n - sizes[2]:
            own, other = slice(widths[atom] - lead_width[atom], None), slice(0, widths[atom] - lead_width[atom])
            panel[:, own] = lead_blocks[1][(atom - n + sizes[2]) * m :][:m]
            column[:, own] = np.arange(n * m - lead_width[atom], n * m)
        panel[:, other].reshape(m, -1, m)[...] = values[order[neighbours]].transpose(1, 0, 2)
        column[:, other] = (j[neighbours, None] * m + offsets).ravel()
    matrix = csr_array((data, indices, indptr.astype(np.int32)), shape=(n * m, n * m))
    matrix.has_canonical_format = True
    return matrix
