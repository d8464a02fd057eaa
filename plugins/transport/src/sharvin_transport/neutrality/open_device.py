r"""Mulliken populations of an open device on a contour, and how they respond to on-site shifts.

With on-site shifts u (of orbitals; zero in the leads), :math:`H_{kl} \to H_{kl} + \tfrac12 S_{kl} (u_k + u_l)`, and
*K = z S − H*, *A* the device's coupling K to a lead's last layer and *g* that layer's Green function,

.. math:: G = \Big(K - \sum_{LR} A g A^T\Big)^{-1}, \quad n_k = \mathrm{Im} \sum_p w_p
          \Big[G \Big(S - \sum_{LR} A g S_{\mathrm{lead}}^T\Big)\Big]_{kk} .

The second bracket holds the overlap with the electrodes' atoms, by G_{device, lead} = −G A g. Only the elements of G where it is
not zero are needed: a recursion over the blocks of :class:`~sharvin_transport.rgf.interior.Interior` gives them. A shift changes
A by −½ u S_lead, so S g Sᵀ, S g Aᵀ and A g Aᵀ of the unshifted device are all that is needed of g, once a snapshot.

All blocks are complex symmetric, and the imaginary part of each principal submatrix of G⁻¹ is positive definite in the upper half
plane where S is, so blocks may be eliminated without pivoting between them. Single precision leaves 1e-5 electrons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import cgetrf, cgetri
from sharvin.errors import ItemError
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.neutrality.contour import Contour
from sharvin_transport.rgf.recursive_green import Interior

Floats = NDArray[np.float64]
Singles = NDArray[np.complex64]
LEAF = 160
"""Size up to which a matrix is inverted by LAPACK."""
SINGULAR = (
    "the Green function of the device is singular on the contour; its overlap matrix is not positive definite, so some atoms are "
    "too close for this table."
)


@dataclass(frozen=True, eq=False)
class Contact:
    """A lead's terms on `rows` of the device, complex64[n_points, r, r] each: S g Sᵀ, S g Aᵀ and A g Aᵀ."""

    rows: slice
    sgs: Singles
    sga: Singles
    aga: Singles

    @classmethod
    def of(cls, coupling: tuple[NDArray[Any], NDArray[Any]], surface: Singles, contour: Contour) -> Contact:
        """From the coupling (H, S) of the device to a lead's layer and its Green functions [n_points, m, m]."""
        used = (coupling[0] != 0) | (coupling[1] != 0)
        rows, columns = nonzero_span(used.any(axis=1)), nonzero_span(used.any(axis=0))
        h, s = (np.ascontiguousarray(part[rows, columns], dtype=np.float32) for part in coupling)
        r = len(s)
        both = np.concatenate([s, h])
        terms = np.empty((3, len(contour.nodes), r, r), dtype=np.complex64)
        for p, node in enumerate(contour.nodes):
            z = np.complex64(node)
            to_both = _times_real(surface[p][columns, columns], both)
            of_s, hgh = _real_times(s, to_both), _real_times(h, to_both[:, r:])
            sgs, sgh = of_s[:, :r], of_s[:, r:]
            terms[0, p] = sgs
            terms[1, p] = z * sgs - sgh
            terms[2, p] = z * (z * sgs - sgh - sgh.T) + hgh
        return cls(rows, *terms)

    def self_energy(self, p: int, u: NDArray[np.float32]) -> Singles:
        """A g Aᵀ with shifts u float32[r] of the rows, at node p."""
        half = 0.5 * u[:, None]
        mixed = half * self.sga[p]
        return np.asarray(self.aga[p] - mixed - mixed.T + half * self.sgs[p] * half.T)

    def overlap(self, p: int, u: NDArray[np.float32]) -> Singles:
        """A g Sᵀ with shifts."""
        return np.asarray(self.sga[p].T - 0.5 * u[:, None] * self.sgs[p])


