r"""Mulliken populations of an open device at a transverse k-point, and how they respond to on-site shifts.

As in :mod:`~sharvin_transport.neutrality.open_device`, but H(k) and S(k) are complex and Hermitian, so G is not symmetric, and
the coupling of the lead to the device is :math:`A' = z S^\dagger - H^\dagger`, not the adjoint of *A = z S − H*. A device without
a magnetic field has :math:`G_{-k} = G_k^T`. The mean over k and −k is therefore

.. math:: n_a = \tfrac12\, \mathrm{Im} \sum_p w_p \big[G S + S G\big]_{aa},

with the overlap with the leads' layers in both products, and its response to shifts

.. math:: \frac{\partial n_a}{\partial u_l} = \tfrac14\, \mathrm{Im} \sum_p w_p \big[(GS)_{al} (GS)_{la} + G_{al} (SGS)_{la}
          + (SGS)_{al} G_{la} + (SG)_{al} (SG)_{la}\big].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import cgetrf, cgetri
from sharvin.errors import ItemError
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.neutrality.contour import Contour
from sharvin_transport.neutrality.open_device import LEAF, SINGULAR, Singles, half_sum, nonzero_span, sums_by_atom
from sharvin_transport.rgf.interior import Interior

Floats = NDArray[np.float64]
Block = tuple[slice, slice, Singles, Singles]
"""Rows and columns of a coupling, and its elements there: from one block to the next, and back."""


class Populated(Protocol):
    """A device whose populations follow from on-site shifts."""

    def populations(self, shifts: Floats) -> Floats:
        """Electrons of each atom, float64[atoms], with shifts float64[atoms] in eV."""
        ...

    def response(self, shifts: Floats) -> Floats:
        """Their derivatives, float64[atoms, atoms], in electrons per eV."""
        ...


@dataclass(frozen=True, eq=False)
class SampledDevice:
    """The mean over transverse k-points of devices that share their shifts; the weights' sum is 1."""

    weights: tuple[float, ...]
    devices: tuple[Populated, ...]

    def populations(self, shifts: Floats) -> Floats:
        """Electrons of each atom, float64[atoms]."""
        parts = [weight * device.populations(shifts) for weight, device in zip(self.weights, self.devices, strict=True)]
        return np.asarray(np.sum(parts, axis=0))

    def response(self, shifts: Floats) -> Floats:
        """Their derivatives, float64[atoms, atoms], in electrons per eV."""
        parts = [weight * device.response(shifts) for weight, device in zip(self.weights, self.devices, strict=True)]
        return np.asarray(np.sum(parts, axis=0))


@dataclass(frozen=True, eq=False)
class ContactAtK:
    """A lead's terms on `rows` of the device, complex64[n_points, r, r] each: S g S†, S g A', A g S† and A g A'."""

    rows: slice
    sgs: Singles
    sga: Singles
    ags: Singles
    aga: Singles

    @classmethod
    def of(cls, coupling: tuple[NDArray[Any], NDArray[Any]], surface: Singles, contour: Contour) -> ContactAtK:
        """From the coupling (H, S) of the device to a lead's layer and its Green functions [n_points, m, m]."""
        used = (coupling[0] != 0) | (coupling[1] != 0)
        rows, columns = nonzero_span(used.any(axis=1)), nonzero_span(used.any(axis=0))
        h, s = (np.ascontiguousarray(part[rows, columns], dtype=np.complex64) for part in coupling)
        r = len(s)
        both = np.concatenate([s, h])
        terms = np.empty((4, len(contour.nodes), r, r), dtype=np.complex64)
        for p, node in enumerate(contour.nodes):
            z = np.complex64(node)
            product = both @ surface[p][columns, columns] @ both.conj().T
            sgs, sgh, hgs, hgh = product[:r, :r], product[:r, r:], product[r:, :r], product[r:, r:]
            terms[0, p] = sgs
            terms[1, p] = z * sgs - sgh
            terms[2, p] = z * sgs - hgs
            terms[3, p] = z * (z * sgs - sgh - hgs) + hgh
        return cls(rows, *terms)

    def self_energy(self, p: int, u: NDArray[np.float32]) -> Singles:
        """A g A' with shifts u float32[r] of the rows, at node p."""
        half = 0.5 * u[:, None]
        return np.asarray(self.aga[p] - half * self.sga[p] - self.ags[p] * half.T + half * self.sgs[p] * half.T)

    def overlaps(self, p: int, u: NDArray[np.float32]) -> tuple[Singles, Singles]:
        """A g S† and S g A' with shifts."""
        half = 0.5 * u[:, None]
        return np.asarray(self.ags[p] - half * self.sgs[p]), np.asarray(self.sga[p] - self.sgs[p] * half.T)


