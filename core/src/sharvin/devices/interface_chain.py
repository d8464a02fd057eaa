r"""A lead as a chain of cells that touch at interfaces, doubled and compressed until few of its waves are left.

With *K = E S − H* at a real energy, a principal layer couples to the one before through its columns of K01 that are not zero, and
to the next one through M, what is not zero of K01. With G = K00⁻¹ on these orbitals alone, a *cell* is

.. math:: q = G_{AA}, \quad p = M^\dagger G_{BB} M, \quad t = -G_{AB} M, \quad b = -M^\dagger G_{BA}, \\
          \psi_n = q\,\varphi_n + t\,\psi_{n+1}, \quad \varphi_{n+1} = b\,\varphi_n + p\,\psi_{n+1},

ψ the wave on the interface before the cell and φ the force on it. Two cells in a row are one,

.. math:: q \leftarrow q + t\,q\,(1 - pq)^{-1} b, \quad p \leftarrow p + b\,p\,(1 - qp)^{-1} t, \quad
          t \leftarrow t\,(1 - qp)^{-1} t, \quad b \leftarrow b\,(1 - pq)^{-1} b

(E. K.-W. Chu, H.-Y. Fan, W.-W. Lin and C.-S. Wang, Int. J. Control 77, 767 (2004), where it solves Riccati equations). Evanescent
waves go with λ to the power of the number of layers, so t and b soon have the rank of the few that are left, and with t = u t',
b = b' w† the chain is that of small cells: the surface Green function of the lead is :math:`y = q + u\,y' w^\dagger`, y' that of
the small ones.

At a real energy a chain of finite length may have a level there. An absorber γ on each interface,
:math:`\varphi = \hat\varphi - i \gamma \psi`, changes no wave of the lead and moves the levels of its pieces off the real axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Compression:
    """How the small cells of a compressed chain are part of the large ones: q, p, u, w, t = u t', b = b' w†."""

    q: Array
    p: Array
    u: Array
    w: Array
    t_rest: Array
    b_rest: Array
    emitted: Array
    passed: Array

    def surfaces(self, right: Array, left: Array) -> tuple[Array, Array]:
        """Surface functions of the large cells from those of the small ones."""
        return self.q + self.u @ right @ self.w.conj().T, self.p + self.b_rest @ left @ self.t_rest

    def waves(self, psi: Array, phi: Array) -> tuple[Array, Array]:
        """Waves on one interface fewer of the large cells from those [interfaces, n, c] of the small ones."""
        phi = self.passed @ phi[:-1] + self.emitted @ psi[1:]
        return self.q @ phi + self.u @ psi[1:], phi


@dataclass(frozen=True, eq=False)
class Doubling:
    """What a wave is on the interface in the middle of two joined cells: ψ = reflected φ + through ψ', of the ends of both."""

    through: Array
    reflected: Array
    b: Array
    p: Array

    def surfaces(self, right: Array, left: Array) -> tuple[Array, Array]:
        """Surface functions do not depend on the length of the cells."""
        return right, left

    def waves(self, psi: Array, phi: Array) -> tuple[Array, Array]:
        """Waves on the first three interfaces of the single cells from those [interfaces, n, c] of the joined ones."""
        middle = self.reflected @ phi[0] + self.through @ psi[1]
        return np.stack([psi[0], middle, psi[1]]), np.stack([phi[0], self.b @ phi[0] + self.p @ middle, phi[1]])


@dataclass(frozen=True, eq=False)
class InterfaceChain:
    """A periodic chain of cells.

    Parameters
    ----------
    q, p, t, b : [n, n]
        What a cell answers on its interfaces.
    reciprocal : bool
        Whether b = tᵀ, as it is for a real lead.
    absorber : float
        γ.
    """

    q: Array
    p: Array
    t: Array
    b: Array
    reciprocal: bool
    absorber: float

    @classmethod
    def of(cls, k00: Array, coupling: Array, rows: Array, columns: Array, absorber: float) -> tuple[InterfaceChain, Array]:
        """Cells of one principal layer, and what all of its orbitals answer to φ and the next ψ, [m, 2 n_columns].

        Parameters
        ----------
        k00 : [m, m]
        coupling : [n_rows, n_columns]
            K01 on its rows and columns that are not zero.
        rows, columns : int64
            These.
        absorber : float
            γ.
        """
        n = len(columns)
        block = k00.astype(np.complex128)
        block[columns, columns] += 1j * absorber
        sources = np.zeros((len(k00), 2 * n), dtype=np.complex128)
        sources[columns, np.arange(n)] = 1.0
        sources[rows, n:] = -coupling
        solved = np.linalg.solve(block, sources)
        reciprocal = not np.iscomplexobj(k00)
        t, reached = solved[columns, n:], -coupling.conj().T @ solved[rows]
        b = t.T if reciprocal else reached[:, :n]
        p = reached[:, n:] + 1j * absorber * np.eye(n)
        return cls(solved[columns, :n], p, t, b, reciprocal, absorber), solved

    @property
    def size(self) -> int:
        """Orbitals, or combinations of them, of an interface."""
        return len(self.q)

    def doubled(self) -> tuple[InterfaceChain, Doubling]:
        """The same chain in cells twice as long."""
        n = self.size
        solved = np.linalg.solve(self._joint(), np.concatenate([self.t, self.q @ self.b], axis=1))
        through, reflected = solved[:, :n], solved[:, n:]
        answer = self.p @ through
        t = self.t @ through
        b = t.T if self.reciprocal else self.b @ (self.b + self.p @ reflected)
        double = InterfaceChain(self.q + self.t @ reflected, self.p + self.b @ answer, t, b, self.reciprocal, self.absorber)
        return double, Doubling(through, reflected, self.b, self.p)

    def compressed(self, allowed: float) -> tuple[InterfaceChain, Compression]:
        """The chain of the combinations that t and b pass on by more than `allowed`."""
        u, t_rest, rank = _range(self.t, allowed)
        if self.reciprocal:
            w, forth = u.conj(), t_rest.conj()
        else:
            w, forth, other = _range(self.b.conj().T, allowed)
            rank = max(rank, other)
        u, w, t_rest, b_rest = u[:, :rank], w[:, :rank], t_rest[:rank], forth[:rank].conj().T
        solved = np.linalg.solve(self._joint(), np.concatenate([u, self.q @ b_rest], axis=1))
        answer = self.p @ solved
        emitted, passed = answer[:, :rank], b_rest + answer[:, rank:]
        t = t_rest @ solved[:, :rank]
        small = InterfaceChain(
            t_rest @ solved[:, rank:],
            w.conj().T @ emitted,
            t,
            t.T if self.reciprocal else w.conj().T @ passed,
            self.reciprocal,
            self.absorber,
        )
        return small, Compression(self.q, self.p, u, w, t_rest, b_rest, emitted, passed)

    def _joint(self) -> Array:
        return np.asarray(np.eye(self.size) - self.q @ self.p)


def _range(matrix: Array, allowed: float) -> tuple[Array, Array, int]:
    """Orthonormal columns, their factors, and how many of them exceed `allowed`: matrix = columns · factors."""
    columns, triangle, order = qr(matrix, mode="economic", pivoting=True, check_finite=False)
    factors = np.empty_like(triangle)
    factors[:, order] = triangle
    return columns, factors, int(np.count_nonzero(np.abs(np.diagonal(triangle)) > allowed))