class OpenDevice:
    """A two-terminal device with a real Hamiltonian, open to its leads.

    Parameters
    ----------
    system : TwoTerminal
        Without shifts.
    atom : int64[n]
        For each orbital of the device the number of the atom whose shift it takes, −1 for none.
    contour : Contour
    surfaces : tuple of complex64[n_points, m, m]
        Green functions of the left and the right lead's surface, real-space orbitals.
    """

    def __init__(self, system: TwoTerminal, atom: NDArray[np.int64], contour: Contour, surfaces: tuple[Singles, Singles]) -> None:
        interior = Interior.of(system)
        self.contour = contour
        self.bounds = interior.bounds
        whole = self.bounds[-1] == system.size
        self.atom = atom if whole else atom[system.left.size : system.size - system.right.size]
        self.atoms = int(atom.max()) + 1
        self._diagonal = [_single(pair) for pair in interior.diagonal]
        self._above = []
        for h, s in interior.above:
            used = (h != 0) | (s != 0)
            rows, columns = nonzero_span(used.any(axis=1)), nonzero_span(used.any(axis=0))
            self._above.append((rows, columns, *_single((h[rows, columns], s[rows, columns]))))
        self._left = Contact.of(interior.left, surfaces[0], contour)
        self._right = Contact.of(interior.right, surfaces[1], contour)

    def populations(self, shifts: Floats) -> Floats:
        """Mulliken populations float64[atoms] with shifts float64[atoms] in eV."""
        u = self._orbital_shifts(shifts)
        h_diagonal = [h + half_sum(s, part, part) for (h, s), part in zip(self._diagonal, u, strict=True)]
        h_above = [h + half_sum(s, u[b][rows], u[b + 1][columns]) for b, (rows, columns, h, s) in enumerate(self._above)]
        total = [np.zeros(len(part)) for part in u]
        for p in range(len(self.contour.nodes)):
            z, weight = np.complex64(self.contour.nodes[p]), self.contour.weights[p]
            blocks = [z * s - h for (_, s), h in zip(self._diagonal, h_diagonal, strict=True)]
            above = [(r, c, z * s - h) for (r, c, _, s), h in zip(self._above, h_above, strict=True)]
            self._add_self_energies(blocks, p, u)
            own, next_to = selected_inverse(blocks, above)
            for b, green in enumerate(own):
                total[b] += (weight * np.einsum("kl,kl->k", green, self._diagonal[b][1])).imag
            for contact, b in ((self._left, 0), (self._right, -1)):
                green = own[b][contact.rows, contact.rows]
                outside = np.einsum("kl,lk->k", green, contact.overlap(p, u[b][contact.rows]))
                total[b][contact.rows] -= (weight * outside).imag
            for b, (rows, columns, _, s) in enumerate(self._above):
                product = next_to[b] * s
                total[b][rows] += (weight * product.sum(axis=1)).imag
                total[b + 1][columns] += (weight * product.sum(axis=0)).imag
        return self._by_atom(np.concatenate(total))

    def response(self, shifts: Floats) -> Floats:
        r"""∂n_i/∂U_j, float64[atoms, atoms], in electrons per eV, without what goes through the leads' overlaps.

        From δG = G δH G,
        :math:`\mathrm{Im} \sum_p w_p \tfrac12 \sum_{k \in i, l \in j} [(GS)_{kl} (GS)_{lk} + G_{kl} (SGS)_{lk}]`.
        """
        u = self._orbital_shifts(shifts)
        n = int(self.bounds[-1])
        h, s = (np.zeros((n, n), dtype=np.float32) for _ in range(2))
        for b, (own_h, own_s) in enumerate(self._diagonal):
            part = slice(self.bounds[b], self.bounds[b + 1])
            h[part, part], s[part, part] = own_h, own_s
        for b, (rows, columns, next_h, next_s) in enumerate(self._above):
            i, j = _moved(rows, self.bounds[b]), _moved(columns, self.bounds[b + 1])
            h[i, j], s[i, j], h[j, i], s[j, i] = next_h, next_s, next_h.T, next_s.T
        flat = np.concatenate(u)
        h += half_sum(s, flat, flat)
        total = np.zeros((self.atoms, self.atoms))
        for p, (z, weight) in enumerate(zip(self.contour.nodes, self.contour.weights, strict=True)):
            k = np.complex64(z) * s - h
            views = [k[a:b, a:b] for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True)]
            self._add_self_energies(views, p, u)
            green = symmetric_inverse(k)
            gs = _times_real(green, s)
            product = gs * gs.T + green * _real_times(s, gs)
            total += (0.5 * weight * self._by_atom(self._by_atom(product).T).T).imag
        return total

    def _add_self_energies(self, blocks: list[Singles], p: int, u: list[NDArray[np.float32]]) -> None:
        for contact, b in ((self._left, 0), (self._right, -1)):
            blocks[b][contact.rows, contact.rows] -= contact.self_energy(p, u[b][contact.rows])

    def _orbital_shifts(self, shifts: Floats) -> list[NDArray[np.float32]]:
        flat = np.where(self.atom >= 0, shifts[self.atom], 0.0).astype(np.float32)
        return [flat[a:b] for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True)]

    def _by_atom(self, values: NDArray[Any]) -> NDArray[Any]:
        return sums_by_atom(values, self.atom, self.atoms)