class OpenDeviceAtK:
    """A two-terminal device with complex Hermitian H and S, open to its leads; it stands for k and −k.

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
        self._left = ContactAtK.of(interior.left, surfaces[0], contour)
        self._right = ContactAtK.of(interior.right, surfaces[1], contour)

    def populations(self, shifts: Floats) -> Floats:
        """Mulliken populations float64[atoms] with shifts float64[atoms] in eV."""
        u = self._orbital_shifts(shifts)
        h_diagonal = [h + half_sum(s, part, part) for (h, s), part in zip(self._diagonal, u, strict=True)]
        h_above = [h + half_sum(s, u[b][rows], u[b + 1][columns]) for b, (rows, columns, h, s) in enumerate(self._above)]
        total = [np.zeros(len(part)) for part in u]
        for p in range(len(self.contour.nodes)):
            z, weight = np.complex64(self.contour.nodes[p]), 0.5 * self.contour.weights[p]
            blocks = [z * s - h for (_, s), h in zip(self._diagonal, h_diagonal, strict=True)]
            above: list[Block] = [
                (r, c, z * s - h, z * s.conj().T - h.conj().T) for (r, c, _, s), h in zip(self._above, h_above, strict=True)
            ]
            self._add_self_energies(blocks, p, u)
            own, next_to = selected_inverse(blocks, above)
            for b, green in enumerate(own):
                s = self._diagonal[b][1]
                both = np.einsum("kl,kl->k", green, s.conj()) + np.einsum("lk,kl->k", green, s)
                total[b] += (weight * both).imag
            for contact, b in ((self._left, 0), (self._right, -1)):
                green = own[b][contact.rows, contact.rows]
                ags, sga = contact.overlaps(p, u[b][contact.rows])
                outside = np.einsum("kl,lk->k", green, ags) + np.einsum("kl,lk->k", sga, green)
                total[b][contact.rows] -= (weight * outside).imag
            for b, (rows, columns, _, s) in enumerate(self._above):
                onward, back = next_to[b]
                product = onward * s.conj() + back.T * s
                total[b][rows] += (weight * product.sum(axis=1)).imag
                total[b + 1][columns] += (weight * product.sum(axis=0)).imag
        return np.asarray(sums_by_atom(np.concatenate(total), self.atom, self.atoms))

    def response(self, shifts: Floats) -> Floats:
        """∂n_i/∂U_j, float64[atoms, atoms], in electrons per eV, without what goes through the leads' overlaps."""
        u = self._orbital_shifts(shifts)
        n = int(self.bounds[-1])
        h, s = (np.zeros((n, n), dtype=np.complex64) for _ in range(2))
        for b, (own_h, own_s) in enumerate(self._diagonal):
            part = slice(self.bounds[b], self.bounds[b + 1])
            h[part, part], s[part, part] = own_h, own_s
        for b, (rows, columns, next_h, next_s) in enumerate(self._above):
            i = slice(rows.start + int(self.bounds[b]), rows.stop + int(self.bounds[b]))
            j = slice(columns.start + int(self.bounds[b + 1]), columns.stop + int(self.bounds[b + 1]))
            h[i, j], s[i, j], h[j, i], s[j, i] = next_h, next_s, next_h.conj().T, next_s.conj().T
        flat = np.concatenate(u)
        h += half_sum(s, flat, flat)
        total = np.zeros((self.atoms, self.atoms))
        for p, (z, weight) in enumerate(zip(self.contour.nodes, self.contour.weights, strict=True)):
            k = np.complex64(z) * s - h
            views = [k[a:b, a:b] for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True)]
            self._add_self_energies(views, p, u)
            green = inverse_of(k)
            gs, sg = green @ s, s @ green
            sgs = s @ gs
            product = gs * gs.T + green * sgs.T + sgs * green.T + sg * sg.T
            by_row = sums_by_atom(product, self.atom, self.atoms)
            total += (0.25 * weight * sums_by_atom(by_row.T, self.atom, self.atoms).T).imag
        return total

    def _add_self_energies(self, blocks: list[Singles], p: int, u: list[NDArray[np.float32]]) -> None:
        for contact, b in ((self._left, 0), (self._right, -1)):
            blocks[b][contact.rows, contact.rows] -= contact.self_energy(p, u[b][contact.rows])

    def _orbital_shifts(self, shifts: Floats) -> list[NDArray[np.float32]]:
        flat = np.where(self.atom >= 0, shifts[self.atom], 0.0).astype(np.float32)
        return [flat[a:b] for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True)]