def sums_by_atom(values: NDArray[Any], atom: NDArray[np.int64], atoms: int) -> NDArray[Any]:
    """Sums over the orbitals of each of so many atoms that take a shift, along the first axis.

    `atom` int64[n] is the atom of each orbital, −1 for none; an atom's orbitals are contiguous.
    """
    chosen = np.flatnonzero(atom >= 0)
    starts = np.flatnonzero(np.diff(atom[chosen], prepend=-1))
    out = np.empty((atoms, *values.shape[1:]), dtype=values.dtype)
    out[atom[chosen][starts]] = np.add.reduceat(values[chosen], starts, axis=0)
    return out


def selected_inverse(diagonal: list[Singles], above: list[tuple[slice, slice, Singles]]) -> tuple[list[Singles], list[Singles]]:
    """Diagonal blocks of the inverse of a complex symmetric block-tridiagonal matrix, and its elements where `above` has some.

    ``above[b]`` is the coupling of block b to b + 1: the rows and columns that it touches, and its elements there.
    """
    inverses, carried = [], []
    current = diagonal[0]
    for b, (rows, columns, coupling) in enumerate(above):
        inverse = symmetric_inverse(current)
        x = inverse[:, rows] @ coupling
        current = diagonal[b + 1].copy()
        current[columns, columns] -= coupling.T @ x[rows]
        inverses.append(inverse)
        carried.append(x)
    own: list[Singles] = [symmetric_inverse(current)]
    next_to: list[Singles] = []
    for (rows, columns, _), inverse, x in zip(reversed(above), reversed(inverses), reversed(carried), strict=True):
        y = x @ own[-1][columns, columns]
        next_to.append(-y[rows])
        own.append(inverse + y @ x.T)
    return own[::-1], next_to[::-1]


def symmetric_inverse(matrix: Singles) -> Singles:
    """Inverse of a complex symmetric matrix by halves: two thirds of the products of a general one, all in matrix products."""
    n = len(matrix)
    if n <= LEAF:
        lu, pivots, info = cgetrf(matrix)
        inverse, info_inverse = cgetri(lu, pivots)
        if info or info_inverse:
            raise ItemError(SINGULAR)
        return np.asarray(inverse, order="C")
    half = n // 2
    a = symmetric_inverse(matrix[:half, :half])
    b = np.ascontiguousarray(matrix[:half, half:])
    x = a @ b
    d = symmetric_inverse(matrix[half:, half:] - b.T @ x)
    y = x @ d
    out = np.empty_like(matrix, order="C")
    out[:half, :half] = a + y @ x.T
    out[:half, half:] = -y
    out[half:, :half] = -y.T
    out[half:, half:] = d
    return out


def _times_real(matrix: Singles, real: NDArray[np.float32]) -> Singles:
    """Product matrix · realᵀ in real products."""
    n, m = matrix.shape[0], real.shape[0]
    parts = np.concatenate([matrix.real, matrix.imag]) @ real.T
    out = np.empty((n, m), dtype=np.complex64)
    out.real, out.imag = parts[:n], parts[n:]
    return out


def _real_times(real: NDArray[np.float32], matrix: Singles) -> Singles:
    """Product real · matrix in real products."""
    m = matrix.shape[1]
    parts = real @ np.ascontiguousarray(matrix).view(np.float32)
    return parts.view(np.complex64).reshape(len(real), m)


def half_sum(s: NDArray[Any], u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[Any]:
    """What shifts u of the rows and v of the columns, in eV, add to H where the overlap is s."""
    return np.asarray(s * (0.5 * (u[:, None] + v[None, :])))


def _single(pair: tuple[NDArray[Any], NDArray[Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    h, s = pair
    return h.astype(np.float32), s.astype(np.float32)


def nonzero_span(used: NDArray[np.bool_]) -> slice:
    """From the first to the last true element."""
    places = np.flatnonzero(used)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


def _moved(part: slice, offset: int) -> slice:
    return slice(part.start + int(offset), part.stop + int(offset))