def selected_inverse(diagonal: list[Singles], above: list[Block]) -> tuple[list[Singles], list[tuple[Singles, Singles]]]:
    """Diagonal blocks of the inverse of a block-tridiagonal matrix, and its elements where the couplings have some.

    ``above[b]`` couples block b with b + 1: the rows of b and columns of b + 1 that it touches, its elements there, and those of
    the coupling back. Of the inverse the elements from b to b + 1 and those back are given at the same places.
    """
    inverses, carried = [], []
    current = diagonal[0]
    for b, (rows, columns, onward, back) in enumerate(above):
        inverse = inverse_of(current)
        x, y = inverse[:, rows] @ onward, back @ inverse[rows]
        current = diagonal[b + 1].copy()
        current[columns, columns] -= back @ x[rows]
        inverses.append(inverse)
        carried.append((x, y))
    own: list[Singles] = [inverse_of(current)]
    next_to: list[tuple[Singles, Singles]] = []
    for (rows, columns, *_), inverse, (x, y) in zip(reversed(above), reversed(inverses), reversed(carried), strict=True):
        corner = own[-1][columns, columns]
        left = x @ corner
        next_to.append((-left[rows], -(corner @ y[:, rows])))
        own.append(inverse + left @ y)
    return own[::-1], next_to[::-1]


def inverse_of(matrix: Singles) -> Singles:
    """Inverse of a matrix whose anti-Hermitian part is definite, by halves and so all in matrix products.

    Raises
    ------
    ItemError
        If it is singular.
    """
    n = len(matrix)
    if n <= LEAF:
        lu, pivots, info = cgetrf(matrix)
        inverse, info_inverse = cgetri(lu, pivots)
        if info or info_inverse:
            raise ItemError(SINGULAR)
        return np.asarray(inverse, order="C")
    half = n // 2
    a = inverse_of(matrix[:half, :half])
    x, y = a @ matrix[:half, half:], matrix[half:, :half] @ a
    d = inverse_of(matrix[half:, half:] - matrix[half:, :half] @ x)
    xd = x @ d
    out = np.empty_like(matrix, order="C")
    out[:half, :half] = a + xd @ y
    out[:half, half:] = -xd
    out[half:, :half] = -(d @ y)
    out[half:, half:] = d
    return out


def _single(pair: tuple[NDArray[Any], NDArray[Any]]) -> tuple[Singles, Singles]:
    h, s = pair
    return h.astype(np.complex64), s.astype(np.complex64)
